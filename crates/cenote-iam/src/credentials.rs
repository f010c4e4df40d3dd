//! The file that holds the root key, in the AWS shared-credentials format, so that the AWS CLI and every SDK can use
//! it as it is (`AWS_SHARED_CREDENTIALS_FILE`).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use cenote_base::Secret;

use crate::{AccessKey, InvalidAccessKey};

const ID: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";

/// Why the file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The operating system refused to read it.
    #[error("can't read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused to write it.
    #[error("can't write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A line is wrong.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: LineProblem,
    },
    /// The profile `default` lacks a key, or there is no such profile.
    #[error("{}: the profile [default] has no {key}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The key that is missing.
        key: &'static str,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// Neither a profile, nor a setting, nor a comment.
    #[error("neither [profile] nor key = value")]
    Syntax,
    /// A setting before the first profile.
    #[error("a setting that belongs to no profile")]
    NoProfile,
    /// A setting of the profile `default` for the second time.
    #[error("{0} is set twice")]
    Twice(&'static str),
    /// The value is no access key.
    #[error(transparent)]
    Value(#[from] InvalidAccessKey),
}

/// Reads the root key; `None` when there is no such file.
pub fn load(path: &Path) -> Result<Option<AccessKey>, CredentialsError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Secret::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CredentialsError::Read { path: path.to_owned(), source }),
    };
    let open_to_others = fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
    if open_to_others {
        tracing::warn!(path = %path.display(), "the root credentials can be read by others than the owner: chmod 600");
    }
    parse(path, text.expose()).map(Some)
}

/// Writes the root key, readable by the owner alone, whole or not at all: after a crash at any moment there is the
/// old file, the new one or none.
pub fn store(path: &Path, key: &AccessKey) -> Result<(), CredentialsError> {
    let text = Secret::new(format!("[default]\n{ID} = {}\n{SECRET} = {}\n", key.id(), key.secret().expose()));
    write_whole(path, text.expose().as_bytes())
        .map_err(|source| CredentialsError::Write { path: path.to_owned(), source })
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not the name of a file"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    let temporary = directory.join(hidden);
    // What a crash left behind; `create_new` then follows no link that someone else put there.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The first error is the one to report; a leftover is removed by the next attempt.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    File::open(directory)?.sync_all()
}

/// One value of the profile `default` and the line it stands in.
type Setting<'a> = Option<(usize, &'a str)>;

fn parse(path: &Path, text: &str) -> Result<AccessKey, CredentialsError> {
    let at = |line: usize, problem| CredentialsError::Line { path: path.to_owned(), line, problem };
    let (mut profile, mut id, mut secret): (Option<&str>, Setting<'_>, Setting<'_>) = (None, None, None);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            profile = Some(name.trim());
            continue;
        }
        let (key, value) = line.split_once('=').ok_or_else(|| at(number, LineProblem::Syntax))?;
        let profile = profile.ok_or_else(|| at(number, LineProblem::NoProfile))?;
        let (name, setting) = match key.trim().to_ascii_lowercase().as_str() {
            ID => (ID, &mut id),
            SECRET => (SECRET, &mut secret),
            _ => continue,
        };
        if profile == "default" && setting.replace((number, value.trim())).is_some() {
            return Err(at(number, LineProblem::Twice(name)));
        }
    }
    let missing = |key| CredentialsError::Missing { path: path.to_owned(), key };
    let (id_line, id) = id.ok_or_else(|| missing(ID))?;
    let (secret_line, secret) = secret.ok_or_else(|| missing(SECRET))?;
    AccessKey::new(id, secret.into()).map_err(|invalid| {
        let line = if invalid == InvalidAccessKey::Secret { secret_line } else { id_line };
        at(line, invalid.into())
    })
}

#[cfg(test)]
mod tests {
    use cenote_base::SeededRandom;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn what_is_stored_is_loaded_and_belongs_to_the_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("credentials");
        assert!(load(&path).unwrap().is_none());
        for seed in [1, 2] {
            let key = AccessKey::generate(&SeededRandom::new(seed));
            store(&path, &key).unwrap();
            let loaded = load(&path).unwrap().unwrap();
            assert_eq!((loaded.id(), loaded.secret().expose()), (key.id(), key.secret().expose()));
            assert_eq!(mode(&path), 0o600);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing temporary is left");
    }

    #[test]
    fn the_file_is_what_the_aws_cli_reads() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("credentials");
        store(&path, &AccessKey::new("AKIDEXAMPLE", "0123456789abcdef".into()).unwrap()).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = 0123456789abcdef\n"
        );
    }

    #[test]
    fn what_a_crash_left_behind_does_not_matter_and_links_are_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("credentials");
        let elsewhere = directory.path().join("elsewhere");
        fs::write(&elsewhere, "precious").unwrap();
        std::os::unix::fs::symlink(&elsewhere, directory.path().join(".credentials.new")).unwrap();
        store(&path, &AccessKey::generate(&SeededRandom::new(1))).unwrap();
        assert!(load(&path).unwrap().is_some());
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
    }

    #[test]
    fn comments_case_and_other_profiles_are_understood() {
        let text = "# root\n\n[other]\naws_access_key_id = OTHER\n[ default ]\n  AWS_Access_Key_Id=AKIDEXAMPLE\n\
                    region = us-east-1\naws_secret_access_key = 0123456789=abcdef=\n; end\n";
        let key = parse(Path::new("c"), text).unwrap();
        assert_eq!((key.id(), key.secret().expose()), ("AKIDEXAMPLE", "0123456789=abcdef="));
    }

    #[test]
    fn what_is_wrong_is_named_with_file_and_line() {
        for (text, message) in [
            ("", "dir/credentials: the profile [default] has no aws_access_key_id"),
            (
                "[default]\naws_access_key_id = AKID\n",
                "dir/credentials: the profile [default] has no aws_secret_access_key",
            ),
            ("[other]\naws_access_key_id = AKID\n", "dir/credentials: the profile [default] has no aws_access_key_id"),
            ("[default]\nhello\n", "dir/credentials, line 2: neither [profile] nor key = value"),
            ("\nregion = x\n", "dir/credentials, line 2: a setting that belongs to no profile"),
            (
                "[default]\naws_access_key_id = A\naws_access_key_id = B\n",
                "dir/credentials, line 3: aws_access_key_id is set twice",
            ),
            (
                "[default]\naws_secret_access_key = 0123456789abcdef\naws_access_key_id = \n",
                "dir/credentials, line 3: an access key id has 3 to 128 of the characters A-Z a-z 0-9 _",
            ),
            (
                "[default]\naws_access_key_id = AKID\naws_secret_access_key = short\n",
                "dir/credentials, line 3: a secret access key has 16 to 256 visible ASCII characters",
            ),
        ] {
            assert_eq!(parse(Path::new("dir/credentials"), text).unwrap_err().to_string(), message, "{text:?}");
        }
    }

    #[test]
    fn what_the_system_refuses_is_named_with_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let error = load(directory.path()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("can't read {}: ", directory.path().display())), "{error}");
        let nowhere = directory.path().join("no/credentials");
        let error = store(&nowhere, &AccessKey::generate(&SeededRandom::new(1))).unwrap_err().to_string();
        assert!(error.starts_with(&format!("can't write {}: ", nowhere.display())), "{error}");
    }

    #[test]
    fn an_error_never_shows_the_secret() {
        let text = "[default]\naws_access_key_id = x/y\naws_secret_access_key = SECRETSECRETSECRET\n";
        let error = parse(Path::new("c"), text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("SECRETSECRET"), "{error:?}");
    }
}
