//! Why a signature was refused: each of AWS's reasons with its type and text (reference 13 §8).

use std::fmt;

/// The two families of AWS protocols, which name the same refusals differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// AWS JSON: cognito-idp, cognito-identity and Cenote's own service.
    Json,
    /// AWS Query: STS and IAM.
    Query,
}

/// The type of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// The signature is wrong, or not for now, or not for here.
    InvalidSignature,
    /// There is no signature.
    MissingAuthenticationToken,
    /// The signature can't be read.
    IncompleteSignature,
    /// The access key is unknown, or the session token is not the key's.
    UnrecognizedClient,
    /// The temporary credentials have ended.
    ExpiredToken,
}

impl RefusalKind {
    /// The error's name on the wire.
    pub const fn code(self, dialect: Dialect) -> &'static str {
        match (dialect, self) {
            (Dialect::Json, Self::InvalidSignature) => "InvalidSignatureException",
            (Dialect::Json, Self::MissingAuthenticationToken) => "MissingAuthenticationTokenException",
            (Dialect::Json, Self::IncompleteSignature) => "IncompleteSignatureException",
            (Dialect::Json, Self::UnrecognizedClient) => "UnrecognizedClientException",
            (Dialect::Json, Self::ExpiredToken) => "ExpiredTokenException",
            (Dialect::Query, Self::InvalidSignature) => "SignatureDoesNotMatch",
            (Dialect::Query, Self::MissingAuthenticationToken) => "MissingAuthenticationToken",
            (Dialect::Query, Self::IncompleteSignature) => "IncompleteSignature",
            (Dialect::Query, Self::UnrecognizedClient) => "InvalidClientTokenId",
            (Dialect::Query, Self::ExpiredToken) => "ExpiredToken",
        }
    }

    /// The status on the wire.
    pub const fn status(self, dialect: Dialect) -> u16 {
        match (dialect, self) {
            (Dialect::Json, _) | (Dialect::Query, Self::IncompleteSignature) => 400,
            (Dialect::Query, _) => 403,
        }
    }
}

/// Why a request's signature was refused. `Display` is the text of the JSON services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Signed in the header and in the query string.
    BothForms,
    /// Not signed.
    NotSigned,
    /// The header lacks parts.
    MissingInHeader {
        /// `Credential`, `Signature`, `SignedHeaders`: those that are missing.
        parts: Vec<&'static str>,
        /// There is no date header either.
        date: bool,
        /// The header's first word, where it is the name of a scheme; never what may be a credential.
        scheme: String,
    },
    /// The query string lacks parameters.
    MissingInQuery(Vec<&'static str>),
    /// The header has a part that is no key=value pair.
    NotPairs {
        /// The header's SHA-256 in Base64: the header may be anyone's bearer token, so it is not repeated.
        digest: String,
    },
    /// The date is in no format that counts.
    BadDate(String),
    /// `X-Amz-Expires` is no number of seconds from 1 to a week.
    BadExpires,
    /// The request is too old.
    Expired {
        /// When it was signed.
        signed: String,
        /// The oldest time that is taken.
        oldest: String,
        /// Now.
        now: String,
        /// How far back that is: `5 min`.
        window: String,
    },
    /// The request is from the future.
    NotYetCurrent {
        /// When it was signed.
        signed: String,
        /// The latest time that is taken.
        latest: String,
        /// Now.
        now: String,
        /// How far ahead that is: `5 min`.
        window: String,
    },
    /// A header that must be signed is not.
    Unsigned(&'static str),
    /// Not AWS4-HMAC-SHA256.
    BadAlgorithm(String),
    /// The credential does not have five parts.
    BadScopeShape(String),
    /// The credential is for something else.
    BadScope(ScopeFaults),
    /// Nobody has this key, or not with this session token.
    UnknownKey,
    /// The temporary credentials have ended.
    SessionExpired,
    /// The body is not signed.
    UnsignedPayload(String),
    /// The signature is not the one that we calculate.
    Mismatch,
}

/// What of a credential's scope is wrong. At least one is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeFaults {
    /// The region is no region, or not ours.
    pub region: bool,
    /// The service that it should be.
    pub service: Option<&'static str>,
    /// The terminator that stands there.
    pub terminator: Option<String>,
    /// The date in the scope, the date of the request and its whole time.
    pub date: Option<(String, String, String)>,
}

impl ScopeFaults {
    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One sentence for each fault, each with a space after it, the last too: so does AWS.
impl fmt::Display for ScopeFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.region {
            f.write_str("Credential should be scoped to a valid region. ")?;
        }
        if let Some(service) = self.service {
            write!(f, "Credential should be scoped to correct service: '{service}'. ")?;
        }
        if let Some(terminator) = &self.terminator {
            write!(f, "Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'. ")?;
        }
        if let Some((scope, request, time)) = &self.date {
            write!(
                f,
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{scope}' != '{request}', from '{time}'. "
            )?;
        }
        Ok(())
    }
}

impl Refusal {
    /// The type.
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::NotSigned => RefusalKind::MissingAuthenticationToken,
            Self::MissingInHeader { .. }
            | Self::MissingInQuery(_)
            | Self::NotPairs { .. }
            | Self::BadDate(_)
            | Self::BadExpires
            | Self::BadAlgorithm(_)
            | Self::BadScopeShape(_) => RefusalKind::IncompleteSignature,
            Self::UnknownKey => RefusalKind::UnrecognizedClient,
            Self::SessionExpired => RefusalKind::ExpiredToken,
            Self::BothForms
            | Self::Expired { .. }
            | Self::NotYetCurrent { .. }
            | Self::Unsigned(_)
            | Self::BadScope(_)
            | Self::UnsignedPayload(_)
            | Self::Mismatch => RefusalKind::InvalidSignature,
        }
    }

    /// The text for the caller.
    pub fn message(&self, dialect: Dialect) -> String {
        match (self, dialect) {
            (Self::NotSigned, Dialect::Query) => "Request is missing Authentication Token".to_owned(),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BothForms => {
                f.write_str("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
            }
            Self::NotSigned => f.write_str("Missing Authentication Token"),
            Self::MissingInHeader { parts, date, scheme } => write_missing_in_header(f, parts, *date, scheme),
            Self::MissingInQuery(parts) => {
                for part in parts {
                    write!(f, "AWS query-string parameters must include '{part}'. ")?;
                }
                f.write_str("Re-examine the query-string parameters.")
            }
            Self::NotPairs { digest } => write!(
                f,
                "Invalid key=value pair (missing equal-sign) in Authorization header \
                 (hashed with SHA-256 and encoded with Base64): '{digest}'."
            ),
            Self::BadDate(got) => write!(
                f,
                "Date must be in ISO-8601 'basic format'. Got '{got}'. See http://en.wikipedia.org/wiki/ISO_8601"
            ),
            Self::BadExpires => f.write_str("X-Amz-Expires must be a number of seconds from 1 to 604800"),
            Self::Expired { signed, oldest, now, window } => {
                write!(f, "Signature expired: {signed} is now earlier than {oldest} ({now} - {window}.)")
            }
            Self::NotYetCurrent { signed, latest, now, window } => {
                write!(f, "Signature not yet current: {signed} is still later than {latest} ({now} + {window}.)")
            }
            Self::Unsigned(header) => write!(f, "'{header}' must be a 'SignedHeader' in the AWS Authorization."),
            Self::BadAlgorithm(got) => {
                write!(f, "Unsupported AWS 'algorithm': '{got}' (only AWS4-HMAC-SHA256 for now). ")
            }
            Self::BadScopeShape(got) => write!(
                f,
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, \
                 got '{got}'"
            ),
            Self::BadScope(faults) => faults.fmt(f),
            Self::UnknownKey => f.write_str("The security token included in the request is invalid."),
            Self::SessionExpired => f.write_str("The security token included in the request is expired"),
            Self::UnsignedPayload(got) => {
                write!(f, "'X-Amz-Content-SHA256' must be the hash of the body, '{got}' is not accepted.")
            }
            Self::Mismatch => f.write_str(
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                 Access Key and signing method. Consult the service documentation for details.",
            ),
        }
    }
}

impl std::error::Error for Refusal {}

fn write_missing_in_header(f: &mut fmt::Formatter<'_>, parts: &[&str], date: bool, scheme: &str) -> fmt::Result {
    for part in parts {
        write!(f, "Authorization header requires '{part}' parameter. ")?;
    }
    if date {
        f.write_str("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")?;
    }
    write!(f, "Authorization={scheme}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_and_a_status_in_both_dialects() {
        use RefusalKind::{ExpiredToken, IncompleteSignature, InvalidSignature, UnrecognizedClient};
        for (kind, json, query, status) in [
            (InvalidSignature, "InvalidSignatureException", "SignatureDoesNotMatch", 403),
            (
                RefusalKind::MissingAuthenticationToken,
                "MissingAuthenticationTokenException",
                "MissingAuthenticationToken",
                403,
            ),
            (IncompleteSignature, "IncompleteSignatureException", "IncompleteSignature", 400),
            (UnrecognizedClient, "UnrecognizedClientException", "InvalidClientTokenId", 403),
            (ExpiredToken, "ExpiredTokenException", "ExpiredToken", 403),
        ] {
            assert_eq!((kind.code(Dialect::Json), kind.status(Dialect::Json)), (json, 400));
            assert_eq!((kind.code(Dialect::Query), kind.status(Dialect::Query)), (query, status));
        }
    }

    #[test]
    fn only_the_missing_signature_is_worded_differently() {
        assert_eq!(Refusal::NotSigned.message(Dialect::Json), "Missing Authentication Token");
        assert_eq!(Refusal::NotSigned.message(Dialect::Query), "Request is missing Authentication Token");
        assert_eq!(Refusal::Mismatch.message(Dialect::Query), Refusal::Mismatch.to_string());
    }
}
