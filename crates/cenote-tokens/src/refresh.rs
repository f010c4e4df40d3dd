//! Refresh tokens: opaque to everybody but us, and to clients just like Cognito's: five parts of base64url that look like
//! a JSON Web Encryption (RFC 7516), about 1,800 characters.
//!
//! The bytes of parts two to five, joined: `01`, the length of the pool's id, the pool's id, and a value that is sealed
//! for that pool. The pool's id is no secret (it stands in every `iss`) and is needed to find the key; it is
//! authenticated, for the scope is part of what the seal is bound to. All tokens have the same length.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cenote_base::{ClientId, Clock, Fault, PoolId, Secret, Sub, Timestamp};
use cenote_store::records::families::{self, FamilyRecord};
use cenote_store::records::users::UserRecord;
use cenote_store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::crypto::CryptoFailed;
use crate::families::{Turn, turn};
use crate::keyring::{Keyring, KeyringError, Purpose, Scope};
use crate::seal;

/// `{"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}`: some clients look at it.
const HEADER: &str = "eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAifQ";

/// The lengths that parts two, three and five have in a real JWE with RSA-OAEP (2048 bits) and A256GCM.
const KEY_BYTES: usize = 256;
const IV_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// All bytes of parts two to five together.
const BODY_BYTES: usize = 1300;

const LAYOUT: u8 = 1;

/// The longest text that is looked at.
const LONGEST: usize = 4096;

/// What a refresh token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshClaims {
    /// The family.
    pub origin_jti: String,
    /// The pool.
    pub pool: PoolId,
    /// The app client.
    pub client: ClientId,
    /// The user.
    pub sub: Sub,
    /// Which rotation of the family it belongs to.
    pub generation: i64,
    /// When it ends.
    pub expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    origin_jti: String,
    client_id: ClientId,
    sub: Sub,
    generation: i64,
    expires_at: Timestamp,
}

/// Why a refresh token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// It is no refresh token of ours, or another client's.
    #[error("the refresh token is invalid")]
    Invalid,
    /// It was one.
    #[error("the refresh token has expired")]
    Expired,
    /// Its family is gone: signed out, or revoked.
    #[error("the refresh token has been revoked")]
    Revoked,
    /// It was replaced by rotation, so two had it: its family is ended.
    #[error("the refresh token was used again after its replacement")]
    Reused,
    /// The user may not sign in.
    #[error("the user is disabled")]
    UserDisabled,
    /// The user, or its pool, is gone.
    #[error("the user is gone")]
    UserGone,
    /// It could not be checked, or made.
    #[error(transparent)]
    Unavailable(KeyringError),
}

impl RefreshError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unavailable(error) => error.fault(),
            _ => Fault::Caller,
        }
    }
}

impl From<StoreError> for RefreshError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<KeyringError> for RefreshError {
    /// A value that does not open and a pool without keys are the token's fault, all else is ours.
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::NotOurs | KeyringError::NoSuchScope(_) => Self::Invalid,
            other => Self::Unavailable(other),
        }
    }
}

/// A refresh token that is this client's and has not ended, whose user may sign in and whose family stands. Whether it
/// is still the family's token is not decided yet: [`RefreshTokens::admit`] does.
#[derive(Debug)]
pub struct Presented {
    user: UserRecord,
    family: FamilyRecord,
    generation: i64,
}

impl Presented {
    /// The user, as it is now: whom a SECRET_HASH has to be made for.
    pub fn user(&self) -> &UserRecord {
        &self.user
    }
}

/// A refresh token that is good.
#[derive(Debug)]
pub struct Admitted {
    /// The user, as it is now.
    pub user: UserRecord,
    /// The sign-in.
    pub family: FamilyRecord,
    /// What becomes of the token.
    pub turn: Turn,
}

/// Makes and checks refresh tokens. Cheap to clone.
#[derive(Clone)]
pub struct RefreshTokens {
    store: Store,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for RefreshTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshTokens").finish_non_exhaustive()
    }
}

impl RefreshTokens {
    /// Over this store and these keys.
    pub fn new(store: Store, keyring: Keyring, clock: Arc<dyn Clock>) -> Self {
        Self { store, keyring, clock }
    }

    /// The refresh token of the family's present generation.
    ///
    /// # Errors
    /// When the pool is gone or the store does not answer.
    pub async fn seal(&self, family: &FamilyRecord) -> Result<Secret, KeyringError> {
        let pool = family.pool_id.as_str();
        let mut body = vec![LAYOUT, u8::try_from(pool.len()).unwrap_or(0)];
        body.extend_from_slice(pool.as_bytes());
        let payload = Payload {
            origin_jti: family.origin_jti.clone(),
            client_id: family.client_id.clone(),
            sub: family.sub.clone(),
            generation: family.generation,
            expires_at: family.expires_at,
        };
        let mut plain = Zeroizing::new(serde_json::to_vec(&payload).map_err(|_| CryptoFailed("JSON"))?);
        // White space after JSON means nothing, and makes all tokens equally long.
        let length = plain.len().max(BODY_BYTES.saturating_sub(body.len() + seal::OVERHEAD));
        plain.resize(length, b' ');
        let scope = Scope::Pool(family.pool_id.clone());
        body.extend(self.keyring.seal(&scope, Purpose::Refresh, &[], &plain).await?);
        Ok(Secret::new(to_text(&body)))
    }

    /// Opens a refresh token, whether or not it has ended: to revoke it, for access tokens of its family may live longer.
    /// That its family is alive is not asked: [`RefreshTokens::check_refresh`] does.
    ///
    /// # Errors
    /// [`RefreshError::Invalid`], or when the store does not answer.
    pub async fn open(&self, token: &str) -> Result<RefreshClaims, RefreshError> {
        let body = from_text(token).ok_or(RefreshError::Invalid)?;
        let (pool, sealed) = split(&body).ok_or(RefreshError::Invalid)?;
        let scope = Scope::Pool(pool.clone());
        let plain = self.keyring.open_sealed(&scope, Purpose::Refresh, &[], sealed).await?;
        let payload: Payload = serde_json::from_slice(plain.expose()).map_err(|_| RefreshError::Invalid)?;
        let Payload { origin_jti, client_id, sub, generation, expires_at } = payload;
        Ok(RefreshClaims { origin_jti, pool, client: client_id, sub, generation, expires_at })
    }

    /// The one check of refresh tokens, its first half: it opens, is this client's, has not ended, its user may sign in,
    /// and its family stands. One statement.
    ///
    /// # Errors
    /// See [`RefreshError`]; never [`RefreshError::Reused`].
    pub async fn check_refresh(&self, token: &str, client: &ClientId) -> Result<Presented, RefreshError> {
        let claims = self.open(token).await?;
        if claims.client != *client {
            return Err(RefreshError::Invalid);
        }
        if self.clock.now() >= claims.expires_at {
            return Err(RefreshError::Expired);
        }
        let found =
            families::user_with_family(&self.store, &claims.pool, &claims.sub, Some(&claims.origin_jti)).await?;
        let (user, family) = found.ok_or(RefreshError::UserGone)?;
        if !user.enabled {
            return Err(RefreshError::UserDisabled);
        }
        let family = family.ok_or(RefreshError::Revoked)?;
        if family.client_id != claims.client || claims.generation > family.generation {
            return Err(RefreshError::Invalid);
        }
        if self.clock.now() >= family.expires_at {
            return Err(RefreshError::Expired);
        }
        Ok(Presented { user, family, generation: claims.generation })
    }

    /// The second half, for callers who have proved that they are the client: what becomes of the token, see
    /// [`crate::families::turn`]. A token that was used again after its replacement ends its family: one of the two who
    /// had it is a thief, and nobody can tell which.
    ///
    /// # Errors
    /// [`RefreshError::Reused`], or when the store does not answer.
    pub async fn admit(&self, presented: Presented, grace: Option<Duration>) -> Result<Admitted, RefreshError> {
        let Presented { user, family, generation } = presented;
        if let Some(turn) = turn(&family, generation, grace, self.clock.now()) {
            return Ok(Admitted { user, family, turn });
        }
        self.store.apply(families::delete(&family.origin_jti)).await.map_err(KeyringError::Write)?;
        tracing::warn!(
            pool = %family.pool_id,
            client = %family.client_id,
            sub = %family.sub,
            origin_jti = family.origin_jti,
            generation,
            present = family.generation,
            "a refresh token was used again after its replacement: the sign-in is ended"
        );
        Err(RefreshError::Reused)
    }
}

fn to_text(body: &[u8]) -> String {
    let (key, rest) = body.split_at_checked(KEY_BYTES).unwrap_or((body, &[]));
    let (iv, rest) = rest.split_at_checked(IV_BYTES).unwrap_or((rest, &[]));
    let (text, tag) = rest.split_at_checked(rest.len().saturating_sub(TAG_BYTES)).unwrap_or((rest, &[]));
    let mut token = HEADER.to_owned();
    for part in [key, iv, text, tag] {
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(part, &mut token);
    }
    token
}

fn from_text(token: &str) -> Option<Vec<u8>> {
    if token.len() > LONGEST {
        return None;
    }
    let mut parts = token.split('.');
    if parts.next()? != HEADER {
        return None;
    }
    let mut body = Vec::with_capacity(BODY_BYTES);
    for length in [Some(KEY_BYTES), Some(IV_BYTES), None, Some(TAG_BYTES)] {
        let part = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        if length.is_some_and(|length| part.len() != length) {
            return None;
        }
        body.extend(part);
    }
    parts.next().is_none().then_some(body)
}

fn split(body: &[u8]) -> Option<(PoolId, &[u8])> {
    let (layout, rest) = body.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (pool, sealed) = rest.split_at_checked(usize::from(*length))?;
    let pool = std::str::from_utf8(pool).ok()?.parse().ok()?;
    (*layout == LAYOUT).then_some((pool, sealed))
}
