//! Cognito's words for every refusal. The one place where a [`Refusal`] becomes an error of the wire (reference 02, 03,
//! 04).

use cenote_store::records::users::AliasKind;
use cenote_wire::{ApiError, ErrorCode};

use crate::directory::DirectoryError;
use crate::domain::schema::{AttributeError, AttributeErrorKind};
use crate::flows::Refusal;
use crate::flows::refusal::UsernameForm;

/// What differs between the operations in the texts of the same refusal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    /// `UserNotFoundException`.
    pub user_not_found: &'static str,
    /// `UsernameExistsException` for the plain username.
    pub username_taken: &'static str,
    /// What stands before the reason of an `InvalidPasswordException`.
    pub password: &'static str,
    /// Whether `AliasExistsException` says "the given".
    pub alias_given: bool,
}

/// Most operations.
pub(crate) const WORDS: Words = Words {
    user_not_found: "User does not exist.",
    username_taken: "User already exists",
    password: "Password did not conform with policy: ",
    alias_given: true,
};

/// ConfirmSignUp and ResendConfirmationCode.
pub(crate) const CONFIRMING: Words =
    Words { user_not_found: "Username/client id combination not found.", alias_given: false, ..WORDS };

/// ForgotPassword and ConfirmForgotPassword.
pub(crate) const RECOVERING: Words =
    Words { user_not_found: CONFIRMING.user_not_found, password: NEW_PASSWORD.password, ..WORDS };

/// AdminCreateUser.
pub(crate) const CREATING: Words = Words { username_taken: "User account already exists", ..WORDS };

/// NEW_PASSWORD_REQUIRED and ChangePassword.
pub(crate) const NEW_PASSWORD: Words = Words { password: "Password does not conform to policy: ", ..WORDS };

impl Words {
    /// The error of the wire for a refusal.
    pub(crate) fn error(self, refusal: Refusal) -> ApiError {
        match refusal {
            Refusal::Unavailable(detail) => ApiError::unavailable(detail),
            Refusal::Internal(detail) => ApiError::internal(detail),
            Refusal::NotBuilt(what) => not_built(what),
            Refusal::PoolGone(pool) => ApiError::resource_not_found(format!("User pool {pool} does not exist.")),
            Refusal::Busy | Refusal::Contended => ApiError::too_many_requests("Too many requests"),
            Refusal::Attribute(error) => attribute_error(&error),
            Refusal::Password(violation) => {
                ApiError::invalid_password(format!("{}{}", self.password, violation.reason()))
            }
            other => self.user_error(&other).unwrap_or_else(|| sign_in_error(&other)),
        }
    }

    /// Refusals about who a user is; `None` for the others.
    fn user_error(self, refusal: &Refusal) -> Option<ApiError> {
        Some(match refusal {
            Refusal::UserNotFound => ApiError::user_not_found(self.user_not_found),
            Refusal::UsernameTaken => ApiError::username_exists(self.username_taken),
            Refusal::AddressTaken(kind) => ApiError::username_exists(taken(true, *kind)),
            Refusal::AliasTaken(kind) => ApiError::alias_exists(taken(self.alias_given, *kind)),
            Refusal::UsernameForm(form) => ApiError::invalid_parameter(username_form(*form)),
            Refusal::UsernameAttributeMismatch(kind) => ApiError::invalid_parameter(format!(
                "The {} attribute must be the same as the username.",
                kind.as_str()
            )),
            Refusal::PreferredUsernameTooEarly => ApiError::invalid_parameter(
                "Preferred username cannot be provided for unconfirmed account, since user pool is configured for \
                 preferred username alias.",
            ),
            Refusal::UnstorableValue(name) => ApiError::invalid_parameter(format!(
                "The value of attribute {name} has a character that is not allowed."
            )),
            Refusal::SignUpNotPermitted => ApiError::not_authorized("SignUp is not permitted for this user pool"),
            Refusal::NotConfirmable(status) => {
                ApiError::not_authorized(format!("User cannot be confirmed. Current status is {status}"))
            }
            Refusal::AlreadyConfirmed => ApiError::invalid_parameter("User is already confirmed."),
            Refusal::NothingAutoVerified => {
                ApiError::not_authorized("Cannot resend codes. Auto verification not turned on.")
            }
            Refusal::NothingToVerify => {
                ApiError::not_authorized("Cannot resend codes. User has no attribute to send a code to.")
            }
            Refusal::AdministratorOnly => ApiError::not_authorized("Contact administrator to reset password."),
            Refusal::NotResettable => ApiError::not_authorized("User password cannot be reset in the current state."),
            Refusal::NothingVerified => ApiError::invalid_parameter(
                "Cannot reset password for the user as there is no registered/verified email or phone_number",
            ),
            Refusal::PreviousPasswordMissing => {
                ApiError::invalid_parameter("Missing required parameter PreviousPassword")
            }
            Refusal::NotVerifiable(name) => ApiError::invalid_parameter(format!(
                "Invalid attribute {name}. Only email and phone_number can be verified."
            )),
            Refusal::NoAddress(kind) => ApiError::invalid_parameter(format!(
                "Cannot send a verification code as the user has no {}",
                kind.as_str()
            )),
            Refusal::NothingToMark(kind) => ApiError::invalid_parameter(nothing_to_mark(*kind)),
            Refusal::ResendNotPossible(username) => ApiError::unsupported_user_state(format!(
                "Resend not possible. {username} status is not FORCE_CHANGE_PASSWORD"
            )),
            Refusal::NotDelivered => ApiError::code_delivery_failure("The message could not be delivered."),
            _ => return None,
        })
    }
}

/// Refusals of sign-ins and codes.
fn sign_in_error(refusal: &Refusal) -> ApiError {
    match refusal {
        Refusal::BadCredentials => ApiError::not_authorized("Incorrect username or password."),
        Refusal::Locked => ApiError::not_authorized("Password attempts exceeded"),
        Refusal::Disabled => ApiError::not_authorized("User is disabled."),
        Refusal::NotConfirmed => ApiError::user_not_confirmed("User is not confirmed."),
        Refusal::ResetRequired => ApiError::password_reset_required("Password reset required for the user"),
        Refusal::TemporaryPasswordExpired => {
            ApiError::not_authorized("Temporary password has expired and must be reset by an administrator.")
        }
        Refusal::CodeMismatch => ApiError::code_mismatch("Invalid verification code provided, please try again."),
        Refusal::CodeExpired => ApiError::expired_code("Invalid code provided, please request a code again."),
        Refusal::LimitExceeded => ApiError::limit_exceeded("Attempt limit exceeded, please try after some time."),
        // Cognito's text is unconfirmed (reference 04 §1).
        Refusal::SrpPublic => ApiError::invalid_parameter("SRP_A is invalid."),
        Refusal::SessionInvalid => ApiError::not_authorized("Invalid session for the user."),
        Refusal::SessionExpired => ApiError::not_authorized("Invalid session for the user, session is expired."),
        Refusal::SessionUsed => {
            ApiError::not_authorized("Invalid session for the user, session can only be used once.")
        }
        Refusal::MissingRequiredAttributes(names) => {
            let verb = if names.len() == 1 { "is" } else { "are" };
            ApiError::invalid_parameter(format!("Invalid attributes given, {} {verb} missing", names.join(", ")))
        }
        Refusal::AttributeAlreadyProvided(name) => {
            ApiError::invalid_parameter(format!("Cannot modify an already provided {name}"))
        }
        other => ApiError::internal(format!("a refusal without words: {other}")),
    }
}

fn taken(given: bool, kind: AliasKind) -> String {
    let given = if given { "given " } else { "" };
    format!("An account with the {given}{} already exists.", kind.as_str())
}

fn nothing_to_mark(kind: AliasKind) -> &'static str {
    match kind {
        AliasKind::PhoneNumber => "Phone Number is required to verify/un-verify a phone number",
        AliasKind::Email | AliasKind::PreferredUsername => "Email is required to verify/un-verify an email",
    }
}

fn username_form(form: UsernameForm) -> &'static str {
    match form {
        UsernameForm::Email => "Username should be an email.",
        UsernameForm::Phone => "Username should be a phone number.",
        UsernameForm::EmailOrPhone => "Username should be either an email or a phone number.",
        UsernameForm::NotEmail => "Username cannot be of email format, since user pool is configured for email alias.",
        UsernameForm::NotPhone => {
            "Username cannot be of phone number format, since user pool is configured for phone number alias."
        }
    }
}

fn attribute_error(error: &AttributeError) -> ApiError {
    match error.kind() {
        AttributeErrorKind::InvalidParameter => ApiError::invalid_parameter(error.to_string()),
        AttributeErrorKind::NotAuthorized => ApiError::not_authorized(error.to_string()),
    }
}

/// A setting or flow whose effect is not built yet: answered as such, never as if it had none.
pub(crate) fn not_built(what: &str) -> ApiError {
    ApiError::new(ErrorCode::NotImplemented, format!("Cenote does not implement {what} yet."))
}

/// For refusals in the words of most operations.
impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        WORDS.error(refusal)
    }
}

impl From<DirectoryError> for ApiError {
    fn from(error: DirectoryError) -> Self {
        Refusal::from(error).into()
    }
}
