//! Pools and app clients by id, cached: what nearly every request reads first.
//!
//! Each configuration write raises a change number in its batch ([`Directory::bump`]); [`Directory::refresh`], which the
//! program calls every second, reads the numbers and forgets what changed. This node's own writes are forgotten at once
//! ([`Directory::forget`]). When no refresh succeeded for [`TRUSTED_FOR`], nothing cached is trusted and every request
//! reads the store.
//!
//! Numbers are kept per shard of pools, so that a busy pool does not empty the cache for all others.

pub(crate) mod secrets;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use cenote_base::{ClientId, Clock, Fault, PoolId};
use cenote_store::records::{clients, pools};
use cenote_store::{Batch, Store, StoreError, changes};
use cenote_tokens::{Keyring, KeyringError};
use quick_cache::sync::Cache;

use crate::domain::client::Client;
use crate::domain::pool::{Pool, SettingsError};

/// How often [`Directory::refresh`] is to be called: how old configuration can be on another node than the one that
/// changed it.
pub const REFRESH_EVERY: Duration = Duration::from_secs(1);

/// How long entries are trusted after the last refresh that succeeded.
pub const TRUSTED_FOR: Duration = Duration::from_secs(5);

/// How many pools are kept: about 20 kB each.
const CACHED_POOLS: usize = 4_096;
/// How many app clients are kept: about 5 kB each.
const CACHED_CLIENTS: usize = 16_384;

/// The change topics. Their number is part of what is stored: all nodes must agree on it.
const TOPICS: [&str; 16] = [
    "pools/0", "pools/1", "pools/2", "pools/3", "pools/4", "pools/5", "pools/6", "pools/7", "pools/8", "pools/9",
    "pools/a", "pools/b", "pools/c", "pools/d", "pools/e", "pools/f",
];

/// Before the first refresh.
const NEVER: i64 = i64::MIN;

/// Why a pool or client could not be read. "There is none" is no error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Stored settings cannot be understood.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A client's secret does not open.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
}

impl DirectoryError {
    /// Whose fault it is; never the caller's.
    pub fn fault(&self) -> Fault {
        let fault = match self {
            Self::Store(error) => error.fault(),
            Self::Settings(_) => Fault::Cenote,
            Self::Keyring(error) => error.fault(),
        };
        if fault == Fault::Dependency { fault } else { Fault::Cenote }
    }
}

/// What is known of one shard of pools.
#[derive(Debug)]
struct Shard {
    /// Raised whenever something of the shard may have changed; entries of an earlier epoch are not used.
    epoch: AtomicU64,
    /// The change number that was read last.
    number: AtomicI64,
}

/// A cached value with the epoch at which its reading began.
#[derive(Clone)]
struct Entry<T> {
    epoch: u64,
    value: Arc<T>,
}

/// The cache. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Directory(Arc<Inner>);

struct Inner {
    store: Store,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
    pools: Cache<PoolId, Entry<Pool>>,
    clients: Cache<ClientId, Entry<Client>>,
    shards: [Shard; TOPICS.len()],
    /// When the last refresh that succeeded began, in milliseconds.
    refreshed_at: AtomicI64,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}

impl Directory {
    /// An empty directory. It reads the store for every request until the first [`Directory::refresh`].
    pub fn new(store: Store, keyring: Keyring, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            store,
            keyring,
            clock,
            pools: Cache::new(CACHED_POOLS),
            clients: Cache::new(CACHED_CLIENTS),
            shards: std::array::from_fn(|_| Shard { epoch: AtomicU64::new(0), number: AtomicI64::new(0) }),
            refreshed_at: AtomicI64::new(NEVER),
        }))
    }

    /// The living pool with this id.
    ///
    /// # Errors
    /// [`DirectoryError`], when the store does not answer or holds what cannot be read.
    pub async fn pool(&self, id: &PoolId) -> Result<Option<Arc<Pool>>, DirectoryError> {
        let epoch = self.epoch(id);
        if let Some(entry) = self.0.pools.get(id)
            && entry.epoch == epoch
            && self.is_trusted()
        {
            return Ok(Some(entry.value));
        }
        let Some(record) = pools::find(&self.0.store, id).await? else {
            self.0.pools.remove(id);
            return Ok(None);
        };
        let value = Arc::new(Pool::from_record(&record)?);
        self.0.pools.insert(id.clone(), Entry { epoch, value: Arc::clone(&value) });
        Ok(Some(value))
    }

    /// The living app client with this id, in a living pool.
    ///
    /// # Errors
    /// As [`Directory::pool`], and when a secret of the client does not open.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Arc<Client>>, DirectoryError> {
        if let Some(entry) = self.0.clients.get(id)
            && entry.epoch == self.epoch(&entry.value.pool_id)
            && self.is_trusted()
        {
            return Ok(Some(entry.value));
        }
        // Which pool's epoch counts is known only after the read, so all of them are noted before it.
        let epochs = self.epochs();
        let Some(record) = clients::find(&self.0.store, id).await? else {
            self.0.clients.remove(id);
            return Ok(None);
        };
        let secrets = secrets::open_all(&self.0.store, &self.0.keyring, &record.pool_id, id).await?;
        let epoch = epochs.get(shard(&record.pool_id)).copied().unwrap_or_default();
        let value = Arc::new(Client::from_record(&record, secrets)?);
        self.0.clients.insert(id.clone(), Entry { epoch, value: Arc::clone(&value) });
        Ok(Some(value))
    }

    /// Asks the store what changed and forgets it. To be called every [`REFRESH_EVERY`].
    ///
    /// # Errors
    /// When the store does not answer; then entries are trusted for the rest of [`TRUSTED_FOR`].
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let began_at = self.0.clock.now().millis();
        let numbers = changes::numbers(&self.0.store).await?;
        for (shard, topic) in self.0.shards.iter().zip(TOPICS) {
            let number = numbers.get(topic).copied().unwrap_or_default();
            if shard.number.swap(number, Ordering::AcqRel) != number {
                shard.epoch.fetch_add(1, Ordering::AcqRel);
            }
        }
        self.0.refreshed_at.store(began_at, Ordering::Release);
        Ok(())
    }

    /// The end of a batch that changes a pool, its app clients or anything else of its configuration: tells all nodes.
    pub fn bump(pool: &PoolId) -> Batch {
        TOPICS.get(shard(pool)).map_or_else(Batch::new, |topic| changes::bump(topic))
    }

    /// Forgets the pool and its clients on this node, after a batch that ended in [`Directory::bump`] (also when it is not
    /// known whether it was committed).
    pub fn forget(&self, pool: &PoolId) {
        if let Some(shard) = self.0.shards.get(shard(pool)) {
            shard.epoch.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn epoch(&self, pool: &PoolId) -> u64 {
        self.0.shards.get(shard(pool)).map_or(0, |shard| shard.epoch.load(Ordering::Acquire))
    }

    fn epochs(&self) -> [u64; TOPICS.len()] {
        self.0.shards.each_ref().map(|shard| shard.epoch.load(Ordering::Acquire))
    }

    /// A clock that went backwards makes nothing trusted, rather than everything for ever.
    fn is_trusted(&self) -> bool {
        let age = self.0.clock.now().millis().checked_sub(self.0.refreshed_at.load(Ordering::Acquire));
        age.and_then(|age| u64::try_from(age).ok()).is_some_and(|age| Duration::from_millis(age) < TRUSTED_FOR)
    }
}

/// The topic of a pool, by FNV-1a of its id: the same on every node and for ever.
fn shard(pool: &PoolId) -> usize {
    let hash = pool
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let folded = hash ^ (hash >> 32);
    usize::try_from(folded & 0xf).unwrap_or_default()
}

#[cfg(test)]
mod tests;
