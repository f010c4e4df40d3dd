//! PostgreSQL at its worst: connections that die, stall and are cut, behind a proxy that reads along.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cenote_base::{ManualClock, SeededRandom};
use cenote_store::testing::{PostgresServer, START, execute};
use cenote_store::{Batch, BatchError, Migration, Store, StoreConfig, StoreError, params};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

const SCHEMA: &[Migration] = &[Migration {
    number: 0,
    name: "rows",
    min_program: 0,
    sql: "create table rows_of_test (id text not null primary key, n bigint not null)",
}];

async fn open(config: &StoreConfig) -> Store {
    Store::open_with(config, SCHEMA, Arc::new(ManualClock::new(START)), Arc::new(SeededRandom::new(1))).await.unwrap()
}

fn row(id: &str) -> Batch {
    Batch::new()
        .one("insert into rows_of_test (id, n) values ($1, 0)", params![id], "IdTaken")
        .one_returning("update rows_of_test set n = n + 1 where id = $1 returning n", params![id], "NoRow")
        .any("update rows_of_test set n = n + 1 where id = $1", params![id])
}

async fn has(store: &Store, id: &str) -> bool {
    store.read_one("select n from rows_of_test where id = $1", params![id]).await.unwrap().is_some()
}

/// What the proxy does to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Nothing.
    Pass,
    /// Keeps the server's words back until the program has sent COMMIT.
    AnswerAfterCommit,
    /// Passes everything on to the server and nothing back.
    Swallow,
    /// As `Swallow`, and cuts the connection when the server says that it has committed.
    CutAfterCommit,
    /// Cuts the connection in place of passing COMMIT on.
    CutBeforeCommit,
}

/// Listens in `directory` as a server would and passes on to the real one.
fn proxy(directory: &Path, server: &Path) -> watch::Sender<Mode> {
    let listener = UnixListener::bind(directory.join(".s.PGSQL.5432")).unwrap();
    let (sender, mode) = watch::channel(Mode::Pass);
    let server = server.join(".s.PGSQL.5432");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = UnixStream::connect(&server).await.unwrap();
            // A cut is an error on either side: nothing to report.
            tokio::spawn(pass(client, server, mode.clone()));
        }
    });
    sender
}

async fn pass(mut client: UnixStream, mut server: UnixStream, mode: watch::Receiver<Mode>) -> std::io::Result<()> {
    let (mut from_client, mut from_server) = (vec![0; 65536], vec![0; 65536]);
    let (mut held, mut swallowed, mut committing) = (Vec::new(), Vec::new(), false);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let bytes = &from_client[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                committing |= contains(bytes, b"commit\0");
                if committing && *mode.borrow() == Mode::CutBeforeCommit {
                    return Ok(());
                }
                server.write_all(bytes).await?;
            }
            read = server.read(&mut from_server) => {
                let bytes = &from_server[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                match *mode.borrow() {
                    Mode::Pass | Mode::CutBeforeCommit => {}
                    Mode::AnswerAfterCommit if committing => {}
                    Mode::AnswerAfterCommit => {
                        held.extend_from_slice(bytes);
                        continue;
                    }
                    Mode::Swallow => continue,
                    Mode::CutAfterCommit => {
                        swallowed.extend_from_slice(bytes);
                        if contains(&swallowed, b"COMMIT\0") {
                            return Ok(());
                        }
                        continue;
                    }
                }
                client.write_all(&std::mem::take(&mut held)).await?;
                client.write_all(bytes).await?;
            }
        }
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// A store with one connection behind a proxy, its statements prepared.
async fn behind_proxy(server: &PostgresServer) -> (Store, watch::Sender<Mode>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let mode = proxy(directory.path(), server.directory());
    let host = directory.path().to_str().unwrap().replace('/', "%2F");
    let mut config = StoreConfig::postgres(format!("postgresql://cenote@{host}/postgres"));
    config.connections = 1;
    let store = open(&config).await;
    store.apply(row("warm")).await.unwrap();
    (store, mode, directory)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_sent_whole_before_anything_is_answered() {
    let server = PostgresServer::start();
    let (store, mode, _directory) = behind_proxy(&server).await;
    mode.send_replace(Mode::AnswerAfterCommit);
    // Waiting for any answer before COMMIT would wait for ever.
    let rows = store.apply(row("1")).await.unwrap();
    assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1, 0]);
    mode.send_replace(Mode::Pass);
    assert!(has(&store, "1").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_comes_is_unknown_and_the_store_heals() {
    let server = PostgresServer::start();
    let (store, mode, _directory) = behind_proxy(&server).await;
    mode.send_replace(Mode::CutAfterCommit);
    let lost = store.apply(row("committed")).await.unwrap_err();
    assert!(matches!(lost, BatchError::Unknown(_)), "{lost:?}");
    mode.send_replace(Mode::Pass);
    assert!(has(&store, "committed").await, "the server had committed it");

    store.apply(row("warm again")).await.unwrap();
    mode.send_replace(Mode::CutBeforeCommit);
    let lost = store.apply(row("cut")).await.unwrap_err();
    assert!(matches!(lost, BatchError::Unknown(_)), "COMMIT was sent, who knows how far: {lost:?}");
    mode.send_replace(Mode::Pass);
    assert!(!has(&store, "cut").await);
    store.apply(row("cut")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_given_up() {
    let server = PostgresServer::start();
    let directory = tempfile::tempdir().unwrap();
    let mode = proxy(directory.path(), server.directory());
    let host = directory.path().to_str().unwrap().replace('/', "%2F");
    let mut config = StoreConfig::postgres(format!("postgresql://cenote@{host}/postgres"));
    config.connections = 1;
    config.statement_timeout = Duration::from_secs(2);
    config.wait_timeout = Duration::from_secs(2);
    config.connect_timeout = Duration::from_secs(2);
    let store = open(&config).await;
    store.apply(row("warm")).await.unwrap();
    mode.send_replace(Mode::Swallow);
    let lost = store.apply(row("silent")).await.unwrap_err();
    assert_eq!(lost, BatchError::Unknown("the database did not answer the commit in time".to_owned()));
    let lost = store.ping().await.unwrap_err();
    assert!(matches!(lost, StoreError::Unavailable(_)), "{lost:?}");
    let lost = store.apply(row("no connection")).await.unwrap_err();
    assert!(matches!(lost, BatchError::Unavailable(_)), "nothing was sent: {lost:?}");
    mode.send_replace(Mode::Pass);
    store.ping().await.unwrap();
    assert!(!has(&store, "no connection").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_connections_are_replaced() {
    let server = PostgresServer::start();
    let mut config = StoreConfig::postgres(server.url());
    config.connections = 8;
    let store = open(&config).await;
    for round in 0..10 {
        // All eight connections are in use, then ended by the server.
        let mut writes = tokio::task::JoinSet::new();
        for n in 0..32 {
            let store = store.clone();
            writes.spawn(async move { store.apply(row(&format!("{round}-{n}"))).await });
        }
        for written in writes.join_all().await {
            written.unwrap();
        }
        let end = "select pg_terminate_backend(pid, 10000) from pg_stat_activity \
                   where application_name = 'cenote' and pid <> pg_backend_pid()";
        execute(&server.url(), end).await;
        assert!(has(&store, &format!("{round}-31")).await, "a read is tried on another connection");
        // Each of those that are still in the pool says that it was ended before BEGIN, so nothing is unknown.
        for n in 0..8 {
            let written = store.apply(row(&format!("{round}-after-{n}"))).await;
            assert!(matches!(written, Ok(_) | Err(BatchError::Unknown(_))), "{written:?}");
        }
        store.apply(row(&format!("{round}-healed"))).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_is_waited_for_and_then_given_up() {
    let server = PostgresServer::start();
    let mut config = StoreConfig::postgres(server.url());
    config.statement_timeout = Duration::from_secs(2);
    let store = open(&config).await;
    store.apply(row("1")).await.unwrap();
    let (other, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    other.batch_execute("begin; update rows_of_test set n = 50 where id = '1'").await.unwrap();
    let add = || Batch::new().one("update rows_of_test set n = n + 1 where id = '1'", params![], "NoRow");
    let refused = store.apply(row("2").extend(add())).await.unwrap_err();
    assert!(matches!(&refused, BatchError::Unavailable(why) if why.contains("57014")), "{refused:?}");
    assert!(!has(&store, "2").await);
    other.batch_execute("rollback").await.unwrap();
    store.apply(row("2").extend(add())).await.unwrap();
    drop(other);
    connection.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_for_a_connection_is_bounded() {
    let server = PostgresServer::start();
    let mut config = StoreConfig::postgres(server.url());
    config.connections = 1;
    config.wait_timeout = Duration::from_millis(50);
    let store = open(&config).await;
    let (other, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    other.batch_execute("begin; insert into rows_of_test (id, n) values ('slow', 0)").await.unwrap();
    let slow = tokio::spawn({
        let store = store.clone();
        async move { store.apply(row("slow")).await }
    });
    // Until the only connection waits for the other's row.
    let waiting = "select count(*) from pg_locks where not granted";
    while other.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
    let refused = store.apply(row("1")).await.unwrap_err();
    assert_eq!(refused, BatchError::Unavailable("all connections are busy".to_owned()));
    let refused = store.ping().await.unwrap_err();
    assert_eq!(refused, StoreError::Unavailable("all connections are busy".to_owned()));
    other.batch_execute("rollback").await.unwrap();
    slow.await.unwrap().unwrap();
    drop(other);
    connection.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_schema_underneath_is_survived() {
    let server = PostgresServer::start();
    let mut config = StoreConfig::postgres(server.url());
    config.connections = 1;
    let store = open(&config).await;
    store.apply(row("1")).await.unwrap();
    assert!(has(&store, "1").await);
    // A node of the next version expands the schema while this one runs.
    execute(&server.url(), "alter table rows_of_test add column note text; alter table rows_of_test alter n type int4")
        .await;
    assert!(has(&store, "1").await, "the prepared read has another type of result now");
    store.apply(row("2")).await.unwrap();
}
