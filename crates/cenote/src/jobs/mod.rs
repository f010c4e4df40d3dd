//! The runner of background jobs: leases due jobs of the kinds that this program knows, runs a bounded number of each kind
//! at a time, keeps their leases while they run, and records how they ended. Any node may run any job; a node that dies
//! leaves its jobs to the others when their leases end.

mod sweep;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Clock, Random};
use cenote_store::jobs::{self, LEASE_LOST, Lease, NewJob};
use cenote_store::{Batch, BatchError, Store};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use sweep::Sweep;

use crate::log::panic_text;

/// How a run that went well ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The work is done; the job goes.
    Done,
    /// The work is done, and its last batch completed the job.
    Completed,
    /// There is more to do later, from `progress` on.
    Again {
        /// Where the next run begins; none: from the start.
        progress: Option<String>,
        /// How long from now.
        after: Duration,
    },
}

/// Knows how to do one kind of job.
pub trait Handler: Send + Sync + 'static {
    /// Does the work, or a piece of it. The error is for the log and the job's row; the job is tried again later, from
    /// the progress that was recorded last. A run may be cut off at any await: each of its batches must leave things in
    /// order.
    fn run<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Next, String>>;
}

/// How patiently jobs are run.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often due jobs are looked for.
    pub poll: Duration,
    /// How long a lease holds without a sign of life.
    pub lease: Duration,
    /// Jobs of one kind at a time. No kind takes another's places: a deleted pool of millions of users keeps its place for
    /// hours, and what expires must go meanwhile.
    pub places: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { poll: Duration::from_secs(1), lease: Duration::from_secs(60), places: 2 }
    }
}

/// Runs jobs.
pub struct Runner {
    shared: Arc<Shared>,
    kinds: Vec<Known>,
    standing: Vec<&'static str>,
    pace: Pace,
}

/// A kind of job, and who does it.
struct Known {
    kind: &'static str,
    handler: Arc<dyn Handler>,
    places: Arc<Semaphore>,
}

struct Shared {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    node: String,
}

impl Runner {
    /// A runner that knows no kind of job yet. `node` is its name in leases.
    pub fn new(store: Store, clock: Arc<dyn Clock>, random: Arc<dyn Random>, node: String, pace: Pace) -> Self {
        Self { shared: Arc::new(Shared { store, clock, random, node }), kinds: Vec::new(), standing: Vec::new(), pace }
    }

    /// Teaches it a kind of job.
    #[must_use]
    pub fn with(mut self, kind: &'static str, handler: Arc<dyn Handler>) -> Self {
        self.kinds.push(Known { kind, handler, places: Arc::new(Semaphore::new(self.pace.places)) });
        self
    }

    /// Teaches it a kind of job of which there is always one, whose handler lets it run again and again.
    #[must_use]
    pub fn with_standing(mut self, kind: &'static str, handler: Arc<dyn Handler>) -> Self {
        self.standing.push(kind);
        self.with(kind, handler)
    }

    /// Runs jobs until `stop`; what runs then is cut off and comes back at once, here or elsewhere.
    pub async fn run(self, stop: CancellationToken) {
        let mut missing = self.standing.clone();
        let mut running = JoinSet::new();
        loop {
            self.ensure(&mut missing).await;
            let more = self.start_due(&mut running, &stop).await;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                // A free place is of use at once only if jobs are known to wait for it.
                Some(_) = running.join_next(), if more => {}
                () = tokio::time::sleep(self.pace.poll) => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    /// Sees to it that the standing jobs exist; those that cannot be written stay in `missing`, for the next time.
    async fn ensure(&self, missing: &mut Vec<&'static str>) {
        while let Some(kind) = missing.last() {
            let (id, now) = ((*kind).to_owned(), self.shared.clock.now());
            let job = NewJob { kind: id.clone(), id, payload: Vec::new(), run_at: now, created_at: now };
            if let Err(error) = self.apply(jobs::enqueue_once(&job)).await {
                tracing::warn!(kind, %error, "a standing job could not be scheduled; it is tried again");
                return;
            }
            missing.pop();
        }
    }

    async fn apply(&self, batch: Batch) -> Result<(), BatchError> {
        self.shared.store.apply_background(batch).await.map(drop)
    }

    /// Starts due jobs in the free places; whether more may be due.
    async fn start_due(&self, running: &mut JoinSet<()>, stop: &CancellationToken) -> bool {
        while running.try_join_next().is_some() {}
        let mut more = false;
        for Known { kind, handler, places } in &self.kinds {
            loop {
                let Ok(place) = Arc::clone(places).try_acquire_owned() else {
                    more = true;
                    break;
                };
                let Shared { store, clock, node, .. } = &*self.shared;
                match jobs::lease(store, kind, node, clock.now(), self.pace.lease).await {
                    Ok(Some(lease)) => {
                        let run = Run { shared: Arc::clone(&self.shared), kind, lease, lasting: self.pace.lease };
                        let (handler, stop) = (Arc::clone(handler), stop.clone());
                        running.spawn(async move {
                            run.whole(handler, stop).await;
                            drop(place);
                        });
                    }
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(kind, %error, "due jobs cannot be read");
                        return false;
                    }
                }
            }
        }
        more
    }
}

/// One run of one job.
struct Run {
    shared: Arc<Shared>,
    kind: &'static str,
    lease: Lease,
    lasting: Duration,
}

/// How a run ended, its own fault or not.
enum End {
    Well(Next),
    Failed(String),
    LeaseLost,
    Stopped,
}

impl Run {
    async fn whole(self, handler: Arc<dyn Handler>, stop: CancellationToken) {
        let end = tokio::select! {
            biased;
            result = AssertUnwindSafe(handler.run(&self.lease)).catch_unwind() => match result {
                Ok(Ok(next)) => End::Well(next),
                Ok(Err(reason)) => End::Failed(reason),
                Err(panic) => End::Failed(format!("panic: {}", panic_text(&*panic))),
            },
            () = self.keep_lease() => End::LeaseLost,
            () = stop.cancelled() => End::Stopped,
        };
        let now = self.shared.clock.now();
        let (job, kind, attempts) = (&self.lease.id, self.kind, self.lease.attempts);
        let record = match end {
            End::Well(Next::Completed) => return,
            End::Well(Next::Done) => self.lease.complete(),
            End::Well(Next::Again { progress, after }) => self.lease.reschedule(progress.as_deref(), now + after),
            End::Failed(reason) => {
                let wait = jobs::backoff(attempts, &*self.shared.random);
                tracing::error!(job, kind, attempts, reason, "a job failed; it is tried again");
                self.lease.fail(&reason, Some(now + wait))
            }
            End::Stopped => self.lease.fail("the server stopped", Some(now)),
            End::LeaseLost => {
                tracing::warn!(job, kind, "a job's lease was lost; another node goes on with it");
                return;
            }
        };
        if let Err(error) = self.apply(record).await {
            // The lease ends by itself, and the job comes back then.
            tracing::warn!(job, kind, %error, "the end of a job cannot be recorded");
        }
    }

    /// Extends the lease as long as it can be had; ends when it is lost.
    async fn keep_lease(&self) {
        loop {
            tokio::time::sleep(self.lasting / 3).await;
            let until = self.shared.clock.now() + self.lasting;
            match self.apply(self.lease.extend(until)).await {
                Err(error) if error.tag() == Some(LEASE_LOST) => return,
                Err(error) => tracing::warn!(job = self.lease.id, %error, "a job's lease cannot be extended"),
                Ok(()) => {}
            }
        }
    }

    async fn apply(&self, batch: Batch) -> Result<(), BatchError> {
        self.shared.store.apply_background(batch).await.map(drop)
    }
}
