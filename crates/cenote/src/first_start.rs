//! Opening the house: the data directory, the database, the master key, the root credentials, and, once in the life of
//! an installation, making them.
//!
//! Nothing is made up for a database that is initialised: a missing or wrong master key stops the start.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cenote_base::{AccountId, Clock, Random, RandomExt, Secret};
use cenote_iam::{AccessKey, CredentialsError, RootCredentials, credentials};
use cenote_store::instance::{self, ALREADY_INITIALISED, FACT_EXISTS};
use cenote_store::{BatchError, OpenError, Store, StoreConfig, StoreError};
use cenote_tokens::{InvalidMasterKey, Keyring, KeyringError, MasterKey};

use crate::config::{Database, Settings, may_hold_password, shown_url};
use crate::data_dir::{DataDir, DataDirError, read_secret, write_secret};

/// Why the house does not open: each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database in the data directory.
    #[error(transparent)]
    Sqlite(OpenError),
    /// The database server.
    #[error("{error} ({server})")]
    Postgres {
        /// Its URL, as far as it may be shown.
        server: String,
        /// Why it cannot be used.
        error: OpenError,
    },
    /// The master key's file holds something else.
    #[error("{}: {reason}", path.display())]
    MasterKeyFile {
        /// The file.
        path: PathBuf,
        /// Why it is no master key.
        reason: InvalidMasterKey,
    },
    /// The database was initialised with a master key that is not here.
    #[error(
        "the database is initialised, but its master key is missing: restore {} or set CENOTE_MASTER_KEY",
        .0.display()
    )]
    MasterKeyMissing(PathBuf),
    /// Another node of the installation made the root credentials.
    #[error(
        "the database is initialised, but its root credentials are missing: copy them to {} or set \
         CENOTE_ROOT_ACCESS_KEY_ID and CENOTE_ROOT_SECRET_ACCESS_KEY",
        .0.display()
    )]
    CredentialsMissing(PathBuf),
    /// The master key here is not the database's.
    #[error("the master key from {0} is not the one that the database was initialised with")]
    WrongMasterKey(String),
    /// The keys in the database.
    #[error("the keys in the database cannot be used: {0}")]
    Keyring(KeyringError),
    /// The credentials file.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The database answers, and then does not.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// The database answers, and then does not.
    #[error(transparent)]
    Write(#[from] BatchError),
    /// A fact in the database that cannot be.
    #[error("the database is damaged: its {0} is missing or wrong")]
    Damaged(&'static str),
}

/// The open house.
#[derive(Debug)]
pub struct House {
    /// Where its files are.
    pub data_dir: DataDir,
    /// The database.
    pub store: Store,
    /// The keys.
    pub keyring: Keyring,
    /// The account of everything that does not name another.
    pub account: AccountId,
    /// The root key.
    pub root: RootCredentials,
    /// Where the root credentials can be read, if they are in a file.
    pub credentials_file: Option<PathBuf>,
    /// Whether this start made the installation.
    pub is_first: bool,
}

/// The account's number, a fact of the installation.
const ACCOUNT: &str = "account_id";
/// That the welcome was printed. Without it the next start prints it, even if the first one failed half-way.
const WELCOMED: &str = "welcomed";
/// A UUID that tells installations apart.
const INSTANCE: &str = "instance_id";

/// How long another start on the same data directory may take: it may be bringing a large database up to date.
const OTHER_START: Duration = Duration::from_secs(60);

/// Opens the house, and makes it at the first start. It may be dropped at any await: what was begun is like what a crash
/// leaves, and the next start goes on from there.
///
/// # Errors
/// [`StartError`], whose text is the line for the operator. No file of secrets that was there is changed, and those that
/// were made in vain are taken away; but the database may have been made, or brought up to date, before the refusal.
pub async fn open(settings: &Settings, clock: &Arc<dyn Clock>, random: &Arc<dyn Random>) -> Result<House, StartError> {
    let data_dir = DataDir::open(&settings.data_dir)?;
    let config = match &settings.database {
        Database::Sqlite => StoreConfig::sqlite(data_dir.database()),
        Database::Postgres(url) => StoreConfig::postgres(url.clone()),
    };
    let opened = Store::open(&config, Arc::clone(clock), Arc::clone(random)).await;
    let store = opened.map_err(|error| match &settings.database {
        Database::Sqlite => StartError::Sqlite(error),
        Database::Postgres(url) => unreachable(url.expose(), error),
    })?;
    let _lock = data_dir.lock(OTHER_START).await?;
    let mut made = Made::default();
    match furnish(settings, &data_dir, &store, clock, random, &mut made).await {
        Ok((keyring, root, credentials_file)) => {
            let (account, is_first) = (root.principal().account.clone(), made.is_first);
            Ok(House { data_dir, store, keyring, account, root, credentials_file, is_first })
        }
        Err(error) => {
            made.undo();
            store.close().await;
            Err(error)
        }
    }
}

/// The driver names parameters that it does not know, and one behind an `&` in a password is a piece of it.
fn unreachable(url: &str, error: OpenError) -> StartError {
    let error = match error {
        OpenError::Url(_) if may_hold_password(url) => {
            OpenError::Url("the reason is not shown, because it may repeat a part of the password".to_owned())
        }
        error => error,
    };
    StartError::Postgres { server: shown_url(url).unwrap_or_else(|| "its URL is not shown".to_owned()), error }
}

impl House {
    /// Whether the welcome still has to be printed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_new(&self) -> Result<bool, StoreError> {
        Ok(instance::get(&self.store, WELCOMED).await?.is_none())
    }

    /// Keeps in mind that the welcome was printed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn welcomed(&self) -> Result<(), BatchError> {
        match self.store.apply(instance::insert(WELCOMED, "1")).await {
            // Another node was quicker.
            Err(error) if error.tag() == Some(FACT_EXISTS) => Ok(()),
            result => result.map(drop),
        }
    }
}

#[derive(Default)]
struct Made {
    /// What would have to be taken away again.
    files: Vec<PathBuf>,
    credentials: Option<PathBuf>,
    is_first: bool,
}

impl Made {
    fn undo(self) {
        for file in self.files {
            if let Err(error) = fs::remove_file(&file) {
                tracing::warn!(file = %file.display(), %error, "a file of the start that failed is left over");
            }
        }
    }
}

async fn furnish(
    settings: &Settings,
    data_dir: &DataDir,
    store: &Store,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
    made: &mut Made,
) -> Result<(Keyring, RootCredentials, Option<PathBuf>), StartError> {
    let (master, origin) = master_key(settings, data_dir, store, &**random, made).await?;
    let is_initialised = instance::is_initialised(store).await?;
    let (key, file) = root_key(settings, data_dir, is_initialised, &**random, made)?;
    let keyring = match Keyring::open(store.clone(), master, Arc::clone(clock), Arc::clone(random)).await {
        Err(KeyringError::WrongMasterKey) => return Err(StartError::WrongMasterKey(origin)),
        opened => {
            // From here on the database may be initialised with this key: nothing is taken away any more.
            made.files.clear();
            opened.map_err(StartError::Keyring)?
        }
    };
    let account = account(store, &**random, made).await?;
    if let (false, false, Some(path)) = (is_initialised, made.is_first, made.credentials.take()) {
        // Another node with the same master key was quicker: its root key is the installation's.
        made.files.push(path.clone());
        return Err(StartError::CredentialsMissing(path));
    }
    let root = RootCredentials::new(key, account).map_err(|_| StartError::Damaged(ACCOUNT))?;
    Ok((keyring, root, file))
}

/// The master key and where it is from. It is made only for a database that has none.
async fn master_key(
    settings: &Settings,
    data_dir: &DataDir,
    store: &Store,
    random: &dyn Random,
    made: &mut Made,
) -> Result<(MasterKey, String), StartError> {
    if let Some(key) = &settings.master_key {
        return Ok((key.clone(), "CENOTE_MASTER_KEY".to_owned()));
    }
    let path = data_dir.master_key();
    let origin = path.display().to_string();
    if let Some(text) = read_secret(&path)? {
        let key = MasterKey::from_base64(text.expose());
        return Ok((key.map_err(|reason| StartError::MasterKeyFile { path, reason })?, origin));
    }
    if Keyring::is_initialised(store).await.map_err(StartError::Keyring)? {
        return Err(StartError::MasterKeyMissing(path));
    }
    let key = MasterKey::generate(random);
    write_secret(&path, &Secret::new(format!("{}\n", key.to_base64().expose())))?;
    made.files.push(path);
    Ok((key, origin))
}

/// The root key and its file. A key from the environment is never stored.
fn root_key(
    settings: &Settings,
    data_dir: &DataDir,
    is_initialised: bool,
    random: &dyn Random,
    made: &mut Made,
) -> Result<(AccessKey, Option<PathBuf>), StartError> {
    if let Some(key) = &settings.root {
        return Ok((key.clone(), None));
    }
    let path = data_dir.credentials();
    if let Some(text) = read_secret(&path)? {
        return Ok((credentials::parse(&path, text.expose())?, Some(path)));
    }
    // Several nodes must agree on root. With SQLite there is one, and whoever may delete its files may do anything.
    if is_initialised && matches!(settings.database, Database::Postgres(_)) {
        return Err(StartError::CredentialsMissing(path));
    }
    let key = AccessKey::generate(random);
    write_secret(&path, &credentials::text(&key))?;
    made.files.push(path.clone());
    made.credentials = Some(path.clone());
    if is_initialised {
        tracing::warn!(file = %path.display(), "the root credentials were missing: new ones are made");
    }
    Ok((key, Some(path)))
}

/// The installation's account. Of several first starts one writes it, and the others read it.
async fn account(store: &Store, random: &dyn Random, made: &mut Made) -> Result<AccountId, StartError> {
    if !instance::is_initialised(store).await? {
        let ours = random.uuid_v4().to_string();
        let facts = instance::initialise()
            .extend(instance::insert(ACCOUNT, AccountId::generate(random).as_str()))
            .extend(instance::insert(INSTANCE, ours.as_str()));
        match store.apply(facts).await {
            // Somebody was quicker, or the answer was not seen: what can be read decides.
            Ok(_) | Err(BatchError::Unknown(_)) => {}
            Err(error) if error.tag() == Some(ALREADY_INITIALISED) => {}
            Err(error) => return Err(error.into()),
        }
        made.is_first = instance::get_text(store, INSTANCE).await?.is_some_and(|instance| instance == ours);
    }
    let text = instance::get_text(store, ACCOUNT).await?.ok_or(StartError::Damaged(ACCOUNT))?;
    text.parse().map_err(|_| StartError::Damaged(ACCOUNT))
}
