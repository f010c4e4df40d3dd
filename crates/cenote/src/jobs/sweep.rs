//! The sweep: deletes what expired, a while after it did, in small writes behind everybody else's.

use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Clock, Timestamp};
use cenote_store::jobs::Lease;
use cenote_store::records::{attempts, codes, families, sessions};
use cenote_store::{Batch, Store, StoreFailure, params};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Handler, Next};

/// What expired is kept this long, for clocks of nodes that differ.
const KEPT: Duration = Duration::from_secs(600);
/// The pause between two sweeps.
const PAUSE: Duration = Duration::from_secs(60);
/// Rows of one write.
const ROWS: i64 = 500;
/// Writes in a row for one table, so that none waits for another's backlog of millions.
const ROUNDS: usize = 200;

/// A table that is swept: whether anything expired before a time, and the deletion of some of it.
struct Table {
    any_expired: &'static str,
    sweep: fn(Timestamp, i64) -> Batch,
}

const TABLES: &[Table] = &[
    Table { any_expired: "select 1 from attempts where expires_at < $1 limit 1", sweep: attempts::sweep },
    Table { any_expired: "select 1 from codes where expires_at < $1 limit 1", sweep: codes::sweep },
    Table { any_expired: "select 1 from token_families where expires_at < $1 limit 1", sweep: families::sweep },
    Table { any_expired: "select 1 from used_sessions where expires_at < $1 limit 1", sweep: sessions::sweep },
    Table { any_expired: "select 1 from flow_states where expires_at < $1 limit 1", sweep: sessions::sweep },
];

/// Sweeps the tables of sign-in state.
pub struct Sweep {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Sweep {
    /// The kind, and the id, of its job.
    pub const KIND: &'static str = "sweep";

    /// Sweeps this store.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Whether everything that expired is gone.
    async fn sweep(&self) -> Result<bool, StoreFailure> {
        let before = self.clock.now() - KEPT;
        let mut clean = true;
        for table in TABLES {
            clean &= self.sweep_table(table, before).await?;
        }
        Ok(clean)
    }

    async fn sweep_table(&self, table: &Table, before: Timestamp) -> Result<bool, StoreFailure> {
        for _ in 0..ROUNDS {
            if self.store.read_one(table.any_expired, params![before]).await?.is_none() {
                return Ok(true);
            }
            self.store.apply_background((table.sweep)(before, ROWS)).await?;
        }
        Ok(false)
    }
}

impl Handler for Sweep {
    fn run<'a>(&'a self, _lease: &'a Lease) -> BoxFuture<'a, Result<Next, String>> {
        async move {
            let clean = self.sweep().await.map_err(|error| error.to_string())?;
            Ok(Next::Again { progress: None, after: if clean { PAUSE } else { Duration::ZERO } })
        }
        .boxed()
    }
}
