//! What comes out of a statement.

use std::fmt;

use cenote_base::Timestamp;

use crate::{StoreError, Value};

/// One row: its columns in the order of the statement, read by position.
///
/// Every accessor fails with [`StoreError::Column`] when there is no such column or it holds another kind.
/// `Debug` shows the kinds only.
#[derive(Clone, PartialEq, Eq)]
pub struct Row(Vec<Value>);

impl Row {
    /// A row of these columns.
    pub fn new(columns: Vec<Value>) -> Self {
        Self(columns)
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The column as it is.
    pub fn value(&self, index: usize) -> Result<&Value, StoreError> {
        self.0.get(index).ok_or(StoreError::Column { index, wanted: "a value", found: "no such column" })
    }

    /// A text.
    pub fn text(&self, index: usize) -> Result<&str, StoreError> {
        self.opt_text(index)?.ok_or_else(|| null(index, "text"))
    }

    /// A number.
    pub fn int(&self, index: usize) -> Result<i64, StoreError> {
        self.opt_int(index)?.ok_or_else(|| null(index, "number"))
    }

    /// Bytes.
    pub fn bytes(&self, index: usize) -> Result<&[u8], StoreError> {
        self.opt_bytes(index)?.ok_or_else(|| null(index, "bytes"))
    }

    /// A boolean, kept as 0 or 1; any other number is an error.
    pub fn flag(&self, index: usize) -> Result<bool, StoreError> {
        match self.int(index)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(StoreError::Column { index, wanted: "0 or 1", found: "another number" }),
        }
    }

    /// A time, kept as milliseconds since the Unix epoch.
    pub fn time(&self, index: usize) -> Result<Timestamp, StoreError> {
        self.int(index).map(Timestamp::from_millis)
    }

    /// A text or null.
    pub fn opt_text(&self, index: usize) -> Result<Option<&str>, StoreError> {
        match self.value(index)? {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            other => Err(mismatch(index, "text", other)),
        }
    }

    /// A number or null.
    pub fn opt_int(&self, index: usize) -> Result<Option<i64>, StoreError> {
        match self.value(index)? {
            Value::Int(number) => Ok(Some(*number)),
            Value::Null => Ok(None),
            other => Err(mismatch(index, "number", other)),
        }
    }

    /// Bytes or null.
    pub fn opt_bytes(&self, index: usize) -> Result<Option<&[u8]>, StoreError> {
        match self.value(index)? {
            Value::Bytes(bytes) => Ok(Some(bytes)),
            Value::Null => Ok(None),
            other => Err(mismatch(index, "bytes", other)),
        }
    }

    /// A time or null.
    pub fn opt_time(&self, index: usize) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.opt_int(index)?.map(Timestamp::from_millis))
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Row")?;
        f.debug_list().entries(&self.0).finish()
    }
}

fn null(index: usize, wanted: &'static str) -> StoreError {
    StoreError::Column { index, wanted, found: "null" }
}

fn mismatch(index: usize, wanted: &'static str, found: &Value) -> StoreError {
    StoreError::Column { index, wanted, found: found.kind() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;

    #[test]
    fn columns_are_read_by_kind() {
        let row = Row::new(params!["a", 1_i64, vec![2_u8], None::<i64>]);
        assert_eq!(row.text(0).unwrap(), "a");
        assert_eq!((row.int(1).unwrap(), row.flag(1).unwrap()), (1, true));
        assert_eq!(row.time(1).unwrap(), Timestamp::from_millis(1));
        assert_eq!(row.bytes(2).unwrap(), [2]);
        assert_eq!(row.opt_text(3).unwrap(), None);
        assert_eq!(row.opt_int(3).unwrap(), None);
        assert_eq!(row.opt_bytes(3).unwrap(), None);
        assert_eq!(row.opt_time(1).unwrap(), Some(Timestamp::from_millis(1)));
    }

    #[test]
    fn a_wrong_kind_a_null_and_a_missing_column_are_told_apart() {
        let row = Row::new(params!["a", None::<i64>, 2_i64]);
        let text = |result: Result<i64, StoreError>| result.unwrap_err().to_string();
        assert_eq!(text(row.int(0)), "column 0 of a row holds text where number was wanted");
        assert_eq!(text(row.int(1)), "column 1 of a row holds null where number was wanted");
        assert_eq!(text(row.int(9)), "column 9 of a row holds no such column where a value was wanted");
        assert!(row.flag(2).is_err());
    }
}
