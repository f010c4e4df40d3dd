//! Values in and out of PostgreSQL, and one statement on one connection.

use bytes::BytesMut;
use deadpool_postgres::Object;
use futures_util::{StreamExt, pin_mut};
use tokio_postgres::Statement;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::errors::Failure;
use crate::{Row, Value};

type Boxed = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        match self {
            Self::Text(text) => text.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
            Self::Int(number) if *ty == Type::INT8 => number.to_sql(ty, out),
            Self::Int(number) if *ty == Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
            Self::Int(number) if *ty == Type::INT2 => i16::try_from(*number)?.to_sql(ty, out),
            Self::Int(number) => (*number != 0).to_sql(ty, out),
            Self::Null => Ok(IsNull::Yes),
        }
    }

    /// [`fits`] was asked before the statement was sent.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Checks, before anything is sent, that the parameters suit the statement and that its rows can be read.
pub(super) fn check(statement: &Statement, params: &[Value]) -> Result<(), Failure> {
    let wanted = statement.params();
    if wanted.len() != params.len() {
        return Err(Failure::Value(format!("{} parameters given, {} wanted", params.len(), wanted.len())));
    }
    for (number, (value, ty)) in (1..).zip(params.iter().zip(wanted)) {
        if !fits(value, ty) {
            return Err(Failure::Value(format!("parameter {number} is {} and cannot be {ty}", value.kind())));
        }
    }
    match statement.columns().iter().find(|column| !is_portable(column.type_())) {
        Some(column) => Err(Failure::Value(format!("column {} is {}: cast it", column.name(), column.type_()))),
        None => Ok(()),
    }
}

fn fits(value: &Value, ty: &Type) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => is_text(ty) && !text.contains('\0'),
        Value::Bytes(_) => *ty == Type::BYTEA,
        Value::Int(number) => match *ty {
            Type::INT8 => true,
            Type::INT4 => i32::try_from(*number).is_ok(),
            Type::INT2 => i16::try_from(*number).is_ok(),
            Type::BOOL => matches!(number, 0 | 1),
            _ => false,
        },
    }
}

fn is_text(ty: &Type) -> bool {
    matches!(*ty, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME)
}

fn is_portable(ty: &Type) -> bool {
    is_text(ty) || matches!(*ty, Type::INT8 | Type::INT4 | Type::INT2 | Type::BOOL | Type::BYTEA)
}

/// A query outside a transaction.
pub(super) async fn read(client: &Object, sql: &str, params: &[Value]) -> Result<Vec<Row>, Failure> {
    let statement = client.prepare_cached(sql).await?;
    check(&statement, params)?;
    run(client, &statement, params).await
}

/// Sends the statement when first polled, then collects its rows.
pub(super) async fn run(client: &Object, statement: &Statement, params: &[Value]) -> Result<Vec<Row>, Failure> {
    let stream = client.query_raw(statement, params).await?;
    pin_mut!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.next().await {
        rows.push(row_of(&row?)?);
    }
    Ok(rows)
}

fn row_of(row: &tokio_postgres::Row) -> Result<Row, Failure> {
    let mut columns = Vec::with_capacity(row.len());
    for (index, column) in row.columns().iter().enumerate() {
        columns.push(match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(index)?.into(),
            Type::INT4 => row.try_get::<_, Option<i32>>(index)?.into(),
            Type::INT2 => row.try_get::<_, Option<i16>>(index)?.map(i32::from).into(),
            Type::BOOL => row.try_get::<_, Option<bool>>(index)?.into(),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(index)?.into(),
            _ => row.try_get::<_, Option<String>>(index)?.into(),
        });
    }
    Ok(Row::new(columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_fits_only_a_type_that_keeps_all_of_it() {
        assert!(fits(&Value::Int(i64::MAX), &Type::INT8));
        assert!(fits(&Value::Int(7), &Type::INT4) && !fits(&Value::Int(1 << 40), &Type::INT4));
        assert!(fits(&Value::Int(1), &Type::BOOL) && !fits(&Value::Int(2), &Type::BOOL));
        assert!(!fits(&Value::Int(1), &Type::TEXT) && !fits(&Value::Text("1".into()), &Type::INT8));
        assert!(fits(&Value::Text("é".into()), &Type::TEXT) && !fits(&Value::Text("a\0b".into()), &Type::TEXT));
        assert!(fits(&Value::Bytes(vec![0]), &Type::BYTEA) && fits(&Value::Null, &Type::INT8));
    }
}
