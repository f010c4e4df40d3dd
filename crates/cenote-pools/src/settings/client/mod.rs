//! The settings of an app client: CreateUserPoolClient, UpdateUserPoolClient (reference 02 §8, 08 §6, §7).

mod flows;
mod oauth;
mod permissions;
#[cfg(test)]
mod tests;
mod urls;
mod validity;

use cenote_wire::ApiError;
use cenote_wire::idp::{
    AnalyticsConfigurationType, CreateUserPoolClientRequest, UpdateUserPoolClientRequest, UserPoolClientType,
};

use crate::domain::pool::Pool;

/// The minutes that a challenge may be answered, unless the client says otherwise.
const DEFAULT_SESSION_MINUTES: i32 = 3;

/// What the settings depend on beside the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The pool of the client.
    pub(crate) pool: &'a Pool,
    /// Whether the client has a secret.
    pub(crate) confidential: bool,
    /// Whether the client registered itself (`ClientType` `DCR`).
    pub(crate) dynamic: bool,
    /// `creating` or `updating`: stands in two texts.
    verb: &'static str,
}

/// The settings of a new client: to be stored, without name, ids, dates and secrets.
///
/// # Errors
/// The refusal of CreateUserPoolClient.
pub(crate) fn create(
    request: CreateUserPoolClientRequest,
    pool: &Pool,
    confidential: bool,
) -> Result<UserPoolClientType, ApiError> {
    build(changeable(request), Subject { pool, confidential, dynamic: false, verb: "creating" })
}

/// The settings after UpdateUserPoolClient: what the request leaves out goes to its default.
///
/// # Errors
/// The refusal of UpdateUserPoolClient.
pub(crate) fn update(
    request: UpdateUserPoolClientRequest,
    pool: &Pool,
    confidential: bool,
    dynamic: bool,
) -> Result<UserPoolClientType, ApiError> {
    build(request, Subject { pool, confidential, dynamic, verb: "updating" })
}

/// The members that a client may change later, as UpdateUserPoolClient takes them.
fn changeable(request: CreateUserPoolClientRequest) -> UpdateUserPoolClientRequest {
    UpdateUserPoolClientRequest {
        user_pool_id: request.user_pool_id,
        client_id: None,
        client_name: request.client_name,
        refresh_token_validity: request.refresh_token_validity,
        access_token_validity: request.access_token_validity,
        id_token_validity: request.id_token_validity,
        token_validity_units: request.token_validity_units,
        read_attributes: request.read_attributes,
        write_attributes: request.write_attributes,
        explicit_auth_flows: request.explicit_auth_flows,
        supported_identity_providers: request.supported_identity_providers,
        callback_urls: request.callback_urls,
        logout_urls: request.logout_urls,
        default_redirect_uri: request.default_redirect_uri,
        allowed_oauth_flows: request.allowed_oauth_flows,
        allowed_oauth_scopes: request.allowed_oauth_scopes,
        allowed_oauth_flows_user_pool_client: request.allowed_oauth_flows_user_pool_client,
        analytics_configuration: request.analytics_configuration,
        prevent_user_existence_errors: request.prevent_user_existence_errors,
        enable_token_revocation: request.enable_token_revocation,
        enable_propagate_additional_user_context_data: request.enable_propagate_additional_user_context_data,
        auth_session_validity: request.auth_session_validity,
        refresh_token_rotation: request.refresh_token_rotation,
    }
}

/// Completes the settings with Cognito's defaults and checks them. Empty lists are the same as absent ones.
fn build(request: UpdateUserPoolClientRequest, subject: Subject<'_>) -> Result<UserPoolClientType, ApiError> {
    let refresh_unit = request.token_validity_units.as_ref().and_then(|units| units.refresh_token.clone());
    let new = UserPoolClientType {
        refresh_token_validity: Some(validity::refresh(request.refresh_token_validity, refresh_unit.as_ref())),
        access_token_validity: request.access_token_validity,
        id_token_validity: request.id_token_validity,
        token_validity_units: request.token_validity_units,
        read_attributes: filled(request.read_attributes),
        write_attributes: filled(request.write_attributes),
        explicit_auth_flows: filled(request.explicit_auth_flows),
        supported_identity_providers: filled(request.supported_identity_providers),
        callback_urls: filled(request.callback_urls),
        logout_urls: filled(request.logout_urls),
        default_redirect_uri: request.default_redirect_uri,
        allowed_oauth_flows: filled(request.allowed_oauth_flows),
        allowed_oauth_scopes: filled(request.allowed_oauth_scopes),
        allowed_oauth_flows_user_pool_client: Some(request.allowed_oauth_flows_user_pool_client.unwrap_or(false)),
        analytics_configuration: request.analytics_configuration,
        prevent_user_existence_errors: request.prevent_user_existence_errors,
        enable_token_revocation: Some(request.enable_token_revocation.unwrap_or(true)),
        enable_propagate_additional_user_context_data: Some(
            request.enable_propagate_additional_user_context_data.unwrap_or(false),
        ),
        auth_session_validity: Some(request.auth_session_validity.unwrap_or(DEFAULT_SESSION_MINUTES)),
        refresh_token_rotation: request.refresh_token_rotation,
        ..UserPoolClientType::default()
    };
    validity::check(&new)?;
    permissions::check(&new, subject)?;
    flows::check(&new, subject)?;
    oauth::check(&new, subject)?;
    urls::check(&new)?;
    check_context_data(&new, subject)?;
    check_analytics(new.analytics_configuration.as_ref())?;
    Ok(new)
}

fn filled<T>(list: Option<Vec<T>>) -> Option<Vec<T>> {
    list.filter(|list| !list.is_empty())
}

fn check_context_data(client: &UserPoolClientType, subject: Subject<'_>) -> Result<(), ApiError> {
    if client.enable_propagate_additional_user_context_data == Some(true) && !subject.confidential {
        return Err(ApiError::invalid_parameter(
            "Client Secret is required to set EnablePropagateAdditionalUserContextData as true",
        ));
    }
    Ok(())
}

/// Either an application's ARN, or its id with the role that may write to it.
fn check_analytics(analytics: Option<&AnalyticsConfigurationType>) -> Result<(), ApiError> {
    let Some(analytics) = analytics else { return Ok(()) };
    let by_id = [&analytics.application_id, &analytics.role_arn, &analytics.external_id];
    match (analytics.application_arn.is_some(), analytics.application_id.is_some()) {
        (true, true) => Err(ApiError::invalid_parameter(
            "Only one of ApplicationArn or ApplicationId can be set in AnalyticsConfiguration.",
        )),
        (true, false) => Ok(()),
        _ if by_id.iter().all(|part| part.is_some()) => Ok(()),
        _ => Err(ApiError::invalid_parameter(
            "AnalyticsConfiguration requires ApplicationArn, or ApplicationId with RoleArn and ExternalId.",
        )),
    }
}
