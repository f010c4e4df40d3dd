//! Messages of the table, opened again: for the outbox page.

use cenote_base::{PoolId, Secret, Timestamp};
use cenote_store::records::messages::{self, MessageRecord};
use cenote_tokens::{Purpose, Scope};

use super::{CONTENT, DESTINATION, Queue, Shared};
use crate::content::Content;
use crate::message::{MessageError, MessageId};

/// A message as it stands in the table.
#[derive(Clone, Debug)]
pub struct StoredMessage {
    /// Its id.
    pub id: MessageId,
    /// The pool that it is sent for.
    pub pool: PoolId,
    /// What it is about, [`crate::MessageKind::as_str`].
    pub kind: String,
    /// `EMAIL` or `SMS`.
    pub medium: String,
    /// Where it stands.
    pub state: StoredState,
    /// The address; none when its data key is gone (the pool was deleted).
    pub destination: Option<Secret>,
    /// Subject of an e-mail, and body. None once the content was wiped.
    pub content: Option<(Option<String>, Secret)>,
    /// How often delivery was tried.
    pub attempts: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Where a message stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredState {
    /// It waits; why the last try failed, if one did.
    Queued(Option<String>),
    /// Delivered, when.
    Sent(Timestamp),
    /// Given up, why.
    Failed(String),
}

impl Queue {
    /// The newest messages before `before` (none: the newest of all), at most `limit`, newest first.
    ///
    /// # Errors
    /// When database or keyring do not answer.
    pub async fn newest(&self, before: Option<&MessageId>, limit: i64) -> Result<Vec<StoredMessage>, MessageError> {
        let records = messages::newest(&self.0.store, before.map_or("", MessageId::as_str), limit).await?;
        let mut found = Vec::with_capacity(records.len());
        for record in records {
            found.push(self.0.open_stored(record).await?);
        }
        Ok(found)
    }
}

impl Shared {
    /// Opens what is sealed in a row. `NotOurs` is an error here: delivery and page decide what it means to them.
    pub(super) async fn open_destination(&self, record: &MessageRecord) -> Result<Secret, MessageError> {
        let scope = Scope::Pool(record.pool_id.clone());
        let context = [record.id.as_str(), DESTINATION];
        let bytes = self.keyring.open_sealed(&scope, Purpose::Message, &context, &record.destination).await?;
        let text = std::str::from_utf8(bytes.expose()).map_err(|_| MessageError::Unreadable(record.id.clone()))?;
        Ok(text.into())
    }

    /// As [`Shared::open_destination`].
    pub(super) async fn open_content(&self, record: &MessageRecord) -> Result<Content, MessageError> {
        let scope = Scope::Pool(record.pool_id.clone());
        let context = [record.id.as_str(), CONTENT];
        let bytes = self.keyring.open_sealed(&scope, Purpose::Message, &context, &record.content).await?;
        Content::decode(&record.id, &bytes)
    }

    async fn open_stored(&self, record: MessageRecord) -> Result<StoredMessage, MessageError> {
        let destination = ours(self.open_destination(&record).await)?;
        let content = if record.content.is_empty() { None } else { ours(self.open_content(&record).await)? };
        let state = match (record.state.as_str(), record.sent_at) {
            ("sent", at) => StoredState::Sent(at.unwrap_or(record.created_at)),
            ("failed", _) => StoredState::Failed(record.last_error.unwrap_or_default()),
            _ => StoredState::Queued(record.last_error),
        };
        Ok(StoredMessage {
            id: record.id.parse()?,
            pool: record.pool_id,
            kind: record.kind,
            medium: record.medium,
            state,
            destination,
            content: content.map(|content| (content.subject, content.body)),
            attempts: record.attempts,
            created_at: record.created_at,
        })
    }
}

/// What does not open, or is not readable, is absent; only a dependency that does not answer is an error.
fn ours<T>(opened: Result<T, MessageError>) -> Result<Option<T>, MessageError> {
    match opened {
        Ok(value) => Ok(Some(value)),
        Err(error) if super::worker::is_final(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
