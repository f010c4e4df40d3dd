//! What fails clearly: a database that is away, a pool that has ended, and what nobody may read in a log.

use cenote_wire::idp::Operation;
use serde_json::json;

use super::on_both_engines;
use super::world::{Answer, PASSWORD, World, email};
use crate::flows::{Door, Entry, sign_in};
use crate::testing::{public, signed};

on_both_engines! {
    a_database_that_is_away,
    a_pool_that_ended_meanwhile,
    nothing_personal_is_printed,
}

/// With and without pool and client in the cache.
async fn a_database_that_is_away(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    app.confirmed("alice").await;
    app.sign_up("bob").await.unwrap();
    let tokens = app.tokens("alice").await;
    let session = app.challenged("carol").await;
    world.deps().directory.refresh().await.unwrap();
    app.get("alice").await.unwrap();
    app.tokens("alice").await;
    world.store.close().await;
    for cached in [true, false] {
        if !cached {
            world.pass(crate::directory::TRUSTED_FOR);
        }
        let answers: [(&str, Answer); 12] = [
            ("SignUp", app.sign_up("dave").await),
            ("ConfirmSignUp", app.confirm("bob", "123456").await),
            ("ResendConfirmationCode", app.resend("bob").await),
            ("InitiateAuth", app.sign_in("alice", PASSWORD).await),
            ("AdminInitiateAuth", app.admin_sign_in("alice", PASSWORD).await),
            ("refresh", app.refresh(&tokens["RefreshToken"], "alice").await),
            ("RespondToAuthChallenge", app.answer(&session, "carol", json!({})).await),
            ("GetUser", app.get_user(&tokens).await),
            ("GlobalSignOut", app.global_sign_out(&tokens).await),
            ("RevokeToken", app.revoke(&tokens["RefreshToken"]).await),
            ("AdminCreateUser", app.create("dave", &[]).await),
            ("AdminDeleteUser", app.admin(Operation::AdminDeleteUser, "alice", json!({})).await),
        ];
        let text = "ServiceUnavailableException: Service is unavailable, please try again later";
        for (operation, answer) in answers {
            assert_eq!(answer, Err(text.to_owned()), "{operation}, cached: {cached}");
        }
    }
}

/// Another node ended it; this one still has it in its cache.
async fn a_pool_that_ended_meanwhile(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    let session = app.challenged("bob").await;
    let second = world.house.neighbour(&world.store).await;
    second.deps().directory.refresh().await.unwrap();
    let call = async |operation: Operation, body: serde_json::Value| {
        let context = if operation.auth() == cenote_wire::Auth::Signed { signed() } else { public() };
        let answer = second.service.call(operation, body.to_string().as_bytes(), &context).await;
        answer.map_err(|error| error.to_string())
    };
    let sign_in = json!({"ClientId": app.client, "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": "alice", "PASSWORD": PASSWORD}});
    call(Operation::InitiateAuth, sign_in.clone()).await.unwrap();
    let sign_up = json!({"ClientId": app.client, "Username": "carol", "Password": PASSWORD});
    world.call(Operation::DeleteUserPool, json!({"UserPoolId": app.pool})).await.unwrap();
    let ended = format!("ResourceNotFoundException: User pool {} does not exist.", app.pool);
    assert_eq!(call(Operation::SignUp, sign_up).await, Err(ended.clone()));
    let create = json!({"UserPoolId": app.pool, "Username": "carol"});
    assert_eq!(call(Operation::AdminCreateUser, create).await, Err(ended));
    // For a second more that node may let users in, as it had it before; never is anything else wrong.
    let answer = json!({"ClientId": app.client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": session,
        "ChallengeResponses": {"USERNAME": "bob", "NEW_PASSWORD": "Battery-Staple-7"}});
    for (operation, body) in [
        (Operation::InitiateAuth, sign_in),
        (Operation::RespondToAuthChallenge, answer),
        (Operation::AdminGetUser, json!({"UserPoolId": app.pool, "Username": "alice"})),
    ] {
        let refusal = call(operation, body).await.err();
        assert!(refusal.is_none_or(|text| text.starts_with("ResourceNotFoundException")), "{operation}");
    }
    let gone = "UserNotFoundException: User does not exist.";
    let token = json!({"AccessToken": tokens["AccessToken"]});
    let refusal = call(Operation::GetUser, token).await.unwrap_err();
    assert!(refusal == gone || refusal.starts_with("NotAuthorizedException"), "{refusal}");
    let refresh = json!({"ClientId": app.client, "AuthFlow": "REFRESH_TOKEN_AUTH",
        "AuthParameters": {"REFRESH_TOKEN": tokens["RefreshToken"]}});
    let refusal = call(Operation::InitiateAuth, refresh).await.unwrap_err();
    assert_eq!(refusal, "NotAuthorizedException: Invalid Refresh Token");
}

async fn nothing_personal_is_printed(world: World) {
    let app = world.app(json!({})).await;
    app.create("alice", &[("email", &email("alice")), ("name", "Liddell")]).await.unwrap();
    let deps = world.deps();
    let pool = deps.directory.pool(&app.pool.parse().unwrap()).await.unwrap().unwrap();
    let client = deps.directory.client(&app.client.parse().unwrap()).await.unwrap().unwrap();
    let entry = Entry { door: Door::Api, source: public().source };
    let proven = sign_in::by_password(deps, &pool, &client, entry, "alice", &PASSWORD.into()).await.unwrap();
    let step = sign_in::after_password(deps, &pool, &client, &proven).await.unwrap();
    let printed = format!("{proven:?} {step:?} {:?}", proven.user.stored());
    for personal in [PASSWORD, "alice", "Liddell", "argon2"] {
        assert!(!printed.contains(personal), "{personal} in {printed}");
    }
    assert!(printed.contains(proven.user.stored().sub.as_str()), "which user it is may be known");
}
