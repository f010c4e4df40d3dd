//! `cenote serve`: listens, opens the house, furnishes it, answers until it is told to stop, and goes in order.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Clock, Random, SystemClock, SystemRandom};
use cenote_iam::sigv4::{Verifier, VerifierConfig};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::background::Ended;
use crate::banner::Banner;
use crate::config::{PublicUrl, Settings};
use crate::descriptors;
use crate::first_start::{self, House, StartError};
use crate::http::{Doors, Front};
use crate::in_flight::InFlight;
use crate::listener::{self, BindError, Limits};
use crate::readiness::StoreReadiness;
use crate::rooms::{self, Rooms, RoomsError};

/// How long operations may outlast their connections: those whose client went away.
const LAST_OPERATIONS: Duration = Duration::from_millis(500);
/// How long background work may take to stop. With the default grace and the close of the store it all stays below the
/// ten seconds after which a supervisor would kill the process.
const TASKS: Duration = Duration::from_millis(1_100);
/// How long the store may take to close.
const CLOSE: Duration = Duration::from_millis(400);

/// Why the server does not run: each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The data directory, the database, the keys.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The rooms.
    #[error(transparent)]
    Rooms(#[from] RoomsError),
    /// What goes on beside the requests.
    #[error(transparent)]
    Background(#[from] Ended),
    /// The operating system.
    #[error("cannot read the listener's address: {0}")]
    Address(io::Error),
}

/// Runs the server until `stop`.
///
/// # Errors
/// [`ServeError`], when it does not get to run, or has to stop because its background work ended.
pub async fn serve(settings: Settings, stop: CancellationToken) -> Result<(), ServeError> {
    let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    // First of all, so that a port in use leaves no trace in the data directory.
    let listener = listener::bind(settings.listen).await?;
    let bound = listener.local_addr().map_err(ServeError::Address)?;
    let public_url = settings.public_url(bound);
    let house = tokio::select! {
        biased;
        () = stop.cancelled() => {
            tracing::info!("stopped before it was started");
            return Ok(());
        }
        opened = first_start::open(&settings, &clock, &random) => opened?,
    };
    let (rooms, tasks) = rooms::furnish(&settings, &public_url, &house, &clock, &random)?;
    let (stop_tasks, failed) = (CancellationToken::new(), CancellationToken::new());
    let mut tasks = tokio::spawn(tasks.run(stop_tasks.clone(), failed.clone()));
    announce(&house, &settings, &public_url, bound).await;

    answer(listener, &house, rooms, &settings, &public_url, &clock, &random, [stop, failed.clone()]).await;
    // Requests that were in flight may have left messages: delivery stops after them.
    stop_tasks.cancel();
    let ended = match timeout(TASKS, &mut tasks).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(error)) => Err(Ended::unwatched(&error)),
        Err(_) => {
            tracing::warn!("background work is cut off; it goes on at the next start");
            tasks.abort();
            if failed.is_cancelled() { Err(Ended::unwatched(&"see the log")) } else { Ok(()) }
        }
    };
    if timeout(CLOSE, house.store.close()).await.is_err() {
        tracing::warn!("the database did not close in time; what it acknowledged is kept");
    }
    tracing::info!("stopped");
    ended.map_err(ServeError::Background)
}

#[expect(clippy::too_many_arguments, reason = "the parts of the front end, each used once")]
async fn answer(
    listener: TcpListener,
    house: &House,
    rooms: Rooms,
    settings: &Settings,
    public_url: &PublicUrl,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
    [stop, failed]: [CancellationToken; 2],
) {
    let verifier_config = VerifierConfig {
        strict_region: settings.strict_region.then(|| settings.region.clone()),
        public_hosts: vec![public_url.authority()],
        ..VerifierConfig::default()
    };
    let rooms = Arc::new(rooms);
    let in_flight = InFlight::default();
    let front = Front {
        services: Arc::clone(&rooms) as _,
        issuers: Arc::clone(&rooms) as _,
        pages: rooms,
        readiness: Arc::new(StoreReadiness::new(house.store.clone(), Arc::clone(random), failed.clone())),
        verifier: Verifier::new(verifier_config, Arc::new(house.root.clone()), Arc::clone(clock)),
        random: Arc::clone(random),
        trusted_proxies: settings.trusted_proxies.clone(),
        max_body_bytes: settings.limits.max_body_bytes,
        in_flight: in_flight.clone(),
    };
    let limits = Limits::new(descriptors::bounded(settings.limits.max_connections), settings.shutdown_grace)
        .with_proxies(&settings.trusted_proxies);
    let end = CancellationToken::new();
    let serving = listener::serve(listener, Doors::new(front), limits, end.clone());
    let watch = async {
        tokio::select! { () = stop.cancelled() => {}, () = failed.cancelled() => {} }
        end.cancel();
    };
    let (cut, ()) = tokio::join!(serving, watch);
    if cut > 0 {
        tracing::warn!(connections = cut, "connections were cut: their requests outlasted shutdown_grace_seconds");
    }
    if timeout(LAST_OPERATIONS, in_flight.none()).await.is_err() {
        tracing::warn!("operations were cut off");
    }
}

async fn announce(house: &House, settings: &Settings, public_url: &PublicUrl, listen: SocketAddr) {
    let (outbox, master_key) = (house.data_dir.outbox(), house.data_dir.master_key());
    let banner = Banner {
        public_url,
        listen,
        region: &settings.region,
        data_dir: house.data_dir.path(),
        credentials: house.credentials_file.as_deref(),
        new_master_key: settings.master_key.is_none().then_some(master_key.as_path()),
        outbox: settings.messages.outbox.then_some(outbox.as_path()),
    };
    let is_new = house.is_new().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "whether this installation is new cannot be read");
        false
    });
    let text = if is_new { banner.welcome() } else { banner.line() };
    let printed = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
    // Whoever closed standard output does not want to read it now; perhaps at the next start.
    if is_new
        && printed.is_ok()
        && let Err(error) = house.welcomed().await
    {
        tracing::warn!(%error, "the next start prints the welcome once more");
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        %listen,
        %public_url,
        is_first = house.is_first,
        data_dir = %house.data_dir.path().display(),
        "started"
    );
}
