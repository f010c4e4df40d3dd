//! `X-Amz-Target`: which operation of which service is called.

use crate::api::{Auth, OperationVisitor, Service, ServiceOperation};
use crate::error::{ApiError, ErrorCode};
use crate::{identity, idp};

/// An operation of one of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// User pools.
    Idp(idp::Operation),
    /// Identity pools.
    Identity(identity::Operation),
}

impl Target {
    /// Every operation of every service.
    pub fn all() -> impl Iterator<Item = Self> {
        let idp = idp::Operation::ALL.iter().copied().map(Self::Idp);
        idp.chain(identity::Operation::ALL.iter().copied().map(Self::Identity))
    }

    /// The service.
    pub const fn service(self) -> Service {
        match self {
            Self::Idp(_) => idp::Operation::SERVICE,
            Self::Identity(_) => identity::Operation::SERVICE,
        }
    }

    /// The operation's name, `SignUp`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idp(operation) => operation.name(),
            Self::Identity(operation) => operation.name(),
        }
    }

    /// The IAM action, `cognito-idp:SignUp`.
    pub fn action(self) -> String {
        format!("{}:{}", self.service().signing_name(), self.name())
    }

    /// Who may call it, and how they say who they are.
    pub const fn auth(self) -> Auth {
        match self {
            Self::Idp(operation) => operation.auth(),
            Self::Identity(operation) => operation.auth(),
        }
    }

    /// The errors that the model declares for it. Errors of the front end come on top.
    pub const fn errors(self) -> &'static [ErrorCode] {
        match self {
            Self::Idp(operation) => operation.errors(),
            Self::Identity(operation) => operation.errors(),
        }
    }

    /// Calls the visitor with the operation as a type.
    pub fn visit<V: OperationVisitor>(self, visitor: V) -> V::Output {
        match self {
            Self::Idp(operation) => operation.visit(visitor),
            Self::Identity(operation) => operation.visit(visitor),
        }
    }
}

impl From<idp::Operation> for Target {
    fn from(operation: idp::Operation) -> Self {
        Self::Idp(operation)
    }
}

impl From<identity::Operation> for Target {
    fn from(operation: identity::Operation) -> Self {
        Self::Identity(operation)
    }
}

/// Parses the value of `X-Amz-Target`; a missing header is parsed as an empty text.
///
/// # Errors
///
/// UnknownOperationException, without a message, as AWS answers it.
pub fn parse(target: &str) -> Result<Target, ApiError> {
    let unknown = ApiError::bare(ErrorCode::UnknownOperation);
    let Some((prefix, name)) = target.rsplit_once('.') else {
        return Err(unknown);
    };
    let service = Service::ALL.iter().find(|service| service.target_prefixes().contains(&prefix));
    let target = match service {
        Some(Service::Idp) => idp::Operation::from_name(name).map(Target::Idp),
        Some(Service::Identity) => identity::Operation::from_name(name).map(Target::Identity),
        None => None,
    };
    target.ok_or(unknown)
}
