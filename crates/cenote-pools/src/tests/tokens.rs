//! What becomes of tokens: refreshed, expired, revoked, signed out (reference 04 §9, 05 §5 and §6, 01 §4).

use std::time::Duration;

use cenote_store::{Batch, params};
use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::on_both_engines;
use super::world::{Answer, PASSWORD, World, by_name, claims, email};

on_both_engines! {
    refresh_tokens_that_are_refused,
    refreshing_reads_the_user_again,
    a_refresh_token_ends_and_does_not_slide,
    access_tokens_that_are_refused,
    revoking_ends_one_sign_in_and_no_other,
    what_cannot_be_revoked,
    an_expired_token_is_revoked_all_the_same,
    revoking_needs_the_clients_secret,
    signing_out_ends_all_sign_ins,
    tokens_that_name_no_sign_in,
    a_deleted_user,
    a_password_that_is_set_leaves_tokens,
    a_client_sees_what_it_may_read,
    a_confidential_client,
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const SECOND: Duration = Duration::from_secs(1);

fn refused(text: &str) -> Answer {
    Err(format!("NotAuthorizedException: {text}"))
}

/// The token with one character of this part changed.
fn tampered(token: &Value, part: usize) -> Value {
    let mut parts: Vec<String> = token.as_str().unwrap().split('.').map(str::to_owned).collect();
    let other = if parts[part].starts_with('A') { "B" } else { "A" };
    parts[part].replace_range(..1, other);
    json!(parts.join("."))
}

async fn refresh_tokens_that_are_refused(world: World) {
    let app = world.app(json!({})).await;
    let sibling = world.client(&app.pool, json!({})).await;
    let elsewhere = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    let token = &tokens["RefreshToken"];
    let invalid = refused("Invalid Refresh Token");
    for garbage in [json!("x"), json!("a.b.c.d.e"), tokens["AccessToken"].clone(), tokens["IdToken"].clone()] {
        assert_eq!(app.refresh(&garbage, "alice").await, invalid, "{garbage}");
    }
    for part in 0..5 {
        assert_eq!(app.refresh(&tampered(token, part), "alice").await, invalid, "part {part}");
    }
    assert_eq!(sibling.refresh(token, "alice").await, invalid, "another client's");
    assert_eq!(elsewhere.refresh(token, "alice").await, invalid, "another pool's");
    for flow in ["REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"] {
        let parameters = json!({"REFRESH_TOKEN": token});
        assert!(app.initiate(flow, parameters.clone()).await.is_ok());
        assert!(app.admin_initiate(flow, parameters).await.is_ok());
    }
    app.admin(Operation::AdminDeleteUser, "alice", json!({})).await.unwrap();
    assert_eq!(app.refresh(token, "alice").await, invalid);
    app.confirmed("alice").await;
    assert_eq!(app.refresh(token, "alice").await, invalid, "nor for the next user of that name");
}

async fn refreshing_reads_the_user_again(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    let values = json!({"email": "new@example.com", "email_verified": "false", "name": "Alice"}).to_string();
    let change = Batch::new().any("update users set attributes = $1, version = version + 1", params![values]);
    world.store.apply(change).await.unwrap();
    world.pass(HOUR);
    let refreshed = app.refresh(&tokens["RefreshToken"], "alice").await.unwrap();
    let id = claims(&refreshed["AuthenticationResult"]["IdToken"]);
    assert_eq!(
        (&id["email"], &id["email_verified"], &id["name"]),
        (&json!("new@example.com"), &json!(false), &json!("Alice"))
    );
    let last = world.store.read_one("select last_active_at - created_at from token_families", vec![]).await.unwrap();
    assert_eq!(last.unwrap().int(0).unwrap(), 3_600_000, "session lists show when it was last used");
}

async fn a_refresh_token_ends_and_does_not_slide(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({"RefreshTokenValidity": 2})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    world.pass(2 * DAY - SECOND);
    let refreshed = app.refresh(&tokens["RefreshToken"], "alice").await.unwrap();
    world.pass(SECOND);
    assert_eq!(app.refresh(&tokens["RefreshToken"], "alice").await, refused("Refresh Token has expired"));
    assert!(app.get_user(&refreshed["AuthenticationResult"]).await.is_ok(), "its last access token lives on");
    // The setting of the time of issue counts.
    let tokens = app.tokens("alice").await;
    let update = json!({"UserPoolId": pool, "ClientId": app.client, "RefreshTokenValidity": 1,
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]});
    world.call(Operation::UpdateUserPoolClient, update).await.unwrap();
    world.pass(DAY + HOUR);
    assert!(app.refresh(&tokens["RefreshToken"], "alice").await.is_ok());
}

async fn access_tokens_that_are_refused(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    let with = |token: &Value| json!({"AccessToken": token});
    let invalid = refused("Invalid Access Token");
    let elsewhere = claims(&tokens["AccessToken"])["iss"].as_str().unwrap().to_owned();
    assert!(elsewhere.ends_with(&app.pool));
    for garbage in [
        json!("x"),
        json!("a.b.c"),
        tokens["IdToken"].clone(),
        tokens["RefreshToken"].clone(),
        tampered(&tokens["AccessToken"], 0),
        tampered(&tokens["AccessToken"], 1),
        tampered(&tokens["AccessToken"], 2),
    ] {
        for operation in [Operation::GetUser, Operation::GlobalSignOut, Operation::DeleteUser, Operation::ListDevices] {
            assert_eq!(world.call(operation, with(&garbage)).await, invalid, "{operation} {garbage}");
        }
    }
    assert!(app.get_user(&tokens).await.is_ok());
    world.pass(HOUR - SECOND);
    assert!(app.get_user(&tokens).await.is_ok());
    world.pass(SECOND);
    let expired = refused("Access Token has expired");
    for operation in [Operation::GetUser, Operation::GlobalSignOut, Operation::DeleteUser, Operation::ListDevices] {
        assert_eq!(world.call(operation, with(&tokens["AccessToken"])).await, expired);
    }
    // An operation that is not built says so only to whom it would have answered.
    let fresh = app.tokens("alice").await;
    let text = "NotImplementedException: Cenote does not implement the operation ListDevices yet.";
    assert_eq!(world.call(Operation::ListDevices, with(&fresh["AccessToken"])).await, Err(text.to_owned()));
}

async fn revoking_ends_one_sign_in_and_no_other(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let (first, second) = (app.tokens("alice").await, app.tokens("alice").await);
    let refreshed = app.refresh(&first["RefreshToken"], "alice").await.unwrap()["AuthenticationResult"].clone();
    assert_eq!(app.revoke(&first["RefreshToken"]).await, Ok(json!({})));
    for tokens in [&first, &refreshed] {
        assert_eq!(app.get_user(tokens).await, refused("Access Token has been revoked"));
        assert_eq!(app.global_sign_out(tokens).await, refused("Access Token has been revoked"));
    }
    assert_eq!(app.refresh(&first["RefreshToken"], "alice").await, refused("Refresh Token has been revoked"));
    assert!(app.get_user(&second).await.is_ok());
    assert!(app.refresh(&second["RefreshToken"], "alice").await.is_ok());
    assert_eq!(app.revoke(&first["RefreshToken"]).await, Ok(json!({})), "again: it means nothing any more");
}

async fn what_cannot_be_revoked(world: World) {
    let app = world.app(json!({})).await;
    let sibling = world.client(&app.pool, json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    for token in ["AccessToken", "IdToken"] {
        let refusal = app.revoke(&tokens[token]).await.unwrap_err();
        assert!(refusal.starts_with("UnsupportedTokenTypeException: "), "{refusal}");
    }
    assert_eq!(sibling.revoke(&tokens["RefreshToken"]).await, Ok(json!({})), "not told whose it is");
    assert_eq!(app.revoke(&json!("garbage")).await, Ok(json!({})));
    assert_eq!(app.revoke(&tampered(&tokens["RefreshToken"], 3)).await, Ok(json!({})));
    assert!(app.refresh(&tokens["RefreshToken"], "alice").await.is_ok(), "none of this revoked it");
    let fixed = world.client(&app.pool, json!({"EnableTokenRevocation": false})).await;
    let refusal = fixed.revoke(&fixed.tokens("alice").await["RefreshToken"]).await.unwrap_err();
    assert!(refusal.starts_with("UnsupportedOperationException: "), "{refusal}");
    let nowhere = super::world::App { client: "26cb2c60kq7nbmas7rbme9b6pp".to_owned(), ..app.clone() };
    let text = "ResourceNotFoundException: User pool client 26cb2c60kq7nbmas7rbme9b6pp does not exist.";
    assert_eq!(nowhere.revoke(&json!("x")).await, Err(text.to_owned()));
}

/// What was issued just before the end of the refresh token outlives it.
async fn an_expired_token_is_revoked_all_the_same(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    world.pass(30 * DAY - SECOND);
    let last = app.refresh(&tokens["RefreshToken"], "alice").await.unwrap()["AuthenticationResult"].clone();
    world.pass(SECOND);
    assert_eq!(app.refresh(&tokens["RefreshToken"], "alice").await, refused("Refresh Token has expired"));
    assert!(app.get_user(&last).await.is_ok());
    assert_eq!(app.revoke(&tokens["RefreshToken"]).await, Ok(json!({})));
    assert_eq!(app.get_user(&last).await, refused("Access Token has been revoked"));
    world.pass(2 * HOUR);
    assert_eq!(app.revoke(&tokens["RefreshToken"]).await, Ok(json!({})), "and when there is nothing left to end");
}

async fn revoking_needs_the_clients_secret(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({"GenerateSecret": true})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    for secret in [
        None,
        Some("wrong_wrong_wrong_wrong_wrong".to_owned()),
        app.hash("alice").map(|hash| hash.replace(['=', '/'], "_")),
    ] {
        let wrong = super::world::App { secret, ..app.clone() };
        let refusal = wrong.revoke(&tokens["RefreshToken"]).await.unwrap_err();
        assert!(refusal.starts_with("UnauthorizedException: "), "{refusal}");
    }
    assert!(app.refresh(&tokens["RefreshToken"], "alice").await.is_ok());
    assert_eq!(app.revoke(&tokens["RefreshToken"]).await, Ok(json!({})));
    assert_eq!(app.refresh(&tokens["RefreshToken"], "alice").await, refused("Refresh Token has been revoked"));
}

async fn signing_out_ends_all_sign_ins(world: World) {
    let app = world.app(json!({})).await;
    let sibling = world.client(&app.pool, json!({})).await;
    app.confirmed("alice").await;
    app.confirmed("bob").await;
    let of_bob = app.tokens("bob").await;
    let earlier = [app.tokens("alice").await, sibling.tokens("alice").await];
    assert_eq!(app.global_sign_out(&earlier[0]).await, Ok(json!({})));
    // In the same millisecond: what is issued now is good.
    let later = app.tokens("alice").await;
    for (client, tokens) in [&app, &sibling].into_iter().zip(&earlier) {
        assert_eq!(client.get_user(tokens).await, refused("Access Token has been revoked"));
        assert_eq!(client.global_sign_out(tokens).await, refused("Access Token has been revoked"));
        let refresh = client.refresh(&tokens["RefreshToken"], "alice").await;
        assert_eq!(refresh, refused("Refresh Token has been revoked"));
    }
    assert!(app.get_user(&later).await.is_ok());
    assert!(app.refresh(&later["RefreshToken"], "alice").await.is_ok());
    assert!(app.get_user(&of_bob).await.is_ok(), "others are not concerned");
}

/// A client without token revocation: its tokens have neither `jti` nor `origin_jti`.
async fn tokens_that_name_no_sign_in(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({"EnableTokenRevocation": false})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    for token in ["IdToken", "AccessToken"] {
        let claims = claims(&tokens[token]);
        assert!(claims.get("jti").is_none() && claims.get("origin_jti").is_none(), "{claims}");
    }
    assert!(app.get_user(&tokens).await.is_ok());
    let refreshed = app.refresh(&tokens["RefreshToken"], "alice").await.unwrap()["AuthenticationResult"].clone();
    assert_eq!(app.global_sign_out(&refreshed).await, Ok(json!({})));
    let later = app.tokens("alice").await;
    for tokens in [&tokens, &refreshed] {
        assert_eq!(app.get_user(tokens).await, refused("Access Token has been revoked"));
    }
    assert_eq!(app.refresh(&tokens["RefreshToken"], "alice").await, refused("Refresh Token has been revoked"));
    assert!(app.get_user(&later).await.is_ok());
}

async fn a_deleted_user(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    app.admin(Operation::AdminDeleteUser, "alice", json!({})).await.unwrap();
    let gone = "UserNotFoundException: User does not exist.";
    assert_eq!(app.get_user(&tokens).await, Err(gone.to_owned()));
    assert_eq!(app.refresh(&tokens["RefreshToken"], "alice").await, refused("Invalid Refresh Token"));
    assert_eq!(app.global_sign_out(&tokens).await, refused("Access Token has been revoked"), "never says so");
    assert_eq!(app.revoke(&tokens["RefreshToken"]).await, Ok(json!({})));
}

async fn a_password_that_is_set_leaves_tokens(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    for permanent in [true, false] {
        app.set_password("alice", "Another-Horse-9", permanent).await.unwrap();
        assert!(app.get_user(&tokens).await.is_ok());
        assert!(app.refresh(&tokens["RefreshToken"], "alice").await.is_ok());
    }
}

async fn a_client_sees_what_it_may_read(world: World) {
    let pool = world.pool(json!({"Schema": [{"Name": "team", "AttributeDataType": "String"}]})).await;
    let app = world.client(&pool, json!({"ReadAttributes": ["email", "custom:team"]})).await;
    let values =
        [("email", "alice@example.com"), ("email_verified", "true"), ("name", "Alice"), ("custom:team", "blue")];
    app.create("alice", &values).await.unwrap();
    let challenge = app.sign_in("alice", PASSWORD).await.unwrap();
    let shown: Value =
        serde_json::from_str(challenge["ChallengeParameters"]["userAttributes"].as_str().unwrap()).unwrap();
    assert_eq!(shown, json!({"email": "alice@example.com", "custom:team": "blue"}));
    app.set_password("alice", PASSWORD, true).await.unwrap();
    let tokens = app.tokens("alice").await;
    let user = app.get_user(&tokens).await.unwrap();
    let sub = claims(&tokens["IdToken"])["sub"].clone();
    let expected = json!({"sub": sub, "email": "alice@example.com", "custom:team": "blue"});
    assert_eq!(Value::Object(by_name(&user["UserAttributes"])), expected);
    let id = claims(&tokens["IdToken"]);
    assert_eq!((&id["email"], &id["custom:team"]), (&json!("alice@example.com"), &json!("blue")));
    assert!(id.get("name").is_none() && id.get("email_verified").is_none(), "{id}");
    assert_eq!(app.attributes("alice").await.len(), 5, "an administrator sees all");
}

async fn a_confidential_client(world: World) {
    let pool = world.pool(json!({"AliasAttributes": ["email"]})).await;
    let app = world.client(&pool, json!({"GenerateSecret": true})).await;
    app.confirmed("alice").await;
    let tokens = app.sign_in(&email("alice"), PASSWORD).await.unwrap()["AuthenticationResult"].clone();
    let text = format!("SecretHash does not match for the client: {}", app.client);
    assert_eq!(app.refresh(&tokens["RefreshToken"], &email("alice")).await, refused(&text));
    assert!(app.refresh(&tokens["RefreshToken"], "alice").await.is_ok());
    let without = super::world::App { secret: None, ..app.clone() };
    let text = format!("Client {} is configured with secret but SECRET_HASH was not received", app.client);
    assert_eq!(without.refresh(&tokens["RefreshToken"], "alice").await, refused(&text));
}
