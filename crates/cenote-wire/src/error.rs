//! The errors that a caller is given.

use std::fmt;

use cenote_base::Fault;

pub use crate::generated::errors::ErrorCode;

/// An error answer: what the caller is told, and apart from it what only the log is told.
///
/// There is one constructor per error: `ApiError::not_authorized("Incorrect username or password.")`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Which error.
    pub code: ErrorCode,
    /// The text that the caller is given.
    pub message: Option<String>,
    /// The extra member of InvalidParameterException.
    pub reason_code: Option<String>,
    /// What the log is told and the caller is not. No secrets.
    pub detail: Option<String>,
}

impl ApiError {
    /// An error with a message for the caller.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..Self::bare(code) }
    }

    /// An error without a message.
    pub const fn bare(code: ErrorCode) -> Self {
        Self { code, message: None, reason_code: None, detail: None }
    }

    /// A fault of Cenote itself: the caller is told nothing but that, the log is told `detail`.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::InternalError, "Something went wrong").with_detail(detail)
    }

    /// Something that Cenote depends on is away: 503, SDKs try again. The log is told `detail`.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::ServiceUnavailable, "Service is unavailable, please try again later").with_detail(detail)
    }

    /// The operation is known but not built.
    pub fn not_built(operation: &str) -> Self {
        Self::new(ErrorCode::NotImplemented, format!("Cenote does not implement the operation {operation} yet."))
    }

    /// Adds what only the log is told.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// Adds the reason code of an InvalidParameterException.
    #[must_use]
    pub fn with_reason_code(self, reason_code: impl Into<String>) -> Self {
        Self { reason_code: Some(reason_code.into()), ..self }
    }

    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        self.code.fault()
    }

    /// The HTTP status that it is answered with.
    pub const fn status(&self) -> u16 {
        self.code.status()
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self::bare(code)
    }
}

/// Prints what the caller is told.
impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.wire_name())?;
        self.message.as_ref().map_or(Ok(()), |message| write!(f, ": {message}"))
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_those_of_the_wire_and_not_of_the_model() {
        let other: Vec<_> = ErrorCode::ALL.iter().filter(|code| code.status() != 400).copied().collect();
        use ErrorCode::{InternalError, InternalServer, RequestEntityTooLarge, ServiceUnavailable};
        assert_eq!(other, [InternalError, InternalServer, RequestEntityTooLarge, ServiceUnavailable]);
        assert_eq!(RequestEntityTooLarge.status(), 413);
        assert_eq!(ServiceUnavailable.status(), 503);
    }

    #[test]
    fn names_are_unique_and_come_back() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_wire_name(code.wire_name()), Some(*code));
            assert!(code.wire_name().ends_with("Exception"));
            // A fault of Cenote is a 5xx, one of the caller never is.
            assert_eq!(code.fault() == Fault::Cenote, code.status() == 500);
            assert!(code.fault() != Fault::Caller || code.status() < 500);
        }
        assert_eq!(ErrorCode::from_wire_name("Exception"), None);
    }

    #[test]
    fn the_log_is_told_what_the_caller_is_not() {
        let error = ApiError::internal("row 7 is corrupt");
        assert_eq!(error.to_string(), "InternalErrorException: Something went wrong");
        assert_eq!(error.detail.as_deref(), Some("row 7 is corrupt"));
        assert_eq!(error.fault(), Fault::Cenote);
        assert_eq!(ApiError::from(ErrorCode::ExpiredCode).to_string(), "ExpiredCodeException");
        assert_eq!(ApiError::not_authorized("no").code, ErrorCode::NotAuthorized);
    }
}
