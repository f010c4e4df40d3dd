//! The settings of a user pool: CreateUserPool, UpdateUserPool (reference 02 §1–4, 08 §4, §7, §9, §12).

mod delivery;
mod lambda;
mod messages;
mod newest;
mod policies;
mod recovery;
mod schema;
mod tags;
#[cfg(test)]
mod tests;
mod tier;

use cenote_base::Region;
use cenote_wire::ApiError;
use cenote_wire::idp::{
    AdminCreateUserConfigType, CreateUserPoolRequest, DeletionProtectionType, DeviceConfigurationType,
    UpdateUserPoolRequest, UserPoolMfaType, UserPoolTierType, UserPoolType,
};

/// What a new pool is made of: the settings to be stored, without name, ids and dates.
///
/// # Errors
/// The refusal of CreateUserPool.
pub(crate) fn create(request: CreateUserPoolRequest, region: &Region) -> Result<UserPoolType, ApiError> {
    let alias_attributes = request.alias_attributes.clone().filter(|list| !list.is_empty());
    let username_attributes = request.username_attributes.clone().filter(|list| !list.is_empty());
    if alias_attributes.is_some() && username_attributes.is_some() {
        return Err(ApiError::invalid_parameter(
            "Only one of the aliasAttributes or usernameAttributes can be set in a User pool.",
        ));
    }
    let unchangeable = UserPoolType {
        schema_attributes: Some(schema::build(request.schema.as_deref().unwrap_or_default())?),
        username_configuration: request.username_configuration.clone(),
        alias_attributes,
        username_attributes,
        ..UserPoolType::default()
    };
    schema::check_aliases(&unchangeable)?;
    apply(&unchangeable, changeable(request), region)
}

/// The settings after UpdateUserPool: `current` are the stored ones.
///
/// # Errors
/// The refusal of UpdateUserPool.
pub(crate) fn update(
    current: &UserPoolType,
    request: UpdateUserPoolRequest,
    region: &Region,
) -> Result<UserPoolType, ApiError> {
    apply(current, request, region)
}

/// The members that a pool may change later, as UpdateUserPool takes them.
fn changeable(request: CreateUserPoolRequest) -> UpdateUserPoolRequest {
    UpdateUserPoolRequest {
        user_pool_id: None,
        policies: request.policies,
        deletion_protection: request.deletion_protection,
        lambda_config: request.lambda_config,
        auto_verified_attributes: request.auto_verified_attributes,
        sms_verification_message: request.sms_verification_message,
        email_verification_message: request.email_verification_message,
        email_verification_subject: request.email_verification_subject,
        verification_message_template: request.verification_message_template,
        sms_authentication_message: request.sms_authentication_message,
        user_attribute_update_settings: request.user_attribute_update_settings,
        mfa_configuration: request.mfa_configuration,
        device_configuration: request.device_configuration,
        email_configuration: request.email_configuration,
        sms_configuration: request.sms_configuration,
        user_pool_tags: request.user_pool_tags,
        admin_create_user_config: request.admin_create_user_config,
        user_pool_add_ons: request.user_pool_add_ons,
        dcr_configuration: request.dcr_configuration,
        account_recovery_setting: request.account_recovery_setting,
        pool_name: request.pool_name,
        user_pool_tier: request.user_pool_tier,
        key_configuration: request.key_configuration,
        issuer_configuration: request.issuer_configuration,
        acr_configuration: request.acr_configuration,
    }
}

/// Applies a request to the stored settings: every member that it leaves out is kept or reset as reference 02 §4 says,
/// every member is completed with Cognito's defaults, and the whole is checked.
fn apply(current: &UserPoolType, request: UpdateUserPoolRequest, region: &Region) -> Result<UserPoolType, ApiError> {
    let admin = request.admin_create_user_config;
    let unused_days = admin.as_ref().and_then(|config| config.unused_account_validity_days);
    let policies = policies::merge(current.policies.as_ref(), request.policies, unused_days)?;
    let texts = messages::mirror(messages::VerificationTexts {
        template: request.verification_message_template,
        sms_message: request.sms_verification_message,
        email_message: request.email_verification_message,
        email_subject: request.email_verification_subject,
    })?;
    let new = UserPoolType {
        // Immutable.
        schema_attributes: current.schema_attributes.clone(),
        username_configuration: current.username_configuration.clone(),
        alias_attributes: current.alias_attributes.clone(),
        username_attributes: current.username_attributes.clone(),
        // Kept where the request says nothing.
        deletion_protection: request
            .deletion_protection
            .or_else(|| current.deletion_protection.clone())
            .or(Some(DeletionProtectionType::Inactive)),
        mfa_configuration: request
            .mfa_configuration
            .clone()
            .or_else(|| current.mfa_configuration.clone())
            .or(Some(UserPoolMfaType::Off)),
        sms_configuration: request.sms_configuration.or_else(|| current.sms_configuration.clone()),
        user_pool_tier: request
            .user_pool_tier
            .or_else(|| current.user_pool_tier.clone())
            .or(Some(UserPoolTierType::Essentials)),
        dcr_configuration: request
            .dcr_configuration
            .map(newest::complete_dcr)
            .or_else(|| current.dcr_configuration.clone()),
        key_configuration: request.key_configuration.or_else(|| current.key_configuration.clone()),
        issuer_configuration: request.issuer_configuration.or_else(|| current.issuer_configuration.clone()),
        // Reset where the request says nothing.
        admin_create_user_config: Some(complete_admin_config(admin, policies::temporary_days(&policies))),
        policies: Some(policies),
        lambda_config: Some(lambda::complete(request.lambda_config, region)?),
        auto_verified_attributes: request.auto_verified_attributes.filter(|list| !list.is_empty()),
        email_configuration: Some(delivery::complete_email(request.email_configuration)),
        sms_verification_message: texts.sms_message,
        email_verification_message: texts.email_message,
        email_verification_subject: texts.email_subject,
        verification_message_template: texts.template,
        sms_authentication_message: request.sms_authentication_message,
        user_attribute_update_settings: request.user_attribute_update_settings,
        device_configuration: request.device_configuration.map(complete_devices),
        user_pool_tags: Some(request.user_pool_tags.unwrap_or_default()),
        user_pool_add_ons: request.user_pool_add_ons,
        account_recovery_setting: request
            .account_recovery_setting
            .filter(|setting| setting.recovery_mechanisms.as_ref().is_some_and(|list| !list.is_empty())),
        acr_configuration: Some(newest::effective_acr(request.acr_configuration)),
        ..UserPoolType::default()
    };
    check(current, &new)?;
    Ok(new)
}

/// Every rule that looks at the completed settings.
fn check(current: &UserPoolType, new: &UserPoolType) -> Result<(), ApiError> {
    policies::check(new)?;
    delivery::check(new)?;
    delivery::check_mfa(current, new)?;
    messages::check(new)?;
    recovery::check(new)?;
    tags::check(new)?;
    newest::check(new)?;
    tier::check(new)
}

fn complete_admin_config(config: Option<AdminCreateUserConfigType>, temporary_days: i32) -> AdminCreateUserConfigType {
    let config = config.unwrap_or_default();
    AdminCreateUserConfigType {
        allow_admin_create_user_only: Some(config.allow_admin_create_user_only.unwrap_or(false)),
        // The older name of TemporaryPasswordValidityDays: the two are one setting.
        unused_account_validity_days: Some(temporary_days),
        invite_message_template: config.invite_message_template,
    }
}

fn complete_devices(devices: DeviceConfigurationType) -> DeviceConfigurationType {
    DeviceConfigurationType {
        challenge_required_on_new_device: Some(devices.challenge_required_on_new_device.unwrap_or(false)),
        device_only_remembered_on_user_prompt: Some(devices.device_only_remembered_on_user_prompt.unwrap_or(false)),
    }
}
