//! ConfirmSignUp and ResendConfirmationCode (reference 03 §4).

use std::time::Duration;

use cenote_store::{Batch, params};
use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::on_both_engines;
use super::sign_up::with_sms;
use super::world::{Answer, App, PASSWORD, World, attributes, email};

on_both_engines! {
    a_code_confirms_once_and_verifies_its_address,
    wrong_codes,
    a_code_lives_a_day,
    a_new_code_replaces_the_old,
    a_code_is_for_one_user_and_one_address,
    without_a_code,
    others_than_the_unconfirmed,
    fifteen_tries_an_hour,
    five_codes_an_hour,
    who_gets_no_new_code,
    unknown_users,
    nobody_learns_who_exists,
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const MILLISECOND: Duration = Duration::from_millis(1);
const MISMATCH: &str = "CodeMismatchException: Invalid verification code provided, please try again.";
const EXPIRED: &str = "ExpiredCodeException: Invalid code provided, please request a code again.";
const TOO_MANY: &str = "LimitExceededException: Attempt limit exceeded, please try after some time.";
const NOBODY: &str = "UserNotFoundException: Username/client id combination not found.";

fn refused(text: &str) -> Answer {
    Err(text.to_owned())
}

async fn verifying(world: &World) -> App<'_> {
    world.app(json!({"AutoVerifiedAttributes": ["email"]})).await
}

/// A code that is not this one.
fn other(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

async fn a_code_confirms_once_and_verifies_its_address(world: World) {
    let app = verifying(&world).await;
    app.sign_up("alice").await.unwrap();
    assert_eq!(app.status("alice").await, "UNCONFIRMED");
    assert_eq!(app.attributes("alice").await["email_verified"], "false");
    let code = world.code(&email("alice")).await;
    assert_eq!(app.confirm("alice", &code).await, Ok(json!({})));
    assert_eq!(app.status("alice").await, "CONFIRMED");
    assert_eq!(app.attributes("alice").await["email_verified"], "true");
    let again = "NotAuthorizedException: User cannot be confirmed. Current status is CONFIRMED";
    assert_eq!(app.confirm("alice", &code).await, refused(again));
    assert_eq!(world.rows("select count(*) from codes").await, 0);
}

async fn wrong_codes(world: World) {
    let app = verifying(&world).await;
    app.sign_up("alice").await.unwrap();
    let code = world.code(&email("alice")).await;
    for wrong in [other(&code), format!("{code}0"), code[1..].to_owned(), "x".to_owned()] {
        assert_eq!(app.confirm("alice", &wrong).await, refused(MISMATCH), "{wrong}");
    }
    assert_eq!(app.confirm("alice", &code).await, Ok(json!({})), "wrong codes leave the right one");
}

async fn a_code_lives_a_day(world: World) {
    let app = verifying(&world).await;
    for (name, last) in [("alice", true), ("bob", false)] {
        app.sign_up(name).await.unwrap();
        let code = world.code(&email(name)).await;
        // The next call moves the clock by a millisecond more.
        world.pass(if last { DAY - 2 * MILLISECOND } else { DAY - MILLISECOND });
        let expected = if last { Ok(json!({})) } else { refused(EXPIRED) };
        assert_eq!(app.confirm(name, &code).await, expected, "{name}");
    }
}

async fn a_new_code_replaces_the_old(world: World) {
    let app = verifying(&world).await;
    app.sign_up("alice").await.unwrap();
    let old = world.code(&email("alice")).await;
    let sent = json!({"AttributeName": "email", "DeliveryMedium": "EMAIL", "Destination": "a***@e***"});
    assert_eq!(app.resend("alice").await, Ok(json!({"CodeDeliveryDetails": sent})));
    let new = world.code(&email("alice")).await;
    assert_ne!(old, new);
    assert_eq!(app.confirm("alice", &old).await, refused(EXPIRED));
    app.resend("alice").await.unwrap();
    let newest = world.code(&email("alice")).await;
    for replaced in [&old, &new] {
        assert_eq!(app.confirm("alice", replaced).await, refused(EXPIRED));
    }
    world.pass(DAY - 4 * MILLISECOND);
    assert_eq!(app.confirm("alice", &newest).await, Ok(json!({})), "its day begins with it");
}

async fn a_code_is_for_one_user_and_one_address(world: World) {
    let app = verifying(&world).await;
    app.sign_up("alice").await.unwrap();
    app.sign_up("bob").await.unwrap();
    let code = world.code(&email("alice")).await;
    assert_eq!(app.confirm("bob", &code).await, refused(MISMATCH));
    // The row of one user moved under the other: what it says is bound to the first.
    let stolen = Batch::new()
        .any("delete from codes where sub = (select sub from users where username = 'bob')", vec![])
        .any("update codes set sub = (select sub from users where username = 'bob')", vec![]);
    world.store.apply(stolen).await.unwrap();
    assert_eq!(app.confirm("bob", &code).await, refused(MISMATCH));
    app.resend("alice").await.unwrap();
    let code = world.code(&email("alice")).await;
    let other = Batch::new().any(
        "update users set attributes = $1 where username = 'alice'",
        params![json!({"email": "eve@example.com", "email_verified": "false"}).to_string()],
    );
    world.store.apply(other).await.unwrap();
    assert_eq!(app.confirm("alice", &code).await, refused(MISMATCH), "the code went to another address");
}

async fn without_a_code(world: World) {
    let app = world.app(json!({})).await;
    app.sign_up("alice").await.unwrap();
    assert_eq!(app.confirm("alice", "123456").await, refused(EXPIRED));
    let none = "NotAuthorizedException: Cannot resend codes. Auto verification not turned on.";
    assert_eq!(app.resend("alice").await, refused(none));
}

async fn others_than_the_unconfirmed(world: World) {
    let app = verifying(&world).await;
    app.create("temporary", &[("email", &email("temporary"))]).await.unwrap();
    app.confirmed("alice").await;
    for (name, status) in [("temporary", "FORCE_CHANGE_PASSWORD"), ("alice", "CONFIRMED")] {
        let text = format!("NotAuthorizedException: User cannot be confirmed. Current status is {status}");
        assert_eq!(app.confirm(name, "123456").await, refused(&text));
        assert_eq!(app.resend(name).await, refused("InvalidParameterException: User is already confirmed."));
    }
    // Confirmed by an administrator: the code that was sent is worth nothing any more.
    app.sign_up("bob").await.unwrap();
    app.admin(Operation::AdminConfirmSignUp, "bob", json!({})).await.unwrap();
    assert_eq!(world.rows("select count(*) from codes").await, 0);
}

async fn fifteen_tries_an_hour(world: World) {
    let app = verifying(&world).await;
    app.sign_up("alice").await.unwrap();
    let code = world.code(&email("alice")).await;
    for _ in 0..15 {
        assert_eq!(app.confirm("alice", &other(&code)).await, refused(MISMATCH));
    }
    assert_eq!(app.confirm("alice", &code).await, refused(TOO_MANY), "the right code too");
    app.sign_up("bob").await.unwrap();
    let of_bob = world.code(&email("bob")).await;
    assert_eq!(app.confirm("bob", &of_bob).await, Ok(json!({})), "others are not concerned");
    world.pass(HOUR);
    assert_eq!(app.confirm("alice", &code).await, Ok(json!({})));
}

async fn five_codes_an_hour(world: World) {
    let app = verifying(&world).await;
    app.sign_up("alice").await.unwrap();
    for _ in 0..5 {
        app.resend("alice").await.unwrap();
    }
    let code = world.code(&email("alice")).await;
    assert_eq!(app.resend("alice").await, refused(TOO_MANY));
    assert_eq!(world.messages(&email("alice")).await.len(), 6);
    world.pass(HOUR);
    assert!(app.resend("alice").await.is_ok());
    assert_eq!(app.confirm("alice", &code).await, refused(EXPIRED));
}

async fn who_gets_no_new_code(world: World) {
    let app = world.app(with_sms(json!({"AutoVerifiedAttributes": ["phone_number"]}))).await;
    app.sign_up("alice").await.unwrap();
    let refusal = app.resend("alice").await.unwrap_err();
    assert!(refusal.starts_with("NotAuthorizedException: Cannot resend codes."), "{refusal}");
    app.sign_up_with("bob", &[("phone_number", "+12065559934")]).await.unwrap();
    let sent = json!({"AttributeName": "phone_number", "DeliveryMedium": "SMS", "Destination": "+*******9934"});
    assert_eq!(app.resend("bob").await, Ok(json!({"CodeDeliveryDetails": sent})));
    let unknown = json!({"ClientId": "26cb2c60kq7nbmas7rbme9b6pp", "Username": "bob"});
    let text = "ResourceNotFoundException: User pool client 26cb2c60kq7nbmas7rbme9b6pp does not exist.";
    assert_eq!(world.call(Operation::ResendConfirmationCode, unknown.clone()).await, refused(text));
    let mut unknown = unknown;
    unknown["ConfirmationCode"] = json!("123456");
    assert_eq!(world.call(Operation::ConfirmSignUp, unknown).await, refused(text));
}

async fn unknown_users(world: World) {
    let app = verifying(&world).await;
    assert_eq!(app.confirm("nobody", "123456").await, refused(NOBODY));
    assert_eq!(app.resend("nobody").await, refused(NOBODY));
    assert_eq!(world.rows("select count(*) from attempts").await, 0);
}

/// What an unknown user is answered is what a known one could be, and costs the same tries.
async fn nobody_learns_who_exists(world: World) {
    let pool = world.pool(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let app = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    for _ in 0..15 {
        assert_eq!(app.confirm("nobody", "123456").await, refused(EXPIRED));
    }
    assert_eq!(app.confirm("nobody", "123456").await, refused(TOO_MANY));
    let first = app.resend("nobody").await.unwrap();
    let sent = &first["CodeDeliveryDetails"];
    assert_eq!((&sent["AttributeName"], &sent["DeliveryMedium"]), (&json!("email"), &json!("EMAIL")));
    for _ in 0..4 {
        assert_eq!(app.resend("nobody").await.unwrap(), first, "always the same");
    }
    assert_eq!(app.resend("nobody").await, refused(TOO_MANY));
    let typed = app.resend("zoe@shop.example").await.unwrap();
    assert_eq!(typed["CodeDeliveryDetails"]["Destination"], "z***@s***");
    let number = app.resend("+12065559934").await.unwrap();
    assert_eq!(number["CodeDeliveryDetails"]["DeliveryMedium"], "EMAIL", "this pool sends no SMS");
    let mut letters = std::collections::BTreeSet::new();
    for n in 0..300 {
        let sent = app.resend(&format!("nobody{n}")).await.unwrap();
        letters.insert(sent["CodeDeliveryDetails"]["Destination"].as_str().unwrap()[..1].to_owned());
    }
    assert_eq!(letters.len(), 26, "a letter that is never made up would tell a real user: {letters:?}");
    assert_eq!(world.rows("select count(*) from messages where state <> 'decoy'").await, 0);

    let pool = world.pool(json!({})).await;
    let silent = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    silent.sign_up("alice").await.unwrap();
    assert_eq!(silent.resend("nobody").await, silent.resend("alice").await, "nothing is sent to anybody");
    let pool = world.pool(with_sms(json!({"AutoVerifiedAttributes": ["phone_number"]}))).await;
    let phones = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    let sent: Value = phones.resend("a@example.com").await.unwrap()["CodeDeliveryDetails"].clone();
    assert_eq!((&sent["AttributeName"], &sent["DeliveryMedium"]), (&json!("phone_number"), &json!("SMS")));
    let number = sent["Destination"].as_str().unwrap();
    assert!(number.starts_with("+*******") && number.len() == 12, "{number}");
    let known = json!({"Password": PASSWORD, "UserAttributes": attributes(&[("phone_number", "+12065559934")])});
    phones.public(Operation::SignUp, "bob", known).await.unwrap();
    assert_eq!(phones.resend("bob").await.unwrap()["CodeDeliveryDetails"]["Destination"], "+*******9934");
}
