//! Answers in the two forms of the front end: AWS JSON for the API, plain JSON for everything else.

use axum::body::Body;
use cenote_wire::{ApiError, json};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A successful answer of the AWS API.
pub fn api(body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(json::CONTENT_TYPE));
    response
}

/// An error of the AWS API (reference 01 §2).
pub fn api_error(error: &ApiError) -> Response<Body> {
    let encoded = json::encode_error(error);
    let mut response = Response::new(Body::from(encoded.body));
    *response.status_mut() = status(encoded.status);
    for (name, value) in encoded.headers {
        // The encoder lets only visible ASCII through, so nothing is ever left out here.
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// A message to whoever asked, `{"message": …}`, which no cache keeps.
pub fn message(status: StatusCode, text: &str) -> Response<Body> {
    let body = serde_json::json!({ "message": text }).to_string();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// What is said of a method that leads nowhere.
pub const WRONG_METHOD: &str = "The method is not allowed here.";

/// The refusal of a method where these are allowed.
pub fn wrong_method(allowed: &'static str) -> Response<Body> {
    let mut response = message(StatusCode::METHOD_NOT_ALLOWED, WRONG_METHOD);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A public document that caches may keep.
pub fn document(body: bytes::Bytes, cache: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response.headers_mut().insert(CACHE_CONTROL, cache);
    response
}

/// The status of that number.
pub fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
