//! Verifiers: when they are made, renewed and dropped; and the lane that the arithmetic is done in.

use cenote_secrets::HeavyLane;
use cenote_wire::idp::Operation;
use serde_json::json;

use super::{DOORS, Srp, WRONG, assert_tokens, refused, respond_at, srp};
use crate::testing::{Furniture, House};
use crate::tests::on_both_engines;
use crate::tests::world::{App, INCORRECT, NEW_PASSWORD, PASSWORD, World, email};

on_both_engines! {
    every_door_that_sets_a_password_makes_one,
    the_first_password_sign_in_makes_a_missing_one,
    none_is_kept_while_srp_is_off,
    none_opens_in_another_row,
    a_busy_lane_takes_nothing_away,
}

const BUSY: &str = "TooManyRequestsException: Too many requests";
const WITH: &str = "select count(*) from users where srp is not null";

async fn every_door_that_sets_a_password_makes_one(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    app.sign_up("alice").await.unwrap();
    assert_eq!(world.rows(WITH).await, 1, "SignUp");
    app.confirm("alice", &world.code(&email("alice")).await).await.unwrap();
    assert_tokens(&srp(&app, "alice", PASSWORD).await);
    let session = app.challenged("bob").await;
    assert_eq!(world.rows(WITH).await, 2, "AdminCreateUser");
    app.answer(&session, "bob", json!({})).await.unwrap();
    assert_tokens(&srp(&app, "bob", NEW_PASSWORD).await);
    for (permanent, challenge) in [(true, None), (false, Some("NEW_PASSWORD_REQUIRED"))] {
        app.set_password("bob", PASSWORD, permanent).await.unwrap();
        assert_eq!(srp(&app, "bob", NEW_PASSWORD).await, refused(INCORRECT));
        let answer = srp(&app, "bob", PASSWORD).await.unwrap();
        assert_eq!(answer.get("ChallengeName").and_then(|name| name.as_str()), challenge);
    }
    let resend = json!({"TemporaryPassword": NEW_PASSWORD, "MessageAction": "RESEND"});
    app.admin(Operation::AdminCreateUser, "bob", resend).await.unwrap();
    assert_eq!(srp(&app, "bob", PASSWORD).await, refused(INCORRECT));
    assert!(srp(&app, "bob", NEW_PASSWORD).await.is_ok());
    // What is kept is sealed, and the salt is each user's own.
    let rows = world.store.read("select srp from users limit 10", vec![]).await.unwrap();
    for row in &rows {
        assert!(row.opt_bytes(0).unwrap().unwrap().len() > 400);
    }
    assert_ne!(Srp::begin(&app, "alice").await.text("SALT"), Srp::begin(&app, "bob").await.text("SALT"));
}

async fn forget_verifiers(world: &World) {
    world.store.apply(cenote_store::Batch::new().any("update users set srp = null", vec![])).await.unwrap();
}

async fn the_first_password_sign_in_makes_a_missing_one(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    app.create("bob", &[]).await.unwrap();
    forget_verifiers(&world).await;
    let before = Srp::begin(&app, "alice").await;
    assert_eq!(before.text("SALT"), Srp::begin(&app, "alice").await.text("SALT"), "made up, but always the same");
    assert_eq!(before.answer(&app, PASSWORD).await, refused(INCORRECT));
    assert_eq!(app.sign_in("alice", WRONG).await, refused(INCORRECT));
    assert_eq!(world.rows(WITH).await, 0);
    let version = world.rows("select max(version) from users").await;
    assert!(app.sign_in("alice", PASSWORD).await.is_ok());
    // Also who must set another password.
    assert!(app.admin_sign_in("bob", PASSWORD).await.is_ok());
    assert_eq!(world.rows(WITH).await, 2);
    assert_eq!(world.rows("select max(version) from users").await, version, "nothing that anybody sees");
    assert_tokens(&srp(&app, "alice", PASSWORD).await);
    assert_eq!(srp(&app, "bob", PASSWORD).await.unwrap()["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    assert_ne!(before.text("SALT"), Srp::begin(&app, "alice").await.text("SALT"));
}

async fn off(world: &World) -> House {
    world.house.furnished_neighbour(&world.store, Furniture { srp: false, ..Furniture::default() }).await
}

async fn password_sign_in(house: &House, app: &App<'_>, name: &str) {
    let request = json!({"ClientId": app.client, "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": app.credentials(name, PASSWORD)});
    house.json(Operation::InitiateAuth, request).await.unwrap();
}

async fn none_is_kept_while_srp_is_off(world: World) {
    let app = world.app(json!({})).await;
    for name in ["alice", "bob"] {
        app.confirmed(name).await;
    }
    let begun = Srp::begin(&app, "alice").await;
    let off = off(&world).await;
    let refusal = "InvalidParameterException: USER_SRP_AUTH is not enabled for the client.";
    for (first, second) in DOORS {
        let refused_first = Srp::begin_at(&off, &app, first, "alice").await.err();
        assert_eq!(refused_first.as_deref(), Some(refusal));
        let answer = respond_at(&off, &app, second, begun.responses(&app, PASSWORD)).await;
        assert_eq!(answer, refused(refusal));
    }
    assert_eq!(world.rows(WITH).await, 2);
    password_sign_in(&off, &app, "alice").await;
    assert_eq!(world.rows(WITH).await, 1, "dropped at a sign-in");
    let set = |name: &str| json!({"UserPoolId": app.pool, "Username": name, "Password": PASSWORD, "Permanent": true});
    off.json(Operation::AdminSetUserPassword, set("bob")).await.unwrap();
    assert_eq!(world.rows(WITH).await, 0, "dropped with a new password");
    off.json(
        Operation::AdminCreateUser,
        json!({"UserPoolId": app.pool, "Username": "carol",
        "TemporaryPassword": PASSWORD, "MessageAction": "SUPPRESS"}),
    )
    .await
    .unwrap();
    assert_eq!(world.rows(WITH).await, 0, "and none is made");
    // On again.
    password_sign_in(&world.house, &app, "alice").await;
    assert_tokens(&srp(&app, "alice", PASSWORD).await);
}

async fn none_opens_in_another_row(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    app.confirmed("bob").await;
    let swap = "update users set srp = (select srp from users where username = 'bob') where username = 'alice'";
    world.store.apply(cenote_store::Batch::new().one(swap, vec![], "NoUser")).await.unwrap();
    let answer = srp(&app, "alice", PASSWORD).await;
    assert!(answer.unwrap_err().starts_with("InternalErrorException"));
    assert_tokens(&srp(&app, "bob", PASSWORD).await);
}

/// Fills the lane until the sender is dropped.
async fn occupy(lane: &HeavyLane) -> std::sync::mpsc::Sender<()> {
    let (end, ended) = std::sync::mpsc::channel();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let lane = lane.clone();
    tokio::spawn(async move {
        let work = move || {
            begin.send(()).unwrap();
            let _ = ended.recv();
        };
        lane.run("elsewhere", work).await
    });
    begun.await.unwrap();
    end
}

async fn a_busy_lane_takes_nothing_away(world: World) {
    let app = world.app(json!({})).await;
    let hiding = world.client(&app.pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    app.confirmed("alice").await;
    let heavy = HeavyLane::new(1, 0);
    let furniture = Furniture { heavy: heavy.clone(), ..Furniture::default() };
    let house = world.house.furnished_neighbour(&world.store, furniture).await;
    let begun = [Srp::begin(&hiding, "alice").await, Srp::begin(&hiding, "nobody").await];
    let occupied = occupy(&heavy).await;
    for (srp, name) in begun.iter().zip(["alice", "nobody"]) {
        let first = Srp::begin_at(&house, &hiding, Operation::InitiateAuth, name).await.err();
        assert_eq!(first.as_deref(), Some(BUSY), "{name}");
        for _ in 0..7 {
            let answer = respond_at(&house, &hiding, DOORS[0].1, srp.responses(&hiding, PASSWORD)).await;
            assert_eq!(answer, refused(BUSY), "{name}");
        }
    }
    let set = json!({"UserPoolId": app.pool, "Username": "alice", "Password": NEW_PASSWORD, "Permanent": true});
    assert_eq!(house.refusal(Operation::AdminSetUserPassword, set).await, BUSY);
    assert_eq!(world.rows("select count(*) from attempts where failures <> 0 or locked_until <> 0").await, 0);
    assert_eq!(world.rows("select count(*) from used_sessions").await, 0, "nothing was compared");
    drop(occupied);
    assert_tokens(&begun[0].answer(&hiding, PASSWORD).await);
    assert_eq!(begun[1].answer(&hiding, PASSWORD).await, refused(INCORRECT));
}
