//! One statement on one connection.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql};

use crate::sql::{Memo, sqlite_parameters};
use crate::{Row, Value};

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            // PostgreSQL cannot keep U+0000; both engines refuse it, so that a test on one finds what fails on the other.
            Self::Text(text) if text.contains('\0') => {
                return Err(rusqlite::Error::ToSqlConversionFailure("text with U+0000".into()));
            }
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Null => ValueRef::Null,
        }))
    }
}

/// A prepared statement from the connection's cache, its parameters bound.
pub(super) fn bound<'c>(
    connection: &'c Connection,
    memo: &Memo,
    sql: &'static str,
    params: &[Value],
) -> rusqlite::Result<CachedStatement<'c>> {
    let mut statement = connection.prepare_cached(&memo.get(sql, 0, sqlite_parameters))?;
    if statement.parameter_count() != params.len() {
        return Err(rusqlite::Error::InvalidParameterCount(params.len(), statement.parameter_count()));
    }
    for (number, value) in (1_usize..).zip(params) {
        statement.raw_bind_parameter(number, value)?;
    }
    Ok(statement)
}

/// All rows of a bound statement.
pub(super) fn rows(statement: &mut CachedStatement<'_>) -> rusqlite::Result<Vec<Row>> {
    let columns = statement.column_count();
    let mut out = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        // Collecting results would not know how many there are, and grow again and again.
        let mut values = Vec::with_capacity(columns);
        for index in 0..columns {
            values.push(value(row, index)?);
        }
        out.push(Row::new(values));
    }
    Ok(out)
}

fn value(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Value> {
    let found = row.get_ref(index)?;
    Ok(match found {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(error) => return Err(rusqlite::Error::Utf8Error(index, error)),
        },
        ValueRef::Real(_) => {
            let name = "a column of text, number or bytes".to_owned();
            return Err(rusqlite::Error::InvalidColumnType(index, name, found.data_type()));
        }
    })
}
