//! What surrounds every request: its id, the client's address, panics, and the line in the log.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::body::Body;
use cenote_base::Random;
use cenote_store::cost::measured;
use cenote_wire::ApiError;
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use tracing::Instrument;
use uuid::fmt::Hyphenated;
use uuid::{Builder, Uuid};

use super::note::{Facts, Line, Note};
use super::{Front, Origin, answer, client_address, cors};
use crate::log::panic_text;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Request ids drawn at a time.
const DRAWN: usize = 64;

/// Draws request ids, many at a time: one alone would cost a system call.
#[derive(Debug)]
pub struct Ids {
    random: Arc<dyn Random>,
    drawn: Mutex<Vec<[u8; 16]>>,
}

impl Ids {
    /// From this source.
    pub fn new(random: Arc<dyn Random>) -> Self {
        Self { random, drawn: Mutex::default() }
    }

    fn next(&self) -> Uuid {
        // Whoever finds somebody else drawing does not wait but draws one.
        let bytes = match self.drawn.try_lock() {
            Ok(mut drawn) => drawn.pop().unwrap_or_else(|| self.draw(&mut drawn)),
            Err(_) => self.one(),
        };
        Builder::from_random_bytes(bytes).into_uuid()
    }

    fn draw(&self, drawn: &mut Vec<[u8; 16]>) -> [u8; 16] {
        let mut bytes = [0; 16 * DRAWN];
        self.random.fill(&mut bytes);
        let (ids, _) = bytes.as_chunks();
        drawn.extend(ids.iter().rev());
        drawn.pop().unwrap_or_else(|| self.one())
    }

    fn one(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        bytes
    }
}

/// What is kept of a request for its line in the log.
pub struct Seen {
    request_id: Uuid,
    method: Method,
    uri: Uri,
    source: IpAddr,
    started: Instant,
}

impl Seen {
    /// Takes a request in.
    pub fn new<B>(front: &Front, ids: &Ids, peer: SocketAddr, request: &Request<B>) -> Self {
        Self {
            request_id: ids.next(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            source: client_address(peer, request.headers(), &front.trusted_proxies),
            started: Instant::now(),
        }
    }

    /// Where the request comes from, as the handlers are told.
    pub fn origin(&self) -> Origin {
        Origin { request_id: self.request_id.to_string(), source: self.source }
    }

    /// Answers with what `work` gives, or with an error where it panics.
    pub async fn answer(self, note: Note, work: impl Future<Output = Response<Body>>) -> Response<Body> {
        // Whatever is logged on the way names the request; its own line does so by itself.
        let span = tracing::info_span!("request", request_id = %self.request_id);
        let work = measured(AssertUnwindSafe(work).catch_unwind()).instrument(span);
        let (answered, cost) = work.await;
        let response = answered.unwrap_or_else(|panic| {
            let error = ApiError::internal(format!("panic: {}", panic_text(&*panic)));
            note.error(&error);
            let mut response = answer::api_error(&error);
            cors::allow_reading(response.headers_mut());
            response
        });
        self.finish(response, note.take(), cost.statements())
    }

    /// Writes the request's line; its answer with its id.
    pub fn finish(self, mut response: Response<Body>, facts: Facts, statements: u64) -> Response<Body> {
        let mut text = [0; Hyphenated::LENGTH];
        let request_id = &*self.request_id.hyphenated().encode_lower(&mut text);
        if let Ok(value) = HeaderValue::from_str(request_id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        facts.log(Line {
            request_id,
            method: self.method.as_str(),
            path: self.uri.path(),
            status: response.status().as_u16(),
            statements,
            took: self.started.elapsed(),
            source: self.source,
        });
        response
    }
}

#[cfg(test)]
mod tests {
    use cenote_base::{RandomExt as _, SeededRandom};

    use super::*;

    #[test]
    fn ids_are_those_that_would_have_been_drawn_one_by_one() {
        let (ids, random) = (Ids::new(Arc::new(SeededRandom::new(1))), SeededRandom::new(1));
        for _ in 0..=2 * DRAWN {
            assert_eq!(ids.next(), random.uuid_v4());
        }
        let held = ids.drawn.lock().unwrap();
        assert_eq!(ids.next().get_version_num(), 4, "nobody waits");
        drop(held);
    }
}
