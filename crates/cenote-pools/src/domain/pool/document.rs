//! Reading the stored document of a user pool. Only what rules read has a member here; the rest stays in the document.

use cenote_secrets::policy::PasswordPolicy;
use cenote_store::records::pools::PoolRecord;
use cenote_store::records::users::AliasKind;
use serde::{Deserialize, Deserializer};

use super::Pool;
use super::parts::{
    AdvancedSecurity, CustomSender, DeviceTracking, EmailOption, EmailSettings, FirstFactor, InboundFederation,
    MessageTemplates, MfaMode, PreTokenGeneration, PreTokenVersion, RecoveryMechanism, SmsSettings, Tier, Triggers,
};
use crate::domain::schema::{AttributeDocument, Schema, SchemaError};

/// The length that a policy without `MinimumLength` asks for.
const DEFAULT_MINIMUM_LENGTH: usize = 8;
/// The days that a temporary password works where none, or 0, is set.
const DEFAULT_TEMPORARY_PASSWORD_DAYS: u32 = 7;

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum DocumentError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("not a JSON object")]
    NotAnObject,
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Document {
    policies: Policies,
    deletion_protection: Switch,
    lambda_config: LambdaConfig,
    auto_verified_attributes: Vec<Alias>,
    alias_attributes: Vec<Alias>,
    username_attributes: Vec<Alias>,
    username_configuration: Option<UsernameConfiguration>,
    schema_attributes: Option<Vec<AttributeDocument>>,
    mfa_configuration: MfaMode,
    sms_configuration: Option<SmsConfiguration>,
    email_configuration: EmailConfiguration,
    verification_message_template: VerificationTemplate,
    sms_authentication_message: Option<String>,
    user_attribute_update_settings: UpdateSettings,
    device_configuration: Option<DeviceConfiguration>,
    admin_create_user_config: AdminCreateUserConfig,
    user_pool_add_ons: AddOns,
    account_recovery_setting: Recovery,
    user_pool_tier: Tier,
}

/// `ACTIVE` or `INACTIVE`.
#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Switch {
    Active,
    #[default]
    Inactive,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Policies {
    password_policy: Option<PasswordPolicyDocument>,
    sign_in_policy: Option<SignInPolicy>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PasswordPolicyDocument {
    minimum_length: Option<usize>,
    require_uppercase: bool,
    require_lowercase: bool,
    require_numbers: bool,
    require_symbols: bool,
    password_history_size: u32,
    temporary_password_validity_days: u32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SignInPolicy {
    allowed_first_auth_factors: Option<Vec<FirstFactor>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct LambdaConfig {
    pre_sign_up: Option<String>,
    custom_message: Option<String>,
    post_confirmation: Option<String>,
    pre_authentication: Option<String>,
    post_authentication: Option<String>,
    define_auth_challenge: Option<String>,
    create_auth_challenge: Option<String>,
    verify_auth_challenge_response: Option<String>,
    pre_token_generation: Option<String>,
    pre_token_generation_config: Option<PreTokenConfig>,
    user_migration: Option<String>,
    #[serde(rename = "CustomSMSSender")]
    custom_sms_sender: Option<VersionedLambda>,
    custom_email_sender: Option<VersionedLambda>,
    inbound_federation: Option<VersionedLambda>,
    #[serde(rename = "KMSKeyID")]
    kms_key_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PreTokenConfig {
    lambda_version: PreTokenVersion,
    lambda_arn: String,
}

/// The only version there is.
#[derive(Deserialize)]
enum SenderVersion {
    #[serde(rename = "V1_0")]
    V1,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VersionedLambda {
    // Read so that a version which this program does not know is refused.
    #[serde(rename = "LambdaVersion")]
    _version: SenderVersion,
    lambda_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UsernameConfiguration {
    case_sensitive: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SmsConfiguration {
    sns_caller_arn: Option<String>,
    external_id: Option<String>,
    sns_region: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EmailConfiguration {
    email_sending_account: Option<SendingAccount>,
    source_arn: Option<String>,
    from: Option<String>,
    reply_to_email_address: Option<String>,
    configuration_set: Option<String>,
}

#[derive(PartialEq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum SendingAccount {
    CognitoDefault,
    Developer,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct VerificationTemplate {
    default_email_option: EmailOption,
    sms_message: Option<String>,
    email_message: Option<String>,
    email_subject: Option<String>,
    email_message_by_link: Option<String>,
    email_subject_by_link: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct UpdateSettings {
    attributes_require_verification_before_update: Vec<Alias>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct DeviceConfiguration {
    challenge_required_on_new_device: bool,
    device_only_remembered_on_user_prompt: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct AdminCreateUserConfig {
    allow_admin_create_user_only: bool,
    invite_message_template: InviteTemplate,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct InviteTemplate {
    #[serde(rename = "SMSMessage")]
    sms_message: Option<String>,
    email_message: Option<String>,
    email_subject: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct AddOns {
    advanced_security_mode: AdvancedSecurity,
    advanced_security_additional_flows: AdditionalFlows,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct AdditionalFlows {
    custom_auth_mode: AdvancedSecurity,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Recovery {
    recovery_mechanisms: Vec<RecoveryOption>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RecoveryOption {
    priority: i64,
    name: RecoveryMechanism,
}

/// [`AliasKind`] by its attribute's name.
struct Alias(AliasKind);

impl<'de> Deserialize<'de> for Alias {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        [AliasKind::Email, AliasKind::PhoneNumber, AliasKind::PreferredUsername]
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("{name:?} is no attribute that signs in")))
    }
}

/// Parses the document of a stored pool.
pub(super) fn parse(record: &PoolRecord) -> Result<Pool, DocumentError> {
    let settings: serde_json::Value = serde_json::from_str(&record.settings)?;
    // serde would take an array for a structure.
    if !settings.is_object() {
        return Err(DocumentError::NotAnObject);
    }
    let document = Document::deserialize(&settings)?;
    let schema = match document.schema_attributes {
        Some(attributes) => Schema::from_documents(attributes)?,
        None => Schema::standard(),
    };
    let policy = document.policies.password_policy;
    Ok(Pool {
        id: record.pool_id.clone(),
        account: record.account.clone(),
        region: record.region.clone(),
        name: record.name.clone(),
        issuer: record.issuer.clone(),
        version: record.version,
        created_at: record.created_at,
        modified_at: record.modified_at,
        temporary_password_days: temporary_password_days(policy.as_ref()),
        password_history: policy.as_ref().map_or(0, |policy| policy.password_history_size),
        password_policy: password_policy(policy.as_ref()),
        first_factors: document
            .policies
            .sign_in_policy
            .and_then(|policy| policy.allowed_first_auth_factors)
            .unwrap_or_else(|| vec![FirstFactor::Password]),
        schema,
        auto_verified: kinds(document.auto_verified_attributes),
        alias_attributes: kinds(document.alias_attributes),
        username_attributes: kinds(document.username_attributes),
        case_sensitive: document.username_configuration.is_none_or(|names| names.case_sensitive),
        mfa: document.mfa_configuration,
        admin_create_only: document.admin_create_user_config.allow_admin_create_user_only,
        recovery: recovery(document.account_recovery_setting),
        verify_before_update: kinds(
            document.user_attribute_update_settings.attributes_require_verification_before_update,
        ),
        device_tracking: document.device_configuration.map(|devices| DeviceTracking {
            challenge_on_new_device: devices.challenge_required_on_new_device,
            only_when_user_agrees: devices.device_only_remembered_on_user_prompt,
        }),
        triggers: triggers(document.lambda_config),
        risk: document.user_pool_add_ons.advanced_security_mode,
        risk_custom_auth: document.user_pool_add_ons.advanced_security_additional_flows.custom_auth_mode,
        tier: document.user_pool_tier,
        deletion_protection: document.deletion_protection == Switch::Active,
        templates: templates(
            document.verification_message_template,
            document.sms_authentication_message,
            document.admin_create_user_config.invite_message_template,
        ),
        email: email(document.email_configuration),
        sms: document.sms_configuration.map(|sms| SmsSettings {
            caller_arn: sms.sns_caller_arn.filter(|arn| !arn.is_empty()),
            external_id: sms.external_id,
            region: sms.sns_region,
        }),
        settings,
    })
}

fn password_policy(policy: Option<&PasswordPolicyDocument>) -> PasswordPolicy {
    policy.map_or_else(PasswordPolicy::default, |policy| PasswordPolicy {
        minimum_length: policy.minimum_length.unwrap_or(DEFAULT_MINIMUM_LENGTH),
        require_uppercase: policy.require_uppercase,
        require_lowercase: policy.require_lowercase,
        require_numbers: policy.require_numbers,
        require_symbols: policy.require_symbols,
    })
}

fn temporary_password_days(policy: Option<&PasswordPolicyDocument>) -> u32 {
    policy
        .map(|policy| policy.temporary_password_validity_days)
        .filter(|days| *days > 0)
        .unwrap_or(DEFAULT_TEMPORARY_PASSWORD_DAYS)
}

fn kinds(aliases: Vec<Alias>) -> Vec<AliasKind> {
    aliases.into_iter().map(|alias| alias.0).collect()
}

fn recovery(setting: Recovery) -> Vec<RecoveryMechanism> {
    let mut mechanisms = setting.recovery_mechanisms;
    if mechanisms.is_empty() {
        return vec![RecoveryMechanism::VerifiedPhoneNumber, RecoveryMechanism::VerifiedEmail];
    }
    mechanisms.sort_by_key(|mechanism| mechanism.priority);
    mechanisms.into_iter().map(|mechanism| mechanism.name).collect()
}

fn triggers(config: LambdaConfig) -> Triggers {
    let pre_token_generation = config
        .pre_token_generation_config
        .map(|config| PreTokenGeneration { arn: config.lambda_arn, version: config.lambda_version })
        .or_else(|| config.pre_token_generation.map(|arn| PreTokenGeneration { arn, version: PreTokenVersion::V1 }));
    Triggers {
        pre_sign_up: config.pre_sign_up,
        custom_message: config.custom_message,
        post_confirmation: config.post_confirmation,
        pre_authentication: config.pre_authentication,
        post_authentication: config.post_authentication,
        define_auth_challenge: config.define_auth_challenge,
        create_auth_challenge: config.create_auth_challenge,
        verify_auth_challenge_response: config.verify_auth_challenge_response,
        pre_token_generation,
        user_migration: config.user_migration,
        custom_sms_sender: config.custom_sms_sender.map(|sender| CustomSender { arn: sender.lambda_arn }),
        custom_email_sender: config.custom_email_sender.map(|sender| CustomSender { arn: sender.lambda_arn }),
        inbound_federation: config.inbound_federation.map(|function| InboundFederation { arn: function.lambda_arn }),
        kms_key: config.kms_key_id,
    }
}

fn templates(
    verification: VerificationTemplate,
    authentication_sms: Option<String>,
    invitation: InviteTemplate,
) -> MessageTemplates {
    MessageTemplates {
        email_option: verification.default_email_option,
        verification_sms: verification.sms_message,
        verification_email: verification.email_message,
        verification_email_subject: verification.email_subject,
        verification_email_by_link: verification.email_message_by_link,
        verification_email_subject_by_link: verification.email_subject_by_link,
        authentication_sms,
        invitation_sms: invitation.sms_message,
        invitation_email: invitation.email_message,
        invitation_email_subject: invitation.email_subject,
    }
}

fn email(configuration: EmailConfiguration) -> EmailSettings {
    EmailSettings {
        developer: configuration.email_sending_account == Some(SendingAccount::Developer),
        source_arn: configuration.source_arn,
        from: configuration.from,
        reply_to: configuration.reply_to_email_address,
        configuration_set: configuration.configuration_set,
    }
}
