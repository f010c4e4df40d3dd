//! Why a flow ended without success. Which Cognito error that is, and its text, is for the operations to say.

use cenote_base::Fault;
use cenote_messages::MessageError;
use cenote_secrets::LaneError;
use cenote_secrets::hashing::HashError;
use cenote_secrets::policy::PolicyViolation;
use cenote_secrets::srp::SrpError;
use cenote_store::records::users::AliasKind;
use cenote_store::{BatchError, StoreError};
use cenote_tokens::{KeyringError, SigningError};

use crate::directory::DirectoryError;
use crate::domain::schema::AttributeError;
use crate::domain::user::UserStatus;

/// Why a flow ended without success.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no such user")]
    UserNotFound,
    #[error("wrong user name or password")]
    BadCredentials,
    #[error("too many failures, locked for a while")]
    Locked,
    #[error("the user is disabled")]
    Disabled,
    #[error("the user is not confirmed")]
    NotConfirmed,
    #[error("the temporary password has expired")]
    TemporaryPasswordExpired,
    #[error("the password must be reset")]
    ResetRequired,
    #[error("sign-up is for administrators only")]
    SignUpNotPermitted,
    #[error("the username has not the form that the pool asks for")]
    UsernameForm(UsernameForm),
    #[error("the username is taken")]
    UsernameTaken,
    #[error("the address is taken")]
    AddressTaken(AliasKind),
    #[error("the alias is taken")]
    AliasTaken(AliasKind),
    #[error("an attribute contradicts the username")]
    UsernameAttributeMismatch(AliasKind),
    #[error("a preferred user name before the confirmation, where it is an alias")]
    PreferredUsernameTooEarly,
    #[error("the value of attribute {0} cannot be stored")]
    UnstorableValue(String),
    #[error("the password does not fit the policy: {}", .0.reason())]
    Password(PolicyViolation),
    #[error("{0}")]
    Attribute(AttributeError),
    #[error("wrong code")]
    CodeMismatch,
    #[error("no such code, or it has expired")]
    CodeExpired,
    #[error("the user cannot be confirmed, it is {0}")]
    NotConfirmable(UserStatus),
    #[error("the user is confirmed already")]
    AlreadyConfirmed,
    #[error("the pool verifies nothing by itself")]
    NothingAutoVerified,
    #[error("the user has nothing to send a code to")]
    NothingToVerify,
    #[error("only an administrator resets passwords")]
    AdministratorOnly,
    #[error("the user is not in a state in which the password is reset")]
    NotResettable,
    #[error("the user has no verified address")]
    NothingVerified,
    #[error("the previous password is missing")]
    PreviousPasswordMissing,
    #[error("attribute {0} cannot be verified")]
    NotVerifiable(String),
    #[error("the user has no such address")]
    NoAddress(AliasKind),
    #[error("a verified flag without its address")]
    NothingToMark(AliasKind),
    #[error("too many tries in an hour")]
    LimitExceeded,
    #[error("SRP_A is of no use")]
    SrpPublic,
    #[error("the session is not valid here")]
    SessionInvalid,
    #[error("the session has expired")]
    SessionExpired,
    #[error("the session was used before")]
    SessionUsed,
    #[error("required attributes are missing: {0:?}")]
    MissingRequiredAttributes(Vec<String>),
    #[error("attribute {0} has a value already")]
    AttributeAlreadyProvided(String),
    #[error("the user is not in a state for a new invitation")]
    ResendNotPossible(String),
    #[error("the message was not delivered")]
    NotDelivered,
    #[error("too many requests")]
    Busy,
    #[error("others changed the same records again and again")]
    Contended,
    #[error("{0} is not built yet")]
    NotBuilt(&'static str),
    #[error("pool {0} is gone")]
    PoolGone(String),
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    Internal(String),
}

/// What form of username a pool asks for, or forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsernameForm {
    Email,
    Phone,
    EmailOrPhone,
    NotEmail,
    NotPhone,
}

/// What depends on something that is away may be tried again; all else that no rule foresees is a fault of Cenote's.
fn by_fault(fault: Fault, error: impl ToString) -> Refusal {
    match fault {
        Fault::Dependency => Refusal::Unavailable(error.to_string()),
        Fault::Caller | Fault::Cenote => Refusal::Internal(error.to_string()),
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        by_fault(error.fault(), error)
    }
}

/// For batches whose expectations are all named by their flow; what is left over is a fault of Cenote's.
impl From<BatchError> for Refusal {
    fn from(error: BatchError) -> Self {
        by_fault(error.fault(), error)
    }
}

/// A pool without keys has ended while it was still in the directory's cache.
impl From<KeyringError> for Refusal {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::NoSuchScope(pool) => Self::PoolGone(pool),
            other => by_fault(other.fault(), other),
        }
    }
}

impl From<SigningError> for Refusal {
    fn from(error: SigningError) -> Self {
        match error {
            SigningError::NoSuchPool(pool) => Self::PoolGone(pool.to_string()),
            SigningError::Keyring(error) => error.into(),
            other => by_fault(other.fault(), other),
        }
    }
}

impl From<DirectoryError> for Refusal {
    fn from(error: DirectoryError) -> Self {
        by_fault(error.fault(), error)
    }
}

impl From<MessageError> for Refusal {
    fn from(error: MessageError) -> Self {
        match error {
            MessageError::Keyring(error) => error.into(),
            MessageError::Store(error) => error.into(),
            other => by_fault(other.fault(), other),
        }
    }
}

impl From<HashError> for Refusal {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy,
            other => by_fault(other.fault(), other),
        }
    }
}

impl From<LaneError> for Refusal {
    fn from(error: LaneError) -> Self {
        match error {
            LaneError::Busy => Self::Busy,
            other => by_fault(other.fault(), other),
        }
    }
}

/// For what was stored or sealed; what a caller sent is refused where it is read.
impl From<SrpError> for Refusal {
    fn from(error: SrpError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<AttributeError> for Refusal {
    fn from(error: AttributeError) -> Self {
        Self::Attribute(error)
    }
}

impl From<PolicyViolation> for Refusal {
    fn from(violation: PolicyViolation) -> Self {
        Self::Password(violation)
    }
}
