//! The sweep: deletes what expired, a while after it did, in small writes behind everybody else's.

use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Clock, Timestamp};
use cenote_store::jobs::Lease;
use cenote_store::records::swept::{SWEPT, Swept};
use cenote_store::{Store, StoreFailure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Handler, Next};

/// The pause between two sweeps.
const PAUSE: Duration = Duration::from_secs(60);
/// Rows of one write.
const ROWS: i64 = 500;
/// Writes in a row for one table, so that none waits for another's backlog of millions.
const ROUNDS: usize = 200;

/// Sweeps the tables whose rows expire.
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
        let now = self.clock.now();
        let mut clean = true;
        for table in SWEPT {
            clean &= self.sweep_table(table, now).await?;
        }
        Ok(clean)
    }

    async fn sweep_table(&self, table: &Swept, now: Timestamp) -> Result<bool, StoreFailure> {
        for _ in 0..ROUNDS {
            if !table.is_due(&self.store, now).await? {
                return Ok(true);
            }
            self.store.apply_background(table.delete(now, ROWS)).await?;
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
