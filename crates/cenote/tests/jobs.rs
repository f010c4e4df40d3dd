//! The runner of background jobs over a real store, with a clock that the tests move.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cenote::jobs::{Handler, Next, Pace, Runner, Sweep};
use cenote_base::{Clock, Random, SeededRandom, Timestamp};
use cenote_store::jobs::{self, Lease, NewJob};
use cenote_store::testing::{self, START, TestStore};
use cenote_store::{Batch, Store, params};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const KIND: &str = "test";
const PACE: Pace = Pace { poll: Duration::from_millis(1), lease: Duration::from_secs(60), places: 2 };

type Outcome = Result<Next, String>;

/// Tells of each run and does what the test says.
struct Scripted<F> {
    runs: mpsc::UnboundedSender<(String, Option<String>)>,
    script: F,
}

impl<F: Fn(i64) -> BoxFuture<'static, Outcome> + Send + Sync + 'static> Handler for Scripted<F> {
    fn run<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Outcome> {
        self.runs.send((lease.id.clone(), lease.progress.clone())).unwrap();
        (self.script)(lease.attempts)
    }
}

struct Running {
    store: TestStore,
    runs: mpsc::UnboundedReceiver<(String, Option<String>)>,
    stop: CancellationToken,
    done: JoinHandle<()>,
}

impl Running {
    async fn start(
        ids: &[&str],
        pace: Pace,
        script: impl Fn(i64) -> BoxFuture<'static, Outcome> + Send + Sync + 'static,
    ) -> Self {
        let store = testing::sqlite().await;
        for id in ids {
            store.apply(jobs::enqueue(&job(id))).await.unwrap();
        }
        let (sender, runs) = mpsc::unbounded_channel();
        let runner = runner(&store, pace).with(KIND, Arc::new(Scripted { runs: sender, script }));
        let stop = CancellationToken::new();
        let done = tokio::spawn(runner.run(stop.clone()));
        Self { store, runs, stop, done }
    }

    /// Waits until the job's row is as wanted: due time and last error.
    async fn row(&self, id: &'static str, wanted: impl Fn(&(Option<Timestamp>, Option<String>)) -> bool) {
        loop {
            let sql = "select run_at, last_error from jobs where id = $1";
            let row = self.store.read_one(sql, params![id]).await.unwrap().unwrap();
            let row = (row.opt_time(0).unwrap(), row.opt_text(1).unwrap().map(str::to_owned));
            if wanted(&row) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn no_jobs(&self) {
        while !self.store.read("select id from jobs limit 10", params![]).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

fn runner(store: &TestStore, pace: Pace) -> Runner {
    let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (store.clock().clone(), Arc::new(SeededRandom::new(1)));
    Runner::new(Store::clone(store), clock, random, "node".to_owned(), pace)
}

fn job(id: &str) -> NewJob {
    NewJob { id: id.to_owned(), kind: KIND.to_owned(), payload: Vec::new(), run_at: START, created_at: START }
}

fn ready(outcome: Outcome) -> BoxFuture<'static, Outcome> {
    std::future::ready(outcome).boxed()
}

#[tokio::test]
async fn done_jobs_go() {
    let mut running = Running::start(&["a", "b", "c"], PACE, |_| ready(Ok(Next::Done))).await;
    for id in ["a", "b", "c"] {
        assert_eq!(running.runs.recv().await.unwrap(), (id.to_owned(), None));
    }
    running.no_jobs().await;
}

#[tokio::test]
async fn a_job_goes_on_where_it_stopped_and_not_before_its_time() {
    let again = || Ok(Next::Again { progress: Some("half".to_owned()), after: Duration::from_secs(60) });
    let mut running = Running::start(&["a"], PACE, move |_| ready(again())).await;
    assert_eq!(running.runs.recv().await.unwrap().1, None);
    running.row("a", |row| *row == (Some(START + Duration::from_secs(60)), None)).await;
    assert!(running.runs.try_recv().is_err());
    running.store.clock().advance(Duration::from_secs(60));
    assert_eq!(running.runs.recv().await.unwrap().1.as_deref(), Some("half"));
}

#[tokio::test]
async fn failures_and_panics_are_recorded_and_tried_again() {
    let script = |attempts| -> BoxFuture<'static, Outcome> {
        match attempts {
            1 => ready(Err("no luck".to_owned())),
            2 => async { panic!("bad luck") }.boxed(),
            _ => ready(Ok(Next::Done)),
        }
    };
    let mut running = Running::start(&["a"], PACE, script).await;
    for error in ["no luck", "panic: bad luck"] {
        running.runs.recv().await.unwrap();
        running.row("a", |(_, last)| last.as_deref() == Some(error)).await;
        running.row("a", |(due, _)| due.unwrap() > START).await;
        running.store.clock().advance(Duration::from_secs(10));
    }
    running.runs.recv().await.unwrap();
    running.no_jobs().await;
}

#[tokio::test]
async fn no_more_run_at_a_time_than_allowed() {
    let (gate, inside) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let most = Arc::new(AtomicUsize::new(0));
    let script = {
        let (gate, inside, most) = (gate.clone(), inside.clone(), most.clone());
        move |_| -> BoxFuture<'static, Outcome> {
            let (gate, inside, most) = (gate.clone(), inside.clone(), most.clone());
            async move {
                most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                inside.fetch_sub(1, Ordering::SeqCst);
                Ok(Next::Done)
            }
            .boxed()
        }
    };
    let mut running = Running::start(&["a", "b", "c", "d", "e"], PACE, script).await;
    running.runs.recv().await.unwrap();
    running.runs.recv().await.unwrap();
    assert!(running.runs.try_recv().is_err());
    gate.add_permits(5);
    running.no_jobs().await;
    assert_eq!(most.load(Ordering::SeqCst), PACE.places);
}

#[tokio::test]
async fn a_kind_that_fills_its_places_keeps_no_other_waiting() {
    let store = testing::sqlite().await;
    let (sender, mut runs) = mpsc::unbounded_channel();
    let long = Arc::new(Scripted { runs: sender.clone(), script: |_| std::future::pending().boxed() });
    let short = Arc::new(Scripted { runs: sender, script: |_| ready(Ok(Next::Done)) });
    for id in ["a", "b", "c", "d"] {
        store.apply(jobs::enqueue(&job(id))).await.unwrap();
    }
    let runner = runner(&store, PACE).with(KIND, long).with_standing("short", short);
    let stop = CancellationToken::new();
    let done = tokio::spawn(runner.run(stop.clone()));
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(runs.recv().await.unwrap().0);
    }
    assert_eq!(seen, ["a", "b", "short"]);
    stop.cancel();
    done.await.unwrap();
}

#[tokio::test]
async fn a_stop_hands_running_jobs_back_at_once() {
    let mut running = Running::start(&["a"], PACE, |_| std::future::pending().boxed()).await;
    running.runs.recv().await.unwrap();
    running.stop.cancel();
    (&mut running.done).await.unwrap();
    running.row("a", |(due, _)| *due == Some(START)).await;
}

#[tokio::test]
async fn a_lost_lease_ends_the_run_and_changes_nothing() {
    let (dropped, mut ended) = mpsc::unbounded_channel::<()>();
    let script = move |_| -> BoxFuture<'static, Outcome> {
        let dropped = dropped.clone();
        async move {
            let _held = dropped;
            std::future::pending().await
        }
        .boxed()
    };
    let pace = Pace { lease: Duration::from_millis(3), ..PACE };
    let mut running = Running::start(&["a"], pace, script).await;
    running.runs.recv().await.unwrap();
    // Another node takes the job over for a long time.
    let later = START + Duration::from_secs(1_000);
    let theirs = Batch::new().any("update jobs set fence = fence + 1, run_at = $1", params![later]);
    running.store.apply(theirs).await.unwrap();
    // The handler's end shows in the runner's free place: a second job runs to its own hang.
    running.store.apply(jobs::enqueue(&job("b"))).await.unwrap();
    assert_eq!(running.runs.recv().await.unwrap().0, "b");
    running.row("a", |(due, _)| *due == Some(later)).await;
    running.stop.cancel();
    (&mut running.done).await.unwrap();
    assert!(ended.recv().await.is_none(), "no run is left");
    running.row("a", |(due, error)| *due == Some(later) && error.is_none()).await;
}

#[tokio::test]
async fn the_sweep_deletes_what_expired_ten_minutes_ago_and_comes_back() {
    let store = testing::sqlite().await;
    let insert = |id: &str, at: Timestamp| cenote_store::records::sessions::consume(id, at);
    let minutes = |minutes: u64| START - Duration::from_secs(60 * minutes);
    for (id, at) in [("old", minutes(11)), ("fresh", minutes(9))] {
        store.apply(insert(id, at)).await.unwrap();
    }
    // More than one write deletes.
    let older = (0..1_200).map(|n| store.apply(insert(&format!("old-{n}"), minutes(20))));
    assert!(futures_util::future::join_all(older).await.iter().all(Result::is_ok));
    let sweep = Sweep::new(Store::clone(&store), store.clock().clone());
    let runner = runner(&store, PACE).with_standing(Sweep::KIND, Arc::new(sweep));
    let stop = CancellationToken::new();
    let done = tokio::spawn(runner.run(stop.clone()));
    loop {
        let sql = "select run_at from jobs where id = 'sweep' and attempts = 0 and run_at > $1";
        if store.read_one(sql, params![START]).await.unwrap().is_some() {
            break;
        }
        tokio::task::yield_now().await;
    }
    stop.cancel();
    done.await.unwrap();
    let left = store.read("select id from used_sessions limit 10", params![]).await.unwrap();
    let left: Vec<_> = left.iter().map(|row| row.text(0).unwrap().to_owned()).collect();
    assert_eq!(left, ["fresh"]);
}

#[tokio::test]
async fn a_standing_job_is_scheduled_once_and_as_soon_as_the_database_takes_it() {
    let store = testing::sqlite().await;
    // In the runner's own lane, which keeps its order.
    let alter = |sql| store.apply_background(Batch::new().any(sql, params![]));
    alter("alter table jobs rename to hidden_jobs").await.unwrap();
    let (sender, mut runs) = mpsc::unbounded_channel();
    let again = |_| ready(Ok(Next::Again { progress: None, after: Duration::from_secs(60) }));
    let handler = Arc::new(Scripted { runs: sender, script: again });
    let start = || {
        let runner = runner(&store, PACE).with_standing(KIND, handler.clone());
        let stop = CancellationToken::new();
        (tokio::spawn(runner.run(stop.clone())), stop)
    };
    let (first, stop_first) = start();
    // The runner's first attempt is in the lane when its task waits for the answer.
    tokio::task::yield_now().await;
    alter("alter table hidden_jobs rename to jobs").await.unwrap();
    assert_eq!(runs.recv().await.unwrap(), (KIND.to_owned(), None));
    // Another node has the same standing job.
    let (second, stop_second) = start();
    store.clock().advance(Duration::from_secs(61));
    runs.recv().await.unwrap();
    for (runner, stop) in [(first, stop_first), (second, stop_second)] {
        stop.cancel();
        runner.await.unwrap();
    }
    assert_eq!(store.read("select id from jobs limit 10", params![]).await.unwrap().len(), 1);
}
