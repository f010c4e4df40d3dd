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

    /// The error for a fault of Cenote's own: a few operations declare InternalServerException in place of
    /// InternalErrorException.
    pub fn internal_error(self) -> ErrorCode {
        let declared = self.errors().iter().find(|code| matches!(code, ErrorCode::InternalServer));
        declared.copied().unwrap_or(ErrorCode::InternalError)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_of_sdks() {
        let parsed = |text| parse(text).map(Target::action);
        assert_eq!(parsed("AWSCognitoIdentityProviderService.SignUp").unwrap(), "cognito-idp:SignUp");
        assert_eq!(parsed("AWSCognitoIdentityService.GetId").unwrap(), "cognito-identity:GetId");
        let old = "com.amazonaws.cognito.identity.model.AWSCognitoIdentityService.GetId";
        assert_eq!(parse(old).unwrap(), Target::Identity(identity::Operation::GetId));
        // The same name in two services.
        let tag = |service: &str| parse(&format!("{service}.TagResource")).unwrap();
        assert_eq!(tag("AWSCognitoIdentityProviderService").service(), Service::Idp);
        assert_eq!(tag("AWSCognitoIdentityService").service(), Service::Identity);
    }

    #[test]
    fn anything_else_is_unknown() {
        let targets = [
            "",
            ".",
            "SignUp",
            "AWSCognitoIdentityProviderService",
            "AWSCognitoIdentityProviderService.",
            "AWSCognitoIdentityProviderService.signUp",
            "AWSCognitoIdentityProviderService.SignUp ",
            "AWSCognitoIdentityService.SignUp",
            "awscognitoidentityproviderservice.SignUp",
            "DynamoDB_20120810.ListTables",
        ];
        for target in targets {
            assert_eq!(parse(target).unwrap_err(), ApiError::bare(ErrorCode::UnknownOperation), "{target}");
        }
    }

    #[test]
    fn the_model_has_these_many_operations() {
        assert_eq!(idp::Operation::ALL.len(), 141);
        assert_eq!(identity::Operation::ALL.len(), 23);
        assert_eq!(Target::all().count(), 164);
        for target in Target::all() {
            let prefix = target.service().target_prefixes().first().unwrap();
            assert_eq!(parse(&format!("{prefix}.{}", target.name())).unwrap(), target);
        }
    }

    #[test]
    fn internal_errors_are_declared_ones() {
        let undeclared: Vec<_> = Target::all()
            .filter(|target| !target.errors().contains(&target.internal_error()))
            .map(Target::name)
            .collect();
        assert!(undeclared.is_empty(), "{undeclared:?}");
        let secret = Target::Idp(idp::Operation::AddUserPoolClientSecret);
        assert_eq!(secret.internal_error(), ErrorCode::InternalServer);
    }

    #[test]
    fn credentials_of_each_class() {
        let names = |auth| Target::all().filter(|target| target.auth() == auth).map(Target::name).collect::<Vec<_>>();
        let public = [
            "ConfirmForgotPassword",
            "ConfirmSignUp",
            "ForgotPassword",
            "GetClientToken",
            "GetTokensFromRefreshToken",
            "InitiateAuth",
            "ResendConfirmationCode",
            "RespondToAuthChallenge",
            "RevokeToken",
            "SignUp",
            "GetCredentialsForIdentity",
            "GetId",
            "GetOpenIdToken",
            "UnlinkIdentity",
        ];
        assert_eq!(names(Auth::Public), public);
        assert_eq!(names(Auth::FeedbackToken), ["UpdateAuthEventFeedback"]);
        assert_eq!(names(Auth::AccessTokenOrSession), ["AssociateSoftwareToken", "VerifySoftwareToken"]);
        assert_eq!(names(Auth::SignedOrClient), ["GetDerivedToken"]);
        assert_eq!(names(Auth::AccessToken).len(), 22);
        assert!(names(Auth::Signed).iter().filter(|name| name.starts_with("Admin")).count() > 25);
    }
}
