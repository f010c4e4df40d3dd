//! `POST /`: AWS JSON 1.1 (reference 01 §1 and §2). The order of checks is AWS's: what is called, the signature, then, in
//! the room that answers, JSON, constraints, and the operation itself.

use axum::body::Body;
use bytes::Bytes;
use cenote_base::{ClientId, Fault, PoolId};
use cenote_iam::Principal;
use cenote_iam::sigv4::{Dialect, RefusalKind, Service as SignedFor, SignedRequest, VerifyError};
use cenote_wire::{ApiError, Auth, ErrorCode, Service, Target, json, target};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;

use super::body::{self, BodyError};
use super::budget::Account;
use super::doors::Arriving;
use super::note::Note;
use super::{Front, Origin, answer, cors};
use crate::services::Context;

const TARGET: &str = "x-amz-target";

/// The largest body in bytes of an operation that anybody may call. The largest that a public operation can use is a
/// fraction of it: tokens, attributes and metadata all have bounds.
const MAX_PUBLIC_BODY: usize = 512 * 1024;

/// Reads a call's body into memory; the account holds what it takes there. Or the answer, where there is nothing to run.
pub async fn receive(
    front: &Front,
    note: &Note,
    parts: &Parts,
    body: impl Arriving,
    account: &mut Account,
) -> Result<Bytes, Response<Body>> {
    let target = text(&parts.headers, TARGET).and_then(|target| target::parse(target).ok());
    let must_sign = target.is_some_and(|target| target.auth() == Auth::Signed);
    let most = if must_sign && presents_signature(parts) {
        front.max_body_bytes
    } else {
        front.max_body_bytes.min(MAX_PUBLIC_BODY)
    };
    let error = match body::read(&parts.headers, body, most, account).await {
        Ok(body) => return Ok(body),
        Err(error) => error,
    };
    let mut response = match (error, target) {
        // Signed it might have been small enough: what is wrong with it is that nobody has signed it.
        (BodyError::TooLarge(_), Some(target)) if must_sign && !presents_signature(parts) => {
            match authenticate(front, target, parts, &Bytes::new()).await {
                Err(refusal) => refused(&refusal, note),
                Ok(_) => without_body(error, note),
            }
        }
        _ => without_body(error, note),
    };
    cors::allow_reading(response.headers_mut());
    Err(response)
}

/// `POST /`, its body already in memory.
pub async fn call(front: &Front, note: &Note, origin: Origin, parts: &Parts, body: Bytes) -> Response<Body> {
    let mut response = match run(front, note, origin, parts, body).await {
        Ok(body) => answer::api(body),
        Err(error) => refused(&error, note),
    };
    cors::allow_reading(response.headers_mut());
    response
}

async fn run(front: &Front, note: &Note, origin: Origin, parts: &Parts, body: Bytes) -> Result<Vec<u8>, ApiError> {
    let target = target::parse(text(&parts.headers, TARGET).unwrap_or_default())?;
    note.target(target);
    check_content_type(&parts.headers)?;
    let principal = authenticate(front, target, parts, &body).await?;
    // Not before: what nobody has signed is not worth the work of parsing it. Nor is what names none.
    if target.auth() != Auth::AccessToken {
        note_subjects(note, &body);
    }
    if let Some(principal) = &principal {
        note.add(|facts| facts.caller = Some(principal.arn.to_string()));
    }
    let context = Context {
        request_id: origin.request_id,
        source: origin.source,
        user_agent: text(&parts.headers, USER_AGENT.as_str()).map(str::to_owned),
        principal,
    };
    front.services.call(target, body, context).await
}

fn refused(error: &ApiError, note: &Note) -> Response<Body> {
    note.error(error);
    answer::api_error(error)
}

fn without_body(error: BodyError, note: &Note) -> Response<Body> {
    let refusal = match error {
        BodyError::TooLarge(most) => {
            ApiError::new(ErrorCode::RequestEntityTooLarge, format!("The request is larger than {most} bytes."))
        }
        BodyError::NoRoom => ApiError::unavailable(error.to_string()),
        // Nobody is there to read an answer.
        BodyError::BrokeOff => ApiError::bare(ErrorCode::Serialization).with_detail(error.to_string()),
        BodyError::TooSlow => {
            note.add(|facts| facts.detail = Some(error.to_string()));
            return answer::message(StatusCode::REQUEST_TIMEOUT, "The request did not arrive in time.");
        }
    };
    refused(&refusal, note)
}

/// Whether there is anything that could be a signature: no reason to believe it, but nobody sends it by accident.
fn presents_signature(parts: &Parts) -> bool {
    let in_query = |query: &str| query.split('&').any(|pair| pair.starts_with("X-Amz-Algorithm="));
    parts.headers.contains_key(AUTHORIZATION) || parts.uri.query().is_some_and(in_query)
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
    let may_be_unsigned = match target.auth() {
        Auth::Signed => false,
        Auth::SignedOrClient => true,
        // An SDK that has credentials signs these too: its signature is ignored, right or wrong.
        Auth::Public | Auth::AccessToken | Auth::AccessTokenOrSession | Auth::FeedbackToken => return Ok(None),
    };
    let headers = signed_headers(parts);
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = SignedRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &headers,
        body,
    };
    if may_be_unsigned && !request.is_signed() {
        return Ok(None);
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
