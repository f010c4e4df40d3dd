//! Access tokens whose signature is remembered: everything else is still asked each time.

use std::time::Duration;

use cenote_base::{ClientId, PoolId};
use cenote_store::records::users::{self, UserRecord};
use cenote_store::records::{families, pools};
use cenote_store::{Batch, params};
use cenote_tokens::{AccessTokenError, Flaw, TokenUse};
use serde_json::json;

use crate::world::{HOUR, SignedIn, World, claims, kid, world};

struct Scene {
    world: World,
    pool: PoolId,
    user: UserRecord,
    client: ClientId,
    signed_in: SignedIn,
}

/// A token that was checked once.
async fn scene() -> Scene {
    let world = world().await;
    let pool = world.pool().await;
    let user = world.user(&pool).await;
    let client = world.client();
    let signed_in = world.sign_in(&user, &client, true).await;
    let scene = Scene { world, pool, user, client, signed_in };
    assert_eq!(scene.check().await, Ok(()));
    scene
}

impl Scene {
    async fn check(&self) -> Result<(), AccessTokenError> {
        self.check_token(&self.signed_in.access).await
    }

    async fn check_token(&self, token: &str) -> Result<(), AccessTokenError> {
        self.world.access.check(token).await.map(|_| ())
    }

    /// Changes the row of the key that signed the token, and lets this node read it anew.
    async fn change_key(&self, sql: &'static str, value: cenote_store::Value) {
        let params = vec![value, kid(&self.signed_in.access).as_str().into()];
        self.world.apply(Batch::new().one(sql, params, "NoKey")).await;
        self.world.signing.forget(&self.pool);
    }
}

#[tokio::test]
async fn the_signature_is_verified_once() {
    let scene = scene().await;
    let another = scene.world.sign_in(&scene.user, &scene.client, true).await.access;
    let other_pool = scene.world.pool().await;
    let sql = "select public_key from signing_keys where pool_id = $1 and token_use = 'access'";
    let row = scene.world.store.read_one(sql, params![&other_pool]).await.unwrap().unwrap();
    let public = row.bytes(0).unwrap().to_vec();
    // No row ever changes its key. So this shows which of two tokens has its signature looked at.
    scene.change_key("update signing_keys set public_key = $1 where kid = $2", public.into()).await;
    assert_eq!(scene.check().await, Ok(()));
    assert_eq!(scene.check_token(&another).await, Err(AccessTokenError::Invalid(Flaw::Signature)));
}

#[tokio::test]
async fn the_whole_token_counts() {
    let scene = scene().await;
    let token = &scene.signed_in.access;
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{signed}.{other}{}", &signature[1..]);
    assert_eq!(scene.check_token(&forged).await, Err(AccessTokenError::Invalid(Flaw::Signature)));
    for forged in [format!("{token}="), format!(" {token}"), format!("{token}."), signed.to_owned()] {
        assert!(matches!(scene.check_token(&forged).await, Err(AccessTokenError::Invalid(_))), "{forged}");
    }
    assert_eq!(scene.check().await, Ok(()));
}

#[tokio::test]
async fn a_key_that_is_not_published_any_more() {
    let scene = scene().await;
    let end = scene.world.now() + Duration::from_secs(60);
    scene.change_key("update signing_keys set state = 'retired', retires_at = $1 where kid = $2", end.into()).await;
    assert_eq!(scene.check().await, Ok(()));
    scene.world.clock.set(end);
    assert_eq!(scene.check().await, Err(AccessTokenError::Invalid(Flaw::Key)));
}

#[tokio::test]
async fn a_key_that_is_gone() {
    let scene = scene().await;
    let pending = scene.world.signing.pending_key(&scene.pool, TokenUse::Access, scene.world.now()).await.unwrap();
    scene.world.apply(pending).await;
    let sql = "delete from signing_keys where pool_id = $1 and kid = $2";
    let params = params![&scene.pool, kid(&scene.signed_in.access)];
    scene.world.apply(Batch::new().one(sql, params, "NoKey")).await;
    // Without being told: within a second.
    scene.world.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.check().await, Err(AccessTokenError::Invalid(Flaw::Key)));
}

#[tokio::test]
async fn a_pool_that_is_deleted() {
    let scene = scene().await;
    scene.world.apply(pools::tombstone(&scene.pool, 1, scene.world.now())).await;
    assert_eq!(scene.check().await, Err(AccessTokenError::UserGone));
    scene.world.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.check().await, Err(AccessTokenError::Invalid(Flaw::Issuer)));
}

#[tokio::test]
async fn an_issuer_that_changed() {
    let scene = scene().await;
    let sql = "update pools set issuer = $1 where pool_id = $2";
    scene.world.apply(Batch::new().one(sql, params!["https://elsewhere", &scene.pool], "NoPool")).await;
    scene.world.signing.forget(&scene.pool);
    assert_eq!(scene.check().await, Err(AccessTokenError::Invalid(Flaw::Issuer)));
}

#[tokio::test]
async fn its_end() {
    let scene = scene().await;
    scene.world.clock.advance(HOUR - Duration::from_secs(1));
    assert_eq!(scene.check().await, Ok(()));
    scene.world.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.check().await, Err(AccessTokenError::Expired));
    // And no token is remembered before its time has come.
    let mut early = claims(&scene.signed_in.access);
    let at = scene.world.now().secs() + 120;
    early.extend([("iat".into(), json!(at)), ("exp".into(), json!(at + 3600))]);
    let early = scene.world.sign(&scene.pool, TokenUse::Access, &early).await;
    for _ in 0..2 {
        assert_eq!(scene.check_token(&early).await, Err(AccessTokenError::Invalid(Flaw::NotYet)));
    }
    scene.world.clock.advance(Duration::from_secs(60));
    assert_eq!(scene.check_token(&early).await, Ok(()));
    scene.world.clock.set(cenote_base::Timestamp::from_secs(at - 61));
    assert_eq!(scene.check_token(&early).await, Err(AccessTokenError::Invalid(Flaw::NotYet)), "the clock went back");
}

#[tokio::test]
async fn its_scope() {
    let scene = scene().await;
    let refused = scene.world.access.check_with_scope(&scene.signed_in.access, "openid", scene.world.now()).await;
    assert_eq!(refused.unwrap_err(), AccessTokenError::MissingScope);
}

#[tokio::test]
async fn another_kind_of_token_with_the_same_key() {
    let scene = scene().await;
    let mut claims = claims(&scene.signed_in.access);
    claims.insert("token_use".into(), json!("id"));
    let token = scene.world.sign(&scene.pool, TokenUse::Access, &claims).await;
    for _ in 0..2 {
        assert_eq!(scene.check_token(&token).await, Err(AccessTokenError::Invalid(Flaw::TokenUse)));
    }
}

#[tokio::test]
async fn its_family_and_its_user() {
    let scene = scene().await;
    let (pool, sub) = (&scene.pool, &scene.user.sub);
    scene.world.apply(families::delete(&scene.signed_in.family.origin_jti)).await;
    assert_eq!(scene.check().await, Err(AccessTokenError::Revoked));
    let mut user = scene.user.clone();
    user.enabled = false;
    scene.world.apply(users::update(&user)).await;
    assert_eq!(scene.check().await, Err(AccessTokenError::UserDisabled));
    scene.world.apply(users::delete(pool, sub)).await;
    assert_eq!(scene.check().await, Err(AccessTokenError::UserGone));
}
