//! Failing closed: while a setting's effect is not built, what depends on it answers NotImplementedException, and
//! changes nothing (flows/supported.rs). Each setting is switched on after a user, a sign-in and a session were made
//! without it.

use cenote_store::{Batch, params};
use cenote_wire::idp::Operation;
use serde_json::{Value, json};

use super::on_both_engines;
use super::sign_up::with_sms;
use super::world::{Answer, App, PASSWORD, World, attributes, email};

on_both_engines! {
    the_trigger_before_sign_up,
    triggers_around_a_sign_in,
    the_trigger_that_changes_tokens,
    senders_of_the_pools_own,
    required_second_factors,
    a_second_factor_of_the_user,
    enforced_risk,
    what_lets_nobody_in_is_no_hindrance,
}

fn lambda(name: &str) -> String {
    format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}")
}

fn not_built(what: &str) -> Answer {
    Err(format!("NotImplementedException: Cenote does not implement {what} yet."))
}

/// A pool that verifies addresses, with a confirmed user, tokens of it, and another user's session.
struct Before<'w> {
    app: App<'w>,
    tokens: Value,
    session: Value,
}

async fn before(world: &World) -> Before<'_> {
    let app = world.app(with_sms(json!({"AutoVerifiedAttributes": ["email", "phone_number"]}))).await;
    app.confirmed("alice").await;
    app.sign_up("unconfirmed").await.unwrap();
    let tokens = app.tokens("alice").await;
    let session = app.challenged("bob").await;
    Before { app, tokens, session }
}

impl Before<'_> {
    async fn switch_on(&self, mut settings: Value) {
        settings["UserPoolId"] = json!(self.app.pool);
        if settings.get("AutoVerifiedAttributes").is_none() {
            settings["AutoVerifiedAttributes"] = json!(["email", "phone_number"]);
        }
        self.app.world.call(Operation::UpdateUserPool, settings).await.unwrap();
    }

    /// Every way to sign in, and none leaves anything behind.
    async fn no_sign_in(&self, what: &str) {
        let app = &self.app;
        let families = app.world.rows("select count(*) from token_families").await;
        assert_eq!(app.sign_in("alice", PASSWORD).await, not_built(what));
        assert_eq!(app.sign_in("alice", "Wrong-Horse-9").await, not_built(what));
        assert_eq!(app.admin_sign_in("alice", PASSWORD).await, not_built(what));
        assert_eq!(app.sign_in("bob", PASSWORD).await, not_built(what));
        assert_eq!(app.answer(&self.session, "bob", json!({})).await, not_built(what));
        assert_eq!(app.world.rows("select count(*) from token_families").await, families);
        assert_eq!(app.status("bob").await, "FORCE_CHANGE_PASSWORD");
    }

    /// Everything that an older sign-in does without the setting.
    async fn tokens_work(&self) {
        assert!(self.app.get_user(&self.tokens).await.is_ok());
        assert!(self.app.refresh(&self.tokens["RefreshToken"], "alice").await.is_ok());
    }

    async fn no_sign_up(&self, what: &str) {
        assert_eq!(self.app.sign_up("carol").await, not_built(what));
        let users = self.app.world.rows("select count(*) from users").await;
        assert_eq!(users, 3, "nobody was made");
    }

    async fn invites(&self, name: &str) -> Answer {
        let values = attributes(&[("email", &email(name)), ("phone_number", "+12065559934")]);
        let more = json!({"DesiredDeliveryMediums": ["EMAIL", "SMS"], "UserAttributes": values});
        self.app.admin(Operation::AdminCreateUser, name, more).await
    }
}

async fn the_trigger_before_sign_up(world: World) {
    let before = before(&world).await;
    before.switch_on(json!({"LambdaConfig": {"PreSignUp": lambda("a")}})).await;
    let what = "the PreSignUp trigger";
    before.no_sign_up(what).await;
    assert_eq!(before.invites("carol").await, not_built(what));
    let resend = json!({"MessageAction": "RESEND"});
    assert_eq!(before.app.admin(Operation::AdminCreateUser, "bob", resend).await, not_built(what));
    before.tokens_work().await;
    assert!(before.app.answer(&before.session, "bob", json!({})).await.is_ok(), "who exists signs in");
}

async fn triggers_around_a_sign_in(world: World) {
    let before = before(&world).await;
    for name in ["PreAuthentication", "PostAuthentication"] {
        before.switch_on(json!({"LambdaConfig": {name: lambda("a")}})).await;
        before.no_sign_in(&format!("the {name} trigger")).await;
        before.tokens_work().await;
    }
}

async fn the_trigger_that_changes_tokens(world: World) {
    let before = before(&world).await;
    for config in [
        json!({"PreTokenGeneration": lambda("a")}),
        json!({"PreTokenGenerationConfig": {"LambdaVersion": "V2_0", "LambdaArn": lambda("a")}}),
    ] {
        before.switch_on(json!({"LambdaConfig": config})).await;
        let what = "the PreTokenGeneration trigger";
        before.no_sign_in(what).await;
        assert_eq!(before.app.refresh(&before.tokens["RefreshToken"], "alice").await, not_built(what));
        assert_eq!(before.app.renew(&before.tokens["RefreshToken"]).await, not_built(what));
        assert!(before.app.get_user(&before.tokens).await.is_ok());
    }
}

async fn senders_of_the_pools_own(world: World) {
    let before = before(&world).await;
    let key = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555";
    for (name, what) in
        [("CustomEmailSender", "the CustomEmailSender trigger"), ("CustomSMSSender", "the CustomSMSSender trigger")]
    {
        let messages = world.rows("select count(*) from messages").await;
        let sender = json!({"LambdaVersion": "V1_0", "LambdaArn": lambda("a")});
        before.switch_on(json!({"LambdaConfig": {name: sender, "KMSKeyID": key}})).await;
        before.no_sign_up(what).await;
        assert_eq!(before.invites("carol").await, not_built(what));
        assert_eq!(before.app.resend("unconfirmed").await, not_built(what));
        assert_eq!(before.app.resend("nobody").await, not_built(what), "for whomever");
        assert_eq!(world.rows("select count(*) from messages").await, messages);
        // Where nothing is sent, nothing is missing.
        let name = format!("quiet{name}");
        before.app.create(&name, &[]).await.unwrap();
        before.app.admin(Operation::AdminDeleteUser, &name, json!({})).await.unwrap();
        before.tokens_work().await;
    }
}

async fn required_second_factors(world: World) {
    let before = before(&world).await;
    before.switch_on(json!({"MfaConfiguration": "ON"})).await;
    before.no_sign_in("MfaConfiguration ON").await;
    before.tokens_work().await;
}

async fn a_second_factor_of_the_user(world: World) {
    let before = before(&world).await;
    before.switch_on(json!({"MfaConfiguration": "OPTIONAL"})).await;
    let app = &before.app;
    assert!(app.sign_in("alice", PASSWORD).await.is_ok(), "who has none needs none");
    // The operations that set one up are still to be built.
    let set_up = Batch::new().any("update users set mfa = $1", params![json!({"totp": {}}).to_string()]);
    world.store.apply(set_up).await.unwrap();
    let families = world.rows("select count(*) from token_families").await;
    let what = "multi-factor authentication";
    for _ in 0..8 {
        assert_eq!(app.sign_in("alice", PASSWORD).await, not_built(what));
    }
    assert_eq!(app.admin_sign_in("alice", PASSWORD).await, not_built(what));
    assert_eq!(app.answer(&before.session, "bob", json!({})).await, not_built(what));
    assert_eq!(world.rows("select count(*) from token_families").await, families);
    assert_eq!(app.sign_in("alice", "Wrong-Horse-9").await, Err(super::world::INCORRECT.to_owned()));
    before.switch_on(json!({"MfaConfiguration": "OFF"})).await;
    assert!(app.sign_in("alice", PASSWORD).await.is_ok(), "the pool asks for none any more");
}

async fn enforced_risk(world: World) {
    let before = before(&world).await;
    let plus = |mode: &str| json!({"UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": mode}});
    before.switch_on(plus("AUDIT")).await;
    assert!(before.app.sign_in("alice", PASSWORD).await.is_ok());
    before.switch_on(plus("ENFORCED")).await;
    before.no_sign_in("AdvancedSecurityMode ENFORCED").await;
    before.no_sign_up("AdvancedSecurityMode ENFORCED").await;
    before.tokens_work().await;
}

async fn what_lets_nobody_in_is_no_hindrance(world: World) {
    let before = before(&world).await;
    let triggers = json!({"PostConfirmation": lambda("a"), "CustomMessage": lambda("b"), "UserMigration": lambda("c"),
        "DefineAuthChallenge": lambda("d"), "CreateAuthChallenge": lambda("e"),
        "VerifyAuthChallengeResponse": lambda("f")});
    before
        .switch_on(json!({"LambdaConfig": triggers, "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": true}}))
        .await;
    let app = &before.app;
    assert!(app.sign_in("alice", PASSWORD).await.is_ok());
    assert!(app.answer(&before.session, "bob", json!({})).await.is_ok());
    app.sign_up("carol").await.unwrap();
    assert_eq!(app.confirm("carol", &world.code(&email("carol")).await).await, Ok(json!({})));
    let custom = world.client(&app.pool, json!({"ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"]})).await;
    let name = json!({"USERNAME": "alice"});
    assert_eq!(custom.initiate("CUSTOM_AUTH", name).await, not_built("the CUSTOM_AUTH flow"));
}
