//! ForgotPassword, ConfirmForgotPassword, AdminResetUserPassword (reference 03 §5).

use std::time::Duration;

use cenote_store::{Batch, params};
use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::at_once::{at_once, outcomes};
use super::on_both_engines;
use super::sign_up::with_sms;
use super::world::{Answer, App, INCORRECT, LOCKED, NEW_PASSWORD, NO_USER, PASSWORD, World, email};
use crate::testing::Furniture;

on_both_engines! {
    a_forgotten_password_is_replaced,
    wrong_codes,
    a_code_lives_an_hour,
    a_new_code_replaces_the_old,
    a_code_is_for_one_purpose_and_one_address,
    a_weak_password_leaves_the_code,
    where_a_code_goes,
    a_phone_that_is_the_second_factor,
    who_gets_no_code,
    whose_password_no_code_sets,
    an_unconfirmed_user_with_a_verified_address,
    five_codes_an_hour,
    fifteen_tries_an_hour,
    locks_are_opened,
    one_code_for_many_at_once,
    a_code_of_another_node,
    nothing_is_hashed_without_a_code,
    an_administrator_resets,
    whom_an_administrator_does_not_reset,
    what_fails_closed,
    clients_with_a_secret,
}

pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const MISMATCH: &str = "CodeMismatchException: Invalid verification code provided, please try again.";
pub(super) const EXPIRED: &str = "ExpiredCodeException: Invalid code provided, please request a code again.";
pub(super) const TOO_MANY: &str = "LimitExceededException: Attempt limit exceeded, please try after some time.";
pub(super) const NOBODY: &str = "UserNotFoundException: Username/client id combination not found.";
pub(super) const NOT_RESETTABLE: &str = "NotAuthorizedException: User password cannot be reset in the current state.";
const NOTHING_VERIFIED: &str = "InvalidParameterException: Cannot reset password for the user as there is no \
    registered/verified email or phone_number";
const ADMINISTRATOR: &str = "NotAuthorizedException: Contact administrator to reset password.";
const DISABLED: &str = "NotAuthorizedException: User is disabled.";
const RESET_REQUIRED: &str = "PasswordResetRequiredException: Password reset required for the user";
const MILLISECOND: Duration = Duration::from_millis(1);
const PHONE: &str = "+12065559934";

fn refused(text: &str) -> Answer {
    Err(text.to_owned())
}

/// A code that is not this one.
pub(super) fn other(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

fn sent(attribute: &str, medium: &str, destination: &str) -> Answer {
    let details = json!({"AttributeName": attribute, "DeliveryMedium": medium, "Destination": destination});
    Ok(json!({"CodeDeliveryDetails": details}))
}

/// The code that the user is sent.
async fn code(app: &App<'_>, name: &str) -> String {
    app.forgot_password(name).await.unwrap();
    app.world.code(&email(name)).await
}

async fn a_forgotten_password_is_replaced(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    let before = app.get("alice").await.unwrap();
    assert_eq!(app.forgot_password("alice").await, sent("email", "EMAIL", "a***@e***"));
    assert_eq!(app.status("alice").await, "CONFIRMED");
    assert!(app.sign_in("alice", PASSWORD).await.is_ok(), "who asks changes nothing");
    let text = world.messages(&email("alice")).await[0].clone();
    let code = text.strip_prefix("Your password reset code is ").unwrap();
    assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()), "{text}");
    assert_eq!(app.confirm_forgot_password("alice", code, NEW_PASSWORD).await, Ok(json!({})));
    assert!(app.sign_in("alice", NEW_PASSWORD).await.unwrap().get("AuthenticationResult").is_some());
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(INCORRECT));
    assert!(app.get_user(&tokens).await.is_ok(), "tokens stay valid");
    assert!(app.refresh(&tokens["RefreshToken"], "alice").await.is_ok());
    let after = app.get("alice").await.unwrap();
    assert_eq!(after["UserAttributes"], before["UserAttributes"]);
    assert_eq!(after["UserStatus"], "CONFIRMED");
    assert_ne!(after["UserLastModifiedDate"], before["UserLastModifiedDate"]);
    assert_eq!(app.confirm_forgot_password("alice", code, PASSWORD).await, refused(EXPIRED), "once");
    assert_eq!(world.rows("select count(*) from codes").await, 0);
}

async fn wrong_codes(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    app.confirmed("bob").await;
    assert_eq!(app.confirm_forgot_password("alice", "123456", NEW_PASSWORD).await, refused(EXPIRED), "none");
    let code = code(&app, "alice").await;
    for wrong in [other(&code), format!("{code}0"), code[1..].to_owned(), "x".to_owned()] {
        assert_eq!(app.confirm_forgot_password("alice", &wrong, NEW_PASSWORD).await, refused(MISMATCH), "{wrong}");
    }
    assert_eq!(app.confirm_forgot_password("bob", &code, NEW_PASSWORD).await, refused(EXPIRED));
    app.forgot_password("bob").await.unwrap();
    assert_eq!(app.confirm_forgot_password("bob", &code, NEW_PASSWORD).await, refused(MISMATCH), "somebody else's");
    assert!(app.sign_in("alice", PASSWORD).await.is_ok());
    assert_eq!(app.confirm_forgot_password("alice", &code, NEW_PASSWORD).await, Ok(json!({})));
}

async fn a_code_lives_an_hour(world: World) {
    let app = world.app(json!({})).await;
    for (name, last) in [("alice", true), ("bob", false)] {
        app.confirmed(name).await;
        let code = code(&app, name).await;
        // The next call moves the clock by a millisecond more.
        world.pass(if last { HOUR - 2 * MILLISECOND } else { HOUR - MILLISECOND });
        let expected = if last { Ok(json!({})) } else { refused(EXPIRED) };
        assert_eq!(app.confirm_forgot_password(name, &code, NEW_PASSWORD).await, expected, "{name}");
    }
}

async fn a_new_code_replaces_the_old(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let old = code(&app, "alice").await;
    world.pass(HOUR / 2);
    let new = code(&app, "alice").await;
    assert_ne!(old, new);
    assert_eq!(app.confirm_forgot_password("alice", &old, NEW_PASSWORD).await, refused(EXPIRED));
    world.pass(HOUR / 2);
    assert_eq!(app.confirm_forgot_password("alice", &new, NEW_PASSWORD).await, Ok(json!({})), "an hour of its own");
}

async fn a_code_is_for_one_purpose_and_one_address(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    app.sign_up("alice").await.unwrap();
    let of_sign_up = world.code(&email("alice")).await;
    app.confirm("alice", &of_sign_up).await.unwrap();
    assert_eq!(app.confirm_forgot_password("alice", &of_sign_up, NEW_PASSWORD).await, refused(EXPIRED));
    let code = code(&app, "alice").await;
    let again = "NotAuthorizedException: User cannot be confirmed. Current status is CONFIRMED";
    assert_eq!(app.confirm("alice", &code).await, refused(again));
    let values = json!({"email": "eve@example.com", "email_verified": "true"}).to_string();
    let moved = Batch::new().any("update users set attributes = $1 where username = 'alice'", params![values]);
    world.store.apply(moved).await.unwrap();
    assert_eq!(app.confirm_forgot_password("alice", &code, NEW_PASSWORD).await, refused(MISMATCH), "went elsewhere");
}

async fn a_weak_password_leaves_the_code(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let code = code(&app, "alice").await;
    for (weak, reason) in [
        ("Short-1", "Password not long enough"),
        ("correct-horse-9", "Password must have uppercase characters"),
        ("CORRECT-HORSE-9", "Password must have lowercase characters"),
        ("Correct-Horse", "Password must have numeric characters"),
        ("CorrectHorse9", "Password must have symbol characters"),
    ] {
        let text = format!("InvalidPasswordException: Password does not conform to policy: {reason}");
        assert_eq!(app.confirm_forgot_password("alice", &code, weak).await, refused(&text), "{weak}");
    }
    assert_eq!(app.confirm_forgot_password("alice", &code, NEW_PASSWORD).await, Ok(json!({})));
}

/// Where the code of a user with these verified addresses goes in a pool with this setting.
async fn goes(world: &World, mechanisms: Value, verified: &[&str]) -> Answer {
    let mut settings = with_sms(json!({}));
    if !mechanisms.is_null() {
        settings["AccountRecoverySetting"] = json!({"RecoveryMechanisms": mechanisms});
    }
    let app = world.app(settings).await;
    let flags = ["email", "phone_number"].map(|kind| (format!("{kind}_verified"), verified.contains(&kind)));
    let mut values = vec![("email", "alice@example.com"), ("phone_number", PHONE)];
    values.extend(flags.iter().map(|(flag, is)| (flag.as_str(), if *is { "true" } else { "false" })));
    app.create("alice", &values).await.unwrap();
    app.set_password("alice", PASSWORD, true).await.unwrap();
    let answer = app.forgot_password("alice").await;
    if let Ok(answer) = &answer {
        let by_phone = answer["CodeDeliveryDetails"]["DeliveryMedium"] == "SMS";
        let code = world.code(if by_phone { PHONE } else { "alice@example.com" }).await;
        assert_eq!(app.confirm_forgot_password("alice", &code, NEW_PASSWORD).await, Ok(json!({})));
    }
    answer
}

async fn where_a_code_goes(world: World) {
    let (mail, phone) = (sent("email", "EMAIL", "a***@e***"), sent("phone_number", "SMS", "+*******9934"));
    let both = ["email", "phone_number"];
    assert_eq!(goes(&world, Value::Null, &both).await, phone, "the phone first, where nothing is set");
    assert_eq!(goes(&world, Value::Null, &["email"]).await, mail);
    assert_eq!(goes(&world, Value::Null, &[]).await, refused(NOTHING_VERIFIED));
    let mail_first =
        json!([{"Name": "verified_phone_number", "Priority": 2}, {"Name": "verified_email", "Priority": 1}]);
    assert_eq!(goes(&world, mail_first.clone(), &both).await, mail);
    assert_eq!(goes(&world, mail_first, &["phone_number"]).await, phone);
    let mail_only = json!([{"Name": "verified_email", "Priority": 1}]);
    assert_eq!(goes(&world, mail_only.clone(), &both).await, mail);
    assert_eq!(goes(&world, mail_only, &["phone_number"]).await, refused(NOTHING_VERIFIED));
    let phone_only = json!([{"Name": "verified_phone_number", "Priority": 1}]);
    assert_eq!(goes(&world, phone_only, &["email"]).await, refused(NOTHING_VERIFIED));
    let admin_only = json!([{"Name": "admin_only", "Priority": 1}]);
    assert_eq!(goes(&world, admin_only, &both).await, refused(ADMINISTRATOR));
}

async fn a_phone_that_is_the_second_factor(world: World) {
    let app = world.app(with_sms(json!({"MfaConfiguration": "OPTIONAL"}))).await;
    let values = [
        ("email", "alice@example.com"),
        ("email_verified", "true"),
        ("phone_number", PHONE),
        ("phone_number_verified", "true"),
    ];
    app.create("alice", &values).await.unwrap();
    app.create("bob", &values[2..]).await.unwrap();
    for name in ["alice", "bob"] {
        app.set_password(name, PASSWORD, true).await.unwrap();
        assert_eq!(app.forgot_password(name).await, sent("phone_number", "SMS", "+*******9934"));
    }
    // The operations that set one up are still to be built.
    let set_up = Batch::new().any("update users set mfa = $1", params![json!({"sms": {}}).to_string()]);
    world.store.apply(set_up).await.unwrap();
    assert_eq!(app.forgot_password("alice").await, sent("email", "EMAIL", "a***@e***"));
    assert_eq!(app.forgot_password("bob").await, refused(NOTHING_VERIFIED));
}

async fn who_gets_no_code(world: World) {
    let pool = world.pool(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let app = world.client(&pool, json!({})).await;
    let hiding = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    app.create("invited", &[("email", &email("invited")), ("email_verified", "true")]).await.unwrap();
    app.confirmed("disabled").await;
    app.disable("disabled").await;
    app.confirmed("elsewhere").await;
    let sql = "update users set status = 'EXTERNAL_PROVIDER' where username = 'elsewhere'";
    world.store.apply(Batch::new().one(sql, params![], "NoUser")).await.unwrap();
    // Cognito tells these apart from unknown users at every client (reference 02 §8, 03 §5).
    for client in [&app, &hiding] {
        assert_eq!(client.forgot_password("invited").await, refused(NOT_RESETTABLE));
        assert_eq!(client.forgot_password("elsewhere").await, refused(NOT_RESETTABLE));
        assert_eq!(client.forgot_password("disabled").await, refused(DISABLED));
    }
    app.sign_up("unconfirmed").await.unwrap();
    assert_eq!(app.forgot_password("unconfirmed").await, refused(NOTHING_VERIFIED));
    assert_eq!(app.forgot_password("nobody").await, refused(NOBODY));
    assert_eq!(world.rows("select count(*) from codes where purpose = 'forgot_password'").await, 0);
    assert_eq!(world.rows("select count(*) from messages where kind = 'ForgotPassword'").await, 0);
    let unknown = json!({"ClientId": "26cb2c60kq7nbmas7rbme9b6pp", "Username": "bob"});
    let text = "ResourceNotFoundException: User pool client 26cb2c60kq7nbmas7rbme9b6pp does not exist.";
    assert_eq!(world.call(Operation::ForgotPassword, unknown).await, refused(text));
}

async fn whose_password_no_code_sets(world: World) {
    let pool = world.pool(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let app = world.client(&pool, json!({})).await;
    let hiding = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    assert_eq!(app.confirm_forgot_password("nobody", "123456", NEW_PASSWORD).await, refused(NOBODY));
    app.sign_up("unconfirmed").await.unwrap();
    let not_confirmed = refused("UserNotConfirmedException: User is not confirmed.");
    assert_eq!(app.confirm_forgot_password("unconfirmed", "123456", NEW_PASSWORD).await, not_confirmed);
    // The administrator came between: what was sent before is worth nothing.
    app.confirmed("alice").await;
    let code = code(&app, "alice").await;
    app.set_password("alice", PASSWORD, false).await.unwrap();
    for client in [&app, &hiding] {
        assert_eq!(client.confirm_forgot_password("alice", &code, NEW_PASSWORD).await, refused(NOT_RESETTABLE));
    }
    app.set_password("alice", PASSWORD, true).await.unwrap();
    app.disable("alice").await;
    for client in [&app, &hiding] {
        assert_eq!(client.confirm_forgot_password("alice", &code, NEW_PASSWORD).await, refused(DISABLED));
    }
    app.admin(Operation::AdminEnableUser, "alice", json!({})).await.unwrap();
    assert_eq!(app.confirm_forgot_password("alice", &code, NEW_PASSWORD).await, Ok(json!({})));
}

async fn an_unconfirmed_user_with_a_verified_address(world: World) {
    let app = world.app(json!({})).await;
    app.sign_up("alice").await.unwrap();
    let values = json!({"email": email("alice"), "email_verified": "true"}).to_string();
    let verified = Batch::new().any("update users set attributes = $1", params![values]);
    world.store.apply(verified).await.unwrap();
    let code = code(&app, "alice").await;
    let not_confirmed = refused("UserNotConfirmedException: User is not confirmed.");
    assert_eq!(app.confirm_forgot_password("alice", &code, NEW_PASSWORD).await, not_confirmed);
    assert_eq!(app.status("alice").await, "UNCONFIRMED");
}

async fn five_codes_an_hour(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    for _ in 0..5 {
        app.forgot_password("alice").await.unwrap();
    }
    let newest = world.code(&email("alice")).await;
    assert_eq!(app.forgot_password("alice").await, refused(TOO_MANY));
    assert_eq!(world.messages(&email("alice")).await.len(), 5);
    assert_eq!(app.confirm_forgot_password("alice", &newest, NEW_PASSWORD).await, Ok(json!({})), "it still works");
    app.confirmed("bob").await;
    assert!(app.forgot_password("bob").await.is_ok(), "others are not concerned");
    world.pass(HOUR);
    assert!(app.forgot_password("alice").await.is_ok());
}

async fn fifteen_tries_an_hour(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let code = code(&app, "alice").await;
    for _ in 0..15 {
        assert_eq!(app.confirm_forgot_password("alice", &other(&code), NEW_PASSWORD).await, refused(MISMATCH));
    }
    assert_eq!(app.confirm_forgot_password("alice", &code, NEW_PASSWORD).await, refused(TOO_MANY), "the right one");
    let new = self::code(&app, "alice").await;
    assert_eq!(app.confirm_forgot_password("alice", &new, NEW_PASSWORD).await, refused(TOO_MANY), "nor a new one");
    world.pass(HOUR - 3 * MILLISECOND);
    assert_eq!(app.confirm_forgot_password("alice", &new, NEW_PASSWORD).await, Ok(json!({})));
}

async fn locks_are_opened(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    for _ in 0..5 {
        assert_eq!(app.sign_in("alice", "Wrong-Horse-9").await, refused(INCORRECT));
    }
    let code = code(&app, "alice").await;
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(LOCKED));
    app.confirm_forgot_password("alice", &code, NEW_PASSWORD).await.unwrap();
    assert!(app.sign_in("alice", NEW_PASSWORD).await.is_ok());
    assert_eq!(world.rows("select count(*) from attempts where factor like 'password%'").await, 0);
}

async fn one_code_for_many_at_once(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let code = code(&app, "alice").await;
    let (second, first) = (world.house.neighbour(&world.store).await, &world.house);
    let answers = at_once(12, |n| {
        let (house, app, code) = (if n % 2 == 0 { first } else { &second }, &app, &code);
        async move {
            let request = json!({"ClientId": app.client, "Username": "alice", "ConfirmationCode": code,
                "Password": format!("Password-number-{n}")});
            house.json(Operation::ConfirmForgotPassword, request).await.map_err(|error| error.to_string())
        }
    });
    assert_eq!(outcomes(&answers), [(EXPIRED, 11), ("ok", 1)].into());
    let winner = answers.iter().position(Result::is_ok).unwrap();
    assert!(app.sign_in("alice", &format!("Password-number-{winner}")).await.is_ok());
}

async fn a_code_of_another_node(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let code = code(&app, "alice").await;
    let second = world.house.neighbour(&world.store).await;
    let request = json!({"ClientId": app.client, "Username": "alice", "ConfirmationCode": code,
        "Password": NEW_PASSWORD});
    assert_eq!(second.json(Operation::ConfirmForgotPassword, request.clone()).await.unwrap(), json!({}));
    assert_eq!(world.call(Operation::ConfirmForgotPassword, request).await, refused(EXPIRED));
    assert!(app.sign_in("alice", NEW_PASSWORD).await.is_ok());
}

/// A server that can hash nothing answers wrong codes all the same, and loses no code when it cannot go on.
async fn nothing_is_hashed_without_a_code(world: World) {
    let app = world.app(json!({})).await;
    let hiding = world.client(&app.pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    app.confirmed("alice").await;
    let code = code(&app, "alice").await;
    let full = Furniture::default();
    let hashing = cenote_secrets::HashingConfig { queue_total: 0, ..full.hashing };
    let busy = world.house.furnished_neighbour(&world.store, Furniture { hashing, ..full }).await;
    let request = |name: &str, code: &str| json!({"ClientId": hiding.client, "Username": name, "ConfirmationCode": code, "Password": NEW_PASSWORD});
    assert_eq!(busy.refusal(Operation::ConfirmForgotPassword, request("alice", &other(&code))).await, MISMATCH);
    assert_eq!(busy.refusal(Operation::ConfirmForgotPassword, request("nobody", &code)).await, EXPIRED);
    let too_busy = "TooManyRequestsException: Too many requests";
    assert_eq!(busy.refusal(Operation::ConfirmForgotPassword, request("alice", &code)).await, too_busy);
    assert_eq!(app.confirm_forgot_password("alice", &code, NEW_PASSWORD).await, Ok(json!({})));
}

async fn reset(app: &App<'_>, name: &str) -> Answer {
    app.admin(Operation::AdminResetUserPassword, name, json!({})).await
}

async fn an_administrator_resets(world: World) {
    let app = world.app(json!({})).await;
    let hiding = world.client(&app.pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    for _ in 0..2 {
        assert_eq!(reset(&app, "alice").await, Ok(json!({})));
        assert_eq!(app.status("alice").await, "RESET_REQUIRED");
    }
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(RESET_REQUIRED));
    assert_eq!(app.sign_in("alice", "Wrong-Horse-9").await, refused(RESET_REQUIRED));
    assert_eq!(app.admin_sign_in("alice", PASSWORD).await, refused(RESET_REQUIRED));
    assert_eq!(hiding.sign_in("alice", PASSWORD).await, refused(RESET_REQUIRED));
    assert_eq!(hiding.sign_in("alice", "Wrong-Horse-9").await, refused(INCORRECT));
    assert!(app.get_user(&tokens).await.is_ok(), "tokens stay valid");
    let texts = world.messages(&email("alice")).await;
    assert_eq!(texts.len(), 2);
    assert!(texts.iter().all(|text| text.starts_with("Your password reset code is ")), "{texts:?}");
    let code = world.code(&email("alice")).await;
    assert_eq!(app.confirm_forgot_password("alice", &code, NEW_PASSWORD).await, Ok(json!({})));
    assert_eq!(app.status("alice").await, "CONFIRMED");
    assert!(app.sign_in("alice", NEW_PASSWORD).await.is_ok());
    // Asking for a code oneself helps as well.
    reset(&app, "alice").await.unwrap();
    let code = self::code(&app, "alice").await;
    assert_eq!(app.confirm_forgot_password("alice", &code, PASSWORD).await, Ok(json!({})));
    let rows = cenote_store::audit::page(&world.store, None, 100).await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.action == "cognito-idp:AdminResetUserPassword").count(), 3);
}

async fn whom_an_administrator_does_not_reset(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    assert_eq!(reset(&app, "nobody").await, refused(NO_USER));
    app.create("invited", &[("email", &email("invited")), ("email_verified", "true")]).await.unwrap();
    assert_eq!(reset(&app, "invited").await, refused(NOT_RESETTABLE));
    app.confirmed("disabled").await;
    app.disable("disabled").await;
    assert_eq!(reset(&app, "disabled").await, refused(DISABLED));
    app.sign_up("unconfirmed").await.unwrap();
    assert_eq!(reset(&app, "unconfirmed").await, refused(NOTHING_VERIFIED));
    app.create("unreachable", &[]).await.unwrap();
    app.set_password("unreachable", PASSWORD, true).await.unwrap();
    assert_eq!(reset(&app, "unreachable").await, refused(NOTHING_VERIFIED));
    assert!(app.sign_in("unreachable", PASSWORD).await.is_ok(), "the old password is what is left");
    let mechanisms = json!({"RecoveryMechanisms": [{"Name": "admin_only", "Priority": 1}]});
    let closed = world.app(json!({"AccountRecoverySetting": mechanisms})).await;
    closed.confirmed("alice").await;
    assert_eq!(reset(&closed, "alice").await, refused(ADMINISTRATOR));
    assert_eq!(closed.confirm_forgot_password("alice", "123456", NEW_PASSWORD).await, refused(EXPIRED));
    let nowhere = App { pool: "eu-west-1_ZZZZZZZZZ".to_owned(), ..app.clone() };
    let no_pool = refused("ResourceNotFoundException: User pool eu-west-1_ZZZZZZZZZ does not exist.");
    assert_eq!(reset(&nowhere, "alice").await, no_pool);
}

async fn what_fails_closed(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let code = code(&app, "alice").await;
    let not_built = |what: &str| refused(&format!("NotImplementedException: Cenote does not implement {what} yet."));
    let switch_on = async |mut settings: Value| {
        settings["UserPoolId"] = json!(app.pool);
        world.call(Operation::UpdateUserPool, settings).await.unwrap();
    };
    let function = "arn:aws:lambda:eu-west-1:123456789012:function:a";
    let key = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555";
    let sender = json!({"LambdaVersion": "V1_0", "LambdaArn": function});
    switch_on(json!({"LambdaConfig": {"CustomEmailSender": sender, "KMSKeyID": key}})).await;
    for name in ["alice", "nobody"] {
        assert_eq!(app.forgot_password(name).await, not_built("the CustomEmailSender trigger"));
    }
    assert_eq!(reset(&app, "alice").await, not_built("the CustomEmailSender trigger"));
    switch_on(json!({"UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}})).await;
    let enforced = not_built("AdvancedSecurityMode ENFORCED");
    assert_eq!(app.confirm_forgot_password("alice", &code, NEW_PASSWORD).await, enforced);
    // A link confirms a sign-up; a password is always reset by a code.
    switch_on(json!({"VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_LINK"}})).await;
    assert!(app.forgot_password("alice").await.is_ok());
}

async fn clients_with_a_secret(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({"GenerateSecret": true})).await;
    app.confirmed("alice").await;
    let code = code(&app, "alice").await;
    let without = App { secret: None, ..app.clone() };
    let text = "NotAuthorizedException: Client CLIENT is configured with secret but SECRET_HASH was not received";
    let text = text.replace("CLIENT", &app.client);
    assert_eq!(without.forgot_password("alice").await, refused(&text));
    assert_eq!(without.confirm_forgot_password("alice", &code, NEW_PASSWORD).await, refused(&text));
    let wrong = json!({"SecretHash": app.hash("bob"), "ConfirmationCode": code, "Password": NEW_PASSWORD});
    let text = format!("NotAuthorizedException: Unable to verify secret hash for client {}", app.client);
    let asked = app.public(Operation::ForgotPassword, "alice", json!({"SecretHash": app.hash("bob")})).await;
    assert_eq!(asked, refused(&text));
    assert_eq!(app.public(Operation::ConfirmForgotPassword, "alice", wrong).await, refused(&text));
    assert_eq!(app.confirm_forgot_password("alice", &code, NEW_PASSWORD).await, Ok(json!({})));
}
