//! What Cenote keeps: records and queries over two engines, SQLite (embedded, the default) and PostgreSQL.
//!
//! One set of SQL runs on both. Reads are plain ([`Store::read`]); writes are atomic batches whose statements say what
//! they expect ([`Batch`], [`Store::apply`]). What `apply` acknowledged survives the end of the process and of the
//! machine.
//!
//! May touch: the database's files or server, nothing else.
//! Must never know: HTTP, AWS shapes, the rules of user pools, what a sealed value contains.

pub mod audit;
mod batch;
pub mod changes;
mod config;
pub mod cost;
mod error;
pub mod instance;
pub mod jobs;
mod migrations;
mod open_error;
mod postgres;
pub mod records;
mod row;
mod sql;
mod sqlite;
mod store;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod testing;
mod value;

pub use batch::{Batch, CONSTRAINT};
pub use config::{Location, StoreConfig};
pub use error::{BatchError, StoreError, StoreFailure};
pub use migrations::{MIGRATIONS, Migration};
pub use open_error::OpenError;
pub use row::Row;
pub use store::Store;
pub use value::Value;
