//! InitiateAuth and AdminInitiateAuth with passwords: flows, statuses, refusals (reference 04 §1, 03 §1).

use std::time::Duration;

use cenote_store::{Batch, params};
use cenote_wire::idp::Operation;
use serde_json::json;

use super::on_both_engines;
use super::world::{Answer, INCORRECT, NEW_PASSWORD, NO_USER, PASSWORD, World, claims, email};
use crate::testing;

on_both_engines! {
    an_administrator_signs_a_user_in,
    flows_that_a_client_does_not_allow,
    flows_on_the_wrong_side,
    parameters_that_are_missing,
    pools_and_clients_that_do_not_exist,
    unknown_users_and_wrong_passwords,
    statuses,
    a_temporary_password_ends,
    a_disabled_user,
    aliases_sign_in_once_they_are_verified,
    names_that_cannot_be_stored,
    a_password_that_changed_meanwhile,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

fn refused(text: &str) -> Answer {
    Err(text.to_owned())
}

fn invalid(text: &str) -> Answer {
    Err(format!("InvalidParameterException: {text}"))
}

async fn an_administrator_signs_a_user_in(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let before = world.rows("select count(*) from audit").await;
    for flow in ["ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"] {
        let answer = app.admin_initiate(flow, app.credentials("alice", PASSWORD)).await.unwrap();
        assert_eq!(claims(&answer["AuthenticationResult"]["IdToken"])["cognito:username"], "alice");
    }
    // A signed write is audited, with its resource and without values.
    assert_eq!(world.rows("select count(*) from audit").await, before + 2);
    let row = cenote_store::audit::page(&world.store, None, 1).await.unwrap().remove(0);
    assert_eq!(row.action, "cognito-idp:AdminInitiateAuth");
    assert_eq!(row.actor, format!("arn:aws:iam::{}:root", testing::ACCOUNT));
    assert!(row.resource.ends_with(&format!("userpool/{}", app.pool)), "{}", row.resource);
    app.tokens("alice").await;
    assert_eq!(world.rows("select count(*) from audit").await, before + 2, "a public operation is not");
}

async fn flows_that_a_client_does_not_allow(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({"ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"]})).await;
    let name = json!({"USERNAME": "alice", "PASSWORD": PASSWORD, "SRP_A": "ab"});
    for (flow, text) in [
        ("USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH flow not enabled for this client"),
        ("USER_SRP_AUTH", "USER_SRP_AUTH is not enabled for the client."),
        ("USER_AUTH", "USER_AUTH is not enabled for the client."),
        ("CUSTOM_AUTH", "Custom auth lambda trigger is not configured for the user pool."),
    ] {
        assert_eq!(app.initiate(flow, name.clone()).await, invalid(text));
    }
    for flow in ["ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"] {
        assert_eq!(app.admin_initiate(flow, name.clone()).await, invalid("Auth flow not enabled for this client"));
    }
    for flow in ["REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"] {
        let refusal = app.initiate(flow, json!({"REFRESH_TOKEN": "x"})).await.unwrap_err();
        assert!(refusal.starts_with("InvalidParameterException: "), "{refusal}");
    }
    let app = world.client(&pool, json!({"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH"]})).await;
    assert_eq!(app.initiate("CUSTOM_AUTH", name.clone()).await, invalid("CUSTOM_AUTH is not enabled for the client."));
    let refusal = app.initiate("USER_AUTH", name.clone()).await.unwrap_err();
    assert_eq!(refusal, "NotImplementedException: Cenote does not implement the USER_AUTH flow yet.");
    // A client that rotates refreshes elsewhere.
    let rotating = json!({"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
        "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10}});
    let app = world.client(&pool, rotating).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    assert!(
        app.refresh(&tokens["RefreshToken"], "alice").await.unwrap_err().starts_with("InvalidParameterException: ")
    );
}

async fn flows_on_the_wrong_side(world: World) {
    let app = world.app(json!({})).await;
    let text = "Initiate Auth method not supported.";
    let credentials = app.credentials("alice", PASSWORD);
    for flow in ["ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"] {
        assert_eq!(app.initiate(flow, credentials.clone()).await, invalid(text));
    }
    assert_eq!(app.admin_initiate("USER_PASSWORD_AUTH", credentials).await, invalid(text));
    let refusal = app.initiate("PASSWORD", json!({})).await.unwrap_err();
    let constraint = "1 validation error detected: Value 'PASSWORD' at 'authFlow' failed to satisfy constraint: Member \
                      must satisfy enum value set: [";
    assert!(refusal.starts_with(&format!("InvalidParameterException: {constraint}")), "{refusal}");
}

async fn parameters_that_are_missing(world: World) {
    let app = world.app(json!({})).await;
    for (parameters, name) in [
        (json!({}), "USERNAME"),
        (json!({"USERNAME": "", "PASSWORD": PASSWORD}), "USERNAME"),
        (json!({"USERNAME": "alice"}), "PASSWORD"),
        (json!({"USERNAME": "alice", "PASSWORD": ""}), "PASSWORD"),
    ] {
        let expected = invalid(&format!("Missing required parameter {name}"));
        assert_eq!(app.initiate("USER_PASSWORD_AUTH", parameters.clone()).await, expected);
        assert_eq!(app.admin_initiate("ADMIN_USER_PASSWORD_AUTH", parameters).await, expected);
    }
    let expected = invalid("Missing required parameter REFRESH_TOKEN");
    assert_eq!(app.initiate("REFRESH_TOKEN_AUTH", json!({})).await, expected);
    assert_eq!(app.admin_initiate("REFRESH_TOKEN", json!({})).await, expected);
    let bare = json!({"ClientId": app.client, "AuthFlow": "USER_PASSWORD_AUTH"});
    let answer = world.call(Operation::InitiateAuth, bare).await;
    assert_eq!(answer, invalid("Missing required parameter USERNAME"));
}

async fn pools_and_clients_that_do_not_exist(world: World) {
    let app = world.app(json!({})).await;
    let other = world.app(json!({})).await;
    let credentials = app.credentials("alice", PASSWORD);
    let no_client = |id: &str| refused(&format!("ResourceNotFoundException: User pool client {id} does not exist."));
    let nowhere = super::world::App { client: "26cb2c60kq7nbmas7rbme9b6pp".to_owned(), ..app.clone() };
    assert_eq!(nowhere.sign_in("alice", PASSWORD).await, no_client(&nowhere.client));
    assert_eq!(nowhere.admin_sign_in("alice", PASSWORD).await, no_client(&nowhere.client));
    let elsewhere = super::world::App { client: other.client.clone(), ..app.clone() };
    assert_eq!(elsewhere.admin_sign_in("alice", PASSWORD).await, no_client(&other.client));
    let no_pool = super::world::App { pool: "eu-west-1_ZZZZZZZZZ".to_owned(), ..app.clone() };
    let expected = refused("ResourceNotFoundException: User pool eu-west-1_ZZZZZZZZZ does not exist.");
    assert_eq!(no_pool.admin_initiate("ADMIN_USER_PASSWORD_AUTH", credentials).await, expected);
    world.call(Operation::DeleteUserPool, json!({"UserPoolId": app.pool})).await.unwrap();
    assert_eq!(app.sign_in("alice", PASSWORD).await, no_client(&app.client));
    other.confirmed("alice").await;
    let tokens = other.tokens("alice").await;
    world
        .call(Operation::DeleteUserPoolClient, json!({"UserPoolId": other.pool, "ClientId": other.client}))
        .await
        .unwrap();
    assert_eq!(other.refresh(&tokens["RefreshToken"], "alice").await, no_client(&other.client));
    assert_eq!(other.get_user(&tokens).await, refused("NotAuthorizedException: Access Token has been revoked"));
}

async fn unknown_users_and_wrong_passwords(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({})).await;
    let hiding = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    app.confirmed("alice").await;
    assert_eq!(app.sign_in("nobody", PASSWORD).await, refused(NO_USER));
    assert_eq!(app.admin_sign_in("nobody", PASSWORD).await, refused(NO_USER));
    assert_eq!(hiding.sign_in("nobody", PASSWORD).await, refused(INCORRECT));
    assert_eq!(hiding.admin_sign_in("nobody", PASSWORD).await, refused(INCORRECT));
    for client in [&app, &hiding] {
        assert_eq!(client.sign_in("alice", "Wrong-Horse-9").await, refused(INCORRECT));
        assert_eq!(client.admin_sign_in("alice", "Wrong-Horse-9").await, refused(INCORRECT));
        assert!(client.sign_in("alice", PASSWORD).await.is_ok());
    }
    assert_eq!(app.sign_in("Alice", PASSWORD).await, refused(NO_USER), "case counts in this pool");
}

async fn set_status(world: &World, name: &str, status: &str) {
    let sql = "update users set status = $1, version = version + 1 where username = $2";
    world.store.apply(Batch::new().one(sql, params![status, name], "NoUser")).await.unwrap();
}

async fn statuses(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({})).await;
    let hiding = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    app.sign_up("unconfirmed").await.unwrap();
    let not_confirmed = refused("UserNotConfirmedException: User is not confirmed.");
    app.create("temporary", &[]).await.unwrap();
    app.confirmed("reset").await;
    set_status(&world, "reset", "RESET_REQUIRED").await;
    let reset = refused("PasswordResetRequiredException: Password reset required for the user");
    app.confirmed("external").await;
    set_status(&world, "external", "EXTERNAL_PROVIDER").await;
    for client in [&app, &hiding] {
        assert_eq!(client.sign_in("unconfirmed", PASSWORD).await, not_confirmed);
        assert_eq!(client.sign_in("unconfirmed", "Wrong-Horse-9").await, refused(INCORRECT));
        assert_eq!(client.sign_in("temporary", "Wrong-Horse-9").await, refused(INCORRECT));
        assert_eq!(client.admin_sign_in("unconfirmed", PASSWORD).await, not_confirmed);
        assert_eq!(client.sign_in("reset", PASSWORD).await, reset);
        assert_eq!(client.sign_in("external", PASSWORD).await, refused(INCORRECT));
    }
    assert_eq!(app.sign_in("reset", "Wrong-Horse-9").await, reset);
    assert_eq!(hiding.sign_in("reset", "Wrong-Horse-9").await, refused(INCORRECT));
    assert_eq!(app.sign_in("temporary", PASSWORD).await.unwrap()["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    assert_eq!(app.admin_sign_in("temporary", PASSWORD).await.unwrap()["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    assert_eq!(world.rows("select count(*) from token_families").await, 0, "nobody of them is signed in");
}

async fn a_temporary_password_ends(world: World) {
    let app = world.app(json!({"Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 3}}})).await;
    app.create("alice", &[]).await.unwrap();
    world.pass(3 * DAY - Duration::from_millis(1));
    assert_eq!(app.sign_in("alice", PASSWORD).await.unwrap()["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    world.pass(Duration::from_millis(1));
    let text = "NotAuthorizedException: Temporary password has expired and must be reset by an administrator.";
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(text));
    assert_eq!(app.sign_in("alice", "Wrong-Horse-9").await, refused(INCORRECT), "only who has it learns that");
    assert_eq!(app.status("alice").await, "FORCE_CHANGE_PASSWORD", "the user remains");
    let resend = json!({"MessageAction": "RESEND", "TemporaryPassword": PASSWORD});
    app.admin(Operation::AdminCreateUser, "alice", resend).await.unwrap();
    assert!(app.sign_in("alice", PASSWORD).await.is_ok());
    world.pass(4 * DAY);
    app.set_password("alice", PASSWORD, false).await.unwrap();
    assert!(app.sign_in("alice", PASSWORD).await.is_ok());
    app.set_password("alice", PASSWORD, true).await.unwrap();
    world.pass(30 * DAY);
    assert!(app.sign_in("alice", PASSWORD).await.unwrap().get("AuthenticationResult").is_some());
}

async fn a_disabled_user(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({})).await;
    let hiding = world.client(&pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    let session = app.challenged("bob").await;
    app.disable("alice").await;
    app.disable("bob").await;
    let disabled = refused("NotAuthorizedException: User is disabled.");
    for client in [&app, &hiding] {
        assert_eq!(client.sign_in("alice", PASSWORD).await, disabled);
        assert_eq!(client.sign_in("alice", "Wrong-Horse-9").await, disabled);
        assert_eq!(client.admin_sign_in("alice", PASSWORD).await, disabled);
    }
    assert_eq!(app.refresh(&tokens["RefreshToken"], "alice").await, disabled);
    assert_eq!(app.get_user(&tokens).await, disabled);
    assert_eq!(app.global_sign_out(&tokens).await, disabled);
    assert_eq!(app.answer(&session, "bob", json!({})).await, disabled);
    assert_eq!(app.get("alice").await.unwrap()["Enabled"], json!(false));
}

async fn aliases_sign_in_once_they_are_verified(world: World) {
    let pool = json!({"AliasAttributes": ["email", "preferred_username"], "AutoVerifiedAttributes": ["email"]});
    let app = world.app(pool).await;
    app.sign_up("alice").await.unwrap();
    assert_eq!(app.sign_in(&email("alice"), PASSWORD).await, refused(NO_USER), "not before the confirmation");
    app.confirm("alice", &world.code(&email("alice")).await).await.unwrap();
    let answer = app.sign_in(&email("alice"), PASSWORD).await.unwrap();
    assert_eq!(claims(&answer["AuthenticationResult"]["AccessToken"])["username"], "alice");
    app.create("bob", &[("email", &email("bob")), ("preferred_username", "bobby")]).await.unwrap();
    app.set_password("bob", PASSWORD, true).await.unwrap();
    assert_eq!(app.sign_in(&email("bob"), PASSWORD).await, refused(NO_USER), "never verified");
    assert!(app.sign_in("bobby", PASSWORD).await.is_ok());
}

async fn names_that_cannot_be_stored(world: World) {
    let app = world.app(json!({"AliasAttributes": ["email", "preferred_username"]})).await;
    for name in ["a\0b", "\0", "a\0@example.com", &"x".repeat(5000), "😀", "' or 1=1 --", "%"] {
        assert_eq!(app.sign_in(name, PASSWORD).await, refused(NO_USER), "{name:?}");
    }
    let hiding = world.client(&app.pool, json!({"PreventUserExistenceErrors": "ENABLED"})).await;
    assert_eq!(hiding.sign_in("a\0b", PASSWORD).await, refused(INCORRECT));
    let session = app.challenged("alice").await;
    assert_eq!(app.answer(&session, "a\0b", json!({})).await, refused(super::world::INVALID_SESSION));
    assert!(
        app.answer(&session, "alice", json!({"userAttributes.name": "a\0b"}))
            .await
            .unwrap_err()
            .starts_with("InvalidParameterException: ")
    );
}

/// The user was read, waited for its turn and was compared; the password was changed in between.
async fn a_password_that_changed_meanwhile(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let deps = world.deps();
    let pool = deps.directory.pool(&app.pool.parse().unwrap()).await.unwrap().unwrap();
    let client = deps.directory.client(&app.client.parse().unwrap()).await.unwrap().unwrap();
    let entry = crate::flows::Entry { door: crate::flows::Door::Api, source: testing::public().source };
    let password = PASSWORD.into();
    let prove = || crate::flows::sign_in::by_password(deps, &pool, &client, entry, "alice", &password);
    let proven = prove().await.unwrap();
    app.set_password("alice", NEW_PASSWORD, true).await.unwrap();
    let issued = sign_in_with(deps, &pool, &client, &proven).await;
    assert!(issued.is_none(), "what was decided on does not hold any more");
    let refusal = proven.read_again(deps, &pool).await.unwrap_err();
    assert!(matches!(refusal, crate::flows::Refusal::BadCredentials), "{refusal}");
    assert_eq!(world.rows("select count(*) from token_families").await, 0);

    // Another change does not concern the password: the sign-in is decided again, and ends.
    app.set_password("alice", PASSWORD, true).await.unwrap();
    let proven = prove().await.unwrap();
    let sql = "update users set version = version + 1 where username = 'alice'";
    world.store.apply(Batch::new().one(sql, vec![], "NoUser")).await.unwrap();
    assert!(sign_in_with(deps, &pool, &client, &proven).await.is_none());
    let proven = proven.read_again(deps, &pool).await.unwrap();
    assert!(sign_in_with(deps, &pool, &client, &proven).await.is_some());
    // Its turn is over.
    drop(proven);

    let proven = prove().await.unwrap();
    app.disable("alice").await;
    assert!(sign_in_with(deps, &pool, &client, &proven).await.is_none());
    assert!(matches!(proven.read_again(deps, &pool).await, Err(crate::flows::Refusal::Disabled)));
}

async fn sign_in_with(
    deps: &crate::Deps,
    pool: &crate::domain::pool::Pool,
    client: &crate::domain::client::Client,
    proven: &crate::flows::credentials::Proven,
) -> Option<cenote_wire::idp::AuthenticationResultType> {
    let step = crate::flows::sign_in::after_password(deps, pool, client, proven).await.unwrap();
    let crate::flows::sign_in::SignIn::Authenticated(authentication) = step else { panic!("a challenge") };
    crate::operations::tokens::issue(deps, pool, client, authentication).await.unwrap()
}
