//! `AccountRecoverySetting`.

use cenote_wire::ApiError;
use cenote_wire::idp::{RecoveryOptionNameType, RecoveryOptionType, UserPoolType};

pub(super) fn check(pool: &UserPoolType) -> Result<(), ApiError> {
    let mechanisms = pool
        .account_recovery_setting
        .as_ref()
        .and_then(|setting| setting.recovery_mechanisms.as_deref())
        .unwrap_or_default();
    let admin_only = |mechanism: &RecoveryOptionType| mechanism.name == Some(RecoveryOptionNameType::AdminOnly);
    if mechanisms.len() > 1 && mechanisms.iter().any(admin_only) {
        return Err(ApiError::invalid_parameter(
            "Account Recovery Setting cannot use admin_only setting with any other recovery mechanisms.",
        ));
    }
    let twice = |index: usize, mechanism: &RecoveryOptionType| {
        mechanisms
            .iter()
            .skip(index.saturating_add(1))
            .any(|other| other.name == mechanism.name || other.priority == mechanism.priority)
    };
    if mechanisms.iter().enumerate().any(|(index, mechanism)| twice(index, mechanism)) {
        return Err(ApiError::invalid_parameter(
            "Account Recovery Setting cannot have duplicate priorities or recovery mechanisms.",
        ));
    }
    Ok(())
}
