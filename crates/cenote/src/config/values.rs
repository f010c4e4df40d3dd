//! The values of settings: parsed once, here, with the reason when they are wrong.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use cenote_base::{Region, Secret};
use cenote_messages::{Mailbox, SmtpConfig};
use cenote_tokens::MasterKey;
use ipnet::IpNet;

/// Why a text is no value of a setting; it does not repeat the text, which may be a secret.
pub type Reason = String;

/// Where the data lives.
#[derive(Clone, Debug)]
pub enum Database {
    /// One file in the data directory.
    Sqlite,
    /// A PostgreSQL server; the URL may hold a password.
    Postgres(Secret),
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Whether messages are written to the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outbox {
    /// On a loopback address with SQLite and no mail server.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// How clients reach the server: scheme, host and port, no path. `Display` is the origin as browsers write it, which
/// issuers begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    https: bool,
    host: String,
    port: Option<u16>,
}

impl PublicUrl {
    /// `http://localhost:{port}`: what holds when no public URL is given.
    pub fn localhost(port: u16) -> Self {
        Self { https: false, host: "localhost".to_owned(), port: (port != 80).then_some(port) }
    }

    /// Host and port as a client writes them into `Host`.
    pub fn authority(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl FromStr for PublicUrl {
    type Err = Reason;

    fn from_str(text: &str) -> Result<Self, Reason> {
        let (https, rest) = if let Some(rest) = text.strip_prefix("https://") {
            (true, rest)
        } else if let Some(rest) = text.strip_prefix("http://") {
            (false, rest)
        } else {
            return Err("a public URL begins with http:// or https://".to_owned());
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err("a public URL has no path, query or fragment".to_owned());
        }
        if authority.contains('@') {
            return Err("a public URL has no user name or password".to_owned());
        }
        let (host, port) = split_port(authority)?;
        let host = host.to_ascii_lowercase();
        if !is_host(&host) {
            return Err("a public URL needs a host name or an IP address".to_owned());
        }
        // Browsers leave the scheme's own port out of origins, so tokens and redirects must too.
        let own_port = if https { 443 } else { 80 };
        Ok(Self { https, host, port: port.filter(|port| *port != own_port) })
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), Reason> {
    // The colons of an IPv6 address stand inside brackets, so a port's colon is one without a bracket after it.
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => match port.parse() {
            Ok(port) if port != 0 => Ok((host, Some(port))),
            _ => Err("a URL's port is a number from 1 to 65535".to_owned()),
        },
        _ => Ok((authority, None)),
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    host.len() <= 253
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// A directory or file.
pub fn path(text: &str) -> Result<PathBuf, Reason> {
    if text.is_empty() { Err("a path is needed".to_owned()) } else { Ok(PathBuf::from(text)) }
}

/// An IP address with a port.
pub fn socket_address(text: &str) -> Result<SocketAddr, Reason> {
    text.parse().map_err(|_| "an IP address with a port is needed, such as 127.0.0.1:9400 or [::1]:9400".to_owned())
}

/// A region's name.
pub fn region(text: &str) -> Result<Region, Reason> {
    text.parse().map_err(|_| "a region has lower-case letters, digits and dashes, such as us-east-1".to_owned())
}

/// `sqlite` or a PostgreSQL URL.
pub fn database(text: &str) -> Result<Database, Reason> {
    if text == "sqlite" {
        Ok(Database::Sqlite)
    } else if let Some(rest) = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")) {
        // The driver would take what stands before such an `@` for a user's name, and the server would repeat it.
        let ends = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(ends);
        if tail.contains('@') || authority.matches('@').count() > 1 {
            return Err("an @, / or ? in a user name or password is written %40, %2F or %3F".to_owned());
        }
        Ok(Database::Postgres(Secret::new(text)))
    } else {
        Err("\"sqlite\" or a postgres:// URL is needed".to_owned())
    }
}

/// Networks, separated by commas; an address alone is a network of one.
pub fn networks(text: &str) -> Result<Vec<IpNet>, Reason> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            part.parse::<IpNet>()
                .or_else(|_| part.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| format!("{part:?} is no network such as 10.0.0.0/8 and no IP address"))
        })
        .collect()
}

/// `true` or `false`.
pub fn boolean(text: &str) -> Result<bool, Reason> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("true or false is needed".to_owned()),
    }
}

/// `on` or `off`.
pub fn on_or_off(text: &str) -> Result<bool, Reason> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("on or off is needed".to_owned()),
    }
}

/// `text` or `json`.
pub fn log_format(text: &str) -> Result<LogFormat, Reason> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("text or json is needed".to_owned()),
    }
}

/// A level of the log.
pub fn log_level(text: &str) -> Result<tracing::Level, Reason> {
    match text {
        "error" => Ok(tracing::Level::ERROR),
        "warn" => Ok(tracing::Level::WARN),
        "info" => Ok(tracing::Level::INFO),
        "debug" => Ok(tracing::Level::DEBUG),
        "trace" => Ok(tracing::Level::TRACE),
        _ => Err("error, warn, info, debug or trace is needed".to_owned()),
    }
}

/// `auto`, `true` or `false`.
pub fn outbox(text: &str) -> Result<Outbox, Reason> {
    match text {
        "auto" => Ok(Outbox::Auto),
        _ => boolean(text)
            .map(|on| if on { Outbox::On } else { Outbox::Off })
            .map_err(|_| "auto, true or false is needed".to_owned()),
    }
}

/// `auto` (`None`) or a number of threads.
pub fn threads(text: &str) -> Result<Option<usize>, Reason> {
    if text == "auto" {
        Ok(None)
    } else {
        number(text, 1, 256).map(Some).map_err(|reason| format!("auto, or {reason}"))
    }
}

/// A whole number in a range, both ends included.
pub fn number<N: FromStr + PartialOrd + fmt::Display>(text: &str, least: N, most: N) -> Result<N, Reason> {
    match text.parse::<N>() {
        Ok(number) if number >= least && number <= most => Ok(number),
        _ => Err(format!("a whole number from {least} to {most} is needed")),
    }
}

/// A sender such as `no-reply@example.com` or `Example <no-reply@example.com>`.
pub fn mailbox(text: &str) -> Result<Mailbox, Reason> {
    text.parse().map_err(|_| "a mailbox is needed, such as Example <no-reply@example.com>".to_owned())
}

/// A mail server's URL.
pub fn mail_server(text: &str) -> Result<SmtpConfig, Reason> {
    SmtpConfig::from_url(text).map_err(|error| error.to_string())
}

/// A master key in base64.
pub fn master_key(text: &str) -> Result<MasterKey, Reason> {
    MasterKey::from_base64(text).map_err(|error| error.to_string())
}

/// What may be shown of a URL: scheme, host, port and the one segment of its path, never the user, the password or the
/// parameters; `None` for what is not for certain such a URL, because any part of it may then be a password.
pub fn shown_url(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority_ends = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority_ends);
    let path = tail.split(['?', '#']).next().unwrap_or_default();
    let hosts = authority.split_once('@').map_or(authority, |(_, hosts)| hosts);
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    // A second `@`, or one behind the hosts, was meant to be part of a password.
    let is_unambiguous = !hosts.contains('@') && !tail.contains('@');
    let is_path =
        path.strip_prefix('/').unwrap_or(path).bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let are_hosts = hosts.is_empty()
        || hosts.split(',').all(|host| split_port(host).is_ok_and(|(host, _)| is_host(&host.to_ascii_lowercase())));
    (is_scheme && is_unambiguous && is_path && are_hosts).then(|| format!("{scheme}://{hosts}{path}"))
}

/// Whether a URL may hold a password, before its host or among its parameters.
pub fn may_hold_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) || url.to_ascii_lowercase().contains("password")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn public_urls_are_origins() {
        for (text, shown) in [
            ("http://localhost:9400", "http://localhost:9400"),
            ("https://Auth.Example.com/", "https://auth.example.com"),
            ("https://auth.example.com:443", "https://auth.example.com"),
            ("http://auth.example.com:80", "http://auth.example.com"),
            ("https://auth.example.com:80", "https://auth.example.com:80"),
            ("http://[::1]:9400", "http://[::1]:9400"),
            ("http://[2001:db8::1]", "http://[2001:db8::1]"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().to_string(), shown, "{text}");
        }
        for (text, reason) in [
            ("localhost:9400", "begins with http"),
            ("https://example.com/auth", "no path"),
            ("https://example.com?x", "no path"),
            ("https://me:pw@example.com", "no user name"),
            ("https://", "needs a host"),
            ("https://exa mple.com", "needs a host"),
            ("https://example.com:0", "port"),
            ("https://example.com:99999", "port"),
            ("http://::1", "needs a host"),
        ] {
            let error = text.parse::<PublicUrl>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn networks_take_addresses_and_prefixes() {
        let parsed = networks("10.0.0.0/8, 127.0.0.1,2001:db8::/32").unwrap();
        assert_eq!(parsed.len(), 3);
        assert!(parsed[1].contains(&"127.0.0.1".parse::<IpAddr>().unwrap()));
        assert!(networks("").unwrap().is_empty());
        assert!(networks("10.0.0.0/33").unwrap_err().contains("10.0.0.0/33"));
    }

    #[test]
    fn mailboxes() {
        for good in ["a@b", "Cenote <no-reply@example.com>"] {
            assert_eq!(mailbox(good).unwrap().to_string(), good);
        }
        for bad in ["", "a", "a@", "@b", "a@b@c", "A <a@b", "a b@c", "a@b\r\nBcc: c@d"] {
            assert!(mailbox(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn of_urls_only_host_port_and_path_are_shown() {
        for (url, shown) in [
            ("postgres://me:hunter2@db:5432/x?password=hunter2", "postgres://db:5432/x"),
            ("postgres://me@db/x", "postgres://db/x"),
            ("postgresql://db/x?user=me&password=hunter2", "postgresql://db/x"),
            ("postgres://me:hunter2@a:5432,[::1]:5433/x", "postgres://a:5432,[::1]:5433/x"),
            ("postgres:///x?host=/run/postgresql&password=hunter2", "postgres:///x"),
            ("mysql://localhost", "mysql://localhost"),
        ] {
            assert_eq!(shown_url(url).as_deref(), Some(shown), "{url}");
        }
        for url in [
            "postgres://db/x?user=me&password=hun@ter2",
            "postgres://me:hun@ter2@db/x",
            "postgres://me:hun/t?er2@db/x",
            "postgres://me:hunter2",
            "postgres:/me:hunter2@db/x",
            "postgres://db/x/hunter2",
            "host=db user=me password=hunter2",
            "hunter2",
            "",
        ] {
            assert_eq!(shown_url(url), None, "{url}");
        }
    }

    #[test]
    fn passwords_in_urls_are_noticed_in_both_places() {
        for url in ["postgres://me:pw@db/x", "postgres://db/x?user=me&password=pw", "postgres://db/x?PassWord=p@w"] {
            assert!(may_hold_password(url), "{url}");
        }
        for url in ["sqlite", "postgres://db:5432/x", "postgres://me@db:5432/x?sslmode=require"] {
            assert!(!may_hold_password(url), "{url}");
        }
    }

    #[test]
    fn database_urls_are_unambiguous() {
        for good in ["postgres://me:pw%40@db/x", "postgresql://db/x?user=me&password=p%40w", "postgres:///x"] {
            assert!(matches!(database(good), Ok(Database::Postgres(_))), "{good}");
        }
        for bad in ["postgres://me:p@w@db/x", "postgres://db/x?user=me&password=p@w", "postgres://me:p/w@db/x"] {
            assert!(database(bad).unwrap_err().contains("%40"), "{bad}");
        }
    }

    #[test]
    fn numbers_name_their_range() {
        assert_eq!(number("8", 8, 10).unwrap(), 8);
        assert_eq!(number::<u32>("7", 8, 10).unwrap_err(), "a whole number from 8 to 10 is needed");
        assert_eq!(threads("auto").unwrap(), None);
        assert_eq!(threads("3").unwrap(), Some(3));
        assert!(threads("0").is_err());
    }

    proptest! {
        #[test]
        fn a_public_url_prints_what_parses_to_itself(text in "https?://[a-z0-9.-]{1,20}(:[0-9]{1,5})?/?") {
            if let Ok(url) = text.parse::<PublicUrl>() {
                prop_assert_eq!(url.to_string().parse::<PublicUrl>().unwrap(), url);
            }
        }

        #[test]
        fn no_text_makes_a_parser_panic(text: String) {
            let _ = text.parse::<PublicUrl>();
            let _ = networks(&text);
            let _ = mailbox(&text);
            let _ = shown_url(&text);
            let _ = may_hold_password(&text);
        }

        #[test]
        fn no_password_is_ever_shown(before in "[ -~]{0,12}", after in "[ -~]{0,12}") {
            for url in [
                format!("postgres://me:{before}hunter2{after}@db/x"),
                format!("postgres://db/x?user=me&password={before}hunter2{after}"),
            ] {
                // A password with a slash is taken for a port and a path: the driver refuses such a URL, too.
                let shown = shown_url(&url).unwrap_or_default();
                prop_assert!(!shown.contains("hunter2"), "{} of {}", shown, url);
            }
        }
    }
}
