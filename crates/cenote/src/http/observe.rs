//! What surrounds every request: its id, the client's address, a task of its own, panics, and the line in the log.

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
use http::{HeaderName, HeaderValue, Response};
use tracing::Instrument;

use super::note::{Line, Note};
use super::{Front, Origin, answer, client_address, cors};
use crate::listener::Peer;
use crate::log::panic_text;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Answers a request in a task of its own: a client that goes away does not stop an operation between its commit and
/// what follows it.
pub async fn observe(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response<Body> {
    let request_id = front.random.uuid_v4().to_string();
    let busy = front.in_flight.begin();
    let task = tokio::spawn(async move {
        let response = answer_and_log(&front, request, next, request_id).await;
        drop(busy);
        response
    });
    match task.await {
        Ok(response) => response,
        // Panics are caught inside, so this is the end of the runtime.
        Err(error) => answer::api_error(&ApiError::internal(error.to_string())),
    }
}

async fn answer_and_log(front: &Front, mut request: Request, next: Next, request_id: String) -> Response<Body> {
    let started = Instant::now();
    let peer = request.extensions().get::<Peer>().map_or_else(unknown_peer, |Peer(peer)| *peer);
    let source = client_address(peer, request.headers(), &front.trusted_proxies);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let note = Note::default();
    request.extensions_mut().insert(note.clone());
    request.extensions_mut().insert(Origin { request_id: request_id.clone(), source });
    // Whatever is logged on the way names the request; its own line does so by itself.
    let span = tracing::info_span!("request", request_id);
    let work = measured(AssertUnwindSafe(next.run(request)).catch_unwind()).instrument(span);
    let (answered, cost) = work.await;
    let mut response = match answered {
        Ok(response) => response,
        Err(panic) => {
            let error = ApiError::internal(format!("panic: {}", panic_text(&*panic)));
            note.error(&error);
            let mut response = answer::api_error(&error);
            cors::allow_reading(response.headers_mut());
            response
        }
    };
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    note.log(Line {
        request_id: &request_id,
        method: method.as_str(),
        path: &path,
        status: response.status().as_u16(),
        statements: cost.statements(),
        took: started.elapsed(),
        source,
    });
    response
}

/// The listener names the peer of every connection; a router that is called without one, in a test, has nobody.
fn unknown_peer() -> std::net::SocketAddr {
    (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
}
