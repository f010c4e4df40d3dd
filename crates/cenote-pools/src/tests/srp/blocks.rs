//! SECRET_BLOCK in the wrong hands: swapped, changed, used again, too late, by many at once.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cenote_wire::idp::Operation;
use serde_json::json;

use super::{DOORS, Srp, WRONG, assert_tokens, refused, respond, respond_at};
use crate::tests::at_once::{at_once, outcomes};
use crate::tests::on_both_engines;
use crate::tests::world::{INCORRECT, INVALID_SESSION, NEW_PASSWORD, PASSWORD, World};

on_both_engines! {
    it_fits_one_user_client_and_pool,
    not_a_letter_may_change,
    it_is_no_session_and_a_session_is_no_block,
    it_serves_one_answer,
    it_ends,
    one_of_many_answers_is_compared,
    one_node_asks_and_another_hears,
    the_password_must_be_the_one_that_was_asked_for,
}

const USED: &str = "NotAuthorizedException: Invalid session for the user, session can only be used once.";
const EXPIRED: &str = "NotAuthorizedException: Invalid session for the user, session is expired.";

async fn attempts(world: &World) -> i64 {
    world.rows("select count(*) from attempts").await
}

async fn it_fits_one_user_client_and_pool(world: World) {
    let app = world.app(json!({})).await;
    let other_client = world.client(&app.pool, json!({})).await;
    let other_pool = world.app(json!({})).await;
    for app in [&app, &other_pool] {
        app.confirmed("alice").await;
        app.confirmed("bob").await;
    }
    let (alice, bob) = (Srp::begin(&app, "alice").await, Srp::begin(&app, "bob").await);
    for (_, second) in DOORS {
        for elsewhere in [&other_client, &other_pool] {
            let answer = respond(elsewhere, second, alice.responses(&app, PASSWORD)).await;
            assert_eq!(answer, refused(INCORRECT));
        }
        for name in ["bob", "nobody", ""] {
            let mut responses = alice.responses(&app, PASSWORD);
            responses["USERNAME"] = json!(name);
            let answer = respond(&app, second, responses).await;
            let missing = "InvalidParameterException: Missing required parameter USERNAME";
            assert_eq!(answer, refused(if name.is_empty() { missing } else { INCORRECT }));
        }
        let mut responses = bob.responses(&app, PASSWORD);
        responses["PASSWORD_CLAIM_SECRET_BLOCK"] = json!(alice.block());
        assert_eq!(respond(&app, second, responses).await, refused(INCORRECT));
    }
    assert_eq!(attempts(&world).await, 0, "none of this was an attempt at anybody's password");
    // Alice's block with Bob's signature is an attempt at Alice's.
    let mut responses = bob.responses(&app, PASSWORD);
    responses["USERNAME"] = json!("alice");
    responses["PASSWORD_CLAIM_SECRET_BLOCK"] = json!(Srp::begin(&app, "alice").await.block());
    assert_eq!(respond(&app, DOORS[0].1, responses).await, refused(INCORRECT));
    assert_eq!(attempts(&world).await, 2);
    assert_tokens(&alice.answer(&app, PASSWORD).await);
    assert_tokens(&bob.answer(&app, PASSWORD).await);
}

async fn not_a_letter_may_change(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let srp = Srp::begin(&app, "alice").await;
    let block = srp.block();
    assert_eq!(block.len(), 1600);
    let mut changed: Vec<String> = (0..block.len())
        .step_by(97)
        .chain([block.len() - 1])
        .map(|at| {
            let letter = if &block[at..=at] == "A" { "B" } else { "A" };
            format!("{}{letter}{}", &block[..at], &block[at + 1..])
        })
        .collect();
    let bytes = STANDARD.decode(block).unwrap();
    changed.extend([
        "x".to_owned(),
        "=".to_owned(),
        "é".to_owned(),
        block[..1596].to_owned(),
        format!("{block}AAAA"),
        format!("{block}="),
        block.replace(['+', '/'], "-"),
        STANDARD.encode([0; 1200]),
        STANDARD.encode(&bytes[1..]),
        "A".repeat(100_000),
    ]);
    for text in changed.into_iter().filter(|text| text != block) {
        let mut responses = srp.responses(&app, PASSWORD);
        responses["PASSWORD_CLAIM_SECRET_BLOCK"] = json!(text);
        assert_eq!(respond(&app, DOORS[0].1, responses).await, refused(INCORRECT), "{text}");
    }
    assert_eq!(attempts(&world).await, 0);
    // A signature that is none, and one over another time, are compared.
    for (key, text) in [("PASSWORD_CLAIM_SIGNATURE", "no base64"), ("TIMESTAMP", "Sat Nov 7 09:05:04 UTC 2026")] {
        let mut responses = Srp::begin(&app, "alice").await.responses(&app, PASSWORD);
        responses[key] = json!(text);
        assert_eq!(respond(&app, DOORS[0].1, responses).await, refused(INCORRECT));
    }
    assert_eq!(world.rows("select count(*) from attempts where failures = 2").await, 2);
    assert_tokens(&srp.answer(&app, PASSWORD).await);
}

async fn it_is_no_session_and_a_session_is_no_block(world: World) {
    let app = world.app(json!({})).await;
    let session = app.challenged("alice").await;
    let srp = Srp::begin(&app, "alice").await;
    let standard = session.as_str().unwrap().replace('-', "+").replace('_', "/");
    for text in [session.as_str().unwrap(), &standard, &format!("{standard}="), &format!("{standard}==")] {
        let mut responses = srp.responses(&app, PASSWORD);
        responses["PASSWORD_CLAIM_SECRET_BLOCK"] = json!(text);
        assert_eq!(respond(&app, DOORS[0].1, responses).await, refused(INCORRECT));
    }
    let url_safe = srp.block().replace('+', "-").replace('/', "_");
    for text in [srp.block(), &url_safe] {
        let answer = app.answer(&json!(text), "alice", json!({})).await;
        assert_eq!(answer, refused(INVALID_SESSION));
    }
    assert!(app.answer(&session, "alice", json!({})).await.is_ok());
}

async fn it_serves_one_answer(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    app.confirmed("alice").await;
    let (right, wrong) = (Srp::begin(&app, "alice").await, Srp::begin(&app, "alice").await);
    let nobody = Srp::begin(&app, "nobody").await;
    assert_eq!(wrong.answer(&app, WRONG).await, refused(INCORRECT));
    assert_eq!(nobody.answer(&app, WRONG).await, refused(INCORRECT));
    assert_tokens(&right.answer(&app, PASSWORD).await);
    let before = attempts(&world).await;
    for srp in [&right, &wrong, &nobody] {
        for (_, second) in DOORS {
            for password in [PASSWORD, WRONG] {
                assert_eq!(respond(&app, second, srp.responses(&app, password)).await, refused(USED));
            }
        }
    }
    assert_eq!(attempts(&world).await, before, "a replay is no attempt");
}

async fn it_ends(world: World) {
    let pool = world.pool(json!({})).await;
    let hiding = json!({"PreventUserExistenceErrors": "ENABLED", "AuthSessionValidity": 5});
    let app = world.client(&pool, hiding).await;
    app.confirmed("alice").await;
    let last = Duration::from_secs(5 * 60) - Duration::from_millis(1);
    for name in ["alice", "nobody"] {
        let (in_time, late) = (Srp::begin(&app, name).await, Srp::begin(&app, name).await);
        world.pass(last);
        let answer = in_time.answer(&app, PASSWORD).await;
        if name == "alice" {
            assert_tokens(&answer)
        } else {
            assert_eq!(answer, refused(INCORRECT))
        }
        world.pass(Duration::from_millis(1));
        assert_eq!(late.answer(&app, PASSWORD).await, refused(EXPIRED), "{name}");
        assert_eq!(in_time.answer(&app, PASSWORD).await, refused(EXPIRED), "{name}");
    }
}

/// Over two nodes; the right answers as well as the wrong ones.
async fn one_of_many_answers_is_compared(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let second = world.house.neighbour(&world.store).await;
    for (password, first) in [(PASSWORD, "ok"), (WRONG, INCORRECT)] {
        let srp = Srp::begin(&app, "alice").await;
        let responses = srp.responses(&app, password);
        let answers = at_once(16, |n| {
            let (house, responses) = (if n % 2 == 0 { &world.house } else { &second }, responses.clone());
            let app = &app;
            async move { respond_at(house, app, DOORS[n % 2].1, responses).await }
        });
        let found = outcomes(&answers);
        assert_eq!(found, [(first, 1), (USED, 15)].into());
    }
    assert_eq!(world.rows("select count(*) from attempts where failures = 1").await, 2);
    assert_eq!(world.rows("select count(*) from token_families").await, 1);
}

async fn one_node_asks_and_another_hears(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let second = world.house.neighbour(&world.store).await;
    let here = Srp::begin(&app, "alice").await;
    assert_tokens(&respond_at(&second, &app, DOORS[0].1, here.responses(&app, PASSWORD)).await);
    assert_eq!(here.answer(&app, PASSWORD).await, refused(USED), "used there, refused here");
    let there = Srp::begin_at(&second, &app, Operation::InitiateAuth, "alice").await.unwrap();
    assert_eq!(there.answer(&app, WRONG).await, refused(INCORRECT));
    assert_eq!(respond_at(&second, &app, DOORS[1].1, there.responses(&app, PASSWORD)).await, refused(USED));
}

async fn the_password_must_be_the_one_that_was_asked_for(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    app.confirmed("alice").await;
    // Another one, the same again, and the user gone.
    let tries: [(&str, Option<&str>); 3] =
        [(PASSWORD, Some(NEW_PASSWORD)), (NEW_PASSWORD, Some(NEW_PASSWORD)), (NEW_PASSWORD, None)];
    for (asked, then) in tries {
        let (old, new) = (Srp::begin(&app, "alice").await, Srp::begin(&app, "alice").await);
        match then {
            Some(password) => app.set_password("alice", password, true).await.map(drop).unwrap(),
            None => drop(app.admin(Operation::AdminDeleteUser, "alice", json!({})).await.unwrap()),
        }
        assert_eq!(old.answer(&app, asked).await, refused(INCORRECT));
        assert_eq!(new.answer(&app, then.unwrap_or(asked)).await, refused(INCORRECT));
        if let Some(password) = then {
            assert_tokens(&super::srp(&app, "alice", password).await);
        }
    }
    // Nor does a new user by that name get in with what the old one began.
    app.confirmed("alice").await;
    let old = Srp::begin(&app, "alice").await;
    app.admin(Operation::AdminDeleteUser, "alice", json!({})).await.unwrap();
    app.confirmed("alice").await;
    assert_eq!(old.answer(&app, PASSWORD).await, refused(INCORRECT));
}
