//! A user changes the password that it knows (reference 03 §6).

use cenote_base::Secret;
use cenote_store::records::users::find_by_sub;

use super::credentials::{self, take_limits};
use super::hourly::{Hourly, limited};
use super::password::{self, Prepared};
use super::write::{TRIES, Written, commit, update_user};
use super::{Entry, Refusal, supported};
use crate::Deps;
use crate::domain::client::Client;
use crate::domain::pool::Pool;
use crate::domain::user::{User, UserStatus};

const CHANGES: Hourly = Hourly { factor: "change_password", most: 5 };

/// Sets `proposed` in the place of `previous`, which only a user without a password leaves out. `user`: whose access
/// token was shown. Tokens stay valid.
pub(crate) async fn change_password(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    entry: Entry,
    user: User,
    previous: Option<&Secret>,
    proposed: &Secret,
) -> Result<(), Refusal> {
    supported::new_password(pool)?;
    changeable(&user)?;
    pool.password_policy.check(proposed.expose())?;
    take_limits(deps, client, entry)?;
    limited(deps, CHANGES.claim(deps, pool, user.stored().sub.as_str())).await?;
    match previous {
        Some(previous) => replace(deps, pool, client, entry, &user, previous, proposed).await,
        None => set_first(deps, pool, user, proposed).await,
    }
}

/// Whether the user has a password to change, or may give itself one.
fn changeable(user: &User) -> Result<(), Refusal> {
    match user.status {
        UserStatus::Confirmed => Ok(()),
        UserStatus::Unconfirmed => Err(Refusal::NotConfirmed),
        UserStatus::ResetRequired => Err(Refusal::ResetRequired),
        // A temporary password is changed by the sign-in that it is for.
        UserStatus::ForceChangePassword | UserStatus::ExternalProvider => Err(Refusal::NotResettable),
    }
}

async fn replace(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    entry: Entry,
    user: &User,
    previous: &Secret,
    proposed: &Secret,
) -> Result<(), Refusal> {
    let sub = &user.stored().sub;
    let mut prepared = None;
    for _ in 0..TRIES {
        // Each time anew: what was proved before may have been another password.
        let proven = credentials::check(deps, pool, client, entry, user.username(), previous).await?;
        // The password was right, whatever else stands in the way.
        commit(deps, proven.reset.clone()).await?;
        if proven.user.stored().sub != *sub {
            // Another one by the same name.
            return Err(Refusal::UserNotFound);
        }
        changeable(&proven.user)?;
        let prepared = match &prepared {
            Some(prepared) => prepared,
            None => prepared.insert(password::prepare(deps, pool, &proven.user, proposed).await?),
        };
        if set(deps, pool, &proven.user, prepared).await? {
            return Ok(());
        }
    }
    Err(Refusal::Contended)
}

/// The first password of a user who signed in without one.
async fn set_first(deps: &Deps, pool: &Pool, mut user: User, proposed: &Secret) -> Result<(), Refusal> {
    let sub = user.stored().sub.clone();
    let mut prepared = None;
    for _ in 0..TRIES {
        if user.stored().password.is_some() {
            return Err(Refusal::PreviousPasswordMissing);
        }
        changeable(&user)?;
        let prepared = match &prepared {
            Some(prepared) => prepared,
            None => prepared.insert(password::prepare(deps, pool, &user, proposed).await?),
        };
        if set(deps, pool, &user, prepared).await? {
            return Ok(());
        }
        let record = find_by_sub(&deps.store, &pool.id, &sub).await?.ok_or(Refusal::UserNotFound)?;
        if !record.enabled {
            return Err(Refusal::Disabled);
        }
        user = User::from_record(record)?;
    }
    Err(Refusal::Contended)
}

/// Writes the password under the version that was read; false when somebody was quicker.
async fn set(deps: &Deps, pool: &Pool, user: &User, prepared: &Prepared) -> Result<bool, Refusal> {
    let mut after = user.clone();
    password::set_permanent(&mut after, prepared.clone(), deps.now());
    Ok(commit(deps, update_user(pool, user, &after, deps.now())).await? == Written::Done)
}
