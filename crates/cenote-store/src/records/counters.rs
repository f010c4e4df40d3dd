//! Limits that hold under concurrency: a counter row that is only ever changed by a conditional increment.

use crate::{Batch, Row, Store, StoreError, params};

/// Counts one more of `kind` for `owner`; unmet with `tag` when there are `limit` already.
pub fn increment(owner: &str, kind: &'static str, limit: i64, tag: &'static str) -> Batch {
    Batch::new().one(
        "insert into counters (owner, kind, n) select $1, $2, 1 where cast($3 as bigint) > 0 \
         on conflict (owner, kind) do update set n = counters.n + 1 where counters.n < $3",
        params![owner, kind, limit],
        tag,
    )
}

/// Counts one less.
pub fn decrement(owner: &str, kind: &'static str) -> Batch {
    Batch::new().any("update counters set n = n - 1 where owner = $1 and kind = $2 and n > 0", params![owner, kind])
}

/// Forgets all counters of `owner`.
pub fn forget(owner: &str) -> Batch {
    Batch::new().any("delete from counters where owner = $1", params![owner])
}

/// How many there are.
///
/// # Errors
/// When the database does not answer.
pub async fn current(store: &Store, owner: &str, kind: &'static str) -> Result<i64, StoreError> {
    let row = store.read_one("select n from counters where owner = $1 and kind = $2", params![owner, kind]).await?;
    row.as_ref().map_or(Ok(0), |row: &Row| row.int(0))
}
