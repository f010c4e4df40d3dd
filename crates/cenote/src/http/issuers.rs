//! The public documents under an issuer: `/{poolId}/.well-known/jwks.json` and `…/openid-configuration`.

use std::sync::{Arc, LazyLock};

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use bytes::Bytes;
use cenote_base::PoolId;
use cenote_wire::{ApiError, ErrorCode};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::note::Note;
use super::{Front, answer, cors};

/// How long caches may keep the documents: no longer than a new signing key is published before it signs.
static CACHE: LazyLock<HeaderValue> = LazyLock::new(|| {
    let seconds = cenote_tokens::JWKS_MAX_AGE.as_secs();
    HeaderValue::try_from(format!("public, max-age={seconds}")).unwrap_or(HeaderValue::from_static("no-store"))
});

/// The pool whose key set is at this path. What is not plain, the router looks at.
pub fn pool_of_key_set(path: &str) -> Option<PoolId> {
    path.strip_prefix('/')?.strip_suffix("/.well-known/jwks.json")?.parse().ok()
}

/// A key set that was found.
pub fn key_set(document: Bytes) -> Response<Body> {
    let mut response = answer::document(document, CACHE.clone());
    cors::allow_origin(response.headers_mut());
    response
}

/// `GET /{poolId}/.well-known/jwks.json`
pub async fn jwks(
    State(front): State<Arc<Front>>,
    Extension(note): Extension<Note>,
    pool: Result<Path<String>, PathRejection>,
) -> Response<Body> {
    let found = match parse(pool, &note) {
        Ok(pool) => front.issuers.jwks(&pool).await,
        Err(error) => Err(error),
    };
    respond(found, &note)
}

/// `GET /{poolId}/.well-known/openid-configuration`
pub async fn configuration(
    State(front): State<Arc<Front>>,
    Extension(note): Extension<Note>,
    pool: Result<Path<String>, PathRejection>,
) -> Response<Body> {
    let found = match parse(pool, &note) {
        Ok(pool) => front.issuers.configuration(&pool).await,
        Err(error) => Err(error),
    };
    respond(found, &note)
}

/// The answer to a preflight for either.
pub async fn preflight(headers: HeaderMap) -> Response<Body> {
    cors::preflight(&headers, "GET")
}

fn parse(given: Result<Path<String>, PathRejection>, note: &Note) -> Result<PoolId, ApiError> {
    // What is no text is no pool's id either.
    let Ok(Path(text)) = given else {
        return Err(ApiError::new(ErrorCode::ResourceNotFound, "This user pool does not exist."));
    };
    let pool: PoolId = text
        .parse()
        .map_err(|_| ApiError::new(ErrorCode::ResourceNotFound, format!("User pool {text} does not exist.")))?;
    note.add(|facts| facts.pool = Some(pool.to_string()));
    Ok(pool)
}

fn respond(found: Result<Bytes, ApiError>, note: &Note) -> Response<Body> {
    let mut response = match found {
        Ok(document) => answer::document(document, CACHE.clone()),
        Err(error) => {
            note.error(&error);
            let status = match error.code {
                ErrorCode::ResourceNotFound => StatusCode::NOT_FOUND,
                _ => answer::status(error.status()),
            };
            let mut response = answer::message(status, error.message.as_deref().unwrap_or_default());
            if let Ok(kind) = HeaderValue::from_str(&format!("{}:", error.code.wire_name())) {
                response.headers_mut().insert("x-amzn-errortype", kind);
            }
            response
        }
    };
    cors::allow_origin(response.headers_mut());
    response
}
