//! What becomes of attributes, and of addresses in pools that store them at once.

use std::time::Duration;

use cenote_store::testing::TestStore;
use cenote_wire::idp::Operation;
use serde_json::json;

use super::{NEW, OLD, PHONE, on_both_engines, sent, sent_to_new, shown};
use crate::testing::{Furniture, House};
use crate::tests::sign_up::with_sms;
use crate::tests::world::{World, claims, email};

on_both_engines! {
    attributes_are_set_replaced_and_deleted,
    an_address_that_the_pool_verifies,
    an_address_that_the_pool_does_not_verify,
    an_administrator_and_the_flag,
    several_at_once,
    the_same_value_again,
    what_is_deleted_with_an_address,
    somebody_who_has_not_confirmed,
    each_signed_write_is_noted,
    a_change_is_seen_on_every_node,
}

async fn attributes_are_set_replaced_and_deleted(world: World) {
    let schema = json!([{"Name": "team", "AttributeDataType": "String"}, {"Name": "level",
        "AttributeDataType": "Number", "DeveloperOnlyAttribute": true}]);
    let app = world.app(json!({"Schema": schema})).await;
    let tokens = app.with_address("alice", OLD).await;
    let created = app.get("alice").await.unwrap();
    assert_eq!(
        app.update_own(&tokens, &[("name", "Alice"), ("custom:team", "red"), ("nickname", "Al")]).await,
        sent(&[])
    );
    let changed = app.get("alice").await.unwrap();
    assert!(changed["UserLastModifiedDate"].as_f64() > created["UserLastModifiedDate"].as_f64());
    assert_eq!(changed["UserCreateDate"], created["UserCreateDate"]);
    // Of two equal names the later counts; a blank value deletes.
    assert_eq!(app.update_own(&tokens, &[("name", "A"), ("name", "Alice L."), ("nickname", "")]).await, sent(&[]));
    assert_eq!(app.admin_update("alice", &[("dev:custom:level", "9"), ("given_name", "Alice")]).await, Ok(json!({})));
    let names = ["name", "custom:team", "nickname", "dev:custom:level", "given_name", "email", "email_verified"];
    let expected = json!(["Alice L.", "red", null, "9", "Alice", OLD, "true"]);
    assert_eq!(shown(&app.attributes("alice").await, &names), expected);
    let searched = "select count(*) from user_attributes where value in ('alice l.', 'alice', 'old@example.com')";
    assert_eq!(world.rows(searched).await, 3, "what ListUsers searches follows");

    assert_eq!(app.delete_own(&tokens, &["name", "custom:team", "picture"]).await, Ok(json!({})));
    assert_eq!(app.admin_delete("alice", &["dev:custom:level", "locale"]).await, Ok(json!({})));
    let expected = json!([null, null, null, null, "Alice", OLD, "true"]);
    assert_eq!(shown(&app.attributes("alice").await, &names), expected);
    assert_eq!(world.rows(searched).await, 2);
    let refreshed = app.refresh(&tokens["RefreshToken"], "alice").await.unwrap();
    let id = claims(&refreshed["AuthenticationResult"]["IdToken"]);
    assert_eq!((&id["given_name"], id.get("name")), (&json!("Alice"), None), "new tokens say what is");
    assert_eq!(world.rows("select count(*) from messages").await, 0);
}

async fn an_address_that_the_pool_verifies(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let tokens = app.with_address("alice", OLD).await;
    assert_eq!(app.update_own(&tokens, &[("email", NEW)]).await, sent_to_new());
    assert_eq!(app.email_of("alice").await, json!([NEW, "false"]), "at once");
    assert_eq!(app.verify(&tokens, "email", &world.code(NEW).await).await, Ok(json!({})));
    assert_eq!(app.email_of("alice").await, json!([NEW, "true"]));
    assert!(world.messages(OLD).await.is_empty());

    assert_eq!(app.admin_update("alice", &[("email", OLD)]).await, Ok(json!({})), "the answer says nothing of codes");
    assert_eq!(app.email_of("alice").await, json!([OLD, "false"]));
    assert_eq!(app.verify(&tokens, "email", &world.code(OLD).await).await, Ok(json!({})));
    assert_eq!(app.email_of("alice").await, json!([OLD, "true"]));
    assert_eq!(world.rows("select count(*) from codes").await, 0);

    // Somebody who had none.
    app.confirmed("bob").await;
    let tokens = app.tokens("bob").await;
    app.delete_own(&tokens, &["email"]).await.unwrap();
    assert_eq!(app.update_own(&tokens, &[("email", NEW)]).await, sent_to_new());
    assert_eq!(app.email_of("bob").await, json!([NEW, "false"]));
}

async fn an_address_that_the_pool_does_not_verify(world: World) {
    let app = world.app(with_sms(json!({"AutoVerifiedAttributes": ["phone_number"]}))).await;
    let tokens = app.with_address("alice", OLD).await;
    assert_eq!(app.update_own(&tokens, &[("email", NEW)]).await, sent(&[]));
    assert_eq!(app.email_of("alice").await, json!([NEW, "false"]));
    assert_eq!(app.admin_update("alice", &[("email", OLD)]).await, Ok(json!({})));
    assert_eq!(app.email_of("alice").await, json!([OLD, "false"]));
    assert_eq!(world.rows("select count(*) from messages").await, 0);
    // The code must be asked for.
    let delivery = json!({"AttributeName": "email", "DeliveryMedium": "EMAIL", "Destination": "o***@e***"});
    assert_eq!(app.send_code(&tokens, "email").await, Ok(json!({"CodeDeliveryDetails": delivery})));
    assert_eq!(app.verify(&tokens, "email", &world.code(OLD).await).await, Ok(json!({})));
    assert_eq!(app.email_of("alice").await, json!([OLD, "true"]));
}

async fn an_administrator_and_the_flag(world: World) {
    for pool in [
        json!({}),
        json!({"AutoVerifiedAttributes": ["email"]}),
        json!({"AutoVerifiedAttributes": ["email"],
            "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}}),
    ] {
        let app = world.app(pool).await;
        app.with_address("alice", OLD).await;
        let messages = world.rows("select count(*) from messages").await;
        app.admin_update("alice", &[("email", NEW), ("email_verified", "true")]).await.unwrap();
        assert_eq!(app.email_of("alice").await, json!([NEW, "true"]));
        app.admin_update("alice", &[("email_verified", "false")]).await.unwrap();
        assert_eq!(app.email_of("alice").await, json!([NEW, "false"]));
        app.admin_update("alice", &[("email_verified", "true")]).await.unwrap();
        assert_eq!(app.email_of("alice").await, json!([NEW, "true"]));
        // Whether an address is verified is always shown.
        app.admin_delete("alice", &["email_verified"]).await.unwrap();
        assert_eq!(app.email_of("alice").await, json!([NEW, "false"]));
        app.admin_update("alice", &[("email_verified", "True")]).await.unwrap();
        app.admin_update("alice", &[("email_verified", "")]).await.unwrap();
        assert_eq!(app.email_of("alice").await, json!([NEW, "false"]));
        assert_eq!(world.rows("select count(*) from messages").await, messages, "and nothing is sent");
    }
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    app.with_address("alice", OLD).await;
    app.admin_update("alice", &[("email", NEW), ("email_verified", "false")]).await.unwrap();
    assert_eq!(app.email_of("alice").await, json!([NEW, "false"]));
    assert_eq!(world.messages(NEW).await.len(), 1, "what is to be verified gets its code");
}

async fn several_at_once(world: World) {
    let app = world.app(with_sms(json!({"AutoVerifiedAttributes": ["email", "phone_number"]}))).await;
    let tokens = app.with_address("alice", OLD).await;
    let values = [("phone_number", PHONE), ("name", "Alice"), ("email", NEW)];
    let both = [("email", "EMAIL", "n***@s***"), ("phone_number", "SMS", "+*******9934")];
    assert_eq!(app.update_own(&tokens, &values).await, sent(&both));
    let names = ["name", "email", "email_verified", "phone_number", "phone_number_verified"];
    assert_eq!(shown(&app.attributes("alice").await, &names), json!(["Alice", NEW, "false", PHONE, "false"]));
    let (by_mail, by_phone) = (world.code(NEW).await, world.code(PHONE).await);
    // Each is for its own address.
    assert_ne!(by_mail, by_phone);
    assert_eq!(app.verify(&tokens, "email", &by_phone).await, super::refused(super::MISMATCH));
    assert_eq!(app.verify(&tokens, "phone_number", &by_phone).await, Ok(json!({})));
    assert_eq!(app.verify(&tokens, "email", &by_mail).await, Ok(json!({})));
    assert_eq!(shown(&app.attributes("alice").await, &names), json!(["Alice", NEW, "true", PHONE, "true"]));
}

async fn the_same_value_again(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let tokens = app.with_address("alice", OLD).await;
    assert_eq!(app.update_own(&tokens, &[("email", OLD)]).await, sent(&[]));
    assert_eq!(app.email_of("alice").await, json!([OLD, "true"]), "nothing changed");
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    let code = world.code(NEW).await;
    assert_eq!(app.update_own(&tokens, &[("email", NEW)]).await, sent(&[]));
    assert_eq!(app.verify(&tokens, "email", &code).await, Ok(json!({})), "the code that was sent is good yet");
}

async fn what_is_deleted_with_an_address(world: World) {
    let app = world.app(with_sms(json!({"AutoVerifiedAttributes": ["email", "phone_number"]}))).await;
    let tokens = app.with_address("alice", OLD).await;
    let names = ["email", "email_verified", "phone_number", "phone_number_verified"];
    app.update_own(&tokens, &[("email", NEW), ("phone_number", PHONE)]).await.unwrap();
    let (by_mail, by_phone) = (world.code(NEW).await, world.code(PHONE).await);
    assert_eq!(world.rows("select count(*) from codes").await, 2);
    assert_eq!(app.delete_own(&tokens, &["email"]).await, Ok(json!({})));
    assert_eq!(shown(&app.attributes("alice").await, &names), json!([null, null, PHONE, "false"]));
    assert_eq!(world.rows("select count(*) from codes").await, 1, "what was sent to it is forgotten");
    assert_eq!(app.verify(&tokens, "email", &by_mail).await, super::refused(super::EXPIRED));
    assert_eq!(app.admin_delete("alice", &["phone_number_verified", "phone_number"]).await, Ok(json!({})));
    assert_eq!(shown(&app.attributes("alice").await, &names), json!([null, null, null, null]));
    assert_eq!(app.verify(&tokens, "phone_number", &by_phone).await, super::refused(super::EXPIRED));
    // The address comes back: its old code does not.
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    assert_ne!(app.verify(&tokens, "email", &by_mail).await, Ok(json!({})));
    assert_eq!(app.update_own(&tokens, &[("email", "")]).await, sent(&[]));
    assert_eq!(app.email_of("alice").await, json!([null, null]), "a blank value deletes as well");
    assert_eq!(world.rows("select count(*) from codes").await, 0);
}

/// An administrator corrects an address: the code that goes there confirms the sign-up.
async fn somebody_who_has_not_confirmed(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    app.sign_up("alice").await.unwrap();
    let first = world.code(&email("alice")).await;
    app.admin_update("alice", &[("email", NEW)]).await.unwrap();
    assert_eq!(app.confirm("alice", &first).await, super::refused(super::MISMATCH), "it went to another address");
    assert_eq!(app.confirm("alice", &world.code(NEW).await).await, Ok(json!({})));
    assert_eq!(app.email_of("alice").await, json!([NEW, "true"]));
    app.sign_up("bob").await.unwrap();
    let code = world.code(&email("bob")).await;
    app.admin_delete("bob", &["email"]).await.unwrap();
    assert_eq!(app.confirm("bob", &code).await, super::refused(super::EXPIRED), "codes to a deleted address are gone");
}

async fn each_signed_write_is_noted(world: World) {
    let app = world.app(json!({})).await;
    let tokens = app.with_address("alice", OLD).await;
    app.update_own(&tokens, &[("name", "Alice")]).await.unwrap();
    app.admin_update("alice", &[("name", "Bob"), ("email", NEW)]).await.unwrap();
    app.admin_delete("alice", &["name"]).await.unwrap();
    app.admin_update("alice", &[("sub", "x")]).await.unwrap_err();
    let noted = "select count(*) from audit where action in ('cognito-idp:AdminUpdateUserAttributes', \
                 'cognito-idp:AdminDeleteUserAttributes', 'cognito-idp:UpdateUserAttributes') \
                 and resource like '%:userpool/%'";
    assert_eq!(world.rows(noted).await, 2);
    assert_eq!(app.admin_update("nobody", &[]).await, super::refused(crate::tests::world::NO_USER));
    assert_eq!(app.admin_delete("nobody", &["name"]).await, super::refused(crate::tests::world::NO_USER));
}

async fn a_change_is_seen_on_every_node(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let tokens = app.with_address("alice", OLD).await;
    let second = world.house.neighbour(&world.store).await;
    let input = json!({"AccessToken": tokens["AccessToken"], "UserAttributes": [{"Name": "email", "Value": NEW}]});
    world.call(Operation::UpdateUserAttributes, input).await.unwrap();
    let code = world.code(NEW).await;
    let there = async |operation, more: serde_json::Value| {
        let mut input = json!({"AccessToken": tokens["AccessToken"]});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        second.json(operation, input).await.map_err(|error| error.to_string())
    };
    let right = json!({"AttributeName": "email", "Code": code});
    assert_eq!(there(Operation::VerifyUserAttribute, right.clone()).await, Ok(json!({})));
    assert_eq!(app.verify(&tokens, "email", &code).await, super::refused(super::EXPIRED), "once, wherever");
    assert_eq!(there(Operation::VerifyUserAttribute, right).await, super::refused(super::EXPIRED));
    assert_eq!(app.email_of("alice").await, json!([NEW, "true"]));
    world.pass(Duration::from_millis(1));
    app.delete_own(&tokens, &["email"]).await.unwrap();
    let user = there(Operation::GetUser, json!({})).await.unwrap();
    assert!(!user.to_string().contains(NEW), "{user}");
}

async fn cannot_deliver(store: TestStore) {
    let house = House::furnished(&store, Furniture { has_outbox: false, ..Furniture::default() }).await;
    let world = World::in_house(store, house);
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let tokens = app.with_address("alice", OLD).await;
    let failed = super::refused("CodeDeliveryFailureException: The message could not be delivered.");
    assert_eq!(app.update_own(&tokens, &[("email", NEW)]).await, failed);
    assert_eq!(app.email_of("alice").await, json!([NEW, "false"]), "changed all the same");
    assert_eq!(app.send_code(&tokens, "email").await, failed);
    assert_eq!(app.admin_update("alice", &[("email", OLD)]).await, failed);
    assert_eq!(app.update_own(&tokens, &[("name", "Alice")]).await, sent(&[]), "where nothing is sent nothing fails");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_fails_is_reported_and_undoes_nothing() {
    for store in crate::testing::both_stores().await {
        cannot_deliver(store).await;
    }
}
