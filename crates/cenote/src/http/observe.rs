//! What surrounds every request: its id, the client's address, a task of its own, panics, and the line in the log.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use cenote_base::RandomExt;
use cenote_store::cost::measured;
use cenote_wire::ApiError;
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, Response};
use tracing::Instrument;

use super::budget::Budget;
use super::note::{Line, Note, shown_path};
use super::{Front, Origin, answer, api, client_address, cors, health};
use crate::listener::{Allowance, Peer};
use crate::log::panic_text;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// What every request passes.
#[derive(Clone)]
pub struct Watch {
    pub front: Arc<Front>,
    /// Memory for bodies.
    pub budget: Budget,
}

/// Takes a request in, answers it in a task of its own, and writes its line. So a client that goes away while it sends
/// costs nothing, and one that goes away later does not stop an operation between its commit and what follows it.
pub async fn observe(State(watch): State<Watch>, mut request: Request, next: Next) -> Response<Body> {
    let Watch { front, budget } = watch;
    let seen = Seen::new(&front, &request);
    request.extensions_mut().insert(seen.note.clone());
    request.extensions_mut().insert(Origin { request_id: seen.request_id.clone(), source: seen.source });
    let allowance = request.extensions().get::<Allowance>().cloned().unwrap_or_default();
    if health::is_probe(&request) {
        // Probes only look, so they need not be finished; and they are answered however much there is to do.
        return seen.answer(request, next).await;
    }
    let mut account = budget.account(allowance);
    if api::is_call(&request) {
        request = match api::receive(&front, &seen.note, request, &mut account).await {
            Ok(request) => request,
            Err(response) => return seen.finish(response, 0),
        };
    }
    let Some(busy) = front.in_flight.begin() else {
        let error = ApiError::unavailable("as many requests are in flight as there may be");
        seen.note.error(&error);
        let mut response = answer::api_error(&error);
        cors::allow_reading(response.headers_mut());
        return seen.finish(response, 0);
    };
    let task = tokio::spawn(async move {
        let response = seen.answer(request, next).await;
        drop((account, busy));
        response
    });
    match task.await {
        Ok(response) => response,
        // Panics are caught inside, so this is the end of the runtime.
        Err(error) => answer::api_error(&ApiError::internal(error.to_string())),
    }
}

/// What is kept of a request for its line in the log.
struct Seen {
    request_id: String,
    method: Method,
    path: String,
    source: IpAddr,
    started: Instant,
    note: Note,
}

impl Seen {
    fn new(front: &Front, request: &Request) -> Self {
        let peer = request.extensions().get::<Peer>().map_or_else(unknown_peer, |Peer(peer)| *peer);
        Self {
            request_id: front.random.uuid_v4().to_string(),
            method: request.method().clone(),
            path: shown_path(request.uri().path()),
            source: client_address(peer, request.headers(), &front.trusted_proxies),
            started: Instant::now(),
            note: Note::default(),
        }
    }

    async fn answer(self, request: Request, next: Next) -> Response<Body> {
        // Whatever is logged on the way names the request; its own line does so by itself.
        let span = tracing::info_span!("request", request_id = self.request_id);
        let work = measured(AssertUnwindSafe(next.run(request)).catch_unwind()).instrument(span);
        let (answered, cost) = work.await;
        let response = answered.unwrap_or_else(|panic| {
            let error = ApiError::internal(format!("panic: {}", panic_text(&*panic)));
            self.note.error(&error);
            let mut response = answer::api_error(&error);
            cors::allow_reading(response.headers_mut());
            response
        });
        self.finish(response, cost.statements())
    }

    fn finish(self, mut response: Response<Body>, statements: u64) -> Response<Body> {
        if let Ok(value) = HeaderValue::from_str(&self.request_id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        self.note.log(Line {
            request_id: &self.request_id,
            method: self.method.as_str(),
            path: &self.path,
            status: response.status().as_u16(),
            statements,
            took: self.started.elapsed(),
            source: self.source,
        });
        response
    }
}

/// The listener names the peer of every connection; a router that is called without one, in a test, has nobody.
fn unknown_peer() -> std::net::SocketAddr {
    (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
}
