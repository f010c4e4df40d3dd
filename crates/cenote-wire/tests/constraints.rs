//! Violated constraints and wrong types in AWS's words.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use cenote_wire::idp::*;
use cenote_wire::{ErrorCode, Structure, identity, json};

fn message<T: Structure>(body: &str) -> String {
    let error = json::decode::<T>(body.as_bytes()).unwrap_err();
    assert_eq!(error.code, T::CONSTRAINT_ERROR, "{body}");
    error.message.unwrap()
}

/// One violation, without the sentence around it.
fn violation<T: Structure>(body: &str) -> String {
    message::<T>(body).strip_prefix("1 validation error detected: ").unwrap().to_owned()
}

fn wrong_type<T: Structure>(body: &str) -> Option<String> {
    let error = json::decode::<T>(body.as_bytes()).unwrap_err();
    assert_eq!(error.code, ErrorCode::Serialization, "{body}");
    error.message
}

#[test]
fn required_members() {
    assert_eq!(
        violation::<DescribeUserPoolRequest>("{}"),
        "Value null at 'userPoolId' failed to satisfy constraint: Member must not be null"
    );
    assert_eq!(
        violation::<InitiateAuthRequest>(r#"{"AuthFlow":"USER_AUTH","ClientId":null}"#),
        "Value at 'clientId' failed to satisfy constraint: Member must not be null"
    );
}

#[test]
fn lengths_are_utf_16_units() {
    let body = |name: &str| format!(r#"{{"PoolName":"p","SmsAuthenticationMessage":"{name}"}}"#);
    // 139 characters that are one unit each, or that are two.
    assert!(json::decode::<CreateUserPoolRequest>(body(&format!("{}{{####}}", "é".repeat(134))).as_bytes()).is_ok());
    let long = format!("{}{{####}}", "💧".repeat(70));
    assert_eq!(
        violation::<CreateUserPoolRequest>(&body(&long)),
        format!(
            "Value '{long}' at 'smsAuthenticationMessage' failed to satisfy constraint: Member must have length less \
             than or equal to 140"
        )
    );
}

#[test]
fn numbers_are_printed_in_quotes() {
    assert_eq!(
        violation::<ListUsersRequest>(r#"{"UserPoolId":"us-east-1_abc","Limit":100}"#),
        "Value '100' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 60"
    );
    let body = r#"{"PoolName":"p","Policies":{"PasswordPolicy":{"MinimumLength":5}}}"#;
    assert_eq!(
        violation::<CreateUserPoolRequest>(body),
        "Value '5' at 'policies.passwordPolicy.minimumLength' failed to satisfy constraint: Member must have value \
         greater than or equal to 6"
    );
}

#[test]
fn a_code_is_shown_and_a_sensitive_value_is_not() {
    let body = r#"{"ClientId":"c","Username":"alice","ConfirmationCode":"1 2"}"#;
    assert_eq!(
        violation::<ConfirmSignUpRequest>(body),
        r"Value '1 2' at 'confirmationCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [\S]+"
    );
    let body = r#"{"AccessToken":"a b","UserAttributes":[]}"#;
    assert_eq!(
        violation::<UpdateUserAttributesRequest>(body),
        "Value at 'accessToken' failed to satisfy constraint: Member must satisfy regular expression pattern: \
         [A-Za-z0-9-_=.]+"
    );
}

#[test]
fn members_of_structures_in_lists_and_maps() {
    let body = r#"{"PoolName":"p","Schema":[{"Name":"ok"},{"Name":"a name of 21 letters"},{"Name":""}]}"#;
    let text = message::<CreateUserPoolRequest>(&body.replace("a name of 21 letters", "aNameOf21LettersLongs"));
    assert_eq!(
        text,
        r"3 validation errors detected: Value 'aNameOf21LettersLongs' at 'schema.2.member.name' failed to satisfy constraint: Member must have length less than or equal to 20; Value '' at 'schema.3.member.name' failed to satisfy constraint: Member must have length greater than or equal to 1; Value '' at 'schema.3.member.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}]+"
    );
    let body = r#"{"ClientId":"c","Username":"u","UserAttributes":[{"Name":"a"},{"Value":"b"}]}"#;
    assert_eq!(
        violation::<SignUpRequest>(body),
        "Value null at 'userAttributes.2.member.name' failed to satisfy constraint: Member must not be null"
    );
    let body = r#"{"PoolName":"p","AcrConfiguration":{"Level1":{}}}"#;
    assert_eq!(
        violation::<CreateUserPoolRequest>(body),
        "Value null at 'acrConfiguration.Level1.member.acrValue' failed to satisfy constraint: Member must not be null"
    );
}

#[test]
fn scalars_in_lists() {
    let body = r#"{"UserPoolId":"us-east-1_abc","ClientName":"c","ExplicitAuthFlows":["USER_PASSWORD_AUTH","X"]}"#;
    assert_eq!(
        violation::<CreateUserPoolClientRequest>(body),
        "Value '[USER_PASSWORD_AUTH, X]' at 'explicitAuthFlows' failed to satisfy constraint: Member must satisfy \
         constraint: [Member must satisfy enum value set: [ADMIN_NO_SRP_AUTH, CUSTOM_AUTH_FLOW_ONLY, \
         USER_PASSWORD_AUTH, ALLOW_ADMIN_USER_PASSWORD_AUTH, ALLOW_CUSTOM_AUTH, ALLOW_USER_PASSWORD_AUTH, \
         ALLOW_USER_SRP_AUTH, ALLOW_REFRESH_TOKEN_AUTH, ALLOW_USER_AUTH, ALLOW_TOKEN_EXCHANGE_DELEGATION, \
         ALLOW_TOKEN_EXCHANGE_IMPERSONATION, ALLOW_CLIENT_TOKEN_AUTH]]"
    );
    let body = r#"{"UserPoolId":"us-east-1_abc","ClientName":"c","CallbackURLs":["https://a","b c"]}"#;
    assert_eq!(
        violation::<CreateUserPoolClientRequest>(body),
        r"Value '[https://a, b c]' at 'callbackURLs' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}]+]"
    );
    let taken = r#"{"UserPoolId":"us-east-1_abc","ClientName":"c","ExplicitAuthFlows":["ALLOW_CLIENT_TOKEN_AUTH"]}"#;
    let input: CreateUserPoolClientRequest = json::decode(taken.as_bytes()).unwrap();
    assert_eq!(input.explicit_auth_flows, Some(vec![ExplicitAuthFlowsType::AllowClientTokenAuth]));
}

#[test]
fn scalars_in_maps() {
    let key = "k".repeat(129);
    let body = format!(r#"{{"ResourceArn":"arn:aws:cognito-idp:us-east-1:1:userpool/a","Tags":{{"{key}":"v"}}}}"#);
    assert_eq!(
        violation::<TagResourceRequest>(&body),
        format!(
            "Value '{{{key}=v}}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [Member must \
             have length less than or equal to 128, Member must have length greater than or equal to 1]"
        )
    );
    let pool = "us-east-1:12345678-1234-1234-1234-123456789012";
    let long = "x".repeat(50_001);
    let body = format!(r#"{{"IdentityPoolId":"{pool}","Logins":{{"a.b/c":"{long}"}}}}"#);
    // The token is sensitive, the name of its provider is not.
    assert_eq!(
        violation::<identity::GetIdInput>(&body),
        "Value '{a.b/c=}' at 'logins' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length \
         less than or equal to 50000, Member must have length greater than or equal to 1]"
    );
}

#[test]
fn words_are_printed_in_the_services_own_order() {
    let body = r#"{"PoolName":"p","AutoVerifiedAttributes":["x"]}"#;
    assert!(violation::<CreateUserPoolRequest>(body).ends_with("enum value set: [phone_number, email]]"));
    let action = r#"{"AccountTakeoverRiskConfiguration":{"Actions":{"LowAction":{"Notify":true,"EventAction":"X"}}}}"#;
    let body = action.replacen('{', r#"{"UserPoolId":"us-east-1_abc","#, 1);
    assert_eq!(
        violation::<SetRiskConfigurationRequest>(&body),
        "Value 'X' at 'accountTakeoverRiskConfiguration.actions.lowAction.eventAction' failed to satisfy constraint: \
         Member must satisfy enum value set: [MFA_IF_CONFIGURED, BLOCK, NO_ACTION, MFA_REQUIRED]"
    );
}

#[test]
fn the_attribute_data_type_is_reported_alone() {
    let body = r#"{"CustomAttributes":[{"Name":"n","AttributeDataType":"Banana"},{"AttributeDataType":"Apple"}]}"#;
    assert_eq!(
        message::<AddCustomAttributesRequest>(body),
        "Validation error detected: Value 'Banana' failed to satisfy constraint: Member must satisfy enum value set: \
         [Boolean, Number, String, DateTime]"
    );
}

#[test]
fn at_most_ten_violations_are_reported() {
    let many = vec![r#"{"Name":""}"#; 50].join(",");
    let text = message::<CreateUserPoolRequest>(&format!(r#"{{"PoolName":"p","Schema":[{many}]}}"#));
    assert!(text.starts_with("10 validation errors detected: "), "{text}");
    assert_eq!(text.matches("failed to satisfy").count(), 10);
}

#[test]
fn a_list_of_structures_prints_no_contents() {
    let many = vec![r#"{"Name":"a"}"#; 26].join(",");
    let body = format!(r#"{{"UserPoolId":"us-east-1_abc","CustomAttributes":[{many}]}}"#);
    let text = violation::<AddCustomAttributesRequest>(&body);
    assert!(text.starts_with("Value '[SchemaAttributeType, SchemaAttributeType, "), "{text}");
    assert!(text.ends_with(
        "at 'customAttributes' failed to satisfy constraint: Member must have length less than or equal to 25"
    ));
}

#[test]
fn a_pattern_has_to_match_the_whole_text() {
    for bad in ["us-east-1_abc\n", "us-east-1_", "us-éast-1_abc", "x us-east-1_abc"] {
        let body = serde_json::json!({ "UserPoolId": bad }).to_string();
        assert!(violation::<DescribeUserPoolRequest>(&body).ends_with(r"pattern: [\w-]+_[0-9a-zA-Z]+"), "{bad}");
    }
}

#[test]
fn null_is_absent_everywhere() {
    let body = r#"{
        "UserPoolId": "us-east-1_abc", "Username": "alice", "MessageAction": null, "ValidationData": null,
        "UserAttributes": [null, {"Name": "email", "Value": null}], "ClientMetadata": {"a": null, "b": "c"},
        "NotInTheModel": {"deep": [1, 2]}
    }"#;
    let input: AdminCreateUserRequest = json::decode(body.as_bytes()).unwrap();
    let attributes = vec![AttributeType { name: Some("email".to_owned()), value: None }];
    assert_eq!(input.user_attributes, Some(attributes));
    assert_eq!(input.client_metadata, Some([("b".to_owned(), "c".to_owned())].into()));
    assert_eq!((input.message_action, input.validation_data), (None, None));
}

#[test]
fn wrong_types() {
    let text = |body: &str| wrong_type::<CreateUserPoolRequest>(body).unwrap();
    let list = "Start of list found where not expected";
    let structure = "Start of structure or map found where not expected.";
    let number = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String";
    assert_eq!(text(r#"{"PoolName":1}"#), number);
    assert_eq!(text(r#"{"PoolName":4000000000}"#), number);
    assert_eq!(text(r#"{"PoolName":1.5}"#), number);
    assert_eq!(text(r#"{"PoolName":true}"#), "class java.lang.Boolean can not be converted to an String");
    assert_eq!(text(r#"{"PoolName":[]}"#), list);
    assert_eq!(text(r#"{"PoolName":{}}"#), structure);
    assert_eq!(text(r#"{"Schema":{}}"#), structure);
    assert_eq!(text(r#"{"Schema":"x"}"#), "Expected list or null");
    assert_eq!(text(r#"{"Schema":["x"]}"#), "Expected null");
    assert_eq!(text(r#"{"UserPoolTags":"x"}"#), "Expected map or null");
    assert_eq!(text(r#"{"UserPoolTags":[]}"#), list);
    assert_eq!(text(r#"{"UserPoolTags":{"a":1}}"#), number);
    assert_eq!(text(r#"{"Policies":[]}"#), list);
    assert_eq!(text(r#"{"Policies":3}"#), "Expected null");
    let policy = |value: &str| text(&format!(r#"{{"Policies":{{"PasswordPolicy":{{{value}}}}}}}"#));
    let to_integer = |from: &str| format!("class {from} can not be converted to an Integer");
    let number = "com.amazon.coral.value.json.numbers.TruncatingBigNumber";
    assert_eq!(policy(r#""MinimumLength":"8""#), to_integer("java.lang.String"));
    assert_eq!(policy(r#""MinimumLength":8.5"#), to_integer(number));
    assert_eq!(policy(r#""MinimumLength":3000000000"#), to_integer(number));
    assert_eq!(policy(r#""MinimumLength":1e300"#), to_integer(number));
    assert_eq!(policy(r#""RequireNumbers":"true""#), "class java.lang.String can not be converted to an Boolean");
    let image = |value: &str| wrong_type::<SetUICustomizationRequest>(&format!(r#"{{"ImageFile":{value}}}"#)).unwrap();
    assert_eq!(image(r#""&""#), "class java.lang.String can not be converted to an Blob");
    assert_eq!(text("[]"), list);
}

#[test]
fn a_whole_number_may_have_a_fraction_of_zero() {
    let body = r#"{"PoolName":"p","Policies":{"PasswordPolicy":{"MinimumLength":8.0}}}"#;
    let input: CreateUserPoolRequest = json::decode(body.as_bytes()).unwrap();
    assert_eq!(input.policies.unwrap().password_policy.unwrap().minimum_length, Some(8));
}

#[test]
fn what_is_no_json_gets_no_message() {
    let deep = format!(r#"{{"A":{}"#, "[".repeat(100_000));
    let bodies = ["", " ", "{", "null", "\"x\"", "1", "{\"a\":1,}", "{\"a\":\"\\ud800\"}", "{} {}", "{'a':1}", &deep];
    for body in bodies {
        assert_eq!(wrong_type::<SignUpRequest>(body), None, "{body:.20}");
    }
    let not_utf8 = json::decode::<SignUpRequest>(b"{\"ClientId\":\"\xff\"}").unwrap_err();
    assert_eq!((not_utf8.code, not_utf8.message), (ErrorCode::Serialization, None));
}

#[test]
fn of_two_equal_names_the_later_counts() {
    let input: DescribeUserPoolRequest =
        json::decode(br#"{"UserPoolId":"us-east-1_a","UserPoolId":"us-east-1_b"}"#).unwrap();
    assert_eq!(input.user_pool_id.as_deref(), Some("us-east-1_b"));
}

#[test]
fn each_service_has_its_own_error() {
    let code = |error: cenote_wire::ApiError| error.code;
    let idp = json::decode::<DescribeUserPoolRequest>(b"{}").unwrap_err();
    assert_eq!(code(idp), ErrorCode::InvalidParameter);
    let identity = json::decode::<identity::DescribeIdentityPoolInput>(b"{}").unwrap_err();
    assert_eq!(code(identity), ErrorCode::Validation);
}
