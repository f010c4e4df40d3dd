//! The one check of a user's password, for every door: limits, one attempt at a time, the attempt counted before the
//! secret is looked at, and unknown users at the same cost as known ones where the client asks for it.

use std::net::IpAddr;

use cenote_base::{PoolId, Secret, Sub};
use cenote_store::records::{attempts, users};
use cenote_store::{Batch, BatchError};

use super::write::commit;
use super::{Door, Entry, Refusal, find, password, simulated};
use crate::Deps;
use crate::domain::client::Client;
use crate::domain::pool::Pool;
use crate::domain::user::{User, UserStatus};
use crate::gate::Pass;
use crate::limits::network;

/// The factor under which passwords are counted, over all clients, addresses and password flows.
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

/// Forgets the failures of the user, and those from this address: whoever sets a password there needs no guessing.
pub(crate) fn forget_failures(pool: &Pool, sub: &Sub, entry: Entry) -> Batch {
    attempts::reset(&pool.id, sub.as_str(), FACTOR).extend(attempts::reset(
        &pool.id,
        sub.as_str(),
        &at_address(entry.source),
    ))
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
    entry: Entry,
    name: &str,
    presented: &Secret,
) -> Result<Proven, Refusal> {
    let Some(user) = find::user(deps, pool, name).await? else {
        return Err(unknown_user(deps, pool, client, entry, name, presented).await);
    };
    if !user.stored().enabled {
        return Err(Refusal::Disabled);
    }
    let attempt = Attempt::claim(deps, pool, entry, user.stored().sub.as_str(), Batch::new()).await?;
    let right = attempt.unless_compared(deps, matches(deps, pool, &user, presented).await, Batch::new()).await?;
    attempt.conclude(client, user, right)
}

/// An attempt that is counted: for the subject, and for the subject at the address that it comes from. So a success from
/// elsewhere does not give an address back the tries that it has used up.
pub(super) struct Attempt {
    pool: PoolId,
    subject: String,
    factors: [String; 2],
    /// Which failures it counts as.
    failures: [i64; 2],
    pass: Pass,
}

impl Attempt {
    /// Waits for the subject's turn and counts an attempt, in one batch with `first`, which may be unmet with
    /// `SessionUsed`.
    pub(super) async fn claim(
        deps: &Deps,
        pool: &Pool,
        entry: Entry,
        subject: &str,
        first: Batch,
    ) -> Result<Self, Refusal> {
        let pass = deps.gate.enter(&format!("{}/{subject}", pool.id)).await.map_err(|_| Refusal::Busy)?;
        let factors = [FACTOR.to_owned(), at_address(entry.source)];
        let now = deps.now();
        let claims = factors.iter().fold(first, |batch, f| batch.extend(attempts::claim(&pool.id, subject, f, now)));
        match deps.store.apply(claims).await {
            Ok(rows) => Ok(Self {
                pool: pool.id.clone(),
                subject: subject.to_owned(),
                factors,
                failures: attempts::claimed(&rows)?,
                pass,
            }),
            Err(BatchError::Unmet { tag: "SessionUsed", .. }) => Err(Refusal::SessionUsed),
            Err(BatchError::Unmet { .. }) => Err(Refusal::Locked),
            Err(other) => Err(other.into()),
        }
    }

    /// Gives the attempt back, and undoes what was claimed with it, when nothing was compared: a busy server must not
    /// lock anybody out.
    pub(super) async fn unless_compared<T>(
        &self,
        deps: &Deps,
        outcome: Result<T, Refusal>,
        undo: Batch,
    ) -> Result<T, Refusal> {
        if outcome.is_err() {
            let counts = self.factors.iter().zip(self.failures);
            let back = counts.fold(undo, |batch, (factor, failures)| {
                batch.extend(attempts::give_back(&self.pool, &self.subject, factor, failures))
            });
            if let Err(error) = commit(deps, back).await {
                tracing::warn!(%error, "an attempt at a password could not be given back");
            }
        }
        outcome
    }

    /// What the comparison leads to.
    pub(super) fn conclude(self, client: &Client, user: User, right: bool) -> Result<Proven, Refusal> {
        if right {
            let factors = self.factors.iter();
            let reset =
                factors.fold(Batch::new(), |batch, f| batch.extend(attempts::reset(&self.pool, &self.subject, f)));
            return Ok(Proven { user, reset, _pass: self.pass });
        }
        // An imported user has no password to be wrong about; Cognito says so unless existence is hidden.
        if user.status == UserStatus::ResetRequired && !client.prevent_user_existence_errors {
            return Err(Refusal::ResetRequired);
        }
        Err(Refusal::BadCredentials)
    }
}

/// The factor under which passwords from this address are counted. Its row stands behind the one of [`FACTOR`], in the
/// table as in every batch.
fn at_address(source: IpAddr) -> String {
    format!("{FACTOR}/{}", network(source))
}

/// Compares the password with the user's, and brings up to date what is kept of it.
async fn matches(deps: &Deps, pool: &Pool, user: &User, presented: &Secret) -> Result<bool, Refusal> {
    let record = user.stored();
    let Some(sealed) = &record.password else {
        deps.hasher.verify_nothing(pool.id.as_str(), presented).await?;
        return Ok(false);
    };
    let phc = password::open(deps, pool, &record.sub, sealed).await?;
    let verdict = deps.hasher.verify(pool.id.as_str(), presented, phc.expose()).await?;
    if verdict.matches
        && let Err(error) = renew(deps, pool, user, sealed, presented, verdict.needs_rehash).await
    {
        // The password was right all the same; the next sign-in tries again.
        tracing::warn!(%error, "what is kept of a password could not be renewed");
    }
    Ok(verdict.matches)
}

/// Keeps a stronger hash where the parameters were raised; makes SRP's verifier where it is missing (the password was
/// set while SRP was off) and drops it where SRP is off.
async fn renew(
    deps: &Deps,
    pool: &Pool,
    user: &User,
    old: &[u8],
    presented: &Secret,
    needs_rehash: bool,
) -> Result<(), Refusal> {
    let record = user.stored();
    let srp_differs = deps.settings.srp != record.srp.is_some();
    if !needs_rehash && !srp_differs {
        return Ok(());
    }
    let hash = if needs_rehash { password::hash(deps, pool, &record.sub, presented).await? } else { old.to_vec() };
    let srp = if srp_differs { password::new_verifier(deps, pool, user, presented).await? } else { record.srp.clone() };
    commit(deps, users::rehash(&pool.id, &record.sub, old, &hash, srp.as_deref())).await.map(drop)
}

/// The same work and the same answers as for a known user with a wrong password, unless the client lets it be said.
async fn unknown_user(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    entry: Entry,
    name: &str,
    presented: &Secret,
) -> Refusal {
    if !client.prevent_user_existence_errors {
        return Refusal::UserNotFound;
    }
    let wrong = async {
        let subject = hex::encode(simulated::subject(deps, pool, name).await?);
        let attempt = Attempt::claim(deps, pool, entry, &subject, Batch::new()).await?;
        let nothing = deps.hasher.verify_nothing(pool.id.as_str(), presented).await.map_err(Refusal::from);
        attempt.unless_compared(deps, nothing, Batch::new()).await
    };
    wrong.await.err().unwrap_or(Refusal::BadCredentials)
}
