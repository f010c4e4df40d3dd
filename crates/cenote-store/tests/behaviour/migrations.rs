//! How the schema grows, with steps made for the test.

use std::sync::Arc;

use cenote_base::{ManualClock, SeededRandom};
use cenote_store::testing::{START, TestStore};
use cenote_store::{Batch, MIGRATIONS, Migration, OpenError, Store, params};

use crate::batches::number;
use crate::on_both_engines;

on_both_engines! {
    steps_run_once_and_keep_what_is_there,
    a_program_is_refused_only_by_a_database_that_asks_for_a_newer,
    a_changed_step_is_refused,
    a_failed_step_leaves_nothing,
    what_was_applied_is_recorded,
}

const ADD: Migration =
    Migration { number: 3, name: "add", min_program: 0, sql: "alter table tallies add column note text;" };
const DROP: Migration = Migration { number: 4, name: "drop", min_program: 3, sql: "drop table tickets;" };

/// The database as a program with these further steps finds it.
async fn open(store: &TestStore, further: &[Migration]) -> Result<Store, OpenError> {
    store.close().await;
    let steps: Vec<_> = crate::SCHEMA.iter().chain(further).copied().collect();
    Store::open_with(store.config(), &steps, Arc::new(ManualClock::new(START)), Arc::new(SeededRandom::new(1))).await
}

async fn steps_run_once_and_keep_what_is_there(store: TestStore) {
    store.apply(Batch::new().one("insert into tallies (id, n) values ('a', 1)", params![], "T")).await.unwrap();
    for _ in 0..2 {
        let opened = open(&store, &[ADD]).await.unwrap();
        let noted = opened.read_one("select n, note from tallies", params![]).await.unwrap().unwrap();
        assert_eq!((noted.int(0).unwrap(), noted.opt_text(1).unwrap()), (1, None));
        opened.close().await;
    }
}

async fn a_program_is_refused_only_by_a_database_that_asks_for_a_newer(store: TestStore) {
    open(&store, &[ADD, DROP]).await.unwrap().close().await;
    open(&store, &[ADD]).await.expect("an older program that can live without the dropped table").close().await;
    let refused = open(&store, &[]).await.unwrap_err();
    assert_eq!(refused, OpenError::NewerProgram { wanted: 3, this: 2 });
}

async fn a_changed_step_is_refused(store: TestStore) {
    open(&store, &[ADD]).await.unwrap().close().await;
    let changed = Migration { sql: "alter table tallies add column remark text;", ..ADD };
    let refused = open(&store, &[changed]).await.unwrap_err();
    assert_eq!(refused.to_string(), "migration 3 (add) is not the one that was applied to the database");
}

async fn a_failed_step_leaves_nothing(store: TestStore) {
    let half =
        "create table half (x text); insert into tallies (id, n) values ('half', 1); create table people (x text);";
    let failing = Migration { number: 3, name: "half", min_program: 0, sql: half };
    let error = open(&store, &[failing]).await.unwrap_err();
    assert!(matches!(&error, OpenError::MigrationFailed { number: 3, name, .. } if name == "half"), "{error:?}");
    let repaired = Migration { sql: "create table half (y text);", ..failing };
    let opened = open(&store, &[repaired]).await.unwrap();
    let rows = opened.read("select y from half limit 1", params![]).await.unwrap();
    assert!(rows.is_empty());
    assert!(opened.read("select id from tallies limit 1", params![]).await.unwrap().is_empty());
}

async fn what_was_applied_is_recorded(store: TestStore) {
    let sql = "select number, name, length(checksum), applied_at from schema_migrations order by number limit 10";
    let rows = store.read(sql, params![]).await.unwrap();
    for (row, step) in rows.iter().zip(crate::SCHEMA) {
        assert_eq!((row.int(0).unwrap(), row.text(1).unwrap()), (step.number, step.name));
        assert_eq!((row.int(2).unwrap(), row.time(3).unwrap()), (64, START));
    }
    assert_eq!(rows.len(), crate::SCHEMA.len());
    assert_eq!(number(&store, "select count(*) from jobs").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_start_at_once_migrate_once() {
    let store = cenote_store::testing::postgres_with(crate::SCHEMA).await;
    let steps: Vec<_> = crate::SCHEMA.iter().chain(&[ADD, DROP]).copied().collect();
    let mut nodes = tokio::task::JoinSet::new();
    for seed in 0..8 {
        let (config, steps) = (store.config().clone(), steps.clone());
        nodes.spawn(async move {
            let clock = Arc::new(ManualClock::new(START));
            Store::open_with(&config, &steps, clock, Arc::new(SeededRandom::new(seed))).await.map(|_| ())
        });
    }
    for node in nodes.join_all().await {
        node.unwrap();
    }
    assert_eq!(number(&store, "select count(*) from schema_migrations").await, 5);
}

#[tokio::test]
async fn cenotes_own_schema_suits_both_engines() {
    for store in [cenote_store::testing::sqlite().await, cenote_store::testing::postgres().await] {
        let sql = "select max(number) from schema_migrations";
        let newest = MIGRATIONS.iter().map(|step| step.number).max().unwrap();
        assert_eq!(number(&store, sql).await, newest);
    }
}
