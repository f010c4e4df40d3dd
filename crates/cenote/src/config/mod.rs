//! Configuration: the layers of a setting's text, the table of settings, and [`Settings`], the parsed whole that the
//! rest of the program takes parts of.

mod layers;
mod pages;
mod settings;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cenote_base::Region;
use cenote_iam::AccessKey;
use cenote_messages::{Mailbox, SmtpConfig};
use cenote_secrets::hashing::HashingParams;
use cenote_tokens::MasterKey;
use ipnet::IpNet;

pub use layers::{ConfigError, DEFAULT_FILE, FILE_VARIABLE, Layers, Origin};
pub use pages::{describe, reference};
pub use settings::{Kind, SETTINGS, Setting};
pub use values::{Database, LogFormat, Outbox, PublicUrl, may_hold_password, shown_url};

/// Every setting of `cenote serve`, parsed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the database, the master key, the root credentials and the outbox live.
    pub data_dir: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// How clients reach the server, where that was said. See [`Settings::public_url`].
    pub given_public_url: Option<PublicUrl>,
    /// The default region.
    pub region: Region,
    /// Which engine, and where.
    pub database: Database,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether signatures for other regions are refused.
    pub strict_region: bool,
    /// The log.
    pub log: LogSettings,
    /// The master key, where it does not come from its file.
    pub master_key: Option<MasterKey>,
    /// The root access key, where it does not come from its file.
    pub root: Option<AccessKey>,
    /// E-mail and SMS.
    pub messages: MessageSettings,
    /// The cost of a password hash.
    pub hashing: HashingSettings,
    /// Whether users can sign in by SRP.
    pub srp: bool,
    /// Bounds on what clients may send.
    pub limits: LimitSettings,
    /// How long a stop waits for what is in flight.
    pub shutdown_grace: Duration,
    /// What is allowed but unwise: logged at the start.
    pub warnings: Vec<String>,
}

/// The log's settings.
#[derive(Clone, Copy, Debug)]
pub struct LogSettings {
    /// Text or JSON.
    pub format: LogFormat,
    /// The least important level that is written.
    pub level: tracing::Level,
}

/// How messages leave.
#[derive(Clone, Debug)]
pub struct MessageSettings {
    /// The mail server.
    pub mail_server: Option<SmtpConfig>,
    /// The sender where the pool names none.
    pub from: Mailbox,
    /// Whether messages without a transport are written to the outbox.
    pub outbox: bool,
}

/// The cost of a password hash.
#[derive(Clone, Copy, Debug)]
pub struct HashingSettings {
    /// Threads; `None`: one less than the cores, at least one.
    pub threads: Option<usize>,
    /// Argon2id's memory in KiB.
    pub memory_kib: u32,
    /// Argon2id's passes.
    pub passes: u32,
}

/// Bounds on what clients may send.
#[derive(Clone, Copy, Debug)]
pub struct LimitSettings {
    /// The largest request body in bytes.
    pub max_body_bytes: usize,
    /// Connections served at a time.
    pub max_connections: usize,
    /// Password checks from one address; `None`: no limit.
    pub address_rate: Option<Rate>,
    /// Password checks for one app client; `None`: no limit.
    pub client_rate: Option<Rate>,
}

/// So many at once, then so many a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In the long run; at least 1.
    pub per_second: u32,
    /// After a pause; at least 1.
    pub burst: u32,
}

/// OWASP's least memory for Argon2id with two passes, in KiB.
const ADVISED_MEMORY_KIB: u32 = 19_456;

impl Settings {
    /// Parses what the layers say.
    pub fn parse(layers: &Layers) -> Result<Self, ConfigError> {
        use settings as s;
        use values as v;

        let listen = layers.value(&s::LISTEN, v::socket_address)?;
        let database = layers.value(&s::DATABASE, v::database)?;
        let mut settings = Self {
            data_dir: layers.value(&s::DATA_DIR, v::path)?,
            listen,
            given_public_url: layers.optional(&s::PUBLIC_URL, str::parse)?,
            region: layers.value(&s::REGION, v::region)?,
            trusted_proxies: layers.value(&s::TRUSTED_PROXIES, v::networks)?,
            strict_region: layers.value(&s::STRICT_REGION, v::boolean)?,
            log: LogSettings {
                format: layers.value(&s::LOG_FORMAT, v::log_format)?,
                level: layers.value(&s::LOG_LEVEL, v::log_level)?,
            },
            master_key: layers.optional(&s::MASTER_KEY, v::master_key)?,
            root: root_key(layers)?,
            messages: messages(layers, &listen, &database)?,
            hashing: HashingSettings {
                threads: layers.value(&s::HASHING_THREADS, v::threads)?,
                // Argon2 itself needs 8 KiB for each lane.
                memory_kib: layers
                    .value(&s::HASHING_MEMORY_KIB, |text| v::number(text, 8, HashingParams::MAX_MEMORY_KIB))?,
                passes: layers.value(&s::HASHING_PASSES, |text| v::number(text, 1, HashingParams::MAX_PASSES))?,
            },
            srp: layers.value(&s::SRP, v::on_or_off)?,
            limits: LimitSettings {
                max_body_bytes: layers.value(&s::MAX_BODY_BYTES, |text| v::number(text, 1_024, 67_108_864))?,
                max_connections: layers.value(&s::MAX_CONNECTIONS, |text| v::number(text, 1, 1_000_000))?,
                address_rate: rate(layers, &s::ADDRESS_RATE, &s::ADDRESS_BURST)?,
                client_rate: rate(layers, &s::CLIENT_RATE, &s::CLIENT_BURST)?,
            },
            shutdown_grace: Duration::from_secs(
                layers.value(&s::SHUTDOWN_GRACE_SECONDS, |text| v::number(text, 0, 3_600))?,
            ),
            database,
            warnings: Vec::new(),
        };
        settings.warnings = settings.unwise(layers);
        Ok(settings)
    }

    /// How clients reach the server once it listens on `bound`. Without a setting it is `http://localhost` with the
    /// port that is really listened on, so that a changed port alone doesn't break links and issuers.
    pub fn public_url(&self, bound: SocketAddr) -> PublicUrl {
        self.given_public_url.clone().unwrap_or_else(|| PublicUrl::localhost(bound.port()))
    }

    fn unwise(&self, layers: &Layers) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.hashing.memory_kib < ADVISED_MEMORY_KIB || self.hashing.passes < 2 {
            warnings
                .push("hashing_memory_kib and hashing_passes are below 19456 and 2: good for tests only".to_owned());
        }
        if self.given_public_url.is_none() && !self.listen.ip().is_loopback() {
            warnings.push(format!(
                "listening on {} without public_url: tokens and links name {}, which other machines cannot reach",
                self.listen,
                self.public_url(self.listen)
            ));
        }
        if !self.listen.ip().is_loopback() && self.trusted_proxies.iter().any(|net| net.prefix_len() == 0) {
            warnings.push("trusted_proxies holds every address: any client can say which address it has".to_owned());
        }
        if self.messages.mail_server.as_ref().is_some_and(SmtpConfig::sends_password_in_clear) {
            warnings.push("smtp_url sends its password without TLS: use smtp+starttls:// or smtps://".to_owned());
        }
        if let (Database::Postgres(url), Some((_, Origin::Flag(_)))) =
            (&self.database, layers.find(&settings::DATABASE))
            && may_hold_password(url.expose())
        {
            warnings.push(
                "--database holds a password, which other users of this machine can see: use CENOTE_DATABASE or the file"
                    .to_owned(),
            );
        }
        warnings
    }
}

fn rate(layers: &Layers, rate: &Setting, burst: &Setting) -> Result<Option<Rate>, ConfigError> {
    let per_second = layers.value(rate, |text| values::number(text, 0, 1_000_000))?;
    let burst = layers.value(burst, |text| values::number(text, 1, 1_000_000))?;
    Ok((per_second > 0).then_some(Rate { per_second, burst }))
}

fn root_key(layers: &Layers) -> Result<Option<AccessKey>, ConfigError> {
    let id = layers.optional(&settings::ROOT_ACCESS_KEY_ID, |text| Ok(text.to_owned()))?;
    let secret = layers.optional(&settings::ROOT_SECRET_ACCESS_KEY, |text| Ok(text.into()))?;
    match (id, secret) {
        (None, None) => Ok(None),
        (Some(id), Some(secret)) => AccessKey::new(id, secret).map(Some).map_err(|error| {
            let names = "CENOTE_ROOT_ACCESS_KEY_ID and CENOTE_ROOT_SECRET_ACCESS_KEY";
            ConfigError::Conflict(format!("{names}: {error}"))
        }),
        _ => Err(ConfigError::Conflict(
            "CENOTE_ROOT_ACCESS_KEY_ID and CENOTE_ROOT_SECRET_ACCESS_KEY are given together or not at all".to_owned(),
        )),
    }
}

fn messages(layers: &Layers, listen: &SocketAddr, database: &Database) -> Result<MessageSettings, ConfigError> {
    let mail_server = mail_server(layers)?;
    let from = layers.value(&settings::MAIL_FROM, values::mailbox)?;
    let outbox = match layers.value(&settings::OUTBOX, values::outbox)? {
        Outbox::On => true,
        Outbox::Off => false,
        Outbox::Auto if mail_server.is_some() => false,
        Outbox::Auto if listen.ip().is_loopback() && matches!(database, Database::Sqlite) => true,
        // Codes in a folder that nobody reads would look like a working server.
        Outbox::Auto => {
            return Err(ConfigError::Conflict(
                "no way to deliver messages: set CENOTE_SMTP_URL, or --outbox to write them into DIR/outbox, or \
                 --outbox=false to send none"
                    .to_owned(),
            ));
        }
    };
    Ok(MessageSettings { mail_server, from, outbox })
}

fn mail_server(layers: &Layers) -> Result<Option<SmtpConfig>, ConfigError> {
    let server = layers.optional(&settings::SMTP_URL, values::mail_server)?;
    match (server, layers.optional(&settings::SMTP_CA_FILE, values::path)?) {
        (server, None) => Ok(server),
        (Some(server), Some(file)) => {
            let trusting = server.with_ca_file(file);
            trusting.map(Some).map_err(|error| ConfigError::Conflict(format!("smtp_ca_file: {error}")))
        }
        (None, Some(_)) => Err(ConfigError::Conflict("smtp_ca_file is given without smtp_url".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    fn parse(flags: &[(&'static str, &str)], variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let flags: BTreeMap<_, _> = flags.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
        let variables = variables.iter().map(|(name, text)| ((*name).into(), (*text).into()));
        Settings::parse(&Layers::collect(flags, variables, None, Path::new("/nonexistent")).unwrap())
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let settings = parse(&[], &[]).unwrap();
        assert_eq!(settings.data_dir, Path::new("./cenote-data"));
        assert_eq!(settings.listen.to_string(), "127.0.0.1:9400");
        assert_eq!(settings.public_url(settings.listen).to_string(), "http://localhost:9400");
        assert_eq!(settings.region.as_str(), "us-east-1");
        assert!(matches!(settings.database, Database::Sqlite));
        assert!(settings.trusted_proxies.is_empty() && !settings.strict_region && settings.messages.outbox);
        assert_eq!((settings.hashing.memory_kib, settings.hashing.passes), (19_456, 2));
        assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
        assert!(settings.srp && !parse(&[], &[("CENOTE_SRP", "off")]).unwrap().srp);
    }

    #[test]
    fn the_public_url_follows_the_port_until_it_is_given() {
        let bound = "127.0.0.1:4321".parse().unwrap();
        assert_eq!(parse(&[], &[]).unwrap().public_url(bound).to_string(), "http://localhost:4321");
        let given = parse(&[("public_url", "https://id.example.com")], &[]).unwrap();
        assert_eq!(given.public_url(bound).to_string(), "https://id.example.com");
    }

    #[test]
    fn every_bad_value_is_named() {
        for (key, text) in [
            ("data_dir", ""),
            ("listen", "localhost:9400"),
            ("listen", "127.0.0.1"),
            ("public_url", "http://localhost:9400/auth"),
            ("region", "US East"),
            ("database", "mysql://x"),
            ("trusted_proxies", "10.0.0.0/99"),
            ("strict_region", "perhaps"),
            ("log_format", "xml"),
            ("log_level", "loud"),
            ("mail_from", "nobody"),
            ("smtp_ca_file", ""),
            ("outbox", "maybe"),
            ("hashing_threads", "0"),
            ("hashing_memory_kib", "7"),
            ("hashing_passes", "0"),
            ("srp", "perhaps"),
            ("max_body_bytes", "12"),
            ("max_connections", "0"),
            ("address_rate", "-1"),
            ("address_burst", "0"),
            ("client_rate", "x"),
            ("client_burst", "0"),
            ("shutdown_grace_seconds", "soon"),
        ] {
            let error = parse(&[(key, text)], &[]).unwrap_err().to_string();
            let flag = format!("--{}: {text:?}: ", key.replace('_', "-"));
            assert!(error.starts_with(&flag) && error.len() > flag.len() + 10, "{error}");
        }
        let error = parse(&[], &[("CENOTE_SMTP_URL", "http://me:hunter2@mail")]).unwrap_err().to_string();
        assert!(
            error.starts_with("CENOTE_SMTP_URL: the mail server's URL must") && !error.contains("hunter2"),
            "{error}"
        );
        let error = parse(&[], &[("CENOTE_MASTER_KEY", "hunter2")]).unwrap_err().to_string();
        assert_eq!(error, "CENOTE_MASTER_KEY: the master key must be 32 bytes in base64 (44 characters)");
    }

    #[test]
    fn messages_need_a_way_out() {
        let outbox = |flags: &[(&'static str, &str)], variables: &[(&str, &str)]| {
            parse(flags, variables).map(|settings| settings.messages.outbox)
        };
        assert!(outbox(&[("listen", "[::1]:0")], &[]).unwrap());
        assert!(!outbox(&[], &[("CENOTE_SMTP_URL", "smtp://mail")]).unwrap());
        assert!(outbox(&[("listen", "0.0.0.0:9400"), ("outbox", "true")], &[]).unwrap());
        assert!(!outbox(&[("listen", "0.0.0.0:9400"), ("outbox", "false")], &[]).unwrap());
        for flags in [[("listen", "0.0.0.0:9400")], [("database", "postgres://db/cenote")]] {
            let error = outbox(&flags, &[]).unwrap_err().to_string();
            assert!(error.starts_with("no way to deliver messages"), "{error}");
            assert!(!outbox(&flags, &[("CENOTE_SMTP_URL", "smtp://mail")]).unwrap());
        }
    }

    #[test]
    fn certificates_need_a_mail_server_that_shows_some() {
        let server = |url: &str| {
            parse(&[("smtp_ca_file", "/etc/ca.pem")], &[("CENOTE_SMTP_URL", url)])
                .map(|settings| settings.messages.mail_server.unwrap().ca_file.unwrap())
        };
        assert_eq!(server("smtps://mail").unwrap(), Path::new("/etc/ca.pem"));
        assert_eq!(server("smtp+starttls://mail").unwrap(), Path::new("/etc/ca.pem"));
        let error = server("smtp://me:hunter2@mail").unwrap_err().to_string();
        assert!(error.starts_with("smtp_ca_file: ") && !error.contains("hunter2"), "{error}");
        let error = parse(&[("smtp_ca_file", "/etc/ca.pem")], &[]).unwrap_err().to_string();
        assert_eq!(error, "smtp_ca_file is given without smtp_url");
    }

    #[test]
    fn half_a_root_key_is_refused() {
        let id = ("CENOTE_ROOT_ACCESS_KEY_ID", "AKIAEXAMPLE");
        let secret = ("CENOTE_ROOT_SECRET_ACCESS_KEY", "hunter2hunter2hunter2");
        assert!(parse(&[], &[id]).is_err());
        assert!(parse(&[], &[secret]).is_err());
        let settings = parse(&[], &[id, secret]).unwrap();
        assert_eq!(settings.root.as_ref().unwrap().id(), "AKIAEXAMPLE");
        assert!(!format!("{settings:?}").contains("hunter2"));
        let error = parse(&[], &[id, ("CENOTE_ROOT_SECRET_ACCESS_KEY", "hunter2")]).unwrap_err().to_string();
        assert!(error.contains("16 to 256") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn what_is_unwise_is_said() {
        let warnings = |flags: &[(&'static str, &str)], variables: &[(&str, &str)]| {
            parse(flags, variables).unwrap().warnings.join("\n")
        };
        assert!(warnings(&[("hashing_memory_kib", "8")], &[]).contains("for tests only"));
        assert!(warnings(&[("listen", "0.0.0.0:1"), ("outbox", "true")], &[]).contains("without public_url"));
        for (listen, warned) in [("0.0.0.0:1", true), ("192.0.2.1:1", true), ("[::]:1", true), ("127.0.0.1:1", false)] {
            let shown = warnings(&[("listen", listen), ("trusted_proxies", "0.0.0.0/0"), ("outbox", "true")], &[]);
            assert_eq!(shown.contains("trusted_proxies holds every address"), warned, "{listen}: {shown}");
        }
        for url in ["postgres://me:hunter2@db/x", "postgres://db/x?user=me&password=hunter2"] {
            let flag = warnings(&[("database", url), ("outbox", "true")], &[]);
            assert!(flag.contains("--database holds a password") && !flag.contains("hunter2"), "{flag}");
            assert_eq!(warnings(&[("outbox", "true")], &[("CENOTE_DATABASE", url)]), "");
        }
        assert_eq!(warnings(&[("outbox", "true"), ("database", "postgres://me@db:5432/x")], &[]), "");
    }

    #[test]
    fn a_refused_database_is_shown_only_where_it_holds_no_password() {
        for url in [
            "postgres://db/x?user=me&password=hun@ter2",
            "postgres://me:hun/t@er2@db/x",
            "postgres:/me:hunter2@db/x",
            "host=db user=me password=hunter2",
        ] {
            let error = parse(&[("database", url)], &[]).unwrap_err().to_string();
            assert!(error.starts_with("--database: ") && !error.contains("er2"), "{error}");
        }
    }
}
