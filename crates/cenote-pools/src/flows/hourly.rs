//! Limits for each hour: so many tries at a code, so many new codes (reference 01 §8).

use std::time::Duration;

use cenote_store::Batch;
use cenote_store::records::attempts;

use super::Refusal;
use super::write::{Written, commit};
use crate::Deps;
use crate::domain::pool::Pool;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// So many tries in an hour for each user. The hour begins with the first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hourly {
    /// What is tried, as the store has it.
    pub factor: &'static str,
    /// How often.
    pub most: i64,
}

impl Hourly {
    /// Counts one try; unmet with `LimitExceeded`.
    pub(crate) fn claim(&self, deps: &Deps, pool: &Pool, subject: &str) -> Batch {
        attempts::claim_in_window(&pool.id, subject, self.factor, self.most, HOUR, deps.now())
    }
}

/// Commits what begins with an hourly count.
pub(crate) async fn limited(deps: &Deps, batch: Batch) -> Result<(), Refusal> {
    match commit(deps, batch).await? {
        Written::Done => Ok(()),
        Written::Unmet("NoUser") => Err(Refusal::UserNotFound),
        Written::Unmet(_) => Err(Refusal::LimitExceeded),
    }
}
