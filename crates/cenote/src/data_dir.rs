//! The data directory: the names in it, its permissions, and files that are written whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cenote_base::Secret;
use tokio::time::{Instant, sleep};

use crate::private::{self, NotPrivate};

/// The pause between two attempts to lock the directory.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// What is wrong with the data directory or a file in it.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// There is something else where the directory should be.
    #[error("the data directory {} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// The operating system's reason.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// `create`, `read`, …
        what: &'static str,
        /// The directory or file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Another start is at work in the directory, and does not end.
    #[error("another start has held the data directory {} for {} s", path.display(), waited.as_secs())]
    Busy {
        /// The directory.
        path: PathBuf,
        /// How long this start waited.
        waited: Duration,
    },
    /// Other users of the machine can get at a secret.
    #[error("{} {reason}", path.display())]
    NotPrivate {
        /// The file, or the directory.
        path: PathBuf,
        /// Why.
        reason: NotPrivate,
    },
}

/// The data directory. It exists.
#[derive(Clone, Debug)]
pub struct DataDir(PathBuf);

/// Keeps other starts on the same directory waiting; ends when dropped, or with the process.
#[derive(Debug)]
pub struct StartLock(#[expect(dead_code, reason = "held, not read")] File);

impl DataDir {
    /// Uses the directory, which is created for its owner alone if there is none.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        // What is printed about it must still be right in another working directory.
        let path = std::path::absolute(path).map_err(|error| failed("find", path, error))?;
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                // Its owner could put other files in the place of ours.
                private::check_owner(&found)
                    .map_err(|reason| DataDirError::NotPrivate { path: path.clone(), reason })?;
                if found.permissions().mode() & 0o022 != 0 {
                    tracing::warn!(data_dir = %path.display(), "other users can write into the data directory");
                }
            }
            Ok(_) => return Err(DataDirError::NotADirectory(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let created = DirBuilder::new().recursive(true).mode(0o700).create(&path);
                created.map_err(|error| failed("create the data directory", &path, error))?;
            }
            Err(error) => return Err(failed("use the data directory", &path, error)),
        }
        Ok(Self(path))
    }

    /// The directory, absolute.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The SQLite database.
    pub fn database(&self) -> PathBuf {
        self.0.join("cenote.db")
    }

    /// The master key, base64.
    pub fn master_key(&self) -> PathBuf {
        self.0.join("master.key")
    }

    /// The root credentials, in the AWS shared-credentials format.
    pub fn credentials(&self) -> PathBuf {
        self.0.join("credentials")
    }

    /// Messages that have no other way out.
    pub fn outbox(&self) -> PathBuf {
        self.0.join("outbox")
    }

    /// Waits until no other start works on this directory, but no longer than `patience`: nodes on PostgreSQL may share
    /// one. A wait that is dropped holds nothing.
    pub async fn lock(&self, patience: Duration) -> Result<StartLock, DataDirError> {
        let cannot = |error| failed("lock the data directory", &self.0, error);
        let directory = File::open(&self.0).map_err(cannot)?;
        let since = Instant::now();
        let mut waits = false;
        loop {
            match directory.try_lock() {
                Ok(()) => return Ok(StartLock(directory)),
                Err(TryLockError::Error(error)) => return Err(cannot(error)),
                Err(TryLockError::WouldBlock) if since.elapsed() >= patience => {
                    return Err(DataDirError::Busy { path: self.0.clone(), waited: patience });
                }
                Err(TryLockError::WouldBlock) => {}
            }
            if !waits {
                tracing::info!(data_dir = %self.0.display(), "waiting for another start on this data directory");
                waits = true;
            }
            sleep(LOCK_POLL).await;
        }
    }
}

/// Reads a secret, which must be ours or root's, and its owner's alone; `None` where there is no such file.
pub fn read_secret(path: &Path) -> Result<Option<Secret>, DataDirError> {
    let cannot = |error| failed("read", path, error);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot(error)),
    };
    private::check_file(&file.metadata().map_err(cannot)?)
        .map_err(|reason| DataDirError::NotPrivate { path: path.to_owned(), reason })?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(cannot)?;
    // Whatever is not text is no secret of ours; the reader of the secret says so.
    Ok(Some(Secret::new(String::from_utf8_lossy(&bytes).into_owned())))
}

/// Writes a new secret for its owner alone. After a crash at any moment there is the whole file or none.
pub fn write_secret(path: &Path, secret: &Secret) -> Result<(), DataDirError> {
    write_whole(path, secret.expose()).map_err(|error| failed("write", path, error))
}

fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    // A crash may have left one behind; create_new then follows no link that somebody else put there.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The first error is the one to report; a leftover is removed by the next attempt.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    File::open(directory)?.sync_all()
}

fn failed(what: &'static str, path: &Path, source: io::Error) -> DataDirError {
    DataDirError::Io { what, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_directory_is_its_owners_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("deep/data");
        let data_dir = DataDir::open(&path).unwrap();
        assert_eq!((data_dir.path(), mode(&path)), (path.as_path(), 0o700));
        DataDir::open(&path).unwrap();
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_directory_is_named_and_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("data");
        fs::write(&path, "mine").unwrap();
        for path in [path.clone(), path.join("below")] {
            let error = DataDir::open(&path).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
        }
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn secrets_are_written_whole_and_read_back() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("master.key");
        assert!(read_secret(&path).unwrap().is_none());
        fs::write(place.path().join("master.key.new"), "left by a crash").unwrap();
        write_secret(&path, &"secret\n".into()).unwrap();
        assert_eq!((read_secret(&path).unwrap().unwrap().expose(), mode(&path)), ("secret\n", 0o600));
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("master.key");
        write_secret(&path, &"secret".into()).unwrap();
        for wrong in [0o640, 0o604, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(wrong)).unwrap();
            let error = read_secret(&path).unwrap_err().to_string();
            assert!(error.contains("chmod 600") && error.contains(path.to_str().unwrap()), "{error}");
        }
    }

    #[test]
    fn what_belongs_to_another_user_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("master.key");
        write_secret(&path, &"secret".into()).unwrap();
        // Only root may give files away.
        if std::os::unix::fs::chown(&path, Some(4_711), None).is_ok() {
            let error = read_secret(&path).unwrap_err().to_string();
            assert!(error.contains("user id 4711") && error.contains(path.to_str().unwrap()), "{error}");
            std::os::unix::fs::chown(place.path(), Some(4_711), None).unwrap();
            let error = DataDir::open(place.path()).unwrap_err().to_string();
            assert!(error.contains("user id 4711") && error.contains(place.path().to_str().unwrap()), "{error}");
        }
    }

    #[test]
    fn a_link_that_somebody_left_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (place.path().join("credentials"), place.path().join("elsewhere"));
        fs::write(&elsewhere, "precious").unwrap();
        std::os::unix::fs::symlink(&elsewhere, place.path().join("credentials.new")).unwrap();
        write_secret(&path, &"secret".into()).unwrap();
        assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
        assert_eq!(fs::read(&path).unwrap(), b"secret");
    }

    #[tokio::test]
    async fn one_start_at_a_time_and_no_wait_without_end() {
        let place = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(place.path()).unwrap();
        let minute = Duration::from_secs(60);
        let lock = data_dir.lock(minute).await.unwrap();
        let error = data_dir.lock(Duration::ZERO).await.unwrap_err().to_string();
        assert_eq!(error, format!("another start has held the data directory {} for 0 s", place.path().display()));
        let (second, ()) = tokio::join!(data_dir.lock(minute), async {
            tokio::task::yield_now().await;
            drop(lock);
        });
        second.unwrap();
    }
}
