//! Two nodes on one store: what one of them begins the other goes on with, and what one ends is over on the other with
//! the next request. And AdminUserGlobalSignOut.

use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::on_both_engines;
use super::world::{Answer, App, NEW_PASSWORD, NO_USER, World, email};
use crate::testing::House;

on_both_engines! {
    a_sign_in_over_two_nodes,
    revoked_there_refused_here,
    rotation_over_two_nodes,
    an_administrator_signs_a_user_out,
    whom_an_administrator_cannot_sign_out,
}

const ACCESS_REVOKED: &str = "NotAuthorizedException: Access Token has been revoked";
const REVOKED: &str = "NotAuthorizedException: Refresh Token has been revoked";

/// What the other node answers.
async fn there(house: &House, operation: Operation, input: Value) -> Answer {
    house.json(operation, input).await.map_err(|error| error.to_string())
}

impl App<'_> {
    fn renewal(&self, tokens: &Value) -> Value {
        json!({"ClientId": self.client, "RefreshToken": tokens["RefreshToken"]})
    }
}

async fn a_sign_in_over_two_nodes(world: World) {
    let other = world.house.neighbour(&world.store).await;
    let app = world.app(json!({})).await;
    let session = app.challenged("alice").await;
    let answer = json!({"ClientId": app.client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": session,
        "ChallengeResponses": {"USERNAME": "alice", "NEW_PASSWORD": NEW_PASSWORD}});
    let answered = there(&other, Operation::RespondToAuthChallenge, answer.clone()).await.unwrap();
    let tokens = &answered["AuthenticationResult"];
    assert_eq!(app.get_user(tokens).await.unwrap()["Username"], "alice");
    assert!(app.refresh(&tokens["RefreshToken"], "alice").await.is_ok());
    let again = world.call(Operation::RespondToAuthChallenge, answer).await;
    assert!(again.unwrap_err().starts_with("NotAuthorizedException: Invalid session for the user"), "used there");
}

async fn revoked_there_refused_here(world: World) {
    let other = world.house.neighbour(&world.store).await;
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let (client, pool) = (&app.client, &app.pool);
    for operation in [Operation::RevokeToken, Operation::GlobalSignOut, Operation::AdminUserGlobalSignOut] {
        let tokens = app.tokens("alice").await;
        let access = json!({"AccessToken": tokens["AccessToken"]});
        // Both nodes know the token.
        assert!(app.get_user(&tokens).await.is_ok());
        assert!(there(&other, Operation::GetUser, access.clone()).await.is_ok());
        let input = match operation {
            Operation::RevokeToken => json!({"ClientId": client, "Token": tokens["RefreshToken"]}),
            Operation::GlobalSignOut => access,
            _ => json!({"UserPoolId": pool, "Username": "alice"}),
        };
        assert_eq!(there(&other, operation, input).await, Ok(json!({})), "{operation}");
        assert_eq!(app.get_user(&tokens).await, Err(ACCESS_REVOKED.to_owned()), "{operation}");
        assert_eq!(app.refresh(&tokens["RefreshToken"], "alice").await, Err(REVOKED.to_owned()), "{operation}");
    }
}

async fn rotation_over_two_nodes(world: World) {
    let other = world.house.neighbour(&world.store).await;
    let pool = world.pool(json!({})).await;
    let rotation = json!({"RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10},
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]});
    let app = world.client(&pool, rotation).await;
    app.confirmed("alice").await;
    let first = app.tokens("alice").await;
    let second = app.renewed(&first["RefreshToken"]).await;
    let retry = there(&other, Operation::GetTokensFromRefreshToken, app.renewal(&first)).await.unwrap();
    let retry = &retry["AuthenticationResult"];
    assert!(app.get_user(retry).await.is_ok());
    let third = app.renewed(&retry["RefreshToken"]).await;
    let reused = there(&other, Operation::GetTokensFromRefreshToken, app.renewal(&first)).await;
    assert_eq!(reused, Err("RefreshTokenReuseException: Refresh Token has been reused".to_owned()));
    for tokens in [&first, &second, retry, &third] {
        assert_eq!(app.get_user(tokens).await, Err(ACCESS_REVOKED.to_owned()));
        assert_eq!(app.renew(&tokens["RefreshToken"]).await, Err(REVOKED.to_owned()));
    }
}

async fn an_administrator_signs_a_user_out(world: World) {
    let pool = world.pool(json!({"AliasAttributes": ["email"]})).await;
    let app = world.client(&pool, json!({})).await;
    let nameless = world.client(&pool, json!({"EnableTokenRevocation": false})).await;
    app.confirmed("alice").await;
    app.confirmed("bob").await;
    let of_bob = app.tokens("bob").await;
    for name in ["alice", &email("alice")] {
        let earlier = [(&app, app.tokens("alice").await), (&nameless, nameless.tokens("alice").await)];
        let audited = world.rows("select count(*) from audit").await;
        assert_eq!(app.admin(Operation::AdminUserGlobalSignOut, name, json!({})).await, Ok(json!({})));
        assert_eq!(world.rows("select count(*) from audit").await, audited + 1);
        let row = cenote_store::audit::page(&world.store, None, 1).await.unwrap().remove(0);
        assert_eq!(row.action, "cognito-idp:AdminUserGlobalSignOut");
        assert_eq!(row.resource, format!("arn:aws:cognito-idp:eu-west-1:123456789012:userpool/{pool}"));
        // In the same millisecond: what is issued now is good.
        let later = app.tokens("alice").await;
        for (client, tokens) in &earlier {
            assert_eq!(client.get_user(tokens).await, Err(ACCESS_REVOKED.to_owned()));
            assert_eq!(client.refresh(&tokens["RefreshToken"], "alice").await, Err(REVOKED.to_owned()));
        }
        assert!(app.get_user(&later).await.is_ok());
        assert!(app.refresh(&later["RefreshToken"], "alice").await.is_ok());
    }
    assert!(app.get_user(&of_bob).await.is_ok(), "others are not concerned");
}

async fn whom_an_administrator_cannot_sign_out(world: World) {
    let app = world.app(json!({})).await;
    assert_eq!(app.admin(Operation::AdminUserGlobalSignOut, "nobody", json!({})).await, Err(NO_USER.to_owned()));
    let input = json!({"UserPoolId": "eu-west-1_AbCdEfGhI", "Username": "alice"});
    let text = "ResourceNotFoundException: User pool eu-west-1_AbCdEfGhI does not exist.";
    assert_eq!(world.call(Operation::AdminUserGlobalSignOut, input).await, Err(text.to_owned()));
    // Who is disabled, or has no sign-in, is signed out all the same.
    app.confirmed("alice").await;
    app.disable("alice").await;
    assert_eq!(app.admin(Operation::AdminUserGlobalSignOut, "alice", json!({})).await, Ok(json!({})));
}
