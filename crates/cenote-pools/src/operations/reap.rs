//! What is left of deleted pools and app clients: jobs that take their rows, a bounded number at a time.
//!
//! A job may stop at any point and is taken up again by any node: each step deletes what it finds.

use std::time::Duration;

use cenote_base::{ClientId, Clock, InvalidId, PoolId};
use cenote_store::jobs::Lease;
use cenote_store::records::{clients, families, pools};
use cenote_store::{Batch, BatchError, Store, StoreError};

/// The kind of job that takes the rows of a deleted pool. Payload: the pool's id.
pub const POOL: &str = "reap_pool";
/// The kind of job that takes the rows of a deleted app client. Payload: the client's id.
pub const CLIENT: &str = "reap_client";

/// How long after the deletion its job begins: a batch that checked for a living pool just before it has then long been
/// committed, and what it wrote is taken too.
pub const GRACE: Duration = Duration::from_secs(30);

/// How long a step may take before another node goes on.
const STEP: Duration = Duration::from_secs(60);
/// Users per step: with aliases, searchable attributes and codes a user has about a dozen rows.
const USERS: i64 = 40;
/// Sign-ins per step.
const FAMILIES: i64 = 500;
/// App clients looked at together.
const CLIENTS: i64 = 60;

/// Counts of attempts, and messages, per step.
const LEFTOVERS: i64 = 500;

/// Why a reaping stopped; its job is tried again later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReapError {
    /// The job's payload is no id.
    #[error("the job names nothing that can be reaped: {0}")]
    Payload(#[from] InvalidId),
    /// It lives: nothing of it may be taken.
    #[error("{0} was not deleted")]
    Alive(String),
    /// The store did not answer a read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// The store did not take a write, or the lease was lost.
    #[error(transparent)]
    Write(#[from] BatchError),
}

/// Takes what is left of a deleted pool: first the sign-ins, of which a user may have any number, then the users, then
/// everything else; completes the job.
///
/// # Errors
/// [`ReapError`]; what was deleted stays deleted.
pub async fn pool(store: &Store, clock: &dyn Clock, lease: &Lease) -> Result<(), ReapError> {
    let pool: PoolId = payload(lease).parse()?;
    if pools::find(store, &pool).await?.is_some() {
        return Err(ReapError::Alive(pool.to_string()));
    }
    let mut last = String::new();
    loop {
        let page = clients::page(store, &pool, &last, CLIENTS).await?;
        let Some(end) = page.last() else { break };
        end.client_id.as_str().clone_into(&mut last);
        for client in &page {
            take_families(store, clock, lease, &client.client_id).await?;
        }
    }
    while pools::has_users(store, &pool).await? {
        step(store, clock, lease, pools::reap_users(&pool, USERS)).await?;
    }
    while pools::has_leftovers(store, &pool).await? {
        step(store, clock, lease, pools::reap_leftovers(&pool, LEFTOVERS)).await?;
    }
    store.apply_background(lease.complete().extend(pools::reap_rest(&pool))).await?;
    Ok(())
}

/// Takes what is left of a deleted app client: first its sign-ins, then the client; completes the job.
///
/// # Errors
/// As [`pool`].
pub async fn client(store: &Store, clock: &dyn Clock, lease: &Lease) -> Result<(), ReapError> {
    let client: ClientId = payload(lease).parse()?;
    if clients::find(store, &client).await?.is_some() {
        return Err(ReapError::Alive(client.to_string()));
    }
    take_families(store, clock, lease, &client).await?;
    store.apply_background(lease.complete().extend(clients::reap(&client))).await?;
    Ok(())
}

async fn take_families(store: &Store, clock: &dyn Clock, lease: &Lease, client: &ClientId) -> Result<(), ReapError> {
    while families::client_has_any(store, client).await? {
        step(store, clock, lease, families::delete_of_client(client, FAMILIES)).await?;
    }
    Ok(())
}

/// One bounded deletion, which also keeps the lease: who lost it deletes nothing more.
async fn step(store: &Store, clock: &dyn Clock, lease: &Lease, deletion: Batch) -> Result<(), BatchError> {
    store.apply_background(lease.extend(clock.now() + STEP).extend(deletion)).await.map(drop)
}

/// What is no text parses as no id either.
fn payload(lease: &Lease) -> &str {
    std::str::from_utf8(&lease.payload).unwrap_or_default()
}

#[cfg(test)]
mod tests;
