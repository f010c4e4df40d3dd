//! What the operations that are called most ask of the store, once pool, client and keys are cached; and that a user
//! who does not exist costs what one who does costs.

use std::time::Duration;

use cenote_store::cost::{Cost, measured};
use serde_json::json;

use super::on_both_engines;
use super::srp::Srp;
use super::world::{PASSWORD, World, email};

on_both_engines! {
    budgets_of_hot_operations,
    budget_of_a_rotation,
    an_unknown_user_costs_what_a_known_one_costs,
    srp_costs_the_same_for_an_unknown_user,
}

const fn cost(reads: u64, batches: u64, batch_statements: u64) -> Cost {
    Cost { reads, batches, batch_statements }
}

async fn budgets_of_hot_operations(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    let token = &tokens["RefreshToken"];
    world.deps().directory.refresh().await.unwrap();
    // Whatever is read once and then kept.
    app.tokens("alice").await;
    app.get_user(&tokens).await.unwrap();

    let (answer, found) = measured(app.get_user(&tokens)).await;
    assert!(answer.is_ok());
    assert_eq!(found, cost(1, 0, 0), "GetUser");
    let (answer, found) = measured(app.refresh(token, "alice")).await;
    assert!(answer.is_ok());
    assert_eq!(found, cost(1, 0, 0), "refreshing");
    let (answer, found) = measured(app.renew(token)).await;
    assert!(answer.is_ok());
    assert_eq!(found, cost(1, 0, 0), "GetTokensFromRefreshToken without rotation");
    world.pass(Duration::from_secs(60));
    world.deps().directory.refresh().await.unwrap();
    // The keyring looks for a rotation once a minute.
    app.refresh(&app.tokens("alice").await["RefreshToken"], "alice").await.unwrap();
    let (answer, found) = measured(app.refresh(token, "alice")).await;
    assert!(answer.is_ok());
    assert_eq!(found, cost(1, 1, 1), "refreshing after a minute: the sign-in was active");
    // The attempt, by user and by address, then: forget both, hold the user, begin the family.
    let (answer, found) = measured(app.sign_in("alice", PASSWORD)).await;
    assert!(answer.is_ok());
    assert_eq!(found, cost(1, 2, 6), "signing in");
    let (answer, found) = measured(app.global_sign_out(&tokens)).await;
    assert!(answer.is_ok());
    assert_eq!(found, cost(1, 1, 3), "signing out");
}

async fn budget_of_a_rotation(world: World) {
    let pool = world.pool(json!({})).await;
    let settings = json!({"RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10},
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]});
    let app = world.client(&pool, settings).await;
    app.confirmed("alice").await;
    let first = app.tokens("alice").await;
    world.deps().directory.refresh().await.unwrap();
    // Whatever is read once and then kept.
    let second = app.renewed(&first["RefreshToken"]).await;
    let (answer, found) = measured(app.renew(&second["RefreshToken"])).await;
    assert!(answer.is_ok());
    assert_eq!(found, cost(1, 1, 1), "rotating");
    let (answer, found) = measured(app.renew(&second["RefreshToken"])).await;
    assert!(answer.is_ok());
    assert_eq!(found, cost(1, 0, 0), "a retry");
}

async fn srp_costs_the_same_for_an_unknown_user(world: World) {
    let address = email("alice");
    for (pool, created, known, unknown) in [
        (json!({}), "alice", "alice", "nobody"),
        (json!({"AliasAttributes": ["email"]}), "alice", "alice", "nobody"),
        (json!({"AliasAttributes": ["email"]}), "alice", &*address, "nobody@example.com"),
        (json!({"UsernameAttributes": ["email"]}), &*address, &*address, "nobody@example.com"),
    ] {
        let pool = world.pool(pool).await;
        let app = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
        app.create(created, &[("email", &address), ("email_verified", "true")]).await.unwrap();
        app.set_password(created, PASSWORD, true).await.unwrap();
        world.deps().directory.refresh().await.unwrap();
        Srp::begin(&app, known).await;
        let mut costs = Vec::new();
        for name in [known, unknown] {
            let (srp, first) = measured(Srp::begin(&app, name)).await;
            let (answer, second) = measured(srp.answer(&app, "Wrong-Horse-9")).await;
            assert_eq!(answer, Err(super::world::INCORRECT.to_owned()));
            assert_eq!((second.reads, second.batches, second.batch_statements), (1, 1, 3), "{name}");
            assert_eq!(first.batches, 0, "{name}");
            costs.push((first, second));
        }
        assert_eq!(costs[0], costs[1], "{known}");
        let srp = Srp::begin(&app, known).await;
        // The block and both counts; then: forget them, hold the user, begin the family.
        let (answer, found) = measured(srp.answer(&app, PASSWORD)).await;
        assert!(answer.is_ok());
        assert_eq!(found, cost(1, 2, 7));
    }
}

async fn an_unknown_user_costs_what_a_known_one_costs(world: World) {
    let pool = world.pool(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let app = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    app.confirmed("alice").await;
    app.sign_up("bob").await.unwrap();
    world.deps().directory.refresh().await.unwrap();
    app.sign_in("alice", PASSWORD).await.unwrap();
    for name in ["alice", "nobody"] {
        let (answer, found) = measured(app.sign_in(name, "Wrong-Horse-9")).await;
        assert_eq!(answer, Err(super::world::INCORRECT.to_owned()));
        assert_eq!(found, cost(1, 1, 2), "{name}");
    }
    for name in ["bob", "nobody"] {
        let (answer, found) = measured(app.confirm(name, "x")).await;
        assert!(answer.is_err());
        // A known user's code is read beside.
        assert_eq!((found.batches, found.batch_statements), (1, 1), "{name}");
        let (answer, found) = measured(app.resend(name)).await;
        assert!(answer.is_ok());
        assert_eq!(found.batches, 1, "{name}");
    }
    let sent = world.messages(&email("bob")).await.len();
    assert_eq!(sent, 2);
}
