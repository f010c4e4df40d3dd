//! Each wrong input and its exact refusal.

use cenote_store::Batch;
use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::{NEW, OLD, PHONE, invalid, on_both_engines, refused, sent, unauthorized};
use crate::tests::world::{NO_USER, World, attributes};

on_both_engines! {
    what_may_not_be_written,
    what_may_not_be_deleted,
    clients_with_a_list_of_what_they_write,
    flags_without_an_address,
    the_last_address_that_is_a_username,
    attributes_that_are_not_verified,
    tokens_that_are_not_good,
    what_the_schema_lets_pass_and_no_mail_reaches,
    what_is_refused_changes_nothing,
}

fn schema() -> Value {
    json!([{"Name": "given_name", "Required": true},
        {"Name": "born", "AttributeDataType": "String", "Mutable": false},
        {"Name": "level", "AttributeDataType": "String", "DeveloperOnlyAttribute": true},
        {"Name": "age", "AttributeDataType": "Number", "NumberAttributeConstraints": {"MinValue": "18"}},
        {"Name": "team", "AttributeDataType": "String",
            "StringAttributeConstraints": {"MinLength": "2", "MaxLength": "5"}}])
}

async fn what_may_not_be_written(world: World) {
    let app = world.app(json!({"Schema": schema()})).await;
    let tokens = app.with_address("alice", OLD).await;
    app.update_own(&tokens, &[("given_name", "Alice")]).await.unwrap();
    let prefix = "Attributes did not conform to the schema: ";
    for (name, value, refusal) in [
        ("sub", "me", invalid("Cannot modify the non-mutable attribute sub")),
        ("custom:born", "1852", invalid("user.custom:born: Attribute cannot be updated.")),
        ("custom:born", "", invalid("user.custom:born: Attribute cannot be updated.")),
        ("custom:foo", "1", invalid("Type for attribute {custom:foo} could not be determined")),
        ("shoe", "1", invalid("Type for attribute {shoe} could not be determined")),
        ("given_name", "", invalid("Required attribute can not be deleted")),
        ("email", "alice", invalid("Invalid email address format.")),
        ("phone_number", "555", invalid("Invalid phone number format.")),
        (
            "custom:team",
            "x",
            invalid(&format!("{prefix}custom:team: String length must be greater than or equal to 2")),
        ),
        (
            "custom:team",
            "purple",
            invalid(&format!("{prefix}custom:team: String length must be less than or equal to 5")),
        ),
        ("custom:age", "17", invalid(&format!("{prefix}custom:age: Number value must be greater than or equal to 18"))),
        ("name", "a\0b", invalid("The value of attribute name has a character that is not allowed.")),
    ] {
        assert_eq!(app.update_own(&tokens, &[(name, value)]).await, refusal, "{name}");
        assert_eq!(app.admin_update("alice", &[(name, value)]).await, refusal, "{name}, by an administrator");
    }
    for flag in ["email_verified", "phone_number_verified"] {
        let text = format!("Cannot modify the non-mutable attribute {flag}");
        assert_eq!(app.update_own(&tokens, &[(flag, "true")]).await, invalid(&text));
        assert_eq!(app.update_own(&tokens, &[(flag, "")]).await, invalid(&text));
    }
    let text = format!("{prefix}email_verified: Value is not of type Boolean");
    assert_eq!(app.admin_update("alice", &[("email_verified", "yes")]).await, invalid(&text));
    assert_eq!(app.update_own(&tokens, &[("dev:custom:level", "9")]).await, unauthorized());
}

async fn what_may_not_be_deleted(world: World) {
    let app = world.app(json!({"Schema": schema()})).await;
    let tokens = app.with_address("alice", OLD).await;
    for (names, refusal) in [
        (&["custom:foo"][..], "Invalid user attributes: user.custom:foo: Attribute does not exist in the schema.\n"),
        (
            &["email", "custom:foo", "shoe"],
            "Invalid user attributes: user.custom:foo: Attribute does not exist in the schema.\n\
             user.shoe: Attribute does not exist in the schema.\n",
        ),
        (&["sub"], "Cannot modify the non-mutable attribute sub"),
        (&["custom:born"], "user.custom:born: Attribute cannot be updated."),
        (&["given_name"], "Required attribute can not be deleted"),
    ] {
        assert_eq!(app.delete_own(&tokens, names).await, invalid(refusal));
        assert_eq!(app.admin_delete("alice", names).await, invalid(refusal));
    }
    let text = "Cannot modify the non-mutable attribute email_verified";
    assert_eq!(app.delete_own(&tokens, &["email_verified"]).await, invalid(text));
    assert_eq!(app.delete_own(&tokens, &["dev:custom:level"]).await, unauthorized());
    assert_eq!(app.email_of("alice").await, json!([OLD, "true"]));
}

async fn clients_with_a_list_of_what_they_write(world: World) {
    let pool = world.pool(json!({})).await;
    let app = world.client(&pool, json!({"WriteAttributes": ["name"]})).await;
    let tokens = app.with_address("alice", OLD).await;
    assert_eq!(app.update_own(&tokens, &[("name", "Alice")]).await, sent(&[]));
    for name in ["nickname", "email", "email_verified"] {
        let value = if name == "email" { NEW } else { "true" };
        assert_eq!(app.update_own(&tokens, &[("name", "A"), (name, value)]).await, unauthorized(), "{name}");
        assert_eq!(app.delete_own(&tokens, &[name]).await, unauthorized(), "{name}");
    }
    assert_eq!(app.attributes("alice").await["name"], "Alice", "nothing of it is written");
    assert_eq!(app.admin_update("alice", &[("nickname", "Al")]).await, Ok(json!({})));
}

async fn flags_without_an_address(world: World) {
    let app = world.app(json!({})).await;
    app.with_address("alice", OLD).await;
    let phone = invalid("Phone Number is required to verify/un-verify a phone number");
    let mail = invalid("Email is required to verify/un-verify an email");
    for value in ["true", "false"] {
        assert_eq!(app.admin_update("alice", &[("phone_number_verified", value)]).await, phone);
        assert_eq!(app.admin_update("alice", &[("email", ""), ("email_verified", value)]).await, mail);
    }
    assert_eq!(app.email_of("alice").await, json!([OLD, "true"]));
    let both = [("phone_number_verified", "true"), ("phone_number", PHONE)];
    assert_eq!(app.admin_update("alice", &both).await, Ok(json!({})));
    assert_eq!(app.attributes("alice").await["phone_number_verified"], "true");
    assert_eq!(app.admin_delete("alice", &["phone_number_verified", "phone_number"]).await, Ok(json!({})));
    assert_eq!(app.admin_delete("alice", &["phone_number_verified"]).await, Ok(json!({})), "not set: ignored");
}

async fn the_last_address_that_is_a_username(world: World) {
    let app = world.app(json!({"UsernameAttributes": ["email", "phone_number"]})).await;
    app.create(OLD, &[]).await.unwrap();
    app.set_password(OLD, crate::tests::world::PASSWORD, true).await.unwrap();
    let tokens = app.tokens(OLD).await;
    let needed = invalid("Required attribute can not be deleted");
    assert_eq!(app.update_own(&tokens, &[("email", "")]).await, needed);
    assert_eq!(app.delete_own(&tokens, &["email"]).await, needed);
    assert_eq!(app.admin_update(OLD, &[("email", "")]).await, needed);
    assert_eq!(app.admin_delete(OLD, &["email"]).await, needed);
    // Beside another it is not needed.
    assert_eq!(app.update_own(&tokens, &[("email", ""), ("phone_number", PHONE)]).await, sent(&[]));
    assert!(app.get(PHONE).await.is_ok());
    assert_eq!(app.get(OLD).await, refused(NO_USER));
    assert_eq!(app.delete_own(&tokens, &["phone_number"]).await, needed);
}

async fn attributes_that_are_not_verified(world: World) {
    let app = world.app(json!({})).await;
    let tokens = app.with_address("alice", OLD).await;
    for name in ["name", "email_verified", "preferred_username", "custom:x", "Email"] {
        let text = format!("Invalid attribute {name}. Only email and phone_number can be verified.");
        assert_eq!(app.send_code(&tokens, name).await, invalid(&text));
        assert_eq!(app.verify(&tokens, name, "123456").await, invalid(&text));
    }
    let none = invalid("Cannot send a verification code as the user has no phone_number");
    assert_eq!(app.send_code(&tokens, "phone_number").await, none);
    assert_eq!(world.rows("select count(*) from attempts where factor <> 'password'").await, 0, "no try is counted");
}

async fn tokens_that_are_not_good(world: World) {
    let app = world.app(json!({})).await;
    let tokens = app.with_address("alice", OLD).await;
    let calls = [
        (Operation::UpdateUserAttributes, json!({"UserAttributes": attributes(&[("name", "x")])})),
        (Operation::DeleteUserAttributes, json!({"UserAttributeNames": ["name"]})),
        (Operation::GetUserAttributeVerificationCode, json!({"AttributeName": "email"})),
        (Operation::VerifyUserAttribute, json!({"AttributeName": "email", "Code": "123456"})),
    ];
    let all = async |token: &Value, refusal: &str| {
        for (operation, input) in &calls {
            let mut input = input.clone();
            input["AccessToken"] = token.clone();
            assert_eq!(world.call(*operation, input).await, refused(refusal), "{operation}");
        }
    };
    let invalid = "NotAuthorizedException: Invalid Access Token";
    all(&tokens["IdToken"], invalid).await;
    all(&json!("a.b.c"), invalid).await;
    // A sign-in that was granted other scopes.
    let narrow = app.tokens("alice").await;
    let granted = Batch::new().any("update token_families set scopes = 'openid'", vec![]);
    world.store.apply(granted).await.unwrap();
    let narrow = app.refresh(&narrow["RefreshToken"], "alice").await.unwrap();
    let missing = "NotAuthorizedException: Access Token does not have required scopes";
    all(&narrow["AuthenticationResult"]["AccessToken"], missing).await;
    let late = app.tokens("alice").await;
    app.global_sign_out(&tokens).await.unwrap();
    all(&late["AccessToken"], "NotAuthorizedException: Access Token has been revoked").await;
    let tokens = app.tokens("alice").await;
    app.admin(Operation::AdminDeleteUser, "alice", json!({})).await.unwrap();
    all(&tokens["AccessToken"], NO_USER).await;
    let other = app.with_address("bob", OLD).await;
    world.pass(std::time::Duration::from_secs(3600));
    all(&other["AccessToken"], "NotAuthorizedException: Access Token has expired").await;
}

async fn what_the_schema_lets_pass_and_no_mail_reaches(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let tokens = app.with_address("alice", OLD).await;
    let answer = app.update_own(&tokens, &[("email", "a b@example.com")]).await;
    assert_eq!(answer, invalid("Invalid email address format."));
    assert_eq!(app.email_of("alice").await, json!([OLD, "true"]));
}

async fn what_is_refused_changes_nothing(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let tokens = app.with_address("alice", OLD).await;
    let before = app.get("alice").await;
    app.update_own(&tokens, &[("email", NEW), ("name", "x"), ("sub", "y")]).await.unwrap_err();
    app.update_own(&tokens, &[("email", NEW), ("email_verified", "true")]).await.unwrap_err();
    app.admin_update("alice", &[("email", NEW), ("phone_number", "1")]).await.unwrap_err();
    assert_eq!(app.get("alice").await, before);
    assert_eq!(world.rows("select count(*) from codes").await, 0);
    assert_eq!(world.rows("select count(*) from messages").await, 0);
}
