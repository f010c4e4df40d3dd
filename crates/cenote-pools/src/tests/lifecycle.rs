//! ChangePassword, AdminDisableUser, AdminEnableUser, DeleteUser (reference 03 §6 and §10, 05 §6).

use std::time::Duration;

use cenote_store::{Batch, params};
use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::at_once::{at_once, outcomes};
use super::on_both_engines;
use super::recovery::{HOUR, NOT_RESETTABLE, TOO_MANY};
use super::world::{Answer, App, INCORRECT, INVALID_SESSION, LOCKED, NEW_PASSWORD, NO_USER, PASSWORD, World, email};

on_both_engines! {
    a_password_is_changed,
    who_does_not_know_the_old_password,
    passwords_against_the_policy,
    five_changes_an_hour,
    who_has_no_password_of_its_own,
    a_first_password,
    many_changes_at_once,
    a_disabled_user_is_out_everywhere,
    enabling_revives_no_token,
    being_signed_out_ends_a_session,
    disabling_and_enabling_again_and_again,
    sign_ins_while_the_user_is_disabled,
    a_user_deletes_itself,
    a_deleted_users_names_are_free,
    tokens_that_are_no_good,
}

const DISABLED: &str = "NotAuthorizedException: User is disabled.";
const REVOKED: &str = "NotAuthorizedException: Access Token has been revoked";

fn refused(text: &str) -> Answer {
    Err(text.to_owned())
}

async fn enable(app: &App<'_>, name: &str) -> Answer {
    app.admin(Operation::AdminEnableUser, name, json!({})).await
}

async fn delete(app: &App<'_>, tokens: &Value) -> Answer {
    app.world.call(Operation::DeleteUser, json!({"AccessToken": tokens["AccessToken"]})).await
}

async fn a_password_is_changed(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    assert_eq!(app.change_password(&tokens, PASSWORD, NEW_PASSWORD).await, Ok(json!({})));
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(INCORRECT));
    assert!(app.sign_in("alice", NEW_PASSWORD).await.unwrap().get("AuthenticationResult").is_some());
    assert!(app.get_user(&tokens).await.is_ok(), "tokens stay valid");
    assert!(app.refresh(&tokens["RefreshToken"], "alice").await.is_ok());
    assert_eq!(app.change_password(&tokens, NEW_PASSWORD, NEW_PASSWORD).await, Ok(json!({})), "the same again");
    assert_eq!(world.rows("select count(*) from attempts where factor like 'password%'").await, 0);
}

async fn who_does_not_know_the_old_password(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    for _ in 0..4 {
        assert_eq!(app.sign_in("alice", "Wrong-Horse-9").await, refused(INCORRECT));
    }
    assert_eq!(app.change_password(&tokens, "Wrong-Horse-9", NEW_PASSWORD).await, refused(INCORRECT));
    assert_eq!(app.change_password(&tokens, PASSWORD, NEW_PASSWORD).await, refused(LOCKED), "one count for all doors");
    assert_eq!(app.sign_in("alice", PASSWORD).await, refused(LOCKED));
    world.pass(Duration::from_secs(1));
    let missing = json!({"AccessToken": tokens["AccessToken"], "ProposedPassword": NEW_PASSWORD});
    let text = "InvalidParameterException: Missing required parameter PreviousPassword";
    assert_eq!(world.call(Operation::ChangePassword, missing).await, refused(text));
    assert_eq!(app.change_password(&tokens, PASSWORD, NEW_PASSWORD).await, Ok(json!({})));
}

async fn passwords_against_the_policy(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    for (weak, reason) in [
        ("Short-1", "Password not long enough"),
        ("correct-horse-9", "Password must have uppercase characters"),
        ("CORRECT-HORSE-9", "Password must have lowercase characters"),
        ("Correct-Horse", "Password must have numeric characters"),
        ("CorrectHorse9", "Password must have symbol characters"),
        ("Short-2", "Password not long enough"),
    ] {
        let text = format!("InvalidPasswordException: Password does not conform to policy: {reason}");
        assert_eq!(app.change_password(&tokens, PASSWORD, weak).await, refused(&text), "{weak}");
    }
    assert_eq!(app.change_password(&tokens, PASSWORD, NEW_PASSWORD).await, Ok(json!({})));
}

async fn five_changes_an_hour(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    for _ in 0..5 {
        app.change_password(&tokens, PASSWORD, PASSWORD).await.unwrap();
    }
    assert_eq!(app.change_password(&tokens, PASSWORD, NEW_PASSWORD).await, refused(TOO_MANY));
    world.pass(HOUR);
    let tokens = app.tokens("alice").await;
    assert_eq!(app.change_password(&tokens, PASSWORD, NEW_PASSWORD).await, Ok(json!({})));
}

async fn who_has_no_password_of_its_own(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    app.admin(Operation::AdminResetUserPassword, "alice", json!({})).await.unwrap();
    let reset = "PasswordResetRequiredException: Password reset required for the user";
    assert_eq!(app.change_password(&tokens, PASSWORD, NEW_PASSWORD).await, refused(reset), "the old one is dead");
    app.set_password("alice", PASSWORD, false).await.unwrap();
    assert_eq!(app.change_password(&tokens, PASSWORD, NEW_PASSWORD).await, refused(NOT_RESETTABLE));
    app.disable("alice").await;
    assert_eq!(app.change_password(&tokens, PASSWORD, NEW_PASSWORD).await, refused(DISABLED));
}

async fn a_first_password(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    // Signing in without a password is still to be built.
    world.store.apply(Batch::new().any("update users set password = null, srp = null", params![])).await.unwrap();
    assert_eq!(app.change_password(&tokens, PASSWORD, NEW_PASSWORD).await, refused(INCORRECT), "there is none");
    let first = json!({"AccessToken": tokens["AccessToken"], "ProposedPassword": NEW_PASSWORD});
    let answers = at_once(4, |_| world.call(Operation::ChangePassword, first.clone()));
    let missing = "InvalidParameterException: Missing required parameter PreviousPassword";
    assert_eq!(outcomes(&answers), [(missing, 3), ("ok", 1)].into(), "the first one only");
    assert!(app.sign_in("alice", NEW_PASSWORD).await.is_ok());
}

async fn many_changes_at_once(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    let answers = at_once(5, |n| {
        let (world, tokens) = (&world, &tokens);
        async move {
            let request = json!({"AccessToken": tokens["AccessToken"], "PreviousPassword": PASSWORD,
                "ProposedPassword": format!("Password-number-{n}")});
            world.call(Operation::ChangePassword, request).await
        }
    });
    assert_eq!(outcomes(&answers), [(INCORRECT, 4), ("ok", 1)].into(), "for the others it was the old one no more");
    let winner = answers.iter().position(Result::is_ok).unwrap();
    assert!(app.sign_in("alice", &format!("Password-number-{winner}")).await.is_ok());
}

/// A user's tokens with and without a name of their sign-in, and another user's session.
async fn signed_in<'w>(world: &'w World) -> (App<'w>, App<'w>, Value, Value) {
    let app = world.app(json!({})).await;
    let plain = world.client(&app.pool, json!({"EnableTokenRevocation": false})).await;
    app.confirmed("alice").await;
    let (tokens, nameless) = (app.tokens("alice").await, plain.tokens("alice").await);
    (app, plain, tokens, nameless)
}

async fn a_disabled_user_is_out_everywhere(world: World) {
    let (app, plain, tokens, nameless) = signed_in(&world).await;
    let session = app.challenged("bob").await;
    for name in ["alice", "bob"] {
        assert_eq!(app.admin(Operation::AdminDisableUser, name, json!({})).await, Ok(json!({})));
        assert_eq!(app.get(name).await.unwrap()["Enabled"], json!(false));
    }
    assert_eq!(app.status("alice").await, "CONFIRMED");
    assert_eq!(world.rows("select count(*) from token_families").await, 0);
    let disabled = refused(DISABLED);
    let second = world.house.neighbour(&world.store).await;
    for (client, tokens) in [(&app, &tokens), (&plain, &nameless)] {
        assert_eq!(client.sign_in("alice", PASSWORD).await, disabled);
        assert_eq!(client.get_user(tokens).await, disabled);
        assert_eq!(client.refresh(&tokens["RefreshToken"], "alice").await, disabled);
        assert_eq!(client.change_password(tokens, PASSWORD, NEW_PASSWORD).await, disabled);
        assert_eq!(delete(client, tokens).await, disabled);
        let token = json!({"AccessToken": tokens["AccessToken"]});
        assert_eq!(second.refusal(Operation::GetUser, token).await, DISABLED, "on every node");
    }
    assert_eq!(app.answer(&session, "bob", json!({})).await, disabled);
}

async fn enabling_revives_no_token(world: World) {
    let (app, plain, tokens, nameless) = signed_in(&world).await;
    app.disable("alice").await;
    assert_eq!(enable(&app, "alice").await, Ok(json!({})));
    assert_eq!(app.get("alice").await.unwrap()["Enabled"], json!(true));
    for (client, tokens) in [(&app, &tokens), (&plain, &nameless)] {
        assert_eq!(client.get_user(tokens).await, refused(REVOKED));
        let text = "NotAuthorizedException: Refresh Token has been revoked";
        assert_eq!(client.refresh(&tokens["RefreshToken"], "alice").await, refused(text));
        // In the second of the disabling, too.
        let fresh = client.tokens("alice").await;
        assert!(client.get_user(&fresh).await.is_ok());
        assert!(client.refresh(&fresh["RefreshToken"], "alice").await.is_ok());
    }
}

/// A session that waits for a new password is a sign-in that has begun.
async fn being_signed_out_ends_a_session(world: World) {
    let app = world.app(json!({})).await;
    let before = app.challenged("alice").await;
    app.disable("alice").await;
    enable(&app, "alice").await.unwrap();
    assert_eq!(app.answer(&before, "alice", json!({})).await, refused(INVALID_SESSION), "disabled meanwhile");
    let before = app.session("alice").await;
    app.admin(Operation::AdminUserGlobalSignOut, "alice", json!({})).await.unwrap();
    assert_eq!(app.answer(&before, "alice", json!({})).await, refused(INVALID_SESSION), "signed out meanwhile");
    // What else changes about the user ends nothing.
    let after = app.session("alice").await;
    let more = json!({"UserAttributes": [{"Name": "name", "Value": "Alice"}]});
    app.admin(Operation::AdminUpdateUserAttributes, "alice", more).await.unwrap();
    enable(&app, "alice").await.unwrap();
    assert!(app.answer(&after, "alice", json!({})).await.is_ok());
}

async fn disabling_and_enabling_again_and_again(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    for _ in 0..2 {
        assert_eq!(app.admin(Operation::AdminDisableUser, "alice", json!({})).await, Ok(json!({})));
    }
    for _ in 0..2 {
        assert_eq!(enable(&app, "alice").await, Ok(json!({})));
    }
    assert!(app.sign_in("alice", PASSWORD).await.is_ok());
    let rows = cenote_store::audit::page(&world.store, None, 4).await.unwrap();
    let actions: Vec<&str> = rows.iter().map(|row| row.action.as_str()).collect();
    let (enabled, disabled) = ("cognito-idp:AdminEnableUser", "cognito-idp:AdminDisableUser");
    assert_eq!(actions, [enabled, enabled, disabled, disabled]);
    let nowhere = App { pool: "eu-west-1_ZZZZZZZZZ".to_owned(), ..app.clone() };
    let no_pool = refused("ResourceNotFoundException: User pool eu-west-1_ZZZZZZZZZ does not exist.");
    for operation in [Operation::AdminDisableUser, Operation::AdminEnableUser] {
        assert_eq!(app.admin(operation, "nobody", json!({})).await, refused(NO_USER));
        assert_eq!(nowhere.admin(operation, "alice", json!({})).await, no_pool);
    }
    let rows = cenote_store::audit::page(&world.store, None, 1).await.unwrap();
    assert_eq!(rows[0].action, enabled, "what was refused left no trace");
}

async fn sign_ins_while_the_user_is_disabled(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let second = world.house.neighbour(&world.store).await;
    let answers = at_once(5, |n| {
        let (app, second) = (&app, &second);
        async move {
            if n == 4 {
                return app.admin(Operation::AdminDisableUser, "alice", json!({})).await;
            }
            let request = json!({"ClientId": app.client, "AuthFlow": "USER_PASSWORD_AUTH",
                "AuthParameters": app.credentials("alice", PASSWORD)});
            second.json(Operation::InitiateAuth, request).await.map_err(|error| error.to_string())
        }
    });
    assert_eq!(answers[4], Ok(json!({})));
    assert_eq!(world.rows("select count(*) from token_families").await, 0, "none is left, none came after");
    for answer in answers {
        match answer {
            Ok(answer) if answer.get("AuthenticationResult").is_some() => {
                assert_eq!(app.get_user(&answer["AuthenticationResult"]).await, refused(DISABLED));
            }
            Ok(answer) => assert_eq!(answer, json!({})),
            Err(text) => assert_eq!(text, DISABLED),
        }
    }
}

async fn a_user_deletes_itself(world: World) {
    let app = world.app(json!({"AliasAttributes": ["email"], "AutoVerifiedAttributes": ["email"]})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    app.forgot_password("alice").await.unwrap();
    assert_eq!(delete(&app, &tokens).await, Ok(Value::Null), "no body at all");
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
    assert_eq!(app.get_user(&tokens).await, refused(NO_USER));
    assert_eq!(delete(&app, &tokens).await, refused(NO_USER));
    assert_eq!(app.change_password(&tokens, PASSWORD, NEW_PASSWORD).await, refused(NO_USER));
    assert_eq!(app.get("alice").await, refused(NO_USER));
    let refresh = app.refresh(&tokens["RefreshToken"], "alice").await.unwrap_err();
    assert!(refresh.starts_with("NotAuthorizedException: "), "{refresh}");
}

async fn a_deleted_users_names_are_free(world: World) {
    let app = world.app(json!({"AliasAttributes": ["email"], "AutoVerifiedAttributes": ["email"]})).await;
    let first = app.sign_up("alice").await.unwrap();
    app.confirm("alice", &world.code(&email("alice")).await).await.unwrap();
    let tokens = app.tokens("alice").await;
    delete(&app, &tokens).await.unwrap();
    let second = app.sign_up("alice").await.unwrap();
    assert_ne!(first["UserSub"], second["UserSub"]);
    app.confirm("alice", &world.code(&email("alice")).await).await.unwrap();
    assert!(app.sign_in(&email("alice"), PASSWORD).await.is_ok());
    assert_eq!(app.get_user(&tokens).await, refused(NO_USER), "not the one who was meant");
}

async fn tokens_that_are_no_good(world: World) {
    let app = world.app(json!({})).await;
    app.confirmed("alice").await;
    let tokens = app.tokens("alice").await;
    let change =
        |token: &Value| json!({"AccessToken": token, "PreviousPassword": PASSWORD, "ProposedPassword": NEW_PASSWORD});
    let invalid = refused("NotAuthorizedException: Invalid Access Token");
    for garbage in [&json!("x.y.z"), &tokens["IdToken"], &tokens["RefreshToken"]] {
        assert_eq!(world.call(Operation::ChangePassword, change(garbage)).await, invalid);
        assert_eq!(world.call(Operation::DeleteUser, json!({"AccessToken": garbage})).await, invalid);
    }
    app.global_sign_out(&tokens).await.unwrap();
    assert_eq!(app.change_password(&tokens, PASSWORD, NEW_PASSWORD).await, refused(REVOKED));
    assert_eq!(delete(&app, &tokens).await, refused(REVOKED));
    assert!(app.sign_in("alice", PASSWORD).await.is_ok());
}
