//! Passwords between the rules and the store: checked, hashed on the hashing threads, sealed for one user.

use std::time::Duration;

use cenote_base::{Secret, Sub, Timestamp};
use cenote_tokens::{Purpose, Scope};

use super::Refusal;
use crate::Deps;
use crate::domain::pool::Pool;
use crate::domain::user::User;

/// Hashes a password that fits the pool's policy and seals the hash for the user with this `sub`.
pub(crate) async fn hash(deps: &Deps, pool: &Pool, sub: &Sub, password: &Secret) -> Result<Vec<u8>, Refusal> {
    let phc = deps.hasher.hash(pool.id.as_str(), password).await?;
    seal(deps, pool, sub, &phc).await
}

/// Seals an Argon2id text for one user, so that it opens in no other user's row.
pub(crate) async fn seal(deps: &Deps, pool: &Pool, sub: &Sub, phc: &str) -> Result<Vec<u8>, Refusal> {
    let scope = Scope::Pool(pool.id.clone());
    Ok(deps.keyring.seal(&scope, Purpose::Password, &[sub.as_str()], phc.as_bytes()).await?)
}

/// Opens the user's Argon2id text.
pub(crate) async fn open(deps: &Deps, pool: &Pool, sub: &Sub, sealed: &[u8]) -> Result<Secret, Refusal> {
    let scope = Scope::Pool(pool.id.clone());
    let opened = deps.keyring.open_sealed(&scope, Purpose::Password, &[sub.as_str()], sealed).await?;
    let phc = std::str::from_utf8(opened.expose()).map_err(|error| Refusal::Internal(error.to_string()))?;
    Ok(Secret::new(phc))
}

/// Gives the user this password for good. SRP's verifier belonged to the old one.
pub(crate) fn set_permanent(user: &mut User, sealed: Vec<u8>, now: Timestamp) {
    set(user, sealed, now, None);
}

/// Gives the user this password until it ends; the user must set another at the next sign-in.
pub(crate) fn set_temporary(user: &mut User, sealed: Vec<u8>, pool: &Pool, now: Timestamp) {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    set(user, sealed, now, Some(now + DAY * pool.temporary_password_days));
}

fn set(user: &mut User, sealed: Vec<u8>, now: Timestamp, expires_at: Option<Timestamp>) {
    let record = user.stored_mut();
    record.password = Some(sealed);
    record.password_set_at = Some(now);
    record.password_expires_at = expires_at;
    record.srp = None;
}
