//! A lane for heavy arithmetic: work of a millisecond or so that would hold up the threads that answer requests, like
//! the exponentiations of [`srp`](crate::srp).
//!
//! It runs on tokio's blocking threads, never more of it at once than the lane is wide. Past the bound of what may wait,
//! of one pool or of all, the answer is [`LaneError::Busy`], at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cenote_base::Fault;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Why work was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaneError {
    /// Too much work waits, of this pool or of all: `TooManyRequestsException`.
    #[error("too much arithmetic waits for its turn")]
    Busy,
    /// The program is going down, and the work was not begun.
    #[error("the lane for arithmetic has stopped")]
    Stopped,
    /// The work panicked.
    #[error("the arithmetic panicked")]
    Panicked,
}

impl LaneError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Busy => Fault::Caller,
            Self::Stopped => Fault::Dependency,
            Self::Panicked => Fault::Cenote,
        }
    }
}

/// Runs heavy work, in the order in which it came. Clones share the lane.
#[derive(Clone, Debug)]
pub struct HeavyLane {
    /// One for each piece of work that runs or waits.
    places: Arc<Semaphore>,
    /// One for each that runs.
    slots: Arc<Semaphore>,
    shares: Shares,
    /// How many places there are.
    size: usize,
    /// How many of them one pool may have.
    per_pool: usize,
}

/// How many pieces of work of each pool run or wait.
type Shares = Arc<Mutex<HashMap<String, usize>>>;

/// A place that counts for a pool.
struct Share {
    shares: Shares,
    pool: String,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        match shares.get_mut(&self.pool) {
            Some(taken) if *taken > 1 => *taken -= 1,
            _ => drop(shares.remove(&self.pool)),
        }
    }
}

impl HeavyLane {
    /// At most `width` pieces of work run at once (at least one), and at most `waiting` more wait; a pool may fill the
    /// width and a quarter of what waits, so that none keeps the others out.
    pub fn new(width: usize, waiting: usize) -> Self {
        let width = width.clamp(1, Semaphore::MAX_PERMITS);
        let places = width.saturating_add(waiting).min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            slots: Arc::new(Semaphore::new(width)),
            shares: Shares::default(),
            size: places,
            per_pool: width.saturating_add(waiting.div_ceil(4)),
        }
    }

    /// Takes a place for the pool, where it may have one more.
    fn share(&self, pool: &str) -> Result<Share, LaneError> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = shares.get(pool).copied().unwrap_or(0);
        if taken >= self.per_pool {
            return Err(LaneError::Busy);
        }
        shares.insert(pool.to_owned(), taken + 1);
        Ok(Share { shares: Arc::clone(&self.shares), pool: pool.to_owned() })
    }

    /// Does the work, which is the pool's, on a thread of its own and waits for it. Work whose caller has gone is not
    /// begun; once begun, it keeps its slot until it ends. Errors: see [`LaneError`]; a panic costs this one answer.
    pub async fn run<T, F>(&self, pool: &str, work: F) -> Result<T, LaneError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let share = self.share(pool)?;
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| LaneError::Busy)?;
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| LaneError::Stopped)?;
        // The permits go with the work and not with the caller, who may leave before it ends.
        let done = tokio::task::spawn_blocking(move || {
            let _held: (OwnedSemaphorePermit, OwnedSemaphorePermit, Share) = (place, slot, share);
            work()
        });
        done.await.map_err(|error| {
            if error.is_panic() {
                tracing::error!("heavy arithmetic panicked");
                LaneError::Panicked
            } else {
                LaneError::Stopped
            }
        })
    }

    /// How many pieces of work run or wait, for metrics.
    pub fn pending(&self) -> usize {
        self.size.saturating_sub(self.places.available_permits())
    }
}

/// One thread less than there are cores, so that arithmetic never starves everything else; at least one. For each, 512
/// pieces of work may wait: at 2 ms a piece the last of them waits a second, and the last of one pool's a quarter of it.
impl Default for HeavyLane {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let width = cores.saturating_sub(1).max(1);
        Self::new(width, width.saturating_mul(512))
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll_once<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Work that says when it has begun and ends when it is told to, or when nobody can tell it any more.
    fn gate() -> (impl FnOnce() + Send + 'static, Receiver<()>, Sender<()>) {
        let (begin, begun) = channel();
        let (opener, open) = channel();
        let work = move || {
            begin.send(()).unwrap();
            let _ = open.recv();
        };
        (work, begun, opener)
    }

    #[tokio::test]
    async fn work_gives_its_result() {
        let lane = HeavyLane::default();
        let here = std::thread::current().id();
        let (sum, there) = lane.run("pool", || (20 + 22, std::thread::current().id())).await.unwrap();
        assert_eq!(sum, 42);
        assert_ne!(here, there);
        assert_eq!(lane.pending(), 0);
    }

    #[tokio::test]
    async fn past_the_bound_the_answer_is_busy_at_once() {
        let lane = HeavyLane::new(1, 1);
        let (work, begun, opener) = gate();
        let mut running = Box::pin(lane.run("pool", work));
        assert!(poll_once(&mut running).is_pending());
        begun.recv().unwrap();
        let mut waiting = Box::pin(lane.run("pool", || 7));
        assert!(poll_once(&mut waiting).is_pending());
        assert_eq!(lane.pending(), 2);
        assert_eq!(poll_once(&mut Box::pin(lane.run("pool", || 8))), Poll::Ready(Err(LaneError::Busy)));
        assert_eq!(LaneError::Busy.fault(), Fault::Caller);
        opener.send(()).unwrap();
        running.await.unwrap();
        assert_eq!(waiting.await, Ok(7));
        assert_eq!(lane.run("pool", || 9).await, Ok(9));
    }

    #[tokio::test]
    async fn no_more_run_at_once_than_the_lane_is_wide() {
        let lane = HeavyLane::new(2, 10);
        let (first, first_begun, open_first) = gate();
        let (second, second_begun, open_second) = gate();
        let (third, third_begun, open_third) = gate();
        let (mut first, mut second) = (Box::pin(lane.run("pool", first)), Box::pin(lane.run("pool", second)));
        let mut third = Box::pin(lane.run("pool", third));
        assert!(poll_once(&mut first).is_pending() && poll_once(&mut second).is_pending());
        assert!(poll_once(&mut third).is_pending());
        first_begun.recv().unwrap();
        second_begun.recv().unwrap();
        assert_eq!(lane.slots.available_permits(), 0);
        assert!(third_begun.try_recv().is_err());
        drop((open_first, open_second, open_third));
        assert_eq!(tokio::join!(first, second, third), (Ok(()), Ok(()), Ok(())));
        third_begun.recv().unwrap();
    }

    #[tokio::test]
    async fn work_whose_caller_has_gone_is_not_begun_and_keeps_no_place() {
        static BEGUN: AtomicUsize = AtomicUsize::new(0);
        let lane = HeavyLane::new(1, 1);
        let (work, begun, opener) = gate();
        let mut running = Box::pin(lane.run("pool", work));
        assert!(poll_once(&mut running).is_pending());
        begun.recv().unwrap();
        let mut gone = Box::pin(lane.run("pool", || BEGUN.fetch_add(1, Ordering::SeqCst)));
        assert!(poll_once(&mut gone).is_pending());
        drop(gone);
        let mut waiting = Box::pin(lane.run("pool", || 1));
        assert!(poll_once(&mut waiting).is_pending());
        // What has begun keeps its slot, though nobody waits for it any more.
        drop(running);
        assert!(poll_once(&mut waiting).is_pending());
        assert_eq!(lane.slots.available_permits(), 0);
        drop(opener);
        assert_eq!(waiting.await, Ok(1));
        assert_eq!(BEGUN.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_panic_costs_one_answer_and_not_the_lane() {
        let lane = HeavyLane::new(1, 0);
        let panicking: fn() -> u8 = || panic!("on purpose");
        assert_eq!(lane.run("pool", panicking).await, Err(LaneError::Panicked));
        assert_eq!(LaneError::Panicked.fault(), Fault::Cenote);
        assert_eq!(lane.run("pool", || 5).await, Ok(5));
    }

    #[tokio::test]
    async fn one_pool_leaves_room_for_the_others() {
        let lane = HeavyLane::new(1, 4);
        let (work, begun, opener) = gate();
        let mut running = Box::pin(lane.run("crowded", work));
        assert!(poll_once(&mut running).is_pending());
        begun.recv().unwrap();
        let mut waiting = Box::pin(lane.run("crowded", || 1));
        assert!(poll_once(&mut waiting).is_pending());
        assert_eq!(poll_once(&mut Box::pin(lane.run("crowded", || 2))), Poll::Ready(Err(LaneError::Busy)));
        let mut gone = Box::pin(lane.run("quiet", || 3));
        let mut other = Box::pin(lane.run("quiet", || 4));
        assert!(poll_once(&mut gone).is_pending() && poll_once(&mut other).is_pending());
        assert_eq!(lane.pending(), 4);
        drop((gone, opener));
        assert_eq!(tokio::join!(waiting, other), (Ok(1), Ok(4)));
        running.await.unwrap();
        assert_eq!(lane.run("crowded", || 5).await, Ok(5));
        assert_eq!(lane.pending(), 0);
        assert!(lane.shares.lock().unwrap().is_empty(), "nothing is kept of who has gone");
    }
}
