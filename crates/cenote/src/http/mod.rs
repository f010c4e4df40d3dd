//! The first hop: everything that knows HTTP. A request is given an id and an address, a door is found for it, and what
//! lies behind the door is asked through [`crate::services`]; errors become answers here and nowhere else.

mod answer;
mod api;
mod body;
mod budget;
mod client_address;
mod confirm_user;
mod cors;
mod doors;
mod health;
mod issuers;
mod note;
mod observe;
mod page;
mod query;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use cenote_base::Random;
use cenote_iam::sigv4::Verifier;
use http::{Response, StatusCode};
use ipnet::IpNet;

pub use client_address::client_address;
pub use doors::Doors;

use crate::in_flight::InFlight;
use crate::services::{Issuers, Pages, Readiness, Services};

/// What the front end works with.
pub struct Front {
    /// Who answers AWS operations.
    pub services: Arc<dyn Services>,
    /// Who has issuers' documents.
    pub issuers: Arc<dyn Issuers>,
    /// Who stands behind the pages.
    pub pages: Arc<dyn Pages>,
    /// Whether requests can be answered.
    pub readiness: Arc<dyn Readiness>,
    /// Verifies signatures.
    pub verifier: Verifier,
    /// Request ids.
    pub random: Arc<dyn Random>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The largest request body in bytes.
    pub max_body_bytes: usize,
    /// Requests that are being answered.
    pub in_flight: InFlight,
}

/// Where a request comes from, as the handlers are told.
#[derive(Clone, Debug)]
struct Origin {
    request_id: String,
    source: IpAddr,
}

/// The doors that are not looked for before the router is asked.
fn others(front: &Arc<Front>) -> Router {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/{pool}/.well-known/jwks.json", get(issuers::jwks).options(issuers::preflight))
        .route("/{pool}/.well-known/openid-configuration", get(issuers::configuration).options(issuers::preflight))
        .route("/{pool}/confirmUser", get(confirm_user::confirm).head(confirm_user::head))
        // As Cognito's documentation writes it.
        .route("/{pool}/confirmUser/", get(confirm_user::confirm).head(confirm_user::head))
        .method_not_allowed_fallback(wrong_method)
        .fallback(nothing_here)
        .with_state(Arc::clone(front))
}

async fn wrong_method() -> Response<Body> {
    // The router adds the methods that are.
    answer::message(StatusCode::METHOD_NOT_ALLOWED, answer::WRONG_METHOD)
}

async fn nothing_here() -> Response<Body> {
    answer::message(StatusCode::NOT_FOUND, "There is nothing at this address.")
}
