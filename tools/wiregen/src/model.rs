//! The service model as AWS writes it (botocore's `service-2.json`), as far as the generator reads it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A service.
#[derive(Debug, Deserialize)]
pub struct Model {
    /// About the service.
    pub metadata: Metadata,
    /// Its operations by name.
    pub operations: BTreeMap<String, RawOperation>,
    /// Its shapes by name.
    pub shapes: BTreeMap<String, RawShape>,
}

/// About the service.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// `json` is the only protocol that is generated.
    pub protocol: String,
    /// What stands before the `.` in `X-Amz-Target`.
    #[serde(default)]
    pub target_prefix: String,
}

/// An operation.
#[derive(Debug, Deserialize)]
pub struct RawOperation {
    /// What it takes.
    pub input: Option<Reference>,
    /// What it answers with.
    pub output: Option<Reference>,
    /// What it may fail with.
    #[serde(default)]
    pub errors: Vec<Reference>,
    /// `none` where no signature is needed.
    pub authtype: Option<String>,
}

/// The name of a shape.
#[derive(Clone, Debug, Deserialize)]
pub struct Reference {
    /// The name.
    pub shape: String,
}

/// A shape. A trait that is not listed here stops the generator: it may change what is on the wire.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawShape {
    /// structure, list, map, string, integer …
    pub r#type: String,
    /// A structure's members, in the model's order.
    pub members: Option<Map<String, Value>>,
    /// The members that must be there.
    #[serde(default)]
    pub required: Vec<String>,
    /// A list's elements.
    pub member: Option<Reference>,
    /// A map's keys.
    pub key: Option<Reference>,
    /// A map's values.
    pub value: Option<Reference>,
    /// The lower bound of a length or a value.
    pub min: Option<i64>,
    /// The upper bound.
    pub max: Option<i64>,
    /// A pattern, in Java's syntax.
    pub pattern: Option<String>,
    /// The words of an enumeration.
    #[serde(default)]
    pub r#enum: Vec<String>,
    /// Not to be printed.
    #[serde(default)]
    pub sensitive: bool,
    /// A structure of any form.
    #[serde(default)]
    pub document: bool,
    /// An error.
    #[serde(default)]
    pub exception: bool,
    /// An error of the server.
    #[serde(default)]
    pub fault: bool,
    /// Prose: read past.
    #[serde(rename = "documentation")]
    _documentation: Option<Value>,
}

/// A member of a structure. A trait that is not listed here stops the generator.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawMember {
    /// Its shape.
    pub shape: String,
    /// Prose and hints for SDKs: read past.
    #[serde(rename = "documentation")]
    _documentation: Option<Value>,
    #[serde(rename = "deprecated")]
    _deprecated: Option<Value>,
    #[serde(rename = "deprecatedMessage")]
    _deprecated_message: Option<Value>,
    #[serde(rename = "box")]
    _box: Option<Value>,
}
