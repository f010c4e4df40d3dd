//! Facts about the whole installation (account, region, check value of the master key), each written once.
//!
//! The first start writes them all in one batch whose first statement is the claim of [`initialise`]: of several nodes
//! that start at once on an empty database exactly one succeeds, the others get [`ALREADY_INITIALISED`] and read what
//! it wrote.

use crate::{Batch, Store, StoreError, params};

/// The tag of a second initialisation.
pub const ALREADY_INITIALISED: &str = "AlreadyInitialised";
/// The tag of a fact that is written a second time.
pub const FACT_EXISTS: &str = "FactExists";

/// The name of the claim; no fact may have it.
const CLAIM: &str = "initialised";

/// Claims the installation: put it first, then what the first start writes.
pub fn initialise() -> Batch {
    Batch::new().one("insert into instance (name, value) values ($1, $2)", params![CLAIM, b"1"], ALREADY_INITIALISED)
}

/// Whether an initialisation was committed.
///
/// # Errors
/// When the database does not answer.
pub async fn is_initialised(store: &Store) -> Result<bool, StoreError> {
    Ok(get(store, CLAIM).await?.is_some())
}

/// Writes a fact; unmet with [`FACT_EXISTS`] when it is there already.
pub fn insert(name: &str, value: impl Into<Vec<u8>>) -> Batch {
    Batch::new().one("insert into instance (name, value) values ($1, $2)", params![name, value.into()], FACT_EXISTS)
}

/// Replaces a fact's value if it is still `old`; unmet with `tag` when it is not.
pub fn replace(name: &str, old: impl Into<Vec<u8>>, new: impl Into<Vec<u8>>, tag: &'static str) -> Batch {
    Batch::new().one(
        "update instance set value = $1 where name = $2 and value = $3",
        params![new.into(), name, old.into()],
        tag,
    )
}

/// Writes `bytes` where nobody reads them: whoever wants to know whether the database takes a write.
pub fn probe(bytes: impl Into<Vec<u8>>) -> Batch {
    Batch::new().any(
        "insert into instance (name, value) values ('probe', $1) \
         on conflict (name) do update set value = excluded.value",
        params![bytes.into()],
    )
}

/// A fact.
///
/// # Errors
/// When the database does not answer.
pub async fn get(store: &Store, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let row = store.read_one("select value from instance where name = $1", params![name]).await?;
    row.map(|row| row.bytes(0).map(<[u8]>::to_vec)).transpose()
}

/// A fact that is text.
///
/// # Errors
/// When the database does not answer, or the fact is not text.
pub async fn get_text(store: &Store, name: &str) -> Result<Option<String>, StoreError> {
    let text = |bytes| String::from_utf8(bytes).map_err(|_| StoreError::corrupt("instance", "value", name));
    get(store, name).await?.map(text).transpose()
}
