//! Change numbers: how nodes learn that what they cached of the configuration is stale.
//!
//! Each write of configuration raises its topic's number in the same batch; nodes read all numbers about once a second.

use std::collections::BTreeMap;

use crate::{Batch, Store, StoreError, params};

/// How many topics there may be. They are fixed names (or a fixed number of shards), never one per pool.
pub const MOST_TOPICS: usize = 1024;

/// Raises a topic's number. The row is contended: keep it near the end of its batch, always at the same place.
pub fn bump(topic: &str) -> Batch {
    Batch::new().one(
        "insert into changes (topic, number) values ($1, 1) on conflict (topic) do update set number = changes.number + 1",
        params![topic],
        "Change",
    )
}

/// Every topic's number; a topic without one was never changed.
///
/// # Errors
/// When the database does not answer, or there are more than [`MOST_TOPICS`].
pub async fn numbers(store: &Store) -> Result<BTreeMap<String, i64>, StoreError> {
    let limit = i64::try_from(MOST_TOPICS).unwrap_or(i64::MAX).saturating_add(1);
    let rows = store.read("select topic, number from changes order by topic limit $1", params![limit]).await?;
    if rows.len() > MOST_TOPICS {
        return Err(StoreError::Faulty(format!("there are more than {MOST_TOPICS} topics of change")));
    }
    rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.int(1)?))).collect()
}
