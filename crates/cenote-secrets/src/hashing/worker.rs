//! One hashing thread: takes jobs in turn and keeps its block of memory between them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Block, Version};
use cenote_base::{Random, RandomExt, Secret, SecretBytes};
use tokio::sync::oneshot;

use super::phc::{HASH_LENGTH, HashingParams, SALT_LENGTH, StoredHash};
use super::queue::{FairQueue, Task};
use super::{HashError, Verdict};
use crate::ct_eq;

/// What one caller waits for.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) password: Secret,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Hash(oneshot::Sender<Result<String, HashError>>),
    Verify(Box<StoredHash>, oneshot::Sender<Result<Verdict, HashError>>),
}

impl Task for Job {
    fn is_abandoned(&self) -> bool {
        match &self.kind {
            Kind::Hash(reply) => reply.is_closed(),
            Kind::Verify(_, reply) => reply.is_closed(),
        }
    }
}

/// Runs until the queue is closed.
pub(super) fn run(queue: &FairQueue<Job>, params: HashingParams, random: &Arc<dyn Random>) {
    let mut hasher = Hasher { params, memory: Vec::new() };
    while let Some(job) = queue.pop() {
        // A panic must cost one answer (its caller sees the reply dropped), never the thread.
        if catch_unwind(AssertUnwindSafe(|| hasher.run(job, random.as_ref()))).is_err() {
            tracing::error!("password hashing panicked");
        }
    }
}

struct Hasher {
    params: HashingParams,
    memory: Vec<Block>,
}

impl Hasher {
    /// Does the work and answers. That nobody listens any more is no fault.
    fn run(&mut self, job: Job, random: &dyn Random) {
        match job.kind {
            Kind::Hash(reply) => drop(reply.send(self.hash(&job.password, random))),
            Kind::Verify(stored, reply) => drop(reply.send(self.verify(&job.password, &stored))),
        }
    }

    fn hash(&mut self, password: &Secret, random: &dyn Random) -> Result<String, HashError> {
        let salt = random.bytes::<SALT_LENGTH>().to_vec();
        let hash = self.argon2id(self.params, password, &salt, HASH_LENGTH)?;
        Ok(StoredHash { params: self.params, salt, hash }.to_text())
    }

    fn verify(&mut self, password: &Secret, stored: &StoredHash) -> Result<Verdict, HashError> {
        let hash = self.argon2id(stored.params, password, &stored.salt, stored.hash.expose().len())?;
        let matches = ct_eq(hash.expose(), stored.hash.expose());
        Ok(Verdict { matches, needs_rehash: matches && stored.falls_short_of(self.params) })
    }

    fn argon2id(
        &mut self,
        params: HashingParams,
        password: &Secret,
        salt: &[u8],
        length: usize,
    ) -> Result<SecretBytes, HashError> {
        let params = params.to_argon2().ok_or(HashError::Unreadable("its parameters are out of range"))?;
        let blocks = params.block_count();
        self.reserve(blocks)?;
        let memory = self.memory.get_mut(..blocks).ok_or(HashError::OutOfMemory)?;
        let mut out = vec![0; length];
        let hashed = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
            password.expose().as_bytes(),
            salt,
            &mut out,
            memory,
        );
        self.shrink();
        match hashed {
            Ok(()) => Ok(SecretBytes::new(out)),
            Err(error) => Err(HashError::Argon2(error.to_string())),
        }
    }

    /// Makes the memory at least `blocks` long. What an earlier hash left in it is overwritten in the first pass.
    fn reserve(&mut self, blocks: usize) -> Result<(), HashError> {
        if let Some(more) = blocks.checked_sub(self.memory.len()) {
            self.memory.try_reserve_exact(more).map_err(|_| HashError::OutOfMemory)?;
            self.memory.resize(blocks, Block::default());
        }
        Ok(())
    }

    /// Gives back what a hash with larger parameters than the present ones needed.
    fn shrink(&mut self) {
        let usual = self.params.to_argon2().map_or(0, |params| params.block_count());
        if self.memory.len() > usual {
            self.memory.truncate(usual);
            self.memory.shrink_to_fit();
        }
    }
}
