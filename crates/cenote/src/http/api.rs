//! `POST /`: AWS JSON 1.1 (reference 01 §1 and §2). The order of checks is AWS's: what is called, the signature, then, in
//! the room that answers, JSON, constraints, and the operation itself.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use bytes::Bytes;
use cenote_base::{ClientId, Fault, PoolId};
use cenote_iam::Principal;
use cenote_iam::sigv4::{Dialect, RefusalKind, Service as SignedFor, SignedRequest, VerifyError};
use cenote_wire::{ApiError, Auth, ErrorCode, Service, Target, json, target};
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;

use super::body::{self, BodyError};
use super::note::Note;
use super::{Front, Origin, answer, cors};
use crate::services::Context;

const TARGET: &str = "x-amz-target";

/// `POST /`
pub async fn call(
    State(front): State<Arc<Front>>,
    Extension(note): Extension<Note>,
    Extension(origin): Extension<Origin>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut response = match body::read(&parts.headers, body, front.max_body_bytes).await {
        Ok(body) => match run(&front, &note, origin, &parts, body).await {
            Ok(body) => answer::api(body),
            Err(error) => {
                note.error(&error);
                answer::api_error(&error)
            }
        },
        Err(error) => without_body(error, &note),
    };
    cors::allow_reading(response.headers_mut());
    response
}

/// `OPTIONS /`
pub async fn preflight(headers: HeaderMap) -> Response<Body> {
    cors::preflight(&headers, "POST")
}

async fn run(front: &Front, note: &Note, origin: Origin, parts: &Parts, body: Bytes) -> Result<Vec<u8>, ApiError> {
    let target = target::parse(text(&parts.headers, TARGET).unwrap_or_default())?;
    note.target(target);
    check_content_type(&parts.headers)?;
    note_subjects(note, &body);
    let principal = authenticate(front, target, parts, &body).await?;
    note.add(|facts| facts.caller = principal.as_ref().map(|principal| principal.arn.to_string()));
    let context = Context {
        request_id: origin.request_id,
        source: origin.source,
        user_agent: text(&parts.headers, USER_AGENT.as_str()).map(str::to_owned),
        principal,
    };
    front.services.call(target, body, context).await
}

fn without_body(error: BodyError, note: &Note) -> Response<Body> {
    let refusal = match error {
        BodyError::TooLarge(most) => {
            ApiError::new(ErrorCode::RequestEntityTooLarge, format!("The request is larger than {most} bytes."))
        }
        // Nobody is there to read an answer.
        BodyError::BrokeOff => ApiError::bare(ErrorCode::Serialization).with_detail(error.to_string()),
        BodyError::TooSlow => {
            note.add(|facts| facts.detail = Some(error.to_string()));
            return answer::message(StatusCode::REQUEST_TIMEOUT, "The request did not arrive in time.");
        }
    };
    note.error(&refusal);
    answer::api_error(&refusal)
}

/// 1.0 differs from 1.1 in nothing that these services use.
fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = text(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    let accepted = [json::CONTENT_TYPE, "application/x-amz-json-1.0"];
    if accepted.iter().any(|accepted| essence.eq_ignore_ascii_case(accepted)) {
        Ok(())
    } else {
        let message = format!("The content type must be {}.", json::CONTENT_TYPE);
        Err(ApiError::new(ErrorCode::UnknownOperation, message))
    }
}

async fn authenticate(
    front: &Front,
    target: Target,
    parts: &Parts,
    body: &Bytes,
) -> Result<Option<Principal>, ApiError> {
    let headers = signed_headers(parts);
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = SignedRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &headers,
        body,
    };
    match target.auth() {
        Auth::Signed => {}
        Auth::SignedOrClient if request.is_signed() => {}
        // An SDK that has credentials signs these too: its signature is ignored, right or wrong.
        Auth::SignedOrClient | Auth::Public | Auth::AccessToken | Auth::AccessTokenOrSession | Auth::FeedbackToken => {
            return Ok(None);
        }
    }
    let verified = front.verifier.verify(&request, signed_for(target.service())).await.map_err(refusal)?;
    Ok(Some(verified.principal))
}

fn refusal(error: VerifyError) -> ApiError {
    let refused = match error {
        VerifyError::Refused(refused) => refused,
        VerifyError::Keys(error) => {
            return match error.fault() {
                Fault::Dependency => ApiError::unavailable(error.to_string()),
                Fault::Caller | Fault::Cenote => ApiError::internal(error.to_string()),
            };
        }
    };
    let code = match refused.kind() {
        RefusalKind::InvalidSignature => ErrorCode::InvalidSignature,
        RefusalKind::MissingAuthenticationToken => ErrorCode::MissingAuthenticationToken,
        RefusalKind::IncompleteSignature => ErrorCode::IncompleteSignature,
        RefusalKind::UnrecognizedClient => ErrorCode::UnrecognizedClient,
        RefusalKind::ExpiredToken => ErrorCode::ExpiredToken,
    };
    ApiError::new(code, refused.message(Dialect::Json))
}

fn signed_for(service: Service) -> SignedFor {
    match service {
        Service::Idp => SignedFor::COGNITO_IDP,
        Service::Identity => SignedFor::COGNITO_IDENTITY,
    }
}

/// The headers as their signature sees them: a value that is no text can't have been signed by an SDK. HTTP/2 has the
/// host in its authority.
fn signed_headers(parts: &Parts) -> Vec<(String, String)> {
    let mut headers: Vec<_> = parts
        .headers
        .iter()
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), std::str::from_utf8(value.as_bytes()).ok()?.to_owned()))
        })
        .collect();
    if let (false, Some(authority)) = (parts.headers.contains_key(HOST), parts.uri.authority()) {
        headers.push((HOST.as_str().to_owned(), authority.to_string()));
    }
    headers
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Notes which pool and client a request names, as far as they have the form of an id: nothing else that a caller put
/// into these places reaches the log.
fn note_subjects(note: &Note, body: &[u8]) {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Subjects {
        user_pool_id: Option<String>,
        client_id: Option<String>,
    }
    let Ok(subjects) = serde_json::from_slice::<Subjects>(body) else { return };
    let pool = subjects.user_pool_id.and_then(|id| id.parse::<PoolId>().ok());
    let client = subjects.client_id.and_then(|id| id.parse::<ClientId>().ok());
    note.add(|facts| {
        facts.pool = pool.map(String::from);
        facts.client = client.map(String::from);
    });
}
