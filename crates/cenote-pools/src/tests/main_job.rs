//! Sign up, confirm, sign in, look, refresh, revoke: the main job, as a client sees it.

use std::collections::BTreeSet;
use std::time::Duration;

use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::on_both_engines;
use super::world::{PASSWORD, World, attributes, by_name, claims};

on_both_engines! { the_main_job, the_main_job_of_a_confidential_client_whose_users_are_addresses }

const START: i64 = cenote_store::testing::START.secs();

fn uuid(value: &Value) -> bool {
    value.as_str().is_some_and(|text| uuid::Uuid::try_parse(text).is_ok_and(|id| id.to_string() == text))
}

fn members(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

async fn the_main_job(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let values = [("email", "alice@example.com"), ("custom:plan", "5"), ("given_name", "Alice")];
    let unknown = app.sign_up_with("alice", &values).await;
    let text = "Attributes did not conform to the schema: Type for attribute {custom:plan} could not be determined";
    assert_eq!(unknown, Err(format!("InvalidParameterException: {text}")));
    let values = [("email", "alice@example.com"), ("given_name", "Alice")];
    let signed_up = app.sign_up_with("alice", &values).await.unwrap();
    let sub = signed_up["UserSub"].clone();
    let delivery = json!({"AttributeName": "email", "DeliveryMedium": "EMAIL", "Destination": "a***@e***"});
    assert_eq!(signed_up, json!({"UserConfirmed": false, "CodeDeliveryDetails": delivery, "UserSub": sub}));
    assert!(uuid(&sub));
    let not_confirmed = "UserNotConfirmedException: User is not confirmed.";
    assert_eq!(app.sign_in("alice", PASSWORD).await, Err(not_confirmed.to_owned()));
    let code = world.code("alice@example.com").await;
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    assert_eq!(app.confirm("alice", &code).await, Ok(json!({})));

    let answer = app.sign_in("alice", PASSWORD).await.unwrap();
    assert_eq!(members(&answer), BTreeSet::from(["AuthenticationResult", "ChallengeParameters"]));
    assert_eq!(answer["ChallengeParameters"], json!({}));
    let tokens = &answer["AuthenticationResult"];
    let expected = BTreeSet::from(["AccessToken", "ExpiresIn", "IdToken", "RefreshToken", "TokenType"]);
    assert_eq!(members(tokens), expected);
    assert_eq!((&tokens["ExpiresIn"], &tokens["TokenType"]), (&json!(3600), &json!("Bearer")));
    the_tokens_say_who_signed_in(&app.pool, &app.client, &sub, tokens);

    let user = app.get_user(tokens).await.unwrap();
    assert_eq!(user["Username"], "alice");
    let expected = json!({"sub": sub, "email": "alice@example.com", "email_verified": "true", "given_name": "Alice"});
    assert_eq!(Value::Object(by_name(&user["UserAttributes"])), expected);
    assert_eq!(members(&user), BTreeSet::from(["Username", "UserAttributes"]));

    world.pass(Duration::from_secs(600));
    let refreshed = app.refresh(&tokens["RefreshToken"], "alice").await.unwrap();
    assert_eq!(refreshed["ChallengeParameters"], json!({}));
    let new = &refreshed["AuthenticationResult"];
    assert_eq!(members(new), BTreeSet::from(["AccessToken", "ExpiresIn", "IdToken", "TokenType"]));
    for kind in ["IdToken", "AccessToken"] {
        let (old, new) = (claims(&tokens[kind]), claims(&new[kind]));
        for kept in ["auth_time", "origin_jti", "sub", "iss", "token_use"] {
            assert_eq!(new[kept], old[kept], "{kind} {kept}");
        }
        assert_eq!(new["iat"], json!(START + 600));
        assert_eq!(new["exp"], json!(START + 4200));
        assert_ne!(new["jti"], old["jti"]);
    }

    assert_eq!(app.revoke(&tokens["RefreshToken"]).await, Ok(json!({})));
    let revoked = |what: &str| Err(format!("NotAuthorizedException: {what} Token has been revoked"));
    assert_eq!(app.refresh(&tokens["RefreshToken"], "alice").await, revoked("Refresh"));
    assert_eq!(app.get_user(tokens).await, revoked("Access"));
    assert_eq!(app.get_user(new).await, revoked("Access"));
}

fn the_tokens_say_who_signed_in(pool: &str, client: &str, sub: &Value, tokens: &Value) {
    let (id, access) = (claims(&tokens["IdToken"]), claims(&tokens["AccessToken"]));
    for token in [&id, &access] {
        for name in ["origin_jti", "event_id", "jti"] {
            assert!(uuid(&token[name]), "{name} {token}");
        }
    }
    assert_ne!(id["jti"], access["jti"]);
    let expected = json!({"sub": sub, "iss": format!("http://localhost:9400/{pool}"), "cognito:username": "alice",
        "aud": client, "origin_jti": id["origin_jti"], "event_id": id["event_id"], "token_use": "id",
        "auth_time": START, "exp": START + 3600, "iat": START, "jti": id["jti"], "email": "alice@example.com",
        "email_verified": true, "given_name": "Alice"});
    assert_eq!(id, expected);
    let expected = json!({"sub": sub, "iss": format!("http://localhost:9400/{pool}"), "client_id": client,
        "origin_jti": id["origin_jti"], "event_id": id["event_id"], "token_use": "access", "auth_time": START,
        "exp": START + 3600, "iat": START, "jti": access["jti"], "scope": "aws.cognito.signin.user.admin",
        "username": "alice"});
    assert_eq!(access, expected);
}

async fn the_main_job_of_a_confidential_client_whose_users_are_addresses(world: World) {
    let pool = json!({"UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"],
        "UsernameConfiguration": {"CaseSensitive": false}});
    let pool = world.pool(pool).await;
    let app = world
        .client(
            &pool,
            json!({"GenerateSecret": true, "AccessTokenValidity": 10, "IdTokenValidity": 20,
        "TokenValidityUnits": {"AccessToken": "minutes", "IdToken": "minutes"}}),
        )
        .await;
    let signed_up = app.public(Operation::SignUp, "Bob@Example.com", json!({"Password": PASSWORD})).await.unwrap();
    let sub = signed_up["UserSub"].as_str().unwrap().to_owned();
    let code = world.code("Bob@Example.com").await;
    assert_eq!(app.confirm("bob@example.com", &code).await, Ok(json!({})), "case is ignored");
    let tokens = app.tokens("BOB@example.com").await;
    assert_eq!(tokens["ExpiresIn"], json!(600));
    let (id, access) = (claims(&tokens["IdToken"]), claims(&tokens["AccessToken"]));
    assert_eq!(id["exp"].as_i64().unwrap() - id["iat"].as_i64().unwrap(), 1200);
    assert_eq!((&id["cognito:username"], &access["username"]), (&json!(sub), &json!(sub)));
    assert_eq!(id["email"], json!("Bob@Example.com"), "an address keeps its case");
    // The hash of a refresh is over the stored username, not over what was typed.
    let wrong = app.refresh(&tokens["RefreshToken"], "bob@example.com").await;
    let text = format!("NotAuthorizedException: SecretHash does not match for the client: {}", app.client);
    assert_eq!(wrong, Err(text));
    assert!(app.refresh(&tokens["RefreshToken"], &sub).await.is_ok());
    assert!(app.sign_in(&sub, PASSWORD).await.is_ok(), "the UUID signs in too");
    let user = app.get(&sub).await.unwrap();
    assert_eq!(user["Username"], json!(sub));
    assert_eq!(app.get("bob@example.com").await, Ok(user.clone()));
    let expected = json!({"sub": sub, "email": "Bob@Example.com", "email_verified": "true"});
    assert_eq!(Value::Object(by_name(&user["UserAttributes"])), expected);
    let other = json!({"Password": PASSWORD, "UserAttributes": attributes(&[("email", "eve@example.com")])});
    let mismatch = app.public(Operation::SignUp, "mallory@example.com", other).await.unwrap_err();
    assert!(mismatch.starts_with("InvalidParameterException: "), "{mismatch}");
}
