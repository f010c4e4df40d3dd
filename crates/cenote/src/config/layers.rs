//! Where a setting's text comes from: flag over variable over file over default.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::settings::{Kind, SETTINGS, Setting, by_key};
use super::values::{Reason, may_hold_password, shown_url};
use crate::private;

/// The file that is read when nobody names one, and only if it exists.
pub const DEFAULT_FILE: &str = "cenote.toml";
/// Names another file than [`DEFAULT_FILE`].
pub const FILE_VARIABLE: &str = "CENOTE_CONFIG";
const PREFIX: &str = "CENOTE_";

/// A configuration that the server will not start with. Each is one line that names the place and the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A `CENOTE_…` variable that means nothing, most likely a misspelt one.
    #[error("{name}: there is no such setting{}", did_you_mean(.hint))]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The nearest variable that exists.
        hint: Option<String>,
    },
    /// A key of the file that means nothing.
    #[error("{}: {key}: there is no such setting{}", .file.display(), did_you_mean(.hint))]
    UnknownKey {
        /// The file.
        file: PathBuf,
        /// The key.
        key: String,
        /// The nearest key that exists.
        hint: Option<String>,
    },
    /// A file that cannot be read or is not TOML.
    #[error("{}: {reason}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A value that does not fit its setting.
    #[error("{origin}: {}{reason}", .shown.as_ref().map(|shown| format!("{shown:?}: ")).unwrap_or_default())]
    BadValue {
        /// The flag, the variable, or the file and its key.
        origin: Origin,
        /// The value, where it may be shown.
        shown: Option<String>,
        /// Why it does not fit.
        reason: Reason,
    },
    /// Settings that do not fit each other.
    #[error("{0}")]
    Conflict(String),
}

fn did_you_mean(hint: &Option<String>) -> String {
    hint.as_ref().map(|hint| format!(" (did you mean {hint}?)")).unwrap_or_default()
}

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    Flag(String),
    /// In the environment.
    Variable(String),
    /// In the file, under that key.
    File(PathBuf, &'static str),
    /// Nowhere.
    Default(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "--{flag}"),
            Self::Variable(name) => f.write_str(name),
            Self::File(file, key) => write!(f, "{}: {key}", file.display()),
            Self::Default(key) => write!(f, "default of {key}"),
        }
    }
}

/// The texts of all layers.
#[derive(Default)]
pub struct Layers {
    flags: BTreeMap<&'static str, String>,
    variables: BTreeMap<&'static str, String>,
    file: Option<(PathBuf, BTreeMap<&'static str, String>)>,
}

impl Layers {
    /// Collects the layers. `flags` by key; `environment` whole, only `CENOTE_…` is looked at; `file` as `--config`
    /// gave it. Without `--config` and `CENOTE_CONFIG`, `cenote.toml` in `directory` is read if it exists.
    pub fn collect(
        flags: BTreeMap<&'static str, String>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        file: Option<PathBuf>,
        directory: &Path,
    ) -> Result<Self, ConfigError> {
        let mut variables = BTreeMap::new();
        let mut named = file;
        for (name, value) in environment {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
            // Compose files pass unset variables on as empty ones.
            if value.is_empty() || is_foreign(name, &value) {
                continue;
            }
            if name == FILE_VARIABLE {
                named = named.or_else(|| Some(PathBuf::from(value)));
                continue;
            }
            let setting = SETTINGS.iter().find(|setting| setting.variable() == name).ok_or_else(|| unknown(name))?;
            let text = value.into_string().map_err(|_| ConfigError::BadValue {
                origin: Origin::Variable(name.to_owned()),
                shown: None,
                reason: "the value is not UTF-8".to_owned(),
            })?;
            variables.insert(setting.key, text);
        }
        let file = match named {
            Some(file) => Some(read_file(file)?),
            None => Some(directory.join(DEFAULT_FILE)).filter(|file| file.exists()).map(read_file).transpose()?,
        };
        Ok(Self { flags, variables, file })
    }

    /// The text that wins for a setting, and where it was given.
    pub fn find(&self, setting: &Setting) -> Option<(&str, Origin)> {
        let flag = self.flags.get(setting.key).zip(setting.flag()).map(|(text, flag)| (text, Origin::Flag(flag)));
        let variable = || self.variables.get(setting.key).map(|text| (text, Origin::Variable(setting.variable())));
        let file = || {
            let (file, keys) = self.file.as_ref()?;
            keys.get(setting.key).map(|text| (text, Origin::File(file.clone(), setting.key)))
        };
        let given = flag.or_else(variable).or_else(file).map(|(text, origin)| (text.as_str(), origin));
        given.or_else(|| setting.default.map(|text| (text, Origin::Default(setting.key))))
    }

    /// The value of a setting that may be absent.
    pub fn optional<T>(
        &self,
        setting: &Setting,
        parse: impl FnOnce(&str) -> Result<T, Reason>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((text, origin)) = self.find(setting) else { return Ok(None) };
        parse(text).map(Some).map_err(|reason| ConfigError::BadValue { origin, shown: shown(setting, text), reason })
    }

    /// The value of a setting that has a default.
    pub fn value<T>(&self, setting: &Setting, parse: impl FnOnce(&str) -> Result<T, Reason>) -> Result<T, ConfigError> {
        self.optional(setting, parse)?
            .ok_or_else(|| ConfigError::Conflict(format!("{} has no value and no default", setting.key)))
    }

    /// Each setting as `config check` prints it: key, value (what may not be shown only as "(set)"), origin.
    pub fn describe(&self) -> Vec<(&'static str, String, String)> {
        SETTINGS
            .iter()
            .map(|setting| match self.find(setting) {
                Some((text, Origin::Default(_))) => (setting.key, text.to_owned(), "default".to_owned()),
                Some((text, origin)) => {
                    let shown = shown(setting, text).unwrap_or_else(|| "(set)".to_owned());
                    (setting.key, shown, origin.to_string())
                }
                None => (setting.key, "(not set)".to_owned(), "default".to_owned()),
            })
            .collect()
    }
}

/// The text as far as it may be shown.
fn shown(setting: &Setting, text: &str) -> Option<String> {
    match setting.kind {
        Kind::Secret => None,
        // A word that is the setting's default, "sqlite", is no secret.
        Kind::Url(_) if setting.default == Some(text) => Some(text.to_owned()),
        Kind::Url(_) => shown_url(text),
        Kind::Value(_) | Kind::Switch => Some(text.to_owned()),
    }
}

/// Whether the text must be kept from other users. The root key's id is a name, but useless without its secret.
fn is_secret(setting: &Setting, text: &str) -> bool {
    match setting.kind {
        Kind::Secret => true,
        Kind::Url(_) => may_hold_password(text),
        Kind::Value(_) | Kind::Switch => false,
    }
}

/// Variables with our prefix that are not ours: Kubernetes sets `CENOTE_PORT=tcp://…` and its like in every pod beside
/// a service named `cenote`, and Cenote's own tests are configured by `CENOTE_TEST_…`.
fn is_foreign(name: &str, value: &OsStr) -> bool {
    name.starts_with("CENOTE_TEST_")
        || name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        // A bare number is somebody's who takes it for a setting.
        || (name.ends_with("_PORT") && value.to_string_lossy().contains("://"))
        || name.split_once("_PORT_").is_some_and(|(_, rest)| is_number_and_protocol(rest))
}

/// What follows `_PORT_` in the variables of a service: `9400_TCP`, `9400_TCP_ADDR`, …
fn is_number_and_protocol(rest: &str) -> bool {
    rest.split_once('_').is_some_and(|(number, rest)| {
        let protocol = rest.split('_').next().unwrap_or_default();
        number.parse::<u16>().is_ok() && ["TCP", "UDP", "SCTP"].contains(&protocol)
    })
}

fn unknown(name: &str) -> ConfigError {
    let hint = nearest(name, SETTINGS.iter().map(Setting::variable));
    ConfigError::UnknownVariable { name: name.to_owned(), hint }
}

fn read_file(file: PathBuf) -> Result<(PathBuf, BTreeMap<&'static str, String>), ConfigError> {
    let refuse = |reason: String| ConfigError::File { file: file.clone(), reason };
    let cannot = |error: std::io::Error| refuse(format!("cannot be read: {error}"));
    let mut opened = File::open(&file).map_err(cannot)?;
    let found = opened.metadata().map_err(cannot)?;
    let mut text = String::new();
    opened.read_to_string(&mut text).map_err(cannot)?;
    let table = text.parse::<toml::Table>().map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        // The error's own Display quotes the line, which may hold a secret.
        refuse(format!("line {line}: {}", error.message().lines().next().unwrap_or("is not TOML")))
    })?;
    let mut keys = BTreeMap::new();
    for (key, value) in table {
        let Some(setting) = by_key(&key) else {
            let hint = nearest(&key, SETTINGS.iter().map(|setting| setting.key.to_owned()));
            return Err(ConfigError::UnknownKey { file, key, hint });
        };
        let text = plain_text(value).map_err(|reason| ConfigError::BadValue {
            origin: Origin::File(file.clone(), setting.key),
            shown: None,
            reason,
        })?;
        if is_secret(setting, &text) {
            private::check_file(&found).map_err(|reason| refuse(format!("it holds a secret ({key}), but {reason}")))?;
        }
        keys.insert(setting.key, text);
    }
    Ok((file, keys))
}

/// A TOML value in the form that flags and variables have, so that one parser per setting serves all layers.
fn plain_text(value: toml::Value) -> Result<String, Reason> {
    match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(on) => Ok(on.to_string()),
        toml::Value::Array(items) => {
            let texts: Option<Vec<_>> = items.iter().map(toml::Value::as_str).collect();
            texts.map(|texts| texts.join(",")).ok_or_else(|| "a list of texts is needed".to_owned())
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => {
            Err("a text, a whole number, true, false or a list of texts is needed".to_owned())
        }
    }
}

/// The known name that is at most two edits away.
fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    known.map(|known| (distance(name, &known), known)).filter(|(edits, _)| *edits <= 2).min().map(|(_, known)| known)
}

/// Levenshtein's distance.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(to.chars()) {
            let edits = (diagonal + usize::from(a != b)).min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, edits);
            left = edits;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::settings::{LISTEN, MASTER_KEY, SETTINGS, STRICT_REGION, TRUSTED_PROXIES};
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    fn write(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn collect(flags: &[(&'static str, &str)], variables: &[(&str, &str)], file: &str) -> Result<Layers, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        write(&directory.path().join(DEFAULT_FILE), file, 0o600);
        let flags = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Layers::collect(flags, environment(variables), None, directory.path())
    }

    #[test]
    fn each_layer_wins_over_the_next() {
        for setting in SETTINGS {
            let variable = setting.variable();
            let file = format!("{} = \"from file\"", setting.key);
            let found = |flags, variables, file| {
                let layers = collect(flags, variables, file).unwrap();
                layers.find(setting).map(|(text, _)| text.to_owned())
            };
            assert_eq!(found(&[], &[], "").as_deref(), setting.default, "{}", setting.key);
            assert_eq!(found(&[], &[], &file).unwrap(), "from file", "{}", setting.key);
            let variables: &[(&str, &str)] = &[(&variable, "from variable")];
            assert_eq!(found(&[], variables, &file).unwrap(), "from variable", "{}", setting.key);
            if setting.flag().is_some() {
                let flags: &[(&'static str, &str)] = &[(setting.key, "from flag")];
                assert_eq!(found(flags, variables, &file).unwrap(), "from flag", "{}", setting.key);
            }
        }
    }

    #[test]
    fn every_refusal_is_one_line_that_names_the_place() {
        let missing = Layers::collect(BTreeMap::new(), [], Some("/nonexistent/c.toml".into()), Path::new("."));
        let missing = missing.err().unwrap().to_string();
        assert!(missing.starts_with("/nonexistent/c.toml: cannot be read: "), "{missing}");

        for (variables, file, start, contains) in [
            (
                &[("CENOTE_LISTEM", "x")][..],
                "",
                "CENOTE_LISTEM: there is no such setting",
                "did you mean CENOTE_LISTEN?",
            ),
            (&[("CENOTE_QUITE_ANOTHER", "x")], "", "CENOTE_QUITE_ANOTHER: there is no such setting", ""),
            (&[], "listem = 'x'", "", "cenote.toml: listem: there is no such setting (did you mean listen?)"),
            (&[], "[listen]\nport = 1", "", "cenote.toml: listen: a text, a whole number"),
            (&[], "region = 'a'\nmaster_key = 'hunter2", "", "cenote.toml: line 2: "),
            (&[], "region = 'a'\nregion = 'b'", "", "cenote.toml: line 2: "),
            (&[], "trusted_proxies = [1]", "", "cenote.toml: trusted_proxies: a list of texts is needed"),
        ] {
            let error = collect(&[], variables, file).err().unwrap().to_string();
            assert!(error.starts_with(start) && error.contains(contains), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_bad_value_is_shown_unless_it_is_secret() {
        let refuse = |_: &str| Err::<(), _>("never fits".to_owned());
        let layers = collect(&[("listen", "here")], &[("CENOTE_MASTER_KEY", "hunter2")], "").unwrap();
        assert_eq!(layers.value(&LISTEN, refuse).unwrap_err().to_string(), "--listen: \"here\": never fits");
        assert_eq!(layers.value(&MASTER_KEY, refuse).unwrap_err().to_string(), "CENOTE_MASTER_KEY: never fits");
        let described = layers.describe();
        assert!(described.contains(&("listen", "here".to_owned(), "--listen".to_owned())));
        assert!(described.contains(&("master_key", "(set)".to_owned(), "CENOTE_MASTER_KEY".to_owned())));
    }

    #[test]
    fn the_file_is_typed_and_lists_are_joined() {
        let layers = collect(&[], &[], "strict_region = true\ntrusted_proxies = ['10.0.0.0/8', '::1']").unwrap();
        assert_eq!(layers.find(&STRICT_REGION).unwrap().0, "true");
        assert_eq!(layers.find(&TRUSTED_PROXIES).unwrap().0, "10.0.0.0/8,::1");
    }

    #[test]
    fn kubernetes_and_empty_variables_are_no_settings() {
        let layers = collect(
            &[],
            &[
                ("CENOTE_SERVICE_HOST", "10.0.0.1"),
                ("CENOTE_SERVICE_PORT_HTTP", "9400"),
                ("CENOTE_PORT", "tcp://10.0.0.1:9400"),
                ("CENOTE_SERVICE_PORT", "9400"),
                ("CENOTE_PORT_9400_TCP", "tcp://10.0.0.1:9400"),
                ("CENOTE_PORT_9400_TCP_ADDR", "10.0.0.1"),
                ("CENOTE_PORT_9400_TCP_PORT", "9400"),
                ("CENOTE_TEST_POSTGRES", "x"),
                ("CENOTE_LISTEN", ""),
                ("PATH", "/bin"),
            ],
            "",
        );
        assert_eq!(layers.unwrap().find(&LISTEN).unwrap().0, LISTEN.default.unwrap());
        for name in ["CENOTE_PORT", "CENOTE_LISTEN_PORT", "CENOTE_PORT_TCP"] {
            let error = collect(&[], &[(name, "8080")], "").err().unwrap().to_string();
            assert!(error.starts_with(&format!("{name}: there is no such setting")), "{error}");
        }
    }

    #[test]
    fn a_file_that_holds_a_secret_is_its_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(DEFAULT_FILE);
        let read = || Layers::collect(BTreeMap::new(), [], None, directory.path()).map(drop);
        for (text, is_secret) in [
            ("region = 'eu-west-1'", false),
            ("database = 'postgres://db/x'", false),
            ("database = 'postgres://me:hunter2@db/x'", true),
            ("master_key = 'hunter2'", true),
            ("smtp_url = 'smtps://me:hunter2@mail'", true),
            ("root_secret_access_key = 'hunter2'", true),
        ] {
            write(&path, text, 0o600);
            read().unwrap();
            for mode in [0o640, 0o604, 0o622] {
                write(&path, text, mode);
                let error = read().err().map(|error| error.to_string());
                assert_eq!(error.is_some(), is_secret, "{text} {mode:o}");
                let error = error.unwrap_or_default();
                assert_eq!(error.contains("chmod 600"), is_secret, "{error}");
                assert!(!error.contains("hunter2") && error.lines().count() <= 1, "{error}");
            }
        }
    }

    #[test]
    fn a_named_file_wins_over_the_default_one() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(DEFAULT_FILE), "listen = 'default'").unwrap();
        for name in ["flag", "variable"] {
            std::fs::write(directory.path().join(name), format!("listen = '{name}'")).unwrap();
        }
        let path = |name: &str| directory.path().join(name);
        let variable = path("variable").to_str().unwrap().to_owned();
        let listen = |file: Option<PathBuf>, variables: &[(&str, &str)]| {
            let layers = Layers::collect(BTreeMap::new(), environment(variables), file, directory.path()).unwrap();
            layers.find(&LISTEN).unwrap().0.to_owned()
        };
        assert_eq!(listen(None, &[]), "default");
        assert_eq!(listen(None, &[(FILE_VARIABLE, &variable)]), "variable");
        assert_eq!(listen(Some(path("flag")), &[(FILE_VARIABLE, &variable)]), "flag");
    }

    #[test]
    fn distances() {
        for (a, b, edits) in [("", "", 0), ("abc", "abc", 0), ("abc", "ab", 1), ("kitten", "sitting", 3), ("", "ab", 2)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (edits, edits), "{a} {b}");
        }
    }
}
