use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::schema::AttributeDocument;
use crate::domain::schema::definition::standard_documents;

/// The standard attributes, `email`, `family_name` and `given_name` required, and custom ones of each kind.
fn schema() -> Schema {
    let mut documents = standard_documents();
    for document in &mut documents {
        document.required |= ["email", "family_name", "given_name"].contains(&document.name.as_str());
    }
    let custom = [
        serde_json::json!({"Name": "custom:team", "AttributeDataType": "String", "DeveloperOnlyAttribute": false,
            "Mutable": true, "Required": false, "StringAttributeConstraints": {"MinLength": "2", "MaxLength": "5"}}),
        serde_json::json!({"Name": "custom:age", "AttributeDataType": "Number", "DeveloperOnlyAttribute": false,
            "Mutable": true, "Required": false, "NumberAttributeConstraints": {"MinValue": "18", "MaxValue": "120"}}),
        serde_json::json!({"Name": "custom:fixed", "AttributeDataType": "String", "DeveloperOnlyAttribute": false,
            "Mutable": false, "Required": false, "StringAttributeConstraints": {}}),
        serde_json::json!({"Name": "dev:custom:level", "AttributeDataType": "String", "DeveloperOnlyAttribute": true,
            "Mutable": true, "Required": false, "StringAttributeConstraints": {}}),
    ];
    documents.extend(custom.map(|document| serde_json::from_value::<AttributeDocument>(document).unwrap()));
    Schema::from_documents(documents).unwrap()
}

fn attributes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What every new user needs, and more.
fn person(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut all = attributes(&[("email", "a@b.c"), ("family_name", "F"), ("given_name", "G")]);
    all.extend(attributes(more));
    all
}

fn client(write: Option<&[&str]>) -> Client {
    let mut client = crate::domain::client::tests::client(serde_json::json!({}));
    client.write_attributes = write.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    client
}

fn refusal(result: Result<(), AttributeError>) -> (AttributeErrorKind, String) {
    let error = result.unwrap_err();
    (error.kind(), error.to_string())
}

fn invalid(text: &str) -> (AttributeErrorKind, String) {
    (AttributeErrorKind::InvalidParameter, text.to_owned())
}

fn unauthorized() -> (AttributeErrorKind, String) {
    (AttributeErrorKind::NotAuthorized, "A client attempted to write unauthorized attribute".to_owned())
}

#[test]
fn what_is_required_is_listed_sorted() {
    let client = client(None);
    let new = |pairs: &[(&str, &str)]| refusal(schema().check_new(&attributes(pairs), Writer::Client(&client)));
    assert_eq!(
        new(&[("family_name", "F"), ("given_name", "G")]),
        invalid("Attributes did not conform to the schema: email: The attribute is required")
    );
    assert_eq!(
        new(&[("email", "a@b.c"), ("given_name", "")]),
        invalid(
            "Attributes did not conform to the schema: family_name: The attribute is required\n\
             given_name: The attribute is required\n"
        )
    );
    assert_eq!(schema().check_new(&person(&[]), Writer::Client(&client)), Ok(()));
}

#[test]
fn an_administrator_may_leave_out_what_is_required() {
    assert_eq!(schema().check_new(&attributes(&[]), Writer::Admin), Ok(()));
    assert_eq!(schema().missing(&attributes(&[("email", "a@b.c")])), ["family_name", "given_name"]);
    assert!(schema().missing(&person(&[])).is_empty());
}

#[test]
fn attributes_that_do_not_exist() {
    let client = client(None);
    let unknown = person(&[("custom:nope", "x")]);
    let text = "Type for attribute {custom:nope} could not be determined";
    for writer in [Writer::Admin, Writer::Client(&client)] {
        assert_eq!(
            refusal(schema().check_new(&unknown, writer)),
            invalid(&format!("Attributes did not conform to the schema: {text}"))
        );
        assert_eq!(refusal(schema().check_update(&unknown, writer)), invalid(text));
    }
    let names = ["custom:foo".to_owned(), "email".to_owned(), "bar".to_owned()];
    assert_eq!(
        refusal(schema().check_delete(&names, Writer::Admin)),
        invalid(
            "Invalid user attributes: user.custom:foo: Attribute does not exist in the schema.\n\
             user.bar: Attribute does not exist in the schema.\n"
        )
    );
}

#[test]
fn nobody_writes_sub() {
    let text = invalid("Cannot modify the non-mutable attribute sub");
    let sub = person(&[("sub", "34c84488-e0e1-70ae-d2ee-991ad1a898c8"), ("custom:nope", "")]);
    let client = client(None);
    for writer in [Writer::Admin, Writer::Client(&client)] {
        assert_eq!(refusal(schema().check_new(&sub, writer)), text);
        assert_eq!(refusal(schema().check_update(&sub, writer)), text);
        assert_eq!(refusal(schema().check_delete(&["sub".to_owned()], writer)), text);
    }
}

#[test]
fn only_administrators_write_the_verified_flags() {
    for flag in VERIFIED_FLAGS {
        let flags = person(&[(flag, "true")]);
        assert_eq!(schema().check_new(&flags, Writer::Admin), Ok(()));
        assert_eq!(schema().check_update(&flags, Writer::Admin), Ok(()));
        let without_list = client(None);
        let text = invalid(&format!("Cannot modify the non-mutable attribute {flag}"));
        assert_eq!(refusal(schema().check_new(&flags, Writer::Client(&without_list))), text);
        assert_eq!(refusal(schema().check_update(&flags, Writer::Client(&without_list))), text);
        let with_list = client(Some(&["email", "family_name", "given_name"]));
        assert_eq!(refusal(schema().check_new(&flags, Writer::Client(&with_list))), unauthorized());
        assert_eq!(refusal(schema().check_update(&flags, Writer::Client(&with_list))), unauthorized());
    }
}

#[test]
fn a_client_writes_what_it_lists() {
    let listed = client(Some(&["email", "family_name", "given_name", "custom:team"]));
    let writer = Writer::Client(&listed);
    assert_eq!(schema().check_new(&person(&[("custom:team", "red")]), writer), Ok(()));
    assert_eq!(refusal(schema().check_new(&person(&[("nickname", "x")]), writer)), unauthorized());
    assert_eq!(refusal(schema().check_update(&attributes(&[("custom:age", "20")]), writer)), unauthorized());
    assert_eq!(refusal(schema().check_delete(&["custom:age".to_owned()], writer)), unauthorized());
    assert_eq!(schema().check_delete(&["custom:team".to_owned()], writer), Ok(()));
}

#[test]
fn developer_attributes_are_for_administrators() {
    let level = attributes(&[("dev:custom:level", "9")]);
    assert_eq!(schema().check_update(&level, Writer::Admin), Ok(()));
    let free = client(None);
    assert_eq!(refusal(schema().check_update(&level, Writer::Client(&free))), unauthorized());
    let listed = client(Some(&["dev:custom:level"]));
    assert_eq!(refusal(schema().check_update(&level, Writer::Client(&listed))), unauthorized());
}

#[test]
fn immutable_attributes_are_set_once() {
    let fixed = person(&[("custom:fixed", "x")]);
    let client = client(None);
    assert_eq!(schema().check_new(&fixed, Writer::Client(&client)), Ok(()));
    assert_eq!(schema().check_new(&fixed, Writer::Admin), Ok(()));
    let text = invalid("user.custom:fixed: Attribute cannot be updated.");
    for writer in [Writer::Admin, Writer::Client(&client)] {
        assert_eq!(refusal(schema().check_update(&attributes(&[("custom:fixed", "y")]), writer)), text);
        assert_eq!(refusal(schema().check_update(&attributes(&[("custom:fixed", "")]), writer)), text);
        assert_eq!(refusal(schema().check_delete(&["custom:fixed".to_owned()], writer)), text);
    }
}

#[test]
fn values_must_fit() {
    let new = |pairs: &[(&str, &str)]| refusal(schema().check_new(&person(pairs), Writer::Admin));
    let prefix = "Attributes did not conform to the schema: ";
    assert_eq!(
        new(&[("custom:team", "x")]),
        invalid(&format!("{prefix}custom:team: String length must be greater than or equal to 2"))
    );
    assert_eq!(
        new(&[("custom:team", "purple"), ("custom:age", "17"), ("birthdate", "1-1-2000")]),
        invalid(&format!(
            "{prefix}birthdate: String length must be greater than or equal to 10\n\
             custom:age: Number value must be greater than or equal to 18\n\
             custom:team: String length must be less than or equal to 5\n"
        ))
    );
    assert_eq!(
        refusal(schema().check_update(&attributes(&[("email_verified", "yes")]), Writer::Admin)),
        invalid(&format!("{prefix}email_verified: Value is not of type Boolean"))
    );
}

#[test]
fn addresses_have_a_format() {
    for check in [Schema::check_new, Schema::check_update] {
        assert_eq!(
            refusal(check(&schema(), &person(&[("email", "nobody")]), Writer::Admin)),
            invalid("Invalid email address format.")
        );
        assert_eq!(
            refusal(check(&schema(), &person(&[("phone_number", "2065559934")]), Writer::Admin)),
            invalid("Invalid phone number format.")
        );
    }
    assert_eq!(
        refusal(schema().check_new(&person(&[("phone_number", "")]), Writer::Admin)),
        invalid("Invalid phone number format.")
    );
}

#[test]
fn an_empty_value_deletes_unless_the_attribute_is_required() {
    let client = client(None);
    for writer in [Writer::Admin, Writer::Client(&client)] {
        let optional = attributes(&[("phone_number", ""), ("custom:team", ""), ("birthdate", "")]);
        assert_eq!(schema().check_update(&optional, writer), Ok(()));
        let text = invalid("Required attribute can not be deleted");
        assert_eq!(refusal(schema().check_update(&attributes(&[("email", "")]), writer)), text);
        assert_eq!(refusal(schema().check_delete(&["email".to_owned()], writer)), text);
    }
}

fn any_attributes() -> impl Strategy<Value = BTreeMap<String, String>> {
    let names: Vec<String> = schema().attributes().iter().map(|attribute| attribute.name.clone()).collect();
    let value = prop_oneof!["[a-z@.+0-9-]{0,14}", Just("true".to_owned()), Just("a@b".to_owned()), any::<String>()];
    proptest::collection::btree_map(proptest::sample::select(names), value, 0..6)
}

proptest! {
    #[test]
    fn what_a_client_may_write_an_administrator_may_too(attributes in any_attributes()) {
        let client = client(None);
        if schema().check_new(&attributes, Writer::Client(&client)).is_ok() {
            prop_assert_eq!(schema().check_new(&attributes, Writer::Admin), Ok(()));
        }
        if schema().check_update(&attributes, Writer::Client(&client)).is_ok() {
            prop_assert_eq!(schema().check_update(&attributes, Writer::Admin), Ok(()));
        }
    }

    #[test]
    fn what_is_accepted_conforms(attributes in any_attributes()) {
        let client = client(None);
        let schema = schema();
        if schema.check_new(&attributes, Writer::Client(&client)).is_ok() {
            prop_assert!(schema.missing(&attributes).is_empty());
            for (name, value) in &attributes {
                let attribute = schema.get(name).unwrap();
                prop_assert_eq!(attribute.check(value), Ok(()));
                prop_assert!(client.can_write(name) && !attribute.developer_only && name != "sub");
            }
            prop_assert!(attributes.get("email").is_none_or(|email| is_email(email)));
        }
    }
}
