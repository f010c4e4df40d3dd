//! What an operator configures: where messages go, who sends them, how patiently they are tried.

use std::path::PathBuf;
use std::time::Duration;

use cenote_base::Secret;

use crate::message::{DAY, Mailbox};

/// Where messages go. E-mail goes to SMTP where it is configured, else to the outbox; SMS goes to the outbox. What has
/// neither is refused, so that its operation reports a failed delivery.
#[derive(Clone, Debug)]
pub struct MessagesConfig {
    /// The folder that messages are written to instead of being sent.
    pub outbox: Option<PathBuf>,
    /// The mail server.
    pub smtp: Option<SmtpConfig>,
    /// The sender of e-mail whose pool names none.
    pub from: Mailbox,
    /// How messages are delivered.
    pub delivery: DeliverySettings,
}

/// How messages are delivered. The defaults are meant for production; tests shorten them.
#[derive(Clone, Debug)]
pub struct DeliverySettings {
    /// How often a node looks for messages that other nodes left and for retries whose time has come.
    pub poll_interval: Duration,
    /// How many messages a node delivers at the same time.
    pub concurrency: usize,
    /// The wait after the first failed try; it doubles with each further one.
    pub first_retry: Duration,
    /// The longest wait between two tries.
    pub longest_retry: Duration,
    /// When a message is given up at last; a kind whose code lives shorter is given up earlier.
    pub give_up_after: Duration,
    /// How long a stopping server lets running deliveries finish. What is cut off is tried again by whoever runs next.
    pub stop_grace: Duration,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_secs(1),
            concurrency: 8,
            first_retry: Duration::from_secs(5),
            longest_retry: Duration::from_secs(600),
            give_up_after: DAY,
            stop_grace: Duration::from_secs(5),
        }
    }
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all: for a mail server on the same machine or network. `smtp://`, port 25.
    Plain,
    /// STARTTLS, required: without it nothing is sent. `smtp+starttls://`, port 587.
    StartTls,
    /// TLS from the first byte. `smtps://`, port 465.
    Tls,
}

/// A mail server.
#[derive(Clone, Debug)]
pub struct SmtpConfig {
    /// How the connection is protected.
    pub security: Security,
    /// Host name or address; the certificate must be for it.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User name and password.
    pub credentials: Option<SmtpCredentials>,
    /// A file of CA certificates (PEM) that are trusted besides the public ones, for a server of one's own.
    pub ca_file: Option<PathBuf>,
    /// The name that the server is greeted with; none: this machine's.
    pub hello_name: Option<String>,
    /// The longest time for connecting (with greeting, TLS and authentication), and again for handing a message over.
    pub timeout: Duration,
}

/// A user of the mail server.
#[derive(Clone, Debug)]
pub struct SmtpCredentials {
    /// User name.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// Why a mail server's URL or settings cannot be used. Nothing of the URL is repeated but its scheme: it may hold a
/// password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpConfigError {
    /// Not one of the three schemes.
    #[error("the mail server's URL must begin with smtp://, smtp+starttls:// or smtps://, not with {0:?}")]
    Scheme(String),
    /// No host, or none that can be one.
    #[error("the mail server's URL has no valid host")]
    Host,
    /// Not a port.
    #[error("the mail server's URL has a port that is no number from 1 to 65535")]
    Port,
    /// A path, query or fragment.
    #[error("the mail server's URL must end after host and port; in a password write / ? # @ as %2F %3F %23 %40")]
    Extra,
    /// Something percent-encoded wrongly, or a control character.
    #[error(
        "the user name or password in the mail server's URL is not percent-encoded UTF-8 without control characters"
    )]
    Encoding,
    /// A user name without a password or the reverse.
    #[error("the mail server needs both a user name and a password, or neither")]
    HalfCredentials,
    /// Credentials in the URL and in settings of their own.
    #[error("the mail server's user name and password stand in its URL and in settings of their own; keep one")]
    TwoCredentials,
    /// CA certificates for a connection without TLS.
    #[error("CA certificates are given for a mail server without TLS; use smtp+starttls:// or smtps://")]
    NothingToTrust,
}

impl SmtpConfig {
    /// Reads `smtp://[user:password@]host[:port]`, likewise with `smtp+starttls` and `smtps`. User name and password
    /// are percent-encoded.
    ///
    /// # Errors
    /// [`SmtpConfigError`], naming the part that is wrong.
    pub fn from_url(url: &str) -> Result<Self, SmtpConfigError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| SmtpConfigError::Scheme(String::new()))?;
        let (security, default_port) = match scheme {
            "smtp" => (Security::Plain, 25),
            "smtp+starttls" => (Security::StartTls, 587),
            "smtps" => (Security::Tls, 465),
            other => return Err(SmtpConfigError::Scheme(other.chars().take(20).collect())),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(SmtpConfigError::Extra);
        }
        let (credentials, server) = match rest.rsplit_once('@') {
            Some((userinfo, server)) => (Some(read_credentials(userinfo)?), server),
            None => (None, rest),
        };
        let (host, port) = read_server(server, default_port)?;
        Ok(Self {
            security,
            host,
            port,
            credentials,
            ca_file: None,
            hello_name: None,
            timeout: Duration::from_secs(60),
        })
    }

    /// Adds user name and password that are configured apart from the URL.
    ///
    /// # Errors
    /// When the URL has some already, or one of the two is empty.
    pub fn with_credentials(mut self, username: String, password: Secret) -> Result<Self, SmtpConfigError> {
        if self.credentials.is_some() {
            return Err(SmtpConfigError::TwoCredentials);
        }
        if username.is_empty() || password.is_empty() {
            return Err(SmtpConfigError::HalfCredentials);
        }
        self.credentials = Some(SmtpCredentials { username, password });
        Ok(self)
    }

    /// Trusts the CA certificates of a file besides the public ones. It is read when the queue is opened.
    ///
    /// # Errors
    /// When the URL asks for no TLS: the file would change nothing.
    pub fn with_ca_file(self, file: PathBuf) -> Result<Self, SmtpConfigError> {
        match self.security {
            Security::Plain => Err(SmtpConfigError::NothingToTrust),
            Security::StartTls | Security::Tls => Ok(Self { ca_file: Some(file), ..self }),
        }
    }

    /// Whether a password would cross the network readable. Allowed, for a mail server next door; worth a warning.
    pub fn sends_password_in_clear(&self) -> bool {
        let loopback = self.host == "localhost" || self.host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        self.security == Security::Plain && self.credentials.is_some() && !loopback
    }
}

fn read_credentials(userinfo: &str) -> Result<SmtpCredentials, SmtpConfigError> {
    let (username, password) = userinfo.split_once(':').ok_or(SmtpConfigError::HalfCredentials)?;
    if username.is_empty() || password.is_empty() {
        return Err(SmtpConfigError::HalfCredentials);
    }
    if password.contains('@') || username.contains('@') {
        return Err(SmtpConfigError::Extra);
    }
    Ok(SmtpCredentials { username: percent_decode(username)?, password: percent_decode(password)?.into() })
}

fn percent_decode(text: &str) -> Result<String, SmtpConfigError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (high, low) = (digit(), digit());
        let value = high.zip(low).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        bytes.push(value.ok_or(SmtpConfigError::Encoding)?);
    }
    let decoded = String::from_utf8(bytes).map_err(|_| SmtpConfigError::Encoding)?;
    if decoded.chars().any(char::is_control) { Err(SmtpConfigError::Encoding) } else { Ok(decoded) }
}

fn read_server(server: &str, default_port: u16) -> Result<(String, u16), SmtpConfigError> {
    let (host, port) = match server.strip_prefix('[') {
        Some(bracketed) => {
            let (host, after) = bracketed.split_once(']').ok_or(SmtpConfigError::Host)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| SmtpConfigError::Host)?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or(SmtpConfigError::Host)?) })
        }
        None => {
            let (host, port) = server.split_once(':').map_or((server, None), |(host, port)| (host, Some(port)));
            if host.is_empty() || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
                return Err(SmtpConfigError::Host);
            }
            (host, port)
        }
    };
    let port = match port {
        None => default_port,
        Some(port) => match port.parse() {
            Ok(port) if port != 0 => port,
            _ => return Err(SmtpConfigError::Port),
        },
    };
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(url: &str) -> (Security, String, u16, Option<(String, String)>) {
        let config = SmtpConfig::from_url(url).unwrap();
        let credentials = config.credentials.map(|c| (c.username, c.password.into_exposed()));
        (config.security, config.host, config.port, credentials)
    }

    #[test]
    fn urls() {
        assert_eq!(read("smtp://localhost"), (Security::Plain, "localhost".into(), 25, None));
        assert_eq!(
            read("smtp+starttls://mail.example.com/"),
            (Security::StartTls, "mail.example.com".into(), 587, None)
        );
        assert_eq!(
            read("smtps://me%40example.com:p%2Fa%3As%25@mail.example.com"),
            (Security::Tls, "mail.example.com".into(), 465, Some(("me@example.com".into(), "p/a:s%".into())))
        );
        assert_eq!(read("smtp://[::1]:2525"), (Security::Plain, "::1".into(), 2525, None));
        assert_eq!(read("smtp://u:p:q@127.0.0.1:25").3, Some(("u".into(), "p:q".into())));
    }

    #[test]
    fn wrong_urls_name_the_wrong_part() {
        use SmtpConfigError as E;
        for (url, error) in [
            ("mail.example.com", E::Scheme(String::new())),
            ("http://mail.example.com", E::Scheme("http".into())),
            ("SMTP://mail.example.com", E::Scheme("SMTP".into())),
            ("smtp://", E::Host),
            ("smtp://:25", E::Host),
            ("smtp://exa mple", E::Host),
            ("smtp://[::1", E::Host),
            ("smtp://[localhost]", E::Host),
            ("smtp://[::1]25", E::Host),
            ("smtp://h:0", E::Port),
            ("smtp://h:65536", E::Port),
            ("smtp://h:", E::Port),
            ("smtp://h/path", E::Extra),
            ("smtp://h?tls=required", E::Extra),
            ("smtp://u:p@ss@h", E::Extra),
            ("smtp://u:p/w@h", E::Extra),
            ("smtp://u@h", E::HalfCredentials),
            ("smtp://u:@h", E::HalfCredentials),
            ("smtp://:p@h", E::HalfCredentials),
            ("smtp://u:%zz@h", E::Encoding),
            ("smtp://u:%f@h", E::Encoding),
            ("smtp://u:%ff@h", E::Encoding),
            ("smtp://u:a%0d%0aRSET@h", E::Encoding),
        ] {
            assert_eq!(SmtpConfig::from_url(url).unwrap_err(), error, "{url}");
        }
    }

    #[test]
    fn credentials_stand_in_one_place() {
        let apart = SmtpConfig::from_url("smtp://h").unwrap().with_credentials("u".into(), "p".into()).unwrap();
        assert!(apart.sends_password_in_clear());
        assert!(!format!("{apart:?}").contains("\"p\""));
        assert_eq!(apart.with_credentials("u".into(), "p".into()).unwrap_err(), SmtpConfigError::TwoCredentials);
        let half = SmtpConfig::from_url("smtp://h").unwrap().with_credentials("u".into(), "".into());
        assert_eq!(half.unwrap_err(), SmtpConfigError::HalfCredentials);
        assert!(!SmtpConfig::from_url("smtp://u:p@127.0.0.1").unwrap().sends_password_in_clear());
        assert!(!SmtpConfig::from_url("smtps://u:p@h").unwrap().sends_password_in_clear());
    }

    #[test]
    fn certificates_are_for_tls() {
        for (url, trusted) in [("smtp://h", false), ("smtp+starttls://h", true), ("smtps://h", true)] {
            let given = SmtpConfig::from_url(url).unwrap().with_ca_file("ca.pem".into());
            match given {
                Ok(config) => assert!(trusted && config.ca_file == Some("ca.pem".into()), "{url}"),
                Err(error) => assert!(!trusted && error == SmtpConfigError::NothingToTrust, "{url}"),
            }
        }
    }

    proptest! {
        #[test]
        fn any_password_survives_its_encoding(password in "\\PC{1,30}") {
            let encoded: String = password.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let config = SmtpConfig::from_url(&format!("smtps://user:{encoded}@mail.example.com")).unwrap();
            prop_assert_eq!(config.credentials.unwrap().password.into_exposed(), password);
        }

        #[test]
        fn reading_never_panics_and_never_repeats_a_password(text: String) {
            let _ = SmtpConfig::from_url(&text);
            if let Err(error) = SmtpConfig::from_url(&format!("smtp://user:hunter2{text}@h")) {
                prop_assert!(!error.to_string().contains("hunter2"));
            }
        }
    }
}
