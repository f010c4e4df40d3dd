//! How messages leave: `EmailConfiguration`, `SmsConfiguration`, and the settings that need one of them.
//!
//! Not checked, because the roles, identities and origination numbers live elsewhere: whether a role may be assumed,
//! whether it belongs to the account, whether an identity is verified (docs/decisions/0021-pool-settings.md).

use cenote_wire::ApiError;
use cenote_wire::idp::{
    AuthFactorType, EmailConfigurationType, EmailSendingAccountType, SmsConfigurationType, UserPoolMfaType,
    UserPoolType, VerifiedAttributeType,
};

use super::policies;
use crate::domain::schema::is_email;

/// `EmailConfiguration` with its default.
pub(super) fn complete_email(configuration: Option<EmailConfigurationType>) -> EmailConfigurationType {
    let mut configuration = configuration.unwrap_or_default();
    configuration.email_sending_account.get_or_insert(EmailSendingAccountType::CognitoDefault);
    configuration
}

/// Checks both configurations and what depends on them.
pub(super) fn check(pool: &UserPoolType) -> Result<(), ApiError> {
    if let Some(email) = &pool.email_configuration {
        check_email(email)?;
    }
    if let Some(sms) = &pool.sms_configuration {
        check_sms(sms)?;
    }
    let auto_verified = pool.auto_verified_attributes.as_deref().unwrap_or_default();
    if auto_verified.contains(&VerifiedAttributeType::PhoneNumber) && pool.sms_configuration.is_none() {
        return Err(ApiError::invalid_parameter(
            "SMS configuration is required when phone_number is selected for auto verification",
        ));
    }
    let before_update = pool
        .user_attribute_update_settings
        .as_ref()
        .and_then(|settings| settings.attributes_require_verification_before_update.as_deref())
        .unwrap_or_default();
    if before_update.iter().any(|attribute| !auto_verified.contains(attribute)) {
        return Err(ApiError::invalid_parameter(
            "All attributes in AttributesRequireVerificationBeforeUpdate must exist in AutoVerifiedAttributes",
        ));
    }
    Ok(())
}

fn check_email(email: &EmailConfigurationType) -> Result<(), ApiError> {
    let developer = email.email_sending_account == Some(EmailSendingAccountType::Developer);
    if developer && email.source_arn.is_none() {
        return Err(ApiError::invalid_parameter("Source ARN is required to use DEVELOPER email sending owner"));
    }
    if email.from.as_deref().is_some_and(|from| !is_sender(from)) {
        return Err(ApiError::invalid_parameter("Provided From email address is invalid"));
    }
    Ok(())
}

/// `a@b` or `Any name <a@b>`.
fn is_sender(text: &str) -> bool {
    if text.chars().any(char::is_control) {
        return false;
    }
    match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((name, address)) => !name.contains(['<', '>']) && is_email(address),
        None => is_email(text),
    }
}

fn check_sms(sms: &SmsConfigurationType) -> Result<(), ApiError> {
    let topic = sms.sns_caller_arn.as_deref().is_some_and(|arn| !arn.is_empty());
    match (topic, sms.eums_sms.is_some()) {
        (true, true) => {
            Err(ApiError::invalid_parameter("Only one of SnsCallerArn or EumsSms can be set in SmsConfiguration."))
        }
        (false, false) => Err(ApiError::invalid_parameter("SnsCallerArn or EumsSms is required in SmsConfiguration.")),
        _ => Ok(()),
    }
}

/// MFA can be turned on only where a factor can be delivered. Time-based codes and e-mail are factors that
/// SetUserPoolMfaConfig turns on: where MFA is on already there is one.
pub(super) fn check_mfa(current: &UserPoolType, new: &UserPoolType) -> Result<(), ApiError> {
    let is_on = |pool: &UserPoolType| !matches!(pool.mfa_configuration, None | Some(UserPoolMfaType::Off));
    if is_on(new) && !is_on(current) && new.sms_configuration.is_none() {
        return Err(ApiError::invalid_parameter(
            "SMS configuration and Auto verification for phone_number are required when MFA is required/optional",
        ));
    }
    let codes = [AuthFactorType::EmailOtp, AuthFactorType::SmsOtp];
    let code_first = policies::first_factors(new).iter().any(|factor| codes.contains(factor));
    if new.mfa_configuration == Some(UserPoolMfaType::On) && code_first {
        return Err(ApiError::invalid_parameter(
            "MFA cannot be required when EMAIL_OTP or SMS_OTP is one of the allowed first auth factors.",
        ));
    }
    Ok(())
}
