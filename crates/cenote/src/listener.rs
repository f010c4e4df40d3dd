//! The accept loop: HTTP/1.1 and HTTP/2 (prior knowledge) on one port, with a bound on connections, on how long a client
//! may take to send a request's head, and on idle connections; and a stop that finishes what is in flight.
//!
//! hyper's own `header_read_timeout` covers HTTP/1.1 alone, begins only after the version is known, and takes a timer for
//! each request: every connection is watched here instead, with one timer for all its life.

mod activity;
mod crowd;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::activity::{Activity, Bounds};
use self::crowd::{Crowd, Place};

/// Who answers requests. Cloned for each connection.
pub trait Answers: Clone + Send + Sync + 'static {
    /// An answer being made; dropped when the client goes away.
    type Answer: Future<Output = Response<Body>> + Send;

    /// Answers a request that came over this connection.
    fn answer(&self, request: Request<Incoming>, connection: &Connection) -> Self::Answer;
}

/// What the requests of one connection have in common. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The address of the other end.
    pub peer: SocketAddr,
    /// Memory for bodies.
    pub allowance: Allowance,
}

/// Bytes of bodies that the requests of one connection may hold together without asking anybody. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Allowance(pub Arc<Semaphore>);

impl Allowance {
    /// So many bytes.
    pub fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }
}

/// What a connection has: enough for nearly every request, and little enough for all connections at once.
impl Default for Allowance {
    fn default() -> Self {
        Self::of(64 * 1024)
    }
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("cannot listen on {0}: the address is in use by another program")]
    InUse(SocketAddr),
    /// The operating system's reason.
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, io::Error),
}

/// Bounds on connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time; more wait in the operating system's queue.
    pub connections: usize,
    /// Connections at a time of one peer; more are closed at once. The addresses of one IPv6 network of 64 bits, which
    /// is what one subscriber has, count as one peer.
    pub per_peer: usize,
    /// Who may have all connections: proxies, which stand for many clients, and this machine.
    pub unbounded: Vec<IpNet>,
    /// How long a new connection may take until its first request's head is there.
    pub first_request: Duration,
    /// How long a connection may stay without a request in flight; also how long a later request's head may take.
    pub idle: Duration,
    /// How long either may take while others wait to be accepted.
    pub crowded: Duration,
    /// How long a stop waits for what is in flight.
    pub grace: Duration,
}

impl Limits {
    /// The bounds that no setting changes, with those that settings give. Idle connections live longer than the 60
    /// seconds of common load balancers, so that it is the balancer that closes first and loses no request.
    pub fn new(connections: usize, grace: Duration) -> Self {
        let loopback = [IpAddr::from([127, 0, 0, 0]), Ipv6Addr::LOCALHOST.into()].into_iter().zip([8, 128]);
        Self {
            connections,
            per_peer: (connections / 4).max(LEAST_PER_PEER),
            unbounded: loopback.filter_map(|(address, bits)| IpNet::new(address, bits).ok()).collect(),
            first_request: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            crowded: Duration::from_secs(2),
            grace,
        }
    }

    /// The same, with proxies that stand for many clients.
    #[must_use]
    pub fn with_proxies(mut self, proxies: &[IpNet]) -> Self {
        self.unbounded.extend(proxies);
        self
    }
}

/// What any peer may have: browsers and offices behind one address have dozens.
const LEAST_PER_PEER: usize = 64;
/// The largest head of a request in bytes; session tokens are the largest part of it.
const MAX_HEAD: usize = 64 * 1024;
/// Requests at a time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 32;
/// Bytes that one HTTP/2 request, and one HTTP/2 connection, may send ahead of being read.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 4 * STREAM_WINDOW;
/// How long a connection that is asked to close may take to do so after its last answer.
const LINGER: Duration = Duration::from_secs(5);
/// The same for a connection that has sent no whole request yet.
const LINGER_UNUSED: Duration = Duration::from_millis(250);
/// How long to wait when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(address),
        _ => BindError::Other(address, error),
    })
}

/// Serves until `stop`, then closes the port, waits at most the grace for what is in flight, and gives back how many
/// connections had to be cut.
pub async fn serve(listener: TcpListener, answers: impl Answers, limits: Limits, stop: CancellationToken) -> usize {
    let permits = Arc::new(Semaphore::new(limits.connections));
    let crowd = Crowd::new(&limits);
    let pace = Bounds { first: limits.first_request, later: limits.idle, crowded: limits.crowded };
    let mut connections = JoinSet::new();
    // Accepted, and waits for a permit: so it is known that there is somebody for whom others should make room.
    let mut waiting: Option<(TcpStream, SocketAddr, Place)> = None;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            permit = Arc::clone(&permits).acquire_owned(), if waiting.is_some() => {
                let (Ok(permit), Some((stream, peer, place))) = (permit, waiting.take()) else { break };
                crowd.has_room(permits.available_permits());
                let (answers, stop, watch) = (answers.clone(), stop.clone(), crowd.watch());
                connections.spawn(async move {
                    serve_connection(stream, peer, answers, pace, watch, stop).await;
                    drop((permit, place));
                });
            }
            accepted = accept(&listener), if waiting.is_none() => {
                waiting = accepted.and_then(|(stream, peer)| Some((stream, peer, crowd.enter(peer.ip())?)));
                if waiting.is_some() && permits.available_permits() == 0 {
                    crowd.is_full();
                }
            }
        }
    }
    // From here on nobody is accepted; clients go to another node.
    drop((listener, waiting));
    let all_done = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.grace, all_done).await.is_ok() {
        return 0;
    }
    let cut = connections.len();
    connections.shutdown().await;
    cut
}

async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are small and whole: waiting for more to send would only delay them.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY is refused");
            }
            Some((stream, peer))
        }
        Err(error) => {
            // A connection that was reset while it waited is that client's affair. Without descriptors the next accept
            // fails at once too, so the loop pauses instead of spinning.
            if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            None
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    answers: impl Answers,
    pace: Bounds,
    crowded: watch::Receiver<bool>,
    stop: CancellationToken,
) {
    let activity = Arc::new(Activity::default());
    let connection = Connection { peer, allowance: Allowance::default() };
    let service = {
        let activity = Arc::clone(&activity);
        hyper::service::service_fn(move |request: Request<Incoming>| {
            let busy = Activity::begin(&activity);
            let answer = answers.answer(request, &connection);
            async move {
                let response = answer.await;
                drop(busy);
                Ok::<_, Infallible>(response)
            }
        })
    };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // How long a head may take is watched below, for all requests of the connection with one timer.
    builder.http1().header_read_timeout(None).max_buf_size(MAX_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .keep_alive_interval(pace.later / 2)
        .keep_alive_timeout(pace.later / 2);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // Apart from the connection these two are asked only when they have something to say.
    let ends = async {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = activity.idle(crowded.clone(), pace) => {}
        }
    };
    let mut ends: FuturesUnordered<_> = std::iter::once(ends).collect();
    let finished = tokio::select! {
        biased;
        result = connection.as_mut() => Some(result),
        _ = ends.next() => None,
    };
    let result = match finished {
        Some(result) => result,
        None => {
            connection.as_mut().graceful_shutdown();
            let linger = Bounds { first: LINGER_UNUSED, later: LINGER, ..pace };
            tokio::select! {
                biased;
                result = connection.as_mut() => result,
                // What is in flight may end; after it a client has a moment to take its answer and close.
                () = activity.idle(crowded.clone(), linger) => Ok(()),
            }
        }
    };
    if let Err(error) = result {
        // Resets and half requests: the client's doing, of interest only when a client is being written.
        tracing::debug!(%peer, error = %error, "connection ended");
    }
}
