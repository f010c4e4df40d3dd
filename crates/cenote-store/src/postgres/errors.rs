//! PostgreSQL's errors by what they mean for a batch (<https://www.postgresql.org/docs/15/errcodes-appendix.html>).

use std::error::Error;

use deadpool_postgres::PoolError;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// What went wrong with one statement.
#[derive(Debug)]
pub(super) enum Failure {
    /// The driver's or the server's error.
    Postgres(tokio_postgres::Error),
    /// A value that the portable subset does not have.
    Value(String),
}

/// What an error of a statement means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A unique or foreign key is violated.
    Violation,
    /// The wrapped statement wrote a wrong number of rows: the division by zero.
    Count,
    /// The transaction lost against another and may be repeated.
    Conflict,
    /// This connection is of no use, another may be; the statement did not take effect.
    Reconnect,
    /// The connection broke: what was sent may have taken effect.
    Lost,
    /// The server is out of something (disk, memory, time).
    Unavailable,
    /// The statement is wrong.
    Faulty,
}

impl Failure {
    pub(super) fn meaning(&self) -> Meaning {
        let Self::Postgres(error) = self else { return Meaning::Faulty };
        match error.as_db_error() {
            Some(error) => of_server(error),
            None => Meaning::Lost,
        }
    }

    /// Whether the server undid the transaction for certain when COMMIT was answered with this.
    pub(super) fn commit_was_refused(&self) -> bool {
        let Self::Postgres(error) = self else { return false };
        error.as_db_error().is_some_and(|error| {
            let class = error.code().code().get(..2).unwrap_or("");
            class != "08" && class != "57" && error.parsed_severity() == Some(Severity::Error)
        })
    }

    /// Whether the statement merely came after the one that failed.
    pub(super) fn is_consequence(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Postgres(error) => f.write_str(&text(error)),
            Self::Value(reason) => f.write_str(reason),
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

fn of_server(error: &DbError) -> Meaning {
    let state = error.code();
    if *state == SqlState::UNIQUE_VIOLATION || *state == SqlState::FOREIGN_KEY_VIOLATION {
        return Meaning::Violation;
    }
    if *state == SqlState::DIVISION_BY_ZERO {
        return Meaning::Count;
    }
    if *state == SqlState::T_R_SERIALIZATION_FAILURE || *state == SqlState::T_R_DEADLOCK_DETECTED {
        return Meaning::Conflict;
    }
    // A timeout of ours or an operator's cancel: the connection is good.
    if *state == SqlState::QUERY_CANCELED || *state == SqlState::LOCK_NOT_AVAILABLE {
        return Meaning::Unavailable;
    }
    // A plan that a migration made invalid, a statement that a pooler forgot, a server that became a replica.
    if error.routine() == Some("RevalidateCachedQuery")
        || *state == SqlState::INVALID_SQL_STATEMENT_NAME
        || *state == SqlState::READ_ONLY_SQL_TRANSACTION
    {
        return Meaning::Reconnect;
    }
    match state.code().get(..2).unwrap_or("") {
        // Connection failures, and shutting down or starting up.
        "08" | "57" => Meaning::Reconnect,
        // Out of disk, memory or connections; something is in use; the system's own errors; internal errors.
        "53" | "55" | "58" | "XX" => Meaning::Unavailable,
        _ if error.parsed_severity() == Some(Severity::Error) => Meaning::Faulty,
        _ => Meaning::Reconnect,
    }
}

/// The error with its cause, on one line, without parameters.
pub(super) fn text(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(error), _) => format!("{} (SQLSTATE {})", error.message(), error.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

/// Why the pool gave no connection.
pub(super) fn pool_text(error: &PoolError) -> String {
    match error {
        PoolError::Backend(error) => text(error),
        PoolError::Timeout(_) => "no connection in time".to_owned(),
        PoolError::Closed => "the store is closed".to_owned(),
        other => other.to_string(),
    }
}
