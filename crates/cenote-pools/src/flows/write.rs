//! Writing users together with what hangs on them: aliases and the searchable attributes.

use cenote_base::{RandomExt, Timestamp};
use cenote_store::records::pools::count_users;
use cenote_store::records::users;
use cenote_store::{Batch, BatchError};

use super::Refusal;
use crate::Deps;
use crate::domain::pool::Pool;
use crate::domain::user::{User, aliases_of, searchable};

/// How often read and decide are repeated when others change the same records.
pub(crate) const TRIES: usize = 8;

/// The shards of a pool's estimate of users.
const COUNT_SHARDS: u32 = 16;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// All of it is committed.
    Done,
    /// Nothing is: the expectation with this tag was not met.
    Unmet(&'static str),
}

/// Commits a batch whose unmet expectations the caller understands.
pub(crate) async fn commit(deps: &Deps, batch: Batch) -> Result<Written, Refusal> {
    match deps.store.apply(batch).await {
        Ok(_) => Ok(Written::Done),
        Err(BatchError::Unmet { tag, .. }) => Ok(Written::Unmet(tag)),
        Err(other) => Err(other.into()),
    }
}

/// A new user with aliases and searchable attributes; unmet with `UsernameExists` or `AliasExists`.
pub(crate) fn insert_user(deps: &Deps, pool: &Pool, user: &User) -> Batch {
    let record = user.record();
    let mut batch = users::insert(&record);
    for (kind, value) in aliases_of(pool, user) {
        batch = batch.extend(users::insert_alias(&pool.id, kind, &value, &record.sub));
    }
    batch
        .extend(users::index_attributes(&pool.id, &record.sub, &[], &searchable(&user.attributes)))
        .extend(count_user(deps, pool, 1))
}

/// The changes from `before` to `after`, under the version that was read; unmet with `UserChanged`, `AliasChanged`
/// (both: read again) or `AliasExists`.
pub(crate) fn update_user(pool: &Pool, before: &User, after: &User, now: Timestamp) -> Batch {
    let mut after = after.clone();
    after.touch(now);
    let sub = &after.stored().sub;
    let (old, new) = (aliases_of(pool, before), aliases_of(pool, &after));
    let mut batch = Batch::new();
    // In the order of the table, given up and taken alike: two users who want each other's must not wait for each other.
    for alias @ (kind, value) in old.symmetric_difference(&new) {
        let change = if old.contains(alias) { users::delete_alias } else { users::insert_alias };
        batch = batch.extend(change(&pool.id, *kind, value, sub));
    }
    batch.extend(users::update(&after.record())).extend(users::index_attributes(
        &pool.id,
        sub,
        &searchable(&before.attributes),
        &searchable(&after.attributes),
    ))
}

/// Deletes a user; unmet with `NoUser`.
pub(crate) fn delete_user(deps: &Deps, pool: &Pool, user: &User) -> Batch {
    users::delete(&pool.id, &user.stored().sub).extend(count_user(deps, pool, -1))
}

fn count_user(deps: &Deps, pool: &Pool, by: i64) -> Batch {
    count_users(&pool.id, i64::from(deps.random.below(COUNT_SHARDS)), by)
}
