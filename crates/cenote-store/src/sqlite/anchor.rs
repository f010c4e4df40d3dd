//! A read transaction that stays open while nothing is written.
//!
//! Every read of a database in WAL mode takes a shared lock on the log's index and gives it back. SQLite asks the
//! operating system for the first such lock of a process only, under a mutex that all its connections share: readers that
//! come and go spend more time on that lock, and on waiting for each other, than on the read. While this connection holds
//! one, the others only count.
//!
//! It is let go before each group of writes and taken again after it: a checkpoint must not find an old reader, or the
//! log could never begin anew.

use std::path::Path;

use rusqlite::Connection;

use super::open;

/// Holds the lock, or not: reads are right either way.
pub(super) struct Anchor(Connection);

impl Anchor {
    /// Beside the writer of this database.
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        open::reader(path).map(Self)
    }

    /// Begins to hold the lock, on the database as it is now.
    pub(super) fn hold(&self) {
        let begun = self.run("begin").and_then(|()| {
            // Only a read takes the lock.
            self.0.prepare_cached("select 1 from sqlite_schema limit 1")?.query_row([], |_| Ok(()))
        });
        if let Err(error) = begun {
            tracing::debug!(%error, "reads go on without a lock that they share");
        }
    }

    /// Lets go of it.
    pub(super) fn release(&self) {
        if !self.0.is_autocommit()
            && let Err(error) = self.run("rollback")
        {
            tracing::warn!(%error, "a read transaction did not end");
        }
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.0.prepare_cached(sql)?.raw_execute().map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cenote_base::Timestamp;

    use super::*;
    use crate::migrations;

    /// What the log holds after 120 MB were written, in megabytes.
    fn log_after_writing(is_released: bool) -> u64 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cenote.db");
        let now = Timestamp::from_secs(1);
        let writer = open::open(&path, migrations::MIGRATIONS, now, Duration::from_secs(5)).unwrap().connection;
        let anchor = Anchor::open(&path).unwrap();
        writer.execute_batch("create table filler (n integer primary key, data blob not null) strict").unwrap();
        anchor.hold();
        for n in 0..120 {
            if is_released {
                anchor.release();
            }
            writer.execute("insert or replace into filler values (?1 % 8, randomblob(1000000))", [n]).unwrap();
            if is_released {
                anchor.hold();
            }
            let seen: i64 =
                open::reader(&path).unwrap().query_row("select max(n) from filler", [], |r| r.get(0)).unwrap();
            assert_eq!(seen, n.min(7), "readers see what is committed, whatever is held");
        }
        std::fs::metadata(directory.path().join("cenote.db-wal")).unwrap().len() >> 20
    }

    #[test]
    fn the_log_begins_anew_for_it_is_let_go_while_others_write() {
        let log = log_after_writing(true);
        assert!(log <= 20, "{log} MB");
        let log = log_after_writing(false);
        assert!(log >= 100, "held all the time it would have grown: {log} MB");
    }
}
