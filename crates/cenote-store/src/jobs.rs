//! Work that outlives a request and that any node may do: reaping, imports, sweeps, retries.
//!
//! A node leases a job for a while; if it dies, the lease ends and another node goes on from the job's progress. Each
//! lease raises the job's fence, and all that a holder writes names its fence, so a holder that was too slow can no
//! longer change anything: its batch is unmet with [`LEASE_LOST`].

use std::time::Duration;

use cenote_base::{Random, RandomExt, Timestamp};

use crate::{Batch, Row, Store, StoreError, StoreFailure, params};

/// The tag of a write under a lease that ended.
pub const LEASE_LOST: &str = "LeaseLost";
/// The tag of a job whose id is taken.
pub const JOB_EXISTS: &str = "JobExists";

/// How many due jobs are looked at when others lease the first ones.
const CANDIDATES: u32 = 8;
/// How much of an error is kept.
const ERROR_LENGTH: usize = 1000;

/// A job to be done.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Its id: a UUID of version 7, or a fixed name for work of which there is one.
    pub id: String,
    /// What kind of work it is: who leases it knows how to do it.
    pub kind: String,
    /// What the work needs to know; sealed by the caller if it is secret.
    pub payload: Vec<u8>,
    /// Not before this.
    pub run_at: Timestamp,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// A job that this node does until [`Lease::until`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The job's id.
    pub id: String,
    /// Its payload.
    pub payload: Vec<u8>,
    /// Where the last run stopped.
    pub progress: Option<String>,
    /// How often it was leased since it last went well, this time included.
    pub attempts: i64,
    /// When another node may take it.
    pub until: Timestamp,
    fence: i64,
}

/// A job that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedJob {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// How often it was tried.
    pub attempts: i64,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// Asks for a job, in the batch of what made it necessary; unmet with [`JOB_EXISTS`] when the id is taken.
pub fn enqueue(job: &NewJob) -> Batch {
    Batch::new().one(
        "insert into jobs (id, kind, payload, run_at, attempts, fence, created_at) values ($1, $2, $3, $4, 0, 0, $5)",
        new_job(job),
        JOB_EXISTS,
    )
}

/// Asks for a job unless there is one with this id: for sweeps, which have fixed ids.
pub fn enqueue_once(job: &NewJob) -> Batch {
    Batch::new().any(
        "insert into jobs (id, kind, payload, run_at, attempts, fence, created_at) values ($1, $2, $3, $4, 0, 0, $5) \
         on conflict (id) do nothing",
        new_job(job),
    )
}

fn new_job(job: &NewJob) -> Vec<crate::Value> {
    params![job.id.as_str(), job.kind.as_str(), job.payload.as_slice(), job.run_at, job.created_at]
}

/// Leases a job of this kind whose time has come, until `now + lasting`; none when there is none.
///
/// # Errors
/// When the database does not answer. A lease that was taken all the same ends by itself.
pub async fn lease(
    store: &Store,
    kind: &str,
    node: &str,
    now: Timestamp,
    lasting: Duration,
) -> Result<Option<Lease>, StoreFailure> {
    let due = store
        .read(
            "select id, fence from jobs where kind = $1 and run_at <= $2 order by run_at, id limit $3",
            params![kind, now, CANDIDATES],
        )
        .await?;
    let until = now + lasting;
    for candidate in due {
        let (id, fence) = (candidate.text(0)?, candidate.int(1)?);
        match store.apply_background(take(id, fence, node, until)).await {
            Ok(rows) => {
                let row = rows.first().and_then(|rows| rows.first());
                return row.map(|row| leased(row, id, until)).transpose().map_err(StoreFailure::from);
            }
            Err(error) if error.tag() == Some(LEASE_LOST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

fn take(id: &str, fence: i64, node: &str, until: Timestamp) -> Batch {
    Batch::new().one_returning(
        "update jobs set run_at = $1, leased_by = $2, fence = fence + 1, attempts = attempts + 1 \
         where id = $3 and fence = $4 and run_at is not null returning payload, progress, attempts, fence",
        params![until, node, id, fence],
        LEASE_LOST,
    )
}

fn leased(row: &Row, id: &str, until: Timestamp) -> Result<Lease, StoreError> {
    Ok(Lease {
        id: id.to_owned(),
        payload: row.bytes(0)?.to_vec(),
        progress: row.opt_text(1)?.map(str::to_owned),
        attempts: row.int(2)?,
        fence: row.int(3)?,
        until,
    })
}

impl Lease {
    /// Keeps the lease until `until`. Put it into the batches of the work: then a lost lease stops the work too.
    pub fn extend(&self, until: Timestamp) -> Batch {
        Batch::new().one(
            "update jobs set run_at = $1 where id = $2 and fence = $3",
            params![until, self.id.as_str(), self.fence],
            LEASE_LOST,
        )
    }

    /// Records how far the work has come and keeps the lease until `until`.
    pub fn advance(&self, progress: &str, until: Timestamp) -> Batch {
        Batch::new().one(
            "update jobs set progress = $1, run_at = $2, attempts = 1 where id = $3 and fence = $4",
            params![progress, until, self.id.as_str(), self.fence],
            LEASE_LOST,
        )
    }

    /// The work is done: the job goes.
    pub fn complete(&self) -> Batch {
        Batch::new().one(
            "delete from jobs where id = $1 and fence = $2",
            params![self.id.as_str(), self.fence],
            LEASE_LOST,
        )
    }

    /// This run is done; the next begins at `run_at`, at `progress` (none: from the start).
    pub fn reschedule(&self, progress: Option<&str>, run_at: Timestamp) -> Batch {
        Batch::new().one(
            "update jobs set progress = $1, run_at = $2, attempts = 0, leased_by = null, last_error = null \
             where id = $3 and fence = $4",
            params![progress, run_at, self.id.as_str(), self.fence],
            LEASE_LOST,
        )
    }

    /// This run failed. The next is at `retry_at` ([`backoff`] says when); none parks the job for an operator.
    pub fn fail(&self, error: &str, retry_at: Option<Timestamp>) -> Batch {
        let error: String = error.chars().filter(|c| *c != '\0').take(ERROR_LENGTH).collect();
        Batch::new().one(
            "update jobs set last_error = $1, run_at = $2, leased_by = null where id = $3 and fence = $4",
            params![error, retry_at, self.id.as_str(), self.fence],
            LEASE_LOST,
        )
    }
}

/// How long to wait after `attempts` failures: 1 s, doubled each time, at most an hour; a random half of it is taken
/// off, so that what failed together does not come back together.
pub fn backoff(attempts: i64, random: &dyn Random) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1).clamp(0, 12)).unwrap_or(0);
    let longest = 1000_u32.saturating_mul(1 << doublings).min(3_600_000);
    Duration::from_millis(u64::from(longest - random.below(longest / 2)))
}

/// Up to `limit` jobs that were given up, by id after `after` (empty: from the first).
///
/// # Errors
/// When the database does not answer.
pub async fn parked(store: &Store, after: &str, limit: u32) -> Result<Vec<ParkedJob>, StoreError> {
    let rows = store
        .read(
            "select id, kind, attempts, last_error, created_at from jobs where run_at is null and id > $1 \
             order by id limit $2",
            params![after, limit],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(ParkedJob {
                id: row.text(0)?.to_owned(),
                kind: row.text(1)?.to_owned(),
                attempts: row.int(2)?,
                last_error: row.opt_text(3)?.map(str::to_owned),
                created_at: row.time(4)?,
            })
        })
        .collect()
}

/// Gives a parked job another chance; unmet with `NotParked` when it is not parked.
pub fn retry(id: &str, now: Timestamp) -> Batch {
    Batch::new().one(
        "update jobs set run_at = $1, attempts = 0 where id = $2 and run_at is null",
        params![now, id],
        "NotParked",
    )
}

#[cfg(test)]
mod tests {
    use cenote_base::SeededRandom;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_double_up_to_an_hour(attempts in 1_i64..100, seed: u64) {
            let longest = Duration::from_secs(1) * (1 << (attempts - 1).min(12));
            let longest = longest.min(Duration::from_secs(3600));
            let waited = backoff(attempts, &SeededRandom::new(seed));
            prop_assert!(waited <= longest && waited * 2 >= longest, "{attempts}: {waited:?}");
        }
    }
}
