//! From a request to its door. The doors that nearly everybody uses (`POST /`, the key sets) are found here; the others
//! are in the router.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use cenote_base::PoolId;
use cenote_wire::ApiError;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::budget::Budget;
use super::note::{Facts, Note};
use super::observe::{Ids, Seen};
use super::{Front, answer, api, cors, health, issuers, others};
use crate::lasting::Lasting;
use crate::listener::{Answers, Connection};

/// Every door. Cheap to clone.
#[derive(Clone)]
pub struct Doors(Arc<House>);

struct House {
    front: Arc<Front>,
    /// Memory for bodies.
    budget: Budget,
    ids: Ids,
    others: Router,
}

/// The body of a request, as it comes.
pub trait Arriving: HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static {}

impl<B: HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static> Arriving for B {}

impl Answers for Doors {
    type Answer = Answer;

    fn answer(&self, request: Request<Incoming>, connection: &Connection) -> Answer {
        Self::answer(self, request, connection)
    }
}

impl Doors {
    /// In front of these rooms.
    pub fn new(front: Front) -> Self {
        let front = Arc::new(front);
        let (budget, ids) = (Budget::for_bodies(front.max_body_bytes), Ids::new(Arc::clone(&front.random)));
        Self(Arc::new(House { budget, ids, others: others(&front), front }))
    }

    /// Takes a request in and answers it. A client that goes away while it sends costs nothing, and one that goes away
    /// later does not stop an operation between its commit and what follows it.
    pub fn answer<B: Arriving>(&self, request: Request<B>, connection: &Connection) -> Answer {
        let House { front, ids, .. } = &*self.0;
        let seen = Seen::new(front, ids, connection.peer, &request);
        if let Some((pool, keys)) = kept_key_set(front, &request) {
            let facts = Facts { pool: Some(pool.into()), ..Facts::default() };
            return Answer::Now(Some(seen.finish(issuers::key_set(keys), facts, 0)));
        }
        let (house, connection) = (Arc::clone(&self.0), connection.clone());
        Answer::Later(async move { house.answer(seen, request, connection).await }.boxed())
    }
}

/// The key set that a request asks for, where it can be had without waiting.
fn kept_key_set<B>(front: &Front, request: &Request<B>) -> Option<(PoolId, Bytes)> {
    if request.method() != Method::GET {
        return None;
    }
    let pool = issuers::pool_of_key_set(request.uri().path())?;
    let _busy = front.in_flight.begin()?;
    // Whatever else comes of it, a panic among it, comes again on the long way.
    let found = AssertUnwindSafe(front.issuers.jwks(&pool)).catch_unwind().now_or_never()?;
    let keys = found.ok()?.ok()?;
    Some((pool, keys))
}

impl House {
    async fn answer<B: Arriving>(
        self: Arc<Self>,
        seen: Seen,
        request: Request<B>,
        connection: Connection,
    ) -> Response<Body> {
        let note = Note::default();
        if health::is_probe(&request) {
            // Probes only look, so they need not be finished; and they are answered however much there is to do.
            return self.elsewhere(seen, note, request).await;
        }
        if request.uri().path() != "/" {
            let Some(busy) = self.front.in_flight.begin() else { return too_many(seen, &note) };
            let work = async move {
                let response = self.elsewhere(seen, note, request).await;
                drop(busy);
                response
            };
            return Lasting::new(work).await;
        }
        match *request.method() {
            Method::POST => {}
            Method::OPTIONS => return seen.finish(cors::preflight(request.headers(), "POST"), note.take(), 0),
            _ => return seen.finish(answer::wrong_method("POST,OPTIONS"), note.take(), 0),
        }
        let (parts, body) = request.into_parts();
        let mut account = self.budget.account(connection.allowance);
        let body = match api::receive(&self.front, &note, &parts, body, &mut account).await {
            Ok(body) => body,
            Err(response) => return seen.finish(response, note.take(), 0),
        };
        let Some(busy) = self.front.in_flight.begin() else { return too_many(seen, &note) };
        let work = async move {
            let (origin, noted) = (seen.origin(), note.clone());
            let response = seen.answer(note, api::call(&self.front, &noted, origin, &parts, body)).await;
            drop((account, busy));
            response
        };
        Lasting::new(work).await
    }

    /// Asks the router.
    async fn elsewhere<B: Arriving>(&self, seen: Seen, note: Note, request: Request<B>) -> Response<Body> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(note.clone());
        request.extensions_mut().insert(seen.origin());
        let router = self.others.clone();
        let work = async move {
            match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        };
        seen.answer(note, work).await
    }
}

fn too_many(seen: Seen, note: &Note) -> Response<Body> {
    let error = ApiError::unavailable("as many requests are in flight as there may be");
    note.error(&error);
    let mut response = answer::api_error(&error);
    cors::allow_reading(response.headers_mut());
    seen.finish(response, note.take(), 0)
}

/// An answer, perhaps still to be made.
pub enum Answer {
    /// Made at once; `None` once it is taken.
    Now(Option<Response<Body>>),
    /// Being made.
    Later(BoxFuture<'static, Response<Body>>),
}

impl Future for Answer {
    type Output = Response<Body>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<Body>> {
        match self.get_mut() {
            // A future is not asked again once it has answered.
            Self::Now(response) => response.take().map_or(Poll::Pending, Poll::Ready),
            Self::Later(work) => work.poll_unpin(cx),
        }
    }
}
