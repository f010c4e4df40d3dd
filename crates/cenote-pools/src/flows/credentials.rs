//! The one check of a password, for every door: limits, one attempt at a time, the attempt counted before the secret is
//! looked at, and unknown users at the same cost as known ones where the client asks for it.

use std::net::IpAddr;

use cenote_base::Secret;
use cenote_store::Batch;
use cenote_store::records::{attempts, users};
use cenote_tokens::{Purpose, Scope};

use super::write::{Written, commit};
use super::{Door, Refusal, find, password};
use crate::Deps;
use crate::domain::client::Client;
use crate::domain::pool::Pool;
use crate::domain::user::{User, UserStatus};
use crate::gate::Pass;

/// The factor under which passwords are counted, over all clients and password flows.
const FACTOR: &str = "password";

/// A user whose password was right.
#[derive(Debug)]
pub(crate) struct Proven {
    /// The user, as read before the check.
    pub user: User,
    /// Forgets the attempt; belongs into the batch of what the sign-in leads to.
    pub reset: Batch,
    /// The user's turn, held until that batch is committed.
    pub pass: Pass,
}

/// Counts a request of a public operation against the limits that stand before hashing.
pub(crate) fn take_limits(deps: &Deps, client: &Client, door: Door, source: IpAddr) -> Result<(), Refusal> {
    match door {
        Door::Api => deps.limits.take(source, &client.id, deps.now()).map_err(|_| Refusal::Busy),
        // A signed caller is known and answerable: one address may sign in a whole company.
        Door::Admin => Ok(()),
    }
}

/// Checks the password of the user whom `name` means. Neither the user's status nor a second factor is looked at here.
pub(crate) async fn check(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    name: &str,
    presented: &Secret,
) -> Result<Proven, Refusal> {
    let Some(user) = find::user(deps, pool, name).await? else {
        return Err(unknown_user(deps, pool, client, name, presented).await);
    };
    if !user.stored().enabled {
        return Err(Refusal::Disabled);
    }
    let subject = user.stored().sub.as_str().to_owned();
    let pass = claim(deps, pool, &subject).await?;
    if !matches(deps, pool, &user, presented).await? {
        // An imported user has no password to be wrong about; Cognito says so unless existence is hidden.
        if user.status == UserStatus::ResetRequired && !client.prevent_user_existence_errors {
            return Err(Refusal::ResetRequired);
        }
        return Err(Refusal::BadCredentials);
    }
    Ok(Proven { reset: attempts::reset(&pool.id, &subject, FACTOR), user, pass })
}

/// Waits for the subject's turn and counts an attempt.
async fn claim(deps: &Deps, pool: &Pool, subject: &str) -> Result<Pass, Refusal> {
    let pass = deps.gate.enter(&format!("{}/{subject}", pool.id)).await.map_err(|_| Refusal::Busy)?;
    match commit(deps, attempts::claim(&pool.id, subject, FACTOR, deps.now())).await? {
        Written::Done => Ok(pass),
        Written::Unmet(_) => Err(Refusal::Locked),
    }
}

/// Compares the password with the user's, and keeps a stronger hash where the parameters were raised.
async fn matches(deps: &Deps, pool: &Pool, user: &User, presented: &Secret) -> Result<bool, Refusal> {
    let record = user.stored();
    let Some(sealed) = &record.password else {
        deps.hasher.verify_nothing(pool.id.as_str(), presented).await?;
        return Ok(false);
    };
    let phc = password::open(deps, pool, &record.sub, sealed).await?;
    let verdict = deps.hasher.verify(pool.id.as_str(), presented, phc.expose()).await?;
    if verdict.matches && verdict.needs_rehash {
        let stronger = password::hash(deps, pool, &record.sub, presented).await?;
        commit(deps, users::rehash(&pool.id, &record.sub, sealed, &stronger)).await?;
    }
    Ok(verdict.matches)
}

/// The same work and the same answers as for a known user with a wrong password, unless the client lets it be said.
async fn unknown_user(deps: &Deps, pool: &Pool, client: &Client, name: &str, presented: &Secret) -> Refusal {
    if !client.prevent_user_existence_errors {
        return Refusal::UserNotFound;
    }
    let simulated = async {
        let subject = unknown_subject(deps, pool, name).await?;
        let _pass = claim(deps, pool, &subject).await?;
        deps.hasher.verify_nothing(pool.id.as_str(), presented).await?;
        Ok::<_, Refusal>(())
    };
    simulated.await.err().unwrap_or(Refusal::BadCredentials)
}

/// What stands for an unknown user's `sub` in the count of attempts: tells nothing about the name without the key.
pub(crate) async fn unknown_subject(deps: &Deps, pool: &Pool, name: &str) -> Result<String, Refusal> {
    let key = pool.username_key(name);
    let mac = deps.keyring.mac(&Scope::Pool(pool.id.clone()), Purpose::Subject, &[key.as_bytes()]).await?;
    Ok(hex::encode(mac))
}
