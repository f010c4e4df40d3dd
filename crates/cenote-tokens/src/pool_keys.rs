//! What is known of a pool's signing keys, and which tokens they make good.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use cenote_base::Timestamp;
use cenote_store::StoreError;
use cenote_store::records::keys::SigningKeyRecord;

use crate::claims::Claims;
use crate::jws::{Flaw, RS256, Token};
use crate::signing::{Expect, TokenError, TokenUse};

/// The table of signing keys.
pub(crate) const TABLE: &str = "signing_keys";

/// How far ahead the clock of the node that issued a token may be.
const CLOCK_LEEWAY: Duration = Duration::from_secs(60);

/// A signing key of a pool, as its row says; [`PoolKey::is_published`] or not.
pub(crate) struct PoolKey {
    pub(crate) kid: String,
    pub(crate) token_use: TokenUse,
    state: State,
    activates_at: Timestamp,
    retires_at: Option<Timestamp>,
    /// The private key.
    pub(crate) sealed: Vec<u8>,
    public: ParsedPublicKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Active,
    Retired,
}

impl State {
    const ALL: [Self; 3] = [Self::Pending, Self::Active, Self::Retired];

    /// The value of the table's column.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }
}

impl PoolKey {
    /// Reads a row.
    ///
    /// # Errors
    /// When the row is damaged.
    pub(crate) fn from_record(record: &SigningKeyRecord) -> Result<Self, StoreError> {
        let corrupt = |column| StoreError::corrupt(TABLE, column, record.kid.as_str());
        if record.algorithm != RS256 {
            return Err(corrupt("algorithm"));
        }
        let token_use = [TokenUse::Id, TokenUse::Access].into_iter().find(|use_| use_.as_str() == record.token_use);
        Ok(Self {
            kid: record.kid.clone(),
            token_use: token_use.ok_or_else(|| corrupt("token_use"))?,
            state: State::ALL
                .into_iter()
                .find(|state| state.as_str() == record.state)
                .ok_or_else(|| corrupt("state"))?,
            activates_at: record.activates_at,
            retires_at: record.retires_at,
            sealed: record.private_key.clone(),
            public: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &record.public_key)
                .map_err(|_| corrupt("public_key"))?,
        })
    }

    /// Whether it stands in the pool's JWKS, and what it signed is good.
    pub(crate) fn is_published(&self, now: Timestamp) -> bool {
        self.state != State::Retired || self.retires_at.is_none_or(|end| now < end)
    }

    /// Whether tokens may be signed with it.
    pub(crate) fn may_sign(&self, now: Timestamp) -> bool {
        self.state != State::Retired && self.activates_at <= now
    }
}

/// What is cached of a pool.
pub(crate) struct PoolKeys {
    pub(crate) issuer: String,
    /// ID tokens' keys first, within a kind the newest first.
    pub(crate) keys: Vec<Arc<PoolKey>>,
    pub(crate) jwks: Arc<str>,
}

impl PoolKeys {
    /// The published key of this kind that a token names.
    fn published(&self, kid: &str, expect: &Expect<'_>) -> Result<&PoolKey, Flaw> {
        let found = self.keys.iter().find(|key| key.kid == kid && key.token_use == expect.token_use);
        found.filter(|key| key.is_published(expect.now)).map(|key| &**key).ok_or(Flaw::Key)
    }

    /// Checks key, signature and claims.
    pub(crate) fn verify(&self, token: &Token<'_>, expect: &Expect<'_>) -> Result<Claims, TokenError> {
        let key = self.published(&token.kid, expect)?;
        if token.alg != RS256 {
            return Err(Flaw::Algorithm.into());
        }
        token.verify(&key.public)?;
        self.checked(token.payload(), expect)
    }

    /// Checks all but the signature of a token that this key of the pool is known to have signed.
    pub(crate) fn verify_signed(&self, kid: &str, payload: &[u8], expect: &Expect<'_>) -> Result<Claims, TokenError> {
        self.published(kid, expect)?;
        self.checked(payload, expect)
    }

    /// The claims of a payload whose signature is right.
    fn checked(&self, payload: &[u8], expect: &Expect<'_>) -> Result<Claims, TokenError> {
        let claims = Claims::new(serde_json::from_slice(payload).map_err(|_| Flaw::Claims)?);
        let (client_claim, wanted) = match expect.token_use {
            TokenUse::Id => ("aud", expect.client),
            TokenUse::Access => ("client_id", expect.client),
        };
        if claims.text("iss") != Some(&self.issuer) {
            return Err(Flaw::Issuer.into());
        }
        if claims.text("token_use") != Some(expect.token_use.as_str()) {
            return Err(Flaw::TokenUse.into());
        }
        if wanted.is_some_and(|client| claims.text(client_claim) != Some(client.as_str())) {
            return Err(Flaw::Client.into());
        }
        check_times(&claims, expect.now)?;
        Ok(claims)
    }
}

/// `exp` and `iat` must be there, `nbf` may be (RFC 7519 §4.1.4 to 4.1.6).
fn check_times(claims: &Claims, now: Timestamp) -> Result<(), TokenError> {
    let expires_at = claims.time("exp").ok_or(Flaw::Claims)?;
    let issued_at = claims.time("iat").ok_or(Flaw::Claims)?;
    let not_before = match claims.get("nbf") {
        None => issued_at,
        Some(_) => claims.time("nbf").ok_or(Flaw::Claims)?,
    };
    if issued_at.max(not_before) > now + CLOCK_LEEWAY {
        return Err(Flaw::NotYet.into());
    }
    if now >= expires_at { Err(TokenError::Expired) } else { Ok(()) }
}
