//! Rows that stand for nothing: written where an operation on a user who exists writes something, so that the same
//! operation on one who does not exist is as much work. They expire and are swept with the states of flows, among which
//! they are kept.

use cenote_base::{PoolId, Timestamp};

use crate::{Batch, Store, StoreError, params};

/// Writes the row of this name in the pool, or writes it again: there is one for each name. `payload` means nothing; its
/// size is that of what it stands for.
pub fn keep(pool: &PoolId, name: &str, payload: Vec<u8>, now: Timestamp, until: Timestamp) -> Batch {
    Batch::new().one(
        "insert into flow_states (id, pool_id, client_id, sub, kind, payload, created_at, expires_at) \
         values ($1, $2, '', '', 'decoy', $3, $4, $5) \
         on conflict (id) do update set payload = $3, created_at = $4, expires_at = $5",
        params![format!("decoy/{pool}/{name}"), pool, payload, now, until],
        "DecoyExists",
    )
}

/// Whether the row of this name in the pool was written, and has not ended.
///
/// # Errors
/// When the database does not answer.
pub async fn is_kept(store: &Store, pool: &PoolId, name: &str, now: Timestamp) -> Result<bool, StoreError> {
    let id = format!("decoy/{pool}/{name}");
    let row = store.read_one("select 1 from flow_states where id = $1 and expires_at > $2", params![id, now]).await?;
    Ok(row.is_some())
}
