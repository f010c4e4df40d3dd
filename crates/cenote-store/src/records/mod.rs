//! Typed records and their queries, one file per record, each query written once for both engines.
//!
//! Reading functions take the [`Store`](crate::Store); writing functions return a [`Batch`](crate::Batch) (or a piece
//! of one), so that an operation puts all it changes into one atomic write. A row that cannot be decoded is a
//! [`StoreError::Corrupt`](crate::StoreError) that names table, column and key.

pub mod attempts;
pub mod clients;
pub mod codes;
pub mod counters;
pub mod decoys;
pub mod families;
pub mod keys;
pub mod messages;
pub mod pools;
pub mod sessions;
pub mod swept;
pub mod user_lists;
pub mod users;

use std::str::FromStr;

use crate::{Row, StoreError};

/// Parses the text of column `index` into an identifier or enum; `key` names the row in the error.
fn parse<T: FromStr>(row: &Row, index: usize, table: &'static str, column: &'static str) -> Result<T, StoreError> {
    let text = row.text(index)?;
    text.parse().map_err(|_| StoreError::Corrupt { table, column, key: row.text(0).unwrap_or("?").to_owned() })
}
