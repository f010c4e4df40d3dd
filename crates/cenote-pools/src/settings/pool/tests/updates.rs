use super::*;

#[test]
fn an_update_keeps_and_resets_what_cognito_keeps_and_resets() {
    let full = created(json!({
        "Policies": {"PasswordPolicy": {"MinimumLength": 12, "TemporaryPasswordValidityDays": 3},
            "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}},
        "DeletionProtection": "ACTIVE", "LambdaConfig": {"PreSignUp": arn("a")},
        "AutoVerifiedAttributes": ["email"], "AliasAttributes": ["email"],
        "SmsVerificationMessage": "s {####}", "SmsAuthenticationMessage": "a {####}",
        "MfaConfiguration": "OPTIONAL", "SmsConfiguration": sms(),
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
        "DeviceConfiguration": {}, "EmailConfiguration": {"ReplyToEmailAddress": "a@b"},
        "UserPoolTags": {"a": "b"}, "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true},
        "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}, "UserPoolTier": "PLUS",
        "UsernameConfiguration": {"CaseSensitive": false},
        "AccountRecoverySetting": {"RecoveryMechanisms": [{"Priority": 1, "Name": "admin_only"}]},
        "KeyConfiguration": {"KeyType": "AWS_OWNED_KEY"}, "IssuerConfiguration": {"Type": "UPDATED"},
        "DcrConfiguration": {}, "AcrConfiguration": {"Level1": {"AcrValue": "x"}},
        "Schema": [{"Name": "team"}]
    }));
    assert_eq!(
        full["DeviceConfiguration"],
        json!({"ChallengeRequiredOnNewDevice": false, "DeviceOnlyRememberedOnUserPrompt": false})
    );
    let after = updated(&full, json!({}));
    for kept in [
        "Policies",
        "DeletionProtection",
        "MfaConfiguration",
        "SmsConfiguration",
        "UserPoolTier",
        "SchemaAttributes",
        "AliasAttributes",
        "UsernameConfiguration",
        "KeyConfiguration",
        "IssuerConfiguration",
        "DcrConfiguration",
    ] {
        assert_eq!(after[kept], full[kept], "{kept}");
    }
    for gone in [
        "AutoVerifiedAttributes",
        "SmsVerificationMessage",
        "SmsAuthenticationMessage",
        "UserAttributeUpdateSettings",
        "DeviceConfiguration",
        "UserPoolAddOns",
        "AccountRecoverySetting",
    ] {
        assert!(full.get(gone).is_some() && after.get(gone).is_none(), "{gone}");
    }
    let defaults = created(json!({}));
    for reset in
        ["LambdaConfig", "VerificationMessageTemplate", "EmailConfiguration", "UserPoolTags", "AcrConfiguration"]
    {
        assert_ne!(full[reset], defaults[reset], "{reset}");
        assert_eq!(after[reset], defaults[reset], "{reset}");
    }
    assert_eq!(
        after["AdminCreateUserConfig"],
        json!({"AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 3}),
        "reset, but the days are the kept password policy's"
    );
}

#[test]
fn the_two_policies_are_kept_each_on_its_own() {
    let pool = created(json!({"Policies": {"PasswordPolicy": {"MinimumLength": 12},
        "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}}}));
    let passwords = updated(&pool, json!({"Policies": {"PasswordPolicy": {"MinimumLength": 20}}}));
    assert_eq!(passwords["Policies"]["PasswordPolicy"]["MinimumLength"], json!(20));
    assert_eq!(passwords["Policies"]["SignInPolicy"], pool["Policies"]["SignInPolicy"]);
    let sign_in = updated(&pool, json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}}}));
    assert_eq!(sign_in["Policies"]["PasswordPolicy"], pool["Policies"]["PasswordPolicy"]);
    assert_eq!(sign_in["Policies"]["SignInPolicy"]["AllowedFirstAuthFactors"], json!(["PASSWORD"]));
}

#[test]
fn mfa_without_sms_stays_on_once_another_factor_turned_it_on() {
    let mut pool = created(json!({}));
    assert!(update_pool(&pool, json!({"MfaConfiguration": "ON"})).is_err());
    // As SetUserPoolMfaConfig leaves it with a time-based code as the factor.
    pool["MfaConfiguration"] = json!("OPTIONAL");
    assert_eq!(updated(&pool, json!({}))["MfaConfiguration"], json!("OPTIONAL"));
    assert_eq!(updated(&pool, json!({"MfaConfiguration": "ON"}))["MfaConfiguration"], json!("ON"));
}

/// What rules read of a document that is stored.
fn parsed(settings: &Value) -> Pool {
    Pool::from_record(&cenote_store::records::pools::PoolRecord {
        pool_id: "eu-west-1_AbCdEfGhI".parse().unwrap(),
        account: "123456789012".parse().unwrap(),
        region: REGION.parse().unwrap(),
        name: "people".into(),
        issuer: "http://localhost:9400/eu-west-1_AbCdEfGhI".into(),
        settings: settings.to_string(),
        version: 1,
        created_at: cenote_base::Timestamp::from_secs(0),
        modified_at: cenote_base::Timestamp::from_secs(0),
    })
    .unwrap()
}

fn any_request() -> impl Strategy<Value = Value> {
    let factors = prop::sample::subsequence(vec!["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"], 1..=4);
    let verified = prop::sample::subsequence(vec!["email", "phone_number"], 0..=2);
    let mode = prop::sample::select(vec!["OFF", "OPTIONAL", "ON"]);
    let tier = prop::sample::select(vec!["LITE", "ESSENTIALS", "PLUS"]);
    let days = proptest::option::of(0..365);
    (factors, verified, mode, tier, days, any::<bool>(), 6..99).prop_map(
        |(factors, verified, mode, tier, days, with_sms, length)| {
            let mut request = json!({"Policies": {"PasswordPolicy": {"MinimumLength": length},
                "SignInPolicy": {"AllowedFirstAuthFactors": factors}}, "AutoVerifiedAttributes": verified,
                "MfaConfiguration": mode, "UserPoolTier": tier});
            if let Some(days) = days {
                request["AdminCreateUserConfig"] = json!({"UnusedAccountValidityDays": days});
            }
            if with_sms {
                request["SmsConfiguration"] = sms();
            }
            request
        },
    )
}

proptest! {
    #[test]
    fn what_is_accepted_can_be_read_and_sent_back(request in any_request()) {
        if let Ok(pool) = create_pool(request) {
            let shown = pool.to_json();
            let rules = parsed(&shown);
            prop_assert!(!rules.first_factors.is_empty() && rules.temporary_password_days > 0);
            // What Describe shows is what Update takes: an unchanged plan changes nothing.
            prop_assert_eq!(updated(&shown, shown.clone()), shown);
        }
    }

    #[test]
    fn kept_members_survive_any_update(request in any_request(), later in any_request()) {
        if let Ok(pool) = create_pool(request) {
            let shown = pool.to_json();
            if let Ok(after) = update_pool(&shown, later) {
                prop_assert_eq!(&after.to_json()["SchemaAttributes"], &shown["SchemaAttributes"]);
                if shown.get("SmsConfiguration").is_some() {
                    prop_assert!(after.sms_configuration.is_some(), "it cannot be cleared once set");
                }
            }
        }
    }
}
