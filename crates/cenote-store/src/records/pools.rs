//! User pools. The settings are one JSON document in Cognito's own member names; what they mean is `cenote-pools`'
//! business.

use cenote_base::{AccountId, PoolId, Region, Timestamp};

use super::parse;
use crate::{Batch, Row, Store, StoreError, params};

/// A user pool as it is stored.
#[derive(Clone, Debug)]
pub struct PoolRecord {
    /// The pool's id.
    pub pool_id: PoolId,
    /// The account that owns it.
    pub account: AccountId,
    /// Its region.
    pub region: Region,
    /// Its name.
    pub name: String,
    /// What its tokens name as `iss`.
    pub issuer: String,
    /// The configuration, JSON.
    pub settings: String,
    /// Raised by every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
}

const TABLE: &str = "pools";

impl PoolRecord {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            pool_id: parse(row, 0, TABLE, "pool_id")?,
            account: parse(row, 1, TABLE, "account_id")?,
            region: parse(row, 2, TABLE, "region")?,
            name: row.text(3)?.to_owned(),
            issuer: row.text(4)?.to_owned(),
            settings: row.text(5)?.to_owned(),
            version: row.int(6)?,
            created_at: row.time(7)?,
            modified_at: row.time(8)?,
        })
    }
}

/// The living pool with this id.
///
/// # Errors
/// When the database does not answer or the row cannot be decoded.
pub async fn find(store: &Store, pool: &PoolId) -> Result<Option<PoolRecord>, StoreError> {
    let row = store
        .read_one(
            "select pool_id, account_id, region, name, issuer, settings, version, created_at, modified_at \
             from pools where pool_id = $1 and deleted_at is null",
            params![pool],
        )
        .await?;
    row.as_ref().map(PoolRecord::from_row).transpose()
}

/// Up to `limit` living pools after `after`, in the order of their ids.
///
/// # Errors
/// When the database does not answer or a row cannot be decoded.
pub async fn page(store: &Store, after: &str, limit: i64) -> Result<Vec<PoolRecord>, StoreError> {
    let rows = store
        .read(
            "select pool_id, account_id, region, name, issuer, settings, version, created_at, modified_at \
             from pools where pool_id > $1 and deleted_at is null order by pool_id limit $2",
            params![after, limit],
        )
        .await?;
    rows.iter().map(PoolRecord::from_row).collect()
}

/// Inserts a new pool; unmet with `PoolExists` when the id is taken.
pub fn insert(pool: &PoolRecord) -> Batch {
    Batch::new().one(
        "insert into pools (pool_id, account_id, region, name, issuer, settings, version, created_at, modified_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            &pool.pool_id,
            &pool.account,
            &pool.region,
            pool.name.as_str(),
            pool.issuer.as_str(),
            pool.settings.as_str(),
            pool.version,
            pool.created_at,
            pool.modified_at
        ],
        "PoolExists",
    )
}

/// Replaces name and settings of the pool at `pool.version`, which it raises; unmet with `PoolChanged` when somebody
/// was quicker or the pool is gone.
pub fn update(pool: &PoolRecord) -> Batch {
    Batch::new().one(
        "update pools set name = $1, settings = $2, modified_at = $3, version = version + 1 \
         where pool_id = $4 and version = $5 and deleted_at is null",
        params![pool.name.as_str(), pool.settings.as_str(), pool.modified_at, &pool.pool_id, pool.version],
        "PoolChanged",
    )
}

/// Ends the pool at once for everybody; the reaper takes its rows later. Unmet with `PoolChanged` as [`update`].
pub fn tombstone(pool: &PoolId, version: i64, now: Timestamp) -> Batch {
    Batch::new().one(
        "update pools set deleted_at = $1, version = version + 1 \
         where pool_id = $2 and version = $3 and deleted_at is null",
        params![now, pool, version],
        "PoolChanged",
    )
}

/// Raises (or with -1 lowers) the estimate of the pool's users on one of its shards.
pub fn count_users(pool: &PoolId, shard: i64, by: i64) -> Batch {
    Batch::new().any(
        "insert into pool_user_counts (pool_id, shard, n) values ($1, $2, $3) \
         on conflict (pool_id, shard) do update set n = pool_user_counts.n + $3",
        params![pool, shard, by],
    )
}

/// The estimated number of the pool's users.
///
/// # Errors
/// When the database does not answer.
pub async fn estimated_users(store: &Store, pool: &PoolId) -> Result<i64, StoreError> {
    let row = store
        .read_one("select cast(coalesce(sum(n), 0) as bigint) from pool_user_counts where pool_id = $1", params![pool])
        .await?;
    Ok(row.as_ref().map_or(Ok(0), |row| row.int(0))?.max(0))
}

/// Deletes up to `limit` users of a pool that has ended, and what belongs to them; the caller goes on until
/// [`has_users`] finds none.
pub fn reap_users(pool: &PoolId, limit: i64) -> Batch {
    Batch::new().any(
        "delete from users where pool_id = $1 and sub in \
         (select sub from users where pool_id = $1 order by username_key limit $2)",
        params![pool, limit],
    )
}

/// Whether users are left in the pool.
///
/// # Errors
/// When the database does not answer.
pub async fn has_users(store: &Store, pool: &PoolId) -> Result<bool, StoreError> {
    Ok(store.read_one("select 1 from users where pool_id = $1 limit 1", params![pool]).await?.is_some())
}

/// Whether counts of attempts or messages of the pool are left. States of flows, and decoys among them, end by
/// themselves within minutes.
///
/// # Errors
/// When the database does not answer.
pub async fn has_leftovers(store: &Store, pool: &PoolId) -> Result<bool, StoreError> {
    let attempts = store.read_one("select 1 from attempts where pool_id = $1 limit 1", params![pool]).await?;
    let messages = store.read_one("select 1 from messages where pool_id = $1 limit 1", params![pool]).await?;
    Ok(attempts.is_some() || messages.is_some())
}

/// Deletes up to `limit` of each.
pub fn reap_leftovers(pool: &PoolId, limit: i64) -> Batch {
    Batch::new()
        .any(
            "delete from attempts where pool_id = $1 and (subject, factor) in \
             (select subject, factor from attempts where pool_id = $1 order by subject, factor limit $2)",
            params![pool, limit],
        )
        .any(
            "delete from messages where id in (select id from messages where pool_id = $1 order by id limit $2)",
            params![pool, limit],
        )
}

/// Deletes what is left of an ended pool once its users and leftovers are gone.
pub fn reap_rest(pool: &PoolId) -> Batch {
    Batch::new()
        .any(
            "delete from client_secrets where client_id in (select client_id from clients where pool_id = $1)",
            params![pool],
        )
        .any("delete from clients where pool_id = $1", params![pool])
        .any("delete from signing_keys where pool_id = $1", params![pool])
        .any("delete from pool_user_counts where pool_id = $1", params![pool])
        .any("delete from counters where owner = $1", params![pool])
        .any("delete from data_keys where scope = $1", params![pool])
        .any("delete from pools where pool_id = $1 and deleted_at is not null", params![pool])
}
