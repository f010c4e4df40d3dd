//! The parts of a user pool's settings as types.

use serde::Deserialize;

/// A way to begin a sign-in (`AuthFactorType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FirstFactor {
    /// A password, plain or by SRP.
    Password,
    /// A code by e-mail.
    EmailOtp,
    /// A code by SMS.
    SmsOtp,
    /// A passkey.
    WebAuthn,
}

/// `MfaConfiguration`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MfaMode {
    /// Nobody is asked for a second factor.
    #[default]
    Off,
    /// Those who set one up are asked.
    Optional,
    /// Everybody is asked.
    On,
}

/// `UserPoolTier`, the pricing tier that decides which features may be configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Tier {
    /// Passwords, MFA by SMS and TOTP, custom challenges, federation.
    Lite,
    /// Adds managed login, first factors without password, MFA by e-mail, changes of access tokens, password history.
    #[default]
    Essentials,
    /// Adds threat protection.
    Plus,
}

/// How a user comes back who forgot the password (`RecoveryOptionNameType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryMechanism {
    /// A code to the verified e-mail address.
    VerifiedEmail,
    /// A code to the verified phone number.
    VerifiedPhoneNumber,
    /// Only an administrator can help.
    AdminOnly,
}

/// `DeviceConfiguration`: its presence alone turns tracking on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceTracking {
    /// MFA is asked on devices that are not remembered (`ChallengeRequiredOnNewDevice`).
    pub challenge_on_new_device: bool,
    /// A device is remembered only when the user says so (`DeviceOnlyRememberedOnUserPrompt`).
    pub only_when_user_agrees: bool,
}

/// `AdvancedSecurityMode`, ordered by strength.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AdvancedSecurity {
    /// No threat protection.
    #[default]
    Off,
    /// Risks are recorded.
    Audit,
    /// Risks are acted on.
    Enforced,
}

/// The event version of a pre token generation trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum PreTokenVersion {
    /// ID tokens only.
    #[serde(rename = "V1_0")]
    V1,
    /// ID and access tokens.
    #[serde(rename = "V2_0")]
    V2,
    /// Also tokens of the client credentials grant.
    #[serde(rename = "V3_0")]
    V3,
}

/// `PreTokenGenerationConfig`, or `PreTokenGeneration` as version 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreTokenGeneration {
    /// The function.
    pub arn: String,
    /// The version of its event.
    pub version: PreTokenVersion,
}

/// `CustomSMSSender` or `CustomEmailSender`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomSender {
    /// The function.
    pub arn: String,
}

/// `InboundFederation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundFederation {
    /// The function.
    pub arn: String,
}

/// `LambdaConfig`: which functions are called, by their ARNs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Triggers {
    /// `PreSignUp`.
    pub pre_sign_up: Option<String>,
    /// `CustomMessage`.
    pub custom_message: Option<String>,
    /// `PostConfirmation`.
    pub post_confirmation: Option<String>,
    /// `PreAuthentication`.
    pub pre_authentication: Option<String>,
    /// `PostAuthentication`.
    pub post_authentication: Option<String>,
    /// `DefineAuthChallenge`.
    pub define_auth_challenge: Option<String>,
    /// `CreateAuthChallenge`.
    pub create_auth_challenge: Option<String>,
    /// `VerifyAuthChallengeResponse`.
    pub verify_auth_challenge_response: Option<String>,
    /// `PreTokenGenerationConfig` or `PreTokenGeneration`.
    pub pre_token_generation: Option<PreTokenGeneration>,
    /// `UserMigration`.
    pub user_migration: Option<String>,
    /// `CustomSMSSender`.
    pub custom_sms_sender: Option<CustomSender>,
    /// `CustomEmailSender`.
    pub custom_email_sender: Option<CustomSender>,
    /// `InboundFederation`.
    pub inbound_federation: Option<InboundFederation>,
    /// `KMSKeyID`: the key that custom senders' codes are encrypted under.
    pub kms_key: Option<String>,
}

/// Whether the mail that verifies an address carries a code or a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EmailOption {
    /// A code to type in.
    #[default]
    ConfirmWithCode,
    /// A link to follow.
    ConfirmWithLink,
}

/// The pool's own texts; `None`: Cognito's default text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageTemplates {
    /// `VerificationMessageTemplate.DefaultEmailOption`.
    pub email_option: EmailOption,
    /// `VerificationMessageTemplate.SmsMessage`.
    pub verification_sms: Option<String>,
    /// `VerificationMessageTemplate.EmailMessage`.
    pub verification_email: Option<String>,
    /// `VerificationMessageTemplate.EmailSubject`.
    pub verification_email_subject: Option<String>,
    /// `VerificationMessageTemplate.EmailMessageByLink`.
    pub verification_email_by_link: Option<String>,
    /// `VerificationMessageTemplate.EmailSubjectByLink`.
    pub verification_email_subject_by_link: Option<String>,
    /// `SmsAuthenticationMessage`.
    pub authentication_sms: Option<String>,
    /// `AdminCreateUserConfig.InviteMessageTemplate.SMSMessage`.
    pub invitation_sms: Option<String>,
    /// `AdminCreateUserConfig.InviteMessageTemplate.EmailMessage`.
    pub invitation_email: Option<String>,
    /// `AdminCreateUserConfig.InviteMessageTemplate.EmailSubject`.
    pub invitation_email_subject: Option<String>,
}

/// `EmailConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmailSettings {
    /// `EmailSendingAccount` is `DEVELOPER`.
    pub developer: bool,
    /// `SourceArn`.
    pub source_arn: Option<String>,
    /// `From`.
    pub from: Option<String>,
    /// `ReplyToEmailAddress`.
    pub reply_to: Option<String>,
    /// `ConfigurationSet`.
    pub configuration_set: Option<String>,
}

/// `SmsConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SmsSettings {
    /// `SnsCallerArn`; absent where End User Messaging is used.
    pub caller_arn: Option<String>,
    /// `ExternalId`.
    pub external_id: Option<String>,
    /// `SnsRegion`.
    pub region: Option<String>,
}
