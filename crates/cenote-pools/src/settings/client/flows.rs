//! `ExplicitAuthFlows` and `RefreshTokenRotation`.

use cenote_wire::ApiError;
use cenote_wire::idp::{ExplicitAuthFlowsType, FeatureType, UserPoolClientType};

use super::Subject;
use crate::domain::pool::Tier;

pub(super) fn check(client: &UserPoolClientType, subject: Subject<'_>) -> Result<(), ApiError> {
    let flows = client.explicit_auth_flows.as_deref().unwrap_or_default();
    let allow = |flow: &ExplicitAuthFlowsType| flow.as_str().starts_with("ALLOW_");
    if flows.iter().any(allow) && !flows.iter().all(allow) {
        return Err(ApiError::invalid_parameter(
            "Auth flow name with prefix 'ALLOW' cannot be used with legacy auth flow names.",
        ));
    }
    if flows.contains(&ExplicitAuthFlowsType::AllowClientTokenAuth) {
        check_client_token(flows, subject)?;
    }
    if subject.pool.tier == Tier::Lite && flows.contains(&ExplicitAuthFlowsType::AllowUserAuth) {
        return Err(ApiError::feature_unavailable_in_tier(
            "The following feature is not available for the LITE pricing tier configured: Choice-Based Sign-In",
        ));
    }
    let rotates =
        client.refresh_token_rotation.as_ref().is_some_and(|rotation| rotation.feature == Some(FeatureType::Enabled));
    if rotates && flows.contains(&ExplicitAuthFlowsType::AllowRefreshTokenAuth) {
        return Err(ApiError::invalid_parameter(
            "ALLOW_REFRESH_TOKEN_AUTH cannot be used when refresh token rotation is enabled.",
        ));
    }
    Ok(())
}

/// A client that gets tokens for itself serves no users, and proves itself by its secret.
fn check_client_token(flows: &[ExplicitAuthFlowsType], subject: Subject<'_>) -> Result<(), ApiError> {
    if flows.iter().any(|flow| *flow != ExplicitAuthFlowsType::AllowClientTokenAuth) {
        return Err(ApiError::invalid_parameter("ALLOW_CLIENT_TOKEN_AUTH cannot be used with other auth flow names."));
    }
    if !subject.confidential {
        return Err(ApiError::invalid_parameter("Client Secret is required to use ALLOW_CLIENT_TOKEN_AUTH."));
    }
    Ok(())
}
