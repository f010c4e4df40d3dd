//! Signing keys: what is signed and published, and which tokens are refused. jsonwebtoken is the independent reader.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cenote_base::{Fault, PoolId, Timestamp};
use cenote_store::records::{keys, pools};
use cenote_store::{Batch, StoreError, params};
use cenote_tokens::{Claims, Expect, Flaw, JWKS_MAX_AGE, KeyringError, Scope, SigningError, TokenError, TokenUse};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::world::{World, claims, issuer, kid, part, world};

/// Claims that are good for an hour.
fn good(world: &World, pool: &PoolId, token_use: TokenUse) -> Map<String, Value> {
    let now = world.now().secs();
    let claims = json!({
        "iss": issuer(pool), "token_use": token_use.as_str(), "aud": "client", "client_id": "client",
        "iat": now, "exp": now + 3600,
    });
    claims.as_object().unwrap().clone()
}

async fn verify(world: &World, pool: &PoolId, token_use: TokenUse, token: &str) -> Result<Claims, TokenError> {
    world.signing.verify(token, &Expect { pool, token_use, client: None, now: world.now() }).await
}

/// Signs the good claims with some changed (null: left out) and says how an access token with them is answered.
async fn with(world: &World, pool: &PoolId, changes: Value) -> Result<Claims, TokenError> {
    let mut claims = good(world, pool, TokenUse::Access);
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
    verify(world, pool, TokenUse::Access, &world.sign(pool, TokenUse::Access, &claims).await).await
}

fn flaw(result: Result<Claims, TokenError>) -> Flaw {
    match result.unwrap_err() {
        TokenError::Invalid(flaw) => flaw,
        other => panic!("{other:?}"),
    }
}

async fn jwks(world: &World, pool: &PoolId) -> Arc<str> {
    world.signing.jwks(pool).await.unwrap().unwrap()
}

fn kids(jwks: &str) -> Vec<String> {
    let jwks: Value = serde_json::from_str(jwks).unwrap();
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn another_library_verifies_both_tokens_by_the_jwks() {
    let world = world().await;
    let pool = world.pool().await;
    let jwks = jwks(&world, &pool).await;
    let keys: JwkSet = serde_json::from_str(&jwks).unwrap();
    assert_eq!(keys.keys.len(), 2);
    for token_use in [TokenUse::Id, TokenUse::Access] {
        let signed = good(&world, &pool, token_use);
        let token = world.sign(&pool, token_use, &signed).await;
        assert_eq!(part(&token, 0), format!(r#"{{"kid":"{}","alg":"RS256"}}"#, kid(&token)));
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[issuer(&pool)]);
        validation.set_audience(&["client"]);
        // The world's clock stands still at its start.
        validation.validate_exp = false;
        let key = DecodingKey::from_jwk(keys.find(&kid(&token)).unwrap()).unwrap();
        let read = jsonwebtoken::decode::<Map<String, Value>>(&token, &key, &validation).unwrap();
        assert_eq!(read.claims, signed);
        assert_eq!(verify(&world, &pool, token_use, &token).await.unwrap().as_map(), &signed);
    }
}

#[tokio::test]
async fn the_key_set_is_cognitos() {
    let world = world().await;
    let pool = world.pool().await;
    let text = jwks(&world, &pool).await;
    let document: Value = serde_json::from_str(&text).unwrap();
    for key in document["keys"].as_array().unwrap() {
        let members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
        let kid = key["kid"].as_str().unwrap();
        assert!(kid.len() == 44 && kid.ends_with('=') && STANDARD.decode(kid).unwrap().len() == 32, "{kid}");
        assert_eq!((key["alg"].as_str(), key["e"].as_str()), (Some("RS256"), Some("AQAB")));
        assert_eq!((key["kty"].as_str(), key["use"].as_str()), (Some("RSA"), Some("sig")));
        assert_eq!(URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap()).unwrap().len(), 256);
    }
    let claims = good(&world, &pool, TokenUse::Id);
    let id = kid(&world.sign(&pool, TokenUse::Id, &claims).await);
    let access = kid(&world.sign(&pool, TokenUse::Access, &claims).await);
    assert_eq!(kids(&text), [id, access], "one key for each kind of token");
}

#[tokio::test]
async fn a_token_is_good_for_its_kind_pool_and_client_only() {
    let world = world().await;
    let (pool, other) = (world.pool().await, world.pool().await);
    let id = world.sign(&pool, TokenUse::Id, &good(&world, &pool, TokenUse::Id)).await;
    let access = world.sign(&pool, TokenUse::Access, &good(&world, &pool, TokenUse::Access)).await;
    assert!(verify(&world, &pool, TokenUse::Id, &id).await.is_ok());
    assert_eq!(flaw(verify(&world, &pool, TokenUse::Access, &id).await), Flaw::Key);
    assert_eq!(flaw(verify(&world, &pool, TokenUse::Id, &access).await), Flaw::Key);
    // The other pool's key, and claims that say they are this pool's.
    assert_eq!(flaw(verify(&world, &other, TokenUse::Access, &access).await), Flaw::Key);
    let forged = world.sign(&other, TokenUse::Access, &good(&world, &pool, TokenUse::Access)).await;
    assert_eq!(flaw(verify(&world, &pool, TokenUse::Access, &forged).await), Flaw::Key);
    assert_eq!(flaw(verify(&world, &other, TokenUse::Access, &forged).await), Flaw::Issuer);
    // What the access key signs is an access token only if it says so.
    assert_eq!(flaw(with(&world, &pool, json!({ "token_use": "id" })).await), Flaw::TokenUse);
    let nobody: PoolId = "us-east-1_nobody".parse().unwrap();
    assert_eq!(flaw(verify(&world, &nobody, TokenUse::Access, &access).await), Flaw::Issuer);

    for (token_use, token) in [(TokenUse::Id, &id), (TokenUse::Access, &access)] {
        for (client, is_good) in [("client", true), ("another", false)] {
            let client = client.parse().unwrap();
            let expect = Expect { pool: &pool, token_use, client: Some(&client), now: world.now() };
            assert_eq!(world.signing.verify(token, &expect).await.is_ok(), is_good);
        }
    }
    let another = "another".parse().unwrap();
    let expect = Expect { pool: &pool, token_use: TokenUse::Id, client: Some(&another), now: world.now() };
    assert_eq!(flaw(world.signing.verify(&id, &expect).await), Flaw::Client);
}

#[tokio::test]
async fn another_algorithm_is_refused_whatever_it_is_keyed_with() {
    let world = world().await;
    let pool = world.pool().await;
    let claims = good(&world, &pool, TokenUse::Access);
    let good = world.sign(&pool, TokenUse::Access, &claims).await;
    let kid = kid(&good);
    let payload = good.split('.').nth(1).unwrap();
    let unsigned = |alg: &str| {
        let header = URL_SAFE_NO_PAD.encode(json!({ "kid": kid, "alg": alg }).to_string());
        format!("{header}.{payload}")
    };
    let records = keys::signing_keys(&world.store, &pool).await.unwrap();
    let der = records.iter().find(|record| record.kid == kid).unwrap().public_key.clone();
    let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n", STANDARD.encode(&der));
    let document = jwks(&world, &pool).await;
    for secret in [der.as_slice(), pem.as_bytes(), document.as_bytes(), b""] {
        let text = unsigned("HS256");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
        let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag));
        assert_eq!(flaw(verify(&world, &pool, TokenUse::Access, &token).await), Flaw::Algorithm);
    }
    for alg in ["none", "None", "", "RS384", "PS256", "rs256"] {
        for signature in ["", good.split('.').nth(2).unwrap()] {
            let token = format!("{}.{signature}", unsigned(alg));
            assert_eq!(flaw(verify(&world, &pool, TokenUse::Access, &token).await), Flaw::Algorithm, "{alg}");
        }
    }
    let stripped = format!("{}.", good.rsplit_once('.').unwrap().0);
    assert_eq!(flaw(verify(&world, &pool, TokenUse::Access, &stripped).await), Flaw::Signature);
}

#[tokio::test]
async fn times_are_checked_to_the_second() {
    let world = world().await;
    let pool = world.pool().await;
    let now = world.now().secs();
    assert!(with(&world, &pool, json!({ "exp": now + 1 })).await.is_ok());
    assert_eq!(with(&world, &pool, json!({ "exp": now })).await, Err(TokenError::Expired));
    assert_eq!(with(&world, &pool, json!({ "exp": i64::MIN })).await, Err(TokenError::Expired));
    // Another node's clock may be a minute ahead.
    assert!(with(&world, &pool, json!({ "iat": now + 60 })).await.is_ok());
    assert_eq!(flaw(with(&world, &pool, json!({ "iat": now + 61 })).await), Flaw::NotYet);
    assert_eq!(flaw(with(&world, &pool, json!({ "nbf": now + 61 })).await), Flaw::NotYet);
    assert!(with(&world, &pool, json!({ "nbf": now })).await.is_ok());
    for name in ["exp", "iat"] {
        assert_eq!(flaw(with(&world, &pool, json!({ name: null })).await), Flaw::Claims);
    }
    for name in ["exp", "iat", "nbf"] {
        for wrong in [json!("1893456000"), json!(1e10), json!(1.5), json!([]), json!(true)] {
            assert_eq!(flaw(with(&world, &pool, json!({ name: wrong })).await), Flaw::Claims, "{name}: {wrong}");
        }
    }
    // A token that is wrong in anything else is invalid, not expired.
    assert_eq!(flaw(with(&world, &pool, json!({ "exp": now, "iss": "x" })).await), Flaw::Issuer);
    assert_eq!(flaw(with(&world, &pool, json!({ "iss": null })).await), Flaw::Issuer);
    assert_eq!(flaw(with(&world, &pool, json!({ "iss": format!("{}/", issuer(&pool)) })).await), Flaw::Issuer);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_changed_character_and_no_made_up_token_is_accepted() {
    let world = world().await;
    let pool = world.pool().await;
    let good = world.sign(&pool, TokenUse::Access, &good(&world, &pool, TokenUse::Access)).await;
    let runtime = tokio::runtime::Handle::current();
    let is_refused = |token: &str| {
        let result = tokio::task::block_in_place(|| runtime.block_on(verify(&world, &pool, TokenUse::Access, token)));
        matches!(result, Err(TokenError::Invalid(_)))
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
    let header = good.split('.').next().unwrap().to_owned();
    runner
        .run(&(".{0,80}", "[A-Za-z0-9_-]{0,80}", "[A-Za-z0-9_-]{0,400}"), |(text, payload, signature)| {
            prop_assert!(is_refused(&text));
            let token = format!("{header}.{payload}.{signature}");
            prop_assert!(is_refused(&token));
            Ok(())
        })
        .unwrap();
    assert!(!is_refused(&good));
}

#[tokio::test]
async fn a_pending_key_is_published_and_signs_when_its_time_has_come() {
    let world = world().await;
    let pool = world.pool().await;
    let mut claims = good(&world, &pool, TokenUse::Access);
    claims.insert("exp".into(), json!(world.now().secs() + 86_400));
    let before = world.sign(&pool, TokenUse::Access, &claims).await;
    let activates_at = world.now() + Duration::from_secs(2 * 3600);
    world.apply(world.signing.pending_key(&pool, TokenUse::Access, activates_at).await.unwrap()).await;
    world.signing.forget(&pool);
    let published = kids(&jwks(&world, &pool).await);
    assert_eq!(published.len(), 3);
    assert_eq!(kid(&world.sign(&pool, TokenUse::Access, &claims).await), kid(&before));

    world.clock.set(activates_at - Duration::from_millis(1));
    assert_eq!(kid(&world.sign(&pool, TokenUse::Access, &claims).await), kid(&before));
    world.clock.set(activates_at);
    let after = world.sign(&pool, TokenUse::Access, &claims).await;
    assert_ne!(kid(&after), kid(&before));
    assert!(published.contains(&kid(&after)));
    for token in [&before, &after] {
        assert!(verify(&world, &pool, TokenUse::Access, token).await.is_ok());
    }
    let id = world.sign(&pool, TokenUse::Id, &good(&world, &pool, TokenUse::Id)).await;
    assert_eq!(kid(&id), published[0], "the other kind of token keeps its key");
}

#[tokio::test]
async fn no_key_signs_while_a_jwks_without_it_may_be_kept() {
    let world = world().await;
    let pool = world.pool().await;
    let claims = good(&world, &pool, TokenUse::Access);
    let sign = async || kid(&world.sign(&pool, TokenUse::Access, &claims).await);
    let before = sign().await;
    let made_at = world.now();
    for asked_for in [Timestamp::from_secs(0), made_at, made_at + JWKS_MAX_AGE] {
        world.apply(world.signing.pending_key(&pool, TokenUse::Access, asked_for).await.unwrap()).await;
    }
    // Another node may publish the old document until its cache is stale, and a verifier may fetch it just then.
    let last_old_jwks = made_at + Duration::from_secs(60);
    world.clock.set(last_old_jwks + JWKS_MAX_AGE - Duration::from_millis(1));
    assert_eq!(sign().await, before);
    world.clock.set(last_old_jwks + JWKS_MAX_AGE);
    let after = sign().await;
    assert_ne!(after, before);
    assert!(kids(&jwks(&world, &pool).await).contains(&after));
}

#[tokio::test]
async fn a_retired_key_verifies_until_it_is_gone() {
    let world = world().await;
    let pool = world.pool().await;
    let mut claims = good(&world, &pool, TokenUse::Access);
    claims.insert("exp".into(), json!(world.now().secs() + 86_400));
    let old = world.sign(&pool, TokenUse::Access, &claims).await;
    world.apply(world.signing.pending_key(&pool, TokenUse::Access, world.now()).await.unwrap()).await;
    world.clock.advance(JWKS_MAX_AGE + Duration::from_secs(60));
    let retires_at = world.now() + Duration::from_secs(7200);
    let retire = "update signing_keys set state = 'retired', retires_at = $1 where kid = $2";
    world.apply(Batch::new().one(retire, params![retires_at, kid(&old)], "NoKey")).await;
    world.signing.forget(&pool);

    let new = world.sign(&pool, TokenUse::Access, &claims).await;
    assert_ne!(kid(&new), kid(&old));
    assert_eq!(kids(&jwks(&world, &pool).await).len(), 3);
    assert!(verify(&world, &pool, TokenUse::Access, &old).await.is_ok());
    world.clock.set(retires_at);
    assert!(!kids(&jwks(&world, &pool).await).contains(&kid(&old)));
    assert_eq!(flaw(verify(&world, &pool, TokenUse::Access, &old).await), Flaw::Key);
    assert!(verify(&world, &pool, TokenUse::Access, &new).await.is_ok());

    let retire_all = "update signing_keys set state = 'retired', retires_at = null where pool_id = $1";
    world.apply(Batch::new().any(retire_all, params![&pool])).await;
    world.signing.forget(&pool);
    let error = world.signing.sign(&pool, TokenUse::Access, &claims).await.unwrap_err();
    assert_eq!(error, SigningError::NoKey { pool: pool.clone(), token_use: TokenUse::Access });
    assert_eq!(error.fault(), Fault::Cenote);
    assert!(verify(&world, &pool, TokenUse::Access, &new).await.is_ok());
}

#[tokio::test]
async fn private_keys_cannot_be_exchanged() {
    let world = world().await;
    let pool = world.pool().await;
    let claims = good(&world, &pool, TokenUse::Access);
    let exchange = "update signing_keys set private_key = (select k.private_key from signing_keys k where \
                    k.pool_id = $1 and k.token_use = 'id') where pool_id = $1 and token_use = 'access'";
    world.apply(Batch::new().one(exchange, params![&pool], "NoKey")).await;
    let error = world.signing.sign(&pool, TokenUse::Access, &claims).await.unwrap_err();
    assert_eq!(error, SigningError::Keyring(KeyringError::NotOurs));
    assert_eq!(error.fault(), Fault::Cenote, "no caller sent this");
    let other_pools = "update signing_keys set pool_id = $1 where pool_id = $2 and token_use = 'id'";
    let other = world.pool().await;
    world.apply(Batch::new().any("delete from signing_keys where pool_id = $1", params![&other])).await;
    world.apply(Batch::new().one(other_pools, params![&other, &pool], "NoKey")).await;
    let error = world.signing.sign(&other, TokenUse::Id, &claims).await.unwrap_err();
    assert_eq!(error, SigningError::Keyring(KeyringError::NotOurs));
}

#[tokio::test]
async fn damaged_rows_are_named() {
    let world = world().await;
    let damages: [(&str, &'static str); 4] = [
        ("public_key", "update signing_keys set public_key = private_key where pool_id = $1"),
        ("algorithm", "update signing_keys set algorithm = 'none' where pool_id = $1"),
        ("state", "update signing_keys set state = 'x' where pool_id = $1"),
        ("token_use", "update signing_keys set token_use = 'x' where pool_id = $1"),
    ];
    for (column, sql) in damages {
        let pool = world.pool().await;
        world.apply(Batch::new().any(sql, params![&pool])).await;
        match world.signing.jwks(&pool).await.unwrap_err() {
            SigningError::Read(StoreError::Corrupt { table, column: found, .. }) => {
                assert_eq!((table, found), ("signing_keys", column));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_deleted_pool_has_no_keys() {
    let world = world().await;
    let pool = world.pool().await;
    let nobody: PoolId = "us-east-1_nobody".parse().unwrap();
    assert_eq!(world.signing.jwks(&nobody).await.unwrap(), None);
    let claims = good(&world, &pool, TokenUse::Access);
    let token = world.sign(&pool, TokenUse::Access, &claims).await;
    world.apply(pools::tombstone(&pool, 1, world.now())).await;
    // Another node may go on for a second, the node that deleted it may not.
    assert!(world.signing.jwks(&pool).await.unwrap().is_some());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.signing.jwks(&pool).await.unwrap(), None);
    assert_eq!(flaw(verify(&world, &pool, TokenUse::Access, &token).await), Flaw::Issuer);
    let error = world.signing.sign(&pool, TokenUse::Access, &claims).await.unwrap_err();
    assert_eq!((error.fault(), error), (Fault::Caller, SigningError::NoSuchPool(pool)));

    let second = world.pool().await;
    assert!(world.signing.jwks(&second).await.unwrap().is_some());
    world.apply(pools::tombstone(&second, 1, world.now())).await;
    world.signing.forget(&second);
    assert_eq!(world.signing.jwks(&second).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_cached_lives_through_a_second_without_the_store_and_not_longer() {
    let world = world().await;
    let pool = world.pool().await;
    let claims = good(&world, &pool, TokenUse::Access);
    let token = world.sign(&pool, TokenUse::Access, &claims).await;
    world.store.close().await;
    assert!(world.signing.jwks(&pool).await.is_ok());
    world.clock.advance(Duration::from_secs(1));
    let error = world.signing.jwks(&pool).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Dependency);
    let error = verify(&world, &pool, TokenUse::Access, &token).await.unwrap_err();
    assert!(matches!(error, TokenError::Unavailable(SigningError::Read(StoreError::Unavailable(_)))), "{error:?}");
}

#[tokio::test]
async fn the_stock_is_filled_used_and_filled_again() {
    let world = world().await;
    assert_eq!(world.signing.stocked(), 0, "none is made unasked");
    let full = async || {
        let filled = async {
            while world.signing.stocked() < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), filled).await.unwrap();
    };
    world.signing.keep_stock(2);
    full().await;
    let one = world.pool().await;
    full().await;
    let two = world.pool().await;
    let mut seen = [kids(&jwks(&world, &one).await), kids(&jwks(&world, &two).await)].concat();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 4);
    let moduli: Vec<Vec<u8>> = {
        let mut records = keys::signing_keys(&world.store, &one).await.unwrap();
        records.extend(keys::signing_keys(&world.store, &two).await.unwrap());
        records.into_iter().map(|record| record.public_key).collect()
    };
    assert!((1..4).all(|at| !moduli[..at].contains(&moduli[at])), "each key is used once");
}

#[tokio::test]
async fn a_new_pools_keys_do_not_need_its_data_keys() {
    let world = world().await;
    let pool: PoolId = "us-east-1_abcdefghi".parse().unwrap();
    let signing = world.signing.new_pool(&pool).await.unwrap();
    let data = world.keyring.new_scope(&Scope::Pool(pool.clone())).unwrap();
    assert_eq!((signing.len(), data.len()), (2, 2));
    assert_eq!(world.signing.jwks(&pool).await.unwrap(), None, "nothing is there before the commit");
}

#[tokio::test]
async fn the_kept_issuer_of_a_migrated_pool_counts() {
    let world = world().await;
    let pool = world.pool().await;
    let old = format!("https://cognito-idp.us-east-1.amazonaws.com/{pool}");
    let keep = "update pools set issuer = $1 where pool_id = $2";
    world.apply(Batch::new().one(keep, params![old.as_str(), &pool], "NoPool")).await;
    assert!(with(&world, &pool, json!({ "iss": old })).await.is_ok());
    assert_eq!(flaw(with(&world, &pool, json!({})).await), Flaw::Issuer);
}

#[tokio::test]
async fn debug_shows_no_values() {
    let world = world().await;
    let pool = world.pool().await;
    let mut signed = good(&world, &pool, TokenUse::Id);
    signed.insert("email".into(), json!("alice@example.com"));
    let token = world.sign(&pool, TokenUse::Id, &signed).await;
    let read = verify(&world, &pool, TokenUse::Id, &token).await.unwrap();
    assert!(!format!("{read:?}").contains("alice@example.com"));
    assert_eq!(read.text("email"), Some("alice@example.com"));
    assert_eq!(read.time("iat"), Some(Timestamp::from_secs(world.now().secs())));
    assert_eq!(claims(&token), signed);
    assert_eq!(format!("{:?} {:?}", world.keyring, world.signing), "Keyring { .. } SigningKeys { ready: 0, .. }");
}
