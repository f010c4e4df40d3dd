//! What goes into a statement: four kinds of value, the same on both engines.

use std::fmt;

use cenote_base::{AccountId, Arn, ClientId, PoolId, Region, Sub, Timestamp};
use uuid::Uuid;

/// A parameter of a statement or a column of a row.
///
/// `Debug` names the kind and the size only: parameters are people's data and must not reach a log.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Text without U+0000, which PostgreSQL cannot keep: a statement with such a text is refused on both engines.
    Text(String),
    /// A number, a boolean (0 or 1) or a time (milliseconds since the Unix epoch).
    Int(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// SQL's `null`.
    Null,
}

impl Value {
    /// The kind's name, for errors.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Int(_) => "number",
            Self::Bytes(_) => "bytes",
            Self::Null => "null",
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Int(_) => f.write_str("Int"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Null => f.write_str("Null"),
        }
    }
}

impl From<&Value> for Value {
    fn from(value: &Value) -> Self {
        value.clone()
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Self::Int(time.millis())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&Vec<u8>> for Value {
    fn from(bytes: &Vec<u8>) -> Self {
        Self::Bytes(bytes.clone())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        Self::Text(id.to_string())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! text_of {
    ($($id:ty),* $(,)?) => {$(
        impl From<&$id> for Value {
            fn from(id: &$id) -> Self {
                Self::Text(id.as_str().to_owned())
            }
        }

        impl From<$id> for Value {
            fn from(id: $id) -> Self {
                Self::Text(id.into())
            }
        }
    )*};
}

text_of!(AccountId, Arn, ClientId, PoolId, Region, Sub);

/// The parameters of one statement, each turned into a [`Value`]: `params![pool_id, name, now]`.
#[macro_export]
macro_rules! params {
    () => { ::std::vec::Vec::<$crate::Value>::new() };
    ($($value:expr),+ $(,)?) => { ::std::vec![$($crate::Value::from($value)),+] };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_parameter_has_its_value() {
        let pool: PoolId = "us-east-1_AbCdEfGhI".parse().unwrap();
        let values = params![
            "a",
            String::from("b"),
            7_i64,
            true,
            Timestamp::from_millis(5),
            vec![1_u8],
            None::<i64>,
            Some("c"),
            &pool,
            Some(&pool)
        ];
        let expected = [
            Value::Text("a".into()),
            Value::Text("b".into()),
            Value::Int(7),
            Value::Int(1),
            Value::Int(5),
            Value::Bytes(vec![1]),
            Value::Null,
            Value::Text("c".into()),
            Value::Text("us-east-1_AbCdEfGhI".into()),
            Value::Text("us-east-1_AbCdEfGhI".into()),
        ];
        assert!(values == expected);
        assert!(params![].is_empty());
    }

    #[test]
    fn debug_shows_no_content() {
        let shown = format!("{:?}", params!["hunter2", 123_456_i64, vec![9_u8; 3], None::<i64>]);
        assert_eq!(shown, "[Text(7 bytes), Int, Bytes(3), Null]");
    }
}
