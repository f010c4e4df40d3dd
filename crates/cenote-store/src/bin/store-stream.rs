//! Writes rows as fast as the store acknowledges them and says of each that it was acknowledged: what the durability
//! tests kill. Not part of the product.
//!
//! `store-stream (sqlite FILE | postgres URL) TASKS COUNT PREFIX`: each of TASKS tasks writes COUNT rows (0: without
//! end); a row's id goes to standard output after its commit, errors go to standard error.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use cenote_base::{SystemClock, SystemRandom};
use cenote_store::{Batch, Migration, Store, StoreConfig, params};

const SCHEMA: &[Migration] = &[Migration {
    number: 0,
    name: "stream",
    min_program: 0,
    sql: "create table stream (id text not null primary key, payload text not null)",
}];

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nothing is left to be done when standard error is closed.
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<(), String> {
    let [engine, place, tasks, count, prefix] = arguments else {
        return Err("usage: store-stream (sqlite FILE | postgres URL) TASKS COUNT PREFIX".to_owned());
    };
    let config = match engine.as_str() {
        "sqlite" => StoreConfig::sqlite(place),
        "postgres" => StoreConfig::postgres(place.as_str()),
        other => return Err(format!("no such engine: {other}")),
    };
    let number = |text: &String| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
    let (tasks, count) = (number(tasks)?, number(count)?);
    let store = Store::open_with(&config, SCHEMA, Arc::new(SystemClock), Arc::new(SystemRandom))
        .await
        .map_err(|error| error.to_string())?;
    let mut writers = tokio::task::JoinSet::new();
    for task in 0..tasks {
        writers.spawn(write(store.clone(), format!("{prefix}-{task}"), count));
    }
    while let Some(ended) = writers.join_next().await {
        ended.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    }
    store.close().await;
    Ok(())
}

async fn write(store: Store, prefix: String, count: u64) -> io::Result<()> {
    let mut n: u64 = 0;
    while count == 0 || n < count {
        n += 1;
        let id = format!("{prefix}-{n}");
        let batch = Batch::new().one("insert into stream (id, payload) values ($1, '')", params![&id], "IdTaken").one(
            "update stream set payload = $1 where id = $2",
            params!["x".repeat(100), &id],
            "NoRow",
        );
        match store.apply(batch).await {
            Ok(_) => io::stdout().write_all(format!("{id}\n").as_bytes())?,
            Err(error) => io::stderr().write_all(format!("{id}: {error}\n").as_bytes())?,
        }
    }
    Ok(())
}
