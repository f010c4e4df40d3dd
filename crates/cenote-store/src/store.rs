//! The store's front: picks the engine.

use crate::{Batch, BatchError, Row, StoreError, Value};

/// The database. Cheap to clone; all clones are one store.
#[derive(Clone, Debug)]
pub struct Store(());

impl Store {
    /// The rows that answer `sql`. Give each query a `limit`.
    pub async fn read(&self, _sql: &'static str, _params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        Err(StoreError::Unavailable("no engine yet".into()))
    }

    /// The one row that answers `sql`, or none.
    pub async fn read_one(&self, sql: &'static str, params: Vec<Value>) -> Result<Option<Row>, StoreError> {
        let mut rows = self.read(sql, params).await?;
        if rows.len() > 1 {
            return Err(StoreError::ManyRows(sql));
        }
        Ok(rows.pop())
    }

    /// Commits a batch in the interactive lane.
    pub async fn apply(&self, _batch: Batch) -> Result<Vec<Vec<Row>>, BatchError> {
        Err(BatchError::Unavailable("no engine yet".into()))
    }

    /// Commits a batch in the background lane, behind interactive work.
    pub async fn apply_background(&self, batch: Batch) -> Result<Vec<Vec<Row>>, BatchError> {
        self.apply(batch).await
    }
}
