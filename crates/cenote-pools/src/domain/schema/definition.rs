//! What an attribute is: its stored form (`SchemaAttributeType`) and the 20 that every pool has.

use serde::{Deserialize, Serialize};

use super::integer::{Integer, NotAnInteger};

/// Stored attributes that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A bound is no whole number.
    #[error("attribute {name}: a bound is {0}", name = .1)]
    Bound(NotAnInteger, String),
    /// A name comes twice.
    #[error("an attribute is defined twice")]
    Duplicate,
}

/// `AttributeDataType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataType {
    /// Text.
    #[default]
    String,
    /// A whole number.
    Number,
    /// A time, ISO 8601; stored as given.
    DateTime,
    /// `true` or `false`.
    Boolean,
}

impl DataType {
    /// Cognito's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Number => "Number",
            Self::DateTime => "DateTime",
            Self::Boolean => "Boolean",
        }
    }
}

/// Inclusive bounds: of the length of a text in characters, or of a number's value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// `MinLength` or `MinValue`.
    pub min: Option<Integer>,
    /// `MaxLength` or `MaxValue`.
    pub max: Option<Integer>,
}

impl Bounds {
    fn parse(min: Option<&str>, max: Option<&str>) -> Result<Self, NotAnInteger> {
        let bound = |text: Option<&str>| text.map(str::parse).transpose();
        Ok(Self { min: bound(min)?, max: bound(max)? })
    }
}

/// One attribute of a pool's schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The full name, prefix included.
    pub name: String,
    /// What its values are.
    pub data_type: DataType,
    /// Only administrators write it.
    pub developer_only: bool,
    /// Whether it may change once the user exists.
    pub mutable: bool,
    /// Whether every user must have it.
    pub required: bool,
    /// Bounds of length (texts) or value (numbers).
    pub bounds: Bounds,
}

/// `SchemaAttributeType` as it is stored and shown: bounds are texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeDocument {
    /// The full name, prefix included.
    pub name: String,
    /// What its values are.
    pub attribute_data_type: DataType,
    /// Only administrators write it.
    pub developer_only_attribute: bool,
    /// Whether it may change once the user exists.
    pub mutable: bool,
    /// Whether every user must have it.
    pub required: bool,
    /// Bounds of a number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub number_attribute_constraints: Option<NumberConstraints>,
    /// Bounds of a text's length.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub string_attribute_constraints: Option<StringConstraints>,
}

/// `NumberAttributeConstraintsType`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NumberConstraints {
    /// The least value.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_value: Option<String>,
    /// The greatest value.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_value: Option<String>,
}

/// `StringAttributeConstraintsType`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StringConstraints {
    /// The least length.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_length: Option<String>,
    /// The greatest length.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_length: Option<String>,
}

impl TryFrom<AttributeDocument> for Attribute {
    type Error = SchemaError;

    fn try_from(document: AttributeDocument) -> Result<Self, SchemaError> {
        let bounds = match document.attribute_data_type {
            DataType::String => document
                .string_attribute_constraints
                .map(|bounds| Bounds::parse(bounds.min_length.as_deref(), bounds.max_length.as_deref())),
            DataType::Number => document
                .number_attribute_constraints
                .map(|bounds| Bounds::parse(bounds.min_value.as_deref(), bounds.max_value.as_deref())),
            DataType::DateTime | DataType::Boolean => None,
        };
        let bounds = bounds.unwrap_or_else(|| Ok(Bounds::default()));
        Ok(Self {
            bounds: bounds.map_err(|error| SchemaError::Bound(error, document.name.clone()))?,
            name: document.name,
            data_type: document.attribute_data_type,
            developer_only: document.developer_only_attribute,
            mutable: document.mutable,
            required: document.required,
        })
    }
}

/// The attributes of OpenID Connect that every pool has, in the order in which Cognito shows them.
const STANDARD: [(&str, Shape); 20] = [
    ("sub", Shape::Text(1, 2048)),
    ("name", Shape::Text(0, 2048)),
    ("given_name", Shape::Text(0, 2048)),
    ("family_name", Shape::Text(0, 2048)),
    ("middle_name", Shape::Text(0, 2048)),
    ("nickname", Shape::Text(0, 2048)),
    ("preferred_username", Shape::Text(0, 2048)),
    ("profile", Shape::Text(0, 2048)),
    ("picture", Shape::Text(0, 2048)),
    ("website", Shape::Text(0, 2048)),
    ("email", Shape::Text(0, 2048)),
    ("email_verified", Shape::Flag),
    ("gender", Shape::Text(0, 2048)),
    ("birthdate", Shape::Text(10, 10)),
    ("zoneinfo", Shape::Text(0, 2048)),
    ("locale", Shape::Text(0, 2048)),
    ("phone_number", Shape::Text(0, 2048)),
    ("phone_number_verified", Shape::Flag),
    ("address", Shape::Text(0, 2048)),
    ("updated_at", Shape::NotNegative),
];

/// The kinds of standard attributes.
#[derive(Clone, Copy)]
enum Shape {
    /// A text of this many characters at least and at most.
    Text(u32, u32),
    Flag,
    NotNegative,
}

/// Whether this is the name of a standard attribute.
pub(crate) fn is_standard(name: &str) -> bool {
    STANDARD.iter().any(|(standard, _)| *standard == name)
}

/// The stored form of the 20 standard attributes.
pub(crate) fn standard_documents() -> Vec<AttributeDocument> {
    STANDARD.iter().map(|(name, shape)| standard_document(name, *shape)).collect()
}

fn standard_document(name: &str, shape: Shape) -> AttributeDocument {
    let mut document = AttributeDocument {
        name: name.to_owned(),
        mutable: name != "sub",
        required: name == "sub",
        ..AttributeDocument::default()
    };
    match shape {
        Shape::Text(min, max) => {
            document.attribute_data_type = DataType::String;
            document.string_attribute_constraints =
                Some(StringConstraints { min_length: Some(min.to_string()), max_length: Some(max.to_string()) });
        }
        Shape::Flag => document.attribute_data_type = DataType::Boolean,
        Shape::NotNegative => {
            document.attribute_data_type = DataType::Number;
            document.number_attribute_constraints =
                Some(NumberConstraints { min_value: Some("0".to_owned()), max_value: None });
        }
    }
    document
}

/// The 20 standard attributes.
pub(super) fn standard() -> Vec<Attribute> {
    STANDARD
        .iter()
        .map(|(name, shape)| {
            let (data_type, bounds) = match shape {
                Shape::Text(min, max) => {
                    (DataType::String, Bounds { min: Some((*min).into()), max: Some((*max).into()) })
                }
                Shape::Flag => (DataType::Boolean, Bounds::default()),
                Shape::NotNegative => (DataType::Number, Bounds { min: Some(0.into()), max: None }),
            };
            Attribute {
                name: (*name).to_owned(),
                data_type,
                developer_only: false,
                mutable: *name != "sub",
                required: *name == "sub",
                bounds,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Schema;
    use super::*;

    #[test]
    fn the_two_forms_of_the_standard_attributes_agree() {
        assert_eq!(Schema::from_documents(standard_documents()).unwrap(), Schema::standard());
    }

    #[test]
    fn a_standard_attribute_prints_as_cognito_shows_it() {
        let documents = standard_documents();
        let text = |name: &str| {
            let document = documents.iter().find(|document| document.name == name).unwrap();
            serde_json::to_value(document).unwrap()
        };
        assert_eq!(
            text("email"),
            serde_json::json!({"Name": "email", "AttributeDataType": "String", "DeveloperOnlyAttribute": false,
                "Mutable": true, "Required": false,
                "StringAttributeConstraints": {"MinLength": "0", "MaxLength": "2048"}})
        );
        assert_eq!(text("updated_at")["NumberAttributeConstraints"], serde_json::json!({"MinValue": "0"}));
        assert_eq!(
            text("email_verified"),
            serde_json::json!({"Name": "email_verified", "AttributeDataType": "Boolean",
                "DeveloperOnlyAttribute": false, "Mutable": true, "Required": false})
        );
        assert_eq!(text("sub")["Required"], serde_json::json!(true));
        assert_eq!(text("sub")["Mutable"], serde_json::json!(false));
        assert_eq!(documents.len(), 20);
    }

    #[test]
    fn a_bound_that_is_no_number_is_named() {
        let document = AttributeDocument {
            name: "custom:x".into(),
            string_attribute_constraints: Some(StringConstraints { min_length: Some("a".into()), max_length: None }),
            ..AttributeDocument::default()
        };
        let error = Schema::from_documents(vec![document]).unwrap_err();
        assert_eq!(error.to_string(), "attribute custom:x: a bound is not a whole number");
    }

    #[test]
    fn a_name_comes_once() {
        let twice = vec![AttributeDocument { name: "custom:x".into(), ..AttributeDocument::default() }; 2];
        assert_eq!(Schema::from_documents(twice).unwrap_err(), SchemaError::Duplicate);
    }
}
