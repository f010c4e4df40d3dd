//! GetTokensFromRefreshToken and the rotation of refresh tokens (reference 04 §9, 05 §5).

use std::collections::BTreeSet;
use std::time::Duration;

use cenote_store::{Batch, params};
use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::at_once::{at_once, outcomes};
use super::on_both_engines;
use super::world::{Answer, App, World, claims};

on_both_engines! {
    new_tokens_for_a_client_that_does_not_rotate,
    what_is_refused,
    what_a_disabled_or_signed_out_user_is_told,
    the_clients_secret,
    each_use_replaces_the_token,
    a_retry_within_the_grace_period,
    a_token_that_is_used_again_later,
    without_grace,
    an_old_token_ends_what_it_belongs_to_and_no_more,
    a_rotated_token_ends_when_the_first_would_have,
    any_generation_revokes_the_family,
    rotation_that_is_switched_off,
    rotation_that_is_switched_on,
    many_uses_of_one_token_within_the_grace_period,
    many_uses_of_one_token_without_grace,
    uses_while_the_user_signs_out,
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const REUSED: &str = "RefreshTokenReuseException: Refresh Token has been reused";
const REVOKED: &str = "NotAuthorizedException: Refresh Token has been revoked";
const ACCESS_REVOKED: &str = "NotAuthorizedException: Access Token has been revoked";

fn refused(text: &str) -> Answer {
    Err(text.to_owned())
}

fn not_authorized(text: &str) -> Answer {
    Err(format!("NotAuthorizedException: {text}"))
}

fn rotation(grace: u32) -> Value {
    json!({"RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": grace},
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]})
}

/// A client that rotates, and a user of it.
async fn rotating(world: &World, grace: u32) -> App<'_> {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, rotation(grace)).await;
    app.confirmed("alice").await;
    app
}

impl App<'_> {
    /// UpdateUserPoolClient, seen at once by this node.
    async fn update(&self, mut settings: Value) {
        settings["UserPoolId"] = json!(self.pool);
        settings["ClientId"] = json!(self.client);
        self.world.call(Operation::UpdateUserPoolClient, settings).await.unwrap();
    }

    async fn generation(&self) -> i64 {
        self.world.rows("select generation from token_families").await
    }
}

async fn new_tokens_for_a_client_that_does_not_rotate(world: World) {
    let pool = world.pool(json!({})).await;
    // Without ALLOW_REFRESH_TOKEN_AUTH.
    let app = world.client(&pool, json!({"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    let changed = json!({"email": "new@example.com"}).to_string();
    let change = Batch::new().any("update users set attributes = $1, version = version + 1", params![changed]);
    world.store.apply(change).await.unwrap();
    world.pass(600 * SECOND);
    let request = json!({"ClientId": app.client, "RefreshToken": tokens["RefreshToken"],
        "ClientSecret": "ignored_as_there_is_none_1", "DeviceKey": "eu-west-1_3c6ea56b-0000-4000-8000-000000000001", "ClientMetadata": {"a": "b"}});
    let answer = world.call(Operation::GetTokensFromRefreshToken, request).await.unwrap();
    let new = &answer["AuthenticationResult"];
    let members: BTreeSet<&str> = new.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["AccessToken", "ExpiresIn", "IdToken", "TokenType"]));
    assert_eq!((&new["ExpiresIn"], &new["TokenType"]), (&json!(3600), &json!("Bearer")));
    for kind in ["IdToken", "AccessToken"] {
        let (old, new) = (claims(&tokens[kind]), claims(&new[kind]));
        for kept in ["auth_time", "origin_jti", "sub", "iss", "token_use", "scope", "aud", "client_id"] {
            assert_eq!(new.get(kept), old.get(kept), "{kind} {kept}");
        }
        for changed in ["jti", "event_id"] {
            assert_ne!(new[changed], old[changed], "{kind} {changed}");
        }
        assert_eq!(new["iat"].as_i64().unwrap() - old["iat"].as_i64().unwrap(), 600);
        assert_eq!(new["exp"].as_i64().unwrap() - new["iat"].as_i64().unwrap(), 3600);
    }
    assert_eq!(claims(&new["IdToken"])["email"], "new@example.com");
    assert!(app.get_user(new).await.is_ok() && app.get_user(&tokens).await.is_ok());
    assert_eq!(app.generation().await, 0);
    assert!(app.renew(&tokens["RefreshToken"]).await.is_ok(), "any number of times");
    // A device that was never heard of.
    let parameters = json!({"REFRESH_TOKEN": tokens["RefreshToken"], "DEVICE_KEY": null});
    app.update(json!({"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]})).await;
    assert!(app.initiate("REFRESH_TOKEN_AUTH", parameters).await.is_ok());
}

async fn what_is_refused(world: World) {
    let app = rotating(&world, 10).await;
    let sibling = world.client(&app.pool, rotation(10)).await;
    let elsewhere = rotating(&world, 10).await;
    let tokens = app.tokens("alice").await;
    let token = &tokens["RefreshToken"];
    let invalid = not_authorized("Invalid Refresh Token");
    for garbage in [json!("x"), json!("a.b.c.d.e"), tokens["AccessToken"].clone(), tokens["IdToken"].clone()] {
        assert_eq!(app.renew(&garbage).await, invalid, "{garbage}");
    }
    assert_eq!(sibling.renew(token).await, invalid, "another client's");
    assert_eq!(elsewhere.renew(token).await, invalid, "another pool's");
    let nowhere = App { client: "26cb2c60kq7nbmas7rbme9b6pp".to_owned(), ..app.clone() };
    let text = "ResourceNotFoundException: User pool client 26cb2c60kq7nbmas7rbme9b6pp does not exist.";
    assert_eq!(nowhere.renew(token).await, refused(text));
    for flow in ["REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"] {
        let text = "InvalidParameterException: REFRESH_TOKEN_AUTH flow not enabled for this client";
        assert_eq!(app.initiate(flow, json!({"REFRESH_TOKEN": token})).await, refused(text));
        assert_eq!(app.admin_initiate(flow, json!({"REFRESH_TOKEN": token})).await, refused(text));
    }
    let newest = app.renewed(token).await["RefreshToken"].clone();
    app.admin(Operation::AdminDeleteUser, "alice", json!({})).await.unwrap();
    for token in [token, &newest] {
        assert_eq!(app.renew(token).await, invalid, "a deleted user's");
    }
    app.confirmed("alice").await;
    assert_eq!(app.renew(&newest).await, invalid, "nor for the next user of that name");
}

async fn what_a_disabled_or_signed_out_user_is_told(world: World) {
    let app = rotating(&world, 0).await;
    let (first, second) = (app.tokens("alice").await, app.tokens("alice").await);
    app.renewed(&first["RefreshToken"]).await;
    app.global_sign_out(&second).await.unwrap();
    for tokens in [&first, &second] {
        assert_eq!(app.renew(&tokens["RefreshToken"]).await, refused(REVOKED));
    }
    let third = app.tokens("alice").await;
    app.disable("alice").await;
    assert_eq!(app.renew(&third["RefreshToken"]).await, not_authorized("User is disabled."));
}

async fn the_clients_secret(world: World) {
    let pool = world.pool(json!({})).await;
    let mut settings = rotation(0);
    settings["GenerateSecret"] = json!(true);
    let app = world.client(&pool, settings).await;
    app.confirmed("alice").await;
    let old = app.tokens("alice").await["RefreshToken"].clone();
    let new = app.renewed(&old).await["RefreshToken"].clone();
    // Before a token is looked at: who has no secret cannot even end a family.
    for token in [&old, &new, &json!("x")] {
        let without = App { secret: None, ..app.clone() };
        let text = format!("Client {} is configured for secret but secret was not received", app.client);
        assert_eq!(without.renew(token).await, not_authorized(&text));
        for wrong in ["wrong_wrong_wrong_wrong_wrong", &app.hash("alice").unwrap().replace(['=', '/'], "_")] {
            let wrong = App { secret: Some(wrong.to_owned()), ..app.clone() };
            let text = format!("Unable to verify secret hash for client {}", app.client);
            assert_eq!(wrong.renew(token).await, not_authorized(&text));
        }
    }
    assert!(app.renew(&new).await.is_ok());
}

async fn each_use_replaces_the_token(world: World) {
    let app = rotating(&world, 0).await;
    let mut tokens = vec![app.tokens("alice").await];
    for generation in 1..=5 {
        world.pass(60 * SECOND);
        let new = app.renewed(&tokens.last().unwrap()["RefreshToken"]).await;
        let members: BTreeSet<&str> = new.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, BTreeSet::from(["AccessToken", "ExpiresIn", "IdToken", "RefreshToken", "TokenType"]));
        assert_eq!(app.generation().await, generation);
        let (first, now) = (claims(&tokens[0]["AccessToken"]), claims(&new["AccessToken"]));
        assert_eq!((&first["origin_jti"], &first["auth_time"]), (&now["origin_jti"], &now["auth_time"]));
        let active = "select last_active_at - created_at from token_families";
        assert_eq!(world.rows(active).await, generation * 60_000);
        tokens.push(new);
    }
    for earlier in &tokens {
        assert!(app.get_user(earlier).await.is_ok(), "access tokens of earlier generations live on");
    }
}

async fn a_retry_within_the_grace_period(world: World) {
    let app = rotating(&world, 10).await;
    let first = app.tokens("alice").await["RefreshToken"].clone();
    let second = app.renewed(&first).await["RefreshToken"].clone();
    world.pass(10 * SECOND - Duration::from_millis(1));
    let again = app.renewed(&first).await;
    assert!(app.get_user(&again).await.is_ok());
    assert_eq!(app.generation().await, 1, "the same generation");
    // No dead end: what the retry got goes on, as does what the first call got.
    world.pass(Duration::from_secs(3600));
    let third = app.renewed(&again["RefreshToken"]).await;
    assert_eq!(app.generation().await, 2);
    assert!(app.renew(&second).await.is_ok(), "it is the same token, within its own grace period");
    world.pass(10 * SECOND);
    assert!(app.renew(&third["RefreshToken"]).await.is_ok());
}

async fn a_token_that_is_used_again_later(world: World) {
    let app = rotating(&world, 10).await;
    let first = app.tokens("alice").await;
    let second = app.renewed(&first["RefreshToken"]).await;
    world.pass(10 * SECOND);
    assert_eq!(app.renew(&first["RefreshToken"]).await, refused(REUSED));
    for tokens in [&first, &second] {
        assert_eq!(app.renew(&tokens["RefreshToken"]).await, refused(REVOKED));
        assert_eq!(app.get_user(tokens).await, refused(ACCESS_REVOKED));
    }
    assert_eq!(world.rows("select count(*) from token_families").await, 0);

    // Older than the one before: no grace.
    let first = app.tokens("alice").await;
    let second = app.renewed(&first["RefreshToken"]).await;
    let third = app.renewed(&second["RefreshToken"]).await;
    assert_eq!(app.renew(&first["RefreshToken"]).await, refused(REUSED));
    assert_eq!(app.renew(&third["RefreshToken"]).await, refused(REVOKED));
}

async fn without_grace(world: World) {
    let app = rotating(&world, 0).await;
    let first = app.tokens("alice").await;
    let second = app.renewed(&first["RefreshToken"]).await;
    // In the same millisecond.
    assert_eq!(app.renew(&first["RefreshToken"]).await, refused(REUSED));
    assert_eq!(app.get_user(&second).await, refused(ACCESS_REVOKED));
}

async fn an_old_token_ends_what_it_belongs_to_and_no_more(world: World) {
    let app = rotating(&world, 0).await;
    app.confirmed("bob").await;
    let (other, of_bob) = (app.tokens("alice").await, app.tokens("bob").await);
    let first = app.tokens("alice").await;
    app.renewed(&first["RefreshToken"]).await;
    assert_eq!(app.renew(&first["RefreshToken"]).await, refused(REUSED));
    for tokens in [&other, &of_bob] {
        assert!(app.get_user(tokens).await.is_ok());
        assert!(app.renew(&tokens["RefreshToken"]).await.is_ok());
    }
}

async fn a_rotated_token_ends_when_the_first_would_have(world: World) {
    let pool = world.pool(json!({})).await;
    let mut settings = rotation(60);
    settings["RefreshTokenValidity"] = json!(2);
    let app = world.client(&pool, settings).await;
    app.confirmed("alice").await;
    let first = app.tokens("alice").await["RefreshToken"].clone();
    world.pass(DAY);
    let second = app.renewed(&first).await["RefreshToken"].clone();
    world.pass(DAY - SECOND);
    let third = app.renewed(&second).await["RefreshToken"].clone();
    world.pass(SECOND);
    for token in [&first, &second, &third] {
        assert_eq!(app.renew(token).await, not_authorized("Refresh Token has expired"));
    }
}

async fn any_generation_revokes_the_family(world: World) {
    let app = rotating(&world, 0).await;
    for index in 0..3 {
        let mut tokens = vec![app.tokens("alice").await];
        for _ in 0..2 {
            let new = app.renewed(&tokens.last().unwrap()["RefreshToken"]).await;
            tokens.push(new);
        }
        assert_eq!(app.revoke(&tokens[index]["RefreshToken"]).await, Ok(json!({})));
        for tokens in &tokens {
            assert_eq!(app.renew(&tokens["RefreshToken"]).await, refused(REVOKED));
            assert_eq!(app.get_user(tokens).await, refused(ACCESS_REVOKED));
        }
    }
}

async fn rotation_that_is_switched_off(world: World) {
    let app = rotating(&world, 60).await;
    let first = app.tokens("alice").await["RefreshToken"].clone();
    let second = app.renewed(&first).await["RefreshToken"].clone();
    let flows = json!(["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]);
    app.update(json!({"RefreshTokenRotation": {"Feature": "DISABLED"}, "ExplicitAuthFlows": flows})).await;
    // The newest token goes on, at both doors, and is replaced no more.
    for _ in 0..2 {
        assert!(app.renewed(&second).await.get("RefreshToken").is_none());
        assert!(app.refresh(&second, "alice").await.is_ok());
    }
    assert_eq!(app.generation().await, 1);
    // On again: it goes on from there.
    app.update(rotation(60)).await;
    let third = app.renewed(&second).await["RefreshToken"].clone();
    assert_eq!(app.generation().await, 2);
    app.update(json!({"ExplicitAuthFlows": flows})).await;
    // There is no grace period any more, and what was replaced stays so. This door has no error of its own for it.
    assert_eq!(app.refresh(&second, "alice").await, refused(REVOKED));
    assert_eq!(app.refresh(&third, "alice").await, refused(REVOKED));
    assert_eq!(world.rows("select count(*) from token_families").await, 0);
}

async fn rotation_that_is_switched_on(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({})).await;
    app.confirmed("alice").await;
    let first = app.tokens("alice").await["RefreshToken"].clone();
    assert!(app.refresh(&first, "alice").await.is_ok());
    app.update(rotation(10)).await;
    let text = "InvalidParameterException: REFRESH_TOKEN_AUTH flow not enabled for this client";
    assert_eq!(app.refresh(&first, "alice").await, refused(text));
    let second = app.renewed(&first).await["RefreshToken"].clone();
    // The grace period is the one that the client has now.
    world.pass(20 * SECOND);
    app.update(rotation(30)).await;
    assert!(app.renew(&first).await.is_ok());
    app.update(rotation(20)).await;
    assert_eq!(app.renew(&first).await, refused(REUSED));
    assert_eq!(app.renew(&second).await, refused(REVOKED));
}

/// Over two nodes: one rotates, the others are retries, and everybody can go on.
async fn many_uses_of_one_token_within_the_grace_period(world: World) {
    let app = rotating(&world, 10).await;
    let neighbour = world.house.neighbour(&world.store).await;
    let first = app.tokens("alice").await["RefreshToken"].clone();
    let request = json!({"ClientId": app.client, "RefreshToken": first});
    let answers = at_once(24, |n| {
        let (house, request) = (if n % 2 == 0 { &world.house } else { &neighbour }, request.clone());
        async move {
            let answer = house.json(Operation::GetTokensFromRefreshToken, request).await;
            answer.map_err(|error| error.to_string())
        }
    });
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(app.generation().await, 1);
    for answer in &answers {
        let tokens = &answer.as_ref().unwrap()["AuthenticationResult"];
        assert!(app.get_user(tokens).await.is_ok());
        // All of them are the same token: the first use rotates, the others are its retries.
        assert!(app.renew(&tokens["RefreshToken"]).await.is_ok());
    }
    assert_eq!(app.generation().await, 2);
}

async fn many_uses_of_one_token_without_grace(world: World) {
    let app = rotating(&world, 0).await;
    let neighbour = world.house.neighbour(&world.store).await;
    let first = app.tokens("alice").await["RefreshToken"].clone();
    let request = json!({"ClientId": app.client, "RefreshToken": first});
    let answers = at_once(24, |n| {
        let (house, request) = (if n % 2 == 0 { &world.house } else { &neighbour }, request.clone());
        async move {
            let answer = house.json(Operation::GetTokensFromRefreshToken, request).await;
            answer.map_err(|error| error.to_string())
        }
    });
    let found = outcomes(&answers);
    assert_eq!(found["ok"], 1, "{found:?}");
    assert!(found[REUSED] >= 1, "{found:?}");
    assert_eq!(found[REUSED] + found.get(REVOKED).copied().unwrap_or_default(), 23, "{found:?}");
    let winner = answers.iter().find_map(|answer| answer.as_ref().ok()).unwrap();
    assert_eq!(app.get_user(&winner["AuthenticationResult"]).await, refused(ACCESS_REVOKED));
}

async fn uses_while_the_user_signs_out(world: World) {
    let app = rotating(&world, 10).await;
    let tokens = app.tokens("alice").await;
    let answers = at_once(9, |n| {
        let (app, tokens) = (&app, &tokens);
        async move {
            match n {
                0 => app.global_sign_out(tokens).await,
                _ => app.renew(&tokens["RefreshToken"]).await,
            }
        }
    });
    let found = outcomes(&answers);
    assert_eq!(found["ok"] + found.get(REVOKED).copied().unwrap_or_default(), 9, "{found:?}");
    assert!(answers[0].is_ok());
    assert_eq!(world.rows("select count(*) from token_families").await, 0);
    for answer in answers.iter().skip(1).flatten() {
        let tokens = &answer["AuthenticationResult"];
        assert_eq!(app.get_user(tokens).await, refused(ACCESS_REVOKED));
        assert_eq!(app.renew(&tokens["RefreshToken"]).await, refused(REVOKED));
    }
}
