//! OAuth flows, scopes and identity providers of a client (reference 02 §8, "OAuth checks").
//!
//! Resource servers and identity providers cannot be made yet, so their scopes and names do not exist.

use cenote_wire::ApiError;
use cenote_wire::idp::{OAuthFlowType, UserPoolClientType};

use super::Subject;

/// The scopes that every pool has.
const STANDARD_SCOPES: [&str; 5] = ["phone", "email", "openid", "profile", "aws.cognito.signin.user.admin"];
/// The system's scope that lets a client register others (reference 08 §7).
const REGISTRATION_SCOPE: &str = "aws.cognito/dcr/register";
/// The pool itself as an identity provider.
const OWN_PROVIDER: &str = "COGNITO";

pub(super) fn check(client: &UserPoolClientType, subject: Subject<'_>) -> Result<(), ApiError> {
    let providers = client.supported_identity_providers.as_deref().unwrap_or_default();
    if let Some(unknown) = providers.iter().find(|name| *name != OWN_PROVIDER) {
        return Err(ApiError::invalid_parameter(format!(
            "The provider {unknown} does not exist for User Pool {}.",
            subject.pool.id
        )));
    }
    let flows = client.allowed_oauth_flows.as_deref().unwrap_or_default();
    let scopes = client.allowed_oauth_scopes.as_deref().unwrap_or_default();
    if client.allowed_oauth_flows_user_pool_client == Some(true) && (flows.is_empty() || scopes.is_empty()) {
        return Err(ApiError::invalid_parameter(
            "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows.",
        ));
    }
    check_scopes(scopes, subject)?;
    check_flows(client, flows, scopes, subject)
}

fn check_scopes(scopes: &[String], subject: Subject<'_>) -> Result<(), ApiError> {
    let exists = |scope: &String| STANDARD_SCOPES.contains(&scope.as_str()) || scope == REGISTRATION_SCOPE;
    // A client that registered itself can never register others.
    let forbidden = |scope: &String| subject.dynamic && scope == REGISTRATION_SCOPE;
    match scopes.iter().find(|scope| !exists(scope) || forbidden(scope)) {
        Some(scope) => Err(ApiError::scope_does_not_exist(format!("Invalid scope requested: {scope}"))),
        None => Ok(()),
    }
}

fn check_flows(
    client: &UserPoolClientType,
    flows: &[OAuthFlowType],
    scopes: &[String],
    subject: Subject<'_>,
) -> Result<(), ApiError> {
    let of_users = flows.iter().any(|flow| *flow != OAuthFlowType::ClientCredentials);
    if flows.contains(&OAuthFlowType::ClientCredentials) {
        if of_users {
            return Err(ApiError::invalid_oauth_flow(
                "client_credentials flow can not be selected along with code flow or implicit flow.",
            ));
        }
        if !subject.confidential {
            return Err(ApiError::invalid_oauth_flow(
                "client_credentials flow can not be selected if client does not have a client secret.",
            ));
        }
        if scopes.iter().any(|scope| STANDARD_SCOPES.contains(&scope.as_str())) {
            return Err(ApiError::invalid_oauth_flow(
                "client_credentials flow can not be selected with scopes other than those of resource servers.",
            ));
        }
    }
    if of_users && client.callback_urls.is_none() {
        return Err(ApiError::invalid_parameter(
            "CallbackUrls can not be empty when code flow or implicit flow is selected",
        ));
    }
    Ok(())
}
