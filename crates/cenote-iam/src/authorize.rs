//! May this caller do this? Root may do everything; until policies exist nobody else may do anything.

use crate::{Principal, PrincipalKind};

/// The caller may not: `AccessDeniedException` with this message (reference 13 §8, row 13).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Denied {
    /// AWS's text, which names the caller, the action and the resource.
    pub message: String,
}

/// Decides whether `principal` may do `action` (`cognito-idp:ListUsers`) on `resource` (an ARN, or `*`).
pub fn authorize(principal: &Principal, action: &str, resource: &str) -> Result<(), Denied> {
    match principal.kind {
        PrincipalKind::Root => Ok(()),
        PrincipalKind::User | PrincipalKind::AssumedRole => Err(Denied {
            message: format!(
                "User: {} is not authorized to perform: {action} on resource: {resource} \
                 because no identity-based policy allows the {action} action",
                principal.arn
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(kind: PrincipalKind) -> Principal {
        Principal {
            account: "123456789012".parse().unwrap(),
            arn: "arn:aws:iam::123456789012:user/alice".parse().unwrap(),
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            kind,
        }
    }

    #[test]
    fn root_may_and_everyone_else_is_told_what_they_may_not() {
        let pool = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_AbCdEfGhI";
        assert_eq!(authorize(&principal(PrincipalKind::Root), "cognito-idp:ListUsers", pool), Ok(()));
        for kind in [PrincipalKind::User, PrincipalKind::AssumedRole] {
            assert_eq!(
                authorize(&principal(kind), "cognito-idp:ListUsers", pool).unwrap_err().to_string(),
                "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: cognito-idp:ListUsers on \
                 resource: arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_AbCdEfGhI because no \
                 identity-based policy allows the cognito-idp:ListUsers action"
            );
        }
    }
}
