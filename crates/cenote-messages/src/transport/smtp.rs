//! Delivery to a mail server (RFC 5321), on lettre's connections.
//!
//! lettre's own pool is not used: it puts a connection back that was cancelled in the middle of an exchange, where
//! the next message would read the answers meant for the last one, and it bounds only the TCP connection in time.
//! Here every phase has a time limit, and a connection whose state is not known is never used again. Knowing the
//! phase also tells a wrong recipient (given up) from a wrong configuration (tried again: an operator can repair it).
//!
//! Before STARTTLS the connection is read line by line ([`Lines`]): lettre would take what somebody on the way appended
//! to the server's last clear answer for an answer that came through TLS.

use std::error::Error as _;
use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};

use tokio::net::TcpStream;

use super::email::Email;
use super::lines::Lines;
use super::{Failure, OpenError};
use crate::config::{Security, SmtpConfig};

/// How long a connection may wait for its next message; mail servers close theirs after some minutes.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// How long a parting word may take.
const QUIT_LIMIT: Duration = Duration::from_secs(1);

const UNREACHABLE: &str = "the mail server cannot be reached";
/// How a certificate begins in PEM (RFC 7468).
const PEM_CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// A mail server and the connections to it that wait for their next message.
pub(crate) struct Smtp {
    host: String,
    port: u16,
    security: Security,
    tls: Option<TlsParameters>,
    credentials: Option<Credentials>,
    hello: ClientId,
    timeout: Duration,
    idle: Mutex<Vec<Idle>>,
    most_idle: usize,
}

struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
}

/// How a message was not handed over.
enum Refused {
    /// By an answer: both sides know where they are.
    Answered(Failure),
    /// Somewhere in the middle.
    Lost(Failure),
}

impl Smtp {
    pub(crate) fn new(config: &SmtpConfig, most_idle: usize) -> Result<Self, OpenError> {
        let tls = match config.security {
            Security::Plain => None,
            Security::StartTls | Security::Tls => Some(tls_parameters(config)?),
        };
        let credentials = config
            .credentials
            .as_ref()
            .map(|user| Credentials::new(user.username.clone(), user.password.expose().to_owned()));
        Ok(Self {
            host: config.host.clone(),
            port: config.port,
            security: config.security,
            tls,
            credentials,
            hello: config.hello_name.clone().map_or_else(ClientId::default, ClientId::Domain),
            timeout: config.timeout,
            idle: Mutex::new(Vec::new()),
            most_idle,
        })
    }

    /// The longest that [`Smtp::deliver`] takes: a look at a waiting connection, a new one, the exchange, the farewell.
    pub(crate) fn limit(&self) -> Duration {
        self.timeout * 3 + QUIT_LIMIT
    }

    /// Hands a message over.
    pub(crate) async fn deliver(&self, email: &Email) -> Result<(), Failure> {
        let mut connection = match self.waiting().await {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let handed_over = within(self.timeout, hand_over(&mut connection, email)).await;
        match handed_over.unwrap_or_else(|| Err(Refused::Lost(too_slow()))) {
            Ok(()) => {
                self.keep(connection);
                Ok(())
            }
            Err(Refused::Answered(failure)) => {
                quit(connection).await;
                Err(failure)
            }
            Err(Refused::Lost(failure)) => Err(failure),
        }
    }

    /// Closes connections that waited too long.
    pub(crate) async fn close_idle(&self) {
        let now = Instant::now();
        let stale: Vec<_> = self.idle().extract_if(.., |idle| now.duration_since(idle.since) > IDLE_LIMIT).collect();
        quit_all(stale).await;
    }

    /// Closes every waiting connection.
    pub(crate) async fn close_all(&self) {
        let all = std::mem::take(&mut *self.idle());
        quit_all(all).await;
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle();
        if idle.len() < self.most_idle {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }

    /// The connection that was used last, if it still answers.
    async fn waiting(&self) -> Option<AsyncSmtpConnection> {
        let Idle { mut connection, since } = self.idle().pop()?;
        if since.elapsed() > IDLE_LIMIT {
            return None;
        }
        match within(self.timeout, connection.command(Noop)).await {
            Some(Ok(_)) => Some(connection),
            _ => None,
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        within(self.timeout, self.greet()).await.unwrap_or_else(|| Err(too_slow()))
    }

    /// Connects, encrypts and signs in. Nothing of a message has been sent yet, and nothing that fails here is the
    /// fault of one message.
    async fn greet(&self) -> Result<AsyncSmtpConnection, Failure> {
        let mut connection = match (self.security, &self.tls) {
            (Security::StartTls, Some(tls)) => self.encrypt(tls.clone()).await?,
            (_, implicit) => {
                let server = (self.host.as_str(), self.port);
                AsyncSmtpConnection::connect_tokio1(server, Some(self.timeout), &self.hello, implicit.clone(), None)
                    .await
                    .map_err(|error| before_the_message(UNREACHABLE, &error))?
            }
        };
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await.map_err(|error| {
                before_the_message("the mail server did not accept the user name and password", &error)
            })?;
        }
        Ok(connection)
    }

    /// Connects and goes over to TLS with STARTTLS (RFC 3207). Where the server does not offer it, or its certificate
    /// is not the one it must be, nothing more is sent.
    async fn encrypt(&self, tls: TlsParameters) -> Result<AsyncSmtpConnection, Failure> {
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|error| Failure::temporary(format!("{UNREACHABLE} ({error})")))?;
        let mut connection = AsyncSmtpConnection::connect_with_transport(Box::new(Lines::new(stream)), &self.hello)
            .await
            .map_err(|error| before_the_message(UNREACHABLE, &error))?;
        connection
            .starttls(tls, &self.hello)
            .await
            .map_err(|error| before_the_message("STARTTLS with the mail server failed", &error))?;
        Ok(connection)
    }
}

/// What is trusted: the public CAs, and those of the operator's file.
fn tls_parameters(config: &SmtpConfig) -> Result<TlsParameters, OpenError> {
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(file) = &config.ca_file {
        builder = builder.add_root_certificate(ca_certificates(file)?);
    }
    builder.build().map_err(|error| OpenError::Tls { host: config.host.clone(), reason: error.to_string() })
}

fn ca_certificates(file: &Path) -> Result<Certificate, OpenError> {
    let failed = |reason: String| OpenError::CaFile { file: file.to_owned(), reason };
    let pem = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
    // What holds none, such as a file in DER, is read as an empty list: nothing would be trusted, and nobody told.
    if !pem.windows(PEM_CERTIFICATE.len()).any(|window| window == PEM_CERTIFICATE) {
        return Err(failed("it holds no certificate in PEM".to_owned()));
    }
    Certificate::from_pem(&pem).map_err(|_| failed("it holds a damaged certificate".to_owned()))
}

/// MAIL, RCPT, DATA and the message.
async fn hand_over(connection: &mut AsyncSmtpConnection, email: &Email) -> Result<(), Refused> {
    let parameters = mail_parameters(connection, email)?;
    connection
        .command(Mail::new(Some(email.from.clone()), parameters))
        .await
        .map_err(|error| in_the_message("the sender", Blame::Configuration, &error))?;
    connection
        .command(Rcpt::new(email.to.clone(), Vec::new()))
        .await
        .map_err(|error| in_the_message("the recipient", Blame::Message, &error))?;
    connection.command(Data).await.map_err(|error| in_the_message("the message", Blame::Message, &error))?;
    // The end of the data is sent as CRLF and a dot: with the message's own last CRLF an empty line would be added.
    let bytes = email.bytes.expose();
    connection
        .message(bytes.strip_suffix(b"\r\n").unwrap_or(bytes))
        .await
        .map_err(|error| in_the_message("the message", Blame::Message, &error))?;
    Ok(())
}

/// Addresses and names beyond ASCII need extensions (RFC 6531, RFC 6152) that not every server has.
fn mail_parameters(connection: &AsyncSmtpConnection, email: &Email) -> Result<Vec<MailParameter>, Refused> {
    let mut parameters = Vec::new();
    let server = connection.server_info();
    let ascii_addresses = [&email.from, &email.to].iter().all(|address| AsRef::<str>::as_ref(*address).is_ascii());
    if !ascii_addresses {
        if !server.supports_feature(Extension::SmtpUtfEight) {
            return Err(Refused::Answered(Failure::permanent("the mail server takes ASCII addresses only")));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !email.bytes.expose().is_ascii() {
        if !server.supports_feature(Extension::EightBitMime) {
            return Err(Refused::Answered(Failure::permanent("the mail server takes ASCII messages only")));
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}

/// Whom a permanent refusal (5xx) speaks of.
enum Blame {
    /// This message: it is given up.
    Message,
    /// The server's settings, which an operator can repair: tried again.
    Configuration,
}

/// The code alone is kept of an answer: its text may repeat addresses.
fn in_the_message(what: &str, blame: Blame, error: &Error) -> Refused {
    match error.status() {
        Some(code) => {
            let permanent = error.is_permanent() && matches!(blame, Blame::Message);
            Refused::Answered(Failure { permanent, reason: format!("the mail server refused {what} ({code})") })
        }
        None => Refused::Lost(Failure::temporary("the connection to the mail server was lost")),
    }
}

/// Before a message is on the way, what the operating system or the TLS library says is no secret and helps the
/// operator.
fn before_the_message(what: &str, error: &Error) -> Failure {
    let mut source = error.source();
    let mut said = error.status().map(|code| code.to_string());
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            said = Some(io.to_string());
            break;
        }
        source = cause.source();
    }
    match said {
        Some(said) => Failure::temporary(format!("{what} ({said})")),
        None if error.is_client() => Failure::temporary(format!("{what} (it does not offer it)")),
        None => Failure::temporary(what),
    }
}

fn too_slow() -> Failure {
    Failure::temporary("the mail server took too long")
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

async fn quit_all(connections: Vec<Idle>) {
    futures_util::future::join_all(connections.into_iter().map(|idle| quit(idle.connection))).await;
}

/// A farewell is polite, no more: what it answers changes nothing.
async fn quit(mut connection: AsyncSmtpConnection) {
    let _ = within(QUIT_LIMIT, connection.quit()).await;
}
