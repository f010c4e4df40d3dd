//! SQLite: one writer thread that commits batches in groups, and readers in place.

mod anchor;
mod errors;
mod execute;
mod open;
mod queue;
mod readers;
mod writer;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Mutex, oneshot};

use crate::batch::Lane;
use crate::sql::Memo;
use crate::{Batch, BatchError, Migration, OpenError, Row, StoreConfig, StoreError, Value};
use anchor::Anchor;
use queue::{Job, Queue};
use readers::Readers;
use writer::Writer;

/// An open SQLite database.
#[derive(Debug)]
pub(crate) struct Sqlite {
    readers: Readers,
    queue: Arc<Queue>,
    wait: Duration,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Sqlite {
    /// Opens the file, migrates it and starts the writer. Blocks.
    pub(crate) fn open(
        path: &std::path::Path,
        config: &StoreConfig,
        migrations: &[Migration],
        now: cenote_base::Timestamp,
    ) -> Result<Self, OpenError> {
        let opened = open::open(path, migrations, now, config.wait_timeout)?;
        if let Some(pages) = config.page_limit {
            open::limit_pages(&opened, pages)?;
        }
        let memo = Arc::new(Memo::default());
        let queue = Arc::new(Queue::new(config.queue));
        let anchor = Anchor::open(&opened.path)
            .map_err(|error| OpenError::Sqlite { path: opened.path.clone(), reason: error.to_string() })?;
        let writer = Writer::new(opened.connection, anchor, Arc::clone(&queue), Arc::clone(&memo), opened.lock);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| OpenError::Sqlite { path: opened.path.clone(), reason: error.to_string() })?;
        let readers = Readers::new(opened.path, memo);
        Ok(Self { readers, queue, wait: config.wait_timeout, thread: Mutex::new(Some(thread)) })
    }

    /// Reads on the calling thread: a point read costs less than handing it to another thread would.
    pub(crate) async fn read(&self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        // A read in place never waits, so without this a task that reads in a loop would starve its neighbours.
        tokio::task::consume_budget().await;
        self.readers.read(sql, params)
    }

    /// Hands the batch to the writer and waits until it is committed.
    pub(crate) async fn apply(&self, batch: Batch, lane: Lane) -> Result<Vec<Vec<Row>>, BatchError> {
        let place = self.queue.place(lane, self.wait).await?;
        let (answer, answered) = oneshot::channel();
        self.queue.push(lane, Job { batch, answer, place })?;
        answered.await.unwrap_or_else(|_| Err(BatchError::Unknown("the database's writer ended".to_owned())))
    }

    /// Ends the writer after what it has been given, and gives the database free.
    pub(crate) async fn close(&self) {
        self.queue.close();
        if let Some(thread) = self.thread.lock().await.take() {
            // The only failure is a panic in the writer, which the panic hook has reported.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        self.readers.close();
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.queue.close();
    }
}
