mod schema;
mod updates;

use cenote_wire::idp::{CreateUserPoolRequest, UpdateUserPoolRequest, UserPoolType};
use cenote_wire::{ApiError, Shape};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::pool::Pool;

const REGION: &str = "eu-west-1";

fn create_pool(mut request: Value) -> Result<UserPoolType, ApiError> {
    request["PoolName"] = json!("people");
    let request = CreateUserPoolRequest::from_json(request).unwrap();
    create(request, &REGION.parse().unwrap())
}

fn created(request: Value) -> Value {
    create_pool(request).unwrap().to_json()
}

fn refused(request: Value) -> String {
    create_pool(request).unwrap_err().to_string()
}

fn update_pool(current: &Value, request: Value) -> Result<UserPoolType, ApiError> {
    let current = UserPoolType::from_json(current.clone()).unwrap();
    update(&current, UpdateUserPoolRequest::from_json(request).unwrap(), &REGION.parse().unwrap())
}

fn updated(current: &Value, request: Value) -> Value {
    update_pool(current, request).unwrap().to_json()
}

fn invalid(text: &str) -> String {
    format!("InvalidParameterException: {text}")
}

fn arn(function: &str) -> String {
    format!("arn:aws:lambda:{REGION}:123456789012:function:{function}")
}

fn sms() -> Value {
    json!({"SnsCallerArn": "arn:aws:iam::123456789012:role/sms", "ExternalId": "x"})
}

#[test]
fn the_defaults_of_an_empty_request() {
    let mut pool = created(json!({}));
    let schema = pool.as_object_mut().unwrap().remove("SchemaAttributes").unwrap();
    assert_eq!(
        pool,
        json!({
            "Policies": {
                "PasswordPolicy": {"MinimumLength": 8, "RequireUppercase": true, "RequireLowercase": true,
                    "RequireNumbers": true, "RequireSymbols": true, "TemporaryPasswordValidityDays": 7},
                "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}},
            "DeletionProtection": "INACTIVE",
            "LambdaConfig": {},
            "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE"},
            "MfaConfiguration": "OFF",
            "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
            "UserPoolTags": {},
            "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 7},
            "UserPoolTier": "ESSENTIALS",
            "AcrConfiguration": {
                "Level1": {"AcrValue": "urn:cognito:loa:1"}, "Level2": {"AcrValue": "urn:cognito:loa:2"},
                "Level3": {"AcrValue": "urn:cognito:loa:3"}, "Level4": {"AcrValue": "urn:cognito:loa:4"}}
        })
    );
    let names: Vec<_> =
        schema.as_array().unwrap().iter().map(|attribute| attribute["Name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "sub",
            "name",
            "given_name",
            "family_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "email",
            "email_verified",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "phone_number",
            "phone_number_verified",
            "address",
            "updated_at"
        ]
    );
    assert_eq!(
        schema[10],
        json!({"Name": "email", "AttributeDataType": "String", "DeveloperOnlyAttribute": false, "Mutable": true,
            "Required": false, "StringAttributeConstraints": {"MinLength": "0", "MaxLength": "2048"}})
    );
}

#[test]
fn a_password_policy_that_is_sent_asks_only_what_it_names() {
    let pool = created(json!({"Policies": {"PasswordPolicy": {"RequireNumbers": true, "PasswordHistorySize": 3}}}));
    assert_eq!(
        pool["Policies"]["PasswordPolicy"],
        json!({"MinimumLength": 8, "RequireUppercase": false, "RequireLowercase": false, "RequireNumbers": true,
            "RequireSymbols": false, "PasswordHistorySize": 3, "TemporaryPasswordValidityDays": 7})
    );
}

#[test]
fn the_days_of_a_temporary_password_have_two_names() {
    let days = |policy: Value, admin: Value| {
        let pool = created(json!({"Policies": {"PasswordPolicy": policy}, "AdminCreateUserConfig": admin}));
        (
            pool["Policies"]["PasswordPolicy"]["TemporaryPasswordValidityDays"].as_i64().unwrap(),
            pool["AdminCreateUserConfig"]["UnusedAccountValidityDays"].as_i64().unwrap(),
        )
    };
    assert_eq!(days(json!({}), json!({})), (7, 7));
    assert_eq!(days(json!({"TemporaryPasswordValidityDays": 0}), json!({})), (7, 7));
    assert_eq!(days(json!({"TemporaryPasswordValidityDays": 3}), json!({})), (3, 3));
    assert_eq!(days(json!({}), json!({"UnusedAccountValidityDays": 9})), (9, 9));
    let same = json!({"UnusedAccountValidityDays": 3});
    assert_eq!(days(json!({"TemporaryPasswordValidityDays": 3}), same), (3, 3));
    assert_eq!(
        refused(json!({"Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 3}},
            "AdminCreateUserConfig": {"UnusedAccountValidityDays": 4}})),
        invalid("Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays")
    );
}

#[test]
fn first_factors() {
    let factors = |list: Value| json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": list}}});
    let all = json!(["WEB_AUTHN", "PASSWORD", "EMAIL_OTP", "SMS_OTP"]);
    assert_eq!(created(factors(all.clone()))["Policies"]["SignInPolicy"]["AllowedFirstAuthFactors"], all);
    assert_eq!(
        refused(factors(json!(["EMAIL_OTP"]))),
        invalid("Password should be configured as one of the allowed first auth factors.")
    );
    assert!(refused(factors(json!(["PASSWORD", "SOFTWARE_TOKEN"]))).starts_with("InvalidParameterException: SOFTWARE"));
    let mut lite = factors(all);
    lite["UserPoolTier"] = json!("LITE");
    assert_eq!(
        refused(lite),
        "FeatureUnavailableInTierException: The following features need to be disabled for the LITE pricing tier \
         configured: Passwordless Sign-In"
    );
}

#[test]
fn aliases_and_username_attributes_exclude_each_other() {
    assert_eq!(
        refused(json!({"AliasAttributes": ["email"], "UsernameAttributes": ["email"]})),
        invalid("Only one of the aliasAttributes or usernameAttributes can be set in a User pool.")
    );
    let pool = created(json!({"AliasAttributes": ["email", "preferred_username"], "UsernameAttributes": []}));
    assert_eq!(pool["AliasAttributes"], json!(["email", "preferred_username"]));
    assert!(pool.get("UsernameAttributes").is_none());
    let required = json!({"AliasAttributes": ["preferred_username"],
        "Schema": [{"Name": "preferred_username", "Required": true}]});
    assert!(refused(required).contains("preferred_username cannot be a required attribute"));
}

#[test]
fn phone_numbers_need_a_way_to_send() {
    assert_eq!(
        refused(json!({"AutoVerifiedAttributes": ["phone_number"]})),
        invalid("SMS configuration is required when phone_number is selected for auto verification")
    );
    let pool = created(json!({"AutoVerifiedAttributes": ["phone_number", "email"], "SmsConfiguration": sms()}));
    assert_eq!(pool["AutoVerifiedAttributes"], json!(["phone_number", "email"]));
    assert_eq!(pool["SmsConfiguration"], sms());
    for mode in ["ON", "OPTIONAL"] {
        assert_eq!(
            refused(json!({"MfaConfiguration": mode})),
            invalid(
                "SMS configuration and Auto verification for phone_number are required when MFA is required/optional"
            )
        );
        assert_eq!(
            created(json!({"MfaConfiguration": mode, "SmsConfiguration": sms()}))["MfaConfiguration"],
            json!(mode)
        );
    }
    for bad in [json!({}), json!({"SnsCallerArn": ""})] {
        assert!(refused(json!({"SmsConfiguration": bad})).contains("SnsCallerArn or EumsSms is required"));
    }
    let role = "arn:aws:iam::123456789012:role/sms";
    assert!(
        refused(json!({"SmsConfiguration": {"SnsCallerArn": role, "EumsSms": {"CallerArn": role}}}))
            .contains("Only one")
    );
    created(json!({"SmsConfiguration": {"SnsCallerArn": "", "EumsSms": {"CallerArn": role}}}));
}

#[test]
fn required_mfa_and_codes_as_first_factors_exclude_each_other() {
    let pool = |mode: &str| {
        json!({"MfaConfiguration": mode, "SmsConfiguration": sms(),
            "Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "SMS_OTP"]}}})
    };
    assert!(refused(pool("ON")).contains("MFA cannot be required"));
    created(pool("OPTIONAL"));
}

#[test]
fn email_configuration() {
    let email = |configuration: Value| json!({"EmailConfiguration": configuration});
    assert_eq!(
        refused(email(json!({"EmailSendingAccount": "DEVELOPER"}))),
        invalid("Source ARN is required to use DEVELOPER email sending owner")
    );
    let arn = "arn:aws:ses:eu-west-1:123456789012:identity/a@b";
    for from in ["a@example.com", "Support <a@example.com>", "\"The Shop, Inc.\" <a@example.com>"] {
        let given =
            json!({"EmailSendingAccount": "DEVELOPER", "SourceArn": arn, "From": from, "ConfigurationSet": "s"});
        assert_eq!(created(email(given.clone()))["EmailConfiguration"], given);
    }
    for from in ["nobody", "Support <nobody>", "<a@b> <c@d>", "a@b\r\nBcc: c@d", "X\n<a@b>"] {
        assert_eq!(refused(email(json!({"From": from}))), invalid("Provided From email address is invalid"), "{from}");
    }
    let reply = created(email(json!({"ReplyToEmailAddress": "a@b"})));
    assert_eq!(
        reply["EmailConfiguration"],
        json!({"ReplyToEmailAddress": "a@b", "EmailSendingAccount": "COGNITO_DEFAULT"})
    );
}

#[test]
fn verification_texts_are_shown_under_both_names() {
    let newer = created(json!({"VerificationMessageTemplate": {"SmsMessage": "s {####}", "EmailMessage": "e {####}",
        "EmailSubject": "t", "EmailMessageByLink": "{##x##}", "DefaultEmailOption": "CONFIRM_WITH_LINK"}}));
    let older = created(json!({"SmsVerificationMessage": "s {####}", "EmailVerificationMessage": "e {####}",
        "EmailVerificationSubject": "t"}));
    for pool in [&newer, &older] {
        assert_eq!(pool["SmsVerificationMessage"], json!("s {####}"));
        assert_eq!(pool["EmailVerificationMessage"], json!("e {####}"));
        assert_eq!(pool["EmailVerificationSubject"], json!("t"));
        assert_eq!(pool["VerificationMessageTemplate"]["SmsMessage"], json!("s {####}"));
        assert_eq!(pool["VerificationMessageTemplate"]["EmailMessage"], json!("e {####}"));
        assert_eq!(pool["VerificationMessageTemplate"]["EmailSubject"], json!("t"));
    }
    assert_eq!(newer["VerificationMessageTemplate"]["DefaultEmailOption"], json!("CONFIRM_WITH_LINK"));
    assert_eq!(older["VerificationMessageTemplate"]["DefaultEmailOption"], json!("CONFIRM_WITH_CODE"));
    let different =
        json!({"SmsVerificationMessage": "a {####}", "VerificationMessageTemplate": {"SmsMessage": "b {####}"}});
    assert!(refused(different).contains("SmsVerificationMessage and VerificationMessageTemplate"));
}

#[test]
fn invitations_name_the_user_and_carry_the_password() {
    let invite = |text: &str| json!({"AdminCreateUserConfig": {"InviteMessageTemplate": {"EmailMessage": text}}});
    let good = created(invite("Hello {username}, {####}"));
    assert_eq!(
        good["AdminCreateUserConfig"],
        json!({"AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 7,
            "InviteMessageTemplate": {"EmailMessage": "Hello {username}, {####}"}})
    );
    for bad in ["Hello {username}", "Hello {####}"] {
        assert!(refused(invite(bad)).contains("EmailMessage of InviteMessageTemplate must contain"));
    }
}

#[test]
fn verification_before_update_needs_auto_verification() {
    let settings = json!({"AttributesRequireVerificationBeforeUpdate": ["email"]});
    assert_eq!(
        refused(json!({"UserAttributeUpdateSettings": settings})),
        invalid("All attributes in AttributesRequireVerificationBeforeUpdate must exist in AutoVerifiedAttributes")
    );
    let pool = created(json!({"UserAttributeUpdateSettings": settings, "AutoVerifiedAttributes": ["email"]}));
    assert_eq!(pool["UserAttributeUpdateSettings"], settings);
}

#[test]
fn account_recovery() {
    let recovery = |mechanisms: Value| json!({"AccountRecoverySetting": {"RecoveryMechanisms": mechanisms}});
    let two = json!([{"Priority": 1, "Name": "verified_email"}, {"Priority": 2, "Name": "verified_phone_number"}]);
    assert_eq!(created(recovery(two.clone()))["AccountRecoverySetting"]["RecoveryMechanisms"], two);
    assert_eq!(
        refused(recovery(json!([{"Priority": 1, "Name": "admin_only"}, {"Priority": 2, "Name": "verified_email"}]))),
        invalid("Account Recovery Setting cannot use admin_only setting with any other recovery mechanisms.")
    );
    for twice in [
        json!([{"Priority": 1, "Name": "verified_email"}, {"Priority": 1, "Name": "verified_phone_number"}]),
        json!([{"Priority": 1, "Name": "verified_email"}, {"Priority": 2, "Name": "verified_email"}]),
    ] {
        assert_eq!(
            refused(recovery(twice)),
            invalid("Account Recovery Setting cannot have duplicate priorities or recovery mechanisms.")
        );
    }
}

#[test]
fn triggers() {
    let lambda = |config: Value| json!({"LambdaConfig": config});
    let versioned = created(lambda(json!({"PreTokenGeneration": arn("a")})));
    assert_eq!(
        versioned["LambdaConfig"],
        json!({"PreTokenGeneration": arn("a"),
            "PreTokenGenerationConfig": {"LambdaVersion": "V1_0", "LambdaArn": arn("a")}})
    );
    let plain = created(lambda(json!({"PreTokenGenerationConfig": {"LambdaVersion": "V2_0", "LambdaArn": arn("a")}})));
    assert_eq!(plain["LambdaConfig"]["PreTokenGeneration"], json!(arn("a")));
    assert_eq!(plain["LambdaConfig"]["PreTokenGenerationConfig"]["LambdaVersion"], json!("V2_0"));
    assert_eq!(
        refused(lambda(json!({"PreTokenGeneration": arn("a"),
            "PreTokenGenerationConfig": {"LambdaVersion": "V1_0", "LambdaArn": arn("b")}}))),
        invalid("Cannot use PreTokenGenerationLambda and PreTokenGeneration with different Lambda function ARN's")
    );
    for sender in ["CustomSMSSender", "CustomEmailSender"] {
        let mut config = json!({});
        config[sender] = json!({"LambdaVersion": "V1_0", "LambdaArn": arn("a")});
        assert_eq!(
            refused(lambda(config.clone())),
            invalid("KMSKeyId parameter is required when Custom SMS/Email Lambda trigger is used.")
        );
        config["KMSKeyID"] = json!("arn:aws:kms:eu-west-1:123456789012:key/k");
        assert_eq!(created(lambda(config.clone()))["LambdaConfig"], config);
    }
    assert_eq!(
        refused(lambda(json!({"PreSignUp": "arn:aws:lambda:us-east-1:123456789012:function:a"}))),
        invalid("Cross-region lambda functions are not supported")
    );
}

#[test]
fn tags() {
    let pool = created(json!({"UserPoolTags": {"team": "red", "empty": ""}}));
    assert_eq!(pool["UserPoolTags"], json!({"team": "red", "empty": ""}));
    for key in ["aws:x", "AWS:x"] {
        assert!(refused(json!({"UserPoolTags": {key: "x"}})).starts_with("UserPoolTaggingException: "));
    }
    let many: serde_json::Map<String, Value> = (0..51).map(|n| (format!("k{n}"), json!("v"))).collect();
    assert!(refused(json!({"UserPoolTags": many})).starts_with("UserPoolTaggingException: "));
}

#[test]
fn tiers_limit_features() {
    let threat = |tier: &str| json!({"UserPoolTier": tier, "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}});
    for tier in ["LITE", "ESSENTIALS"] {
        assert_eq!(
            refused(threat(tier)),
            format!(
                "FeatureUnavailableInTierException: The following features need to be disabled for the {tier} pricing \
                 tier configured: Threat Protection"
            )
        );
    }
    created(threat("PLUS"));
    created(json!({"UserPoolAddOns": {"AdvancedSecurityMode": "OFF"}}));
    assert_eq!(
        refused(json!({"UserPoolTier": "LITE", "Policies": {"PasswordPolicy": {"PasswordHistorySize": 1},
                "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}},
            "LambdaConfig": {"PreTokenGenerationConfig": {"LambdaVersion": "V2_0", "LambdaArn": arn("a")}}})),
        "FeatureUnavailableInTierException: The following features need to be disabled for the LITE pricing tier \
         configured: Passwordless Sign-In, Token Customization with Pre-Token Generation Lambda V2_0, Password History"
    );
    created(json!({"UserPoolTier": "LITE", "LambdaConfig": {"PreTokenGeneration": arn("a")}}));
}

#[test]
fn dynamic_registration() {
    let pool = created(json!({"DcrConfiguration": {}}));
    assert_eq!(
        pool["DcrConfiguration"],
        json!({"EnableStatus": "Enabled", "OpenDcrEnabled": false,
            "AuthenticatedGrantTypes": ["code", "client_credentials"], "OpenDcrGrantTypes": ["code"],
            "AllowedScopes": []})
    );
    assert!(refused(json!({"UserPoolTier": "LITE", "DcrConfiguration": {}})).contains("Dynamic Client Registration"));
    let to_lite = updated(&pool, json!({"UserPoolTier": "LITE", "DcrConfiguration": {"EnableStatus": "Disabled"}}));
    assert_eq!(to_lite["UserPoolTier"], json!("LITE"));
    assert_eq!(updated(&pool, json!({}))["DcrConfiguration"], pool["DcrConfiguration"]);
}

#[test]
fn levels_and_keys() {
    let pool = created(json!({"AcrConfiguration": {"Level2": {"AcrValue": "silver"}}}));
    assert_eq!(pool["AcrConfiguration"]["Level2"]["AcrValue"], json!("silver"));
    assert_eq!(pool["AcrConfiguration"]["Level1"]["AcrValue"], json!("urn:cognito:loa:1"));
    for twice in [
        json!({"Level1": {"AcrValue": "x"}, "Level2": {"AcrValue": "x"}}),
        json!({"Level1": {"AcrValue": "urn:cognito:loa:3"}}),
    ] {
        assert!(refused(json!({"AcrConfiguration": twice})).contains("duplicate AcrValues"));
    }
    assert!(
        refused(json!({"UserPoolTier": "LITE", "AcrConfiguration": {"Level1": {"AcrValue": "x"}}}))
            .starts_with("Feature")
    );
    assert!(
        refused(json!({"KeyConfiguration": {"KeyType": "CUSTOMER_MANAGED_KEY"}})).contains("KmsKeyArn is required")
    );
}
