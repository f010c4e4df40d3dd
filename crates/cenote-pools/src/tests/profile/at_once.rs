//! Many callers in the same moment.

use std::collections::BTreeMap;

use cenote_store::records::users::{AliasKind, find_by_alias};
use cenote_wire::idp::Operation;
use serde_json::json;

use super::{EMAIL_TAKEN, EXPIRED, NEW, OLD, PHONE, TOO_MANY, on_both_engines};
use crate::domain::user::User;
use crate::flows::write::update_user;
use crate::tests::at_once::{at_once, outcomes};
use crate::tests::sign_up::with_sms;
use crate::tests::world::World;

on_both_engines! {
    one_code_serves_once,
    one_code_serves_once_on_two_nodes,
    one_address_that_two_verify,
    one_address_that_two_want_as_username,
    two_who_want_each_others_address,
    changes_of_different_attributes_are_both_kept,
    a_change_and_its_verification,
    codes_that_are_asked_for,
}

async fn one_code_serves_once(world: World) {
    let app = world.app(json!({"AutoVerifiedAttributes": ["email"]})).await;
    let tokens = app.with_address("alice", OLD).await;
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    let code = world.code(NEW).await;
    let answers = at_once(64, |_| app.verify(&tokens, "email", &code));
    assert_eq!(outcomes(&answers), BTreeMap::from([("ok", 1), (EXPIRED, 14), (TOO_MANY, 49)]));
    assert_eq!(app.email_of("alice").await, json!([NEW, "true"]));
}

async fn one_code_serves_once_on_two_nodes(world: World) {
    let settings = json!({"AutoVerifiedAttributes": ["email"],
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}});
    let app = world.app(settings).await;
    let second = world.house.neighbour(&world.store).await;
    let tokens = app.with_address("alice", OLD).await;
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    let code = world.code(NEW).await;
    let answers = at_once(12, |n| {
        let house = if n % 2 == 0 { &world.house } else { &second };
        let input = json!({"AccessToken": tokens["AccessToken"], "AttributeName": "email", "Code": code});
        async move { house.json(Operation::VerifyUserAttribute, input).await.map_err(|error| error.to_string()) }
    });
    assert_eq!(outcomes(&answers), BTreeMap::from([("ok", 1), (EXPIRED, 11)]));
    assert_eq!(app.email_of("alice").await, json!([NEW, "true"]));
}

async fn one_address_that_two_verify(world: World) {
    for settings in [json!({}), json!({"AttributesRequireVerificationBeforeUpdate": ["email"]})] {
        let pool = json!({"AliasAttributes": ["email"], "AutoVerifiedAttributes": ["email"],
            "UserAttributeUpdateSettings": settings});
        let app = world.app(pool).await;
        let mut claimants = Vec::new();
        for n in 0..8 {
            let tokens = app.with_address(&format!("user{n}"), &format!("user{n}@example.com")).await;
            app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
            claimants.push((tokens, world.code(NEW).await));
        }
        let answers = at_once(8, |n| {
            let (app, (tokens, code)) = (&app, &claimants[n]);
            async move { app.verify(tokens, "email", code).await }
        });
        assert_eq!(outcomes(&answers), BTreeMap::from([("ok", 8)]), "it goes from one to the next");
        let last = app.get(NEW).await.unwrap()["Username"].clone();
        for n in 0..8 {
            let name = format!("user{n}");
            assert_eq!(app.email_of(&name).await, json!([NEW, (last == name).to_string()]), "{name} of {last}");
        }
    }
}

async fn one_address_that_two_want_as_username(world: World) {
    let app = world.app(json!({"UsernameAttributes": ["email"]})).await;
    let mut users = Vec::new();
    for n in 0..8 {
        let name = format!("user{n}@example.com");
        users.push(app.with_address(&name, &name).await);
    }
    let answers = at_once(8, |n| {
        let (app, tokens) = (&app, &users[n]);
        async move { app.update_own(tokens, &[("email", NEW)]).await }
    });
    assert_eq!(outcomes(&answers), BTreeMap::from([("ok", 1), (EMAIL_TAKEN, 7)]));
    assert_eq!(world.rows("select count(*) from aliases").await, 8, "everybody has one");
}

/// Neither gets it. Both ask for the two rows in the same order, so that neither waits for what the other holds.
async fn two_who_want_each_others_address(world: World) {
    let app = world.app(json!({"UsernameAttributes": ["email"]})).await;
    let users = [app.with_address(OLD, OLD).await, app.with_address(NEW, NEW).await];
    let id = app.pool.parse().unwrap();
    let pool = world.deps().directory.pool(&id).await.unwrap().unwrap();
    for (from, to) in [(OLD, NEW), (NEW, OLD)] {
        let found = find_by_alias(&world.store, &id, AliasKind::Email, from).await.unwrap().unwrap();
        let before = User::from_record(found).unwrap();
        let mut after = before.clone();
        after.attributes.insert("email".to_owned(), to.to_owned());
        let batch = format!("{:?}", update_user(&pool, &before, &after, world.deps().now()));
        let (given_up, taken) =
            (batch.find("delete from aliases").unwrap(), batch.find("insert into aliases").unwrap());
        assert_eq!(given_up < taken, from < to, "{batch}");
    }
    for _ in 0..8 {
        let answers = at_once(2, |n| {
            let (app, tokens, wanted) = (&app, &users[n], [NEW, OLD][n]);
            async move { app.update_own(tokens, &[("email", wanted)]).await }
        });
        assert_eq!(outcomes(&answers), BTreeMap::from([(EMAIL_TAKEN, 2)]));
    }
}

async fn changes_of_different_attributes_are_both_kept(world: World) {
    let app = world.app(with_sms(json!({"AutoVerifiedAttributes": ["email", "phone_number"]}))).await;
    for round in 0..4 {
        let name = format!("user{round}");
        let tokens = app.with_address(&name, OLD).await;
        let answers = at_once(3, |n| {
            let (app, tokens, name) = (&app, &tokens, &name);
            async move {
                match n {
                    0 => app.update_own(tokens, &[("email", NEW)]).await,
                    1 => app.update_own(tokens, &[("phone_number", PHONE)]).await,
                    _ => app.admin_update(name, &[("given_name", "Alice")]).await,
                }
            }
        });
        assert_eq!(outcomes(&answers), BTreeMap::from([("ok", 3)]));
        let names = ["email", "email_verified", "phone_number", "phone_number_verified", "given_name"];
        let expected = json!([NEW, "false", PHONE, "false", "Alice"]);
        assert_eq!(super::shown(&app.attributes(&name).await, &names), expected);
        let (by_mail, by_phone) = (world.code(NEW).await, world.code(PHONE).await);
        assert_eq!(app.verify(&tokens, "email", &by_mail).await, Ok(json!({})));
        assert_eq!(app.verify(&tokens, "phone_number", &by_phone).await, Ok(json!({})));
    }
}

/// However they meet: what is verified is what the code was sent to.
async fn a_change_and_its_verification(world: World) {
    let settings = json!({"AutoVerifiedAttributes": ["email"],
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}});
    for pool in [json!({"AutoVerifiedAttributes": ["email"]}), settings] {
        let app = world.app(pool).await;
        for round in 0..4 {
            let name = format!("user{round}");
            let tokens = app.with_address(&name, OLD).await;
            app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
            let code = world.code(NEW).await;
            let answers = at_once(2, |n| {
                let (app, tokens, code) = (&app, &tokens, &code);
                async move {
                    match n {
                        0 => app.update_own(tokens, &[("email", "third@example.com")]).await,
                        _ => app.verify(tokens, "email", code).await,
                    }
                }
            });
            assert!(answers[0].is_ok(), "{answers:?}");
            let found = app.email_of(&name).await;
            assert_ne!(found, json!(["third@example.com", "true"]), "{answers:?}");
            let code = world.code("third@example.com").await;
            assert_eq!(app.verify(&tokens, "email", &code).await, Ok(json!({})), "{found}, {answers:?}");
            assert_eq!(app.email_of(&name).await, json!(["third@example.com", "true"]));
        }
    }
}

async fn codes_that_are_asked_for(world: World) {
    let app = world.app(json!({})).await;
    let tokens = app.with_address("alice", OLD).await;
    let answers = at_once(16, |_| app.send_code(&tokens, "email"));
    assert_eq!(outcomes(&answers), BTreeMap::from([("ok", 5), (TOO_MANY, 11)]));
    assert_eq!(world.messages(OLD).await.len(), 5);
    assert_eq!(world.rows("select count(*) from codes").await, 1);
    let codes: Vec<_> = world.messages(OLD).await;
    let good = async |message: &String| {
        let code = message.strip_prefix("Your confirmation code is ").unwrap();
        app.verify(&tokens, "email", code).await.is_ok()
    };
    let mut accepted = 0;
    for message in &codes {
        accepted += usize::from(good(message).await);
    }
    assert_eq!(accepted, 1, "the last one that was kept");
}
