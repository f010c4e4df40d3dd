//! E-mail and SMS: the texts, the queue that makes each of them part of what caused it, delivery, and the outbox.
//!
//! An operation renders a template ([`templates`]), seals the message ([`Queue::prepare`]), commits its row in the
//! operation's own batch, wakes the worker ([`Queue::wake`]) and, where the caller may know, waits a bounded time for
//! the outcome ([`Queue::wait`]). One [`Worker`] per node delivers: to a mail server, or as files of the outbox.
//!
//! May touch: the message table, the keyring, the outbox's folder, the mail server.
//! Must never know: HTTP, AWS shapes, users and their codes, which template a pool chose; or where links lead: URLs are
//! built from the configured public URL elsewhere.
//!
//! Never logged, stored readable or shown by `Debug`: destinations, bodies, credentials, what a mail server said. Logs
//! and the table name the message's id, kind, medium, pool, try, and our own words for what went wrong.

pub mod config;
mod content;
pub mod masks;
mod message;
mod queue;
pub mod templates;
mod transport;

pub use config::{DeliverySettings, MessagesConfig, Security, SmtpConfig, SmtpConfigError, SmtpCredentials};
pub use message::{Mailbox, Medium, MessageError, MessageId, MessageKind, OutgoingMessage, check_subject};
pub use queue::{Outcome, Prepared, Queue, StoredMessage, StoredState, Worker, open};
pub use transport::{OpenError, OutboxError};
