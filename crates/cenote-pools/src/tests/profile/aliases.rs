//! Who signs in with which address after it was changed, and whose it is.

use serde_json::{Value, json};

use super::{EMAIL_TAKEN, NEW, OLD, PHONE, invalid, on_both_engines, refused, sent, sent_to_new};
use crate::tests::world::{App, NO_USER, PASSWORD, World};

on_both_engines! {
    an_alias_signs_in_when_it_is_verified,
    an_alias_that_is_proved_first,
    a_username_signs_in_at_once,
    a_username_that_the_pool_does_not_verify,
    a_username_that_is_proved_first,
    usernames_of_others,
    an_alias_goes_to_who_proves_it_last,
    an_administrator_and_an_alias_of_somebody_else,
    preferred_usernames,
    names_that_are_compared_without_case,
}

fn verifying(mut pool: Value, first: bool) -> Value {
    pool["AutoVerifiedAttributes"] = json!(["email"]);
    if first {
        pool["UserAttributeUpdateSettings"] = json!({"AttributesRequireVerificationBeforeUpdate": ["email"]});
    }
    pool
}

impl App<'_> {
    /// Whether each of these names signs in.
    async fn sign_in_with(&self, names: &[&str]) -> Vec<bool> {
        let mut found = Vec::new();
        for name in names {
            match self.sign_in(name, PASSWORD).await {
                Ok(_) => found.push(true),
                Err(refusal) => {
                    assert_eq!(refusal, NO_USER);
                    found.push(false);
                }
            }
        }
        found
    }
}

async fn an_alias_signs_in_when_it_is_verified(world: World) {
    let app = world.app(verifying(json!({"AliasAttributes": ["email"]}), false)).await;
    let tokens = app.with_address("alice", OLD).await;
    assert_eq!(app.sign_in_with(&["alice", OLD, NEW]).await, [true, true, false]);
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    assert_eq!(app.sign_in_with(&["alice", OLD, NEW]).await, [true, false, false], "the old one stops at once");
    app.verify(&tokens, "email", &world.code(NEW).await).await.unwrap();
    assert_eq!(app.sign_in_with(&["alice", OLD, NEW]).await, [true, false, true]);
    app.admin_update("alice", &[("email_verified", "false")]).await.unwrap();
    assert_eq!(app.sign_in_with(&["alice", OLD, NEW]).await, [true, false, false]);
    app.admin_update("alice", &[("email", OLD), ("email_verified", "true")]).await.unwrap();
    assert_eq!(app.sign_in_with(&["alice", OLD, NEW]).await, [true, true, false]);
    app.delete_own(&tokens, &["email"]).await.unwrap();
    assert_eq!(app.sign_in_with(&["alice", OLD, NEW]).await, [true, false, false]);
    assert_eq!(world.rows("select count(*) from aliases").await, 0);
}

async fn an_alias_that_is_proved_first(world: World) {
    let app = world.app(verifying(json!({"AliasAttributes": ["email"]}), true)).await;
    let tokens = app.with_address("alice", OLD).await;
    assert_eq!(app.update_own(&tokens, &[("email", NEW)]).await, sent_to_new());
    assert_eq!(app.sign_in_with(&["alice", OLD, NEW]).await, [true, true, false]);
    app.verify(&tokens, "email", &world.code(NEW).await).await.unwrap();
    assert_eq!(app.sign_in_with(&["alice", OLD, NEW]).await, [true, false, true]);
}

async fn a_username_signs_in_at_once(world: World) {
    let app = world.app(verifying(json!({"UsernameAttributes": ["email", "phone_number"]}), false)).await;
    let tokens = app.with_address(OLD, OLD).await;
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    assert_eq!(app.sign_in_with(&[OLD, NEW]).await, [false, true], "unverified as it is");
    assert_eq!(app.email_of(NEW).await, json!([NEW, "false"]));
    app.admin_update(NEW, &[("phone_number", PHONE)]).await.unwrap();
    assert_eq!(app.sign_in_with(&[PHONE, NEW]).await, [true, true]);
    let username = app.get(NEW).await.unwrap()["Username"].as_str().unwrap().to_owned();
    app.admin_update(&username, &[("email", OLD)]).await.unwrap();
    assert_eq!(app.sign_in_with(&[OLD, NEW]).await, [true, false]);
}

async fn a_username_that_the_pool_does_not_verify(world: World) {
    let app = world.app(json!({"UsernameAttributes": ["email"]})).await;
    let tokens = app.with_address(OLD, OLD).await;
    assert_eq!(app.update_own(&tokens, &[("email", NEW)]).await, sent(&[]));
    assert_eq!(app.sign_in_with(&[OLD, NEW]).await, [false, true]);
    assert_eq!(app.email_of(NEW).await, json!([NEW, "false"]));
}

async fn a_username_that_is_proved_first(world: World) {
    let app = world.app(verifying(json!({"UsernameAttributes": ["email"]}), true)).await;
    let tokens = app.with_address(OLD, OLD).await;
    app.update_own(&tokens, &[("email", NEW)]).await.unwrap();
    assert_eq!(app.sign_in_with(&[OLD, NEW]).await, [true, false]);
    app.verify(&tokens, "email", &world.code(NEW).await).await.unwrap();
    assert_eq!(app.sign_in_with(&[OLD, NEW]).await, [false, true]);
    assert_eq!(app.email_of(NEW).await, json!([NEW, "true"]));
}

async fn usernames_of_others(world: World) {
    for first in [false, true] {
        let app = world.app(verifying(json!({"UsernameAttributes": ["email"]}), first)).await;
        let tokens = app.with_address(OLD, OLD).await;
        app.create(NEW, &[]).await.unwrap();
        let messages = world.rows("select count(*) from messages").await;
        assert_eq!(app.update_own(&tokens, &[("email", NEW)]).await, refused(EMAIL_TAKEN));
        assert_eq!(app.admin_update(OLD, &[("email", NEW)]).await, refused(EMAIL_TAKEN));
        let declared = [("email", NEW), ("email_verified", "true")];
        assert_eq!(app.admin_update(OLD, &declared).await, refused(EMAIL_TAKEN));
        assert_eq!(app.email_of(OLD).await, json!([OLD, "true"]));
        assert_eq!(world.rows("select count(*) from messages").await, messages, "nobody was written to");
    }
    // Somebody takes the address while the proof is out.
    let app = world.app(verifying(json!({"UsernameAttributes": ["email"]}), true)).await;
    let tokens = app.with_address(OLD, OLD).await;
    app.update_own(&tokens, &[("email", "third@example.com")]).await.unwrap();
    let code = world.code("third@example.com").await;
    app.create("third@example.com", &[]).await.unwrap();
    assert_eq!(app.verify(&tokens, "email", &code).await, refused(EMAIL_TAKEN));
    assert_eq!(app.email_of(OLD).await, json!([OLD, "true"]));
    let gone = cenote_wire::idp::Operation::AdminDeleteUser;
    app.admin(gone, "third@example.com", json!({})).await.unwrap();
    assert_eq!(app.verify(&tokens, "email", &code).await, Ok(json!({})), "the code is good yet");
}

async fn an_alias_goes_to_who_proves_it_last(world: World) {
    for first in [false, true] {
        let app = world.app(verifying(json!({"AliasAttributes": ["email"]}), first)).await;
        let owner = app.with_address("owner", NEW).await;
        let tokens = app.with_address("alice", OLD).await;
        assert_eq!(app.update_own(&tokens, &[("email", NEW)]).await, sent_to_new(), "nobody owns what is not verified");
        let expected = if first { json!([OLD, "true"]) } else { json!([NEW, "false"]) };
        assert_eq!(app.email_of("alice").await, expected);
        assert_eq!(app.get(NEW).await.unwrap()["Username"], "owner");
        assert_eq!(app.verify(&tokens, "email", &world.code(NEW).await).await, Ok(json!({})));
        assert_eq!(app.email_of("alice").await, json!([NEW, "true"]));
        assert_eq!(app.email_of("owner").await, json!([NEW, "false"]), "no longer a name of the owner's");
        assert_eq!(app.get(NEW).await.unwrap()["Username"], "alice");
        assert_eq!(app.sign_in_with(&["owner", "alice", NEW, OLD]).await, [true, true, true, false]);
        // And back.
        app.send_code(&owner, "email").await.unwrap();
        assert_eq!(app.verify(&owner, "email", &world.code(NEW).await).await, Ok(json!({})));
        assert_eq!(app.get(NEW).await.unwrap()["Username"], "owner");
        assert_eq!(app.email_of("alice").await, json!([NEW, "false"]));
    }
}

async fn an_administrator_and_an_alias_of_somebody_else(world: World) {
    let app = world.app(json!({"AliasAttributes": ["email"]})).await;
    app.with_address("owner", NEW).await;
    app.with_address("alice", OLD).await;
    assert_eq!(app.admin_update("alice", &[("email", NEW)]).await, Ok(json!({})));
    assert_eq!(app.admin_update("alice", &[("email_verified", "true")]).await, refused(EMAIL_TAKEN));
    assert_eq!(app.email_of("alice").await, json!([NEW, "false"]));
    app.admin_update("alice", &[("email", OLD), ("email_verified", "true")]).await.unwrap();
    let declared = [("email", NEW), ("email_verified", "true")];
    assert_eq!(app.admin_update("alice", &declared).await, refused(EMAIL_TAKEN));
    assert_eq!(app.email_of("alice").await, json!([OLD, "true"]));
    app.admin_update("owner", &[("email_verified", "false")]).await.unwrap();
    assert_eq!(app.admin_update("alice", &declared).await, Ok(json!({})));
    assert_eq!(app.get(NEW).await.unwrap()["Username"], "alice");
}

async fn preferred_usernames(world: World) {
    let aliases = json!(["email", "phone_number", "preferred_username"]);
    let app = world.app(json!({"AliasAttributes": aliases})).await;
    let (alice, bob) = (app.with_address("alice", OLD).await, app.with_address("bob", NEW).await);
    assert_eq!(app.update_own(&alice, &[("preferred_username", "ace")]).await, sent(&[]));
    assert_eq!(app.sign_in_with(&["ace"]).await, [true]);
    let taken = "AliasExistsException: An account with the given preferred_username already exists.";
    // An alias, or a username.
    for name in ["ace", "alice"] {
        assert_eq!(app.update_own(&bob, &[("preferred_username", name)]).await, refused(taken));
        assert_eq!(app.admin_update("bob", &[("preferred_username", name)]).await, refused(taken));
    }
    assert_eq!(app.update_own(&bob, &[("preferred_username", "bob")]).await, sent(&[]), "the user's own username");
    // Somebody would sign in with another's address.
    let text = "Username cannot be of email format, since user pool is configured for email alias.";
    assert_eq!(app.update_own(&bob, &[("preferred_username", OLD)]).await, invalid(text));
    let text = "Username cannot be of phone number format, since user pool is configured for phone number alias.";
    assert_eq!(app.update_own(&bob, &[("preferred_username", PHONE)]).await, invalid(text));
    assert_eq!(app.update_own(&alice, &[("preferred_username", "")]).await, sent(&[]));
    assert_eq!(app.update_own(&bob, &[("preferred_username", "ace")]).await, sent(&[]), "free again");
    app.sign_up_with("carol", &[]).await.unwrap();
    let early = "Preferred username cannot be provided for unconfirmed account, since user pool is configured for \
                 preferred username alias.";
    assert_eq!(app.admin_update("carol", &[("preferred_username", "c")]).await, invalid(early));
    let plain = world.app(json!({})).await;
    plain.with_address("alice", OLD).await;
    let bob = plain.with_address("bob", NEW).await;
    assert_eq!(plain.update_own(&bob, &[("preferred_username", "alice")]).await, sent(&[]), "nobody signs in with it");
}

async fn names_that_are_compared_without_case(world: World) {
    let folding = json!({"UsernameAttributes": ["email"], "UsernameConfiguration": {"CaseSensitive": false}});
    let app = world.app(folding).await;
    let tokens = app.with_address(OLD, OLD).await;
    app.create(NEW, &[]).await.unwrap();
    let upper = NEW.to_uppercase();
    assert_eq!(app.update_own(&tokens, &[("email", &upper)]).await, refused(EMAIL_TAKEN));
    let upper = OLD.to_uppercase();
    assert_eq!(app.update_own(&tokens, &[("email", &upper)]).await, sent(&[]));
    assert_eq!(app.email_of(OLD).await, json!([upper, "false"]), "addresses keep their case");
}
