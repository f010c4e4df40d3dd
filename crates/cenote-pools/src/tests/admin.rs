//! What administrators do to users: AdminCreateUser, AdminGetUser, AdminConfirmSignUp, AdminSetUserPassword,
//! AdminDeleteUser (reference 03 §4, §6 to §8, §10).

use std::time::Duration;

use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::on_both_engines;
use super::sign_up::with_sms;
use super::world::{Answer, App, INCORRECT, NEW_PASSWORD, NO_USER, PASSWORD, World, attributes, by_name, email};

on_both_engines! {
    a_user_is_created_and_shown,
    an_invitation_goes_where_it_is_asked_to,
    a_generated_password_satisfies_the_policy,
    an_invitation_is_sent_again,
    who_is_not_invited_again,
    names_and_addresses_that_are_taken,
    attributes_of_a_new_user,
    passwords_against_the_policy,
    users_without_a_password,
    aliases_of_a_new_user,
    confirming,
    setting_a_password,
    deleting,
    pools_and_users_that_do_not_exist,
    every_signed_write_is_audited,
}

fn refused(text: &str) -> Answer {
    Err(text.to_owned())
}

fn invalid(text: &str) -> Answer {
    Err(format!("InvalidParameterException: {text}"))
}

async fn create(app: &App<'_>, name: &str, more: Value) -> Answer {
    app.admin(Operation::AdminCreateUser, name, more).await
}

async fn a_user_is_created_and_shown(world: World) {
    let app = world.app(json!({})).await;
    let answer = app.create("alice", &[("email", "alice@example.com"), ("given_name", "Alice")]).await.unwrap();
    let user = &answer["User"];
    let shown = by_name(&user["Attributes"]);
    let sub = shown["sub"].clone();
    let expected = json!({"sub": sub, "email": "alice@example.com", "email_verified": "false", "given_name": "Alice"});
    assert_eq!(Value::Object(shown), expected);
    let rest = json!({"Username": "alice", "Attributes": user["Attributes"], "UserCreateDate": user["UserCreateDate"],
        "UserLastModifiedDate": user["UserCreateDate"], "Enabled": true, "UserStatus": "FORCE_CHANGE_PASSWORD"});
    assert_eq!(*user, rest);
    let created = user["UserCreateDate"].as_f64().unwrap();
    world.pass(Duration::from_secs(60));
    app.set_password("alice", PASSWORD, true).await.unwrap();
    let got = app.get("alice").await.unwrap();
    let expected = json!({"Username": "alice", "UserAttributes": got["UserAttributes"], "UserCreateDate": created,
        "UserLastModifiedDate": got["UserLastModifiedDate"], "Enabled": true, "UserStatus": "CONFIRMED"});
    assert_eq!(got, expected);
    assert!((got["UserLastModifiedDate"].as_f64().unwrap() - created - 60.001).abs() < 0.0005);
    assert_eq!(by_name(&got["UserAttributes"])["sub"], sub);
}

async fn an_invitation_goes_where_it_is_asked_to(world: World) {
    let app = world.app(with_sms(json!({}))).await;
    let both = attributes(&[("email", "alice@example.com"), ("phone_number", "+12065559934")]);
    let temporary = "Your username is NAME and temporary password is Correct-Horse-9.";
    for (name, mediums, expected) in [
        ("by-default", None, [false, true]),
        ("by-mail", Some(json!(["EMAIL"])), [true, false]),
        ("by-both", Some(json!(["EMAIL", "SMS", "EMAIL"])), [true, true]),
        ("by-none", Some(json!([])), [false, true]),
    ] {
        let mut more = json!({"TemporaryPassword": PASSWORD, "UserAttributes": both});
        if let Some(mediums) = mediums {
            more["DesiredDeliveryMediums"] = mediums;
        }
        create(&app, name, more).await.unwrap();
        let text = temporary.replace("NAME", name);
        for (address, expected) in ["alice@example.com", "+12065559934"].into_iter().zip(expected) {
            let sent = world.messages(address).await.iter().filter(|body| **body == text).count();
            assert_eq!(sent, usize::from(expected), "{name} {address}");
        }
    }
    let before = world.rows("select count(*) from messages").await;
    let suppressed = json!({"TemporaryPassword": PASSWORD, "UserAttributes": both, "MessageAction": "SUPPRESS",
        "DesiredDeliveryMediums": ["EMAIL", "SMS"]});
    create(&app, "suppressed", suppressed).await.unwrap();
    create(&app, "nowhere", json!({"DesiredDeliveryMediums": ["EMAIL", "SMS"]})).await.unwrap();
    assert_eq!(world.rows("select count(*) from messages").await, before);
    assert_eq!(app.status("nowhere").await, "FORCE_CHANGE_PASSWORD");

    let texts = json!({"AdminCreateUserConfig": {"InviteMessageTemplate": {"EmailSubject": "Welcome",
        "EmailMessage": "<b>{username}</b> {####}", "SMSMessage": "{username}, {####}"}}});
    let app = world.app(texts).await;
    let more = json!({"TemporaryPassword": "Aa1-<&>\"'xy", "DesiredDeliveryMediums": ["EMAIL"],
        "UserAttributes": attributes(&[("email", "bob@example.com")])});
    create(&app, "b&b", more).await.unwrap();
    let body = world.messages("bob@example.com").await.remove(0);
    assert_eq!(body, "<b>b&amp;b</b> Aa1-&lt;&amp;&gt;&quot;&#39;xy");
}

async fn a_generated_password_satisfies_the_policy(world: World) {
    let app = world.app(json!({"Policies": {"PasswordPolicy": {"MinimumLength": 20, "RequireNumbers": true}}})).await;
    let more =
        json!({"DesiredDeliveryMediums": ["EMAIL"], "UserAttributes": attributes(&[("email", &email("alice"))])});
    create(&app, "alice", more).await.unwrap();
    let body = world.messages(&email("alice")).await.remove(0);
    let password = body.strip_prefix("Your username is alice and temporary password is ").unwrap();
    let password = password.strip_suffix('.').unwrap();
    assert!(password.len() >= 20 && password.bytes().any(|byte| byte.is_ascii_digit()), "{password}");
    assert_eq!(app.sign_in("alice", password).await.unwrap()["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(INCORRECT));
}

async fn an_invitation_is_sent_again(world: World) {
    let app = world.app(json!({"UsernameAttributes": ["email"]})).await;
    let name = email("alice");
    create(&app, &name, json!({"DesiredDeliveryMediums": ["EMAIL"]})).await.unwrap();
    let first = world.messages(&name).await.remove(0);
    assert!(first.starts_with(&format!("Your username is {name} and")), "{first}");
    let password = |body: &str| body.split(' ').next_back().unwrap().trim_end_matches('.').to_owned();
    let session = app.sign_in(&name, &password(&first)).await.unwrap()["Session"].clone();
    world.pass(Duration::from_secs(6 * 86_400));
    let resend = json!({"MessageAction": "RESEND", "DesiredDeliveryMediums": ["EMAIL"]});
    let answer = create(&app, &name, resend.clone()).await.unwrap();
    assert_eq!(answer["User"]["UserStatus"], "FORCE_CHANGE_PASSWORD");
    let second = world.messages(&name).await.remove(0);
    assert_ne!(first, second);
    assert_eq!(app.sign_in(&name, &password(&first)).await, refused(INCORRECT));
    assert!(app.answer(&session, &name, json!({})).await.is_err(), "the old password's session is over");
    // The period begins anew.
    world.pass(Duration::from_secs(7 * 86_400 - 1));
    assert!(app.sign_in(&name, &password(&second)).await.is_ok());
    // A given one, and no message where there is no address for it.
    let given = json!({"MessageAction": "RESEND", "TemporaryPassword": NEW_PASSWORD});
    create(&app, &name, given).await.unwrap();
    assert_eq!(world.messages(&name).await.len(), 2);
    assert!(app.sign_in(&name, NEW_PASSWORD).await.is_ok());
    let weak = json!({"MessageAction": "RESEND", "TemporaryPassword": "weak-weak"});
    let text =
        "InvalidPasswordException: Password did not conform with policy: Password must have uppercase characters";
    assert_eq!(create(&app, &name, weak).await, refused(text));
}

async fn who_is_not_invited_again(world: World) {
    let app = world.app(json!({})).await;
    let resend = json!({"MessageAction": "RESEND"});
    assert_eq!(create(&app, "nobody", resend.clone()).await, refused(NO_USER));
    app.sign_up("unconfirmed").await.unwrap();
    app.confirmed("alice").await;
    for name in ["unconfirmed", "alice"] {
        let text =
            format!("UnsupportedUserStateException: Resend not possible. {name} status is not FORCE_CHANGE_PASSWORD");
        assert_eq!(create(&app, name, resend.clone()).await, refused(&text));
    }
    assert!(app.sign_in("alice", PASSWORD).await.is_ok());
}

async fn names_and_addresses_that_are_taken(world: World) {
    let app = world.app(json!({})).await;
    app.create("alice", &[]).await.unwrap();
    let taken = refused("UsernameExistsException: User account already exists");
    assert_eq!(app.create("alice", &[]).await, taken);
    let app = world.app(with_sms(json!({"UsernameAttributes": ["email", "phone_number"]}))).await;
    app.create(&email("alice"), &[("phone_number", "+12065559934")]).await.unwrap();
    let by_email = refused("UsernameExistsException: An account with the given email already exists.");
    let by_phone = refused("UsernameExistsException: An account with the given phone_number already exists.");
    assert_eq!(app.create(&email("alice"), &[]).await, by_email);
    assert_eq!(app.create("+12065559934", &[]).await, by_phone);
    assert_eq!(app.create(&email("bob"), &[("phone_number", "+12065559934")]).await, by_phone);
    // An address that is a username never moves.
    let force = json!({"ForceAliasCreation": true, "MessageAction": "SUPPRESS",
        "UserAttributes": attributes(&[("phone_number", "+12065559934"), ("phone_number_verified", "true")])});
    assert_eq!(create(&app, &email("bob"), force).await, by_phone);
    let form = "Username should be either an email or a phone number.";
    assert_eq!(app.create("alice", &[]).await, invalid(form));
}

async fn attributes_of_a_new_user(world: World) {
    let schema = json!({"Schema": [{"Name": "given_name", "Required": true},
        {"Name": "level", "AttributeDataType": "String", "DeveloperOnlyAttribute": true},
        {"Name": "born", "AttributeDataType": "String", "Mutable": false}]});
    let app = world.app(schema).await;
    let values =
        [("dev:custom:level", "9"), ("custom:born", "1852"), ("email", "a@example.com"), ("email_verified", "true")];
    app.create("alice", &values).await.unwrap();
    let shown = app.attributes("alice").await;
    assert_eq!((&shown["dev:custom:level"], &shown["custom:born"]), (&json!("9"), &json!("1852")));
    assert_eq!(shown["email_verified"], "true");
    let unknown = "Attributes did not conform to the schema: Type for attribute {custom:x} could not be determined";
    assert_eq!(app.create("bob", &[("custom:x", "1")]).await, invalid(unknown));
    assert_eq!(app.create("bob", &[("sub", "1")]).await, invalid("Cannot modify the non-mutable attribute sub"));
    assert_eq!(app.create("bob", &[("email", "bob")]).await, invalid("Invalid email address format."));
    assert_eq!(app.create("bob", &[("phone_number", "0")]).await, invalid("Invalid phone number format."));
    assert!(app.create("bob", &[("name", "a\0b")]).await.unwrap_err().starts_with("InvalidParameterException: "));
    assert_eq!(app.get("bob").await, refused(NO_USER));
}

async fn passwords_against_the_policy(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    for (password, reason) in [
        ("Short-1", "Password not long enough"),
        ("correct-horse-9", "Password must have uppercase characters"),
        ("CORRECT-HORSE-9", "Password must have lowercase characters"),
        ("Correct-Horse", "Password must have numeric characters"),
        ("CorrectHorse9", "Password must have symbol characters"),
    ] {
        let text = format!("InvalidPasswordException: Password did not conform with policy: {reason}");
        assert_eq!(create(&app, "bob", json!({"TemporaryPassword": password})).await, refused(&text));
        assert_eq!(app.set_password("alice", password, true).await, refused(&text));
        assert_eq!(app.set_password("alice", password, false).await, refused(&text));
    }
    assert_eq!(app.get("bob").await, refused(NO_USER));
    assert!(app.sign_in("alice", PASSWORD).await.is_ok());
}

async fn users_without_a_password(world: World) {
    let factors = json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}});
    let app = world.app(factors).await;
    let mailbox =
        json!({"UserAttributes": attributes(&[("email", &email("alice"))]), "DesiredDeliveryMediums": ["EMAIL"]});
    let answer = create(&app, "alice", mailbox).await.unwrap();
    assert_eq!(answer["User"]["UserStatus"], "CONFIRMED");
    assert_eq!(world.rows("select count(*) from messages").await, 0, "there is no password to tell");
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(INCORRECT));
    let answer = create(&app, "bob", json!({})).await.unwrap();
    assert_eq!(answer["User"]["UserStatus"], "FORCE_CHANGE_PASSWORD", "no mailbox, so a password is needed");
}

async fn aliases_of_a_new_user(world: World) {
    let app = world.app(json!({"AliasAttributes": ["email", "preferred_username"]})).await;
    let verified = [("email", "shared@example.com"), ("email_verified", "true")];
    app.create("alice", &verified).await.unwrap();
    app.create("unverified", &verified[..1]).await.unwrap();
    let taken = refused("AliasExistsException: An account with the given email already exists.");
    assert_eq!(app.create("bob", &verified).await, taken);
    let force = json!({"ForceAliasCreation": true, "MessageAction": "SUPPRESS", "TemporaryPassword": PASSWORD,
        "UserAttributes": attributes(&verified)});
    create(&app, "bob", force).await.unwrap();
    assert_eq!(app.get("shared@example.com").await.unwrap()["Username"], "bob");
    assert_eq!(app.attributes("alice").await["email_verified"], "false");
    assert_eq!(app.attributes("bob").await["email_verified"], "true");
    // What is not verified takes nothing from anybody.
    let unverified = json!({"ForceAliasCreation": true, "MessageAction": "SUPPRESS",
        "UserAttributes": attributes(&verified[..1])});
    create(&app, "carol", unverified).await.unwrap();
    assert_eq!(app.get("shared@example.com").await.unwrap()["Username"], "bob");
    // A preferred user name never moves.
    app.create("dave", &[("preferred_username", "ace")]).await.unwrap();
    for force in [false, true] {
        let more = json!({"ForceAliasCreation": force, "MessageAction": "SUPPRESS",
            "UserAttributes": attributes(&[("preferred_username", "ace")])});
        let taken = refused("AliasExistsException: An account with the given preferred_username already exists.");
        assert_eq!(create(&app, "eve", more).await, taken);
    }
    let name = "Username cannot be of email format, since user pool is configured for email alias.";
    assert_eq!(app.create("eve@example.com", &[]).await, invalid(name));
}

async fn confirming(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    app.sign_up("alice").await.unwrap();
    assert_eq!(app.admin(Operation::AdminConfirmSignUp, "alice", json!({})).await, Ok(json!({})));
    assert_eq!(app.status("alice").await, "CONFIRMED");
    assert_eq!(app.attributes("alice").await["email_verified"], "false", "it proves no address");
    assert!(app.sign_in("alice", PASSWORD).await.is_ok());
    app.create("bob", &[]).await.unwrap();
    for (name, status) in [("alice", "CONFIRMED"), ("bob", "FORCE_CHANGE_PASSWORD")] {
        let text = format!("NotAuthorizedException: User cannot be confirmed. Current status is {status}");
        assert_eq!(app.admin(Operation::AdminConfirmSignUp, name, json!({})).await, refused(&text));
    }
}

async fn setting_a_password(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    app.sign_up("alice").await.unwrap();
    assert_eq!(app.set_password("alice", NEW_PASSWORD, true).await, Ok(json!({})));
    assert_eq!(app.status("alice").await, "CONFIRMED");
    assert_eq!(app.attributes("alice").await["email_verified"], "false");
    assert!(app.sign_in("alice", NEW_PASSWORD).await.unwrap().get("AuthenticationResult").is_some());
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(INCORRECT));
    let more = json!({"Password": PASSWORD});
    app.admin(Operation::AdminSetUserPassword, "alice", more).await.unwrap();
    assert_eq!(app.status("alice").await, "FORCE_CHANGE_PASSWORD", "not permanent unless it is said");
    assert_eq!(app.sign_in("alice", PASSWORD).await.unwrap()["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    let sent = world.rows("select count(*) from messages where kind <> 'SignUp'").await;
    assert_eq!(sent, 0, "nobody is told");
}

async fn deleting(world: World) {
    let app = world.app(json!({"AliasAttributes": ["email"], "AutoVerifiedAttributes": ["email"]})).await;
    app.confirmed("alice").await;
    app.tokens("alice").await;
    app.resend("alice").await.unwrap_err();
    assert_eq!(app.admin(Operation::AdminDeleteUser, &email("alice"), json!({})).await, Ok(Value::Null));
    assert_eq!(app.get("alice").await, refused(NO_USER));
    assert_eq!(app.admin(Operation::AdminDeleteUser, "alice", json!({})).await, refused(NO_USER));
    for sql in [
        "select count(*) from users",
        "select count(*) from aliases",
        "select count(*) from codes",
        "select count(*) from user_attributes",
        "select count(*) from token_families",
        "select cast(sum(n) as bigint) from pool_user_counts",
    ] {
        assert_eq!(world.rows(sql).await, 0, "{sql}");
    }
    app.confirmed("bob").await;
    app.create("carol", &[("email", &email("alice")), ("email_verified", "true")]).await.unwrap();
}

async fn pools_and_users_that_do_not_exist(world: World) {
    let app = world.app(json!({})).await;
    let hiding = world.client(&app.pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    let nowhere = App { pool: "eu-west-1_ZZZZZZZZZ".to_owned(), ..app.clone() };
    let no_pool = refused("ResourceNotFoundException: User pool eu-west-1_ZZZZZZZZZ does not exist.");
    for (operation, more) in [
        (Operation::AdminGetUser, json!({})),
        (Operation::AdminConfirmSignUp, json!({})),
        (Operation::AdminSetUserPassword, json!({"Password": PASSWORD})),
        (Operation::AdminDeleteUser, json!({})),
    ] {
        assert_eq!(app.admin(operation, "nobody", more.clone()).await, refused(NO_USER), "{operation}");
        assert_eq!(hiding.admin(operation, "nobody", more.clone()).await, refused(NO_USER), "{operation}");
        assert_eq!(nowhere.admin(operation, "nobody", more).await, no_pool, "{operation}");
    }
    assert_eq!(create(&nowhere, "nobody", json!({})).await, no_pool);
}

async fn every_signed_write_is_audited(world: World) {
    let app = world.app(json!({})).await;
    app.sign_up("bob").await.unwrap();
    app.create("alice", &[]).await.unwrap();
    create(&app, "alice", json!({"MessageAction": "RESEND", "TemporaryPassword": PASSWORD})).await.unwrap();
    let session = app.admin_sign_in("alice", PASSWORD).await.unwrap()["Session"].clone();
    let answer = json!({"UserPoolId": app.pool, "ClientId": app.client, "ChallengeName": "NEW_PASSWORD_REQUIRED",
        "Session": session, "ChallengeResponses": {"USERNAME": "alice", "NEW_PASSWORD": NEW_PASSWORD}});
    world.pass(Duration::from_millis(1));
    world.call(Operation::AdminRespondToAuthChallenge, answer).await.unwrap();
    app.admin_sign_in("alice", NEW_PASSWORD).await.unwrap();
    app.set_password("alice", PASSWORD, true).await.unwrap();
    app.admin(Operation::AdminConfirmSignUp, "bob", json!({})).await.unwrap();
    app.admin(Operation::AdminDeleteUser, "bob", json!({})).await.unwrap();
    app.get("alice").await.unwrap();
    app.admin(Operation::AdminDeleteUser, "nobody", json!({})).await.unwrap_err();
    let rows = cenote_store::audit::page(&world.store, None, 100).await.unwrap();
    let mut actions: Vec<&str> = rows.iter().map(|row| row.action.strip_prefix("cognito-idp:").unwrap()).collect();
    actions.reverse();
    assert_eq!(
        actions[2..],
        [
            "AdminCreateUser",
            "AdminCreateUser",
            "AdminRespondToAuthChallenge",
            "AdminInitiateAuth",
            "AdminSetUserPassword",
            "AdminConfirmSignUp",
            "AdminDeleteUser",
        ]
    );
    let shown = format!("{rows:?}");
    for value in [PASSWORD, NEW_PASSWORD, "alice", "bob"] {
        assert!(!shown.contains(value), "an audit row says nothing of values");
    }
}
