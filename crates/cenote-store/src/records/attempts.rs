//! Attempts at secrets: claimed before the secret is looked at, given back on success, so that no number of
//! simultaneous guesses gets past the limit.

use std::time::Duration;

use cenote_base::{PoolId, Timestamp};

use crate::{Batch, Row, StoreError, params};

/// Failures that cost nothing; the next ones lock (reference 03 §11).
pub const FREE_FAILURES: i64 = 5;

/// The longest lock, and how long after a lock the count is forgotten.
pub const LONGEST_LOCK: Duration = Duration::from_secs(15 * 60);

/// Claims one attempt at a password or a factor: counts it as a failure that locks for 2^(n-5) seconds from the fifth
/// on. Unmet with `Locked` while an earlier lock lasts; such attempts do not count. The number of failures with this
/// one comes back ([`claimed`]).
pub fn claim(pool: &PoolId, subject: &str, factor: &str, now: Timestamp) -> Batch {
    Batch::new().one_returning(
        "insert into attempts (pool_id, subject, factor, failures, locked_until, expires_at) \
         values ($1, $2, $3, 1, 0, cast($4 as bigint) + 900000) \
         on conflict (pool_id, subject, factor) do update set \
         failures = case when attempts.expires_at <= $4 then 1 else attempts.failures + 1 end, \
         locked_until = case when attempts.expires_at <= $4 or attempts.failures + 1 < 5 then 0 \
         when attempts.failures - 4 >= 10 then $4 + 900000 \
         else $4 + (cast(1000 as bigint) << cast(attempts.failures - 4 as integer)) end, \
         expires_at = case when attempts.expires_at <= $4 or attempts.failures + 1 < 5 then $4 + 900000 \
         when attempts.failures - 4 >= 10 then $4 + 1800000 \
         else $4 + 900000 + (cast(1000 as bigint) << cast(attempts.failures - 4 as integer)) end \
         where attempts.locked_until <= $4 returning failures",
        params![pool, subject, factor, now],
        "Locked",
    )
}

/// The numbers of failures that applied [`claim`]s gave: the last `N` statements of the batch whose rows these are.
///
/// # Errors
/// When these are not the rows of claims.
pub fn claimed<const N: usize>(rows: &[Vec<Row>]) -> Result<[i64; N], StoreError> {
    let corrupt = || StoreError::corrupt("attempts", "failures", "a claim");
    let claims = rows.last_chunk::<N>().ok_or_else(corrupt)?;
    let mut failures = [0; N];
    for (number, claim) in failures.iter_mut().zip(claims) {
        *number = claim.first().ok_or_else(corrupt)?.int(0)?;
    }
    Ok(failures)
}

/// Gives back the attempt that was claimed as failure number `failures`, because nothing was compared: takes it and its
/// lock away. Where others have claimed meanwhile, their lock stays.
pub fn give_back(pool: &PoolId, subject: &str, factor: &str, failures: i64) -> Batch {
    Batch::new().any(
        "update attempts set failures = failures - 1, \
         locked_until = case when failures = $4 then 0 else locked_until end \
         where pool_id = $1 and subject = $2 and factor = $3 and failures >= $4",
        params![pool, subject, factor, failures],
    )
}

/// Forgets the failures: the secret was right.
pub fn reset(pool: &PoolId, subject: &str, factor: &str) -> Batch {
    Batch::new()
        .any("delete from attempts where pool_id = $1 and subject = $2 and factor = $3", params![pool, subject, factor])
}

/// Claims one of `limit` uses in a window that begins with the first; unmet with `LimitExceeded` when they are used up.
pub fn claim_in_window(
    pool: &PoolId,
    subject: &str,
    factor: &str,
    limit: i64,
    window: Duration,
    now: Timestamp,
) -> Batch {
    Batch::new().one(
        "insert into attempts (pool_id, subject, factor, failures, locked_until, expires_at) \
         values ($1, $2, $3, 1, 0, $5) \
         on conflict (pool_id, subject, factor) do update set \
         failures = case when attempts.expires_at <= $4 then 1 else attempts.failures + 1 end, \
         expires_at = case when attempts.expires_at <= $4 then $5 else attempts.expires_at end \
         where attempts.failures < $6 or attempts.expires_at <= $4",
        params![pool, subject, factor, now, now + window, limit],
        "LimitExceeded",
    )
}

/// Deletes up to `limit` counts that ended before `before`.
pub fn sweep(before: Timestamp, limit: i64) -> Batch {
    Batch::new().any(
        "delete from attempts where (pool_id, subject, factor) in \
         (select pool_id, subject, factor from attempts where expires_at < $1 order by expires_at limit $2)",
        params![before, limit],
    )
}
