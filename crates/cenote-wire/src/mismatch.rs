//! A member of the wrong JSON type, in the words of AWS's JSON front ends. No value of the input is ever repeated.

use std::fmt;

use serde_json::Value;

/// A member of the wrong JSON type: the caller is told by a SerializationException.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// A list where a scalar, a structure or a map belongs.
    List,
    /// An object where a scalar or a list belongs.
    Structure,
    /// A scalar where a list belongs.
    ExpectedList,
    /// A scalar where a map belongs.
    ExpectedMap,
    /// A scalar where a structure belongs.
    ExpectedStructure,
    /// A scalar of another type.
    Scalar {
        /// The Java class of what was found.
        found: &'static str,
        /// The name of what belongs there.
        expected: &'static str,
    },
}

impl Mismatch {
    /// `value` where a scalar of the Java type `expected` belongs.
    pub(crate) fn scalar(value: &Value, expected: &'static str) -> Self {
        match value {
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Structure,
            scalar => Self::Scalar { found: java_class(scalar), expected },
        }
    }

    /// `value` where a list belongs.
    pub(crate) fn list(value: &Value) -> Self {
        if value.is_object() { Self::Structure } else { Self::ExpectedList }
    }

    /// `value` where a map belongs.
    pub(crate) fn map(value: &Value) -> Self {
        if value.is_array() { Self::List } else { Self::ExpectedMap }
    }

    /// `value` where a structure belongs.
    pub(crate) fn structure(value: &Value) -> Self {
        if value.is_array() { Self::List } else { Self::ExpectedStructure }
    }
}

fn java_class(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "java.lang.String",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(_) => "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
        Value::Null | Value::Array(_) | Value::Object(_) => "java.lang.Object",
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List => f.write_str("Start of list found where not expected"),
            Self::Structure => f.write_str("Start of structure or map found where not expected."),
            Self::ExpectedList => f.write_str("Expected list or null"),
            Self::ExpectedMap => f.write_str("Expected map or null"),
            Self::ExpectedStructure => f.write_str("Expected null"),
            Self::Scalar { found, expected } => {
                write!(f, "class {found} can not be converted to an {expected}")
            }
        }
    }
}
