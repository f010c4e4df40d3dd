//! The wiring of the rooms behind the front end: user pools with all they work with, and the tasks that go on beside the
//! requests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cenote_base::{Clock, PoolId, Random, RandomExt as _};
use cenote_messages::{DeliverySettings, MessagesConfig, Queue, Worker};
use cenote_pools::directory::{Directory, REFRESH_EVERY};
use cenote_pools::{AttemptGate, Deps, HashingLimits, Service, ServiceSettings, reap};
use cenote_secrets::{HashingConfig, HashingParams, HeavyLane, PasswordHasher};
use cenote_store::Store;
use cenote_store::jobs::Lease;
use cenote_tokens::{AccessCheck, RefreshTokens, SigningKeys};
use cenote_wire::{ApiError, Target, json};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::background::{self, Ended};
use crate::config::{LimitSettings, MessageSettings, PublicUrl, Rate, Settings};
use crate::data_dir::DataDir;
use crate::first_start::House;
use crate::jobs::{Handler, Next, Pace, Runner, Sweep};
use crate::services::{ConfirmationLink, Context, Issuers, LinkOutcome, Pages, Services};

/// Key pairs that are kept ready: for two pools, so that CreateUserPool needn't wait for them to be made.
const READY_KEY_PAIRS: usize = 4;
/// How long a stop waits for running deliveries; what is cut off is tried again.
const DELIVERY_GRACE: Duration = Duration::from_secs(1);
/// The kind, and the id, of the job that sweeps messages.
const MESSAGE_SWEEP: &str = "sweep_messages";
/// The pause between two sweeps of messages.
const MESSAGE_SWEEP_PAUSE: Duration = Duration::from_secs(60);

/// Why the rooms cannot be furnished: one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum RoomsError {
    /// The threads that hash passwords.
    #[error(transparent)]
    Hashing(#[from] cenote_secrets::StartError),
    /// Outbox or mail server.
    #[error(transparent)]
    Messages(#[from] cenote_messages::OpenError),
}

/// The rooms that answer AWS operations, have the issuers' documents, and stand behind the pages.
pub struct Rooms {
    pools: Arc<Service>,
}

/// What goes on beside the requests until the program stops.
pub struct Tasks {
    worker: Worker,
    runner: Runner,
    directory: Directory,
}

/// Puts the rooms together. `public_url` is what issuers and links are made of.
///
/// # Errors
/// [`RoomsError`].
pub fn furnish(
    settings: &Settings,
    public_url: &PublicUrl,
    house: &House,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
) -> Result<(Rooms, Tasks), RoomsError> {
    let (store, keyring) = (house.store.clone(), house.keyring.clone());
    let signing = SigningKeys::new(store.clone(), keyring.clone(), Arc::clone(clock), Arc::clone(random));
    signing.keep_stock(READY_KEY_PAIRS);
    let directory = Directory::new(store.clone(), keyring.clone(), Arc::clone(clock));
    let messages = messages_config(&settings.messages, &house.data_dir);
    let (queue, worker) =
        cenote_messages::open(&messages, store.clone(), keyring.clone(), Arc::clone(clock), Arc::clone(random))?;
    let deps = Deps {
        access: AccessCheck::new(store.clone(), signing.clone()),
        refresh: RefreshTokens::new(store.clone(), keyring.clone(), Arc::clone(clock)),
        signing,
        hasher: Arc::new(PasswordHasher::new(hashing(settings), Arc::clone(random))?),
        heavy: HeavyLane::default(),
        queue: queue.clone(),
        clock: Arc::clone(clock),
        random: Arc::clone(random),
        directory: directory.clone(),
        gate: AttemptGate::default(),
        limits: hashing_limits(settings.limits),
        settings: ServiceSettings {
            account: house.account.clone(),
            region: settings.region.clone(),
            issuer_base: public_url.to_string(),
            srp: settings.srp,
            public_url: public_url.to_string(),
        },
        store: store.clone(),
        keyring,
    };
    let node = random.uuid_v4().to_string();
    let runner = Runner::new(store.clone(), Arc::clone(clock), Arc::clone(random), node, Pace::default())
        .with_standing(Sweep::KIND, Arc::new(Sweep::new(store.clone(), Arc::clone(clock))))
        .with(reap::POOL, Arc::new(Reaper { store: store.clone(), clock: Arc::clone(clock), what: What::Pool }))
        .with(reap::CLIENT, Arc::new(Reaper { store, clock: Arc::clone(clock), what: What::Client }))
        .with_standing(MESSAGE_SWEEP, Arc::new(MessageSweep(queue)));
    Ok((Rooms { pools: Arc::new(Service::new(deps)) }, Tasks { worker, runner, directory }))
}

/// Whether an operation is built: what `cenote operations` prints.
pub fn is_implemented(target: Target) -> bool {
    match target {
        Target::Idp(operation) => Service::is_implemented(operation),
        Target::Identity(_) => false,
    }
}

fn hashing(settings: &Settings) -> HashingConfig {
    let given = settings.hashing;
    let threads = given
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1));
    let params = HashingParams { memory_kib: given.memory_kib, passes: given.passes, ..HashingParams::default() };
    HashingConfig { params, ..HashingConfig::for_threads(threads) }
}

fn hashing_limits(limits: LimitSettings) -> HashingLimits {
    let rate = |rate: Rate| cenote_pools::Rate { per_second: rate.per_second, burst: rate.burst };
    HashingLimits::new(limits.address_rate.map(rate), limits.client_rate.map(rate))
}

fn messages_config(settings: &MessageSettings, data_dir: &DataDir) -> MessagesConfig {
    MessagesConfig {
        outbox: settings.outbox.then(|| data_dir.outbox()),
        smtp: settings.mail_server.clone(),
        from: settings.from.clone(),
        delivery: DeliverySettings { stop_grace: DELIVERY_GRACE, ..DeliverySettings::default() },
    }
}

impl Services for Rooms {
    fn call(&self, target: Target, body: Bytes, context: Context) -> BoxFuture<'_, Result<Vec<u8>, ApiError>> {
        async move {
            match target {
                Target::Idp(operation) => self.pools.call(operation, &body, &context).await,
                Target::Identity(operation) => {
                    json::check(target, &body)?;
                    Err(ApiError::not_built(cenote_wire::ServiceOperation::name(operation)))
                }
            }
        }
        .boxed()
    }
}

fn no_pool(pool: &PoolId) -> ApiError {
    ApiError::resource_not_found(format!("User pool {pool} does not exist."))
}

impl Issuers for Rooms {
    fn jwks<'a>(&'a self, pool: &'a PoolId) -> BoxFuture<'a, Result<Bytes, ApiError>> {
        async move {
            let keys = self.pools.jwks(pool).await?.ok_or_else(|| no_pool(pool))?;
            Ok(Bytes::copy_from_slice(keys.as_bytes()))
        }
        .boxed()
    }

    fn configuration<'a>(&'a self, pool: &'a PoolId) -> BoxFuture<'a, Result<Bytes, ApiError>> {
        async move { Ok(self.pools.discovery(pool).await?.ok_or_else(|| no_pool(pool))?.into()) }.boxed()
    }
}

impl Pages for Rooms {
    fn confirm_user(&self, link: ConfirmationLink, context: Context) -> BoxFuture<'_, Result<LinkOutcome, ApiError>> {
        async move { self.pools.confirm_user(&context, &link).await }.boxed()
    }
}

enum What {
    Pool,
    Client,
}

/// Takes what is left of a deleted pool or app client.
struct Reaper {
    store: Store,
    clock: Arc<dyn Clock>,
    what: What,
}

impl Handler for Reaper {
    fn run<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Next, String>> {
        async move {
            let reaped = match self.what {
                What::Pool => reap::pool(&self.store, &*self.clock, lease).await,
                What::Client => reap::client(&self.store, &*self.clock, lease).await,
            };
            // Their last batch completes the job.
            reaped.map(|()| Next::Completed).map_err(|error| error.to_string())
        }
        .boxed()
    }
}

/// Deletes messages whose time is over.
struct MessageSweep(Queue);

impl Handler for MessageSweep {
    fn run<'a>(&'a self, _lease: &'a Lease) -> BoxFuture<'a, Result<Next, String>> {
        async move {
            self.0.sweep().await.map_err(|error| error.to_string())?;
            Ok(Next::Again { progress: None, after: MESSAGE_SWEEP_PAUSE })
        }
        .boxed()
    }
}

impl Tasks {
    /// Delivers messages, runs jobs and follows changes of the configuration until `stop`. If one of them ends before
    /// that, `failed` is cancelled.
    ///
    /// # Errors
    /// [`Ended`], after `stop`.
    pub async fn run(self, stop: CancellationToken, failed: CancellationToken) -> Result<(), Ended> {
        let Self { worker, runner, directory } = self;
        let parts = vec![
            ("message delivery", worker.run(stop.clone().cancelled_owned()).boxed()),
            ("jobs", runner.run(stop.clone()).boxed()),
            ("configuration changes", follow(directory, stop.clone()).boxed()),
        ];
        background::run(parts, stop, failed).await
    }
}

/// Asks the store every second what changed. While it does not answer, the directory stops trusting what it has.
async fn follow(directory: Directory, stop: CancellationToken) {
    let mut failing = false;
    loop {
        match directory.refresh().await {
            Ok(()) if failing => {
                tracing::info!("changes of the configuration can be read again");
                failing = false;
            }
            Err(error) if !failing => {
                tracing::warn!(%error, "changes of the configuration cannot be read");
                failing = true;
            }
            Ok(()) | Err(_) => {}
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(REFRESH_EVERY) => {}
        }
    }
}
