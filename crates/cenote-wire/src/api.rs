//! What an operation is, apart from its name: types, credentials, service.

use std::fmt;
use std::hash::Hash;

use crate::error::ErrorCode;
use crate::shape::Structure;
use crate::target::Target;
use crate::{identity, idp};

/// How the caller of an operation says who they are (reference 01 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Auth {
    /// By a SigV4 signature.
    Signed,
    /// Not at all, or by an app client's id and secret in the body. A signature is ignored.
    Public,
    /// By a user's access token in the body. A signature is ignored.
    AccessToken,
    /// By a user's access token or by the session of an unfinished sign-in: exactly one of them.
    AccessTokenOrSession,
    /// By a feedback token from a notification e-mail.
    FeedbackToken,
    /// By a signature, which is verified if there is one, or else by an app client's id and secret in the body.
    SignedOrClient,
}

/// A service on the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Amazon Cognito user pools, `cognito-idp`.
    Idp,
    /// Amazon Cognito identity pools, `cognito-identity`.
    Identity,
}

impl Service {
    /// Every service.
    pub const ALL: &'static [Self] = &[Self::Idp, Self::Identity];

    /// The name in the credential scope of a signature, and before the `:` of an IAM action.
    pub const fn signing_name(self) -> &'static str {
        match self {
            Self::Idp => "cognito-idp",
            Self::Identity => "cognito-identity",
        }
    }

    /// What stands before the `.` in `X-Amz-Target`; the first is the one that SDKs send.
    pub const fn target_prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Idp => &[idp::TARGET_PREFIX],
            Self::Identity => {
                &[identity::TARGET_PREFIX, "com.amazonaws.cognito.identity.model.AWSCognitoIdentityService"]
            }
        }
    }
}

/// The operations of one service.
pub trait ServiceOperation: Copy + Eq + Hash + fmt::Debug + Into<Target> + Send + Sync + 'static {
    /// Which service.
    const SERVICE: Service;

    /// The operation's name on the wire.
    fn name(self) -> &'static str;

    /// Who may call it, and how they say who they are.
    fn auth(self) -> Auth;

    /// The errors that the model declares for it.
    fn errors(self) -> &'static [ErrorCode];
}

/// An operation as a type.
pub trait Api: Copy + fmt::Debug + Send + Sync + 'static {
    /// What it takes.
    type Input: Structure;
    /// What it answers with; [`crate::Empty`] where the model names nothing.
    type Output: Structure;
    /// The service's operations.
    type Operation: ServiceOperation;
    /// Which of them it is.
    const OPERATION: Self::Operation;
}

/// Code that is run with an operation as a type, chosen at run time.
pub trait OperationVisitor {
    /// What it gives back.
    type Output;

    /// Runs it.
    fn visit<A: Api>(self) -> Self::Output;
}
