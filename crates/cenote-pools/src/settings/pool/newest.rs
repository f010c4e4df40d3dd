//! The newest members: `DcrConfiguration`, `KeyConfiguration`, `AcrConfiguration` (reference 08 §4.2, §7, §9).

use std::collections::{BTreeMap, BTreeSet};

use cenote_wire::ApiError;
use cenote_wire::idp::{
    AcrLevelConfigType, DcrConfigurationType, EncryptionKeyType, OAuthFlowType, StatusType, UserPoolType,
};

/// The authentication levels and the names they have unless a pool gives others.
const LEVELS: [(&str, &str); 4] = [
    ("Level1", "urn:cognito:loa:1"),
    ("Level2", "urn:cognito:loa:2"),
    ("Level3", "urn:cognito:loa:3"),
    ("Level4", "urn:cognito:loa:4"),
];

/// A given structure is replaced whole: what it leaves out goes to its default.
pub(super) fn complete_dcr(dcr: DcrConfigurationType) -> DcrConfigurationType {
    let authenticated = || vec![OAuthFlowType::Code, OAuthFlowType::ClientCredentials];
    DcrConfigurationType {
        enable_status: Some(dcr.enable_status.unwrap_or(StatusType::Enabled)),
        open_dcr_enabled: Some(dcr.open_dcr_enabled.unwrap_or(false)),
        authenticated_grant_types: Some(dcr.authenticated_grant_types.unwrap_or_else(authenticated)),
        open_dcr_grant_types: Some(dcr.open_dcr_grant_types.unwrap_or_else(|| vec![OAuthFlowType::Code])),
        allowed_scopes: Some(dcr.allowed_scopes.unwrap_or_default()),
    }
}

/// All four levels, the pool's own names over the defaults.
pub(super) fn effective_acr(
    requested: Option<BTreeMap<String, AcrLevelConfigType>>,
) -> BTreeMap<String, AcrLevelConfigType> {
    let level = |(key, name): (&str, &str)| (key.to_owned(), AcrLevelConfigType { acr_value: Some(name.to_owned()) });
    let mut levels: BTreeMap<_, _> = LEVELS.into_iter().map(level).collect();
    levels.extend(requested.unwrap_or_default());
    levels
}

/// Whether a pool has names of its own.
pub(super) fn is_custom_acr(levels: &BTreeMap<String, AcrLevelConfigType>) -> bool {
    *levels != effective_acr(None)
}

/// Names of levels are unique, and an own key has an ARN.
pub(super) fn check(pool: &UserPoolType) -> Result<(), ApiError> {
    if let Some(levels) = &pool.acr_configuration {
        let names: BTreeSet<_> = levels.values().map(|level| level.acr_value.as_deref()).collect();
        if names.len() < levels.len() {
            return Err(ApiError::invalid_parameter("AcrConfiguration cannot have duplicate AcrValues."));
        }
    }
    let own_key = |pool: &UserPoolType| {
        pool.key_configuration
            .as_ref()
            .is_some_and(|key| key.key_type == Some(EncryptionKeyType::CustomerManagedKey) && key.kms_key_arn.is_none())
    };
    if own_key(pool) {
        return Err(ApiError::invalid_parameter("KmsKeyArn is required when KeyType is CUSTOMER_MANAGED_KEY."));
    }
    Ok(())
}
