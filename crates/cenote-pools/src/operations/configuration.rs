//! What the writes of configuration share: the end of their batches, retries, limits.

use std::time::Duration;

use cenote_base::{PoolId, RandomExt};
use cenote_store::Batch;
use cenote_wire::ApiError;

use crate::Deps;
use crate::directory::Directory;
use crate::flows::write::{self, Written};

/// How often read and decide are repeated when others change the same record.
pub(crate) const TRIES: usize = 8;
/// The longest wait before another try, in milliseconds: writers that collided once shall not do it again.
const LONGEST_PAUSE: u32 = 20;

/// Commits a change of a pool's configuration and tells all nodes.
///
/// # Errors
/// When the store is away, or it is not known whether the change was committed.
pub(crate) async fn commit(deps: &Deps, pool: &PoolId, batch: Batch) -> Result<Written, ApiError> {
    let written = write::commit(deps, batch.extend(Directory::bump(pool))).await;
    deps.directory.forget(pool);
    Ok(written?)
}

/// Waits a random moment before another try.
pub(crate) async fn pause(deps: &Deps) {
    tokio::time::sleep(Duration::from_millis(deps.random.below(LONGEST_PAUSE).into())).await;
}

/// Others changed the record at each try.
pub(crate) fn contended(what: &str) -> ApiError {
    ApiError::concurrent_modification(format!("{what} was modified by other requests at the same time."))
}

/// An expectation that the operation does not know: a fault of Cenote's.
pub(crate) fn unexpected(tag: &str) -> ApiError {
    ApiError::internal(format!("a batch was refused with an unknown tag: {tag}"))
}
