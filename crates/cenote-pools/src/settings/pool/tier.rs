//! `UserPoolTier`: which features need which tier.

use cenote_wire::ApiError;
use cenote_wire::idp::{
    AdvancedSecurityModeType, AuthFactorType, PreTokenGenerationLambdaVersionType, StatusType, UserPoolTierType,
    UserPoolType,
};

use super::{newest, policies};

/// Refuses features that the pool's tier lacks, all of them in one text.
pub(super) fn check(pool: &UserPoolType) -> Result<(), ApiError> {
    let tier = pool.user_pool_tier.as_ref().unwrap_or(&UserPoolTierType::Essentials);
    let mut features = Vec::new();
    if *tier == UserPoolTierType::Lite {
        features.extend(of_essentials(pool));
    }
    if *tier != UserPoolTierType::Plus && uses_threat_protection(pool) {
        features.push("Threat Protection".to_owned());
    }
    if features.is_empty() {
        return Ok(());
    }
    Err(ApiError::feature_unavailable_in_tier(format!(
        "The following features need to be disabled for the {tier} pricing tier configured: {}",
        features.join(", ")
    )))
}

/// The features in use that ESSENTIALS has and LITE has not.
fn of_essentials(pool: &UserPoolType) -> Vec<String> {
    let mut features = Vec::new();
    if policies::first_factors(pool).iter().any(|factor| *factor != AuthFactorType::Password) {
        features.push("Passwordless Sign-In".to_owned());
    }
    let version = pool
        .lambda_config
        .as_ref()
        .and_then(|config| config.pre_token_generation_config.as_ref())
        .and_then(|config| config.lambda_version.as_ref());
    if let Some(version) = version.filter(|version| **version != PreTokenGenerationLambdaVersionType::V1_0) {
        features.push(format!("Token Customization with Pre-Token Generation Lambda {version}"));
    }
    let history = pool
        .policies
        .as_ref()
        .and_then(|policies| policies.password_policy.as_ref())
        .and_then(|policy| policy.password_history_size);
    if history.is_some_and(|size| size > 0) {
        features.push("Password History".to_owned());
    }
    if pool.dcr_configuration.as_ref().is_some_and(|dcr| dcr.enable_status == Some(StatusType::Enabled)) {
        features.push("Dynamic Client Registration".to_owned());
    }
    if pool.acr_configuration.as_ref().is_some_and(newest::is_custom_acr) {
        features.push("Authentication Context Class Reference Configuration".to_owned());
    }
    features
}

fn uses_threat_protection(pool: &UserPoolType) -> bool {
    pool.user_pool_add_ons.as_ref().is_some_and(|add_ons| {
        let mode = add_ons.advanced_security_mode.as_ref();
        let flows = add_ons.advanced_security_additional_flows.as_ref();
        mode.is_some_and(|mode| *mode != AdvancedSecurityModeType::Off)
            || flows.is_some_and(|flows| flows.custom_auth_mode.is_some())
    })
}
