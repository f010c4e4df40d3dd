//! What was acknowledged is there, however the program or the database ends.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cenote_base::{SystemClock, SystemRandom};
use cenote_store::testing::{PostgresServer, StopMode, new_schema};
use cenote_store::{Batch, BatchError, Migration, OpenError, Store, StoreConfig, params};

/// The program's table.
const SCHEMA: &[Migration] = &[Migration {
    number: 0,
    name: "stream",
    min_program: 0,
    sql: "create table stream (id text not null primary key, payload text not null)",
}];

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-stream");

async fn open(config: &StoreConfig) -> Result<Store, OpenError> {
    Store::open_with(config, SCHEMA, Arc::new(SystemClock), Arc::new(SystemRandom)).await
}

/// All ids that are there.
async fn present(store: &Store) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut last = String::new();
    loop {
        let sql = "select id from stream where id > $1 and payload <> '' order by id limit 5000";
        let page = store.read(sql, params![&last]).await.unwrap();
        let Some(row) = page.last() else { return ids };
        last = row.text(0).unwrap().to_owned();
        ids.extend(page.iter().map(|row| row.text(0).unwrap().to_owned()));
    }
}

/// A running `store-stream`, its acknowledgements read line by line.
struct Stream {
    child: Child,
    lines: BufReader<ChildStdout>,
    acknowledged: Vec<String>,
}

impl Stream {
    fn start(engine: &str, place: &str, tasks: &str, prefix: &str) -> Self {
        let mut child = Command::new(PROGRAM)
            .args([engine, place, tasks, "0", prefix])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines, acknowledged: Vec::new() }
    }

    fn read(&mut self, count: usize) {
        for _ in 0..count {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "the program ended by itself");
            self.acknowledged.push(line.trim_end().to_owned());
        }
    }

    /// kill -9; what it had said by then counts.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        let whole = rest.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        self.acknowledged.extend(whole.map(|line| line.trim_end().to_owned()));
        self.acknowledged
    }
}

fn assert_none_missing(acknowledged: &[String], present: &BTreeSet<String>) {
    let missing: Vec<_> = acknowledged.iter().filter(|id| !present.contains(*id)).collect();
    assert!(
        missing.is_empty(),
        "{} of {} acknowledged rows are missing: {missing:?}",
        missing.len(),
        acknowledged.len()
    );
    assert!(!acknowledged.is_empty());
}

async fn killed_five_times(engine: &str, place: &str, config: &StoreConfig) {
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        let mut stream = Stream::start(engine, place, "16", &round.to_string());
        stream.read(500 + 700 * round);
        acknowledged.extend(stream.kill());
        let store = open(config).await.unwrap();
        assert_none_missing(&acknowledged, &present(&store).await);
        store.close().await;
    }
    println!("{engine}: killed 5 times, {} acknowledged, none missing", acknowledged.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_what_it_acknowledged_before_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stream.db");
    killed_five_times("sqlite", path.to_str().unwrap(), &StoreConfig::sqlite(&path)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_what_it_acknowledged_before_a_kill_of_the_client() {
    let (url, _guard) = match std::env::var(cenote_store::testing::URL_VARIABLE) {
        Ok(url) => new_schema(&url).await,
        Err(_) => new_schema(&PostgresServer::shared().url()).await,
    };
    killed_five_times("postgres", &url, &StoreConfig::postgres(url.as_str())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_what_it_acknowledged_before_its_own_crash() {
    let server = PostgresServer::start();
    let config = StoreConfig::postgres(server.url());
    let mut stream = Stream::start("postgres", &server.url(), "16", "s");
    for _ in 0..3 {
        stream.read(1500);
        server.stop(StopMode::Immediate);
        server.start_again();
    }
    // The same program goes on, with new connections.
    stream.read(1500);
    let acknowledged = stream.kill();
    let store = open(&config).await.unwrap();
    assert_none_missing(&acknowledged, &present(&store).await);
    println!("postgres: crashed 3 times, {} acknowledged, none missing", acknowledged.len());
}

/// What one task's writes came to.
#[derive(Default)]
struct Outcomes {
    committed: Vec<String>,
    refused: Vec<String>,
    unknown: usize,
}

async fn write_until(stop: Arc<AtomicBool>, count: Arc<AtomicUsize>, store: Store, task: usize) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for n in 0_u32.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let id = format!("{task}-{n}");
        let batch = Batch::new().one("insert into stream (id, payload) values ($1, '')", params![&id], "IdTaken").one(
            "update stream set payload = 'x' where id = $1",
            params![&id],
            "NoRow",
        );
        match store.apply(batch).await {
            Ok(_) => {
                count.fetch_add(1, Ordering::SeqCst);
                outcomes.committed.push(id);
            }
            Err(BatchError::Unavailable(_)) => outcomes.refused.push(id),
            Err(BatchError::Unknown(_)) => outcomes.unknown += 1,
            Err(error) => panic!("a restart must not look like a fault: {error:?}"),
        }
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restart_of_postgres_under_load_loses_nothing_and_heals() {
    let server = PostgresServer::start();
    let store = open(&StoreConfig::postgres(server.url())).await.unwrap();
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut writers = tokio::task::JoinSet::new();
    for task in 0..24 {
        writers.spawn(write_until(Arc::clone(&stop), Arc::clone(&count), store.clone(), task));
    }
    let more = async |count: &AtomicUsize| {
        let goal = count.load(Ordering::SeqCst) + 500;
        while count.load(Ordering::SeqCst) < goal {
            tokio::task::yield_now().await;
        }
    };
    more(&count).await;
    for mode in [StopMode::Fast, StopMode::Immediate, StopMode::Fast] {
        tokio::task::block_in_place(|| {
            server.stop(mode);
            server.start_again();
        });
        more(&count).await;
    }
    stop.store(true, Ordering::SeqCst);
    let outcomes = writers.join_all().await;
    let present = present(&store).await;
    let committed: Vec<_> = outcomes.iter().flat_map(|o| o.committed.iter().cloned()).collect();
    assert_none_missing(&committed, &present);
    let refused: Vec<_> = outcomes.iter().flat_map(|o| &o.refused).collect();
    let undead: Vec<_> = refused.iter().filter(|id| present.contains(**id)).collect();
    assert!(undead.is_empty(), "refused as unavailable and yet written: {undead:?}");
    let unknown: usize = outcomes.iter().map(|o| o.unknown).sum();
    println!("{} committed, {} unavailable, {unknown} unknown", committed.len(), refused.len());
}

#[test]
fn sqlite_syncs_before_each_acknowledgement() {
    let directory = tempfile::tempdir().unwrap();
    let (database, trace) = (directory.path().join("stream.db"), directory.path().join("trace"));
    let run = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=fsync,fdatasync,write,pwrite64", "-o"])
        .arg(&trace)
        .arg(PROGRAM)
        .arg("sqlite")
        .arg(&database)
        .args(["1", "100", "s"])
        .output();
    let run = run.unwrap_or_else(|error| panic!("strace does not run ({error}): install the package strace"));
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "strace must be able to trace (package strace, ptrace allowed): {said}");
    let acknowledged = check_trace(&trace);
    assert_eq!(acknowledged, 100);
}

/// Reads the trace: between two acknowledgements (writes to standard output) something was written to the database's
/// files and everything written was synced. Gives the number of acknowledgements.
fn check_trace(trace: &Path) -> usize {
    let (mut acknowledged, mut syncs, mut writes, mut unsynced) = (0, 0, 0, 0);
    for line in fs::read_to_string(trace).unwrap().lines() {
        let call = line.split_once(' ').unwrap().1.trim_start();
        if call.starts_with("write(1, \"s-0-") {
            assert!(syncs > 0 && writes > 0 && unsynced == 0, "not on disk when it was acknowledged: {line}");
            (acknowledged, syncs, writes) = (acknowledged + 1, 0, 0);
        } else if call.starts_with("pwrite64(") || call.starts_with("<... pwrite64") {
            writes += 1;
            unsynced += 1;
        } else if (call.contains("fdatasync") || call.contains("fsync")) && call.ends_with("= 0") {
            // Finished, not merely begun.
            syncs += 1;
            unsynced = 0;
        }
    }
    acknowledged
}
