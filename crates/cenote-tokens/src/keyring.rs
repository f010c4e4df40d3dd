//! Data keys: what everything that Cenote seals is sealed with.
//!
//! Each scope (the server, or one pool) has two families of data keys, so that those of SRP verifiers can be handled
//! apart; a family has versions. The highest active version that every node knows seals, the version that a sealed
//! value names opens it. Rows hold the keys wrapped by the master key; unwrapped they live in a bounded cache in
//! memory and are wiped when they leave it. Purposes are separated by HKDF (`seal.rs`): a value sealed for one does
//! not open for another.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::{constant_time, hmac};
use cenote_base::{Clock, Fault, PoolId, Random, RandomExt, SecretBytes, Timestamp};
use cenote_store::records::keys::{self, DataKeyRecord};
use cenote_store::{Batch, BatchError, Store, StoreError, instance};
use zeroize::Zeroizing;

use crate::crypto::{CryptoFailed, KEY_BYTES, derive, framed};
use crate::loads::{Failure, Loads};
use crate::master::MasterKey;
use crate::seal::{self, Place};

/// How many scopes' data keys are kept unwrapped: about 300 bytes each.
const CACHED_SCOPES: usize = 10_000;

/// How old cached data keys may be. Data keys never change, so an old cache is never wrong, only behind. A new version
/// seals when it is this old: then every node has read it.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// A sealed value may name a newer version than this node knows, when clocks differ. It is looked for when the cache is
/// older than this, so that made-up versions do not cost a read each.
const UNKNOWN_VERSION_AFTER: Duration = Duration::from_millis(100);

/// The name under which the table `instance` keeps the master key's check value.
const CHECK_VALUE: &str = "master_key_check";

const ACTIVE: &str = "active";

const FIRST_VERSION: u32 = 1;

/// Whom data keys belong to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The whole installation.
    Server,
    /// One user pool: its keys go when it goes.
    Pool(PoolId),
}

impl Scope {
    /// As the table has it. No pool's id is `server`: ids hold a `_`.
    fn as_str(&self) -> &str {
        match self {
            Self::Server => "server",
            Self::Pool(pool) => pool.as_str(),
        }
    }
}

/// A family of data keys within a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyFamily {
    /// All purposes but the next.
    General,
    /// SRP verifiers: whoever has one can sign in without the password's cost of guessing.
    Verifier,
}

impl KeyFamily {
    const ALL: [Self; 2] = [Self::General, Self::Verifier];

    fn as_str(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Verifier => "verifier",
        }
    }
}

/// What a value is sealed, or a MAC made, for. Purposes never open each other's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Password hashes.
    Password,
    /// SRP salts and verifiers.
    Verifier,
    /// App clients' secrets.
    ClientSecret,
    /// Challenge sessions.
    Session,
    /// Refresh tokens.
    Refresh,
    /// Cookies of managed login.
    Cookie,
    /// Session tokens of temporary credentials.
    Sts,
    /// Paging tokens.
    Cursor,
    /// Private signing keys.
    SigningKey,
    /// One-time codes.
    Code,
    /// Who attempts are counted for.
    Subject,
    /// Queued messages.
    Message,
    /// Secret access keys.
    AccessKey,
    /// What simulated users' salts and identifiers come from.
    Pepper,
}

impl Purpose {
    /// Part of what is stored: a label never changes.
    fn label(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Verifier => "verifier",
            Self::ClientSecret => "client-secret",
            Self::Session => "session",
            Self::Refresh => "refresh",
            Self::Cookie => "cookie",
            Self::Sts => "sts",
            Self::Cursor => "cursor",
            Self::SigningKey => "signing-key",
            Self::Code => "code",
            Self::Subject => "subject",
            Self::Message => "message",
            Self::AccessKey => "access-key",
            Self::Pepper => "pepper",
        }
    }

    fn family(self) -> KeyFamily {
        match self {
            Self::Verifier => KeyFamily::Verifier,
            _ => KeyFamily::General,
        }
    }
}

/// Why the keyring did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The database was initialised with another master key.
    #[error("the master key is not the one that this database was initialised with")]
    WrongMasterKey,
    /// The value was not sealed here, or for something else, or was changed.
    #[error("the sealed value does not open")]
    NotOurs,
    /// The scope has no data keys: there is no such pool.
    #[error("there are no data keys of {0:?}")]
    NoSuchScope(String),
    /// Somebody else rotated the same key at the same time: theirs is as good.
    #[error("the data key was rotated by somebody else at the same time")]
    RotatedMeanwhile,
    /// A data key's row is damaged: the master key is right, but the row does not unwrap.
    #[error("version {version} of the {family} data key of {scope:?} does not unwrap")]
    Damaged {
        /// The row's scope.
        scope: String,
        /// The row's family.
        family: String,
        /// The row's version.
        version: i64,
    },
    /// The store did not answer a read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// The store did not take a write.
    #[error(transparent)]
    Write(#[from] BatchError),
    /// The cryptographic library refused.
    #[error(transparent)]
    Crypto(#[from] CryptoFailed),
}

impl KeyringError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::WrongMasterKey | Self::NotOurs | Self::NoSuchScope(_) | Self::RotatedMeanwhile => Fault::Caller,
            Self::Read(error) => error.fault(),
            Self::Write(error) => error.fault(),
            Self::Damaged { .. } | Self::Crypto(_) => Fault::Cenote,
        }
    }
}

impl Failure for KeyringError {
    fn is_gone(&self) -> bool {
        matches!(self, Self::NoSuchScope(_))
    }
}

/// An unwrapped data key.
struct DataKey {
    version: u32,
    active: bool,
    created_at: Timestamp,
    key: SecretBytes,
}

/// A scope's unwrapped data keys, each family by rising version.
struct ScopeKeys {
    general: Vec<DataKey>,
    verifier: Vec<DataKey>,
}

impl ScopeKeys {
    fn family(&self, family: KeyFamily) -> &[DataKey] {
        match family {
            KeyFamily::General => &self.general,
            KeyFamily::Verifier => &self.verifier,
        }
    }

    /// The key that seals: the newest that other nodes know for certain. When none is so old yet (the scope is new, or
    /// all older ones were retired at once), the oldest is the one that most of them know.
    fn sealing(&self, family: KeyFamily, now: Timestamp) -> Option<&DataKey> {
        let active = || self.family(family).iter().filter(|key| key.active);
        active().rfind(|key| key.created_at + FRESH_FOR <= now).or_else(|| active().next())
    }

    /// Whether this version may have been made since the keys were read.
    fn is_newer(&self, family: KeyFamily, version: u32) -> bool {
        self.family(family).iter().all(|key| key.version < version)
    }

    fn version(&self, family: KeyFamily, version: u32) -> Option<&DataKey> {
        self.family(family).iter().find(|key| key.version == version)
    }
}

/// Seals, opens and makes MACs with data keys. Cheap to clone; all clones share one cache.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    store: Store,
    master: MasterKey,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    scopes: Loads<Arc<ScopeKeys>, KeyringError>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

impl Keyring {
    /// Opens the keyring. At the very first start of an installation it writes the master key's check value and the
    /// server's data keys, in one batch: of several nodes that start at once one wins, and those with the same master key
    /// go on with what it wrote.
    ///
    /// # Errors
    /// [`KeyringError::WrongMasterKey`] when the database was initialised with another; when the store does not answer.
    pub async fn open(
        store: Store,
        master: MasterKey,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, KeyringError> {
        let scopes = Loads::new(CACHED_SCOPES, Arc::clone(&clock));
        let keyring = Self(Arc::new(Inner { store, master, clock, random, scopes }));
        let check = match read_check_value(&keyring.0.store).await? {
            Some(check) => check,
            None => keyring.initialise().await?,
        };
        let ours = keyring.0.master.check_value()?;
        constant_time::verify_slices_are_equal(&check, &ours).map_err(|_| KeyringError::WrongMasterKey)?;
        // Reads and unwraps them, so that damage shows at the start and not at the first request.
        keyring.keys(&Scope::Server, FRESH_FOR).await?;
        Ok(keyring)
    }

    /// Whether the database was initialised: then a missing master key must stop the start, and never be made anew.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn is_initialised(store: &Store) -> Result<bool, KeyringError> {
        Ok(read_check_value(store).await?.is_some())
    }

    /// The rows of a new scope's first data keys, for the batch that creates the pool. The keys can be used after the
    /// commit. Unmet with `DataKeyExists` when the scope has keys.
    ///
    /// # Errors
    /// When cryptography fails.
    pub fn new_scope(&self, scope: &Scope) -> Result<Batch, KeyringError> {
        KeyFamily::ALL.into_iter().try_fold(Batch::new(), |batch, family| {
            Ok(batch.extend(self.new_data_key(scope, family, FIRST_VERSION)?))
        })
    }

    /// Makes a new version of a data key. It seals from a minute on, when every node has read it; older versions open what
    /// they sealed.
    ///
    /// # Errors
    /// [`KeyringError::NoSuchScope`], [`KeyringError::RotatedMeanwhile`], or when the store does not answer.
    pub async fn rotate(&self, scope: &Scope, family: KeyFamily) -> Result<u32, KeyringError> {
        let newest = self.load(scope).await?.family(family).last().map(|key| key.version);
        let version = newest.and_then(|version| version.checked_add(1)).ok_or_else(|| no_scope(scope))?;
        let batch = self.new_data_key(scope, family, version)?;
        self.0.store.apply(batch).await.map_err(|error| match error {
            BatchError::Unmet { .. } => KeyringError::RotatedMeanwhile,
            other => KeyringError::Write(other),
        })?;
        self.0.scopes.forget(scope.as_str());
        tracing::info!(scope = scope.as_str(), family = family.as_str(), version, "data key rotated");
        Ok(version)
    }

    /// Seals `plain` under the scope's newest key that is at least a minute old. `context` names record and field
    /// (`["client-secret", id]`): the same parts, in the same order, are needed to open it.
    ///
    /// # Errors
    /// [`KeyringError::NoSuchScope`] when there is no such pool; when the store does not answer.
    pub async fn seal(
        &self,
        scope: &Scope,
        purpose: Purpose,
        context: &[&str],
        plain: &[u8],
    ) -> Result<Vec<u8>, KeyringError> {
        let keys = self.keys(scope, FRESH_FOR).await?;
        let key = keys.sealing(purpose.family(), self.0.clock.now()).ok_or_else(|| no_scope(scope))?;
        let place = Place { purpose: purpose.label(), scope: scope.as_str(), context };
        Ok(seal::seal(key.key.expose(), key.version, place, plain, &*self.0.random)?)
    }

    /// Opens what was sealed for this scope, purpose and context.
    ///
    /// # Errors
    /// [`KeyringError::NotOurs`] when it does not open; [`KeyringError::NoSuchScope`] when there is no such pool; when the
    /// store does not answer.
    pub async fn open_sealed(
        &self,
        scope: &Scope,
        purpose: Purpose,
        context: &[&str],
        sealed: &[u8],
    ) -> Result<SecretBytes, KeyringError> {
        let version = seal::version(sealed).ok_or(KeyringError::NotOurs)?;
        let family = purpose.family();
        let mut keys = self.keys(scope, FRESH_FOR).await?;
        if keys.is_newer(family, version) {
            keys = self.keys(scope, UNKNOWN_VERSION_AFTER).await?;
        }
        let key = keys.version(family, version).ok_or(KeyringError::NotOurs)?;
        let place = Place { purpose: purpose.label(), scope: scope.as_str(), context };
        seal::open(key.key.expose(), place, sealed)?.ok_or(KeyringError::NotOurs)
    }

    /// HMAC-SHA256 of the parts (each framed with its length) under a key of the scope and the purpose.
    ///
    /// Stable for the life of the scope: the key comes from the *first* version of the data key, whatever is rotated
    /// later. So the same name stays the same subject of attempts, simulated users keep their salts, and a code that was
    /// sent before a rotation is still accepted. The first version is therefore never deleted.
    ///
    /// # Errors
    /// [`KeyringError::NoSuchScope`] when there is no such pool; when the store does not answer.
    pub async fn mac(&self, scope: &Scope, purpose: Purpose, parts: &[&[u8]]) -> Result<[u8; 32], KeyringError> {
        let keys = self.keys(scope, FRESH_FOR).await?;
        let first = keys.version(purpose.family(), FIRST_VERSION).ok_or_else(|| no_scope(scope))?;
        let key = derive(first.key.expose(), &[], "cenote mac 1", &[purpose.label().as_bytes()])?;
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), &framed(parts));
        tag.as_ref().try_into().map_err(|_| CryptoFailed("HMAC-SHA256").into())
    }

    /// Writes the check value and the server's keys, unless somebody is quicker; then gives what the database has.
    async fn initialise(&self) -> Result<Vec<u8>, KeyringError> {
        let check = self.0.master.check_value()?;
        let batch = instance::insert(CHECK_VALUE, check).extend(self.new_scope(&Scope::Server)?);
        match self.0.store.apply(batch).await {
            Ok(_) => tracing::info!("the database is initialised with this master key"),
            // Somebody was quicker, or the answer got lost: what is there now decides.
            Err(BatchError::Unmet { .. } | BatchError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let unknown = || BatchError::Unknown("the check value of the master key is not there".into());
        Ok(read_check_value(&self.0.store).await?.ok_or_else(unknown)?)
    }

    fn new_data_key(&self, scope: &Scope, family: KeyFamily, version: u32) -> Result<Batch, KeyringError> {
        let (scope, random) = (scope.as_str(), &*self.0.random);
        let key = Zeroizing::new(random.bytes::<KEY_BYTES>());
        let wrapped = self.0.master.wrap(scope, &[family.as_str(), &version.to_string()], key.as_slice(), random)?;
        Ok(keys::insert_data_key(&DataKeyRecord {
            scope: scope.to_owned(),
            purpose: family.as_str().to_owned(),
            version: i64::from(version),
            state: ACTIVE.to_owned(),
            wrapped,
            created_at: self.0.clock.now(),
        }))
    }

    /// The scope's keys, from the cache when they are not older than `age`.
    async fn keys(&self, scope: &Scope, age: Duration) -> Result<Arc<ScopeKeys>, KeyringError> {
        let load = || {
            let (keyring, scope) = (self.clone(), scope.clone());
            async move { keyring.load(&scope).await }
        };
        self.0.scopes.get(scope.as_str(), age, load).await
    }

    async fn load(&self, scope: &Scope) -> Result<Arc<ScopeKeys>, KeyringError> {
        let records = keys::data_keys(&self.0.store, scope.as_str()).await?;
        let (mut general, mut verifier) = (Vec::new(), Vec::new());
        for record in &records {
            match KeyFamily::ALL.into_iter().find(|family| family.as_str() == record.purpose) {
                Some(KeyFamily::General) => general.push(self.unwrap(record)?),
                Some(KeyFamily::Verifier) => verifier.push(self.unwrap(record)?),
                // A newer program's: nodes are upgraded one by one.
                None => {}
            }
        }
        if general.is_empty() || verifier.is_empty() {
            return Err(no_scope(scope));
        }
        Ok(Arc::new(ScopeKeys { general, verifier }))
    }

    fn unwrap(&self, record: &DataKeyRecord) -> Result<DataKey, KeyringError> {
        let version = u32::try_from(record.version).map_err(|_| damaged(record))?;
        let context = version.to_string();
        let key = self.0.master.unwrap(&record.scope, &[&record.purpose, &context], &record.wrapped)?;
        let key = key.ok_or_else(|| damaged(record))?;
        Ok(DataKey { version, active: record.state == ACTIVE, created_at: record.created_at, key })
    }
}

async fn read_check_value(store: &Store) -> Result<Option<Vec<u8>>, KeyringError> {
    Ok(instance::get(store, CHECK_VALUE).await?)
}

fn no_scope(scope: &Scope) -> KeyringError {
    KeyringError::NoSuchScope(scope.as_str().to_owned())
}

fn damaged(record: &DataKeyRecord) -> KeyringError {
    KeyringError::Damaged { scope: record.scope.clone(), family: record.purpose.clone(), version: record.version }
}
