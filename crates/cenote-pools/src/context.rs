//! What an operation is given: who calls, and what the room works with.

use std::net::IpAddr;
use std::sync::Arc;

use cenote_base::{AccountId, Clock, Random, Region, Timestamp};
use cenote_iam::Principal;
use cenote_messages::Queue;
use cenote_secrets::HeavyLane;
use cenote_secrets::hashing::PasswordHasher;
use cenote_store::Store;
use cenote_tokens::{AccessCheck, Keyring, RefreshTokens, SigningKeys};

use crate::directory::Directory;
use crate::gate::AttemptGate;
use crate::limits::HashingLimits;

/// One request, as far as a rule may depend on it.
#[derive(Clone, Debug)]
pub struct Context {
    /// The id that the caller is given and the log shows.
    pub request_id: String,
    /// Where the request comes from, proxies taken off.
    pub source: IpAddr,
    /// The header `User-Agent`.
    pub user_agent: Option<String>,
    /// Whose signature the request bears; `None` for the public operations.
    pub principal: Option<Principal>,
}

/// Where this server's pools live and how they are named.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// The account that new pools belong to.
    pub account: AccountId,
    /// The region that new pools are in.
    pub region: Region,
    /// A pool's issuer is this, `/`, and the pool's id. No slash at its end.
    pub issuer_base: String,
    /// Whether users can sign in by SRP. Verifiers are kept only while they can.
    pub srp: bool,
    /// How people reach this server: what links in messages begin with. No slash at its end.
    pub public_url: String,
}

/// What the operations work with. Each is cheap to clone or shared.
#[derive(Debug)]
pub struct Deps {
    /// Records.
    pub store: Store,
    /// Sealing.
    pub keyring: Keyring,
    /// Tokens' signatures.
    pub signing: SigningKeys,
    /// The one check of access tokens.
    pub access: AccessCheck,
    /// Refresh tokens, made and checked.
    pub refresh: RefreshTokens,
    /// Argon2id on its own threads.
    pub hasher: Arc<PasswordHasher>,
    /// SRP's arithmetic, beside the threads that answer requests.
    pub heavy: HeavyLane,
    /// Messages to users.
    pub queue: Queue,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Pools and clients, cached.
    pub directory: Directory,
    /// One attempt at a time for each user.
    pub gate: AttemptGate,
    /// Cheap limits before the dear work.
    pub limits: HashingLimits,
    /// Names and places.
    pub settings: ServiceSettings,
}

impl Deps {
    /// The present time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
