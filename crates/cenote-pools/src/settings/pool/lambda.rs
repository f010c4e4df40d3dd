//! `LambdaConfig` (reference 02 §3). Whether a function exists shows when it is called.

use cenote_base::Region;
use cenote_wire::ApiError;
use cenote_wire::idp::{LambdaConfigType, PreTokenGenerationLambdaVersionType, PreTokenGenerationVersionConfigType};

/// Checks the triggers and shows the pre token generation trigger under both of its names.
pub(super) fn complete(config: Option<LambdaConfigType>, region: &Region) -> Result<LambdaConfigType, ApiError> {
    let mut config = config.unwrap_or_default();
    let versioned = config.pre_token_generation_config.clone();
    match (config.pre_token_generation.clone(), versioned.and_then(|versioned| versioned.lambda_arn)) {
        (Some(arn), Some(versioned)) if arn != versioned => {
            return Err(ApiError::invalid_parameter(
                "Cannot use PreTokenGenerationLambda and PreTokenGeneration with different Lambda function ARN's",
            ));
        }
        (Some(arn), None) => {
            config.pre_token_generation_config = Some(PreTokenGenerationVersionConfigType {
                lambda_version: Some(PreTokenGenerationLambdaVersionType::V1_0),
                lambda_arn: Some(arn),
            });
        }
        (None, versioned) => config.pre_token_generation = versioned,
        (Some(_), Some(_)) => {}
    }
    if (config.custom_sms_sender.is_some() || config.custom_email_sender.is_some()) && config.kms_key_id.is_none() {
        return Err(ApiError::invalid_parameter(
            "KMSKeyId parameter is required when Custom SMS/Email Lambda trigger is used.",
        ));
    }
    if functions(&config).into_iter().flatten().any(|arn| is_elsewhere(arn, region)) {
        return Err(ApiError::invalid_parameter("Cross-region lambda functions are not supported"));
    }
    Ok(config)
}

/// The ARNs of all functions.
fn functions(config: &LambdaConfigType) -> [Option<&String>; 14] {
    [
        config.pre_sign_up.as_ref(),
        config.custom_message.as_ref(),
        config.post_confirmation.as_ref(),
        config.pre_authentication.as_ref(),
        config.post_authentication.as_ref(),
        config.define_auth_challenge.as_ref(),
        config.create_auth_challenge.as_ref(),
        config.verify_auth_challenge_response.as_ref(),
        config.pre_token_generation.as_ref(),
        config.user_migration.as_ref(),
        config.pre_token_generation_config.as_ref().and_then(|config| config.lambda_arn.as_ref()),
        config.custom_sms_sender.as_ref().and_then(|sender| sender.lambda_arn.as_ref()),
        config.custom_email_sender.as_ref().and_then(|sender| sender.lambda_arn.as_ref()),
        config.inbound_federation.as_ref().and_then(|function| function.lambda_arn.as_ref()),
    ]
}

/// Whether the ARN names another region.
fn is_elsewhere(arn: &str, region: &Region) -> bool {
    arn.split(':').nth(3).is_some_and(|named| !named.is_empty() && named != region.as_str())
}
