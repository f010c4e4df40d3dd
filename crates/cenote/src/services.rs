//! The seam between the front end and the rooms behind it: what [`crate::http`] asks for, and nothing of who answers.

use bytes::Bytes;
use cenote_base::PoolId;
pub use cenote_pools::{ConfirmationLink, Context, LinkOutcome};
use cenote_wire::{ApiError, Target};
use futures_util::future::BoxFuture;

/// The rooms that answer AWS operations.
pub trait Services: Send + Sync + 'static {
    /// Runs an operation. Its caller is verified, its body is not looked at yet. The answer is the body.
    fn call(&self, target: Target, body: Bytes, context: Context) -> BoxFuture<'_, Result<Vec<u8>, ApiError>>;
}

/// The public documents of issuers.
pub trait Issuers: Send + Sync + 'static {
    /// The pool's key set (RFC 7517), as JSON; ResourceNotFoundException where there is no such pool.
    fn jwks<'a>(&'a self, pool: &'a PoolId) -> BoxFuture<'a, Result<Bytes, ApiError>>;

    /// The pool's OpenID provider configuration, as JSON; ResourceNotFoundException where there is no such pool.
    fn configuration<'a>(&'a self, pool: &'a PoolId) -> BoxFuture<'a, Result<Bytes, ApiError>>;
}

/// What stands behind the pages that browsers see.
pub trait Pages: Send + Sync + 'static {
    /// Follows the confirmation link of an e-mail. What its reader may learn is an outcome; an error is a fault or a
    /// database that is away.
    fn confirm_user(&self, link: ConfirmationLink, context: Context) -> BoxFuture<'_, Result<LinkOutcome, ApiError>>;
}

/// Whether requests can be answered.
pub trait Readiness: Send + Sync + 'static {
    /// What is missing, for the log; an empty answer means ready.
    fn check(&self) -> BoxFuture<'_, Result<(), String>>;
}
