//! The ways out of the house: which one a message takes, and what became of it.

mod email;
mod lines;
mod outbox;
mod smtp;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Clock, Random};

use crate::Medium;
use crate::config::MessagesConfig;
use crate::content::Delivery;
use email::Composer;
use outbox::Outbox;
use smtp::Smtp;

pub use outbox::OutboxError;

/// How long the disk may take for one message of the outbox.
const OUTBOX_LIMIT: Duration = Duration::from_secs(30);

/// Why a delivery failed. The reason is made of our own words, reply codes and the operating system's texts; never of
/// what a mail server said or the message holds, so that it can be logged and stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Trying again would fail in the same way.
    pub permanent: bool,
    pub reason: String,
}

impl Failure {
    pub(crate) fn permanent(reason: impl Into<String>) -> Self {
        Self { permanent: true, reason: reason.into() }
    }

    pub(crate) fn temporary(reason: impl Into<String>) -> Self {
        Self { permanent: false, reason: reason.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// The transports of a node, one for each medium.
pub(crate) struct Transports {
    composer: Composer,
    outbox: Option<Outbox>,
    smtp: Option<Smtp>,
}

/// Why the transports cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The outbox's folder.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The file of CA certificates cannot be read, or holds none.
    #[error("the mail server's CA file {file:?}: {reason}")]
    CaFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// TLS for the mail server could not be set up.
    #[error("TLS for the mail server {host} cannot be set up: {reason}")]
    Tls {
        /// The server's host.
        host: String,
        /// What the TLS library said.
        reason: String,
    },
}

enum Route<'a> {
    Outbox(&'a Outbox),
    Smtp(&'a Smtp),
    Refuse,
}

impl Transports {
    pub(crate) fn open(
        config: &MessagesConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, OpenError> {
        let outbox = config.outbox.clone().map(|folder| Outbox::open(folder, clock, random)).transpose()?;
        let smtp = config.smtp.as_ref().map(|smtp| Smtp::new(smtp, config.delivery.concurrency)).transpose()?;
        Ok(Self { composer: Composer::new(config.from.clone()), outbox, smtp })
    }

    fn route(&self, medium: Medium) -> Route<'_> {
        match (medium, &self.smtp, &self.outbox) {
            (Medium::Email, Some(smtp), _) => Route::Smtp(smtp),
            (_, _, Some(outbox)) => Route::Outbox(outbox),
            _ => Route::Refuse,
        }
    }

    /// Whether what was delivered stays readable for the outbox page; elsewhere a code that lies around serves no one.
    pub(crate) fn keeps_content(&self, medium: Medium) -> bool {
        matches!(self.route(medium), Route::Outbox(_))
    }

    pub(crate) fn has_outbox(&self) -> bool {
        self.outbox.is_some()
    }

    /// The longest that [`Transports::deliver`] takes.
    pub(crate) fn limit(&self) -> Duration {
        self.smtp.as_ref().map_or(OUTBOX_LIMIT, |smtp| smtp.limit().max(OUTBOX_LIMIT))
    }

    /// Tries once to deliver.
    pub(crate) async fn deliver(&self, delivery: &Delivery) -> Result<(), Failure> {
        match (self.route(delivery.medium), delivery.medium) {
            (Route::Smtp(smtp), _) => smtp.deliver(&self.composer.compose(delivery)?).await,
            (Route::Outbox(outbox), Medium::Email) => {
                let email = self.composer.compose(delivery)?;
                outbox.write(&delivery.id, "eml", email.bytes).await
            }
            (Route::Outbox(outbox), Medium::Sms) => {
                outbox.write(&delivery.id, "json", outbox::text_message(delivery)?).await
            }
            (Route::Refuse, medium) => Err(Failure::permanent(format!("no transport for {medium} is configured"))),
        }
    }

    /// Closes connections that were not used for a while.
    pub(crate) async fn close_idle(&self) {
        if let Some(smtp) = &self.smtp {
            smtp.close_idle().await;
        }
    }

    /// Closes all idle connections, at the end.
    pub(crate) async fn close(&self) {
        if let Some(smtp) = &self.smtp {
            smtp.close_all().await;
        }
    }
}
