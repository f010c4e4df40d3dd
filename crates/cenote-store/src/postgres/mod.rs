//! PostgreSQL: a bounded pool of connections; a batch is one round trip.

mod apply;
mod connect;
mod errors;
mod migrate;
mod tls;
mod values;

use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Random, RandomExt};
use deadpool_postgres::{Object, Pool, PoolError};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::batch::Lane;
use crate::sql::Memo;
use crate::{Batch, BatchError, Migration, OpenError, Row, StoreConfig, StoreError, Value};
use apply::Attempt;
use errors::Meaning;

/// How often a batch that lost against its neighbours (40001, 40P01) is tried.
const CONFLICT_TRIES: u32 = 20;

/// A PostgreSQL database.
#[derive(Clone, Debug)]
pub(crate) struct Postgres(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: Pool,
    memo: Memo,
    random: Arc<dyn Random>,
    /// Background batches use a quarter of the connections at most.
    background: Semaphore,
    wait: Duration,
    /// How long one call may take over all its tries; each try has the server's statement timeout besides.
    patience: Duration,
}

impl Postgres {
    /// Connects and migrates.
    pub(crate) async fn open(
        url: &str,
        config: &StoreConfig,
        migrations: &[Migration],
        now: cenote_base::Timestamp,
        random: Arc<dyn Random>,
    ) -> Result<Self, OpenError> {
        let pool = connect::pool(url, config)?;
        let patience = config.wait_timeout + config.connect_timeout + config.statement_timeout;
        let mut client = pool.get().await.map_err(|error| OpenError::Unreachable(errors::pool_text(&error)))?;
        connect::check(&client).await?;
        migrate::run(&mut client, migrations, now).await?;
        drop(client);
        let background = Semaphore::new((config.connections / 4).max(1));
        let wait = config.wait_timeout;
        Ok(Self(Arc::new(Inner { pool, memo: Memo::default(), random, background, wait, patience })))
    }

    pub(crate) async fn read(&self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let deadline = Instant::now() + self.0.patience;
        let mut dead = 0;
        loop {
            let client = self.client().await.map_err(StoreError::Unavailable)?;
            let error = match tokio::time::timeout_at(deadline, values::read(&client, sql, params)).await {
                Ok(Ok(rows)) => return Ok(rows),
                Ok(Err(error)) => error,
                Err(_) => {
                    discard(client);
                    return Err(StoreError::Unavailable("the database does not answer in time".to_owned()));
                }
            };
            match error.meaning() {
                Meaning::Reconnect | Meaning::Lost if self.may_try_another(&mut dead, deadline) => discard(client),
                Meaning::Conflict if self.may_try_another(&mut dead, deadline) => {}
                Meaning::Reconnect | Meaning::Lost => {
                    discard(client);
                    return Err(StoreError::Unavailable(error.to_string()));
                }
                Meaning::Unavailable | Meaning::Conflict => return Err(StoreError::Unavailable(error.to_string())),
                Meaning::Violation | Meaning::Count | Meaning::Faulty => {
                    return Err(StoreError::Faulty(error.to_string()));
                }
            }
        }
    }

    /// Commits the batch in a task of its own, so that a caller that goes away cannot leave half a transaction behind.
    pub(crate) async fn apply(&self, batch: Batch, lane: Lane) -> Result<Vec<Vec<Row>>, BatchError> {
        let this = self.clone();
        match tokio::spawn(async move { this.apply_in(&batch, lane).await }).await {
            Ok(outcome) => outcome,
            Err(error) => Err(BatchError::Unknown(error.to_string())),
        }
    }

    pub(crate) fn close(&self) {
        self.0.pool.close();
    }

    async fn apply_in(&self, batch: &Batch, lane: Lane) -> Result<Vec<Vec<Row>>, BatchError> {
        let _turn = match lane {
            Lane::Interactive => None,
            Lane::Background => match tokio::time::timeout(self.0.wait, self.0.background.acquire()).await {
                Ok(Ok(turn)) => Some(turn),
                _ => return Err(BatchError::Unavailable("too many background writes are waiting".to_owned())),
            },
        };
        self.apply_here(batch).await
    }

    async fn apply_here(&self, batch: &Batch) -> Result<Vec<Vec<Row>>, BatchError> {
        let deadline = Instant::now() + self.0.patience;
        let mut dead = 0;
        let mut conflicts = 0;
        loop {
            let client = self.client().await.map_err(BatchError::Unavailable)?;
            match apply::attempt(&client, &self.0.memo, batch, deadline).await {
                Attempt::Committed(rows) => return Ok(rows),
                Attempt::Refused(error) => return Err(error),
                Attempt::Conflict(text) => {
                    drop(client);
                    conflicts += 1;
                    if conflicts == CONFLICT_TRIES || Instant::now() >= deadline {
                        return Err(BatchError::Unavailable(text));
                    }
                    self.pause(conflicts).await;
                }
                Attempt::Reconnect(text) => {
                    discard(client);
                    if !self.may_try_another(&mut dead, deadline) {
                        return Err(BatchError::Unavailable(text));
                    }
                }
                Attempt::Unknown(text) => {
                    discard(client);
                    return Err(BatchError::Unknown(text));
                }
            }
        }
    }

    async fn client(&self) -> Result<Object, String> {
        self.0.pool.get().await.map_err(|error| match error {
            PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => "all connections are busy".to_owned(),
            error => errors::pool_text(&error),
        })
    }

    /// After a restart of the server the pool hands out dead connections until it has dropped all it had.
    fn may_try_another(&self, dead: &mut usize, deadline: Instant) -> bool {
        *dead += 1;
        *dead <= self.0.pool.status().max_size + 1 && Instant::now() < deadline
    }

    /// Waits a random part of a time that doubles from 2 ms to 128 ms, so that those who collided do not meet again.
    async fn pause(&self, conflicts: u32) {
        let longest = 2_000_u32 << conflicts.min(6);
        tokio::time::sleep(Duration::from_micros(u64::from(self.0.random.below(longest)))).await;
    }
}

/// Takes the connection out of the pool and closes it.
fn discard(client: Object) {
    drop(Object::take(client));
}
