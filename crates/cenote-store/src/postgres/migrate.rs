//! The schema's steps on PostgreSQL: one transaction each, under a lock that other nodes wait for.

use cenote_base::Timestamp;
use deadpool_postgres::Object;
use tokio_postgres::types::ToSql;

use super::errors;
use crate::migrations::{self, Applied, Migration};
use crate::sql::postgres_ddl;
use crate::{OpenError, params};

/// One lock per schema, so that installations in one database do not wait for each other.
const LOCK: &str = "select pg_advisory_xact_lock(hashtextextended('cenote schema ' || current_schema(), 0))";

/// Brings the schema up to date.
pub(super) async fn run(client: &mut Object, known: &[Migration], now: Timestamp) -> Result<(), OpenError> {
    let mut changed = false;
    while step(client, known, now).await? {
        changed = true;
    }
    if changed {
        analyze(client).await.map_err(failed)?;
    }
    Ok(())
}

/// Applies the first step that is missing; false when none is. What is missing is read under the lock, so a node that
/// waited finds the work done.
async fn step(client: &mut Object, known: &[Migration], now: Timestamp) -> Result<bool, OpenError> {
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.batch_execute("set local statement_timeout = 0").await.map_err(failed)?;
    transaction.query(LOCK, &[]).await.map_err(failed)?;
    transaction.batch_execute(&postgres_ddl(migrations::TABLE)).await.map_err(failed)?;
    let mut applied = Vec::new();
    for row in transaction.query(migrations::READ, &[]).await.map_err(failed)? {
        applied.push(Applied {
            number: row.try_get(0).map_err(failed)?,
            checksum: row.try_get(1).map_err(failed)?,
            min_program: row.try_get(2).map_err(failed)?,
        });
    }
    let missing = migrations::pending(known, &applied)?;
    let Some(step) = missing.first() else {
        transaction.commit().await.map_err(failed)?;
        return Ok(false);
    };
    let step_failed = |error| step.failed(errors::text(&error));
    transaction.batch_execute(&postgres_ddl(step.sql)).await.map_err(step_failed)?;
    let record = params![step.number, step.name, step.checksum(), step.min_program, now];
    let record: Vec<&(dyn ToSql + Sync)> = record.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
    transaction.execute(migrations::RECORD, &record).await.map_err(step_failed)?;
    transaction.commit().await.map_err(step_failed)?;
    Ok(true)
}

/// Without statistics the planner may read a whole pool where an index has one row.
async fn analyze(client: &Object) -> Result<(), tokio_postgres::Error> {
    let tables = "select coalesce(string_agg(quote_ident(tablename), ', '), '') from pg_tables \
                  where schemaname = current_schema()";
    let names: String = client.query_one(tables, &[]).await?.try_get(0)?;
    if names.is_empty() { Ok(()) } else { client.batch_execute(&format!("analyze {names}")).await }
}

fn failed(error: tokio_postgres::Error) -> OpenError {
    OpenError::Unsuitable(errors::text(&error))
}
