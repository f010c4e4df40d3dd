//! SQLite's errors by what they mean for a batch.

use rusqlite::ffi;

use crate::{BatchError, StoreError};

/// What an error of a statement means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A unique or foreign key is violated.
    Violation,
    /// The disk, the memory or another process is in the way.
    Unavailable,
    /// The statement is wrong.
    Faulty,
}

/// Classifies an error.
pub(super) fn meaning(error: &rusqlite::Error) -> Meaning {
    let rusqlite::Error::SqliteFailure(failure, _) = error else { return Meaning::Faulty };
    match failure.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID
        | ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Meaning::Violation,
        extended => match extended & 0xff {
            ffi::SQLITE_FULL
            | ffi::SQLITE_IOERR
            | ffi::SQLITE_NOMEM
            | ffi::SQLITE_BUSY
            | ffi::SQLITE_LOCKED
            | ffi::SQLITE_READONLY
            | ffi::SQLITE_CANTOPEN
            | ffi::SQLITE_INTERRUPT
            | ffi::SQLITE_CORRUPT
            | ffi::SQLITE_NOTADB
            | ffi::SQLITE_PROTOCOL => Meaning::Unavailable,
            _ => Meaning::Faulty,
        },
    }
}

/// Whether it is open what a commit that failed with this left behind: the log was written but perhaps not synced.
/// A log that could not be *written* lacks the mark of the commit, so nothing of it counts.
pub(super) fn leaves_commit_open(error: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(failure, _) = error else { return false };
    failure.extended_code & 0xff == ffi::SQLITE_IOERR && failure.extended_code != ffi::SQLITE_IOERR_WRITE
}

/// The error of a read.
pub(super) fn read_error(error: &rusqlite::Error) -> StoreError {
    match meaning(error) {
        Meaning::Unavailable => StoreError::Unavailable(error.to_string()),
        Meaning::Violation | Meaning::Faulty => StoreError::Faulty(error.to_string()),
    }
}

/// The error of a batch as a whole.
pub(super) fn unavailable(error: &rusqlite::Error) -> BatchError {
    BatchError::Unavailable(error.to_string())
}
