use cenote_store::records::clients::ClientRecord;
use cenote_store::records::pools::PoolRecord;
use cenote_wire::Shape;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::client::Client;

/// A pool whose users need an e-mail address, with custom attributes of each kind.
fn pool(tier: &str) -> Pool {
    let request = json!({"PoolName": "people", "UserPoolTier": tier, "Schema": [
        {"Name": "email", "Required": true}, {"Name": "team"}, {"Name": "level", "DeveloperOnlyAttribute": true}]});
    let request = cenote_wire::idp::CreateUserPoolRequest::from_json(request).unwrap();
    let settings = crate::settings::pool::create(request, &"eu-west-1".parse().unwrap()).unwrap();
    Pool::from_record(&PoolRecord {
        pool_id: "eu-west-1_AbCdEfGhI".parse().unwrap(),
        account: "123456789012".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
        name: "people".into(),
        issuer: "http://localhost:9400/eu-west-1_AbCdEfGhI".into(),
        settings: settings.to_json().to_string(),
        version: 1,
        created_at: cenote_base::Timestamp::from_secs(0),
        modified_at: cenote_base::Timestamp::from_secs(0),
    })
    .unwrap()
}

fn create_in(tier: &str, request: Value, confidential: bool) -> Result<UserPoolClientType, ApiError> {
    create(CreateUserPoolClientRequest::from_json(request).unwrap(), &pool(tier), confidential)
}

fn created(request: Value) -> Value {
    create_in("ESSENTIALS", request, false).unwrap().to_json()
}

fn refused(request: Value) -> String {
    create_in("ESSENTIALS", request, false).unwrap_err().to_string()
}

fn refused_confidential(request: Value) -> String {
    create_in("ESSENTIALS", request, true).unwrap_err().to_string()
}

fn updated(request: Value) -> Result<Value, String> {
    let request = UpdateUserPoolClientRequest::from_json(request).unwrap();
    update(request, &pool("ESSENTIALS"), false, false).map(|client| client.to_json()).map_err(|error| error.to_string())
}

fn invalid(text: &str) -> String {
    format!("InvalidParameterException: {text}")
}

#[test]
fn the_defaults_of_an_empty_request() {
    let defaults = json!({"RefreshTokenValidity": 30, "AllowedOAuthFlowsUserPoolClient": false,
        "EnableTokenRevocation": true, "EnablePropagateAdditionalUserContextData": false, "AuthSessionValidity": 3});
    assert_eq!(created(json!({})), defaults);
    let empty = json!({"ReadAttributes": [], "WriteAttributes": [], "ExplicitAuthFlows": [], "CallbackURLs": [],
        "LogoutURLs": [], "AllowedOAuthFlows": [], "AllowedOAuthScopes": [], "SupportedIdentityProviders": []});
    assert_eq!(created(empty), defaults);
    assert_eq!(updated(json!({})).unwrap(), defaults);
}

#[test]
fn every_member_is_read_back_unchanged() {
    let given = json!({
        "RefreshTokenValidity": 12, "AccessTokenValidity": 10, "IdTokenValidity": 20,
        "TokenValidityUnits": {"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "hours"},
        "ReadAttributes": ["email", "custom:team", "dev:custom:level"], "WriteAttributes": ["email", "custom:team"],
        "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        "SupportedIdentityProviders": ["COGNITO"], "CallbackURLs": ["https://a.example/cb", "myapp://cb"],
        "LogoutURLs": ["http://localhost:3000/out"], "DefaultRedirectURI": "https://a.example/cb",
        "AllowedOAuthFlows": ["code", "implicit"], "AllowedOAuthScopes": ["openid", "email"],
        "AllowedOAuthFlowsUserPoolClient": true,
        "AnalyticsConfiguration": {"ApplicationArn": "arn:aws:mobiletargeting:eu-west-1:123456789012:apps/x",
            "UserDataShared": true},
        "PreventUserExistenceErrors": "ENABLED", "EnableTokenRevocation": false,
        "EnablePropagateAdditionalUserContextData": false, "AuthSessionValidity": 15,
        "RefreshTokenRotation": {"Feature": "DISABLED", "RetryGracePeriodSeconds": 10}
    });
    assert_eq!(created(given.clone()), given);
    assert_eq!(updated(given.clone()).unwrap(), given);
}

#[test]
fn attributes_must_exist_and_be_writable() {
    let read = |names: Value| json!({"ReadAttributes": names});
    let write = |names: Value| json!({"WriteAttributes": names});
    let text =
        |which: &str, verb: &str| invalid(&format!("Invalid {which} attributes specified while {verb} a client"));
    assert_eq!(refused(read(json!(["custom:nope"]))), text("read", "creating"));
    assert_eq!(updated(read(json!(["team"]))).unwrap_err(), text("read", "updating"));
    for bad in [
        json!(["email", "custom:nope"]),
        json!(["custom:team"]),
        json!(["email", "sub"]),
        json!(["email", "email_verified"]),
        json!(["email", "phone_number_verified"]),
        json!(["email", "dev:custom:level"]),
    ] {
        assert_eq!(refused(write(bad.clone())), text("write", "creating"), "{bad}");
        assert_eq!(updated(write(bad)).unwrap_err(), text("write", "updating"));
    }
}

#[test]
fn auth_flows() {
    let flows = |names: Value| json!({"ExplicitAuthFlows": names});
    assert_eq!(
        refused(flows(json!(["USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]))),
        invalid("Auth flow name with prefix 'ALLOW' cannot be used with legacy auth flow names.")
    );
    created(flows(json!(["ADMIN_NO_SRP_AUTH", "USER_PASSWORD_AUTH"])));
    assert!(refused(flows(json!(["ALLOW_CLIENT_TOKEN_AUTH"]))).contains("Client Secret is required"));
    let mixed = flows(json!(["ALLOW_CLIENT_TOKEN_AUTH", "ALLOW_USER_AUTH"]));
    assert!(refused_confidential(mixed).contains("cannot be used with other auth flow names"));
    create_in("ESSENTIALS", flows(json!(["ALLOW_CLIENT_TOKEN_AUTH"])), true).unwrap();
    let lite = create_in("LITE", flows(json!(["ALLOW_USER_AUTH"])), false).unwrap_err();
    assert!(lite.to_string().starts_with("FeatureUnavailableInTierException"));
    let rotation =
        json!({"RefreshTokenRotation": {"Feature": "ENABLED"}, "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH"]});
    assert!(refused(rotation).contains("refresh token rotation is enabled"));
    created(json!({"RefreshTokenRotation": {"Feature": "ENABLED"}, "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]}));
}

#[test]
fn names_that_cannot_exist_yet_do_not() {
    assert_eq!(
        refused(json!({"SupportedIdentityProviders": ["COGNITO", "Google"]})),
        invalid("The provider Google does not exist for User Pool eu-west-1_AbCdEfGhI.")
    );
    assert_eq!(
        refused(json!({"AllowedOAuthScopes": ["openid", "shop/read"]})),
        "ScopeDoesNotExistException: Invalid scope requested: shop/read"
    );
}

#[test]
fn oauth() {
    assert_eq!(
        refused(json!({"AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["code"]})),
        invalid(
            "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows."
        )
    );
    assert_eq!(
        refused(json!({"AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": ["openid"]})),
        invalid("CallbackUrls can not be empty when code flow or implicit flow is selected")
    );
    let machine = json!({"AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthScopes": ["aws.cognito/dcr/register"],
        "AllowedOAuthFlowsUserPoolClient": true});
    assert_eq!(
        refused(machine.clone()),
        "InvalidOAuthFlowException: client_credentials flow can not be selected if client does not have a client secret."
    );
    create_in("ESSENTIALS", machine, true).unwrap();
    assert_eq!(
        refused_confidential(
            json!({"AllowedOAuthFlows": ["client_credentials", "code"], "CallbackURLs": ["https://a"]})
        ),
        "InvalidOAuthFlowException: client_credentials flow can not be selected along with code flow or implicit flow."
    );
    let openid = json!({"AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthScopes": ["openid"]});
    assert!(refused_confidential(openid).starts_with("InvalidOAuthFlowException: "));
    let request = json!({"AllowedOAuthScopes": ["aws.cognito/dcr/register"]});
    let request = UpdateUserPoolClientRequest::from_json(request).unwrap();
    let dynamic = update(request, &pool("ESSENTIALS"), true, true).unwrap_err();
    assert!(dynamic.to_string().starts_with("ScopeDoesNotExistException"), "a registered client registers nobody");
}

#[test]
fn addresses() {
    assert_eq!(
        refused(json!({"CallbackURLs": ["https://a"], "DefaultRedirectURI": "https://b"})),
        invalid("The default redirect URI https://b is not in the callback URIs list.")
    );
    for member in ["CallbackURLs", "LogoutURLs"] {
        assert_eq!(
            refused(json!({member: ["https://a", "http://a.example"]})),
            invalid("http://a.example cannot use the HTTP protocol.")
        );
        assert_eq!(refused(json!({member: ["https://a#b"]})), invalid("https://a#b cannot use fragment"));
    }
}

#[test]
fn context_data_needs_a_secret() {
    let request = json!({"EnablePropagateAdditionalUserContextData": true});
    assert_eq!(
        refused(request.clone()),
        invalid("Client Secret is required to set EnablePropagateAdditionalUserContextData as true")
    );
    create_in("ESSENTIALS", request, true).unwrap();
}

#[test]
fn analytics() {
    let arn = "arn:aws:mobiletargeting:eu-west-1:123456789012:apps/x";
    let analytics = |configuration: Value| json!({"AnalyticsConfiguration": configuration});
    created(analytics(json!({"ApplicationArn": arn})));
    created(analytics(json!({"ApplicationId": "ab", "RoleArn": arn, "ExternalId": "e"})));
    for bad in [json!({}), json!({"ApplicationId": "ab"}), json!({"ApplicationId": "ab", "ApplicationArn": arn})] {
        assert!(refused(analytics(bad)).contains("AnalyticsConfiguration"));
    }
}

/// What rules read of a document that is stored.
fn parsed(settings: &Value) -> Client {
    let record = ClientRecord {
        client_id: "26cb2c60kq7nbmas7rbme9b6pp".parse().unwrap(),
        pool_id: "eu-west-1_AbCdEfGhI".parse().unwrap(),
        name: "app".into(),
        client_type: "REGULAR".into(),
        settings: settings.to_string(),
        version: 1,
        created_at: cenote_base::Timestamp::from_secs(0),
        modified_at: cenote_base::Timestamp::from_secs(0),
    };
    Client::from_record(&record, Vec::new()).unwrap()
}

fn any_request() -> impl Strategy<Value = Value> {
    let unit = || prop::sample::select(vec!["seconds", "minutes", "hours", "days"]);
    let flows = prop::sample::subsequence(cenote_wire::idp::ExplicitAuthFlowsType::WORDS.to_vec(), 0..4);
    let token = || proptest::option::of(1..90_000);
    (token(), token(), proptest::option::of(0..400_000), unit(), unit(), unit(), flows).prop_map(
        |(access, id, refresh, access_unit, id_unit, refresh_unit, flows)| {
            let mut request = json!({"ExplicitAuthFlows": flows, "TokenValidityUnits":
                {"AccessToken": access_unit, "IdToken": id_unit, "RefreshToken": refresh_unit}});
            for (member, value) in
                [("AccessTokenValidity", access), ("IdTokenValidity", id), ("RefreshTokenValidity", refresh)]
            {
                if let Some(value) = value {
                    request[member] = json!(value);
                }
            }
            request
        },
    )
}

proptest! {
    #[test]
    fn what_is_accepted_can_be_read_and_keeps_the_ranges(request in any_request()) {
        if let Ok(client) = create_in("ESSENTIALS", request, true) {
            let shown = client.to_json();
            let rules = parsed(&shown);
            for token in [rules.access_validity, rules.id_validity] {
                prop_assert!((300..=86_400).contains(&token.as_secs()) && token <= rules.refresh_validity);
            }
            prop_assert!((3_600..=315_360_000).contains(&rules.refresh_validity.as_secs()));
            prop_assert_eq!(updated(shown.clone()).or_else(|error| {
                // Only what needs a secret differs for the public client of `updated`.
                if error.contains("Client Secret") { Ok(shown.clone()) } else { Err(error) }
            }).unwrap(), shown);
        }
    }
}
