//! The one check of access tokens, for every door: the user's operations of the API, userInfo, session lists.
//!
//! Order: form → the pool that `iss` names → signature by the pool's access-token key → issuer, kind, times → scope →
//! user and family, read now and never from a cache, in one statement → enabled → not revoked.
//!
//! Form and signature of a token that was good a moment ago are not looked at again (`verified.rs`).

use std::fmt;

use cenote_base::{ClientId, Fault, PoolId, Sub, Timestamp};
use cenote_store::records::families::{self, FamilyRecord};
use cenote_store::records::users::UserRecord;
use cenote_store::{Store, StoreError};

use crate::claims::Claims;
use crate::families::USER_ADMIN_SCOPE;
use crate::jws::Flaw;
use crate::signing::{SigningError, SigningKeys, TokenError};

/// Why an access token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenError {
    /// It is no access token of a pool here; which flaw it has is for the log.
    #[error("the access token is invalid: {0}")]
    Invalid(#[from] Flaw),
    /// It was one.
    #[error("the access token has expired")]
    Expired,
    /// The user signed out, or the family was revoked.
    #[error("the access token has been revoked")]
    Revoked,
    /// It was not granted the scope that this door asks for.
    #[error("the access token does not have the required scope")]
    MissingScope,
    /// The user may not sign in.
    #[error("the user is disabled")]
    UserDisabled,
    /// The user, or its pool, is gone.
    #[error("the user is gone")]
    UserGone,
    /// It could not be checked.
    #[error(transparent)]
    Unavailable(SigningError),
}

impl AccessTokenError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unavailable(error) => error.fault(),
            _ => Fault::Caller,
        }
    }
}

impl From<TokenError> for AccessTokenError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid(flaw) => Self::Invalid(flaw),
            TokenError::Expired => Self::Expired,
            TokenError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

impl From<StoreError> for AccessTokenError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Who calls with an access token that is good.
#[derive(Clone, Debug)]
pub struct AccessContext {
    /// The user, as it is now.
    pub user: UserRecord,
    /// The sign-in that the token comes from; `None` when the token names none (token revocation disabled).
    pub family: Option<FamilyRecord>,
    /// The pool.
    pub pool: PoolId,
    /// The app client that it was issued to.
    pub client: ClientId,
    /// The granted scopes.
    pub scopes: Vec<String>,
    /// All claims.
    pub claims: Claims,
}

/// Checks access tokens. Cheap to clone.
#[derive(Clone)]
pub struct AccessCheck {
    store: Store,
    signing: SigningKeys,
}

impl fmt::Debug for AccessCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessCheck").finish_non_exhaustive()
    }
}

impl AccessCheck {
    /// Over this store and these keys.
    pub fn new(store: Store, signing: SigningKeys) -> Self {
        Self { store, signing }
    }

    /// The check for the user's operations of the API: the token must have [`USER_ADMIN_SCOPE`].
    ///
    /// # Errors
    /// See [`AccessTokenError`].
    pub async fn check(&self, token: &str) -> Result<AccessContext, AccessTokenError> {
        self.check_access_token(token, self.signing.now()).await
    }

    /// As [`AccessCheck::check`], at a given time.
    ///
    /// # Errors
    /// See [`AccessTokenError`].
    pub async fn check_access_token(&self, token: &str, now: Timestamp) -> Result<AccessContext, AccessTokenError> {
        self.check_with_scope(token, USER_ADMIN_SCOPE, now).await
    }

    /// The check for a door that asks for another scope (userInfo: `openid`).
    ///
    /// # Errors
    /// See [`AccessTokenError`].
    pub async fn check_with_scope(
        &self,
        token: &str,
        scope: &str,
        now: Timestamp,
    ) -> Result<AccessContext, AccessTokenError> {
        let (pool, claims) = self.signing.verify_access(token, now).await?;
        let scopes: Vec<String> = claims.scopes().map(str::to_owned).collect();
        if !scopes.iter().any(|granted| granted == scope) {
            return Err(AccessTokenError::MissingScope);
        }
        let client: ClientId = parsed(&claims, "client_id")?;
        let sub: Sub = parsed(&claims, "sub")?;
        let auth_time = claims.time("auth_time").ok_or(Flaw::Claims)?;
        let origin_jti = match claims.get("origin_jti") {
            None => None,
            Some(_) => Some(claims.text("origin_jti").ok_or(Flaw::Claims)?),
        };
        let found = families::user_with_family(&self.store, &pool, &sub, origin_jti).await?;
        let (user, family) = found.ok_or(AccessTokenError::UserGone)?;
        if !user.enabled {
            return Err(AccessTokenError::UserDisabled);
        }
        let stands = match &family {
            Some(family) => family.client_id == client,
            None => origin_jti.is_none() && auth_time >= user.tokens_valid_after,
        };
        if !stands {
            return Err(AccessTokenError::Revoked);
        }
        Ok(AccessContext { user, family, pool, client, scopes, claims })
    }
}

fn parsed<T: std::str::FromStr>(claims: &Claims, name: &str) -> Result<T, Flaw> {
    claims.text(name).and_then(|text| text.parse().ok()).ok_or(Flaw::Claims)
}
