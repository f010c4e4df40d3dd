use proptest::prelude::*;

use super::*;

const ISSUER: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEfGhI";
const ORIGIN: &str = "3c6ea56b-0000-4000-8000-000000000001";
const EVENT: &str = "5e0c4a2f-0000-4000-8000-000000000002";
const JTI: &str = "7a1b2c3d-0000-4000-8000-000000000003";
const HOUR: Duration = Duration::from_secs(3600);

struct Given {
    client: ClientId,
    sub: Sub,
    attributes: BTreeMap<String, String>,
    groups: Vec<Group>,
}

fn given(attributes: &[(&str, &str)], groups: &[(&str, Option<i64>, Option<&str>)]) -> Given {
    let group = |(name, precedence, role): &(&str, Option<i64>, Option<&str>)| Group {
        name: (*name).into(),
        precedence: *precedence,
        role_arn: role.map(|role| format!("arn:aws:iam::123456789012:role/{role}")),
    };
    Given {
        client: "26cb2c60kq7nbmas7rbme9b6pp".parse().unwrap(),
        sub: "34c84488-e0e1-70ae-d2ee-991ad1a898c8".parse().unwrap(),
        attributes: attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        groups: groups.iter().map(group).collect(),
    }
}

impl Given {
    fn issue(&self) -> Issue<'_> {
        Issue {
            issuer: ISSUER,
            client: &self.client,
            auth_time: Timestamp::from_secs(1_794_042_303),
            issued_at: Timestamp::from_millis(1_794_042_303_999),
            event_id: Some(EVENT),
            origin_jti: Some(ORIGIN),
            groups: &self.groups,
        }
    }

    fn id(&self) -> IdClaims<'_> {
        IdClaims {
            issue: self.issue(),
            validity: HOUR,
            jti: JTI,
            sub: &self.sub,
            username: "alice",
            attributes: &self.attributes,
            readable: Readable::All,
            identities: &[],
            nonce: None,
            at_hash: None,
            acr: None,
            amr: &[],
        }
    }

    fn access(&self) -> AccessClaims<'_> {
        AccessClaims {
            issue: self.issue(),
            validity: HOUR,
            jti: JTI,
            sub: self.sub.as_str(),
            username: Some("alice"),
            scope: "aws.cognito.signin.user.admin",
            device_key: None,
            oauth: false,
        }
    }
}

fn names(claims: &Map<String, Value>) -> Vec<&str> {
    let mut names: Vec<&str> = claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_worked_payloads_of_cognito() {
    let given = given(
        &[("email", "alice@example.com"), ("email_verified", "true"), ("custom:plan", "5")],
        &[("staff", Some(2), Some("staff")), ("admins", Some(1), Some("admins"))],
    );
    let role = |name| format!("arn:aws:iam::123456789012:role/{name}");
    let id = json!({
        "sub": "34c84488-e0e1-70ae-d2ee-991ad1a898c8", "cognito:groups": ["admins", "staff"], "email_verified": true,
        "cognito:preferred_role": role("admins"), "iss": ISSUER, "cognito:username": "alice", "custom:plan": "5",
        "cognito:roles": [role("admins"), role("staff")], "origin_jti": ORIGIN,
        "aud": "26cb2c60kq7nbmas7rbme9b6pp", "event_id": EVENT, "token_use": "id", "auth_time": 1_794_042_303,
        "exp": 1_794_045_903, "iat": 1_794_042_303, "jti": JTI, "email": "alice@example.com",
    });
    assert_eq!(Value::Object(given.id().build()), id);
    let access = json!({
        "sub": "34c84488-e0e1-70ae-d2ee-991ad1a898c8", "cognito:groups": ["admins", "staff"], "iss": ISSUER,
        "client_id": "26cb2c60kq7nbmas7rbme9b6pp", "origin_jti": ORIGIN, "event_id": EVENT, "token_use": "access",
        "scope": "aws.cognito.signin.user.admin", "auth_time": 1_794_042_303, "exp": 1_794_045_903,
        "iat": 1_794_042_303, "jti": JTI, "username": "alice",
    });
    assert_eq!(Value::Object(given.access().build()), access);
}

#[test]
fn without_revocation_there_is_neither_jti_nor_origin_jti() {
    let given = given(&[], &[]);
    let issue = Issue { origin_jti: None, ..given.issue() };
    let id = IdClaims { issue, ..given.id() }.build();
    let access = AccessClaims { issue, ..given.access() }.build();
    assert_eq!(
        names(&id),
        ["aud", "auth_time", "cognito:username", "event_id", "exp", "iat", "iss", "sub", "token_use"]
    );
    assert_eq!(
        names(&access),
        ["auth_time", "client_id", "event_id", "exp", "iat", "iss", "scope", "sub", "token_use", "username"]
    );
}

#[test]
fn tokens_of_the_oauth_endpoints() {
    let given = given(&[], &[]);
    let issue = Issue { origin_jti: None, event_id: None, ..given.issue() };
    let client = given.client.as_str();
    let machine = AccessClaims { issue, sub: client, username: None, scope: "api/read", oauth: true, ..given.access() };
    let machine = machine.build();
    assert_eq!(
        names(&machine),
        ["auth_time", "client_id", "exp", "iat", "iss", "jti", "scope", "sub", "token_use", "version"]
    );
    assert_eq!(
        (&machine["version"], &machine["sub"], &machine["client_id"]),
        (&json!(2), &json!(client), &json!(client))
    );
    let user = AccessClaims { oauth: true, device_key: Some("us-east-1_x"), ..given.access() }.build();
    assert_eq!((&user["device_key"], &user["origin_jti"]), (&json!("us-east-1_x"), &json!(ORIGIN)));
    let id =
        IdClaims { nonce: Some("n"), at_hash: Some("h"), acr: Some("urn:cognito:loa:1"), amr: &["pwd"], ..given.id() };
    let id = id.build();
    assert_eq!((&id["nonce"], &id["at_hash"]), (&json!("n"), &json!("h")));
    assert_eq!((&id["acr"], &id["amr"]), (&json!("urn:cognito:loa:1"), &json!(["pwd"])));
}

#[test]
fn attributes_have_their_types() {
    let given = given(
        &[
            ("address", "1 Main St\nTown"),
            ("birthdate", "1990-01-31"),
            ("custom:bool", "true"),
            ("custom:number", "42"),
            ("dev:custom:tier", "gold"),
            ("email_verified", "false"),
            ("phone_number_verified", "TRUE"),
            ("updated_at", "1794042303"),
        ],
        &[],
    );
    let id = given.id().build();
    assert_eq!(id["address"], json!({ "formatted": "1 Main St\nTown" }));
    assert_eq!((&id["birthdate"], &id["custom:bool"]), (&json!("1990-01-31"), &json!("true")));
    assert_eq!((&id["custom:number"], &id["dev:custom:tier"]), (&json!("42"), &json!("gold")));
    assert_eq!((&id["email_verified"], &id["phone_number_verified"]), (&json!(false), &json!(true)));
    assert_eq!(id["updated_at"], json!(1_794_042_303));
    assert!(!given.access().build().keys().any(|name| given.attributes.contains_key(name)));
}

#[test]
fn only_readable_attributes_are_shown() {
    let given = given(&[("email", "a@example.com"), ("email_verified", "true"), ("custom:plan", "5")], &[]);
    let readable = ["email".to_owned(), "name".to_owned()];
    let id = IdClaims { readable: Readable::Only(&readable), ..given.id() }.build();
    assert!(id.contains_key("email") && !id.contains_key("email_verified") && !id.contains_key("custom:plan"));
    assert!(!id.contains_key("name"));
    let none = IdClaims { readable: Readable::Only(&[]), ..given.id() }.build();
    assert!(!none.contains_key("email"));
}

#[test]
fn the_preferred_role_needs_one_winner() {
    let preferred = |groups: &[_]| {
        let id = given(&[], groups).id().build();
        (
            id.get("cognito:preferred_role").cloned(),
            id.get("cognito:roles").map_or(0, |roles| roles.as_array().unwrap().len()),
        )
    };
    let role = |name: &str| Some(json!(format!("arn:aws:iam::123456789012:role/{name}")));
    assert_eq!(preferred(&[("a", Some(5), Some("x")), ("b", Some(3), Some("y"))]), (role("y"), 2));
    assert_eq!(preferred(&[("a", Some(3), Some("x")), ("b", Some(3), Some("y"))]), (None, 2));
    assert_eq!(preferred(&[("a", Some(3), Some("x")), ("b", Some(3), Some("x"))]), (role("x"), 1));
    assert_eq!(preferred(&[("a", None, Some("x")), ("b", Some(9), Some("y"))]), (role("y"), 2));
    assert_eq!(preferred(&[("a", None, Some("x")), ("b", None, Some("y"))]), (None, 2));
    assert_eq!(preferred(&[("a", Some(0), None), ("b", Some(9), Some("y"))]), (role("y"), 1));
    assert_eq!(preferred(&[("a", Some(0), None)]), (None, 0));
    assert_eq!(preferred(&[]), (None, 0));
}

#[test]
fn identities_are_objects_of_texts() {
    let given = given(&[("identities", "not this")], &[]);
    let identity = Identity {
        user_id: "117".into(),
        provider_name: "Google".into(),
        provider_type: "Google".into(),
        issuer: None,
        primary: true,
        date_created: Timestamp::from_millis(1_678_901_234_567),
    };
    let id = IdClaims { identities: &[identity], ..given.id() }.build();
    let expected = json!([{"userId": "117", "providerName": "Google", "providerType": "Google", "issuer": null,
                           "primary": "true", "dateCreated": "1678901234567"}]);
    assert_eq!(id["identities"], expected);
    assert!(!given.id().build().contains_key("identities"));
}

#[test]
fn a_token_is_not_issued_before_its_sign_in() {
    let given = given(&[], &[]);
    let issue = Issue { issued_at: Timestamp::from_millis(1_794_042_302_500), ..given.issue() };
    let access = AccessClaims { issue, ..given.access() }.build();
    assert_eq!((&access["iat"], &access["exp"]), (&json!(1_794_042_303), &json!(1_794_045_903)));
}

proptest! {
    #[test]
    fn no_attribute_stands_in_for_a_claim_of_the_token(value: String, at in 0..RESERVED.len() + 3) {
        let own = ["cognito:username", "cognito:groups", "cognito:roles"];
        let name = RESERVED.get(at).copied().unwrap_or_else(|| own[at - RESERVED.len()]);
        let attributed = given(&[(name, &value)], &[]);
        prop_assert_eq!(attributed.id().build(), given(&[], &[]).id().build());
    }

    #[test]
    fn every_token_lives_as_long_as_it_should(issued in -1_000_000_000_i64..4_000_000_000_000, seconds in 0_u64..400_000) {
        let given = given(&[], &[]);
        let issue = Issue { auth_time: Timestamp::from_millis(issued), issued_at: Timestamp::from_millis(issued), ..given.issue() };
        let claims = Claims::new(AccessClaims { issue, validity: Duration::from_secs(seconds), ..given.access() }.build());
        let (iat, exp) = (claims.time("iat").unwrap(), claims.time("exp").unwrap());
        prop_assert_eq!(exp.secs() - iat.secs(), i64::try_from(seconds).unwrap());
        prop_assert_eq!(iat.secs(), issued.div_euclid(1000));
    }
}
