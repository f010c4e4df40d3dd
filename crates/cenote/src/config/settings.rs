//! The table of every setting: its key in `cenote.toml`, from which the flag and the variable follow, its default and
//! its help. A setting stands here only if it does something.

/// How a setting may be given and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value: `--key VALUE`, `CENOTE_KEY`, `key = …`. The text is the value's name in the help.
    Value(&'static str),
    /// A URL that may hold a password: like a value, but only its host, port and path are shown.
    Url(&'static str),
    /// A yes or no: `--key` alone means true.
    Switch,
    /// A secret: no flag (other users of the machine can read flags), and never shown.
    Secret,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The key in `cenote.toml`: `data_dir`.
    pub key: &'static str,
    /// How it may be given and shown.
    pub kind: Kind,
    /// What holds when nobody says otherwise, in the form a user would write; `None` where its absence has a meaning.
    pub default: Option<&'static str>,
    /// One sentence for the help.
    pub help: &'static str,
}

impl Setting {
    /// The flag without its dashes, `data-dir`; secrets have none.
    pub fn flag(&self) -> Option<String> {
        (self.kind != Kind::Secret).then(|| self.key.replace('_', "-"))
    }

    /// The environment variable, `CENOTE_DATA_DIR`.
    pub fn variable(&self) -> String {
        format!("CENOTE_{}", self.key.to_ascii_uppercase())
    }
}

macro_rules! settings {
    ($($name:ident = $key:literal: $kind:expr, $default:expr, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $name: Setting = Setting { key: $key, kind: $kind, default: $default, help: $help };
        )*

        /// Every setting, in the order of the help.
        pub const SETTINGS: &[Setting] = &[$($name),*];
    };
}

settings! {
    DATA_DIR = "data_dir": Kind::Value("DIR"), Some("./cenote-data"),
        "Where the database, the master key, the root credentials and the outbox live";
    LISTEN = "listen": Kind::Value("ADDRESS:PORT"), Some("127.0.0.1:9400"),
        "The IP address and port to listen on; port 0 takes a free one";
    PUBLIC_URL = "public_url": Kind::Value("URL"), None,
        "How clients reach this server, without a path: the base of issuers and links [default: http://localhost:PORT]";
    REGION = "region": Kind::Value("REGION"), Some("us-east-1"),
        "The region of new resources whose request does not name another";
    DATABASE = "database": Kind::Url("URL"), Some("sqlite"),
        "\"sqlite\" (a file in the data directory) or postgres://user:password@host/database";
    TRUSTED_PROXIES = "trusted_proxies": Kind::Value("CIDR,…"), Some(""),
        "The proxies whose X-Forwarded-For is believed; none by default";
    STRICT_REGION = "strict_region": Kind::Switch, Some("false"),
        "Refuse signatures that are scoped to a region other than --region";
    LOG_FORMAT = "log_format": Kind::Value("FORMAT"), Some("text"),
        "How log lines look on standard error: text or json";
    LOG_LEVEL = "log_level": Kind::Value("LEVEL"), Some("info"),
        "What is logged: error, warn, info, debug or trace";
    SMTP_URL = "smtp_url": Kind::Secret, None,
        "The mail server: smtp+starttls://user:password@host:587, smtps://… or, without TLS, smtp://host";
    SMTP_CA_FILE = "smtp_ca_file": Kind::Value("FILE"), None,
        "CA certificates (PEM) that the mail server's may come from, besides the public ones";
    MAIL_FROM = "mail_from": Kind::Value("MAILBOX"), Some("no-reply@localhost"),
        "The sender of e-mails where the pool names none";
    OUTBOX = "outbox": Kind::Value("auto|true|false"), Some("auto"),
        "Write messages that have no transport into DIR/outbox; auto: on a loopback address with SQLite and no mail server";
    HASHING_THREADS = "hashing_threads": Kind::Value("N"), Some("auto"),
        "Threads that hash passwords; auto: one less than the cores, at least one";
    HASHING_MEMORY_KIB = "hashing_memory_kib": Kind::Value("KIB"), Some("19456"),
        "Argon2id's memory per password, in KiB";
    HASHING_PASSES = "hashing_passes": Kind::Value("N"), Some("2"),
        "Argon2id's passes over its memory";
    SRP = "srp": Kind::Value("on|off"), Some("on"),
        "Whether users can sign in by SRP; off: no verifier is kept beside the password's hash";
    MAX_BODY_BYTES = "max_body_bytes": Kind::Value("BYTES"), Some("2097152"),
        "The largest body of a signed request; of others 512 KiB, or this if it is less; a larger one is answered 413";
    MAX_CONNECTIONS = "max_connections": Kind::Value("N"), Some("4096"),
        "Connections served at a time, at most a quarter of them from one address; more wait to be accepted";
    ADDRESS_RATE = "address_rate": Kind::Value("N"), Some("100"),
        "Operations that check a password, per second and client address, before TooManyRequestsException; 0: no limit";
    ADDRESS_BURST = "address_burst": Kind::Value("N"), Some("300"),
        "How many of them one address may send at once";
    CLIENT_RATE = "client_rate": Kind::Value("N"), Some("0"),
        "The same per second and app client, over all addresses; 0: no limit";
    CLIENT_BURST = "client_burst": Kind::Value("N"), Some("300"),
        "How many of them one app client may send at once";
    SHUTDOWN_GRACE_SECONDS = "shutdown_grace_seconds": Kind::Value("SECONDS"), Some("7"),
        "How long a stop waits for what is in flight";
    MASTER_KEY = "master_key": Kind::Secret, None,
        "The master key (32 bytes in base64) instead of DIR/master.key";
    ROOT_ACCESS_KEY_ID = "root_access_key_id": Kind::Secret, None,
        "The root access key's id instead of DIR/credentials; never stored";
    ROOT_SECRET_ACCESS_KEY = "root_secret_access_key": Kind::Secret, None,
        "The root access key's secret instead of DIR/credentials; never stored";
}

/// The setting of that key.
pub fn by_key(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_from_the_key() {
        assert_eq!(DATA_DIR.flag().as_deref(), Some("data-dir"));
        assert_eq!(DATA_DIR.variable(), "CENOTE_DATA_DIR");
        assert_eq!(MASTER_KEY.flag(), None);
    }

    #[test]
    fn keys_are_unique() {
        let keys: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        assert_eq!(keys.len(), SETTINGS.len());
        assert!(by_key("listen").is_some_and(|setting| setting.key == LISTEN.key));
        assert!(by_key("config").is_none());
    }
}
