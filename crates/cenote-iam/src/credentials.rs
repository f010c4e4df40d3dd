//! The file that holds the root key, in the AWS shared-credentials format, so that the AWS CLI and every SDK can use
//! it as it is (`AWS_SHARED_CREDENTIALS_FILE`). This is its text; who may read the file is its keeper's care.

use std::path::{Path, PathBuf};

use cenote_base::Secret;

use crate::{AccessKey, InvalidAccessKey};

const ID: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";

/// What is wrong with the file's text.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
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

/// The text of a file that holds this root key.
pub fn text(key: &AccessKey) -> Secret {
    Secret::new(format!("[default]\n{ID} = {}\n{SECRET} = {}\n", key.id(), key.secret().expose()))
}

/// One value of the profile `default` and the line it stands in.
type Setting<'a> = Option<(usize, &'a str)>;

/// The root key in the text of the file `path`, whose name is for errors only.
///
/// # Errors
/// [`CredentialsError`], which never repeats a value.
pub fn parse(path: &Path, text: &str) -> Result<AccessKey, CredentialsError> {
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

    #[test]
    fn what_is_written_is_read_back() {
        let key = AccessKey::generate(&SeededRandom::new(1));
        let read = parse(Path::new("c"), text(&key).expose()).unwrap();
        assert_eq!((read.id(), read.secret().expose()), (key.id(), key.secret().expose()));
    }

    #[test]
    fn the_text_is_what_the_aws_cli_reads() {
        assert_eq!(
            text(&AccessKey::new("AKIDEXAMPLE", "0123456789abcdef".into()).unwrap()).expose(),
            "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = 0123456789abcdef\n"
        );
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
    fn an_error_never_shows_the_secret() {
        let text = "[default]\naws_access_key_id = x/y\naws_secret_access_key = SECRETSECRETSECRET\n";
        let error = parse(Path::new("c"), text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("SECRETSECRET"), "{error:?}");
    }
}
