//! AttributesRequireVerificationBeforeUpdate: the old value stays until the new one is proved.

use std::time::Duration;

use cenote_store::{Batch, params};
use serde_json::{Value, json};

use super::{EMAIL_TAKEN, EXPIRED, MISMATCH, NEW, OLD, PHONE, on_both_engines, refused, sent, sent_to_new, shown};
use crate::tests::sign_up::with_sms;
use crate::tests::world::{App, NEW_PASSWORD, World, claims};

on_both_engines! {
    the_old_value_stays_until_the_new_one_is_proved,
    the_flag_of_the_old_value_stays_as_it_is,
    an_administrator_waits_as_well,
    the_same_change_again,
    the_old_value_cancels_the_change,
    a_code_to_the_present_address_meanwhile,
    deleting_ends_the_change,
    a_change_that_is_never_proved,
    a_first_value_waits_for_nothing,
    a_row_that_is_moved_opens_nothing,
    an_answer_with_another_address,
}

async fn careful(world: &World) -> App<'_> {
    world.app(settings()).await
}

fn settings() -> Value {
    with_sms(json!({"AutoVerifiedAttributes": ["email", "phone_number"],
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email", "phone_number"]}}))
}

async fn the_old_value_stays_until_the_new_one_is_proved(world: World) {
    let app = careful(&world).await;
    let tokens = app.with_address("alice", OLD).await;
    assert_eq!(app.update_own(&tokens, &[("email", NEW), ("name", "Alice")]).await, sent_to_new());
    let names = ["name", "email", "email_verified"];
    assert_eq!(shown(&app.attributes("alice").await, &names), json!(["Alice", OLD, "true"]), "the rest is changed");
    assert!(world.messages(OLD).await.is_empty());
    let kept = world.rows("select count(*) from codes where pending is not null").await;
    assert_eq!(kept, 1);
    let readable = world.store.read("select pending from codes", vec![]).await.unwrap();
    let sealed = readable[0].bytes(0).unwrap();
    assert!(!sealed.windows(NEW.len()).any(|part| part == NEW.as_bytes()), "the address is sealed");
    let code = world.code(NEW).await;
    assert_eq!(app.verify(&tokens, "email", &super::other(&code)).await, refused(MISMATCH));
    assert_eq!(app.verify(&tokens, "email", &code).await, Ok(json!({})));
    assert_eq!(app.email_of("alice").await, json!([NEW, "true"]));
    assert_eq!(app.verify(&tokens, "email", &code).await, refused(EXPIRED));
    let found = "select count(*) from user_attributes where name = 'email' and value = 'new@shop.example'";
    assert_eq!(world.rows(found).await, 1);
    assert_eq!(world.rows("select count(*) from codes").await, 0);
}

async fn the_flag_of_the_old_value_stays_as_it_is(world: World) {
    let app = careful(&world).await;
    let tokens = app.with_address("alice", OLD).await;
    app.admin_update("alice", &[("email_verified", "false"), ("phone_number", PHONE)]).await.unwrap();
    let both = [("email", "EMAIL", "n***@s***"), ("phone_number", "SMS", "+*******0000")];
    assert_eq!(app.update_own(&tokens, &[("phone_number", "+12065550000"), ("email", NEW)]).await, sent(&both));
    let names = ["email", "email_verified", "phone_number", "phone_number_verified"];
    assert_eq!(shown(&app.attributes("alice").await, &names), json!([OLD, "false", PHONE, "false"]));
    let code = world.code("+12065550000").await;
    assert_eq!(app.verify(&tokens, "phone_number", &code).await, Ok(json!({})));
    assert_eq!(shown(&app.attributes("alice").await, &names), json!([OLD, "false", "+12065550000", "true"]));
}

async fn an_administrator_waits_as_well(world: World) {
    let app = careful(&world).await;
    let tokens = app.with_address("alice", OLD).await;
    // A flag that is not true says nothing of the address that is still the user's.
    for values in [&[("email", NEW)][..], &[("email", NEW), ("email_verified", "false")]] {
        assert_eq!(app.admin_update("alice", values).await, Ok(json!({})));
        assert_eq!(app.email_of("alice").await, json!([OLD, "true"]));
    }
    let code = world.code(NEW).await;
    assert_eq!(app.verify(&tokens, "email", &code).await, Ok(json!({})));
    assert_eq!(app.email_of("alice").await, json!([NEW, "true"]));
    // Declared verified, it waits for nothing; what waited before is forgotten.
    app.update_own(&tokens, &[("email", "third@example.com")]).await.unwrap();
    let code = world.code("third@example.com").await;
    app.admin_update("alice", &[("email", OLD), ("email_verified", "true")]).await.unwrap();
    assert_eq!(app.email_of("alice").await, json!([OLD, "true"]));
    assert_eq!(app.verify(&tokens, "email", &code).await, refused(EXPIRED));
    // The flag alone leaves a change waiting.
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    app.admin_update("alice", &[("email_verified", "false")]).await.unwrap();
    assert_eq!(app.email_of("alice").await, json!([OLD, "false"]));
    assert_eq!(app.verify(&tokens, "email", &world.code(NEW).await).await, Ok(json!({})));
    assert_eq!(app.email_of("alice").await, json!([NEW, "true"]));
}

async fn the_same_change_again(world: World) {
    let app = careful(&world).await;
    let tokens = app.with_address("alice", OLD).await;
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    let first = world.code(NEW).await;
    assert_eq!(app.update_own(&tokens, &[("email", NEW)]).await, sent_to_new(), "a new code");
    assert_eq!(app.verify(&tokens, "email", &first).await, refused(EXPIRED), "replaced");
    // Another address replaces the change, and its code.
    let second = world.code(NEW).await;
    app.update_own(&tokens, &[("email", "third@example.com")]).await.unwrap();
    assert_eq!(app.verify(&tokens, "email", &second).await, refused(MISMATCH), "it went to another address");
    assert_eq!(app.verify(&tokens, "email", &world.code("third@example.com").await).await, Ok(json!({})));
    assert_eq!(app.email_of("alice").await, json!(["third@example.com", "true"]));
}

async fn the_old_value_cancels_the_change(world: World) {
    let app = careful(&world).await;
    let tokens = app.with_address("alice", OLD).await;
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    let code = world.code(NEW).await;
    assert_eq!(app.update_own(&tokens, &[("email", OLD)]).await, sent(&[]));
    assert_eq!(app.verify(&tokens, "email", &code).await, refused(EXPIRED));
    assert_eq!(app.email_of("alice").await, json!([OLD, "true"]));
    assert_eq!(world.rows("select count(*) from codes").await, 0);
}

/// GetUserAttributeVerificationCode is about the address that the user has.
async fn a_code_to_the_present_address_meanwhile(world: World) {
    let app = careful(&world).await;
    let tokens = app.with_address("alice", OLD).await;
    app.admin_update("alice", &[("email_verified", "false")]).await.unwrap();
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    let details = app.send_code(&tokens, "email").await.unwrap();
    assert_eq!(details["CodeDeliveryDetails"]["Destination"], "o***@e***");
    let (old, new) = (world.code(OLD).await, world.code(NEW).await);
    let neither = (0..3).map(|n| format!("{n:06}")).find(|code| *code != old && *code != new).unwrap();
    assert_eq!(app.verify(&tokens, "email", &neither).await, refused(MISMATCH));
    assert_eq!(app.verify(&tokens, "email", &old).await, Ok(json!({})));
    assert_eq!(app.email_of("alice").await, json!([OLD, "true"]));
    app.send_code(&tokens, "email").await.unwrap();
    let old = world.code(OLD).await;
    assert_eq!(app.verify(&tokens, "email", &new).await, Ok(json!({})), "the change went on waiting");
    assert_eq!(app.email_of("alice").await, json!([NEW, "true"]));
    assert_eq!(app.verify(&tokens, "email", &old).await, refused(EXPIRED), "what was sent to the old address is over");
}

async fn deleting_ends_the_change(world: World) {
    let app = careful(&world).await;
    let tokens = app.with_address("alice", OLD).await;
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    let code = world.code(NEW).await;
    assert_eq!(app.delete_own(&tokens, &["email"]).await, Ok(json!({})), "there is nothing to prove");
    assert_eq!(app.verify(&tokens, "email", &code).await, refused(EXPIRED));
    assert_eq!(app.email_of("alice").await, json!([null, null]));
}

async fn a_change_that_is_never_proved(world: World) {
    let app = careful(&world).await;
    let tokens = app.with_address("alice", OLD).await;
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    let code = world.code(NEW).await;
    world.pass(Duration::from_secs(24 * 3600));
    let tokens = app.tokens("alice").await;
    assert_eq!(app.verify(&tokens, "email", &code).await, refused(EXPIRED));
    assert_eq!(app.email_of("alice").await, json!([OLD, "true"]));
    // Beside a younger code to the present address it is still told as expired.
    app.send_code(&tokens, "email").await.unwrap();
    assert_eq!(app.verify(&tokens, "email", &code).await, refused(EXPIRED));
    assert_eq!(app.verify(&tokens, "email", &world.code(OLD).await).await, Ok(json!({})));
}

async fn a_first_value_waits_for_nothing(world: World) {
    let app = careful(&world).await;
    let tokens = app.with_address("alice", OLD).await;
    assert_eq!(
        app.update_own(&tokens, &[("phone_number", PHONE)]).await,
        sent(&[("phone_number", "SMS", "+*******9934")])
    );
    let names = ["phone_number", "phone_number_verified"];
    assert_eq!(shown(&app.attributes("alice").await, &names), json!([PHONE, "false"]), "there is no old value to keep");
    assert_eq!(app.verify(&tokens, "phone_number", &world.code(PHONE).await).await, Ok(json!({})));
    assert_eq!(shown(&app.attributes("alice").await, &names), json!([PHONE, "true"]));
}

async fn a_row_that_is_moved_opens_nothing(world: World) {
    let app = careful(&world).await;
    let (alice, bob) = (app.with_address("alice", OLD).await, app.with_address("bob", "bob@example.com").await);
    app.update_own(&alice, &[("email", NEW)]).await.unwrap();
    let code = world.code(NEW).await;
    let moved = Batch::new().any("update codes set sub = (select sub from users where username = 'bob')", vec![]);
    world.store.apply(moved).await.unwrap();
    assert_eq!(app.verify(&bob, "email", &code).await, refused(EXPIRED));
    assert_eq!(app.verify(&alice, "email", &code).await, refused(EXPIRED));
    // A row of the other purpose, with the pending address in it.
    let other = Batch::new().any("update codes set purpose = $1", params!["verify_email"]);
    world.store.apply(other).await.unwrap();
    assert_eq!(app.verify(&bob, "email", &code).await, refused(EXPIRED));
    assert_eq!(app.email_of("bob").await, json!(["bob@example.com", "true"]));
}

/// NEW_PASSWORD_REQUIRED with another address than the one that the administrator gave.
async fn an_answer_with_another_address(world: World) {
    let app = careful(&world).await;
    app.create("alice", &[("email", OLD), ("email_verified", "true")]).await.unwrap();
    let session = app.session("alice").await;
    let more =
        json!({"userAttributes.email": NEW, "userAttributes.name": "Alice", "userAttributes.phone_number": PHONE});
    let tokens = app.answer(&session, "alice", more).await.unwrap()["AuthenticationResult"].clone();
    let id = claims(&tokens["IdToken"]);
    assert_eq!((&id["email"], &id["email_verified"], &id["name"]), (&json!(OLD), &json!(true), &json!("Alice")));
    assert_eq!((&id["phone_number"], &id["phone_number_verified"]), (&json!(PHONE), &json!(false)), "the first one");
    assert_eq!(app.email_of("alice").await, json!([OLD, "true"]));
    assert_eq!(app.verify(&tokens, "email", &world.code(NEW).await).await, Ok(json!({})));
    assert_eq!(app.email_of("alice").await, json!([NEW, "true"]));
    // To delete it there is nothing to prove, and to say what is there already neither.
    app.create("bob", &[("email", OLD)]).await.unwrap();
    let session = app.session("bob").await;
    assert!(app.answer(&session, "bob", json!({"userAttributes.email": ""})).await.is_ok());
    assert_eq!(app.email_of("bob").await, json!([null, null]));
    app.create("carol", &[("email", OLD)]).await.unwrap();
    let session = app.session("carol").await;
    assert!(app.answer(&session, "carol", json!({"userAttributes.email": OLD})).await.is_ok());
    // An address by which another signs in.
    let mut names = settings();
    names["UsernameAttributes"] = json!(["email"]);
    let app = world.app(names).await;
    app.create(NEW, &[]).await.unwrap();
    app.create(OLD, &[]).await.unwrap();
    let session = app.session(OLD).await;
    let theirs = json!({"userAttributes.email": NEW});
    assert_eq!(app.answer(&session, OLD, theirs).await, refused(EMAIL_TAKEN));
    let own = json!({"userAttributes.email": "third@example.com"});
    let tokens = app.answer(&session, OLD, own).await.unwrap()["AuthenticationResult"].clone();
    assert!(app.sign_in(OLD, NEW_PASSWORD).await.is_ok());
    app.verify(&tokens, "email", &world.code("third@example.com").await).await.unwrap();
    assert!(app.sign_in("third@example.com", NEW_PASSWORD).await.is_ok());
}
