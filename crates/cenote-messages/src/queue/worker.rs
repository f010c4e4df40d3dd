//! The worker: takes messages whose time has come, tries to deliver them, records what became of them.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cenote_base::{RandomExt, Timestamp};
use cenote_store::records::messages::{self, MessageRecord};
use cenote_store::{Batch, BatchError};
use cenote_tokens::KeyringError;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{Outcome, Shared};
use crate::Medium;
use crate::config::DeliverySettings;
use crate::content::Delivery;
use crate::message::{MessageError, MessageId};
use crate::transport::Failure;

/// How long to wait before the result of a delivery is written again after the database did not take it.
const RECORD_AGAIN: Duration = Duration::from_secs(1);

/// Delivers messages. One per node.
pub struct Worker {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Worker")
    }
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Delivers until `shutdown` resolves, then lets what runs finish for [`DeliverySettings::stop_grace`]. A delivery
    /// that is cut off is tried again, by any node, when its lease is over.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let settings = &self.shared.settings;
        let mut running = JoinSet::new();
        loop {
            let more = self.start_due(&mut running).await;
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                () = self.shared.wake.notified() => {}
                // A free place is of use at once only if messages are known to wait for it.
                Some(_) = running.join_next(), if more && !running.is_empty() => {}
                () = sleep(settings.poll_interval) => self.shared.transports.close_idle().await,
            }
        }
        let finish = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(settings.stop_grace, finish).await.is_err() {
            tracing::warn!(deliveries = running.len(), "deliveries were cut off at the stop; they are tried again");
            running.shutdown().await;
        }
        self.shared.transports.close().await;
    }

    /// Tries every message whose time has come once, and gives their number. For tools and tests, which move the clock;
    /// a server uses [`Worker::run`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deliver_due(&self) -> Result<usize, MessageError> {
        let mut tried = 0;
        loop {
            let mut running = JoinSet::new();
            let (started, more) = self.start(&mut running).await?;
            while running.join_next().await.is_some() {}
            tried += started;
            if !more || started == 0 {
                return Ok(tried);
            }
        }
    }

    /// As [`Worker::start`]; a database that does not answer is logged, and asked again at the next poll.
    async fn start_due(&self, running: &mut JoinSet<()>) -> bool {
        while running.try_join_next().is_some() {}
        match self.start(running).await {
            Ok((_, more)) => more,
            Err(error) => {
                tracing::warn!(%error, "queued messages cannot be read");
                false
            }
        }
    }

    /// Takes due messages for the free places and starts their delivery. Gives how many were started and whether more
    /// may be waiting.
    async fn start(&self, running: &mut JoinSet<()>) -> Result<(usize, bool), MessageError> {
        let free = self.shared.settings.concurrency.max(1).saturating_sub(running.len());
        if free == 0 {
            return Ok((0, true));
        }
        let limit = i64::try_from(free).unwrap_or(i64::MAX);
        let due = messages::due(&self.shared.store, self.shared.clock.now(), limit).await?;
        let more = due.len() == free;
        // Taken before the next look at the table, which would else find the same messages again; all at once, so that
        // the store commits them together.
        let takes = due.into_iter().map(|record| self.take(record));
        let taken: Vec<_> = futures_util::future::join_all(takes).await.into_iter().flatten().collect();
        let started = taken.len();
        for record in taken {
            running.spawn(attempt(Arc::clone(&self.shared), record));
        }
        Ok((started, more))
    }

    /// The message, if this worker was the quickest.
    async fn take(&self, record: MessageRecord) -> Option<MessageRecord> {
        let until = self.shared.clock.now() + self.shared.lease();
        match self.shared.store.apply_background(messages::take(&record, until)).await {
            Ok(_) => Some(MessageRecord { attempts: record.attempts + 1, ..record }),
            Err(BatchError::Unmet { .. }) => None,
            Err(error) => {
                tracing::warn!(message_id = record.id, %error, "a message cannot be taken");
                None
            }
        }
    }
}

/// One try of one taken message, from opening it to writing down what became of it.
async fn attempt(shared: Arc<Shared>, record: MessageRecord) {
    let (outcome, batch) = match shared.try_once(&record).await {
        Ok(()) => {
            log_sent(&record);
            (Outcome::Delivered, shared.sent(&record))
        }
        Err(failure) => {
            let retry_at = shared.retry_at(&record, &failure);
            log_failure(&record, &failure, retry_at);
            match retry_at {
                Some(at) => (Outcome::Pending, messages::failed(&record.id, &failure.reason, Some(at))),
                None => (Outcome::Failed(failure.reason.clone()), shared.failed(&record, &failure.reason)),
            }
        }
    };
    shared.write_down(&record, batch).await;
    if let Ok(id) = record.id.parse::<MessageId>() {
        shared.board.announce(&id, &outcome);
    }
}

impl Shared {
    async fn try_once(&self, record: &MessageRecord) -> Result<(), Failure> {
        if self.given_up_at(record) <= self.clock.now() {
            let reason = match &record.last_error {
                Some(error) => format!("not delivered in time: {error}"),
                None => "not delivered in time".to_owned(),
            };
            return Err(Failure::permanent(reason));
        }
        let delivery = self.open(record).await?;
        self.transports.deliver(&delivery).await
    }

    async fn open(&self, record: &MessageRecord) -> Result<Delivery, Failure> {
        let medium = [Medium::Email, Medium::Sms].into_iter().find(|medium| medium.as_str() == record.medium);
        Ok(Delivery {
            id: record.id.parse().map_err(|error| unopened(&error))?,
            pool: record.pool_id.clone(),
            kind: record.kind.clone(),
            // Perhaps a newer program's, which another node of the same installation runs already.
            medium: medium.ok_or_else(|| Failure::temporary("this program does not know the message's medium"))?,
            destination: self.open_destination(record).await.map_err(|error| unopened(&error))?,
            content: self.open_content(record).await.map_err(|error| unopened(&error))?,
            created_at: record.created_at,
        })
    }

    /// When to try again; none: give up, because it would fail again or the time is over.
    fn retry_at(&self, record: &MessageRecord, failure: &Failure) -> Option<Timestamp> {
        if failure.permanent {
            return None;
        }
        let jitter = |bound| self.random.below(bound);
        let at = self.clock.now() + backoff(&self.settings, record.attempts, jitter);
        Some(at).filter(|at| *at < self.given_up_at(record))
    }

    fn sent(&self, record: &MessageRecord) -> Batch {
        let now = self.clock.now();
        if self.keeps_content(record) {
            messages::sent(&record.id, now)
        } else {
            messages::sent_and_wiped(&record.id, now)
        }
    }

    fn failed(&self, record: &MessageRecord, reason: &str) -> Batch {
        if self.keeps_content(record) {
            messages::failed(&record.id, reason, None)
        } else {
            messages::failed_and_wiped(&record.id, reason)
        }
    }

    fn keeps_content(&self, record: &MessageRecord) -> bool {
        let medium = if record.medium == Medium::Sms.as_str() { Medium::Sms } else { Medium::Email };
        self.transports.keeps_content(medium)
    }

    /// Writes the result until the database takes it or the lease is over: a result that is lost sends the message
    /// twice. The statements change nothing when they have taken effect already, so that an unknown outcome may be
    /// repeated.
    async fn write_down(&self, record: &MessageRecord, batch: Batch) {
        let until = Instant::now() + self.lease() - self.transports.limit();
        loop {
            match self.store.apply_background(batch.clone()).await {
                Ok(_) => return,
                Err(error) if Instant::now() + RECORD_AGAIN < until => {
                    tracing::warn!(message_id = record.id, %error, "the result of a delivery cannot be written yet");
                    sleep(RECORD_AGAIN).await;
                }
                Err(error) => {
                    tracing::error!(message_id = record.id, %error, "the result of a delivery is lost: it is repeated");
                    return;
                }
            }
        }
    }
}

/// Whether opening a message failed in a way that no later try changes.
pub(super) fn is_final(error: &MessageError) -> bool {
    match error {
        MessageError::Keyring(error) => matches!(error, KeyringError::NotOurs | KeyringError::NoSuchScope(_)),
        MessageError::Unreadable(_) | MessageError::InvalidId => true,
        _ => false,
    }
}

fn unopened(error: &MessageError) -> Failure {
    let reason = "the message cannot be opened";
    tracing::warn!(%error, "a message cannot be opened");
    if is_final(error) { Failure::permanent(reason) } else { Failure::temporary(reason) }
}

/// The wait after the `attempts`th try: doubling from the first retry's to the longest, and of it a random part between
/// half and all, so that what failed together does not come back together. `below` draws a number below its argument.
fn backoff(settings: &DeliverySettings, attempts: i64, below: impl Fn(u32) -> u32) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1).clamp(0, 30)).unwrap_or(0);
    let full = settings.first_retry.saturating_mul(1 << doublings).min(settings.longest_retry);
    let half = u32::try_from(full.as_millis() / 2).unwrap_or(u32::MAX - 1);
    Duration::from_millis(u64::from(half) + u64::from(below(half.saturating_add(1))))
}

fn log_sent(record: &MessageRecord) {
    tracing::info!(
        message_id = record.id,
        kind = record.kind,
        medium = record.medium,
        pool = record.pool_id.as_str(),
        attempt = record.attempts,
        "message delivered"
    );
}

fn log_failure(record: &MessageRecord, failure: &Failure, retry_at: Option<Timestamp>) {
    tracing::warn!(
        message_id = record.id,
        kind = record.kind,
        medium = record.medium,
        pool = record.pool_id.as_str(),
        attempt = record.attempts,
        error = failure.reason,
        retry_at = retry_at.map(tracing::field::display),
        "{}",
        if retry_at.is_some() { "message not delivered yet" } else { "message given up" }
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let settings = DeliverySettings::default();
        let longest = |attempts| backoff(&settings, attempts, |bound| bound - 1).as_millis();
        assert_eq!([1, 2, 3, 4].map(longest), [5_000, 10_000, 20_000, 40_000]);
        assert_eq!([8, 9, 1_000, i64::MAX].map(longest), [600_000; 4]);
        assert_eq!(backoff(&settings, 1, |_| 0), Duration::from_millis(2_500));
    }

    proptest! {
        #[test]
        fn a_wait_is_between_half_and_all(
            attempts: i64,
            first in 1u64..1_000_000,
            longest in 1u64..100_000_000,
            draw: u32,
        ) {
            let settings = DeliverySettings {
                first_retry: Duration::from_millis(first),
                longest_retry: Duration::from_millis(longest),
                ..DeliverySettings::default()
            };
            let wait = backoff(&settings, attempts, |bound| draw % bound);
            prop_assert!(wait <= settings.longest_retry);
            prop_assert!(wait * 2 + Duration::from_millis(2) >= settings.first_retry.min(settings.longest_retry));
        }
    }
}
