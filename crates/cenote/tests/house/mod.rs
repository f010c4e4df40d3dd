//! The front end with rooms behind it that only remember what they were given.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, HttpBody as _};
use bytes::Bytes;
use cenote::http::{Doors, Front};
use cenote::in_flight::InFlight;
use cenote::listener::{Allowance, Connection};
use cenote::services::{ConfirmationLink, Context, Issuers, LinkOutcome, Pages, Readiness, Services};
use cenote_base::{ManualClock, PoolId, SeededRandom, Timestamp};
use cenote_iam::sigv4::{SignedRequest, Signer, Verifier, VerifierConfig, sign};
use cenote_iam::{AccessKey, RootCredentials};
use cenote_wire::{ApiError, ErrorCode, Target, idp};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::sync::Notify;

pub const POOL: &str = "us-east-1_AbCdEfGhI";
/// A pool whose documents are not at hand.
pub const COLD_POOL: &str = "us-east-1_NotAtHand";
/// A pool whose documents are a fault.
pub const FAULTY_POOL: &str = "us-east-1_Faulty";
pub const HOST: &str = "localhost:9400";
pub const IDP: &str = "AWSCognitoIdentityProviderService";
pub const MAX_BODY: usize = 1024;

/// Stands for the rooms behind the front end, and keeps what it was given.
#[derive(Default)]
pub struct Rooms {
    pub calls: Mutex<Vec<(Target, Bytes, Context)>>,
    pub links: Mutex<Vec<(ConfirmationLink, Context)>>,
    pub not_ready: bool,
    /// ChangePassword waits for it.
    pub leave: Notify,
}

impl Services for Rooms {
    fn call(&self, target: Target, body: Bytes, context: Context) -> BoxFuture<'_, Result<Vec<u8>, ApiError>> {
        self.calls.lock().unwrap().push((target, body, context));
        async move {
            match target {
                Target::Idp(idp::Operation::GetUser) => panic!("a fault in a room"),
                Target::Idp(idp::Operation::InitiateAuth) => {
                    Err(ApiError::not_authorized("Incorrect username or password."))
                }
                Target::Idp(idp::Operation::GlobalSignOut) => Err(ApiError::internal("a secret of the house")),
                Target::Idp(idp::Operation::ChangePassword) => {
                    self.leave.notified().await;
                    Ok(b"{}".to_vec())
                }
                _ => Ok(b"{\"UserConfirmed\":false}".to_vec()),
            }
        }
        .boxed()
    }
}

impl Issuers for Rooms {
    fn jwks<'a>(&'a self, pool: &'a PoolId) -> BoxFuture<'a, Result<Bytes, ApiError>> {
        self.document(pool, b"{\"keys\":[]}")
    }

    fn configuration<'a>(&'a self, pool: &'a PoolId) -> BoxFuture<'a, Result<Bytes, ApiError>> {
        self.document(pool, b"{\"issuer\":\"x\"}")
    }
}

impl Rooms {
    fn document<'a>(&'a self, pool: &'a PoolId, text: &'static [u8]) -> BoxFuture<'a, Result<Bytes, ApiError>> {
        async move {
            match pool.as_str() {
                POOL => Ok(Bytes::from_static(text)),
                COLD_POOL => {
                    tokio::task::yield_now().await;
                    Ok(Bytes::from_static(text))
                }
                FAULTY_POOL => panic!("a fault in a document"),
                _ => Err(ApiError::resource_not_found(format!("User pool {pool} does not exist."))),
            }
        }
        .boxed()
    }
}

/// What becomes of a link is what its code says.
impl Pages for Rooms {
    fn confirm_user(&self, link: ConfirmationLink, context: Context) -> BoxFuture<'_, Result<LinkOutcome, ApiError>> {
        let outcome = match link.code.expose() {
            "111111" => Ok(LinkOutcome::Confirmed),
            "222222" => Ok(LinkOutcome::AlreadyConfirmed),
            "333333" => Ok(LinkOutcome::AddressTaken),
            "444444" => Ok(LinkOutcome::TooManyTries),
            "555555" => Err(ApiError::unavailable("the database at db.internal is away")),
            "666666" => Err(ApiError::internal("a secret of the house")),
            "777777" => Err(ApiError::new(ErrorCode::NotImplemented, "Cenote does not implement that yet.")),
            _ => Ok(LinkOutcome::Invalid),
        };
        self.links.lock().unwrap().push((link, context));
        std::future::ready(outcome).boxed()
    }
}

impl Readiness for Rooms {
    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        std::future::ready(if self.not_ready { Err("the database at db.internal is away".to_owned()) } else { Ok(()) })
            .boxed()
    }
}

pub struct Harness {
    pub rooms: Arc<Rooms>,
    pub doors: Doors,
    pub in_flight: InFlight,
    pub key: AccessKey,
    pub now: Timestamp,
}

impl Harness {
    pub fn new() -> Self {
        Self::with(Rooms::default())
    }

    pub fn with(rooms: Rooms) -> Self {
        Self::bounded(rooms, MAX_BODY, InFlight::default())
    }

    pub fn bounded(rooms: Rooms, max_body_bytes: usize, in_flight: InFlight) -> Self {
        let rooms = Arc::new(rooms);
        let now = Timestamp::from_secs(1_800_000_000);
        let key = AccessKey::generate(&SeededRandom::new(1));
        let root = RootCredentials::new(key.clone(), "123456789012".parse().unwrap()).unwrap();
        let verifier = Verifier::new(VerifierConfig::default(), Arc::new(root), Arc::new(ManualClock::new(now)));
        let front = Front {
            services: rooms.clone(),
            issuers: rooms.clone(),
            pages: rooms.clone(),
            readiness: rooms.clone(),
            verifier,
            random: Arc::new(SeededRandom::new(7)),
            trusted_proxies: vec!["0.0.0.0/32".parse().unwrap()],
            max_body_bytes,
            in_flight: in_flight.clone(),
        };
        Self { rooms, doors: Doors::new(front), in_flight, key, now }
    }

    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        let connection = Connection { peer: (Ipv4Addr::UNSPECIFIED, 0).into(), allowance: Allowance::default() };
        self.doors.answer(request, &connection).await
    }

    pub async fn get(&self, path: &str) -> String {
        show(self.send(Request::get(path).body(Body::empty()).unwrap()).await).await
    }

    pub async fn call(&self, operation: &str, body: &str) -> String {
        show(self.send(call(operation, body)).await).await
    }

    /// The same request, signed by root.
    pub fn signed(&self, operation: &str, body: &str) -> Request<Body> {
        let request = call(operation, body);
        let headers: Vec<_> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        let bare = SignedRequest { method: "POST", path: "/", query: None, headers: &headers, body: body.as_bytes() };
        let region = "us-east-1".parse().unwrap();
        let signer = Signer { key: &self.key, session_token: None, region: &region, service: "cognito-idp" };
        let added = sign(&bare, &signer, self.now);
        let mut request = call(operation, body);
        for (name, value) in added {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request
    }

    pub fn calls(&self) -> Vec<(Target, Bytes, Context)> {
        std::mem::take(&mut *self.rooms.calls.lock().unwrap())
    }
}

pub fn call(operation: &str, body: &str) -> Request<Body> {
    Request::post("/")
        .header("host", HOST)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("{IDP}.{operation}"))
        .body(Body::from(body.to_owned()))
        .unwrap()
}

/// The answer as text: status, headers by name, body.
pub async fn show(response: Response<Body>) -> String {
    let (mut parts, body) = response.into_parts();
    // As the connection does.
    if let (false, Some(length)) = (parts.headers.contains_key(CONTENT_LENGTH), body.size_hint().exact()) {
        parts.headers.insert(CONTENT_LENGTH, length.into());
    }
    let mut headers: Vec<_> =
        parts.headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect();
    headers.sort();
    let body = body.collect().await.unwrap().to_bytes();
    format!("{}\n{}\n{}", parts.status, headers.concat(), String::from_utf8(body.to_vec()).unwrap())
}
