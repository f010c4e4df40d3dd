//! Connections that read, on the thread that asks.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::{errors, execute, open};
use crate::sql::Memo;
use crate::{Row, StoreError, Value};

/// Idle connections that are kept. As many as threads read at once may be open; the rest are closed after use.
const KEPT: usize = 16;

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    memo: Arc<Memo>,
    /// `None` once the store is closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, memo: Arc<Memo>) -> Self {
        Self { path, memo, idle: Mutex::new(Some(Vec::new())) }
    }

    pub(super) fn read(&self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let connection = self.take()?;
        let result = execute::bound(&connection, &self.memo, sql, params)
            .and_then(|mut statement| execute::rows(&mut statement))
            .map_err(|error| errors::read_error(&error));
        // After a failure of the database the connection is closed: the next read begins afresh.
        if !matches!(result, Err(StoreError::Unavailable(_))) {
            self.give_back(connection);
        }
        result
    }

    pub(super) fn close(&self) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn take(&self) -> Result<Connection, StoreError> {
        let idle = match self.idle.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(idle) => idle.pop(),
            None => return Err(StoreError::Unavailable("the store is closed".to_owned())),
        };
        match idle {
            Some(connection) => Ok(connection),
            None => open::reader(&self.path).map_err(|error| errors::read_error(&error)),
        }
    }

    fn give_back(&self, connection: Connection) {
        if let Some(idle) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
            && idle.len() < KEPT
        {
            idle.push(connection);
        }
    }
}
