//! Wrong passwords lock (reference 03 §11), the same way for users that exist and users that do not.

use std::time::Duration;

use cenote_store::params;
use cenote_wire::idp::Operation;
use serde_json::json;

use super::on_both_engines;
use super::world::{Answer, App, INCORRECT, LOCKED, NO_USER, PASSWORD, World, email};
use crate::testing::Furniture;
use crate::{HashingLimits, Rate};

on_both_engines! {
    the_lock_doubles_up_to_a_quarter_of_an_hour,
    a_success_forgets_the_failures,
    a_quarter_of_an_hour_without_failures_forgets_them,
    one_count_for_all_clients_flows_and_names,
    an_unknown_user_locks_like_a_known_one,
    who_may_not_sign_in_yet_is_not_locked_out_by_the_right_password,
    a_busy_server_locks_nobody_out,
    too_many_from_one_address,
}

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const QUARTER: Duration = Duration::from_secs(15 * 60);
const WRONG: &str = "Wrong-Horse-9";

fn refused(text: &str) -> Answer {
    Err(text.to_owned())
}

async fn fail(app: &App<'_>, name: &str, times: usize) {
    for _ in 0..times {
        assert_eq!(app.sign_in(name, WRONG).await, refused(INCORRECT));
    }
}

/// How long the fifth failure and those after it lock.
const LOCKS: [u64; 13] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900];

async fn goes_through_the_locks(world: &World, app: &App<'_>, name: &str) {
    fail(app, name, 4).await;
    for seconds in LOCKS {
        fail(app, name, 1).await;
        // However often one tries meanwhile: it does not count, and the right password does not help.
        for password in [PASSWORD, WRONG, PASSWORD] {
            assert_eq!(app.sign_in(name, password).await, refused(LOCKED), "{seconds} s");
        }
        world.pass(Duration::from_secs(seconds) - MILLISECOND);
        assert_eq!(app.sign_in(name, PASSWORD).await, refused(LOCKED), "{seconds} s");
        world.pass(MILLISECOND);
    }
}

async fn the_lock_doubles_up_to_a_quarter_of_an_hour(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    goes_through_the_locks(&world, &app, "alice").await;
    assert!(app.sign_in("alice", PASSWORD).await.is_ok());
    assert_eq!(world.rows("select count(*) from attempts").await, 0);
}

async fn a_success_forgets_the_failures(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    for _ in 0..3 {
        fail(&app, "alice", 4).await;
        assert!(app.sign_in("alice", PASSWORD).await.is_ok());
    }
    fail(&app, "alice", 5).await;
    world.pass(SECOND);
    assert!(app.sign_in("alice", PASSWORD).await.is_ok());
    fail(&app, "alice", 4).await;
    assert!(app.sign_in("alice", PASSWORD).await.is_ok());
}

async fn a_quarter_of_an_hour_without_failures_forgets_them(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    fail(&app, "alice", 4).await;
    world.pass(QUARTER - MILLISECOND);
    fail(&app, "alice", 1).await;
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(LOCKED), "still the fifth");
    // The quarter of an hour begins with the end of the lock.
    world.pass(SECOND + QUARTER - MILLISECOND);
    fail(&app, "alice", 1).await;
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(LOCKED), "still the sixth");
    world.pass(2 * SECOND + QUARTER);
    fail(&app, "alice", 4).await;
    assert!(app.sign_in("alice", PASSWORD).await.is_ok());
}

async fn one_count_for_all_clients_flows_and_names(world: World) {
    let app = world.app(json!({"AliasAttributes": ["email"]})).await;
    let other = world.client(&app.pool, json!({"GenerateSecret": true})).await;
    app.confirmed("alice").await;
    app.confirmed("bob").await;
    fail(&app, "alice", 2).await;
    fail(&other, &email("alice"), 1).await;
    for _ in 0..2 {
        assert_eq!(app.admin_sign_in("alice", WRONG).await, refused(INCORRECT));
    }
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(LOCKED));
    assert_eq!(other.sign_in("alice", PASSWORD).await, refused(LOCKED));
    assert_eq!(app.sign_in(&email("alice"), PASSWORD).await, refused(LOCKED));
    assert_eq!(app.admin_sign_in("alice", PASSWORD).await, refused(LOCKED));
    assert!(app.sign_in("bob", PASSWORD).await.is_ok(), "others are not concerned");
    let elsewhere = world.app(json!({})).await;
    elsewhere.confirmed("alice").await;
    assert!(elsewhere.sign_in("alice", PASSWORD).await.is_ok(), "nor is the same name in another pool");
}

async fn an_unknown_user_locks_like_a_known_one(world: World) {
    let pool = world.pool(json!({"UsernameConfiguration": {"CaseSensitive": false}})).await;
    let hiding = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    goes_through_the_locks(&world, &hiding, "nobody").await;
    fail(&hiding, "nobody", 1).await;
    assert_eq!(hiding.sign_in("NoBody", PASSWORD).await, refused(LOCKED), "one name, however it is written");
    assert_eq!(hiding.admin_sign_in("nobody", PASSWORD).await, refused(LOCKED));
    let rows = world.store.read("select subject from attempts limit 10", vec![]).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(!rows[0].text(0).unwrap().contains("nobody"), "the name is not kept");
    // Where existence is no secret, nothing is counted for nobody.
    let open = world.client(&pool, json!({})).await;
    for _ in 0..7 {
        assert_eq!(open.sign_in("nobody2", WRONG).await, refused(NO_USER));
    }
    assert_eq!(world.rows("select count(*) from attempts").await, 1);
}

async fn who_may_not_sign_in_yet_is_not_locked_out_by_the_right_password(world: World) {
    let app = world.app(json!({})).await;
    app.sign_up("unconfirmed").await.unwrap();
    app.create("temporary", &[]).await.unwrap();
    for _ in 0..8 {
        let answer = app.sign_in("unconfirmed", PASSWORD).await;
        assert_eq!(answer, refused("UserNotConfirmedException: User is not confirmed."));
        assert!(app.sign_in("temporary", PASSWORD).await.is_ok());
    }
    assert_eq!(world.rows("select count(*) from attempts").await, 0);
}

async fn a_busy_server_locks_nobody_out(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    fail(&app, "alice", 4).await;
    let full = Furniture::default();
    let hashing = cenote_secrets::HashingConfig { queue_total: 0, ..full.hashing };
    let busy = world.house.furnished_neighbour(&world.store, Furniture { hashing, ..full }).await;
    let request = json!({"ClientId": app.client, "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": app.credentials("alice", PASSWORD)});
    for _ in 0..20 {
        let refusal = busy.refusal(Operation::InitiateAuth, request.clone()).await;
        assert_eq!(refusal, "TooManyRequestsException: Too many requests");
    }
    // An unknown user is as much work as a known one, where that is a secret, and no work at all where it is none.
    let hiding = world.client(&app.pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    for (client, expected) in [
        (&hiding, "TooManyRequestsException: Too many requests"),
        (&app, "UserNotFoundException: User does not exist."),
    ] {
        let request = json!({"ClientId": client.client, "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": client.credentials("nobody", PASSWORD)});
        assert_eq!(busy.refusal(Operation::InitiateAuth, request).await, expected);
    }
    let sql = "delete from attempts where failures = 0";
    world.store.apply(cenote_store::Batch::new().one(sql, params![], "nobody's")).await.unwrap();
    let left = world.store.read_one("select failures, locked_until from attempts", params![]).await.unwrap().unwrap();
    assert_eq!((left.int(0).unwrap(), left.int(1).unwrap()), (4, 0), "nothing was compared, and nothing forgotten");
    fail(&app, "alice", 1).await;
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(LOCKED));
}

async fn too_many_from_one_address(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let session = app.challenged("bob").await;
    let limits = HashingLimits::new(Some(Rate { per_second: 1, burst: 3 }), None);
    let house = world.house.furnished_neighbour(&world.store, Furniture { limits, ..Furniture::default() }).await;
    let busy = "TooManyRequestsException: Too many requests";
    let sign_in = json!({"ClientId": app.client, "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": app.credentials("alice", PASSWORD)});
    for _ in 0..3 {
        house.json(Operation::InitiateAuth, sign_in.clone()).await.unwrap();
    }
    let answer = json!({"USERNAME": "bob", "NEW_PASSWORD": "Battery-Staple-7"});
    for (operation, request) in [
        (Operation::InitiateAuth, sign_in),
        (Operation::SignUp, json!({"ClientId": app.client, "Username": "carol", "Password": PASSWORD})),
        (Operation::ConfirmSignUp, json!({"ClientId": app.client, "Username": "carol", "ConfirmationCode": "1"})),
        (Operation::ResendConfirmationCode, json!({"ClientId": app.client, "Username": "carol"})),
        (
            Operation::RespondToAuthChallenge,
            json!({"ClientId": app.client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": session,
                "ChallengeResponses": answer}),
        ),
    ] {
        assert_eq!(house.refusal(operation, request).await, busy, "{operation}");
    }
    let admin = json!({"UserPoolId": app.pool, "ClientId": app.client, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
        "AuthParameters": app.credentials("alice", PASSWORD)});
    house.json(Operation::AdminInitiateAuth, admin).await.unwrap();
    world.pass(SECOND);
    assert!(app.answer(&session, "bob", json!({})).await.is_ok(), "what was refused used nothing up");
}
