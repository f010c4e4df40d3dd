//! The challenge NEW_PASSWORD_REQUIRED and its answers (reference 04 §2).

use std::time::Duration;

use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::on_both_engines;
use super::sign_up::with_sms;
use super::world::{Answer, App, INCORRECT, INVALID_SESSION, NEW_PASSWORD, PASSWORD, World, claims, email};

on_both_engines! {
    what_is_asked_and_what_an_answer_does,
    required_attributes,
    attributes_that_may_not_be_set,
    a_new_address_is_not_verified,
    addresses_of_others,
    passwords_against_the_policy,
    what_is_missing,
    a_session_lives_as_long_as_the_client_says,
    a_session_works_once,
    a_session_ends_with_the_password_it_proved,
    an_administrator_answers,
    a_confidential_client,
    a_session_fits_one_challenge,
}

const SECOND: Duration = Duration::from_secs(1);

fn refused(text: &str) -> Answer {
    Err(text.to_owned())
}

fn invalid(text: &str) -> Answer {
    Err(format!("InvalidParameterException: {text}"))
}

async fn what_is_asked_and_what_an_answer_does(world: World) {
    let app = world.app(json!({"Schema": [{"Name": "given_name", "Required": true}]})).await;
    app.create("alice", &[("email", "alice@example.com"), ("email_verified", "true")]).await.unwrap();
    let challenge = app.sign_in("alice", PASSWORD).await.unwrap();
    let session = challenge["Session"].clone();
    assert!((20..=2048).contains(&session.as_str().unwrap().len()), "{session}");
    let parameters = &challenge["ChallengeParameters"];
    assert_eq!(parameters["USER_ID_FOR_SRP"], "alice");
    assert_eq!(parameters["requiredAttributes"], r#"["userAttributes.given_name"]"#);
    let shown: Value = serde_json::from_str(parameters["userAttributes"].as_str().unwrap()).unwrap();
    assert_eq!(shown, json!({"email": "alice@example.com", "email_verified": "true"}));
    let expected = json!({"ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": session,
        "ChallengeParameters": parameters});
    assert_eq!(challenge, expected);

    let more = json!({"userAttributes.given_name": "Alice", "userAttributes.nickname": "Al"});
    let answer = app.answer(&session, "alice", more).await.unwrap();
    assert_eq!(answer["ChallengeParameters"], json!({}));
    let tokens = &answer["AuthenticationResult"];
    let id = claims(&tokens["IdToken"]);
    assert_eq!((&id["given_name"], &id["nickname"]), (&json!("Alice"), &json!("Al")));
    assert_eq!(id["email_verified"], json!(true), "an address that stays, stays verified");
    assert!(app.get_user(tokens).await.is_ok());
    assert!(app.refresh(&tokens["RefreshToken"], "alice").await.is_ok());
    assert_eq!(app.status("alice").await, "CONFIRMED");
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(INCORRECT));
    world.pass(Duration::from_secs(400 * 86_400));
    assert!(app.sign_in("alice", NEW_PASSWORD).await.unwrap().get("AuthenticationResult").is_some());
}

async fn required_attributes(world: World) {
    let schema = json!([{"Name": "email", "Required": true}, {"Name": "given_name", "Required": true},
        {"Name": "family_name", "Required": true}]);
    let app = world.app(json!({"Schema": schema})).await;
    app.create("alice", &[("email", "alice@example.com")]).await.unwrap();
    let challenge = app.sign_in("alice", PASSWORD).await.unwrap();
    let asked: Value =
        serde_json::from_str(challenge["ChallengeParameters"]["requiredAttributes"].as_str().unwrap()).unwrap();
    assert_eq!(asked, json!(["userAttributes.family_name", "userAttributes.given_name"]));
    let session = &challenge["Session"];
    let both = "Invalid attributes given, family_name, given_name are missing";
    assert_eq!(app.answer(session, "alice", json!({})).await, invalid(both));
    let one = json!({"userAttributes.given_name": "Alice", "userAttributes.family_name": ""});
    let text = "Invalid attributes given, family_name is missing";
    assert_eq!(app.answer(session, "alice", one).await, invalid(text));
    let names = json!({"userAttributes.given_name": "Alice", "userAttributes.family_name": "Liddell"});
    let with = |name: &str, value: &str| {
        let mut more = names.clone();
        more[format!("userAttributes.{name}")] = json!(value);
        more
    };
    for value in ["eve@example.com", ""] {
        let answer = app.answer(session, "alice", with("email", value)).await;
        assert_eq!(answer, invalid("Cannot modify an already provided email"));
    }
    // Clients send back what they were shown.
    assert!(app.answer(session, "alice", with("email", "alice@example.com")).await.is_ok());
}

async fn attributes_that_may_not_be_set(world: World) {
    let schema = json!([{"Name": "born", "AttributeDataType": "String", "Mutable": false},
        {"Name": "level", "AttributeDataType": "String", "DeveloperOnlyAttribute": true},
        {"Name": "count", "AttributeDataType": "Number"}]);
    let pool = world.pool(json!({"Schema": schema})).await;
    let app = world.client(&pool, json!({})).await;
    let session = app.challenged("alice").await;
    let unauthorized = refused("NotAuthorizedException: A client attempted to write unauthorized attribute");
    for (name, value, refusal) in [
        ("email_verified", "true", invalid("Cannot modify the non-mutable attribute email_verified")),
        ("sub", "me", invalid("Cannot modify the non-mutable attribute sub")),
        ("custom:born", "1852", invalid("user.custom:born: Attribute cannot be updated.")),
        ("custom:x", "1", invalid("Type for attribute {custom:x} could not be determined")),
        ("dev:custom:level", "9", unauthorized.clone()),
        ("email", "alice", invalid("Invalid email address format.")),
        ("phone_number", "555", invalid("Invalid phone number format.")),
    ] {
        let answer = app.answer(&session, "alice", json!({format!("userAttributes.{name}"): value})).await;
        assert_eq!(answer, refusal, "{name}");
    }
    // The model bounds no answer.
    for (name, value) in [("custom:count", "1".repeat(2049)), ("name", "é".repeat(2049))] {
        let answer = app.answer(&session, "alice", json!({format!("userAttributes.{name}"): value})).await;
        let text = format!(
            "Attributes did not conform to the schema: {name}: String length must be less than or equal to 2048"
        );
        assert_eq!(answer, invalid(&text));
    }
    let narrow = world.client(&pool, json!({"WriteAttributes": ["name"]})).await;
    let session = narrow.session("alice").await;
    let nickname = json!({"userAttributes.nickname": "Al"});
    assert_eq!(narrow.answer(&session, "alice", nickname).await, unauthorized);
    assert!(narrow.answer(&session, "alice", json!({"userAttributes.name": "Alice"})).await.is_ok());
}

async fn a_new_address_is_not_verified(world: World) {
    let app = world.app(with_sms(json!({"AliasAttributes": ["email"]}))).await;
    let values = [("email", "old@example.com"), ("email_verified", "true"), ("phone_number", "+12065559934")];
    app.create("alice", &values).await.unwrap();
    let session = app.session("old@example.com").await;
    let more = json!({"userAttributes.email": "new@example.com", "userAttributes.phone_number": ""});
    let tokens = app.answer(&session, "old@example.com", more).await.unwrap()["AuthenticationResult"].clone();
    let id = claims(&tokens["IdToken"]);
    assert_eq!((&id["email"], &id["email_verified"]), (&json!("new@example.com"), &json!(false)));
    let shown = app.attributes("alice").await;
    assert!(!shown.contains_key("phone_number") && !shown.contains_key("phone_number_verified"), "{shown:?}");
    for gone in ["old@example.com", "new@example.com"] {
        let unknown = refused("UserNotFoundException: User does not exist.");
        assert_eq!(app.sign_in(gone, NEW_PASSWORD).await, unknown);
    }
}

async fn addresses_of_others(world: World) {
    let app = world.app(json!({"UsernameAttributes": ["email"]})).await;
    app.create("taken@example.com", &[]).await.unwrap();
    app.create("bob@example.com", &[]).await.unwrap();
    let session = app.session("bob@example.com").await;
    let taken = refused("AliasExistsException: An account with the given email already exists.");
    let theirs = json!({"userAttributes.email": "taken@example.com"});
    assert_eq!(app.answer(&session, "bob@example.com", theirs).await, taken);
    let none = app.answer(&session, "bob@example.com", json!({"userAttributes.email": ""})).await;
    assert_eq!(none, invalid("Required attribute can not be deleted"), "it is what the user signs in with");
    let own = json!({"userAttributes.email": "bobby@example.com"});
    assert!(app.answer(&session, "bob@example.com", own).await.is_ok());
    assert!(app.sign_in("bobby@example.com", NEW_PASSWORD).await.is_ok());
    let app = world.app(json!({"AliasAttributes": ["preferred_username"]})).await;
    app.create("alice", &[("preferred_username", "ace")]).await.unwrap();
    let session = app.challenged("bob").await;
    let answer = app.answer(&session, "bob", json!({"userAttributes.preferred_username": "ace"})).await;
    assert_eq!(answer, refused("AliasExistsException: An account with the given preferred_username already exists."));
    app.answer(&session, "bob", json!({"userAttributes.preferred_username": "bobby"})).await.unwrap();
    assert!(app.sign_in("bobby", NEW_PASSWORD).await.is_ok());
}

async fn passwords_against_the_policy(world: World) {
    let app = world.app(json!({})).await;
    let session = app.challenged("alice").await;
    for (password, reason) in [
        ("x", "Password not long enough"),
        ("correct-horse-9", "Password must have uppercase characters"),
        ("CORRECT-HORSE-9", "Password must have lowercase characters"),
        ("Correct-Horse", "Password must have numeric characters"),
        ("CorrectHorse9", "Password must have symbol characters"),
    ] {
        let answer = app.answer(&session, "alice", json!({"NEW_PASSWORD": password})).await;
        let text = format!("InvalidPasswordException: Password does not conform to policy: {reason}");
        assert_eq!(answer, refused(&text));
    }
    let same = app.answer(&session, "alice", json!({"NEW_PASSWORD": PASSWORD})).await;
    assert!(same.is_ok(), "the temporary password may become the user's own");
}

async fn respond(app: &App<'_>, request: Value) -> Answer {
    let mut whole = json!({"ClientId": app.client, "ChallengeName": "NEW_PASSWORD_REQUIRED"});
    whole.as_object_mut().unwrap().extend(request.as_object().unwrap().clone());
    app.world.call(Operation::RespondToAuthChallenge, whole).await
}

async fn what_is_missing(world: World) {
    let app = world.app(json!({})).await;
    let session = app.challenged("alice").await;
    let missing = |name: &str| invalid(&format!("Missing required parameter {name}"));
    let with = |responses: Value| json!({"Session": session, "ChallengeResponses": responses});
    assert_eq!(respond(&app, json!({"Session": session})).await, missing("USERNAME"));
    assert_eq!(respond(&app, with(json!({"NEW_PASSWORD": NEW_PASSWORD}))).await, missing("USERNAME"));
    assert_eq!(respond(&app, with(json!({"USERNAME": "alice"}))).await, missing("NEW_PASSWORD"));
    let complete = json!({"USERNAME": "alice", "NEW_PASSWORD": NEW_PASSWORD});
    let none = respond(&app, json!({"ChallengeResponses": complete})).await;
    assert_eq!(none, refused(INVALID_SESSION));
    assert!(respond(&app, with(complete)).await.is_ok());
}

async fn a_session_lives_as_long_as_the_client_says(world: World) {
    let pool = world.pool(json!({})).await;
    for (settings, minutes) in [(json!({}), 3), (json!({"AuthSessionValidity": 15}), 15)] {
        let app = world.client(&pool, settings).await;
        let name = format!("user{minutes}");
        let session = app.challenged(&name).await;
        world.pass(Duration::from_secs(minutes * 60));
        let expired = "NotAuthorizedException: Invalid session for the user, session is expired.";
        assert_eq!(app.answer(&session, &name, json!({})).await, refused(expired));
        let session = app.session(&name).await;
        world.pass(Duration::from_secs(minutes * 60) - SECOND);
        assert!(app.answer(&session, &name, json!({})).await.is_ok());
    }
}

async fn a_session_works_once(world: World) {
    let app = world.app(json!({})).await;
    let (first, second) = (app.challenged("alice").await, app.session("alice").await);
    assert!(app.answer(&first, "alice", json!({})).await.is_ok());
    let used = "NotAuthorizedException: Invalid session for the user, session can only be used once.";
    assert_eq!(app.answer(&first, "alice", json!({})).await, refused(used));
    assert_eq!(app.answer(&first, "alice", json!({"NEW_PASSWORD": "Other-Horse-9"})).await, refused(used));
    // Another session of the same sign-in: the password that it proved is not the user's any more.
    assert_eq!(app.answer(&second, "alice", json!({})).await, refused(INVALID_SESSION));
    assert_eq!(world.rows("select count(*) from token_families").await, 1);
}

async fn a_session_ends_with_the_password_it_proved(world: World) {
    let app = world.app(json!({})).await;
    for permanent in [true, false] {
        let name = format!("user{permanent}");
        let session = app.challenged(&name).await;
        app.set_password(&name, "Another-Horse-9", permanent).await.unwrap();
        assert_eq!(app.answer(&session, &name, json!({})).await, refused(INVALID_SESSION));
        assert!(app.sign_in(&name, "Another-Horse-9").await.is_ok());
    }
    let session = app.challenged("alice").await;
    app.admin(Operation::AdminDeleteUser, "alice", json!({})).await.unwrap();
    assert_eq!(app.answer(&session, "alice", json!({})).await, refused(INVALID_SESSION));
    app.create("alice", &[]).await.unwrap();
    assert_eq!(app.answer(&session, "alice", json!({})).await, refused(INVALID_SESSION), "the next of that name");
}

async fn an_administrator_answers(world: World) {
    let app = world.app(json!({})).await;
    app.create("alice", &[]).await.unwrap();
    let session = app.admin_sign_in("alice", PASSWORD).await.unwrap()["Session"].clone();
    let request = |pool: &str, client: &str| {
        json!({"UserPoolId": pool, "ClientId": client, "Session": session,
        "ChallengeName": "NEW_PASSWORD_REQUIRED",
        "ChallengeResponses": {"USERNAME": "alice", "NEW_PASSWORD": NEW_PASSWORD}})
    };
    let respond = async |request| world.call(Operation::AdminRespondToAuthChallenge, request).await;
    let no_pool = "ResourceNotFoundException: User pool eu-west-1_ZZZZZZZZZ does not exist.";
    assert_eq!(respond(request("eu-west-1_ZZZZZZZZZ", &app.client)).await, refused(no_pool));
    let other = world.app(json!({})).await;
    let no_client = format!("ResourceNotFoundException: User pool client {} does not exist.", other.client);
    assert_eq!(respond(request(&app.pool, &other.client)).await, refused(&no_client));
    assert_eq!(respond(request(&other.pool, &other.client)).await, refused(INVALID_SESSION));
    let answer = respond(request(&app.pool, &app.client)).await.unwrap();
    assert_eq!(claims(&answer["AuthenticationResult"]["AccessToken"])["username"], "alice");
}

async fn a_confidential_client(world: World) {
    let pool = world.pool(json!({"UsernameAttributes": ["email"]})).await;
    let app = world.client(&pool, json!({"GenerateSecret": true})).await;
    app.create(&email("alice"), &[]).await.unwrap();
    let challenge = app.sign_in(&email("alice"), PASSWORD).await.unwrap();
    let session = &challenge["Session"];
    let uuid = challenge["ChallengeParameters"]["USER_ID_FOR_SRP"].as_str().unwrap().to_owned();
    let without = App { secret: None, ..app.clone() };
    let missing = format!(
        "NotAuthorizedException: Client {} is configured with secret but SECRET_HASH was not received",
        app.client
    );
    assert_eq!(without.answer(session, &uuid, json!({})).await, refused(&missing));
    // The hash is over the name that is sent with it.
    let other = json!({"SECRET_HASH": app.hash(&uuid)});
    let mut responses = json!({"USERNAME": email("alice"), "NEW_PASSWORD": NEW_PASSWORD});
    responses["SECRET_HASH"] = other["SECRET_HASH"].clone();
    let wrong = format!("NotAuthorizedException: Unable to verify secret hash for client {}", app.client);
    let request = json!({"Session": session, "ChallengeResponses": responses});
    assert_eq!(respond(&app, request).await, refused(&wrong));
    // The UUID or the address: both are the user of the session.
    assert!(app.answer(session, &uuid, json!({})).await.is_ok());
}

async fn a_session_fits_one_challenge(world: World) {
    let app = world.app(json!({})).await;
    let session = app.challenged("alice").await;
    let responses = json!({"USERNAME": "alice", "NEW_PASSWORD": NEW_PASSWORD, "ANSWER": "x", "SMS_MFA_CODE": "123456",
        "SOFTWARE_TOKEN_MFA_CODE": "123456", "EMAIL_OTP_CODE": "123456", "PASSWORD": PASSWORD});
    for name in [
        "SMS_MFA",
        "EMAIL_OTP",
        "SOFTWARE_TOKEN_MFA",
        "SELECT_MFA_TYPE",
        "MFA_SETUP",
        "CUSTOM_CHALLENGE",
        "SELECT_CHALLENGE",
        "DEVICE_SRP_AUTH",
        "DEVICE_PASSWORD_VERIFIER",
        "ADMIN_NO_SRP_AUTH",
        "PASSWORD",
        "PASSWORD_SRP",
        "WEB_AUTHN",
        "SMS_OTP",
    ] {
        let request = json!({"ChallengeName": name, "Session": session, "ChallengeResponses": responses});
        assert_eq!(respond(&app, request).await, refused(INVALID_SESSION), "{name}");
    }
    assert!(app.answer(&session, "alice", json!({})).await.is_ok());
}
