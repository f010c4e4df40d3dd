//! The queue: messages are rows that are committed with what caused them, and workers deliver them.
//!
//! Each message is delivered at least once: after the one mail server answer that a crash swallowed it is sent again,
//! with the same Message-ID. Beyond that each is delivered once, whatever the number of nodes: a worker takes a message
//! for the longest time that a try can need before it touches it.

mod board;
mod stored;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Clock, Random, RandomExt, Timestamp};
use cenote_store::records::messages::{self, MessageRecord};
use cenote_store::{Batch, Store};
use cenote_tokens::{Keyring, Purpose, Scope};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::config::{DeliverySettings, MessagesConfig};
use crate::content::Content;
use crate::message::{MessageError, MessageId, OutgoingMessage};
use crate::transport::{OpenError, Transports};
use board::{Board, Watch};

pub use stored::{StoredMessage, StoredState};
pub use worker::Worker;

/// How long a delivered or given-up message of an outbox is kept for the outbox page; as long as its file.
const OUTBOX_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How many finished messages are kept in the table; as many as files in the outbox.
const KEPT_MESSAGES: i64 = 1_000;
/// Rows are swept this long after they expired.
const SWEEP_DELAY: Duration = Duration::from_secs(10 * 60);
/// How many rows one write of a sweep deletes.
const SWEEP_LIMIT: i64 = 500;

const DESTINATION: &str = "destination";
const CONTENT: &str = "content";

/// What became of a message while its operation waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The mail server, or the outbox, has it.
    Delivered,
    /// Not yet: it waits for its turn, or a try failed and another one follows.
    Pending,
    /// Given up. The reason is for the log: a class of error without addresses or content.
    Failed(String),
}

/// A message that is sealed and not yet committed.
#[derive(Debug)]
pub struct Prepared {
    /// For [`Queue::wait`].
    pub id: MessageId,
    /// The row; goes in the operation's batch.
    pub batch: Batch,
}

/// The way into the queue. Cheap to clone; all clones are one queue.
#[derive(Clone)]
pub struct Queue(Arc<Shared>);

/// What the queue and its worker share.
struct Shared {
    store: Store,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    transports: Transports,
    settings: DeliverySettings,
    board: Board,
    wake: Notify,
}

/// Opens the transports and gives the queue and the one worker of this node. Nothing is delivered until
/// [`Worker::run`].
///
/// # Errors
/// [`OpenError`], one line for the operator: an outbox that cannot be used, TLS that cannot be set up.
pub fn open(
    config: &MessagesConfig,
    store: Store,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<(Queue, Worker), OpenError> {
    let transports = Transports::open(config, Arc::clone(&clock), Arc::clone(&random))?;
    let shared = Arc::new(Shared {
        store,
        keyring,
        clock,
        random,
        transports,
        settings: config.delivery.clone(),
        board: Board::default(),
        wake: Notify::new(),
    });
    Ok((Queue(Arc::clone(&shared)), Worker::new(shared)))
}

impl Queue {
    /// Seals a message. It is sent only if the batch, within the operation's, is committed.
    ///
    /// # Errors
    /// [`MessageError`]: an address or subject that cannot be sent, or the keyring cannot seal.
    pub async fn prepare(&self, message: &OutgoingMessage) -> Result<Prepared, MessageError> {
        let kept =
            if self.0.transports.keeps_content(message.medium) { OUTBOX_KEPT } else { self.0.settings.give_up_after };
        let (id, record) = self.seal(message, "queued", kept).await?;
        Ok(Prepared { id, batch: messages::insert(&record) })
    }

    /// As much work as [`Queue::prepare`], and a row like it, for a message that nobody is to be sent: where it must not
    /// be told who exists. The row ends after `kept`.
    ///
    /// # Errors
    /// As [`Queue::prepare`].
    pub async fn prepare_decoy(&self, message: &OutgoingMessage, kept: Duration) -> Result<Prepared, MessageError> {
        let (id, record) = self.seal(message, messages::DECOY, kept).await?;
        Ok(Prepared { id, batch: messages::insert(&record) })
    }

    /// For the batch of a prepared message: no worker takes it before `delay` has passed.
    pub fn hold_back(&self, id: &MessageId, delay: Duration) -> Batch {
        messages::hold_back(id.as_str(), self.0.clock.now() + delay)
    }

    async fn seal(
        &self,
        message: &OutgoingMessage,
        state: &str,
        kept: Duration,
    ) -> Result<(MessageId, MessageRecord), MessageError> {
        message.check()?;
        let shared = &*self.0;
        let now = shared.clock.now();
        let id = MessageId::new(shared.random.uuid_v7(now));
        let scope = Scope::Pool(message.pool.clone());
        let destination = message.destination.expose().as_bytes();
        let content = Content::encode(message);
        let record = MessageRecord {
            id: id.as_str().to_owned(),
            pool_id: message.pool.clone(),
            kind: message.kind.as_str().to_owned(),
            medium: message.medium.as_str().to_owned(),
            state: state.to_owned(),
            destination: shared
                .keyring
                .seal(&scope, Purpose::Message, &[id.as_str(), DESTINATION], destination)
                .await?,
            content: shared.keyring.seal(&scope, Purpose::Message, &[id.as_str(), CONTENT], content.expose()).await?,
            attempts: 0,
            next_attempt_at: now,
            created_at: now,
            expires_at: now + kept,
            sent_at: None,
            last_error: None,
        };
        Ok((id, record))
    }

    /// Tells this node's worker that a message was committed. Without it the worker finds it at its next poll.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Waits until the message is delivered, given up or found to need another try, at most `at_most` (of real time).
    ///
    /// What this node's worker does is known at once and costs no statement; what another node does is seen by
    /// reading the row at the poll interval, and once at the end.
    pub async fn wait(&self, id: &MessageId, at_most: Duration) -> Outcome {
        let shared = &*self.0;
        let mut news = match shared.board.watch(id) {
            Watch::Known(outcome) => return outcome,
            Watch::Coming(news) => news,
        };
        let deadline = Instant::now() + at_most;
        loop {
            let look = deadline.min(Instant::now() + shared.settings.poll_interval);
            tokio::select! {
                biased;
                outcome = news.receive() => return outcome,
                () = sleep_until(look) => {}
            }
            match self.look(id).await {
                Outcome::Pending if Instant::now() < deadline => {}
                outcome => return outcome,
            }
        }
    }

    /// Deletes what expired and, as the outbox's folder does, of finished messages all but the newest thousand; for
    /// the jobs runner. Writes in the background lane, at most 500 rows in each write.
    ///
    /// # Errors
    /// When the database does not answer; what was deleted until then stays deleted.
    pub async fn sweep(&self) -> Result<(), MessageError> {
        let shared = &*self.0;
        let before = shared.clock.now() - SWEEP_DELAY;
        while messages::any_expired(&shared.store, before).await? {
            shared.store.apply_background(messages::sweep(before, SWEEP_LIMIT)).await?;
        }
        if !shared.transports.has_outbox() {
            return Ok(());
        }
        if let Some(last) = messages::finished_beyond(&shared.store, KEPT_MESSAGES).await? {
            while messages::any_finished_up_to(&shared.store, &last).await? {
                shared.store.apply_background(messages::delete_finished_up_to(&last, SWEEP_LIMIT)).await?;
            }
        }
        Ok(())
    }

    async fn look(&self, id: &MessageId) -> Outcome {
        match messages::find(&self.0.store, id.as_str()).await {
            Ok(Some(record)) => match record.state.as_str() {
                "sent" => Outcome::Delivered,
                "failed" => Outcome::Failed(record.last_error.unwrap_or_default()),
                _ => Outcome::Pending,
            },
            // Not committed, or swept: nothing more will be learned, and nothing wrong is claimed.
            Ok(None) => Outcome::Pending,
            Err(error) => {
                tracing::warn!(message_id = %id, %error, "the state of a message cannot be read");
                Outcome::Pending
            }
        }
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

impl Shared {
    /// How long a taken message is left alone by other workers: longer than a try and its record can take.
    fn lease(&self) -> Duration {
        self.transports.limit() + Duration::from_secs(60)
    }

    /// When a message is no longer worth a try.
    fn given_up_at(&self, record: &MessageRecord) -> Timestamp {
        let worth = crate::MessageKind::from_name(&record.kind)
            .map_or(crate::message::DAY, crate::MessageKind::worth_delivering);
        record.created_at + worth.min(self.settings.give_up_after)
    }
}
