//! Messages that wait to be delivered, or were delivered lately. Destination and content are sealed.

use cenote_base::{PoolId, Timestamp};

use super::parse;
use crate::{Batch, Row, Store, StoreError, params};

/// The state of a row that stands for nothing: written where a user would be sent a message, so that the same request
/// for one who does not exist is as much work. Never sent, never shown, deleted when it ends.
pub const DECOY: &str = "decoy";

/// An e-mail or a text message.
#[derive(Clone, Debug)]
pub struct MessageRecord {
    /// UUID of version 7: sorts by time.
    pub id: String,
    /// The pool that it is sent for.
    pub pool_id: PoolId,
    /// What it is about, `SignUp`, `AdminCreateUser`, …
    pub kind: String,
    /// `EMAIL` or `SMS`.
    pub medium: String,
    /// `queued`, `sent`, `failed`, or [`DECOY`].
    pub state: String,
    /// Sealed address.
    pub destination: Vec<u8>,
    /// Sealed subject and body.
    pub content: Vec<u8>,
    /// How often delivery was tried.
    pub attempts: i64,
    /// Not before this; a worker that takes it moves this into the future.
    pub next_attempt_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// After this it is given up and deleted.
    pub expires_at: Timestamp,
    /// When it was delivered.
    pub sent_at: Option<Timestamp>,
    /// Why the last try failed.
    pub last_error: Option<String>,
}

impl MessageRecord {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.text(0)?.to_owned(),
            pool_id: parse(row, 1, "messages", "pool_id")?,
            kind: row.text(2)?.to_owned(),
            medium: row.text(3)?.to_owned(),
            state: row.text(4)?.to_owned(),
            destination: row.bytes(5)?.to_vec(),
            content: row.bytes(6)?.to_vec(),
            attempts: row.int(7)?,
            next_attempt_at: row.time(8)?,
            created_at: row.time(9)?,
            expires_at: row.time(10)?,
            sent_at: row.opt_time(11)?,
            last_error: row.opt_text(12)?.map(str::to_owned),
        })
    }
}

macro_rules! message_columns {
    () => {
        "id, pool_id, kind, medium, state, destination, content, attempts, next_attempt_at, created_at, expires_at, \
         sent_at, last_error"
    };
}

/// Queues a message.
pub fn insert(message: &MessageRecord) -> Batch {
    Batch::new().one(
        "insert into messages (id, pool_id, kind, medium, state, destination, content, attempts, next_attempt_at, \
         created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        params![
            message.id.as_str(),
            &message.pool_id,
            message.kind.as_str(),
            message.medium.as_str(),
            message.state.as_str(),
            message.destination.clone(),
            message.content.clone(),
            message.attempts,
            message.next_attempt_at,
            message.created_at,
            message.expires_at
        ],
        "MessageExists",
    )
}

/// One message.
///
/// # Errors
/// When the database does not answer or the row cannot be decoded.
pub async fn find(store: &Store, id: &str) -> Result<Option<MessageRecord>, StoreError> {
    let row =
        store.read_one(concat!("select ", message_columns!(), " from messages where id = $1"), params![id]).await?;
    row.as_ref().map(MessageRecord::from_row).transpose()
}

/// Up to `limit` messages whose time has come.
///
/// # Errors
/// When the database does not answer or a row cannot be decoded.
pub async fn due(store: &Store, now: Timestamp, limit: i64) -> Result<Vec<MessageRecord>, StoreError> {
    let rows = store
        .read(
            concat!(
                "select ",
                message_columns!(),
                " from messages where state = 'queued' and next_attempt_at <= $1 order by next_attempt_at, id limit $2"
            ),
            params![now, limit],
        )
        .await?;
    rows.iter().map(MessageRecord::from_row).collect()
}

/// Up to `limit` messages of any state that are newer than none but older than `before` (an id; empty: the newest
/// first).
///
/// # Errors
/// When the database does not answer or a row cannot be decoded.
pub async fn newest(store: &Store, before: &str, limit: i64) -> Result<Vec<MessageRecord>, StoreError> {
    let rows = store
        .read(
            concat!(
                "select ",
                message_columns!(),
                " from messages where ($1 = '' or id < $1) and state <> 'decoy' order by id desc limit $2"
            ),
            params![before, limit],
        )
        .await?;
    rows.iter().map(MessageRecord::from_row).collect()
}

/// Holds a message back that is in the same batch: it is not due before `until`.
pub fn hold_back(id: &str, until: Timestamp) -> Batch {
    Batch::new().one("update messages set next_attempt_at = $1 where id = $2", params![until, id], "MessageGone")
}

/// Takes a due message for one try until `until`; unmet with `Taken` when another worker was quicker.
pub fn take(message: &MessageRecord, until: Timestamp) -> Batch {
    Batch::new().one(
        "update messages set attempts = attempts + 1, next_attempt_at = $1 \
         where id = $2 and state = 'queued' and attempts = $3",
        params![until, message.id.as_str(), message.attempts],
        "Taken",
    )
}

/// Records a delivery.
pub fn sent(id: &str, now: Timestamp) -> Batch {
    Batch::new().any(
        "update messages set state = 'sent', sent_at = $1, last_error = null where id = $2 and state = 'queued'",
        params![now, id],
    )
}

/// Records a failed try; `retry_at` none: given up.
pub fn failed(id: &str, error: &str, retry_at: Option<Timestamp>) -> Batch {
    match retry_at {
        Some(at) => Batch::new().any(
            "update messages set last_error = $1, next_attempt_at = $2 where id = $3 and state = 'queued'",
            params![error, at, id],
        ),
        None => Batch::new().any(
            "update messages set last_error = $1, state = 'failed' where id = $2 and state = 'queued'",
            params![error, id],
        ),
    }
}

/// Deletes up to `limit` messages that ended before `before`.
pub fn sweep(before: Timestamp, limit: i64) -> Batch {
    Batch::new().any(
        "delete from messages where id in \
         (select id from messages where expires_at < $1 order by expires_at limit $2)",
        params![before, limit],
    )
}

/// Records a delivery and wipes the content: a code that lies around serves no one.
pub fn sent_and_wiped(id: &str, now: Timestamp) -> Batch {
    Batch::new().any(
        "update messages set state = 'sent', sent_at = $1, last_error = null, content = $2 \
         where id = $3 and state = 'queued'",
        params![now, Vec::<u8>::new(), id],
    )
}

/// Gives a message up and wipes its content.
pub fn failed_and_wiped(id: &str, error: &str) -> Batch {
    Batch::new().any(
        "update messages set state = 'failed', last_error = $1, content = $2 where id = $3 and state = 'queued'",
        params![error, Vec::<u8>::new(), id],
    )
}

/// Whether a message expired before `before`.
///
/// # Errors
/// When the database does not answer.
pub async fn any_expired(store: &Store, before: Timestamp) -> Result<bool, StoreError> {
    let rows = store.read("select id from messages where expires_at < $1 limit 1", params![before]).await?;
    Ok(!rows.is_empty())
}

/// The newest of the finished messages that are too many when `kept` are kept.
///
/// # Errors
/// When the database does not answer.
pub async fn finished_beyond(store: &Store, kept: i64) -> Result<Option<String>, StoreError> {
    let row = store
        .read_one(
            "select id from messages where state in ('sent', 'failed') order by id desc limit 1 offset $1",
            params![kept],
        )
        .await?;
    row.map(|row| row.text(0).map(str::to_owned)).transpose()
}

/// Whether a finished message is `last` or older.
///
/// # Errors
/// When the database does not answer.
pub async fn any_finished_up_to(store: &Store, last: &str) -> Result<bool, StoreError> {
    let rows = store
        .read("select id from messages where state in ('sent', 'failed') and id <= $1 limit 1", params![last])
        .await?;
    Ok(!rows.is_empty())
}

/// Deletes up to `limit` finished messages that are `last` or older.
pub fn delete_finished_up_to(last: &str, limit: i64) -> Batch {
    Batch::new().any(
        "delete from messages where id in \
         (select id from messages where state in ('sent', 'failed') and id <= $1 order by id limit $2)",
        params![last, limit],
    )
}
