//! Paging tokens: the last key of a page, sealed, so that nobody learns or makes up keys (storage rule 7).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cenote_base::Fault;
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
}

impl Listing<'_> {
    /// The token that goes on after `last`.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub(crate) async fn token(&self, deps: &Deps, last: &str) -> Result<String, ApiError> {
        let context = [self.operation, self.filter];
        let sealed = deps.keyring.seal(&self.scope, Purpose::Cursor, &context, last.as_bytes()).await;
        Ok(URL_SAFE_NO_PAD.encode(sealed.map_err(failed)?))
    }

    /// The key that a token goes on after; without a token the list begins at its start.
    ///
    /// # Errors
    /// InvalidParameterException when the token is not of this list; when the keys cannot be read.
    pub(crate) async fn after(&self, deps: &Deps, token: Option<&str>) -> Result<String, ApiError> {
        let Some(token) = token else { return Ok(String::new()) };
        let refused = || ApiError::invalid_parameter("Invalid pagination token.");
        let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
        let context = [self.operation, self.filter];
        match deps.keyring.open_sealed(&self.scope, Purpose::Cursor, &context, &sealed).await {
            Ok(last) => String::from_utf8(last.expose().to_vec()).map_err(|_| refused()),
            Err(KeyringError::NotOurs) => Err(refused()),
            Err(error) => Err(failed(error)),
        }
    }
}

/// The keyring failed: whose fault decides whether it is worth another try.
pub(crate) fn failed(error: KeyringError) -> ApiError {
    match error.fault() {
        Fault::Dependency => ApiError::unavailable(error.to_string()),
        Fault::Caller | Fault::Cenote => ApiError::internal(error.to_string()),
    }
}
