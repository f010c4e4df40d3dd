//! AWS JSON 1.1 (reference 01 §1–3).

use serde_json::Value;

use crate::api::{Api, OperationVisitor};
use crate::error::{ApiError, ErrorCode};
use crate::shape::{Shape, Structure, Validate, write_text};
use crate::target::Target;
use crate::violations::{Path, Violations};

/// The content type of requests and answers.
pub const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// The longest `x-amzn-errormessage` in bytes. Clients limit the size of a header and read the body anyway.
const LONGEST_HEADER: usize = 1024;

/// An error, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedError {
    /// The HTTP status.
    pub status: u16,
    /// Content type and the two error headers; the request id is the listener's.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Reads an input and checks every constraint of the model.
///
/// A null counts as absent, members that the model does not know are ignored, of two equal names the later counts.
///
/// # Errors
///
/// SerializationException for what is no JSON (deeper than 128 levels included) or has a member of the wrong type;
/// InvalidParameterException, or ValidationException in `cognito-identity`, in AWS's words for violated constraints.
pub fn decode<T: Structure>(body: &[u8]) -> Result<T, ApiError> {
    let input: T = decode_unchecked(body)?;
    let mut violations = Violations::default();
    input.validate(&Path::ROOT, &mut violations);
    match violations.message() {
        None => Ok(input),
        Some(message) => Err(ApiError::new(T::CONSTRAINT_ERROR, message)),
    }
}

/// Reads a structure without looking at constraints: for clients, which must take any answer.
///
/// # Errors
///
/// SerializationException, as [`decode`].
pub fn decode_unchecked<T: Structure>(body: &[u8]) -> Result<T, ApiError> {
    // What the parser says would name positions and Rust's types; AWS says nothing here either.
    let value: Value = serde_json::from_slice(body).map_err(|_| ApiError::bare(ErrorCode::Serialization))?;
    match value {
        Value::Object(_) => T::from_json(value).map_err(|mismatch| ApiError::serialization(mismatch.to_string())),
        Value::Array(_) => Err(ApiError::serialization(crate::mismatch::Mismatch::List.to_string())),
        _ => Err(ApiError::bare(ErrorCode::Serialization)),
    }
}

/// Checks a body against the input of an operation that is chosen at run time.
///
/// # Errors
///
/// As [`decode`].
pub fn check(target: Target, body: &[u8]) -> Result<(), ApiError> {
    struct Check<'a>(&'a [u8]);

    impl OperationVisitor for Check<'_> {
        type Output = Result<(), ApiError>;

        fn visit<A: Api>(self) -> Self::Output {
            decode::<A::Input>(self.0).map(drop)
        }
    }

    target.visit(Check(body))
}

/// Writes an answer (or, for a client, an input). An operation without output has an empty body.
pub fn encode<T: Structure>(value: &T) -> Vec<u8> {
    let mut body = Vec::new();
    if T::HAS_BODY {
        value.write(&mut body);
    }
    body
}

/// Writes an error answer.
pub fn encode_error(error: &ApiError) -> EncodedError {
    let name = error.code.wire_name();
    let mut headers = vec![("content-type", CONTENT_TYPE.to_owned()), ("x-amzn-errortype", format!("{name}:"))];
    let mut body = b"{\"__type\":".to_vec();
    write_text(name, &mut body);
    if let Some(message) = &error.message {
        headers.push(("x-amzn-errormessage", header_text(message)));
        body.extend_from_slice(b",\"message\":");
        write_text(message, &mut body);
    }
    if let Some(reason_code) = &error.reason_code {
        body.extend_from_slice(b",\"reasonCode\":");
        write_text(reason_code, &mut body);
    }
    body.push(b'}');
    EncodedError { status: error.status(), headers, body }
}

/// A message as a header may carry it: one line of visible ASCII, cut where clients would refuse it.
fn header_text(message: &str) -> String {
    let visible = |letter: char| match letter {
        ' '..='~' => letter,
        letter if letter.is_whitespace() || letter.is_control() => ' ',
        _ => '?',
    };
    let text: String = message.chars().take(LONGEST_HEADER).map(visible).collect();
    text.trim().to_owned()
}
