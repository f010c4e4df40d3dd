//! Refresh tokens: their form, and the one check of them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cenote_base::{ClientId, Fault, PoolId, Timestamp};
use cenote_store::records::families;
use cenote_store::records::users::{self, UserRecord};
use cenote_store::{Batch, params};
use cenote_tokens::families::rotated;
use cenote_tokens::{KeyFamily, Purpose, RefreshClaims, RefreshError, Scope, Turn};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::world::{MONTH, SignedIn, World, part, world};

struct Scene {
    world: World,
    pool: PoolId,
    user: UserRecord,
    client: ClientId,
    signed_in: SignedIn,
}

async fn scene() -> Scene {
    let world = world().await;
    let pool = world.pool().await;
    let user = world.user(&pool).await;
    let client = world.client();
    let signed_in = world.sign_in(&user, &client, true).await;
    Scene { world, pool, user, client, signed_in }
}

impl Scene {
    /// For a client that does not rotate.
    async fn check(&self, token: &str) -> Result<(), RefreshError> {
        self.admit(token, None).await.map(|_| ())
    }

    async fn admit(&self, token: &str, grace: Option<Duration>) -> Result<Turn, RefreshError> {
        let presented = self.world.refresh.check_refresh(token, &self.client).await?;
        Ok(self.world.refresh.admit(presented, grace).await?.turn)
    }

    async fn families(&self) -> i64 {
        let row = self.world.store.read_one("select count(*) from token_families", vec![]).await;
        row.unwrap().unwrap().int(0).unwrap()
    }

    async fn refusal(&self) -> RefreshError {
        self.check(&self.signed_in.refresh).await.unwrap_err()
    }
}

/// The bytes of parts two to five.
fn body(token: &str) -> Vec<u8> {
    token.split('.').skip(1).flat_map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect()
}

#[tokio::test]
async fn it_looks_like_cognitos() {
    let scene = scene().await;
    let token = &scene.signed_in.refresh;
    assert_eq!(part(token, 0), r#"{"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}"#);
    let lengths: Vec<usize> = token.split('.').map(str::len).collect();
    // RSA-2048, a nonce of 96 bits, a tag of 128.
    assert_eq!((lengths.len(), lengths[1], lengths[2], lengths[4]), (5, 342, 16, 22));
    assert!((1700..=1900).contains(&token.len()), "{}", token.len());
    // All are equally long, whatever the client's id is.
    let long: ClientId = "c".repeat(128).parse().unwrap();
    assert_eq!(scene.world.sign_in(&scene.user, &long, true).await.refresh.len(), token.len());
    assert_ne!(scene.world.refresh.seal(&scene.signed_in.family).await.unwrap().expose(), token);
}

#[tokio::test]
async fn it_says_what_it_was_made_of() {
    let scene = scene().await;
    let family = &scene.signed_in.family;
    let expected = RefreshClaims {
        origin_jti: family.origin_jti.clone(),
        pool: scene.pool.clone(),
        client: scene.client.clone(),
        sub: scene.user.sub.clone(),
        generation: 0,
        expires_at: scene.world.now() + MONTH,
    };
    assert_eq!(scene.world.refresh.open(&scene.signed_in.refresh).await.unwrap(), expected);
    let presented = scene.world.refresh.check_refresh(&scene.signed_in.refresh, &scene.client).await.unwrap();
    assert_eq!(presented.user().sub, scene.user.sub);
    let admitted = scene.world.refresh.admit(presented, None).await.unwrap();
    assert_eq!((admitted.user.sub, admitted.turn), (scene.user.sub.clone(), Turn::Keep));
    assert_eq!(admitted.family.origin_jti, family.origin_jti);
}

#[tokio::test]
async fn nothing_of_it_can_be_read_but_the_pools_id() {
    let scene = scene().await;
    let bytes = body(&scene.signed_in.refresh);
    let contains = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains(scene.pool.as_str()));
    assert!(!contains(scene.user.sub.as_str()) && !contains(scene.client.as_str()));
    assert!(!contains(&scene.signed_in.family.origin_jti));
}

#[tokio::test]
async fn another_client_and_other_tokens_are_refused() {
    let scene = scene().await;
    let another = scene.world.client();
    let refusal = scene.world.refresh.check_refresh(&scene.signed_in.refresh, &another).await.unwrap_err();
    assert_eq!(refusal, RefreshError::Invalid);
    assert_eq!(refusal.fault(), Fault::Caller);
    let token = &scene.signed_in.refresh;
    let header = token.split('.').next().unwrap();
    let garbage = [
        String::new(),
        ".".into(),
        "....".into(),
        format!("{header}...."),
        scene.signed_in.access.clone(),
        scene.signed_in.id.clone(),
        format!("{token}."),
        format!("{token}.AAAA"),
        format!("{token}="),
        format!("{token}A"),
        format!("x{token}"),
        token.replacen(header, "e30", 1),
        token.rsplit_once('.').unwrap().0.to_owned(),
        "A".repeat(100_000),
        format!("{header}.{}", "A".repeat(100_000)),
    ];
    for token in garbage {
        assert_eq!(scene.check(&token).await, Err(RefreshError::Invalid), "{token:.60}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_changed_character_and_no_made_up_token_opens() {
    let scene = scene().await;
    let good = &scene.signed_in.refresh;
    let runtime = tokio::runtime::Handle::current();
    let is_refused = |token: &str| {
        let result = tokio::task::block_in_place(|| runtime.block_on(scene.check(token)));
        result == Err(RefreshError::Invalid)
    };
    let mut runner = TestRunner::new(Config { cases: 500, failure_persistence: None, ..Config::default() });
    let changed = (any::<prop::sample::Index>(), prop::sample::select(b"ABCxyz019-_.=+ \n".to_vec()));
    runner
        .run(&changed, |(at, by)| {
            let mut bytes = good.clone().into_bytes();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != by);
            bytes[at] = by;
            prop_assert!(is_refused(std::str::from_utf8(&bytes).unwrap()));
            Ok(())
        })
        .unwrap();
    let header = good.split('.').next().unwrap();
    let parts = ("[A-Za-z0-9_-]{342}", "[A-Za-z0-9_-]{16}", "[A-Za-z0-9_-]{0,80}", "[A-Za-z0-9_-]{22}", ".{0,80}");
    runner
        .run(&parts, |(key, iv, text, tag, any)| {
            let token = format!("{header}.{key}.{iv}.{text}.{tag}");
            prop_assert!(is_refused(&token));
            prop_assert!(is_refused(&any));
            Ok(())
        })
        .unwrap();
    assert!(!is_refused(good));
}

#[tokio::test]
async fn it_cannot_be_moved_to_another_pool() {
    let scene = scene().await;
    let other = scene.world.pool().await;
    let (ours, theirs) = (scene.pool.as_str(), other.as_str());
    let bytes = body(&scene.signed_in.refresh);
    let at = bytes.windows(ours.len()).position(|window| window == ours.as_bytes()).unwrap();
    let sealed = bytes[at + ours.len()..].to_vec();
    let mut moved = bytes;
    moved[at..at + ours.len()].copy_from_slice(theirs.as_bytes());
    let header = scene.signed_in.refresh.split('.').next().unwrap();
    let mut token = header.to_owned();
    for range in [0..256, 256..268, 268..moved.len() - 16, moved.len() - 16..moved.len()] {
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(&moved[range]));
    }
    assert_eq!(token.len(), scene.signed_in.refresh.len());
    assert_eq!(scene.world.refresh.open(&token).await, Err(RefreshError::Invalid));
    // And nothing that was sealed for another purpose is one.
    let scope = Scope::Pool(scene.pool.clone());
    let opened = scene.world.keyring.open_sealed(&scope, Purpose::Session, &[], &sealed);
    assert!(opened.await.is_err());
}

#[tokio::test]
async fn it_ends_where_it_began_to_count() {
    let scene = scene().await;
    let token = &scene.signed_in.refresh;
    scene.world.clock.advance(MONTH - Duration::from_millis(1));
    assert_eq!(scene.check(token).await, Ok(()));
    scene.world.clock.advance(Duration::from_millis(1));
    assert_eq!(scene.refusal().await, RefreshError::Expired);
    let another = scene.world.client();
    let refusal = scene.world.refresh.check_refresh(token, &another).await.unwrap_err();
    assert_eq!(refusal, RefreshError::Invalid, "another client is not told");
    assert!(scene.world.refresh.open(token).await.is_ok(), "it can still be revoked");
}

#[tokio::test]
async fn the_familys_end_counts_too() {
    let scene = scene().await;
    let sql = "update token_families set expires_at = $1 where origin_jti = $2";
    let params = params![scene.world.now(), scene.signed_in.family.origin_jti.as_str()];
    scene.world.apply(Batch::new().one(sql, params, "NoFamily")).await;
    assert_eq!(scene.refusal().await, RefreshError::Expired);
}

#[tokio::test]
async fn it_is_refused_by_the_state_of_its_family_and_user() {
    let scene = scene().await;
    let (pool, sub) = (&scene.pool, &scene.user.sub);
    scene.world.apply(families::delete(&scene.signed_in.family.origin_jti)).await;
    assert_eq!(scene.refusal().await, RefreshError::Revoked);
    let mut user = scene.user.clone();
    user.enabled = false;
    scene.world.apply(users::update(&user)).await;
    assert_eq!(scene.refusal().await, RefreshError::UserDisabled);
    scene.world.apply(users::delete(pool, sub)).await;
    assert_eq!(scene.refusal().await, RefreshError::UserGone);
}

#[tokio::test]
async fn the_token_before_is_good_for_a_while_and_then_ends_the_family() {
    let scene = scene().await;
    let (grace, old) = (Some(Duration::from_secs(10)), &scene.signed_in.refresh);
    let family = &scene.signed_in.family;
    assert_eq!(scene.admit(old, grace).await, Ok(Turn::Rotate));
    scene.world.apply(families::rotate(&family.origin_jti, 0, scene.world.now())).await;
    let next = rotated(family, scene.world.now());
    assert_eq!((next.generation, next.expires_at), (1, family.expires_at));
    let new = scene.world.refresh.seal(&next).await.unwrap().into_exposed();
    assert_eq!(scene.admit(old, grace).await, Ok(Turn::Retry));
    assert_eq!(scene.admit(&new, grace).await, Ok(Turn::Rotate));
    let future = scene.world.refresh.seal(&rotated(&next, scene.world.now())).await.unwrap();
    assert_eq!(scene.check(future.expose()).await, Err(RefreshError::Invalid));
    scene.world.clock.advance(Duration::from_secs(10));
    assert_eq!(scene.admit(&new, grace).await, Ok(Turn::Rotate));
    assert_eq!(scene.families().await, 1, "looking at it changes nothing");
    assert_eq!(scene.admit(old, grace).await, Err(RefreshError::Reused));
    assert_eq!(scene.families().await, 0);
    for token in [old, &new] {
        assert_eq!(scene.admit(token, grace).await, Err(RefreshError::Revoked));
    }
}

#[tokio::test]
async fn an_old_token_of_a_client_that_rotates_no_more_ends_the_family_at_once() {
    let scene = scene().await;
    let family = &scene.signed_in.family;
    scene.world.apply(families::rotate(&family.origin_jti, 0, scene.world.now())).await;
    let new = scene.world.refresh.seal(&rotated(family, scene.world.now())).await.unwrap();
    assert_eq!(scene.check(new.expose()).await, Ok(()));
    assert_eq!(scene.refusal().await, RefreshError::Reused);
    assert_eq!(scene.check(new.expose()).await, Err(RefreshError::Revoked));
}

#[tokio::test]
async fn a_family_that_cannot_be_ended_is_not_said_to_be() {
    let scene = scene().await;
    scene.world.apply(families::rotate(&scene.signed_in.family.origin_jti, 0, scene.world.now())).await;
    let presented = scene.world.refresh.check_refresh(&scene.signed_in.refresh, &scene.client).await.unwrap();
    scene.world.store.close().await;
    let refusal = scene.world.refresh.admit(presented, None).await.unwrap_err();
    assert!(matches!(refusal, RefreshError::Unavailable(_)), "{refusal:?}");
    assert_eq!(refusal.fault(), Fault::Dependency);
}

#[tokio::test]
async fn it_lives_through_a_rotation_of_the_data_key() {
    let scene = scene().await;
    scene.world.keyring.rotate(&Scope::Pool(scene.pool.clone()), KeyFamily::General).await.unwrap();
    assert_eq!(scene.check(&scene.signed_in.refresh).await, Ok(()));
}

#[tokio::test]
async fn a_pool_that_is_gone_or_never_was_makes_it_invalid() {
    let scene = scene().await;
    let delete = "delete from data_keys where scope = $1";
    scene.world.apply(Batch::new().any(delete, params![&scene.pool])).await;
    scene.world.clock.advance(Duration::from_secs(60));
    assert_eq!(scene.refusal().await, RefreshError::Invalid);
}

#[tokio::test]
async fn a_store_that_does_not_answer_refuses_nobody_for_good() {
    let scene = scene().await;
    scene.world.store.close().await;
    let refusal = scene.refusal().await;
    assert!(matches!(refusal, RefreshError::Unavailable(_)), "{refusal:?}");
    assert_eq!(refusal.fault(), Fault::Dependency);
}

#[tokio::test]
async fn a_family_begins_as_its_sign_in_says() {
    let scene = scene().await;
    let family = &scene.signed_in.family;
    assert_eq!((family.pool_id.clone(), family.sub.clone()), (scene.pool.clone(), scene.user.sub.clone()));
    assert_eq!((family.scopes.as_str(), family.methods.as_str()), ("aws.cognito.signin.user.admin", r#"["pwd"]"#));
    assert_eq!((family.generation, family.rotated_at), (0, None));
    assert_eq!(family.auth_time, Timestamp::from_secs(scene.world.now().secs()));
    let again = scene.world.sign_in(&scene.user, &scene.client, true).await.family;
    assert_ne!(again.origin_jti, family.origin_jti);
    assert_eq!(family.origin_jti.len(), 36);
    // A user who was disabled in the meantime gets no family.
    let mut user = scene.user.clone();
    user.enabled = false;
    scene.world.apply(users::update(&user)).await;
    let unmet = scene.world.store.apply(families::insert(&again)).await.unwrap_err();
    assert_eq!(unmet.tag(), Some("NoUser"));
}
