//! What holds for every operation of every service.

use cenote_wire::{Api, ApiError, ErrorCode, OperationVisitor, Structure, Target, json};
use proptest::prelude::*;
use serde_json::{Map, Value};

/// The input's members: name on the wire, required.
struct Members;

impl OperationVisitor for Members {
    type Output = Vec<(&'static str, bool)>;

    fn visit<A: Api>(self) -> Self::Output {
        let mut members = Vec::new();
        A::Input::default().members(&mut |member, _| members.push((member.wire, member.required)));
        members
    }
}

/// cognito-idp and cognito-identity differ here.
fn constraint_error(target: Target) -> ErrorCode {
    match target {
        Target::Idp(_) => ErrorCode::InvalidParameter,
        Target::Identity(_) => ErrorCode::Validation,
    }
}

#[test]
fn an_empty_input_is_taken_or_told_what_is_missing() {
    let mut taken = Vec::new();
    for target in Target::all() {
        let required = target.visit(Members).into_iter().filter(|(_, required)| *required);
        let required: Vec<&str> = required.map(|(name, _)| name).collect();
        match json::check(target, b"{}") {
            Ok(()) => {
                assert!(required.is_empty(), "{target:?}");
                taken.push(target.name());
            }
            Err(ApiError { code, message, .. }) => {
                let message = message.unwrap();
                assert_eq!(code, constraint_error(target), "{target:?}");
                let plural = if required.len() == 1 { "" } else { "s" };
                let count = format!("{} validation error{plural} detected: Value", required.len());
                assert!(message.starts_with(&count), "{target:?}: {message}");
                for name in &required {
                    let name = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
                    let text = format!(" at '{name}' failed to satisfy constraint: Member must not be null");
                    assert_eq!(message.matches(&text).count(), 1, "{target:?}: {message}");
                }
            }
        }
    }
    assert_eq!(taken, ["AssociateSoftwareToken", "UpdateManagedLoginBranding"]);
}

/// Any JSON, not too large.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(Value::from("us-east-1_abc")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// What decoding may answer: never anything of Rust's, never an answer without a code.
fn assert_decent(target: Target, body: &[u8]) {
    let Err(error) = json::check(target, body) else { return };
    assert!(error.code == constraint_error(target) || error.code == ErrorCode::Serialization, "{error:?}");
    let encoded = json::encode_error(&error);
    assert!(serde_json::from_slice::<Value>(&encoded.body).is_ok());
    for (_, value) in encoded.headers {
        assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{value}");
    }
    if error.code == ErrorCode::Serialization {
        let text = error.message.unwrap_or_default();
        for word in ["invalid", "expected", "line", "column", "i32", "struct "] {
            assert!(!text.contains(word) || text.contains("where not expected"), "{text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_json_in_the_place_of_any_member(values in prop::collection::vec(any_json(), 8)) {
        for target in Target::all() {
            let members = target.visit(Members).into_iter().map(|(name, _)| name.to_owned());
            let input: Map<_, _> = members.zip(values.iter().cycle().cloned()).collect();
            assert_decent(target, Value::Object(input).to_string().as_bytes());
        }
    }

    #[test]
    fn any_bytes(bytes: Vec<u8>, text in "[\\[\\]{}\":,a-z0-9\\\\ ]{0,40}") {
        for target in Target::all() {
            assert_decent(target, &bytes);
            assert_decent(target, text.as_bytes());
        }
    }
}
