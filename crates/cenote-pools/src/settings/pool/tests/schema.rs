use serde_json::json;

use super::{Value, created, invalid, refused};

#[test]
fn standard_attributes_may_become_required_or_immutable() {
    let pool = created(json!({"Schema": [
        {"Name": "email", "AttributeDataType": "String", "Required": true, "Mutable": false,
            "StringAttributeConstraints": {"MinLength": "7", "MaxLength": "256"}},
        {"Name": "sub", "AttributeDataType": "String", "Required": false, "Mutable": true}]}));
    let schema = pool["SchemaAttributes"].as_array().unwrap();
    assert_eq!(schema.len(), 20);
    assert_eq!(
        schema[10],
        json!({"Name": "email", "AttributeDataType": "String", "DeveloperOnlyAttribute": false, "Mutable": false,
            "Required": true, "StringAttributeConstraints": {"MinLength": "7", "MaxLength": "256"}})
    );
    assert_eq!((&schema[0]["Required"], &schema[0]["Mutable"]), (&json!(true), &json!(false)), "sub stays as it is");
    for bad in [
        json!({"Name": "email", "AttributeDataType": "Number"}),
        json!({"Name": "email", "DeveloperOnlyAttribute": true}),
    ] {
        assert_eq!(
            refused(json!({"Schema": [bad]})),
            invalid(
                "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute email"
            )
        );
    }
}

#[test]
fn custom_attributes() {
    let pool = created(json!({"Schema": [
        {"Name": "team"},
        {"Name": "age", "AttributeDataType": "Number", "Mutable": false,
            "NumberAttributeConstraints": {"MinValue": "18", "MaxValue": "120"}},
        {"Name": "level", "AttributeDataType": "Number", "DeveloperOnlyAttribute": true},
        {"Name": "since", "AttributeDataType": "DateTime", "StringAttributeConstraints": {"MinLength": "1"}}]}));
    assert_eq!(
        pool["SchemaAttributes"].as_array().unwrap()[20..],
        [
            json!({"Name": "custom:team", "AttributeDataType": "String", "DeveloperOnlyAttribute": false,
                "Mutable": true, "Required": false, "StringAttributeConstraints": {}}),
            json!({"Name": "custom:age", "AttributeDataType": "Number", "DeveloperOnlyAttribute": false,
                "Mutable": false, "Required": false,
                "NumberAttributeConstraints": {"MinValue": "18", "MaxValue": "120"}}),
            json!({"Name": "dev:custom:level", "AttributeDataType": "Number", "DeveloperOnlyAttribute": true,
                "Mutable": true, "Required": false, "NumberAttributeConstraints": {}}),
            json!({"Name": "custom:since", "AttributeDataType": "DateTime", "DeveloperOnlyAttribute": false,
                "Mutable": true, "Required": false}),
        ]
    );
}

#[test]
fn bad_custom_attributes() {
    let text = |attribute: Value| refused(json!({"Schema": [attribute]}));
    let length =
        |min: &str, max: &str| json!({"Name": "x", "StringAttributeConstraints": {"MinLength": min, "MaxLength": max}});
    assert_eq!(
        text(json!({"Name": "x", "Required": true})),
        invalid("Required custom attributes are not supported currently.")
    );
    assert_eq!(
        text(length("5", "4")),
        invalid("Attribute custom:x cannot have a max length shorter than it's min length")
    );
    assert_eq!(
        text(length("0", "2049")),
        invalid("user.custom:x: String attributes cannot have a length of more than 2048")
    );
    assert!(text(length("-1", "4")).contains("negative length"));
    assert!(text(length("one", "4")).contains("must be whole numbers"));
    assert_eq!(
        text(json!({"Name": "x", "AttributeDataType": "Number",
            "NumberAttributeConstraints": {"MinValue": "10", "MaxValue": "-10"}})),
        invalid("Attribute custom:x cannot have a max value smaller than it's min value")
    );
    assert!(text(json!({"AttributeDataType": "String"})).contains("Value null at 'schema.1.member.name'"));
    for twice in [json!({"Name": "x"}), json!({"Name": "x", "DeveloperOnlyAttribute": true})] {
        let refusal = refused(json!({"Schema": [{"Name": "x"}, twice]}));
        assert!(refusal.contains("Duplicate custom attribute names"), "{refusal}");
    }
    assert_eq!(
        refused(json!({"Schema": [{"Name": "x"}, {"Name": "x"}]})),
        invalid("Duplicate custom attribute names custom:x are not allowed in a user pool schema.")
    );
}
