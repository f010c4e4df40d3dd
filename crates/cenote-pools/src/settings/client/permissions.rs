//! `ReadAttributes` and `WriteAttributes`.

use cenote_wire::ApiError;
use cenote_wire::idp::UserPoolClientType;

use super::Subject;
use crate::domain::schema::{DEVELOPER_PREFIX, Schema, VERIFIED_FLAGS};

/// Lists may only name what the pool has. What is written must hold everything that the pool requires, and nothing that
/// users never write.
pub(super) fn check(client: &UserPoolClientType, subject: Subject<'_>) -> Result<(), ApiError> {
    let schema = &subject.pool.schema;
    if let Some(names) = &client.read_attributes
        && !names.iter().all(|name| schema.contains(name))
    {
        return Err(refusal("read", subject));
    }
    if let Some(names) = &client.write_attributes
        && !may_write(names, schema)
    {
        return Err(refusal("write", subject));
    }
    Ok(())
}

fn may_write(names: &[String], schema: &Schema) -> bool {
    let writable = |name: &String| {
        name != "sub"
            && !VERIFIED_FLAGS.contains(&name.as_str())
            && !name.starts_with(DEVELOPER_PREFIX)
            && schema.contains(name)
    };
    names.iter().all(writable) && schema.required().all(|attribute| names.contains(&attribute.name))
}

fn refusal(which: &str, subject: Subject<'_>) -> ApiError {
    ApiError::invalid_parameter(format!("Invalid {which} attributes specified while {} a client", subject.verb))
}
