//! The one wide line that each request leaves in the log, and the notes that it is made of.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cenote_base::Fault;
use cenote_wire::{ApiError, Target};

/// The longest path that is shown, in characters: those that lead anywhere are far shorter.
const MAX_PATH: usize = 200;

/// A path as the line shows it: a caller may send one of 64 KiB.
fn shown_path(path: &str) -> Cow<'_, str> {
    match path.char_indices().nth(MAX_PATH) {
        Some((end, _)) => Cow::Owned(path.get(..end).unwrap_or_default().to_owned() + "…"),
        None => Cow::Borrowed(path),
    }
}

/// What is learned about a request while it is answered. Cloning shares it. Never a secret.
#[derive(Clone, Debug, Default)]
pub struct Note(Arc<Mutex<Facts>>);

/// What the line shows besides what every request has.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The AWS service.
    pub service: Option<&'static str>,
    /// The operation.
    pub operation: Option<&'static str>,
    /// The user pool that the request names.
    pub pool: Option<String>,
    /// The app client that the request names.
    pub client: Option<String>,
    /// Who signed.
    pub caller: Option<String>,
    /// The error's type.
    pub error: Option<&'static str>,
    /// What the caller is not told.
    pub detail: Option<String>,
    /// Whose fault the error is.
    pub fault: Option<Fault>,
    /// Asked for so often that it is shown only when debugging.
    pub is_probe: bool,
}

/// What every request has.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The id that the caller is given.
    pub request_id: &'a str,
    /// `POST`
    pub method: &'a str,
    /// Without the query, which may carry codes and tokens; shown as [`shown_path`] has it.
    pub path: &'a str,
    /// The HTTP status of the answer.
    pub status: u16,
    /// What the store was asked.
    pub statements: u64,
    /// From the request's head to the answer's.
    pub took: Duration,
    /// Where the request comes from.
    pub source: IpAddr,
}

impl Note {
    /// Adds to what is known.
    pub fn add(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Notes the operation.
    pub fn target(&self, target: Target) {
        self.add(|facts| {
            facts.service = Some(target.service().signing_name());
            facts.operation = Some(target.name());
        });
    }

    /// Notes why the request is refused.
    pub fn error(&self, error: &ApiError) {
        self.add(|facts| {
            facts.error = Some(error.code.wire_name());
            facts.detail.clone_from(&error.detail);
            facts.fault = Some(error.fault());
        });
    }

    /// What is known so far; nothing of it is left behind.
    pub fn take(&self) -> Facts {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Facts {
    /// Writes the line.
    pub fn log(self, line: Line<'_>) {
        let facts = self;
        macro_rules! write_line {
            ($level:ident) => {
                tracing::$level!(
                    target: "cenote::request",
                    request_id = line.request_id,
                    method = line.method,
                    path = &*shown_path(line.path),
                    service = facts.service,
                    operation = facts.operation,
                    pool = facts.pool,
                    client = facts.client,
                    caller = facts.caller,
                    status = line.status,
                    error = facts.error,
                    detail = facts.detail,
                    statements = line.statements,
                    ms = line.took.as_micros() as f64 / 1000.0,
                    address = %line.source,
                    "request"
                )
            };
        }
        // Whose fault it is decides how loud it is; what carries no fault is judged by its status.
        let fault = facts.fault.or_else(|| (line.status >= 500).then_some(Fault::Cenote));
        match fault {
            Some(Fault::Cenote) => write_line!(error),
            Some(Fault::Dependency) => write_line!(warn),
            Some(Fault::Caller) => write_line!(info),
            None if facts.is_probe => write_line!(debug),
            None => write_line!(info),
        }
    }
}
