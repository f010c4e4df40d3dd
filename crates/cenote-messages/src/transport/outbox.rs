//! The outbox: messages as files, for a developer's machine.
//!
//! The folder may be read by its owner alone. Each file is written whole or not at all: under a name of its own, made
//! durable, then renamed. A file's age is read from its name, whose id begins with the time; files that have another
//! form of name are never touched.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cenote_base::{Clock, Random, RandomExt, SecretBytes, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::{Failure, OUTBOX_LIMIT};
use crate::content::Delivery;
use crate::message::MessageId;

/// How long a file is kept.
pub(crate) const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How many files there are at most.
pub(crate) const KEPT_FILES: usize = 1_000;
/// The folder is pruned at every so many writes, for that many files more than needed: reading a thousand names at each
/// write would cost more than the write.
const PRUNED_EVERY: usize = 50;
/// And at the first write after so long.
const PRUNED_AFTER: Duration = Duration::from_secs(60 * 60);

const UNFINISHED: &str = ".tmp";

/// Why the outbox's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// It cannot be made or read.
    #[error("the outbox {} cannot be used: {source}", folder.display())]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is open to other users of the machine. It is not closed silently: it may be somebody's shared folder.
    #[error("the outbox {} holds codes and must be its owner's alone: chmod 700 it or name another", .0.display())]
    Open(PathBuf),
}

/// A folder that messages are written to.
pub(crate) struct Outbox {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    upkeep: Mutex<Upkeep>,
}

#[derive(Default)]
struct Upkeep {
    writes: usize,
    pruned_at: Option<Timestamp>,
}

impl Upkeep {
    /// Whether the folder is to be pruned with this write. A clock that went backwards prunes too.
    fn is_due(&mut self, now: Timestamp) -> bool {
        self.writes += 1;
        let fresh = self.pruned_at.is_some_and(|at| at <= now && now < at + PRUNED_AFTER);
        if fresh && self.writes < PRUNED_EVERY {
            return false;
        }
        *self = Self { writes: 0, pruned_at: Some(now) };
        true
    }
}

impl Outbox {
    pub(crate) fn open(folder: PathBuf, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, OutboxError> {
        let unusable = |source| OutboxError::Unusable { folder: folder.clone(), source };
        make_folder(&folder).map_err(unusable)?;
        let metadata = fs::metadata(&folder).map_err(unusable)?;
        if !metadata.is_dir() {
            return Err(unusable(io::ErrorKind::NotADirectory.into()));
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(OutboxError::Open(folder));
        }
        Ok(Self { folder, clock, random, upkeep: Mutex::default() })
    }

    /// Writes a message's file and prunes the folder now and then. Writing the same message again replaces its file.
    pub(crate) async fn write(&self, id: &MessageId, extension: &str, bytes: SecretBytes) -> Result<(), Failure> {
        let folder = self.folder.clone();
        let name = format!("{id}.{extension}");
        // A hanging disk outlives the time limit below: each try has a file of its own.
        let unfinished = format!(".{name}.{}{UNFINISHED}", self.random.text(b"abcdefghijklmnopqrstuvwxyz", 8));
        let now = self.clock.now();
        let prunes = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner).is_due(now);
        let work = tokio::task::spawn_blocking(move || {
            write_whole(&folder, &name, &unfinished, bytes.expose())?;
            if prunes && let Err(error) = prune(&folder, now) {
                tracing::warn!(%error, "old messages stay in the outbox");
            }
            io::Result::Ok(())
        });
        match tokio::time::timeout(OUTBOX_LIMIT, work).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(Failure::temporary(format!("the outbox cannot be written: {error}"))),
            Ok(Err(_)) => Err(Failure::temporary("writing to the outbox was broken off")),
            Err(_) => Err(Failure::temporary("writing to the outbox took too long")),
        }
    }
}

/// A text message's file.
pub(crate) fn text_message(delivery: &Delivery) -> Result<SecretBytes, Failure> {
    #[derive(Serialize)]
    struct TextMessage<'a> {
        id: &'a str,
        pool: &'a str,
        kind: &'a str,
        medium: &'a str,
        date: String,
        to: &'a str,
        body: &'a str,
    }
    let text = TextMessage {
        id: delivery.id.as_str(),
        pool: delivery.pool.as_str(),
        kind: &delivery.kind,
        medium: delivery.medium.as_str(),
        date: delivery.created_at.to_string(),
        to: delivery.destination.expose(),
        body: delivery.content.body.expose(),
    };
    let mut bytes = serde_json::to_vec_pretty(&text)
        .map_err(|_| Failure::permanent("the text message cannot be written as JSON"))?;
    bytes.push(b'\n');
    Ok(SecretBytes::new(bytes))
}

fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn write_whole(folder: &Path, name: &str, unfinished: &str, bytes: &[u8]) -> io::Result<()> {
    // Somebody may have cleared the outbox away while the server ran.
    make_folder(folder)?;
    let unfinished = folder.join(unfinished);
    let result = write_durably(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, folder.join(name)));
    if result.is_err() {
        // Best effort: what stays is pruned with time, and the first error is the one to report.
        let _ = fs::remove_file(&unfinished);
    }
    result
}

/// Without the `sync_all` a power failure could leave an empty file under the final name.
fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Removes what is too old, unfinished files too, and the oldest messages, so that [`PRUNED_EVERY`] more have
/// room.
fn prune(folder: &Path, now: Timestamp) -> io::Result<()> {
    let oldest = now - KEPT;
    let mut messages = Vec::new();
    for entry in fs::read_dir(folder)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        match age_of(&name) {
            Some((time, _)) if time < oldest => remove(&folder.join(name))?,
            // Ids sort by time, and so do the names that begin with them.
            Some((_, true)) => messages.push(name),
            _ => {}
        }
    }
    messages.sort_unstable_by(|a, b| b.cmp(a));
    messages.iter().skip(KEPT_FILES - PRUNED_EVERY).try_for_each(|name| remove(&folder.join(name)))
}

/// When the message of a file was made and whether the file is finished; none for files of others.
fn age_of(name: &str) -> Option<(Timestamp, bool)> {
    let (message, finished) = match name.strip_prefix('.') {
        Some(hidden) => (hidden.strip_suffix(UNFINISHED)?.rsplit_once('.')?.0, false),
        None => (name, true),
    };
    let id = message.strip_suffix(".eml").or_else(|| message.strip_suffix(".json"))?;
    let id = Uuid::try_parse(id).ok().filter(|uuid| uuid.get_version_num() == 7 && uuid.to_string() == id)?;
    // RFC 9562: the first 48 bits are milliseconds since the epoch.
    let millis = i64::try_from(id.as_u128() >> 80).ok()?;
    Some((Timestamp::from_millis(millis), finished))
}

/// Another worker may have removed the file already.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use cenote_base::{ManualClock, SeededRandom};

    use super::*;
    use crate::Medium;
    use crate::content::Content;

    const START: Timestamp = Timestamp::from_secs(1_763_629_200);

    struct Fixture {
        directory: tempfile::TempDir,
        clock: Arc<ManualClock>,
        random: Arc<SeededRandom>,
    }

    impl Fixture {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            Self { directory, clock: Arc::new(ManualClock::new(START)), random: Arc::new(SeededRandom::new(1)) }
        }

        fn folder(&self) -> PathBuf {
            self.directory.path().join("outbox")
        }

        fn open(&self) -> Result<Outbox, OutboxError> {
            Outbox::open(self.folder(), self.clock.clone(), self.random.clone())
        }

        fn id(&self) -> MessageId {
            MessageId::new(self.random.uuid_v7(self.clock.now()))
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<String> = fs::read_dir(self.folder())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn folder_and_files_belong_to_the_owner_alone() {
        let fixture = Fixture::new();
        let outbox = fixture.open().unwrap();
        let id = fixture.id();
        outbox.write(&id, "eml", SecretBytes::new(b"first".to_vec())).await.unwrap();
        outbox.write(&id, "eml", SecretBytes::new(b"again".to_vec())).await.unwrap();
        let file = fixture.folder().join(format!("{id}.eml"));
        assert_eq!((mode(&fixture.folder()), mode(&file)), (0o700, 0o600));
        assert_eq!(fs::read(&file).unwrap(), b"again");
        assert_eq!(fixture.names(), [format!("{id}.eml")]);
    }

    #[test]
    fn a_folder_that_others_can_read_is_refused_and_left_alone() {
        let fixture = Fixture::new();
        fs::create_dir(fixture.folder()).unwrap();
        fs::set_permissions(fixture.folder(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(fixture.open(), Err(OutboxError::Open(_))));
        assert_eq!(mode(&fixture.folder()), 0o755);
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_named() {
        let fixture = Fixture::new();
        fs::write(fixture.folder(), "x").unwrap();
        let error = fixture.open().err().unwrap().to_string();
        assert!(error.contains(&fixture.folder().display().to_string()), "{error}");
    }

    #[tokio::test]
    async fn a_folder_that_went_away_is_made_again() {
        let fixture = Fixture::new();
        let outbox = fixture.open().unwrap();
        fs::remove_dir(fixture.folder()).unwrap();
        outbox.write(&fixture.id(), "json", SecretBytes::default()).await.unwrap();
        assert_eq!(mode(&fixture.folder()), 0o700);
    }

    #[tokio::test]
    async fn a_failed_write_leaves_nothing_behind() {
        let fixture = Fixture::new();
        let outbox = fixture.open().unwrap();
        let id = fixture.id();
        // A folder under the message's name makes the rename fail, as late as can be.
        fs::create_dir(fixture.folder().join(format!("{id}.eml"))).unwrap();
        let failure = outbox.write(&id, "eml", SecretBytes::new(b"x".to_vec())).await.unwrap_err();
        assert!(!failure.permanent);
        assert_eq!(fixture.names(), [format!("{id}.eml")]);
    }

    #[tokio::test]
    async fn a_crash_before_the_rename_shows_no_message_and_is_cleared_away() {
        let fixture = Fixture::new();
        let outbox = fixture.open().unwrap();
        let id = fixture.id();
        // What a killed server leaves: part of the bytes under the unfinished name.
        let left = format!(".{id}.eml.abcdefgh{UNFINISHED}");
        write_durably(&fixture.folder().join(&left), b"From: no-re").unwrap();
        assert!(fixture.names().iter().all(|name| name.starts_with('.')));
        outbox.write(&id, "eml", SecretBytes::new(b"whole".to_vec())).await.unwrap();
        assert_eq!(fs::read(fixture.folder().join(format!("{id}.eml"))).unwrap(), b"whole");
        fixture.clock.advance(KEPT + Duration::from_secs(1));
        let later = fixture.id();
        outbox.write(&later, "eml", SecretBytes::default()).await.unwrap();
        assert_eq!(fixture.names(), [format!("{later}.eml")]);
    }

    #[tokio::test]
    async fn old_files_and_those_beyond_a_thousand_go_and_foreign_ones_stay() {
        let fixture = Fixture::new();
        let outbox = fixture.open().unwrap();
        let foreign = ["notes.txt", "README.eml", ".hidden.tmp", "00000000-0000-4000-8000-000000000000.eml"];
        for name in foreign {
            fs::write(fixture.folder().join(name), "x").unwrap();
        }
        let old = fixture.id();
        outbox.write(&old, "json", SecretBytes::default()).await.unwrap();
        fixture.clock.advance(KEPT);
        for number in 0..KEPT_FILES + 5 {
            fixture.clock.advance(Duration::from_millis(1));
            fs::write(fixture.folder().join(format!("{}.eml", fixture.id())), number.to_string()).unwrap();
        }
        fixture.clock.advance(Duration::from_millis(1));
        let newest = fixture.id();
        outbox.write(&newest, "eml", SecretBytes::new(b"newest".to_vec())).await.unwrap();
        let names = fixture.names();
        assert!(foreign.iter().all(|name| names.iter().any(|found| found == name)));
        let messages: Vec<_> = names.iter().filter(|name| age_of(name).is_some()).collect();
        assert_eq!(messages.len(), KEPT_FILES - PRUNED_EVERY);
        assert!(!messages.iter().any(|name| name.starts_with(old.as_str())));
        assert_eq!(*messages.last().unwrap(), &format!("{newest}.eml"));
        // Of 1,006 the oldest are gone.
        let first = fs::read_to_string(fixture.folder().join(messages.first().unwrap())).unwrap();
        assert_eq!(first, "56");

        let mut most = 0;
        for _ in 0..2 * PRUNED_EVERY {
            fixture.clock.advance(Duration::from_millis(1));
            outbox.write(&fixture.id(), "eml", SecretBytes::default()).await.unwrap();
            most = most.max(fixture.names().iter().filter(|name| age_of(name).is_some()).count());
        }
        // The fiftieth write makes it a thousand and prunes at once.
        assert_eq!(most, KEPT_FILES - 1);
    }

    #[test]
    fn text_messages_are_json() {
        let fixture = Fixture::new();
        let delivery = Delivery {
            id: fixture.id(),
            pool: "us-east-1_AbCdEfGhI".parse().unwrap(),
            kind: "SignUp".into(),
            medium: Medium::Sms,
            destination: "+12065559934".into(),
            content: Content { subject: None, body: "Your \"code\" is 123456".into(), from: None, reply_to: None },
            created_at: START,
        };
        let json: serde_json::Value = serde_json::from_slice(text_message(&delivery).unwrap().expose()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "id": delivery.id.as_str(), "pool": "us-east-1_AbCdEfGhI", "kind": "SignUp", "medium": "SMS",
                "date": "2025-11-20T09:00:00Z", "to": "+12065559934", "body": "Your \"code\" is 123456",
            })
        );
    }
}
