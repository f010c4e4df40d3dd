//! A user pool as the rules see it: its stored settings, parsed once.
//!
//! The stored document has Cognito's own member names (`UserPoolType` without ids and dates); what no rule reads yet stays
//! in [`Pool::settings`] and round-trips.

mod document;
mod parts;

use cenote_base::{AccountId, PoolId, Region, Timestamp};
use cenote_secrets::policy::PasswordPolicy;
use cenote_store::records::pools::PoolRecord;
use cenote_store::records::users::AliasKind;

pub use self::parts::{
    AdvancedSecurity, CustomSender, DeviceTracking, EmailOption, EmailSettings, FirstFactor, InboundFederation,
    MessageTemplates, MfaMode, PreTokenGeneration, PreTokenVersion, RecoveryMechanism, SmsSettings, Tier, Triggers,
};
use super::schema::Schema;

/// Stored settings that cannot be understood. The record is left alone and the operation fails: a setting that is skipped
/// might let someone in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the settings of {kind} {id} cannot be read: {reason}")]
pub struct SettingsError {
    /// `user pool` or `app client`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// What is wrong with them.
    pub reason: String,
}

/// A user pool. Built by [`Pool::from_record`], trusted after.
#[derive(Clone, Debug)]
pub struct Pool {
    /// The pool's id.
    pub id: PoolId,
    /// The account that owns it.
    pub account: AccountId,
    /// Its region.
    pub region: Region,
    /// Its name.
    pub name: String,
    /// What its tokens name as `iss`.
    pub issuer: String,
    /// The version of the record these settings were read at.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,

    /// `Policies.PasswordPolicy`, as far as it judges a single password.
    pub password_policy: PasswordPolicy,
    /// How many days a temporary password works; never 0.
    pub temporary_password_days: u32,
    /// How many earlier passwords may not come back; 0: no rule.
    pub password_history: u32,
    /// `Policies.SignInPolicy.AllowedFirstAuthFactors`.
    pub first_factors: Vec<FirstFactor>,
    /// The attributes that users may have.
    pub schema: Schema,
    /// `AutoVerifiedAttributes`.
    pub auto_verified: Vec<AliasKind>,
    /// `AliasAttributes`: beside the username, verified ones of these sign in.
    pub alias_attributes: Vec<AliasKind>,
    /// `UsernameAttributes`: one of these *is* the username.
    pub username_attributes: Vec<AliasKind>,
    /// Whether names are compared with their case.
    pub case_sensitive: bool,
    /// `MfaConfiguration`.
    pub mfa: MfaMode,
    /// `AdminCreateUserConfig.AllowAdminCreateUserOnly`.
    pub admin_create_only: bool,
    /// How a forgotten password comes back, the preferred first. Without a setting: verified phone number, then e-mail.
    pub recovery: Vec<RecoveryMechanism>,
    /// `UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate`.
    pub verify_before_update: Vec<AliasKind>,
    /// `DeviceConfiguration`; `None`: devices are not tracked.
    pub device_tracking: Option<DeviceTracking>,
    /// `LambdaConfig`.
    pub triggers: Triggers,
    /// `UserPoolAddOns.AdvancedSecurityMode`: for passwords.
    pub risk: AdvancedSecurity,
    /// `UserPoolAddOns.AdvancedSecurityAdditionalFlows.CustomAuthMode`: for custom challenges.
    pub risk_custom_auth: AdvancedSecurity,
    /// `UserPoolTier`.
    pub tier: Tier,
    /// Whether DeleteUserPool is refused.
    pub deletion_protection: bool,
    /// The texts of the pool's messages.
    pub templates: MessageTemplates,
    /// `EmailConfiguration`.
    pub email: EmailSettings,
    /// `SmsConfiguration`; `None`: the pool sends no SMS.
    pub sms: Option<SmsSettings>,

    /// The whole stored document.
    pub settings: serde_json::Value,
}

impl Pool {
    /// Parses a stored pool.
    ///
    /// # Errors
    /// When the stored document is no valid settings document: nobody but Cenote writes it, so that is an internal fault.
    pub fn from_record(record: &PoolRecord) -> Result<Self, SettingsError> {
        document::parse(record).map_err(|error| SettingsError {
            kind: "user pool",
            id: record.pool_id.to_string(),
            reason: error.to_string(),
        })
    }

    /// The form in which usernames are compared.
    pub fn username_key(&self, username: &str) -> String {
        if self.case_sensitive { username.to_owned() } else { fold(username) }
    }

    /// The form in which values of an alias are compared. Phone numbers have no case.
    pub fn alias_key(&self, kind: AliasKind, value: &str) -> String {
        match kind {
            AliasKind::PhoneNumber => value.to_owned(),
            AliasKind::Email | AliasKind::PreferredUsername => self.username_key(value),
        }
    }

    /// Whether the verified attribute `kind` signs a user in, or is the username itself.
    pub fn signs_in_with(&self, kind: AliasKind) -> bool {
        self.alias_attributes.contains(&kind) || self.username_attributes.contains(&kind)
    }
}

/// Case folding of names: the same function for storing and for looking up, so that a name always finds itself.
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(super) fn record(settings: &serde_json::Value) -> PoolRecord {
        PoolRecord {
            pool_id: "eu-west-1_AbCdEfGhI".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            name: "people".into(),
            issuer: "http://localhost:9400/eu-west-1_AbCdEfGhI".into(),
            settings: settings.to_string(),
            version: 3,
            created_at: Timestamp::from_secs(1),
            modified_at: Timestamp::from_secs(2),
        }
    }

    fn pool(settings: serde_json::Value) -> Pool {
        Pool::from_record(&record(&settings)).unwrap()
    }

    #[test]
    fn an_empty_document_means_cognitos_defaults() {
        let pool = pool(serde_json::json!({}));
        assert_eq!(pool.password_policy, PasswordPolicy::default());
        assert_eq!((pool.temporary_password_days, pool.password_history), (7, 0));
        assert_eq!(pool.first_factors, [FirstFactor::Password]);
        assert_eq!(pool.recovery, [RecoveryMechanism::VerifiedPhoneNumber, RecoveryMechanism::VerifiedEmail]);
        assert_eq!((pool.mfa, pool.tier), (MfaMode::Off, Tier::Essentials));
        assert!(pool.case_sensitive && !pool.admin_create_only && !pool.deletion_protection);
        assert_eq!((pool.risk, pool.risk_custom_auth), (AdvancedSecurity::Off, AdvancedSecurity::Off));
        assert_eq!(pool.schema.attributes().len(), 20);
        assert!(pool.device_tracking.is_none() && pool.sms.is_none());
        assert_eq!(pool.triggers, Triggers::default());
        assert_eq!(pool.templates.email_option, EmailOption::ConfirmWithCode);
    }

    #[test]
    fn a_given_password_policy_asks_only_what_it_names() {
        let pool = pool(serde_json::json!({"Policies": {"PasswordPolicy": {"RequireNumbers": true}}}));
        assert_eq!(
            pool.password_policy,
            PasswordPolicy {
                minimum_length: 8,
                require_uppercase: false,
                require_lowercase: false,
                require_numbers: true,
                require_symbols: false
            }
        );
    }

    #[test]
    fn every_member_that_rules_read_is_read() {
        let arn = |name: &str| format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}");
        let pool = pool(serde_json::json!({
            "Policies": {
                "PasswordPolicy": {"MinimumLength": 12, "RequireUppercase": true, "TemporaryPasswordValidityDays": 3,
                    "PasswordHistorySize": 5},
                "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"]}},
            "AutoVerifiedAttributes": ["phone_number", "email"],
            "AliasAttributes": ["email", "preferred_username"],
            "UsernameConfiguration": {"CaseSensitive": false},
            "MfaConfiguration": "OPTIONAL",
            "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true,
                "InviteMessageTemplate": {"SMSMessage": "{username} {####}", "EmailMessage": "m", "EmailSubject": "s"}},
            "AccountRecoverySetting": {"RecoveryMechanisms": [
                {"Priority": 2, "Name": "verified_phone_number"}, {"Priority": 1, "Name": "verified_email"}]},
            "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
            "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": true},
            "LambdaConfig": {"PreSignUp": arn("a"), "UserMigration": arn("b"), "KMSKeyID": "arn:k",
                "PreTokenGenerationConfig": {"LambdaVersion": "V2_0", "LambdaArn": arn("c")},
                "CustomSMSSender": {"LambdaVersion": "V1_0", "LambdaArn": arn("d")}},
            "UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED",
                "AdvancedSecurityAdditionalFlows": {"CustomAuthMode": "AUDIT"}},
            "UserPoolTier": "PLUS",
            "DeletionProtection": "ACTIVE",
            "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_LINK", "EmailMessageByLink": "{##x##}"},
            "SmsAuthenticationMessage": "auth {####}",
            "EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": "arn:s", "From": "a@b"},
            "SmsConfiguration": {"SnsCallerArn": "arn:r", "ExternalId": "e"}
        }));
        assert_eq!(pool.password_policy.minimum_length, 12);
        assert_eq!((pool.temporary_password_days, pool.password_history), (3, 5));
        assert_eq!(pool.first_factors.len(), 4);
        assert_eq!(pool.auto_verified, [AliasKind::PhoneNumber, AliasKind::Email]);
        assert_eq!(pool.alias_attributes, [AliasKind::Email, AliasKind::PreferredUsername]);
        assert!(pool.signs_in_with(AliasKind::Email) && !pool.signs_in_with(AliasKind::PhoneNumber));
        assert_eq!(pool.recovery, [RecoveryMechanism::VerifiedEmail, RecoveryMechanism::VerifiedPhoneNumber]);
        assert_eq!(pool.verify_before_update, [AliasKind::Email]);
        let devices = pool.device_tracking.unwrap();
        assert!(devices.challenge_on_new_device && !devices.only_when_user_agrees);
        assert_eq!(pool.triggers.pre_sign_up, Some(arn("a")));
        assert_eq!(pool.triggers.user_migration, Some(arn("b")));
        let pre_token = pool.triggers.pre_token_generation.unwrap();
        assert_eq!((pre_token.version, pre_token.arn), (PreTokenVersion::V2, arn("c")));
        assert_eq!(pool.triggers.custom_sms_sender.unwrap().arn, arn("d"));
        assert_eq!((pool.risk, pool.risk_custom_auth), (AdvancedSecurity::Enforced, AdvancedSecurity::Audit));
        assert_eq!((pool.mfa, pool.tier), (MfaMode::Optional, Tier::Plus));
        assert!(pool.admin_create_only && pool.deletion_protection && !pool.case_sensitive);
        assert_eq!(pool.templates.email_option, EmailOption::ConfirmWithLink);
        assert_eq!(pool.templates.verification_email_by_link.as_deref(), Some("{##x##}"));
        assert_eq!(pool.templates.invitation_sms.as_deref(), Some("{username} {####}"));
        assert_eq!(pool.templates.authentication_sms.as_deref(), Some("auth {####}"));
        assert!(pool.email.developer);
        assert_eq!(pool.sms.unwrap().caller_arn.as_deref(), Some("arn:r"));
    }

    #[test]
    fn the_older_trigger_member_counts_too() {
        let pool = pool(serde_json::json!({"LambdaConfig": {"PreTokenGeneration": "arn:x"}}));
        let trigger = pool.triggers.pre_token_generation.unwrap();
        assert_eq!((trigger.arn.as_str(), trigger.version), ("arn:x", PreTokenVersion::V1));
    }

    #[test]
    fn settings_that_are_not_understood_are_an_error_not_a_default() {
        for bad in [
            serde_json::json!({"MfaConfiguration": "SOMETIMES"}),
            serde_json::json!({"UserPoolTier": 7}),
            serde_json::json!({"AutoVerifiedAttributes": ["fax"]}),
            serde_json::json!([]),
        ] {
            let error = Pool::from_record(&record(&bad)).unwrap_err();
            assert_eq!((error.kind, error.id.as_str()), ("user pool", "eu-west-1_AbCdEfGhI"));
        }
    }

    #[test]
    fn names_are_folded_only_where_the_pool_ignores_case() {
        let sensitive = pool(serde_json::json!({"UsernameConfiguration": {"CaseSensitive": true}}));
        assert_eq!(sensitive.username_key("Alice"), "Alice");
        assert_eq!(sensitive.alias_key(AliasKind::Email, "A@B"), "A@B");
        let insensitive = pool(serde_json::json!({"UsernameConfiguration": {"CaseSensitive": false}}));
        assert_eq!(insensitive.username_key("ALICE"), "alice");
        assert_eq!(insensitive.alias_key(AliasKind::Email, "A@B"), "a@b");
        assert_eq!(insensitive.alias_key(AliasKind::PhoneNumber, "+1"), "+1");
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text: String) {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }

        #[test]
        fn any_stored_text_is_parsed_or_refused(text: String) {
            let mut bad = record(&serde_json::json!({}));
            bad.settings = text;
            let _ = Pool::from_record(&bad);
        }
    }
}
