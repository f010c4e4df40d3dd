//! What can go wrong, by what a caller can do about it.

use cenote_base::Fault;

/// Why a batch did not take effect (or, with [`BatchError::Unknown`], may have).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// A statement's expectation was not met: a wrong number of rows, or a violated unique or foreign key.
    /// Nothing of the batch took effect.
    #[error("statement {index} of the batch was refused: {tag}")]
    Unmet {
        /// Which statement, from 0.
        index: usize,
        /// The statement's tag.
        tag: &'static str,
    },
    /// The database is away, full or too busy. Nothing of the batch took effect; it may be tried again.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The commit was sent and its answer not seen: the batch took effect or did not. Never retry it blindly.
    #[error("it is not known whether the write was committed: {0}")]
    Unknown(String),
    /// The database refused the statement itself: wrong SQL, a wrong type, a violated `check` or `not null`.
    /// Nothing of the batch took effect, and trying again changes nothing: a fault of Cenote.
    #[error("statement {index} of the batch is wrong: {message}")]
    Faulty {
        /// Which statement, from 0.
        index: usize,
        /// The database's words.
        message: String,
    },
}

impl BatchError {
    /// Whose fault it is; an unmet expectation is the caller's.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Unmet { .. } => Fault::Caller,
            Self::Unavailable(_) | Self::Unknown(_) => Fault::Dependency,
            Self::Faulty { .. } => Fault::Cenote,
        }
    }

    /// The tag of the unmet expectation.
    pub const fn tag(&self) -> Option<&'static str> {
        match self {
            Self::Unmet { tag, .. } => Some(tag),
            _ => None,
        }
    }
}

/// Why a read gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database is away or too busy; it may be tried again.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A row that cannot be decoded.
    #[error("the row {key:?} of {table} has an undecodable {column}")]
    Corrupt {
        /// The table's name.
        table: &'static str,
        /// The column's name.
        column: &'static str,
        /// The row's key.
        key: String,
    },
    /// A column that is not there or holds another kind of value.
    #[error("column {index} of a row holds {found} where {wanted} was wanted")]
    Column {
        /// The column's position, from 0.
        index: usize,
        /// The kind that was asked for.
        wanted: &'static str,
        /// The kind that is there.
        found: &'static str,
    },
    /// More than one row where one was asked for.
    #[error("more than one row answers: {0}")]
    ManyRows(&'static str),
    /// The database refused the statement itself.
    #[error("a statement is wrong: {0}")]
    Faulty(String),
}

impl StoreError {
    /// A row that cannot be decoded.
    pub fn corrupt(table: &'static str, column: &'static str, key: impl Into<String>) -> Self {
        Self::Corrupt { table, column, key: key.into() }
    }

    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Unavailable(_) => Fault::Dependency,
            _ => Fault::Cenote,
        }
    }
}

/// The error of what reads and writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreFailure {
    /// A read failed.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// A write failed.
    #[error(transparent)]
    Write(#[from] BatchError),
}

impl StoreFailure {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Read(error) => error.fault(),
            Self::Write(error) => error.fault(),
        }
    }
}
