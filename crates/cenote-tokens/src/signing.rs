//! Signing keys: RS256, two per pool, one for each kind of token; signing, verifying, publishing.
//!
//! States of a key (`state`, `activates_at`, `retires_at` of its row): *pending* keys are published for longer than
//! verifiers keep a JWKS ([`JWKS_MAX_AGE`]) before they are used; from `activates_at` on a pending or active key
//! signs, the newest such key of its kind; *retired* keys are published and verify until `retires_at`. So all nodes
//! change over at the same moment, without a job in between.
//!
//! Where the CPU goes: a signature takes about 0.26 ms and is made in place, on the caller's thread, which yields
//! between two. Handing it to other threads would cost some 30 µs more and give nothing: they would compete for the
//! same cores, and sign-ins are bounded by Argon2 (13 ms each, on its own bounded threads) long before signatures. What
//! may wait for the signature is one task queue for a quarter of a millisecond. Key generation is another matter
//! (`stock.rs`).
//!
//! Private keys are sealed under the *server's* data key, bound to pool, kind and `kid`: a new pool's own data keys are
//! not usable before the batch that creates the pool is committed, and these rows are in that batch.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cenote_base::{ClientId, Clock, Fault, PoolId, Random, RandomExt, Secret, Timestamp};
use cenote_store::records::keys::{self, SigningKeyRecord};
use cenote_store::records::pools;
use cenote_store::{Batch, Store, StoreError};
use serde_json::{Map, Value};

use crate::claims::Claims;
use crate::crypto::CryptoFailed;
use crate::jwks;
use crate::jws::{self, Flaw, RS256, Token};
use crate::keyring::{Keyring, KeyringError, Purpose, Scope};
use crate::loads::{FOR_EVER, Failure, Loads};
use crate::pool_keys::{PoolKey, PoolKeys, State, TABLE};
use crate::stock::{NewPair, Stock};
use crate::verified::{Verified, VerifiedTokens};

/// How many pools' published keys are kept: about 5 kB each.
const CACHED_POOLS: usize = 4096;

/// How many parsed private keys are kept: about 8 kB each.
const CACHED_PAIRS: usize = 2048;

/// How old what is cached of a pool (its issuer, its keys' states) may be. A deleted pool stops signing, verifying and
/// publishing within this time.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// How long verifiers may keep a JWKS (`max-age` of the answer).
pub const JWKS_MAX_AGE: Duration = Duration::from_secs(3600);

/// How long a new key may take from its making until every node publishes it: the commit, the nodes' caches, clocks that
/// differ.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(60);

/// The two kinds of token that are signed. Each has keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenUse {
    /// ID tokens.
    Id,
    /// Access tokens.
    Access,
}

impl TokenUse {
    /// The value of the claim `token_use`, and of the table's column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Access => "access",
        }
    }
}

/// Why there is no signature, no key or no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// There is no such pool (any more).
    #[error("there is no pool {0}")]
    NoSuchPool(PoolId),
    /// The pool has no key that may sign this kind of token now.
    #[error("pool {pool} has no active key for {token_use:?} tokens")]
    NoKey {
        /// The pool.
        pool: PoolId,
        /// The kind of token.
        token_use: TokenUse,
    },
    /// The process is ending.
    #[error("the process is ending")]
    Stopping,
    /// The store did not answer.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// The private key could not be sealed or opened.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The cryptographic library refused.
    #[error(transparent)]
    Crypto(#[from] CryptoFailed),
}

impl SigningError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoSuchPool(_) => Fault::Caller,
            Self::Stopping => Fault::Dependency,
            Self::Read(error) => error.fault(),
            // What does not open here is a damaged row, never something that a caller sent.
            Self::Keyring(error) if error.fault() == Fault::Dependency => Fault::Dependency,
            Self::NoKey { .. } | Self::Keyring(_) | Self::Crypto(_) => Fault::Cenote,
        }
    }
}

impl Failure for SigningError {
    fn is_gone(&self) -> bool {
        matches!(self, Self::NoSuchPool(_))
    }
}

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not a token of this pool and kind.
    #[error("the token is invalid: {0}")]
    Invalid(#[from] Flaw),
    /// It was one.
    #[error("the token has expired")]
    Expired,
    /// It could not be checked.
    #[error(transparent)]
    Unavailable(SigningError),
}

/// What a token must be.
#[derive(Clone, Copy, Debug)]
pub struct Expect<'a> {
    /// Whose token: it must be signed by a key of this pool, and `iss` must be the pool's issuer, letter by letter.
    pub pool: &'a PoolId,
    /// Which kind.
    pub token_use: TokenUse,
    /// Whose `aud` (ID token) or `client_id` (access token), when that matters.
    pub client: Option<&'a ClientId>,
    /// The present time.
    pub now: Timestamp,
}

/// The signing keys of all pools. Cheap to clone; all clones share one cache.
#[derive(Clone)]
pub struct SigningKeys(Arc<Inner>);

struct Inner {
    store: Store,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    pools: Loads<Arc<PoolKeys>, SigningError>,
    pairs: Loads<Arc<RsaKeyPair>, SigningError>,
    stock: Arc<Stock>,
    verified: VerifiedTokens,
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").field("ready", &self.0.stock.len()).finish_non_exhaustive()
    }
}

impl SigningKeys {
    /// Reads and keeps keys as they are asked for.
    pub fn new(store: Store, keyring: Keyring, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let pools = Loads::new(CACHED_POOLS, Arc::clone(&clock));
        let pairs = Loads::new(CACHED_PAIRS, Arc::clone(&clock));
        let stock = Stock::new();
        Self(Arc::new(Inner { store, keyring, clock, random, pools, pairs, stock, verified: VerifiedTokens::new() }))
    }

    /// From now on keeps this many new key pairs ready, made in the background; a pool takes two. None until then. Must be
    /// called within the runtime.
    pub fn keep_stock(&self, pairs: usize) {
        self.0.stock.keep(pairs);
    }

    /// How many new key pairs are ready.
    pub fn stocked(&self) -> usize {
        self.0.stock.len()
    }

    /// The rows of a new pool's two keys, for the batch that creates the pool.
    ///
    /// # Errors
    /// When the store does not answer, cryptography fails or the process ends.
    pub async fn new_pool(&self, pool: &PoolId) -> Result<Batch, SigningError> {
        let now = self.0.clock.now();
        let (id, access) = tokio::try_join!(self.0.stock.take(), self.0.stock.take())?;
        let id = self.record(pool, TokenUse::Id, id, State::Active, now).await?;
        let access = self.record(pool, TokenUse::Access, access, State::Active, now).await?;
        Ok(keys::insert_signing_key(&id).extend(keys::insert_signing_key(&access)))
    }

    /// The row of a key that is published from its commit on and signs instead of the present one from `activates_at` on,
    /// or later: not before every JWKS without it has expired, [`JWKS_MAX_AGE`] and a minute from now. The batch must be
    /// committed within that minute.
    ///
    /// # Errors
    /// As [`SigningKeys::new_pool`].
    pub async fn pending_key(
        &self,
        pool: &PoolId,
        token_use: TokenUse,
        activates_at: Timestamp,
    ) -> Result<Batch, SigningError> {
        let pair = self.0.stock.take().await?;
        let activates_at = activates_at.max(self.0.clock.now() + JWKS_MAX_AGE + PUBLISHED_WITHIN);
        let record = self.record(pool, token_use, pair, State::Pending, activates_at).await?;
        Ok(keys::insert_signing_key(&record))
    }

    /// Signs an ID token and an access token. Between the two it yields, so that nobody waits for both.
    ///
    /// # Errors
    /// As [`SigningKeys::sign`].
    pub async fn sign_both(
        &self,
        pool: &PoolId,
        id: &Map<String, Value>,
        access: &Map<String, Value>,
    ) -> Result<(Secret, Secret), SigningError> {
        let id = self.sign(pool, TokenUse::Id, id).await?;
        tokio::task::yield_now().await;
        Ok((id, self.sign(pool, TokenUse::Access, access).await?))
    }

    /// Signs claims as a token of this kind: the header is `{"kid":"…","alg":"RS256"}`. It does not yield: whoever signs
    /// several tokens does, between two.
    ///
    /// # Errors
    /// [`SigningError::NoSuchPool`]; when the store does not answer or the key is damaged.
    pub async fn sign(
        &self,
        pool: &PoolId,
        token_use: TokenUse,
        claims: &Map<String, Value>,
    ) -> Result<Secret, SigningError> {
        let now = self.0.clock.now();
        let keys = self.pool_keys(pool).await?;
        let key = keys
            .keys
            .iter()
            .find(|key| key.token_use == token_use && key.may_sign(now))
            .ok_or_else(|| SigningError::NoKey { pool: pool.clone(), token_use })?;
        let load = || {
            let (signing, pool, key) = (self.clone(), pool.clone(), Arc::clone(key));
            async move { signing.open_pair(&pool, &key).await }
        };
        let pair = self.0.pairs.get(&key.kid, FOR_EVER, load).await?;
        Ok(jws::sign(&pair, &key.kid, claims)?)
    }

    /// The pool's JSON Web Key Set; `None` when there is no such pool.
    ///
    /// # Errors
    /// When the store does not answer or a key is damaged.
    pub async fn jwks(&self, pool: &PoolId) -> Result<Option<Arc<str>>, SigningError> {
        match self.pool_keys(pool).await {
            Ok(keys) => Ok(Some(Arc::clone(&keys.jwks))),
            Err(SigningError::NoSuchPool(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Checks form, key, signature, issuer, kind, client and times of a token, and gives its claims. Whether the token was
    /// revoked is not asked here: [`crate::AccessCheck`] does.
    ///
    /// # Errors
    /// [`TokenError::Invalid`], [`TokenError::Expired`] (only of a token that is right in all else), or
    /// [`TokenError::Unavailable`] when the store does not answer.
    pub async fn verify(&self, token: &str, expect: &Expect<'_>) -> Result<Claims, TokenError> {
        let token = Token::parse(token)?;
        self.keys_for_verifying(expect.pool).await?.verify(&token, expect)
    }

    /// As [`SigningKeys::verify`], of an access token of whichever pool it names; also gives the pool. Whether the signature
    /// is right is remembered (see `verified.rs`), all else is checked each time.
    pub(crate) async fn verify_access(&self, text: &str, now: Timestamp) -> Result<(PoolId, Claims), TokenError> {
        let expect = |pool| Expect { pool, token_use: TokenUse::Access, client: None, now };
        let digest = Verified::digest(text);
        if let Some(known) = self.0.verified.get(&digest) {
            let keys = self.keys_for_verifying(&known.pool).await?;
            let claims = keys.verify_signed(&known.kid, &known.payload, &expect(&known.pool))?;
            return Ok((known.pool.clone(), claims));
        }
        let token = Token::parse(text)?;
        let pool = issuing_pool(&token.claimed_issuer()?)?;
        let claims = self.keys_for_verifying(&pool).await?.verify(&token, &expect(&pool))?;
        let kid = token.kid.as_str().into();
        self.0.verified.insert(digest, Verified { pool: pool.clone(), kid, payload: token.payload().into() });
        Ok((pool, claims))
    }

    async fn keys_for_verifying(&self, pool: &PoolId) -> Result<Arc<PoolKeys>, TokenError> {
        self.pool_keys(pool).await.map_err(|error| match error {
            SigningError::NoSuchPool(_) => Flaw::Issuer.into(),
            error => TokenError::Unavailable(error),
        })
    }

    /// Forgets what this node has cached of the pool: for who has just deleted it or changed its keys. Other nodes follow
    /// within a second.
    pub fn forget(&self, pool: &PoolId) {
        self.0.pools.forget(pool.as_str());
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    async fn pool_keys(&self, pool: &PoolId) -> Result<Arc<PoolKeys>, SigningError> {
        let load = || {
            let (signing, pool) = (self.clone(), pool.clone());
            async move { signing.load(&pool).await }
        };
        self.0.pools.get(pool.as_str(), FRESH_FOR, load).await
    }

    async fn load(&self, pool: &PoolId) -> Result<Arc<PoolKeys>, SigningError> {
        let loaded_at = self.0.clock.now();
        let no_such_pool = || SigningError::NoSuchPool(pool.clone());
        let issuer = pools::find(&self.0.store, pool).await?.ok_or_else(no_such_pool)?.issuer;
        let mut records = keys::signing_keys(&self.0.store, pool).await?;
        if records.is_empty() {
            // Its creation wrote both or neither, so the pool has ended between the two reads; or else this is damage.
            pools::find(&self.0.store, pool).await?.ok_or_else(no_such_pool)?;
            return Err(StoreError::corrupt(TABLE, "pool_id", pool.as_str()).into());
        }
        records.sort_by(|a, b| {
            let newest_first = |key: &SigningKeyRecord| std::cmp::Reverse((key.activates_at, key.created_at));
            b.token_use.cmp(&a.token_use).then_with(|| newest_first(a).cmp(&newest_first(b)))
        });
        let mut keys = Vec::with_capacity(records.len());
        let mut published = Vec::with_capacity(records.len());
        for record in &records {
            let key = PoolKey::from_record(record)?;
            if key.is_published(loaded_at) {
                published.push((record.kid.as_str(), record.public_key.as_slice()));
            }
            keys.push(Arc::new(key));
        }
        let jwks = jwks::document(published).ok_or_else(|| StoreError::corrupt(TABLE, "public_key", pool.as_str()))?;
        Ok(Arc::new(PoolKeys { issuer, keys, jwks: jwks.into() }))
    }

    async fn record(
        &self,
        pool: &PoolId,
        token_use: TokenUse,
        pair: NewPair,
        state: State,
        activates_at: Timestamp,
    ) -> Result<SigningKeyRecord, SigningError> {
        let kid = STANDARD.encode(self.0.random.bytes::<32>());
        let context = context(pool, token_use, &kid);
        let private_key =
            self.0.keyring.seal(&Scope::Server, Purpose::SigningKey, &context, pair.private.expose()).await?;
        Ok(SigningKeyRecord {
            pool_id: pool.clone(),
            token_use: token_use.as_str().to_owned(),
            algorithm: RS256.to_owned(),
            state: state.as_str().to_owned(),
            private_key,
            public_key: pair.public,
            created_at: self.0.clock.now(),
            activates_at,
            retires_at: None,
            kid,
        })
    }

    async fn open_pair(&self, pool: &PoolId, key: &PoolKey) -> Result<Arc<RsaKeyPair>, SigningError> {
        let context = context(pool, key.token_use, &key.kid);
        let private = self.0.keyring.open_sealed(&Scope::Server, Purpose::SigningKey, &context, &key.sealed).await?;
        let pair = RsaKeyPair::from_pkcs8(private.expose())
            .map_err(|_| StoreError::corrupt(TABLE, "private_key", key.kid.as_str()))?;
        Ok(Arc::new(pair))
    }
}

/// The pool that an issuer names: the last segment of its path. Whether it is that pool's issuer, the keys decide.
fn issuing_pool(issuer: &str) -> Result<PoolId, Flaw> {
    issuer.rsplit('/').next().and_then(|pool| pool.parse().ok()).ok_or(Flaw::Issuer)
}

/// Where a sealed private key belongs.
fn context<'a>(pool: &'a PoolId, token_use: TokenUse, kid: &'a str) -> [&'a str; 3] {
    [pool.as_str(), token_use.as_str(), kid]
}
