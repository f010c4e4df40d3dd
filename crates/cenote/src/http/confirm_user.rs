//! `/{poolId}/confirmUser`: where the confirmation links of e-mails lead (reference 03 §2, 11 §2).
//!
//! A GET confirms, as at Cognito, so that one press is enough; a mail scanner that looks first has confirmed then, and
//! who presses after it is told that it is done. Nobody is signed in by it, and nothing of the link is shown again.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use cenote_base::{ClientId, PoolId, Secret};
use cenote_wire::ApiError;
use http::header::USER_AGENT;
use http::{HeaderMap, Response, StatusCode};

use super::note::Note;
use super::{Front, Origin, answer, page, query};
use crate::services::{ConfirmationLink, Context, LinkOutcome};

/// `GET /{poolId}/confirmUser?client_id=…&user_name=…&confirmation_code=…`
pub async fn confirm(
    State(front): State<Arc<Front>>,
    Extension(note): Extension<Note>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    pool: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let Some(link) = parse(pool, query.as_deref().unwrap_or_default()) else {
        return shown(LinkOutcome::Invalid);
    };
    note.add(|facts| {
        facts.pool = Some(link.pool.to_string());
        facts.client = Some(link.client.to_string());
    });
    let context = Context {
        request_id: origin.request_id,
        source: origin.source,
        user_agent: headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned),
        principal: None,
    };
    match front.pages.confirm_user(link, context).await {
        Ok(outcome) => shown(outcome),
        Err(error) => failed(&error, &note),
    }
}

/// `HEAD` looks and changes nothing.
pub async fn head() -> Response<Body> {
    page::head(StatusCode::OK)
}

fn parse(pool: Result<Path<String>, PathRejection>, text: &str) -> Option<ConfirmationLink> {
    let Path(pool) = pool.ok()?;
    let [client, username, code] = query::values(text, ["client_id", "user_name", "confirmation_code"]);
    Some(ConfirmationLink {
        pool: pool.parse::<PoolId>().ok()?,
        client: client?.parse::<ClientId>().ok()?,
        username: Secret::new(username?),
        code: Secret::new(code?),
    })
}

fn shown(outcome: LinkOutcome) -> Response<Body> {
    let (status, heading, text) = match outcome {
        LinkOutcome::Confirmed => (
            StatusCode::OK,
            "Your account is confirmed",
            "Thank you. You can close this page and sign in where you signed up.",
        ),
        LinkOutcome::AlreadyConfirmed => (
            StatusCode::OK,
            "Already confirmed",
            "This account was confirmed before. You can close this page and sign in where you signed up.",
        ),
        LinkOutcome::Invalid => (
            StatusCode::BAD_REQUEST,
            "This link is invalid or has expired",
            "A link works for a day, and only the newest one does. Ask for a new one where you signed up.",
        ),
        LinkOutcome::AddressTaken => (
            StatusCode::CONFLICT,
            "This e-mail address is already in use",
            "Another account has this address, so this one was not confirmed. Sign in with the other account.",
        ),
        LinkOutcome::TooManyTries => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many attempts",
            "Nothing was changed. Wait for an hour, and open the link again.",
        ),
    };
    page::page(status, heading, text)
}

fn failed(error: &ApiError, note: &Note) -> Response<Body> {
    note.error(error);
    let status = match answer::status(error.status()) {
        StatusCode::SERVICE_UNAVAILABLE => StatusCode::SERVICE_UNAVAILABLE,
        // The link did nothing wrong: whatever else it is, is ours.
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    page::page(status, "Something went wrong", "Your account was not confirmed. Open the link again in a moment.")
}
