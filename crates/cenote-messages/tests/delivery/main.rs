//! Messages from the operation's batch to their destination: the queue on both engines, a mail server on the loopback
//! address, the outbox's folder.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod certificates;
mod house;
mod outbox;
mod python;
mod queue;
mod retries;
mod secrecy;
mod sink;
mod smtp;
mod tls;
