//! The tables whose rows expire, for the sweep that deletes them a while later. Messages are swept by their own room,
//! which keeps an outbox small too.

use std::time::Duration;

use cenote_base::Timestamp;

use super::{attempts, codes, families, sessions};
use crate::{Batch, Store, StoreError, params};

/// How long expired rows stay, for clocks of nodes that differ.
const KEPT: Duration = Duration::from_secs(600);

/// Access tokens of a family's last refresh may outlive its refresh token by a day, and count as revoked without the
/// row.
const FAMILIES_KEPT: Duration = Duration::from_secs(24 * 60 * 60 + 600);

/// A table whose rows expire.
#[derive(Debug)]
pub struct Swept {
    any_expired: &'static str,
    delete: fn(Timestamp, i64) -> Batch,
    kept: Duration,
}

/// Every one of them.
pub const SWEPT: &[Swept] = &[
    Swept { any_expired: "select 1 from attempts where expires_at < $1 limit 1", delete: attempts::sweep, kept: KEPT },
    Swept { any_expired: "select 1 from codes where expires_at < $1 limit 1", delete: codes::sweep, kept: KEPT },
    Swept {
        any_expired: "select 1 from token_families where expires_at < $1 limit 1",
        delete: families::sweep,
        kept: FAMILIES_KEPT,
    },
    Swept {
        any_expired: "select 1 from used_sessions where expires_at < $1 limit 1",
        delete: sessions::sweep,
        kept: KEPT,
    },
    Swept {
        any_expired: "select 1 from flow_states where expires_at < $1 limit 1",
        delete: sessions::sweep,
        kept: KEPT,
    },
];

impl Swept {
    /// Whether rows have been expired for longer than they are kept.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_due(&self, store: &Store, now: Timestamp) -> Result<bool, StoreError> {
        Ok(store.read_one(self.any_expired, params![now - self.kept]).await?.is_some())
    }

    /// Deletes up to `limit` of them.
    pub fn delete(&self, now: Timestamp, limit: i64) -> Batch {
        (self.delete)(now - self.kept, limit)
    }
}
