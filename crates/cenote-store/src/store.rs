//! The store's front: picks the engine.

use std::sync::Arc;

use cenote_base::{Clock, Random};

use crate::batch::Lane;
use crate::migrations::{MIGRATIONS, Migration};
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;
use crate::{Batch, BatchError, Location, OpenError, Row, StoreConfig, StoreError, Value, cost};

/// The database. Cheap to clone; all clones are one store.
#[derive(Clone, Debug)]
pub struct Store(Arc<Engine>);

#[derive(Debug)]
enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Store {
    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`], whose text is the one line for the operator.
    pub async fn open(config: &StoreConfig, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, OpenError> {
        Self::open_with(config, MIGRATIONS, clock, random).await
    }

    /// As [`Store::open`], with another schema: for tests of the store itself.
    ///
    /// # Errors
    /// As [`Store::open`].
    #[doc(hidden)]
    pub async fn open_with(
        config: &StoreConfig,
        migrations: &[Migration],
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, OpenError> {
        let engine = match &config.location {
            Location::Sqlite { path } => {
                let (path, config, migrations) = (path.clone(), config.clone(), migrations.to_vec());
                let opening = move || Sqlite::open(&path, &config, &migrations, clock.now());
                match tokio::task::spawn_blocking(opening).await {
                    Ok(opened) => Engine::Sqlite(opened?),
                    Err(error) => return Err(OpenError::Unsuitable(error.to_string())),
                }
            }
            Location::Postgres { url } => {
                Engine::Postgres(Postgres::open(url.expose(), config, migrations, clock.now(), random).await?)
            }
        };
        Ok(Self(Arc::new(engine)))
    }

    /// The rows that answer `sql`. Give each query a `limit`: SQLite reads on the calling thread.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Faulty`].
    pub async fn read(&self, sql: &'static str, params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        cost::read();
        match &*self.0 {
            Engine::Sqlite(sqlite) => sqlite.read(sql, &params).await,
            Engine::Postgres(postgres) => postgres.read(sql, &params).await,
        }
    }

    /// The one row that answers `sql`, or none.
    ///
    /// # Errors
    /// As [`Store::read`], and [`StoreError::ManyRows`].
    pub async fn read_one(&self, sql: &'static str, params: Vec<Value>) -> Result<Option<Row>, StoreError> {
        let mut rows = self.read(sql, params).await?;
        if rows.len() > 1 {
            return Err(StoreError::ManyRows(sql));
        }
        Ok(rows.pop())
    }

    /// Commits a batch whose outcome somebody waits for. Gives the returned rows of each statement, in order.
    ///
    /// `Ok` means committed and on disk. A caller that stops waiting does not stop the batch. Two batches applied one
    /// after the other take effect in this order; of two applied at once, either.
    ///
    /// # Errors
    /// [`BatchError`]; only after [`BatchError::Unknown`] may the batch have taken effect.
    pub async fn apply(&self, batch: Batch) -> Result<Vec<Vec<Row>>, BatchError> {
        self.apply_in(batch, Lane::Interactive).await
    }

    /// Commits a batch behind the interactive ones: sweeps, imports, jobs.
    ///
    /// # Errors
    /// As [`Store::apply`].
    pub async fn apply_background(&self, batch: Batch) -> Result<Vec<Vec<Row>>, BatchError> {
        self.apply_in(batch, Lane::Background).await
    }

    async fn apply_in(&self, batch: Batch, lane: Lane) -> Result<Vec<Vec<Row>>, BatchError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        cost::batch(batch.len());
        match &*self.0 {
            Engine::Sqlite(sqlite) => sqlite.apply(batch, lane).await,
            Engine::Postgres(postgres) => postgres.apply(batch, lane).await,
        }
    }

    /// Whether the database answers: for readiness.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read("select 1", Vec::new()).await.map(|_| ())
    }

    /// Finishes what was accepted and gives the database free; calls on any clone fail from now on. Without it, this
    /// happens some time after the last clone is dropped.
    pub async fn close(&self) {
        match &*self.0 {
            Engine::Sqlite(sqlite) => sqlite.close().await,
            Engine::Postgres(postgres) => postgres.close(),
        }
    }
}
