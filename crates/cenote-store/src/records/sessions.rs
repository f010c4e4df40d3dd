//! Challenge sessions: which have done their work, and state of a sign-in that must stay on the server.

use cenote_base::Timestamp;

use crate::{Batch, Store, StoreError, params};

/// Uses a session up; unmet with `SessionUsed` when it was used before.
pub fn consume(id: &str, expires_at: Timestamp) -> Batch {
    Batch::new().one(
        "insert into used_sessions (id, expires_at) values ($1, $2)",
        params![id, expires_at],
        "SessionUsed",
    )
}

/// Gives back a session that this caller [used up](consume), because nothing came of it: a busy server takes no turn
/// away. Never after a secret was compared.
pub fn release(id: &str) -> Batch {
    Batch::new().any("delete from used_sessions where id = $1", params![id])
}

/// Whether a session was used up.
///
/// # Errors
/// When the database does not answer.
pub async fn is_used(store: &Store, id: &str) -> Result<bool, StoreError> {
    Ok(store.read_one("select 1 from used_sessions where id = $1", params![id]).await?.is_some())
}

/// Deletes up to `limit` marks of sessions that ended before `before`.
pub fn sweep(before: Timestamp, limit: i64) -> Batch {
    Batch::new()
        .any(
            "delete from used_sessions where id in \
             (select id from used_sessions where expires_at < $1 order by expires_at limit $2)",
            params![before, limit],
        )
        .any(
            "delete from flow_states where id in \
             (select id from flow_states where expires_at < $1 order by expires_at limit $2)",
            params![before, limit],
        )
}
