//! Passwords between the rules and the store: hashed on the hashing threads, SRP's verifier made in its lane, both sealed
//! for one user.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Secret, Sub, Timestamp};
use cenote_secrets::srp::Verifier;
use cenote_tokens::{Purpose, Scope};

use super::Refusal;
use crate::Deps;
use crate::domain::pool::Pool;
use crate::domain::user::User;

/// A new password, ready for one user's row: the dear part of setting it, kept when read and decide are repeated. What
/// is in it opens in no other user's row.
#[derive(Clone)]
pub(crate) struct Prepared {
    hash: Vec<u8>,
    /// SRP's salt and verifier.
    srp: Option<Vec<u8>>,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").finish_non_exhaustive()
    }
}

/// Makes all that is kept of a password that fits the pool's policy, for this user.
pub(crate) async fn prepare(deps: &Deps, pool: &Pool, user: &User, password: &Secret) -> Result<Prepared, Refusal> {
    let hash = hash(deps, pool, &user.stored().sub, password).await?;
    Ok(Prepared { hash, srp: new_verifier(deps, pool, user, password).await? })
}

/// Hashes a password and seals the hash for the user with this `sub`. Who sets a password [prepares](prepare) it.
pub(super) async fn hash(deps: &Deps, pool: &Pool, sub: &Sub, password: &Secret) -> Result<Vec<u8>, Refusal> {
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

/// Makes and seals SRP's salt and verifier of the user's password; `None` where nobody signs in by SRP, because it can
/// be guessed at faster than the hash.
pub(super) async fn new_verifier(
    deps: &Deps,
    pool: &Pool,
    user: &User,
    password: &Secret,
) -> Result<Option<Vec<u8>>, Refusal> {
    if !deps.settings.srp {
        return Ok(None);
    }
    let group = pool.id.name().to_owned();
    let (username, password, random) = (user.username().to_owned(), password.clone(), Arc::clone(&deps.random));
    let verifier =
        deps.heavy.run(pool.id.as_str(), move || Verifier::make(&group, &username, &password, &*random)).await?;
    let (scope, context) = (Scope::Pool(pool.id.clone()), [user.stored().sub.as_str()]);
    Ok(Some(deps.keyring.seal(&scope, Purpose::Verifier, &context, verifier.to_bytes().expose()).await?))
}

/// The user's verifier, if it has one that may be used.
pub(super) async fn verifier(deps: &Deps, pool: &Pool, user: &User) -> Result<Option<Verifier>, Refusal> {
    let Some(sealed) = user.stored().srp.as_ref().filter(|_| deps.settings.srp) else { return Ok(None) };
    let (scope, context) = (Scope::Pool(pool.id.clone()), [user.stored().sub.as_str()]);
    let opened = deps.keyring.open_sealed(&scope, Purpose::Verifier, &context, sealed).await?;
    Ok(Some(Verifier::from_bytes(opened.expose())?))
}

/// Gives the user this password for good.
pub(crate) fn set_permanent(user: &mut User, prepared: Prepared, now: Timestamp) {
    set(user, prepared, now, None);
}

/// Gives the user this password until it ends; the user must set another at the next sign-in.
pub(crate) fn set_temporary(user: &mut User, prepared: Prepared, pool: &Pool, now: Timestamp) {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    set(user, prepared, now, Some(now + DAY * pool.temporary_password_days));
}

fn set(user: &mut User, prepared: Prepared, now: Timestamp, expires_at: Option<Timestamp>) {
    let record = user.stored_mut();
    record.password = Some(prepared.hash);
    record.password_set_at = Some(now);
    record.password_expires_at = expires_at;
    record.srp = prepared.srp;
}
