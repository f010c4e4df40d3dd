//! Why a store cannot be opened: each is one clear line, without secrets.

use std::path::PathBuf;

/// Why a store cannot be opened. `Display` is the line that the operator reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The directory of the database cannot be used.
    #[error("cannot use the data directory {}: {reason}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The operating system's words.
        reason: String,
    },
    /// Another process (or another store in this one) has the database open.
    #[error("another server is running on the database {}", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The file is no SQLite database, or a damaged one.
    #[error("{} is not an SQLite database, or it is damaged: {reason}", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        reason: String,
    },
    /// An SQLite database of another program.
    #[error("{} is an SQLite database that belongs to another program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("the database {} cannot be written: {reason}", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// SQLite's or the operating system's words.
        reason: String,
    },
    /// Any other failure of SQLite.
    #[error("cannot open the database {}: {reason}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        reason: String,
    },
    /// The linked SQLite can lose committed writes (its WAL-reset race was repaired in 3.51.3).
    #[error("SQLite {found} can lose committed writes: 3.51.3 or newer is needed")]
    SqliteTooOld {
        /// The linked version.
        found: &'static str,
    },
    /// The database did not take a setting without which acknowledged writes could be lost.
    #[error("the database does not keep what it acknowledges: {setting} is {found}, {wanted} is needed")]
    NotDurable {
        /// The setting.
        setting: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// The database's URL cannot be read or asks for something that is not built.
    #[error("the database URL is not usable: {0}")]
    Url(String),
    /// PostgreSQL does not answer, or refuses the connection.
    #[error("cannot connect to PostgreSQL: {0}")]
    Unreachable(String),
    /// PostgreSQL answers but cannot be used.
    #[error("this PostgreSQL cannot be used: {0}")]
    Unsuitable(String),
    /// The database was changed so that only a newer program understands it.
    #[error("the database needs a newer Cenote: it asks for schema version {wanted}, this program has {this}")]
    NewerProgram {
        /// The lowest schema version that a program must have.
        wanted: i64,
        /// This program's.
        this: i64,
    },
    /// A migration that was applied differs from the one in this program.
    #[error("migration {number} ({name}) is not the one that was applied to the database")]
    MigrationChanged {
        /// The migration's number.
        number: i64,
        /// Its name.
        name: String,
    },
    /// A migration failed; nothing of it took effect.
    #[error("migration {number} ({name}) failed: {reason}")]
    MigrationFailed {
        /// The migration's number.
        number: i64,
        /// Its name.
        name: String,
        /// The database's words.
        reason: String,
    },
}
