//! The one thread that writes. Batches are committed in groups: one fsync acknowledges up to 256 of them.

use std::fs::File;
use std::sync::Arc;

use rusqlite::Connection;

use super::anchor::Anchor;
use super::errors::{self, Meaning};
use super::execute;
use super::queue::{Answer, Group, Job, Queue};
use crate::batch::{Expect, Statement};
use crate::sql::Memo;
use crate::{Batch, BatchError, Row};

/// Owns the connection that writes, and the lock on the database.
pub(super) struct Writer {
    connection: Connection,
    anchor: Anchor,
    queue: Arc<Queue>,
    memo: Arc<Memo>,
    lock: File,
}

/// Why a batch did not run.
enum Stop {
    /// The batch alone was undone, this is its answer.
    Batch(BatchError),
    /// SQLite undid the whole transaction, neighbours included.
    Transaction(BatchError),
}

impl Writer {
    pub(super) fn new(connection: Connection, anchor: Anchor, queue: Arc<Queue>, memo: Arc<Memo>, lock: File) -> Self {
        Self { connection, anchor, queue, memo, lock }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(self) {
        let Self { connection, anchor, queue, memo, lock } = self;
        // However this thread ends, nobody may wait for it afterwards.
        let _closing = CloseOnDrop(Arc::clone(&queue));
        let worker = Worker { connection, memo };
        anchor.hold();
        while queue.wait() {
            anchor.release();
            worker.group(&queue);
            anchor.hold();
        }
        drop(anchor);
        drop(worker);
        // Only now may another server open the database.
        drop(lock);
    }
}

struct CloseOnDrop(Arc<Queue>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct Worker {
    connection: Connection,
    memo: Arc<Memo>,
}

impl Worker {
    /// Commits what waits, up to a group's size, and answers everybody.
    fn group(&self, queue: &Queue) {
        let mut taken = Group::default();
        let mut done: Vec<(Job, Answer)> = Vec::new();
        if let Err(error) = self.begin() {
            while let Some((lane, job)) = queue.next(taken) {
                taken.count(lane);
                done.push((job, Err(error.clone())));
            }
            return answer(done);
        }
        while let Some((lane, job)) = queue.next(taken) {
            taken.count(lane);
            match self.batch(&job.batch) {
                Ok(rows) => done.push((job, Ok(rows))),
                Err(Stop::Batch(error)) => done.push((job, Err(error))),
                Err(Stop::Transaction(error)) => {
                    done.push((job, Err(error)));
                    return self.singly(done);
                }
            }
        }
        // Refusals wait for the commit too: they may rest on a neighbour that was not committed yet.
        match self.commit() {
            Ok(()) => answer(done),
            Err(BatchError::Unavailable(_)) if done.len() > 1 => self.singly(done),
            Err(error) => answer(done.into_iter().map(|(job, _)| (job, Err(error.clone()))).collect()),
        }
    }

    /// Runs each batch of a lost group in a transaction of its own, so that what does not fit on the disk does not take
    /// down what does (deletions above all).
    fn singly(&self, group: Vec<(Job, Answer)>) {
        for (job, _) in group {
            let outcome = self.begin().and_then(|()| match self.batch(&job.batch) {
                Ok(rows) => self.commit().map(|()| rows),
                Err(Stop::Batch(error)) => self.commit().and(Err(error)),
                Err(Stop::Transaction(error)) => Err(error),
            });
            answer(vec![(job, outcome)]);
        }
    }

    fn begin(&self) -> Result<(), BatchError> {
        self.run("begin immediate").map_err(|error| errors::unavailable(&error))
    }

    fn commit(&self) -> Result<(), BatchError> {
        let Err(error) = self.run("commit") else { return Ok(()) };
        if !self.connection.is_autocommit()
            && let Err(error) = self.run("rollback")
        {
            tracing::error!(%error, "the database did not roll back");
        }
        if errors::leaves_commit_open(&error) {
            // The log may or may not hold the commit: only a restart would tell.
            return Err(BatchError::Unknown(error.to_string()));
        }
        Err(errors::unavailable(&error))
    }

    /// Runs a batch in its savepoint.
    fn batch(&self, batch: &Batch) -> Result<Vec<Vec<Row>>, Stop> {
        self.run("savepoint batch").map_err(|error| self.stop(errors::unavailable(&error)))?;
        let mut out = Vec::with_capacity(batch.len());
        for (index, statement) in batch.statements().iter().enumerate() {
            match self.statement(index, statement) {
                Ok(rows) => out.push(rows),
                Err(error) => return Err(self.undo(error)),
            }
        }
        match self.run("release batch") {
            Ok(()) => Ok(out),
            Err(error) => Err(self.undo(errors::unavailable(&error))),
        }
    }

    /// Undoes the batch that failed with `error`; its neighbours stay unless SQLite has undone them already.
    fn undo(&self, error: BatchError) -> Stop {
        if !self.connection.is_autocommit()
            && let Err(failed) = self.run("rollback to batch").and_then(|()| self.run("release batch"))
        {
            tracing::error!(error = %failed, "the database did not undo a batch, the whole group is undone");
            if !self.connection.is_autocommit()
                && let Err(error) = self.run("rollback")
            {
                tracing::error!(%error, "the database did not roll back");
            }
        }
        self.stop(error)
    }

    /// A full disk can make SQLite undo the whole transaction: then there is none any more.
    fn stop(&self, error: BatchError) -> Stop {
        if self.connection.is_autocommit() { Stop::Transaction(error) } else { Stop::Batch(error) }
    }

    fn statement(&self, index: usize, statement: &Statement) -> Result<Vec<Row>, BatchError> {
        let (rows, changed) = self.execute(statement).map_err(|error| match errors::meaning(&error) {
            Meaning::Violation => BatchError::Unmet { index, tag: statement.expect.tag() },
            Meaning::Unavailable => errors::unavailable(&error),
            Meaning::Faulty => BatchError::Faulty { index, message: error.to_string() },
        })?;
        match statement.expect {
            Expect::Any => Ok(rows),
            Expect::One(_) if changed == 1 => Ok(rows),
            Expect::OneReturning(_) if rows.len() == 1 => Ok(rows),
            Expect::One(tag) | Expect::OneReturning(tag) => Err(BatchError::Unmet { index, tag }),
        }
    }

    /// The rows that came back and how many were changed.
    fn execute(&self, statement: &Statement) -> rusqlite::Result<(Vec<Row>, u64)> {
        let mut prepared = execute::bound(&self.connection, &self.memo, statement.sql, &statement.params)?;
        if prepared.column_count() > 0 {
            let rows = execute::rows(&mut prepared)?;
            let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
            return Ok((rows, count));
        }
        let changed = prepared.raw_execute()?;
        Ok((Vec::new(), u64::try_from(changed).unwrap_or(u64::MAX)))
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.raw_execute().map(|_| ())
    }
}

fn answer(group: Vec<(Job, Answer)>) {
    for (job, outcome) in group {
        // Nobody listens when the caller went away: the batch stands all the same.
        let _ = job.answer.send(outcome);
    }
}
