//! Codes to an address, and back: wrong, replaced, expired, used, too many.

use std::time::Duration;

use cenote_store::{Batch, params};
use serde_json::{Value, json};

use super::{EXPIRED, MISMATCH, NEW, OLD, PHONE, TOO_MANY, on_both_engines, other, refused};
use crate::tests::sign_up::with_sms;
use crate::tests::world::{App, World};

on_both_engines! {
    a_code_verifies_once,
    a_verified_address_may_be_verified_again,
    a_phone_number,
    a_code_lives_a_day,
    a_new_code_replaces_the_old,
    a_code_is_for_one_user_one_attribute_and_one_address,
    five_codes_an_hour,
    twenty_changes_an_hour,
    fifteen_tries_an_hour,
    a_code_of_a_sign_up_verifies_nothing_here,
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A pool whose access tokens live a day.
async fn lasting<'w>(world: &'w World, pool: Value) -> App<'w> {
    let pool = world.pool(pool).await;
    world.client(&pool, json!({"AccessTokenValidity": 24, "TokenValidityUnits": {"AccessToken": "hours"}})).await
}

async fn a_code_verifies_once(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let tokens = app.with_address("alice", OLD).await;
    assert_eq!(app.verify(&tokens, "email", "123456").await, refused(EXPIRED), "none was sent");
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    let code = world.code(NEW).await;
    for wrong in [other(&code), format!("{code}0"), code[1..].to_owned(), "x".to_owned()] {
        assert_eq!(app.verify(&tokens, "email", &wrong).await, refused(MISMATCH), "{wrong}");
    }
    assert_eq!(app.verify(&tokens, "email", &code).await, Ok(json!({})), "wrong codes leave the right one");
    assert_eq!(app.email_of("alice").await, json!([NEW, "true"]));
    assert_eq!(app.verify(&tokens, "email", &code).await, refused(EXPIRED));
}

async fn a_verified_address_may_be_verified_again(world: World) {
    let app = world.app(json!({})).await;
    let tokens = app.with_address("alice", OLD).await;
    assert!(app.send_code(&tokens, "email").await.is_ok());
    assert_eq!(app.email_of("alice").await, json!([OLD, "true"]), "asking takes nothing away");
    assert_eq!(app.verify(&tokens, "email", &world.code(OLD).await).await, Ok(json!({})));
    assert_eq!(app.email_of("alice").await, json!([OLD, "true"]));
}

async fn a_phone_number(world: World) {
    let app = world.app(with_sms(json!({}))).await;
    let tokens = app.with_address("alice", OLD).await;
    app.update_own(&tokens, &[("phone_number", PHONE)]).await.unwrap();
    let delivery = json!({"AttributeName": "phone_number", "DeliveryMedium": "SMS", "Destination": "+*******9934"});
    assert_eq!(app.send_code(&tokens, "phone_number").await, Ok(json!({"CodeDeliveryDetails": delivery})));
    let code = world.code(PHONE).await;
    assert_eq!(app.verify(&tokens, "email", &code).await, refused(EXPIRED));
    assert_eq!(app.verify(&tokens, "phone_number", &code).await, Ok(json!({})));
    assert_eq!(app.attributes("alice").await["phone_number_verified"], "true");
}

async fn a_code_lives_a_day(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    for (name, last) in [("alice", true), ("bob", false)] {
        let address = format!("{name}@shop.example");
        let tokens = app.with_address(name, OLD).await;
        app.update_own(&tokens, &[("email", &address)]).await.unwrap();
        let code = world.code(&address).await;
        world.pass(if last { DAY - Duration::from_millis(1) } else { DAY });
        let tokens = app.tokens(name).await;
        let expected = if last { Ok(json!({})) } else { refused(EXPIRED) };
        assert_eq!(app.verify(&tokens, "email", &code).await, expected, "{name}");
        assert_eq!(app.verify(&tokens, "email", &other(&code)).await, refused(EXPIRED), "{name}");
    }
}

async fn a_new_code_replaces_the_old(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let tokens = app.with_address("alice", OLD).await;
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    let mut codes = vec![world.code(NEW).await];
    for _ in 0..2 {
        app.send_code(&tokens, "email").await.unwrap();
        codes.push(world.code(NEW).await);
    }
    let newest = codes.pop().unwrap();
    for replaced in codes {
        assert_eq!(app.verify(&tokens, "email", &replaced).await, refused(EXPIRED));
    }
    assert_eq!(app.verify(&tokens, "email", &other(&newest)).await, refused(MISMATCH));
    assert_eq!(app.verify(&tokens, "email", &newest).await, Ok(json!({})));
}

async fn a_code_is_for_one_user_one_attribute_and_one_address(world: World) {
    let app = world.app(with_sms(json!({"AutoVerifiedAttributes": ["email", "phone_number"]}))).await;
    let (alice, bob) = (app.with_address("alice", OLD).await, app.with_address("bob", OLD).await);
    app.update_own(&alice, &[("email", NEW), ("phone_number", PHONE)]).await.unwrap();
    let code = world.code(NEW).await;
    app.update_own(&bob, &[("email", NEW)]).await.unwrap();
    assert_eq!(app.verify(&bob, "email", &code).await, refused(MISMATCH));
    assert_eq!(app.verify(&alice, "phone_number", &code).await, refused(MISMATCH));
    // The row of one user moved under the other, or under another purpose: what it says is bound to the first.
    let stolen =
        Batch::new().any("delete from codes where sub = (select sub from users where username = 'bob')", vec![]).any(
            "update codes set sub = (select sub from users where username = 'bob') where purpose = 'verify_email'",
            vec![],
        );
    world.store.apply(stolen).await.unwrap();
    assert_eq!(app.verify(&bob, "email", &code).await, refused(MISMATCH));
    app.update_own(&alice, &[("email", OLD)]).await.unwrap();
    let code = world.code(OLD).await;
    // The address is changed behind the code's back.
    let other = json!({"email": "eve@example.com", "email_verified": "false"}).to_string();
    let moved = Batch::new().any("update users set attributes = $1 where username = 'alice'", params![other]);
    world.store.apply(moved).await.unwrap();
    assert_eq!(app.verify(&alice, "email", &code).await, refused(MISMATCH));
    assert_eq!(app.email_of("alice").await, json!(["eve@example.com", "false"]));
}

async fn five_codes_an_hour(world: World) {
    let app = lasting(&world, json!({})).await;
    let tokens = app.with_address("alice", OLD).await;
    for _ in 0..5 {
        assert!(app.send_code(&tokens, "email").await.is_ok());
    }
    assert_eq!(app.send_code(&tokens, "email").await, refused(TOO_MANY));
    assert_eq!(world.messages(OLD).await.len(), 5);
    let bob = app.with_address("bob", NEW).await;
    assert!(app.send_code(&bob, "email").await.is_ok(), "another user has a count of its own");
    assert_eq!(app.verify(&tokens, "email", &world.code(OLD).await).await, Ok(json!({})), "the last one is good");
    world.pass(HOUR);
    assert!(app.send_code(&tokens, "email").await.is_ok());
}

/// Each of which sends a code to whomever the user names.
async fn twenty_changes_an_hour(world: World) {
    let settings = json!({"AutoVerifiedAttributes": ["email"],
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}});
    for pool in [json!({"AutoVerifiedAttributes": ["email"]}), settings] {
        let app = lasting(&world, pool).await;
        let tokens = app.with_address("alice", OLD).await;
        let messages = world.rows("select count(*) from messages").await;
        for n in 0..20 {
            let address = format!("victim{n}@shop.example");
            assert!(app.update_own(&tokens, &[("email", &address)]).await.is_ok(), "{n}");
        }
        let before = app.get("alice").await;
        assert_eq!(app.update_own(&tokens, &[("email", NEW), ("name", "Alice")]).await, refused(TOO_MANY));
        assert_eq!(app.get("alice").await, before, "nothing of it is written");
        assert!(app.update_own(&tokens, &[("name", "Alice")]).await.is_ok(), "what sends nothing is not counted");
        assert!(app.admin_update("alice", &[("email", NEW)]).await.is_ok(), "an administrator may");
        assert_eq!(world.rows("select count(*) from messages").await, messages + 21);
        world.pass(HOUR);
        assert!(app.update_own(&tokens, &[("email", "last@shop.example")]).await.is_ok());
    }
}

async fn fifteen_tries_an_hour(world: World) {
    let app = lasting(&world, json!({"AutoVerifiedAttributes": ["email"]})).await;
    let tokens = app.with_address("alice", OLD).await;
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    let code = world.code(NEW).await;
    for _ in 0..15 {
        assert_eq!(app.verify(&tokens, "email", &other(&code)).await, refused(MISMATCH));
    }
    assert_eq!(app.verify(&tokens, "email", &code).await, refused(TOO_MANY), "the right one, too late");
    assert_eq!(app.verify(&tokens, "phone_number", &code).await, refused(TOO_MANY), "one count for both");
    // A new code brings no new tries.
    app.send_code(&tokens, "email").await.unwrap();
    let code = world.code(NEW).await;
    assert_eq!(app.verify(&tokens, "email", &code).await, refused(TOO_MANY));
    world.pass(HOUR);
    assert_eq!(app.verify(&tokens, "email", &code).await, Ok(json!({})));
}

async fn a_code_of_a_sign_up_verifies_nothing_here(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    app.sign_up("alice").await.unwrap();
    let code = world.code(&crate::tests::world::email("alice")).await;
    app.admin(cenote_wire::idp::Operation::AdminConfirmSignUp, "alice", json!({})).await.unwrap();
    let tokens = app.tokens("alice").await;
    assert_eq!(app.verify(&tokens, "email", &code).await, refused(EXPIRED));
    assert_eq!(app.attributes("alice").await["email_verified"], "false");
}
