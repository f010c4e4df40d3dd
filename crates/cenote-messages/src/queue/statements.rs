//! Statements on the message table that only delivery and its sweep need; the others are in
//! [`cenote_store::records::messages`].

use cenote_base::Timestamp;
use cenote_store::{Batch, Store, StoreError, params};

/// Records a delivery and wipes the content: a code that lies around serves no one.
pub(super) fn sent_and_wiped(id: &str, now: Timestamp) -> Batch {
    Batch::new().any(
        "update messages set state = 'sent', sent_at = $1, last_error = null, content = $2 \
         where id = $3 and state = 'queued'",
        params![now, Vec::<u8>::new(), id],
    )
}

/// Gives a message up and wipes its content.
pub(super) fn failed_and_wiped(id: &str, error: &str) -> Batch {
    Batch::new().any(
        "update messages set state = 'failed', last_error = $1, content = $2 where id = $3 and state = 'queued'",
        params![error, Vec::<u8>::new(), id],
    )
}

/// Whether a message expired before `before`.
pub(super) async fn any_expired(store: &Store, before: Timestamp) -> Result<bool, StoreError> {
    let rows = store.read("select id from messages where expires_at < $1 limit 1", params![before]).await?;
    Ok(!rows.is_empty())
}

/// The newest of the finished messages that are too many when `kept` are kept.
pub(super) async fn finished_beyond(store: &Store, kept: i64) -> Result<Option<String>, StoreError> {
    let row = store
        .read_one("select id from messages where state <> 'queued' order by id desc limit 1 offset $1", params![kept])
        .await?;
    row.map(|row| row.text(0).map(str::to_owned)).transpose()
}

/// Whether a finished message is `last` or older.
pub(super) async fn any_finished_up_to(store: &Store, last: &str) -> Result<bool, StoreError> {
    let rows =
        store.read("select id from messages where state <> 'queued' and id <= $1 limit 1", params![last]).await?;
    Ok(!rows.is_empty())
}

/// Deletes up to `limit` finished messages that are `last` or older.
pub(super) fn delete_finished_up_to(last: &str, limit: i64) -> Batch {
    Batch::new().any(
        "delete from messages where id in \
         (select id from messages where state <> 'queued' and id <= $1 order by id limit $2)",
        params![last, limit],
    )
}
