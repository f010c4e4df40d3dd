//! The one check of access tokens: whose are good, and what each refusal is.

use std::time::Duration;

use cenote_base::{ClientId, Fault, PoolId};
use cenote_store::records::families::{self, FamilyRecord};
use cenote_store::records::pools;
use cenote_store::records::users::{self, UserRecord};
use cenote_store::{Batch, params};
use cenote_tokens::families::{auth_time, signed_out_at};
use cenote_tokens::{AccessTokenError, Flaw, TokenUse};
use serde_json::{Value, json};

use crate::world::{HOUR, SignedIn, World, claims, world};

struct Scene {
    world: World,
    pool: PoolId,
    user: UserRecord,
    client: ClientId,
}

async fn scene() -> Scene {
    let world = world().await;
    let pool = world.pool().await;
    let user = world.user(&pool).await;
    let client = world.client();
    Scene { world, pool, user, client }
}

impl Scene {
    async fn sign_in(&self, revocation: bool) -> SignedIn {
        self.world.sign_in(&self.user, &self.client, revocation).await
    }

    async fn refusal(&self, token: &str) -> AccessTokenError {
        self.world.access.check(token).await.unwrap_err()
    }

    async fn is_good(&self, token: &str) -> bool {
        self.world.access.check(token).await.is_ok()
    }

    /// The same token with some claims changed (null: left out), signed with the pool's access key.
    async fn changed(&self, token: &str, changes: Value) -> String {
        let mut claims = claims(token);
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => claims.remove(name),
                value => claims.insert(name.clone(), value.clone()),
            };
        }
        self.world.sign(&self.pool, TokenUse::Access, &claims).await
    }

    async fn sign_out_everywhere(&self) {
        let at = signed_out_at(self.world.now());
        let (pool, sub) = (&self.pool, &self.user.sub);
        self.world.apply(users::invalidate_tokens(pool, sub, at).extend(families::delete_of_user(pool, sub))).await;
    }
}

#[tokio::test]
async fn a_good_token_gives_user_family_and_claims() {
    let scene = scene().await;
    let signed_in = scene.sign_in(true).await;
    let context = scene.world.access.check(&signed_in.access).await.unwrap();
    assert_eq!(context.user.sub, scene.user.sub);
    assert_eq!(context.family.unwrap().origin_jti, signed_in.family.origin_jti);
    assert_eq!((context.pool, context.client), (scene.pool.clone(), scene.client.clone()));
    assert_eq!(context.scopes, ["aws.cognito.signin.user.admin"]);
    assert_eq!(context.claims.text("origin_jti"), Some(signed_in.family.origin_jti.as_str()));
}

#[tokio::test]
async fn other_tokens_are_invalid() {
    let scene = scene().await;
    let signed_in = scene.sign_in(true).await;
    assert_eq!(scene.refusal(&signed_in.id).await, AccessTokenError::Invalid(Flaw::Key));
    assert_eq!(scene.refusal(&signed_in.refresh).await, AccessTokenError::Invalid(Flaw::Form));
    for garbage in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        let refusal = scene.refusal(garbage).await;
        assert!(matches!(refusal, AccessTokenError::Invalid(_)), "{garbage}: {refusal:?}");
        assert_eq!(refusal.fault(), Fault::Caller);
    }
    let issuers = [
        (json!(null), Flaw::Claims),
        (json!(7), Flaw::Claims),
        (json!(""), Flaw::Issuer),
        (json!("http://localhost:9400/"), Flaw::Issuer),
        (json!("http://localhost:9400/us-east-1_nobody"), Flaw::Issuer),
        (json!("http://localhost:9400/../etc/passwd"), Flaw::Issuer),
        // Its last segment is the pool, but it is not the pool's issuer.
        (json!(format!("http://evil.example/{}", scene.pool)), Flaw::Issuer),
        (json!(scene.pool.as_str()), Flaw::Issuer),
    ];
    for (issuer, flaw) in issuers {
        let token = scene.changed(&signed_in.access, json!({ "iss": issuer })).await;
        assert_eq!(scene.refusal(&token).await, AccessTokenError::Invalid(flaw), "{issuer}");
    }
    let malformed = [
        json!({ "sub": null }),
        json!({ "sub": "alice" }),
        json!({ "client_id": null }),
        json!({ "auth_time": null }),
        json!({ "auth_time": "now" }),
        json!({ "origin_jti": 7 }),
    ];
    for changes in malformed {
        let token = scene.changed(&signed_in.access, changes.clone()).await;
        assert_eq!(scene.refusal(&token).await, AccessTokenError::Invalid(Flaw::Claims), "{changes}");
    }
}

#[tokio::test]
async fn another_pools_token_does_not_reach_this_pools_user() {
    let scene = scene().await;
    let other = scene.world.pool().await;
    let access = scene.sign_in(true).await.access;
    // Signed with the other pool's key, the claims all as they should be.
    let forged = scene.world.sign(&other, TokenUse::Access, &claims(&access)).await;
    assert_eq!(scene.refusal(&forged).await, AccessTokenError::Invalid(Flaw::Key));
    // The other pool's own token for a user who is not in it.
    let mut own = claims(&access);
    own.insert("iss".into(), json!(crate::world::issuer(&other)));
    let token = scene.world.sign(&other, TokenUse::Access, &own).await;
    assert_eq!(scene.refusal(&token).await, AccessTokenError::UserGone);
}

#[tokio::test]
async fn it_expires() {
    let scene = scene().await;
    let access = scene.sign_in(true).await.access;
    scene.world.clock.advance(HOUR - Duration::from_secs(1));
    assert!(scene.is_good(&access).await);
    let end = scene.world.now() + Duration::from_secs(1);
    assert_eq!(scene.world.access.check_access_token(&access, end).await.unwrap_err(), AccessTokenError::Expired);
    scene.world.clock.set(end);
    assert_eq!(scene.refusal(&access).await, AccessTokenError::Expired);
}

#[tokio::test]
async fn the_scope_is_asked_for() {
    let scene = scene().await;
    let access = scene.sign_in(true).await.access;
    for scopes in ["openid email", "", "aws.cognito.signin.user.administrator", "xaws.cognito.signin.user.admin"] {
        let token = scene.changed(&access, json!({ "scope": scopes })).await;
        assert_eq!(scene.refusal(&token).await, AccessTokenError::MissingScope, "{scopes}");
    }
    let token = scene.changed(&access, json!({ "scope": null })).await;
    assert_eq!(scene.refusal(&token).await, AccessTokenError::MissingScope);
    // A client-credentials token has no user.
    let token = scene.changed(&access, json!({ "scope": "api/read", "sub": scene.client.as_str() })).await;
    assert_eq!(scene.refusal(&token).await, AccessTokenError::MissingScope);

    let token = scene.changed(&access, json!({ "scope": "email openid" })).await;
    let context = scene.world.access.check_with_scope(&token, "openid", scene.world.now()).await.unwrap();
    assert_eq!(context.scopes, ["email", "openid"]);
    let refusal = scene.world.access.check_with_scope(&access, "openid", scene.world.now()).await.unwrap_err();
    assert_eq!(refusal, AccessTokenError::MissingScope);
}

#[tokio::test]
async fn revoking_a_family_ends_its_tokens_and_no_others() {
    let scene = scene().await;
    let (one, two) = (scene.sign_in(true).await, scene.sign_in(true).await);
    scene.world.apply(families::delete(&one.family.origin_jti)).await;
    assert_eq!(scene.refusal(&one.access).await, AccessTokenError::Revoked);
    assert!(scene.is_good(&two.access).await);
}

#[tokio::test]
async fn a_token_names_its_own_family() {
    let scene = scene().await;
    let mine = scene.sign_in(true).await;
    let other_user = scene.world.user(&scene.pool).await;
    let theirs = scene.world.sign_in(&other_user, &scene.client, true).await;
    let token = scene.changed(&mine.access, json!({ "origin_jti": theirs.family.origin_jti })).await;
    assert_eq!(scene.refusal(&token).await, AccessTokenError::Revoked);
    let token = scene.changed(&mine.access, json!({ "client_id": scene.world.client().as_str() })).await;
    assert_eq!(scene.refusal(&token).await, AccessTokenError::Revoked);
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_token_until_the_next_sign_in() {
    for revocation in [true, false] {
        let scene = scene().await;
        let before = scene.sign_in(revocation).await;
        assert_eq!(claims(&before.access).contains_key("origin_jti"), revocation);
        assert!(scene.is_good(&before.access).await);
        // All in the same millisecond: the clock stands still.
        scene.sign_out_everywhere().await;
        assert_eq!(scene.refusal(&before.access).await, AccessTokenError::Revoked);
        let after = scene.sign_in(revocation).await;
        assert!(scene.is_good(&after.access).await, "revocation {revocation}");
        assert_eq!(scene.refusal(&before.access).await, AccessTokenError::Revoked);
        // And once more: the second sign-in's auth_time was ahead.
        scene.sign_out_everywhere().await;
        assert_eq!(scene.refusal(&after.access).await, AccessTokenError::Revoked, "revocation {revocation}");
        assert!(scene.is_good(&scene.sign_in(revocation).await.access).await, "revocation {revocation}");
    }
}

#[tokio::test]
async fn a_token_of_a_session_before_the_sign_out_is_dead_even_if_it_was_issued_after() {
    let scene = scene().await;
    let family: FamilyRecord = scene.sign_in(false).await.family;
    scene.world.clock.advance(Duration::from_millis(400));
    scene.sign_out_everywhere().await;
    scene.world.clock.advance(Duration::from_secs(5));
    // A refresh that read the family just before the sign-out and signs only now.
    let (access, _) = scene.world.tokens(&family, false).await;
    assert_eq!(scene.refusal(&access).await, AccessTokenError::Revoked);
}

#[tokio::test]
async fn the_time_of_a_sign_in_is_the_first_second_after_the_sign_out() {
    let scene = scene().await;
    let mut user = scene.user.clone();
    let at = |millis| cenote_base::Timestamp::from_millis(millis);
    for (signed_out, now, expected) in
        [(0, 5_000, 5), (0, 5_999, 5), (5_000, 5_000, 5), (5_001, 5_001, 6), (5_001, 6_500, 6)]
    {
        user.tokens_valid_after = at(signed_out);
        assert_eq!(auth_time(at(now), &user).secs(), expected, "signed out at {signed_out}, now {now}");
    }
}

#[tokio::test]
async fn a_disabled_user_is_refused_at_once() {
    let scene = scene().await;
    let access = scene.sign_in(true).await.access;
    let mut user = scene.user.clone();
    user.enabled = false;
    scene.world.apply(users::update(&user)).await;
    assert_eq!(scene.refusal(&access).await, AccessTokenError::UserDisabled);
    scene.world.apply(families::delete_of_user(&scene.pool, &user.sub)).await;
    assert_eq!(scene.refusal(&access).await, AccessTokenError::UserDisabled, "signed out too, the reason stays");
}

#[tokio::test]
async fn a_deleted_user_and_a_deleted_pool_are_gone_at_once() {
    let scene = scene().await;
    let access = scene.sign_in(true).await.access;
    scene.world.apply(users::delete(&scene.pool, &scene.user.sub)).await;
    assert_eq!(scene.refusal(&access).await, AccessTokenError::UserGone);

    let pool = scene.world.pool().await;
    let user = scene.world.user(&pool).await;
    let access = scene.world.sign_in(&user, &scene.client, true).await.access;
    assert!(scene.is_good(&access).await);
    scene.world.apply(pools::tombstone(&pool, 1, scene.world.now())).await;
    // The keys may be cached for a second, but no user is.
    assert_eq!(scene.refusal(&access).await, AccessTokenError::UserGone);
    scene.world.signing.forget(&pool);
    assert_eq!(scene.refusal(&access).await, AccessTokenError::Invalid(Flaw::Issuer));
}

#[tokio::test]
async fn an_access_token_outlives_the_refresh_token_of_its_family() {
    let scene = scene().await;
    let signed_in = scene.sign_in(true).await;
    let end = "update token_families set expires_at = $1 where origin_jti = $2";
    let params = params![scene.world.now(), signed_in.family.origin_jti.as_str()];
    scene.world.apply(Batch::new().one(end, params, "NoFamily")).await;
    scene.world.clock.advance(Duration::from_secs(600));
    assert!(scene.is_good(&signed_in.access).await);
}

#[tokio::test]
async fn a_store_that_does_not_answer_refuses_nobody_for_good() {
    let scene = scene().await;
    let access = scene.sign_in(true).await.access;
    assert!(scene.is_good(&access).await);
    scene.world.store.close().await;
    let refusal = scene.refusal(&access).await;
    assert!(matches!(refusal, AccessTokenError::Unavailable(_)), "{refusal:?}");
    assert_eq!(refusal.fault(), Fault::Dependency);
}
