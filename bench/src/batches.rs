//! Durable batches a second, beside what the engine itself does with the same statement in groups of the same size.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use cenote_base::{SystemClock, SystemRandom};
use cenote_store::{Batch, Store, StoreConfig, params};
use futures_util::future::join3;

use crate::{EACH, Failed, report};

/// As many as the store groups.
const GROUP: usize = 256;
/// Callers that wait for their answer at the same time: two groups, so that one fills while the other is written.
const TASKS: usize = 2 * GROUP;

const INSERT: &str = "insert into used_sessions (id, expires_at) values ($1, $2)";

/// SQLite: one transaction for each group, `synchronous=FULL`.
pub async fn sqlite() -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
    let limit = sqlite_limit(&folder.path().join("limit.db"))?;
    let store = open(&StoreConfig::sqlite(folder.path().join("cenote.db"))).await?;
    let rate = store_rate(&store).await?;
    report::ratio(
        "grouped durable batches on SQLite (store, 512 callers)",
        rate,
        "the engine alone (256 inserts a transaction, one thread)",
        limit,
    );
    Ok(())
}

/// PostgreSQL: beside the same transaction on as many connections as the store has.
pub async fn postgres(url: &str) -> Result<(), Failed> {
    let config = StoreConfig::postgres(url);
    let store = open(&config).await?;
    let rate = store_rate(&store).await?;
    let limit = postgres_limit(url, config.connections).await?;
    report::ratio(
        "durable batches on PostgreSQL (store, 512 callers)",
        rate,
        "the engine alone (16 connections, the same transaction)",
        limit,
    );
    Ok(())
}

/// What engine and driver do without Cenote: on each connection one transaction after the other, BEGIN, a prepared insert
/// and COMMIT sent in one trip, as the store sends a batch.
async fn postgres_limit(url: &str, connections: usize) -> Result<f64, Failed> {
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for connection in 0..connections {
        let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(driver);
        tasks.push(tokio::spawn(async move {
            let insert = client.prepare(INSERT).await?;
            let mut written = 0_u64;
            while begun.elapsed() < EACH {
                let id = format!("limit-{connection:08}{written:024}");
                let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&id, &1_i64];
                let (begun, inserted, committed) = join3(
                    client.batch_execute("begin"),
                    client.execute(&insert, &parameters),
                    client.batch_execute("commit"),
                )
                .await;
                begun?;
                inserted?;
                committed?;
                written += 1;
            }
            Ok::<_, Failed>(written)
        }));
    }
    let mut written = 0;
    for task in tasks {
        written += task.await??;
    }
    Ok(written as f64 / begun.elapsed().as_secs_f64())
}

async fn open(config: &StoreConfig) -> Result<Store, Failed> {
    Ok(Store::open(config, Arc::new(SystemClock), Arc::new(SystemRandom)).await?)
}

/// What the engine does without Cenote: the same table, the same pragmas, no savepoints, no callers, the keys in the same order.
fn sqlite_limit(file: &Path) -> Result<f64, Failed> {
    let connection = rusqlite::Connection::open(file)?;
    connection.execute_batch(
        "pragma journal_mode = wal; pragma synchronous = full; \
         create table used_sessions (id text not null primary key, expires_at integer not null) strict; \
         create index used_sessions_expiry on used_sessions (expires_at);",
    )?;
    let begun = Instant::now();
    let mut written = 0_u64;
    while begun.elapsed() < EACH {
        connection.execute_batch("begin immediate")?;
        {
            let mut statement =
                connection.prepare_cached("insert into used_sessions (id, expires_at) values (?1, ?2)")?;
            for _ in 0..GROUP {
                // The same keys in the same places as the callers below write them.
                let (task, n) = (written % TASKS as u64, written / TASKS as u64);
                statement.execute((format!("bench-{task:08}{n:024}"), 1_i64))?;
                written += 1;
            }
        }
        connection.execute_batch("commit")?;
    }
    Ok(written as f64 / begun.elapsed().as_secs_f64())
}

async fn store_rate(store: &Store) -> Result<f64, Failed> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut written = 0_u64;
                while begun.elapsed() < EACH {
                    let id = format!("bench-{task:08}{written:024}");
                    store.apply(Batch::new().one(INSERT, params![id, 1_i64], "Exists")).await?;
                    written += 1;
                }
                Ok::<_, Failed>(written)
            })
        })
        .collect();
    let mut written = 0;
    for task in tasks {
        written += task.await??;
    }
    Ok(written as f64 / begun.elapsed().as_secs_f64())
}
