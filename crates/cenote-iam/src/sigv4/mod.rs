//! AWS Signature Version 4: verification of signed requests, in the header and in the query string, and signing.
//!
//! The order of the checks and their texts are those of AWS's front ends (reference 13 §8). Stricter than AWS:
//! `host`, the date, `x-amz-target` and `x-amz-security-token` must be signed wherever they are present, and the body
//! always is.

mod canonical;
mod derive;
mod presented;
mod query;
mod refusal;
mod sign;
mod time;
mod verify;

use std::fmt;

pub use self::refusal::{Dialect, Refusal, RefusalKind};
pub use self::sign::{Signer, sign};
pub use self::verify::{Verified, Verifier, VerifierConfig, VerifyError};

/// The one algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What each scope ends in.
const TERMINATOR: &str = "aws4_request";

/// A request as far as its signature is concerned.
#[derive(Clone, Copy)]
pub struct SignedRequest<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The path as it stood in the request line, still percent-encoded.
    pub path: &'a str,
    /// What followed the `?`, still percent-encoded.
    pub query: Option<&'a str>,
    /// Names in lower case, values as received, in the order received; a name may occur more than once. Over HTTP/2 the
    /// authority counts as `host`.
    pub headers: &'a [(&'a str, &'a str)],
    /// The whole body.
    pub body: &'a [u8],
}

/// Prints no header, query or body: they carry credentials.
impl fmt::Debug for SignedRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest").field("method", &self.method).field("path", &self.path).finish_non_exhaustive()
    }
}

impl<'a> SignedRequest<'a> {
    /// Whether the request carries a signature, right or wrong.
    pub fn is_signed(&self) -> bool {
        presented::in_header(self).is_some() || presented::in_query(&query::pairs(self.query))
    }

    /// The value of a header in the form that is signed: each value trimmed, runs of white space as one space, repeated
    /// headers joined by commas. `None` when there is no such header.
    fn header(&self, name: &str) -> Option<String> {
        let mut values = self.values(name);
        let mut joined = String::new();
        canonical::push_trimmed(&mut joined, values.next()?);
        for value in values {
            joined.push(',');
            canonical::push_trimmed(&mut joined, value);
        }
        Some(joined)
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(header, _)| *header == name).map(|(_, value)| *value)
    }
}

/// What a request must be signed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name in the scope.
    pub signing_name: &'static str,
    /// How far the request's time may lie from ours, in minutes.
    pub window_minutes: u32,
}

impl Service {
    /// User pools.
    pub const COGNITO_IDP: Self = Self { signing_name: "cognito-idp", window_minutes: 5 };
    /// Identity pools.
    pub const COGNITO_IDENTITY: Self = Self { signing_name: "cognito-identity", window_minutes: 5 };
    /// The security token service.
    pub const STS: Self = Self { signing_name: "sts", window_minutes: 15 };
}

#[cfg(test)]
mod tests;
