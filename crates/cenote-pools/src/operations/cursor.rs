//! Paging tokens: the last key of a page, sealed, so that nobody learns or makes up keys (storage rule 7).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cenote_base::{Fault, Timestamp};
use cenote_tokens::{KeyringError, Purpose, Scope};
use cenote_wire::ApiError;

use crate::Deps;

/// Where a token is good: the list and what it lists.
pub(crate) struct Listing<'a> {
    /// Whose key seals: a pool that has ended takes its tokens with it.
    pub(crate) scope: Scope,
    /// The operation's name.
    pub(crate) operation: &'static str,
    /// What else must be the same on each page.
    pub(crate) filter: &'a str,
    /// How long a token is good; `None`: as long as its keys. A list that begins to set one makes its older tokens
    /// invalid.
    pub(crate) life: Option<Duration>,
}

impl Listing<'_> {
    /// The token that goes on after `last`.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub(crate) async fn token(&self, deps: &Deps, last: &str) -> Result<String, ApiError> {
        let context = [self.operation, self.filter];
        let inside = match self.life {
            Some(life) => format!("{} {last}", (deps.now() + life).millis()),
            None => last.to_owned(),
        };
        let sealed = deps.keyring.seal(&self.scope, Purpose::Cursor, &context, inside.as_bytes()).await;
        Ok(URL_SAFE_NO_PAD.encode(sealed.map_err(failed)?))
    }

    /// The key that a token goes on after; without a token the list begins at its start.
    ///
    /// # Errors
    /// InvalidParameterException when the token is not of this list or has expired; when the keys cannot be read.
    pub(crate) async fn after(&self, deps: &Deps, token: Option<&str>) -> Result<String, ApiError> {
        let Some(token) = token else { return Ok(String::new()) };
        let refused = || ApiError::invalid_parameter("Invalid pagination token.");
        let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
        let context = [self.operation, self.filter];
        match deps.keyring.open_sealed(&self.scope, Purpose::Cursor, &context, &sealed).await {
            Ok(inside) => {
                let inside = String::from_utf8(inside.expose().to_vec()).map_err(|_| refused())?;
                self.living(inside, deps.now()).ok_or_else(refused)
            }
            Err(KeyringError::NotOurs) => Err(refused()),
            Err(error) => Err(failed(error)),
        }
    }

    /// The key inside a token, if the token is still good.
    fn living(&self, inside: String, now: Timestamp) -> Option<String> {
        if self.life.is_none() {
            return Some(inside);
        }
        let (until, last) = inside.split_once(' ')?;
        let until = Timestamp::from_millis(until.parse().ok()?);
        (now < until).then(|| last.to_owned())
    }
}

/// The keyring failed: whose fault decides whether it is worth another try.
pub(crate) fn failed(error: KeyringError) -> ApiError {
    match error.fault() {
        Fault::Dependency => ApiError::unavailable(error.to_string()),
        Fault::Caller | Fault::Cenote => ApiError::internal(error.to_string()),
    }
}
