//! Where the database is and how it is used.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cenote_base::Secret;

/// Where the database is.
#[derive(Clone, Debug)]
pub enum Location {
    /// One SQLite file. Its directory must exist and be on a local file system. Beside it stand `-wal`, `-shm` and
    /// `.lock` files of the same name.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A PostgreSQL server.
    Postgres {
        /// `postgresql://user:password@host/database?…` as libpq knows it. With `sslmode=require` the connection is
        /// encrypted and the server's certificate and name are verified, by the authorities in `sslrootcert=FILE` or
        /// the public ones; without it nothing is encrypted. `options=-csearch_path%3Dname` picks a schema.
        url: Secret,
    },
}

/// How a store is opened. The durations have defaults that suit a server.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Where the database is.
    pub location: Location,
    /// PostgreSQL: how many connections at most. Default 16.
    pub connections: usize,
    /// PostgreSQL: how long making a connection may take. Default 5 s.
    pub connect_timeout: Duration,
    /// How long a call waits for a free connection (PostgreSQL) or a place in the write queue (SQLite) before it is
    /// [`Unavailable`](crate::BatchError::Unavailable). Default 5 s.
    pub wait_timeout: Duration,
    /// PostgreSQL: how long one statement may take, waiting for locks included. Default 10 s.
    pub statement_timeout: Duration,
    /// SQLite: how many batches may wait in each lane. Default 4,096.
    pub queue: usize,
    /// SQLite: how many pages the database may have (`max_page_count`): a full disk for tests.
    #[doc(hidden)]
    pub page_limit: Option<u32>,
}

impl StoreConfig {
    /// An SQLite database in this file.
    pub fn sqlite(path: impl AsRef<Path>) -> Self {
        Self::at(Location::Sqlite { path: path.as_ref().to_owned() })
    }

    /// The PostgreSQL database behind this URL.
    pub fn postgres(url: impl Into<Secret>) -> Self {
        Self::at(Location::Postgres { url: url.into() })
    }

    fn at(location: Location) -> Self {
        Self {
            location,
            connections: 16,
            connect_timeout: Duration::from_secs(5),
            wait_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            queue: 4096,
            page_limit: None,
        }
    }
}
