//! The worked requests of the protocol's reference, as they stand on the wire.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::collections::BTreeMap;

use cenote_wire::idp::*;
use cenote_wire::{ApiError, Document, ErrorCode, Structure, Target, json, target};
use insta::assert_snapshot;

fn refused(operation: &str, body: &str) -> String {
    let target = target::parse(&format!("AWSCognitoIdentityProviderService.{operation}")).unwrap();
    shown(&json::check(target, body.as_bytes()).unwrap_err())
}

fn shown(error: &ApiError) -> String {
    let encoded = json::encode_error(error);
    let mut text = format!("{}\n", encoded.status);
    for (name, value) in &encoded.headers {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text + "\n" + std::str::from_utf8(&encoded.body).unwrap()
}

fn encoded(value: &impl Structure) -> String {
    String::from_utf8(json::encode(value)).unwrap()
}

#[test]
fn initiate_auth() {
    let body = br#"{"AuthFlow":"USER_PASSWORD_AUTH","ClientId":"26cb2c60kq7nbmas7rbme9b6pp","AuthParameters":{"USERNAME":"alice","PASSWORD":"Correct-Horse-9"}}"#;
    let input: InitiateAuthRequest = json::decode(body).unwrap();
    assert_eq!(input.auth_flow, Some(AuthFlowType::UserPasswordAuth));
    assert_eq!(input.auth_parameters.as_ref().unwrap()["PASSWORD"].expose(), "Correct-Horse-9");
    assert_snapshot!(
        format!("{input:?}"),
        @"InitiateAuthRequest { auth_flow: UserPasswordAuth, auth_parameters: ***, client_id: *** }"
    );

    let answer = InitiateAuthResponse {
        challenge_parameters: Some(BTreeMap::new()),
        authentication_result: Some(AuthenticationResultType {
            access_token: Some("a.b.c".into()),
            expires_in: Some(3600),
            token_type: Some("Bearer".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_snapshot!(
        encoded(&answer),
        @r#"{"ChallengeParameters":{},"AuthenticationResult":{"AccessToken":"a.b.c","ExpiresIn":3600,"TokenType":"Bearer"}}"#
    );
}

#[test]
fn list_user_pools_out_of_range() {
    assert_snapshot!(refused("ListUserPools", r#"{"MaxResults":0}"#), @r#"
    400
    content-type: application/x-amz-json-1.1
    x-amzn-errortype: InvalidParameterException:
    x-amzn-errormessage: 1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1

    {"__type":"InvalidParameterException","message":"1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1"}
    "#);
}

#[test]
fn sign_up_with_an_empty_user_name() {
    let body = r#"{"ClientId":"26cb","Username":"","Password":"Correct-Horse-9"}"#;
    assert_snapshot!(refused("SignUp", body), @r#"
    400
    content-type: application/x-amz-json-1.1
    x-amzn-errortype: InvalidParameterException:
    x-amzn-errormessage: 2 validation errors detected: Value at 'username' failed to satisfy constraint: Member must have length greater than or equal to 1; Value at 'username' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}]+

    {"__type":"InvalidParameterException","message":"2 validation errors detected: Value at 'username' failed to satisfy constraint: Member must have length greater than or equal to 1; Value at 'username' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\p{L}\\p{M}\\p{S}\\p{N}\\p{P}]+"}
    "#);
}

#[test]
fn sign_up_with_a_short_password() {
    let body = r#"{"ClientId":"26cb","Username":"alice","Password":""}"#;
    assert_snapshot!(refused("SignUp", body), @r#"
    400
    content-type: application/x-amz-json-1.1
    x-amzn-errortype: InvalidParameterException:
    x-amzn-errormessage: 2 validation errors detected: Value at 'password' failed to satisfy constraint: Member must have length greater than or equal to 6; Value at 'password' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[\S]+.*[\S]+$

    {"__type":"InvalidParameterException","message":"2 validation errors detected: Value at 'password' failed to satisfy constraint: Member must have length greater than or equal to 6; Value at 'password' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[\\S]+.*[\\S]+$"}
    "#);
    let body = r#"{"ClientId":"26cb","Username":"alice","Password":"correct horse"}"#;
    assert!(json::decode::<SignUpRequest>(body.as_bytes()).is_ok());
}

#[test]
fn a_missing_pool() {
    assert_snapshot!(
        shown(&ApiError::resource_not_found("User pool us-east-1_ZZZZZZZZZ does not exist.")),
        @r#"
    400
    content-type: application/x-amz-json-1.1
    x-amzn-errortype: ResourceNotFoundException:
    x-amzn-errormessage: User pool us-east-1_ZZZZZZZZZ does not exist.

    {"__type":"ResourceNotFoundException","message":"User pool us-east-1_ZZZZZZZZZ does not exist."}
    "#
    );
}

#[test]
fn errors_of_the_front_end() {
    assert_snapshot!(shown(&target::parse("AWSCognitoIdentityProviderService.Nope").unwrap_err()), @r#"
    400
    content-type: application/x-amz-json-1.1
    x-amzn-errortype: UnknownOperationException:

    {"__type":"UnknownOperationException"}
    "#);
    assert_snapshot!(refused("SignUp", "{"), @r#"
    400
    content-type: application/x-amz-json-1.1
    x-amzn-errortype: SerializationException:

    {"__type":"SerializationException"}
    "#);
    assert_snapshot!(refused("ListUserPools", r#"{"MaxResults":"10"}"#), @r#"
    400
    content-type: application/x-amz-json-1.1
    x-amzn-errortype: SerializationException:
    x-amzn-errormessage: class java.lang.String can not be converted to an Integer

    {"__type":"SerializationException","message":"class java.lang.String can not be converted to an Integer"}
    "#);
    assert_snapshot!(shown(&ApiError::not_built("StartUserImportJob")), @r#"
    400
    content-type: application/x-amz-json-1.1
    x-amzn-errortype: NotImplementedException:
    x-amzn-errormessage: Cenote does not implement the operation StartUserImportJob yet.

    {"__type":"NotImplementedException","message":"Cenote does not implement the operation StartUserImportJob yet."}
    "#);
}

#[test]
fn a_reason_code_is_an_extra_member() {
    let error = ApiError::invalid_parameter("No.").with_reason_code("R").with_detail("only for the log");
    assert_snapshot!(shown(&error), @r#"
    400
    content-type: application/x-amz-json-1.1
    x-amzn-errortype: InvalidParameterException:
    x-amzn-errormessage: No.

    {"__type":"InvalidParameterException","message":"No.","reasonCode":"R"}
    "#);
}

#[test]
fn a_header_is_one_short_line_of_ascii() {
    let error = ApiError::invalid_parameter(format!(" é\r\nSet-Cookie: a\u{0}💧{}", "x".repeat(5000)));
    let encoded = json::encode_error(&error);
    let (_, header) = encoded.headers.iter().find(|(name, _)| *name == "x-amzn-errormessage").unwrap();
    assert!(header.starts_with("?  Set-Cookie: a ?xxx"), "{header}");
    assert!(header.len() <= 1024);
    assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    let body: serde_json::Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["message"].as_str(), error.message.as_deref());
}

#[test]
fn answers() {
    // No output in the model, an output without members, a time, a document.
    assert_snapshot!(encoded(&cenote_wire::Empty), @"");
    assert_snapshot!(encoded(&AdminConfirmSignUpResponse::default()), @"{}");
    let pool = UserPoolType {
        id: Some("us-east-1_AbCdEfGhI".to_owned()),
        creation_date: Some(cenote_wire::Timestamp::from_millis(1_689_721_665_239)),
        last_modified_date: Some(cenote_wire::Timestamp::from_secs(1_689_721_665)),
        ..Default::default()
    };
    assert_snapshot!(encoded(&pool), @r#"{"Id":"us-east-1_AbCdEfGhI","LastModifiedDate":1689721665.0,"CreationDate":1689721665.239}"#);
    let branding = ManagedLoginBrandingType {
        settings: Some(Document(serde_json::json!({"b": [1, {"a": null}]}))),
        assets: Some(vec![AssetType { bytes: Some(b"\x00\xff".to_vec().into()), ..Default::default() }]),
        ..Default::default()
    };
    assert_snapshot!(encoded(&branding), @r#"{"Settings":{"b":[1,{"a":null}]},"Assets":[{"Bytes":"AP8="}]}"#);
}

#[test]
fn several_missing_members() {
    let target = Target::Idp(Operation::AdminSetUserPassword);
    let error = json::check(target, b"{}").unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidParameter);
    assert_snapshot!(error.message.unwrap(), @"3 validation errors detected: Value null at 'userPoolId' failed to satisfy constraint: Member must not be null; Value at 'username' failed to satisfy constraint: Member must not be null; Value at 'password' failed to satisfy constraint: Member must not be null");
}
