//! Wrong passwords lock (reference 03 §11), the same way for users that exist and users that do not.

use std::time::Duration;

use cenote_wire::idp::Operation;
use serde_json::json;

use super::on_both_engines;
use super::srp::Srp;
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
    a_success_elsewhere_gives_an_address_nothing_back,
    an_ipv6_network_is_one_address,
    an_attempt_that_an_address_may_not_make_counts_for_nobody,
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
    assert_eq!(rows.len(), 2, "for the name, and for the name at this address");
    assert!(rows.iter().all(|row| !row.text(0).unwrap().contains("nobody")), "the name is not kept");
    // Where existence is no secret, nothing is counted for nobody.
    let open = world.client(&pool, json!({})).await;
    for _ in 0..7 {
        assert_eq!(open.sign_in("nobody2", WRONG).await, refused(NO_USER));
    }
    assert_eq!(world.rows("select count(*) from attempts").await, 2);
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
    assert_eq!(world.rows("select count(*) from attempts where failures = 0").await, 2, "nobody's");
    let sql = "select count(*) from attempts where failures = 4 and locked_until = 0";
    assert_eq!(world.rows(sql).await, 2, "nothing was compared, and nothing forgotten");
    fail(&app, "alice", 1).await;
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(LOCKED));
}

async fn too_many_from_one_address(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let session = app.challenged("bob").await;
    let (srp, tokens) = (Srp::begin(&app, "alice").await, app.tokens("alice").await);
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
        (Operation::ForgotPassword, json!({"ClientId": app.client, "Username": "alice"})),
        (
            Operation::ConfirmForgotPassword,
            json!({"ClientId": app.client, "Username": "alice", "ConfirmationCode": "1", "Password": PASSWORD}),
        ),
        (
            Operation::ChangePassword,
            json!({"AccessToken": tokens["AccessToken"], "PreviousPassword": PASSWORD, "ProposedPassword": PASSWORD}),
        ),
        (
            Operation::InitiateAuth,
            json!({"ClientId": app.client, "AuthFlow": "USER_SRP_AUTH",
                "AuthParameters": {"USERNAME": "alice", "SRP_A": "ab"}}),
        ),
        (
            Operation::RespondToAuthChallenge,
            json!({"ClientId": app.client, "ChallengeName": "PASSWORD_VERIFIER",
                "ChallengeResponses": srp.responses(&app, PASSWORD)}),
        ),
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
    assert!(srp.answer(&app, PASSWORD).await.is_ok());
}

const DOORS: [Operation; 2] = [Operation::InitiateAuth, Operation::AdminInitiateAuth];
const MALLORY: &str = "198.51.100.66";
const HOME: &str = "203.0.113.5";

async fn a_success_elsewhere_gives_an_address_nothing_back(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    for (door, name) in DOORS.into_iter().zip(["alice", "bob"]) {
        app.confirmed(name).await;
        // Between the guesses the user signs in from home, which forgets the user's failures.
        for guess in 1..=4 {
            assert_eq!(app.sign_in_from(MALLORY, door, name, WRONG).await, refused(INCORRECT), "{door}: {guess}");
            assert!(app.sign_in_from(HOME, door, name, PASSWORD).await.is_ok());
        }
        for seconds in LOCKS {
            assert_eq!(app.sign_in_from(MALLORY, door, name, WRONG).await, refused(INCORRECT), "{door}: {seconds} s");
            let locked = app.sign_in_from(HOME, door, name, PASSWORD).await;
            assert!(locked.is_ok(), "the address is locked, the user is not: {locked:?}");
            world.pass(Duration::from_secs(seconds) - MILLISECOND);
            for password in [WRONG, PASSWORD] {
                assert_eq!(app.sign_in_from(MALLORY, door, name, password).await, refused(LOCKED), "{seconds} s");
            }
            world.pass(MILLISECOND);
        }
        assert!(app.sign_in_from(MALLORY, door, name, PASSWORD).await.is_ok(), "a success there forgets there");
        assert_eq!(world.rows("select count(*) from attempts").await, 0);
    }
}

async fn an_ipv6_network_is_one_address(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let door = Operation::InitiateAuth;
    let same = [
        ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:0:0:3", "2001:db8::4", "2001:db8::5"],
        ["192.0.2.9", "::ffff:192.0.2.9", "192.0.2.9", "::ffff:c000:209", "192.0.2.9"],
    ];
    for (sources, other) in same.into_iter().zip(["2001:db8:0:1::1", "192.0.2.10"]) {
        for source in sources {
            assert_eq!(app.sign_in_from(source, door, "alice", WRONG).await, refused(INCORRECT), "{source}");
            world.pass(SECOND);
            assert!(app.sign_in_from(other, door, "alice", PASSWORD).await.is_ok(), "{other}");
        }
        assert_eq!(app.sign_in_from(sources[1], door, "alice", WRONG).await, refused(INCORRECT), "the sixth");
        world.pass(SECOND);
        assert_eq!(app.sign_in_from(sources[0], door, "alice", PASSWORD).await, refused(LOCKED), "for two seconds");
        assert!(app.sign_in_from(other, door, "alice", PASSWORD).await.is_ok(), "another network");
        world.pass(SECOND);
        assert!(app.sign_in_from(sources[0], door, "alice", PASSWORD).await.is_ok());
    }
}

async fn an_attempt_that_an_address_may_not_make_counts_for_nobody(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    app.confirmed("alice").await;
    for name in ["alice", "nobody"] {
        let door = Operation::InitiateAuth;
        // The user's count is let end while the address's goes on.
        for _ in 0..4 {
            assert_eq!(app.sign_in_from(MALLORY, door, name, WRONG).await, refused(INCORRECT));
        }
        let forget = cenote_store::Batch::new().any("delete from attempts where factor = 'password'", vec![]);
        world.store.apply(forget).await.unwrap();
        assert_eq!(app.sign_in_from(MALLORY, door, name, WRONG).await, refused(INCORRECT));
        for _ in 0..9 {
            assert_eq!(app.sign_in_from(MALLORY, door, name, WRONG).await, refused(LOCKED));
        }
        let sql = "select count(*) from attempts where factor = 'password' and failures = 1";
        assert_eq!(world.rows(sql).await, 1, "{name}: what was refused for the address is not counted for the user");
        for _ in 0..4 {
            assert_eq!(app.sign_in_from(HOME, door, name, WRONG).await, refused(INCORRECT));
        }
        assert_eq!(app.sign_in_from(HOME, door, name, WRONG).await, refused(LOCKED), "the user's own fifth");
        world.store.apply(cenote_store::Batch::new().any("delete from attempts", vec![])).await.unwrap();
    }
}
