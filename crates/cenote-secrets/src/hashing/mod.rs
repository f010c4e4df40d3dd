//! Password hashing: Argon2id on threads of its own, behind a bounded queue that is fair between pools.
//!
//! A hash is 13 to 20 ms of a core and 19 MiB, so it never runs on the threads that answer requests, and no more of
//! them run at once than there are threads. Past the queue's bounds the answer is [`HashError::Busy`], at once.

mod phc;
mod queue;
mod worker;

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use cenote_base::{Fault, Random, Secret};
use tokio::sync::oneshot;

pub use self::phc::HashingParams;
use self::phc::StoredHash;
use self::queue::{FairQueue, Refused};
use self::worker::{Job, Kind};

/// How hashing is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashingConfig {
    /// Hashing threads, at least one.
    pub threads: usize,
    /// Most passwords of one pool that may wait; those being hashed do not count.
    pub queue_per_pool: usize,
    /// Most passwords of all pools that may wait.
    pub queue_total: usize,
    /// The work of a new hash.
    pub params: HashingParams,
}

impl HashingConfig {
    /// The bounds for this number of threads. With the default parameters, at 13 to 20 ms a hash, a pool that fills its
    /// own queue waits about 2 s, and everyone together at most 10 s. The queue counts passwords, not their cost: with
    /// dearer parameters, and for stored hashes that were made with such, the waits are longer in proportion.
    pub fn for_threads(threads: usize) -> Self {
        let threads = threads.max(1);
        Self {
            threads,
            queue_per_pool: threads.saturating_mul(128),
            queue_total: threads.saturating_mul(512),
            params: HashingParams::default(),
        }
    }
}

/// One thread less than there are cores, so that hashing never starves everything else; at least one.
impl Default for HashingConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Self::for_threads(cores.saturating_sub(1))
    }
}

/// Why there is no hasher.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configured parameters are outside the limits of Argon2 or ours.
    #[error(
        "password hashing can't use {memory_kib} KiB, {passes} passes, {lanes} lanes: \
         at least 8 KiB for each lane, one pass and one lane; at most {} KiB, {} passes, {} lanes",
        HashingParams::MAX_MEMORY_KIB, HashingParams::MAX_PASSES, HashingParams::MAX_LANES,
        memory_kib = .0.memory_kib, passes = .0.passes, lanes = .0.lanes
    )]
    Params(HashingParams),
    /// The operating system gives no thread.
    #[error("can't start a thread for password hashing: {0}")]
    Thread(#[source] std::io::Error),
}

/// Why a password was neither hashed nor checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many passwords wait, of this pool or of all: `TooManyRequestsException`.
    #[error("too many passwords wait to be hashed")]
    Busy,
    /// The hasher was shut down while this password waited.
    #[error("password hashing has stopped")]
    Stopped,
    /// The machine gave no memory for the hash.
    #[error("no memory to hash a password")]
    OutOfMemory,
    /// The stored text is no Argon2id hash of ours.
    #[error("the stored password hash can't be read: {0}")]
    Unreadable(&'static str),
    /// The hash function refused its input.
    #[error("password hashing failed: {0}")]
    Argon2(String),
}

impl HashError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Busy => Fault::Caller,
            Self::Stopped | Self::OutOfMemory => Fault::Dependency,
            Self::Unreadable(_) | Self::Argon2(_) => Fault::Cenote,
        }
    }
}

/// What checking a password found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The password is the one that was hashed.
    pub matches: bool,
    /// It matches, and its hash was made with less work than new ones get: hash it again while the password is at hand.
    pub needs_rehash: bool,
}

/// Hashes and checks passwords. Share it in an [`Arc`]; dropping it ends its threads after the hash that each is at.
#[derive(Debug)]
pub struct PasswordHasher {
    queue: Arc<FairQueue<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl PasswordHasher {
    /// Starts the threads. Salts come from `random`.
    pub fn new(config: HashingConfig, random: Arc<dyn Random>) -> Result<Self, StartError> {
        if config.params.to_argon2().is_none() {
            return Err(StartError::Params(config.params));
        }
        let queue = Arc::new(FairQueue::new(config.queue_per_pool, config.queue_total));
        let mut hasher = Self { queue, threads: Vec::new() };
        for number in 0..config.threads.max(1) {
            let (queue, random) = (Arc::clone(&hasher.queue), Arc::clone(&random));
            let thread = Builder::new()
                .name(format!("hashing-{number}"))
                .spawn(move || worker::run(&queue, config.params, &random))
                .map_err(StartError::Thread)?;
            hasher.threads.push(thread);
        }
        Ok(hasher)
    }

    /// Hashes a password for the pool `lane` with a new salt; the result is a PHC string.
    pub async fn hash(&self, lane: &str, password: &Secret) -> Result<String, HashError> {
        let (reply, result) = oneshot::channel();
        self.submit(lane, password, Kind::Hash(reply))?;
        result.await.unwrap_or(Err(HashError::Stopped))
    }

    /// Checks a password of the pool `lane` against a PHC string that [`Self::hash`] made.
    pub async fn verify(&self, lane: &str, password: &Secret, phc: &str) -> Result<Verdict, HashError> {
        let stored = StoredHash::parse(phc).map_err(HashError::Unreadable)?;
        let (reply, result) = oneshot::channel();
        self.submit(lane, password, Kind::Verify(Box::new(stored), reply))?;
        result.await.unwrap_or(Err(HashError::Stopped))
    }

    /// Does the work of [`Self::verify`] where there is no user, so that the time it takes does not tell.
    pub async fn verify_nothing(&self, lane: &str, password: &Secret) -> Result<(), HashError> {
        self.hash(lane, password).await.map(drop)
    }

    /// How many passwords wait, for metrics.
    pub fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    fn submit(&self, lane: &str, password: &Secret, kind: Kind) -> Result<(), HashError> {
        self.queue.push(lane, Job { password: password.clone(), kind }).map_err(|refused| match refused {
            Refused::Full => HashError::Busy,
            Refused::Closed => HashError::Stopped,
        })
    }
}

impl Drop for PasswordHasher {
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a password hashing thread had panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests;
