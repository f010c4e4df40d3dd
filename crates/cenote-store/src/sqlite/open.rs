//! Opening the file: the lock, the settings without which acknowledged writes could be lost, the migrations.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cenote_base::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, ffi};

use crate::migrations::{self, Applied, Migration};
use crate::sql::{sqlite_ddl, sqlite_parameters};
use crate::{OpenError, params};

/// The first release without the WAL-reset race, in which a writer and a checkpoint could lose committed writes.
const OLDEST_SQLITE: i32 = 3_051_003;
/// "Ceno" in ASCII: how SQLite files tell whose they are (`PRAGMA application_id`).
const APPLICATION_ID: i64 = 0x4365_6e6f;
/// Statements kept prepared per connection; there are a few hundred in the program.
const STATEMENTS: usize = 512;

/// A writer's connection and the lock that goes with it.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    pub(super) lock: File,
}

/// Locks, opens, checks and migrates the database.
///
/// `wait`: how long a write waits for another program that is writing (a shell, a backup).
pub(super) fn open(path: &Path, known: &[Migration], now: Timestamp, wait: Duration) -> Result<Opened, OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(OpenError::SqliteTooOld { found: rusqlite::version() });
    }
    // Absolute, because SQLite would take a name that begins with "file:" for a URI.
    let path = std::path::absolute(path).map_err(|error| directory_error(path, &error))?;
    let lock = lock(&path)?;
    create(&path)?;
    let mut connection = connect(&path, wait).map_err(|error| open_error(&path, &error))?;
    claim(&path, &connection)?;
    settle(&path, &connection)?;
    migrate(&path, &mut connection, known, now)?;
    Ok(Opened { path, connection, lock })
}

/// Bounds the size of the database.
pub(super) fn limit_pages(opened: &Opened, pages: u32) -> Result<(), OpenError> {
    // Answers with the limit that holds now.
    let set = opened.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
    set.map_err(|error| open_error(&opened.path, &error))
}

/// A connection that reads only.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    // Beside a writer a reader waits only while a log is recovered.
    let connection = connect(path, Duration::from_secs(1))?;
    connection.pragma_update(None, "query_only", true)?;
    // The operating system keeps the file's pages too: what is kept here only spares the copy.
    connection.pragma_update(None, "cache_size", -2_000)?;
    Ok(connection)
}

fn connect(path: &Path, wait: Duration) -> rusqlite::Result<Connection> {
    // Without CREATE: the file was made with its permissions before, and must not come back when it is taken away.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Else each statement is planned anew for each set of parameters: there are statistics, and a plan could depend on
    // what they say about the values. That costs more than any of our statements do.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    Ok(connection)
}

/// Takes the lock that keeps a second server away. It is the kernel's, so it ends with the process however that ends.
fn lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = beside(path, ".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&lock_path)
        .map_err(|error| directory_error(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(directory_error(path, &error)),
    }
}

/// Makes the file if there is none, readable by its owner alone. SQLite gives `-wal` and `-shm` the same permissions.
fn create(path: &Path) -> Result<(), OpenError> {
    let opened = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path);
    opened.map(drop).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => directory_error(path, &error),
        _ => OpenError::ReadOnly { path: path.to_owned(), reason: error.to_string() },
    })
}

/// Marks a new database as Cenote's; refuses another program's.
fn claim(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let failed = |error| open_error(path, &error);
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    let tables: i64 =
        connection.query_row("select count(*) from sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    match id {
        APPLICATION_ID => Ok(()),
        0 if tables == 0 => connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed),
        _ => Err(OpenError::Foreign { path: path.to_owned() }),
    }
}

/// The writer's settings. Those that durability rests on are read back.
fn settle(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let failed = |error| open_error(path, &error);
    let journal: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).map_err(failed)?;
    if journal != "wal" {
        return Err(OpenError::NotDurable { setting: "journal_mode", found: journal, wanted: "wal" });
    }
    connection.pragma_update(None, "synchronous", "full").map_err(failed)?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(failed)?;
    if synchronous != 2 {
        return Err(OpenError::NotDurable {
            setting: "synchronous",
            found: synchronous.to_string(),
            wanted: "2 (full)",
        });
    }
    // 16 MB between checkpoints; a log that grew during a long read shrinks again to 64 MB.
    connection.pragma_update(None, "wal_autocheckpoint", 4_000).map_err(failed)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20).map_err(failed)?;
    connection.pragma_update(None, "cache_size", -8_000).map_err(failed)
}

fn migrate(path: &Path, connection: &mut Connection, known: &[Migration], now: Timestamp) -> Result<(), OpenError> {
    let failed = |error| open_error(path, &error);
    connection.execute_batch(&sqlite_ddl(migrations::TABLE)).map_err(failed)?;
    let applied = {
        let mut statement = connection.prepare(migrations::READ).map_err(failed)?;
        let rows = statement
            .query_map([], |row| Ok(Applied { number: row.get(0)?, checksum: row.get(1)?, min_program: row.get(2)? }));
        rows.and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>).map_err(failed)?
    };
    let steps = migrations::pending(known, &applied)?;
    for step in &steps {
        run(connection, step, now).map_err(|error| step.failed(error))?;
    }
    if !steps.is_empty() {
        connection.execute_batch("analyze").map_err(failed)?;
    }
    Ok(())
}

fn run(connection: &mut Connection, step: &Migration, now: Timestamp) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(&sqlite_ddl(step.sql))?;
    let record = params![step.number, step.name, step.checksum(), step.min_program, now];
    transaction.execute(&sqlite_parameters(migrations::RECORD), rusqlite::params_from_iter(record))?;
    transaction.commit()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn directory_error(path: &Path, error: &io::Error) -> OpenError {
    let directory = path.parent().unwrap_or(path).to_owned();
    OpenError::Directory { path: directory, reason: error.to_string() }
}

fn open_error(path: &Path, error: &rusqlite::Error) -> OpenError {
    let (path, reason) = (path.to_owned(), error.to_string());
    let code = match error {
        rusqlite::Error::SqliteFailure(failure, _) => failure.extended_code & 0xff,
        _ => ffi::SQLITE_ERROR,
    };
    match code {
        ffi::SQLITE_NOTADB | ffi::SQLITE_CORRUPT => OpenError::NotADatabase { path, reason },
        ffi::SQLITE_READONLY | ffi::SQLITE_PERM | ffi::SQLITE_FULL => OpenError::ReadOnly { path, reason },
        _ => OpenError::Sqlite { path, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(directory: &tempfile::TempDir) -> Opened {
        let path = directory.path().join("cenote.db");
        open(&path, migrations::MIGRATIONS, Timestamp::from_secs(1), Duration::from_secs(5)).unwrap()
    }

    #[test]
    fn the_linked_sqlite_does_not_lose_commits() {
        assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
    }

    #[test]
    fn durability_settings_hold_on_the_connection_that_writes() {
        let directory = tempfile::tempdir().unwrap();
        let connection = opened(&directory).connection;
        let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(journal, "wal");
        assert_eq!((number("synchronous"), number("foreign_keys")), (2, 1));
        assert_eq!((number("busy_timeout"), number("application_id")), (5000, APPLICATION_ID));
    }

    #[test]
    fn readers_cannot_write() {
        let directory = tempfile::tempdir().unwrap();
        let writer = opened(&directory);
        let reader = reader(&writer.path).unwrap();
        let error = reader.execute("delete from jobs", []).unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::ReadOnly));
        let foreign_keys: i64 = reader.pragma_query_value(None, "foreign_keys", |row| row.get(0)).unwrap();
        assert_eq!(foreign_keys, 1);
    }

    #[test]
    fn every_table_is_strict() {
        let directory = tempfile::tempdir().unwrap();
        let writer = opened(&directory);
        let loose = "select count(*), sum(strict) from pragma_table_list where schema = 'main' and type = 'table' \
                     and name not like 'sqlite%'";
        let (tables, strict): (i64, i64) =
            writer.connection.query_row(loose, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert!(tables > 4);
        assert_eq!(tables, strict);
    }
}
