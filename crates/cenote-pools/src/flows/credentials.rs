//! The one check of a password, for every door: limits, one attempt at a time, the attempt counted before the secret is
//! looked at, and unknown users at the same cost as known ones where the client asks for it.

use cenote_base::Secret;
use cenote_store::records::{attempts, users};
use cenote_store::{Batch, BatchError};
use cenote_tokens::{Purpose, Scope};

use super::write::commit;
use super::{Door, Entry, Refusal, find, password};
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
    /// The user, as read last.
    pub user: User,
    /// Forgets the attempt; belongs into the batch of what the sign-in leads to.
    pub reset: Batch,
    /// The user's turn: held until that batch is committed.
    _pass: Pass,
}

impl Proven {
    /// Reads the user again, because others changed it since: what was proved must still be its password.
    pub(crate) async fn read_again(self, deps: &Deps, pool: &Pool) -> Result<Self, Refusal> {
        let before = self.user.stored();
        let record = users::find_by_sub(&deps.store, &pool.id, &before.sub).await?.ok_or(Refusal::BadCredentials)?;
        if !record.enabled {
            return Err(Refusal::Disabled);
        }
        if record.password_set_at != before.password_set_at {
            return Err(Refusal::BadCredentials);
        }
        Ok(Self { user: User::from_record(record)?, ..self })
    }
}

/// Counts a request of a public operation against the limits that stand before what costs work or rows.
pub(crate) fn take_limits(deps: &Deps, client: &Client, entry: Entry) -> Result<(), Refusal> {
    match entry.door {
        Door::Api => deps.limits.take(entry.source, &client.id, deps.now()).map_err(|_| Refusal::Busy),
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
    let attempt = Attempt::claim(deps, pool, subject).await?;
    let right = attempt.unless_compared(deps, matches(deps, pool, &user, presented).await).await?;
    if !right {
        // An imported user has no password to be wrong about; Cognito says so unless existence is hidden.
        if user.status == UserStatus::ResetRequired && !client.prevent_user_existence_errors {
            return Err(Refusal::ResetRequired);
        }
        return Err(Refusal::BadCredentials);
    }
    Ok(Proven { reset: attempts::reset(&pool.id, &attempt.subject, FACTOR), user, _pass: attempt.pass })
}

/// An attempt that is counted.
struct Attempt<'a> {
    pool: &'a Pool,
    subject: String,
    /// Which failure it counts as.
    failures: i64,
    pass: Pass,
}

impl<'a> Attempt<'a> {
    /// Waits for the subject's turn and counts an attempt.
    async fn claim(deps: &Deps, pool: &'a Pool, subject: String) -> Result<Self, Refusal> {
        let pass = deps.gate.enter(&format!("{}/{subject}", pool.id)).await.map_err(|_| Refusal::Busy)?;
        match deps.store.apply(attempts::claim(&pool.id, &subject, FACTOR, deps.now())).await {
            Ok(rows) => Ok(Self { pool, failures: attempts::claimed(&rows)?, subject, pass }),
            Err(BatchError::Unmet { .. }) => Err(Refusal::Locked),
            Err(other) => Err(other.into()),
        }
    }

    /// Gives the attempt back when nothing was compared: a busy server must not lock anybody out.
    async fn unless_compared<T>(&self, deps: &Deps, outcome: Result<T, Refusal>) -> Result<T, Refusal> {
        if outcome.is_err() {
            let back = attempts::give_back(&self.pool.id, &self.subject, FACTOR, self.failures);
            if let Err(error) = commit(deps, back).await {
                tracing::warn!(%error, "an attempt at a password could not be given back");
            }
        }
        outcome
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
    if verdict.matches
        && verdict.needs_rehash
        && let Err(error) = rehash(deps, pool, user, sealed, presented).await
    {
        // The password was right all the same; the next sign-in tries again.
        tracing::warn!(%error, "a stronger password hash could not be kept");
    }
    Ok(verdict.matches)
}

async fn rehash(deps: &Deps, pool: &Pool, user: &User, old: &[u8], presented: &Secret) -> Result<(), Refusal> {
    let sub = &user.stored().sub;
    let stronger = password::hash(deps, pool, sub, presented).await?;
    commit(deps, users::rehash(&pool.id, sub, old, &stronger)).await.map(drop)
}

/// The same work and the same answers as for a known user with a wrong password, unless the client lets it be said.
async fn unknown_user(deps: &Deps, pool: &Pool, client: &Client, name: &str, presented: &Secret) -> Refusal {
    if !client.prevent_user_existence_errors {
        return Refusal::UserNotFound;
    }
    let simulated = async {
        let subject = hex::encode(unknown_subject(deps, pool, name).await?);
        let attempt = Attempt::claim(deps, pool, subject).await?;
        let nothing = deps.hasher.verify_nothing(pool.id.as_str(), presented).await.map_err(Refusal::from);
        attempt.unless_compared(deps, nothing).await
    };
    simulated.await.err().unwrap_or(Refusal::BadCredentials)
}

/// What stands for an unknown user's `sub` in the count of attempts: tells nothing about the name without the key.
pub(crate) async fn unknown_subject(deps: &Deps, pool: &Pool, name: &str) -> Result<[u8; 32], Refusal> {
    let key = pool.username_key(name);
    Ok(deps.keyring.mac(&Scope::Pool(pool.id.clone()), Purpose::Subject, &[key.as_bytes()]).await?)
}
