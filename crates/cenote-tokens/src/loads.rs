//! What is read from the store and kept for a while: one reading at a time for each key, whose outcome all who wait get,
//! a failure too. When the store stalls, everybody fails after one bounded wait, and not one after another.
//!
//! A reading is a task of its own: it goes on when the caller that began it goes away.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cenote_base::{Clock, Timestamp};
use cenote_store::StoreError;
use quick_cache::sync::Cache;
use tokio::sync::watch;

/// How long a reading may take, whatever the store waits for itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// The age of what never gets stale.
pub(crate) const FOR_EVER: Duration = Duration::MAX;

/// Why a reading failed. Cheap to clone: all who wait get one.
pub(crate) trait Failure: From<StoreError> + Clone + Send + Sync + 'static {
    /// What was looked for is not there (any more), so what is kept of it must go.
    fn is_gone(&self) -> bool;
}

/// A value and when its reading began.
type Dated<V> = (V, Timestamp);

type Outcome<V, E> = Option<Result<Dated<V>, E>>;

type Running<V, E> = HashMap<String, watch::Receiver<Outcome<V, E>>>;

/// Values by key, read as they are asked for. Cheap to clone; all clones share one cache.
pub(crate) struct Loads<V, E>(Arc<Inner<V, E>>);

struct Inner<V, E> {
    clock: Arc<dyn Clock>,
    patience: Duration,
    cache: Cache<String, Dated<V>>,
    running: Mutex<Running<V, E>>,
}

impl<V, E> Inner<V, E> {
    fn running(&self) -> MutexGuard<'_, Running<V, E>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Clone + Send + Sync + 'static, E: Failure> Loads<V, E> {
    /// Keeps this many values.
    pub(crate) fn new(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        Self::with_patience(capacity, clock, PATIENCE)
    }

    fn with_patience(capacity: usize, clock: Arc<dyn Clock>, patience: Duration) -> Self {
        Self(Arc::new(Inner { clock, patience, cache: Cache::new(capacity), running: Mutex::default() }))
    }

    /// The value, not older than `age`: kept, or from a reading that is under way or begins now.
    pub(crate) async fn get<L>(&self, key: &str, age: Duration, load: impl Fn() -> L) -> Result<V, E>
    where
        L: Future<Output = Result<V, E>> + Send + 'static,
    {
        let now = self.0.clock.now();
        if let Some((value, _)) = self.kept(key, age) {
            return Ok(value);
        }
        let (mut outcome, begun) = self.join_or_begin(key, age, &load);
        let (value, read_at) = wait(&mut outcome).await?;
        // A reading that began long before this call may have missed what this call is about.
        if begun || now <= read_at || now.since(read_at) < age {
            return Ok(value);
        }
        let (mut outcome, _) = self.join_or_begin(key, age, &load);
        Ok(wait(&mut outcome).await?.0)
    }

    /// Forgets the value; a reading that is under way is not kept either.
    pub(crate) fn forget(&self, key: &str) {
        let mut running = self.0.running();
        running.remove(key);
        self.0.cache.remove(key);
    }

    /// A clock that went backwards makes a value stale too, rather than fresh for ever.
    fn kept(&self, key: &str, age: Duration) -> Option<Dated<V>> {
        let (kept, now) = (self.0.cache.get(key)?, self.0.clock.now());
        (now >= kept.1 && now.since(kept.1) < age).then_some(kept)
    }

    /// The outcome to wait for, and whether its reading began here.
    fn join_or_begin<L>(
        &self,
        key: &str,
        age: Duration,
        load: &impl Fn() -> L,
    ) -> (watch::Receiver<Outcome<V, E>>, bool)
    where
        L: Future<Output = Result<V, E>> + Send + 'static,
    {
        let mut running = self.0.running();
        if let Some(outcome) = running.get(key) {
            return (outcome.clone(), false);
        }
        // One may have ended since the cache was asked.
        if let Some(kept) = self.kept(key, age) {
            return (watch::channel(Some(Ok(kept))).1, true);
        }
        let (sender, outcome) = watch::channel(None);
        running.insert(key.to_owned(), outcome.clone());
        let reading = Reading { inner: Arc::clone(&self.0), key: key.to_owned(), outcome: outcome.clone() };
        tokio::spawn(reading.run(sender, load()));
        (outcome, true)
    }
}

async fn wait<V: Clone, E: Failure>(outcome: &mut watch::Receiver<Outcome<V, E>>) -> Result<Dated<V>, E> {
    let unavailable = || E::from(StoreError::Unavailable("the reading was given up".into()));
    match outcome.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(unavailable())),
        Err(_) => Err(unavailable()),
    }
}

/// A reading under way. However it ends, it is no longer waited for by who comes later.
struct Reading<V, E> {
    inner: Arc<Inner<V, E>>,
    key: String,
    outcome: watch::Receiver<Outcome<V, E>>,
}

impl<V: Clone, E: Failure> Reading<V, E> {
    async fn run(self, sender: watch::Sender<Outcome<V, E>>, load: impl Future<Output = Result<V, E>>) {
        let read_at = self.inner.clock.now();
        let patience = self.inner.patience;
        let result = match tokio::time::timeout(patience, load).await {
            Ok(result) => result.map(|value| (value, read_at)),
            Err(_) => Err(StoreError::Unavailable(format!("no answer within {} s", patience.as_secs_f32())).into()),
        };
        self.keep(&result);
        drop(self);
        sender.send_replace(Some(result));
    }

    /// Keeps the outcome, unless it was forgotten meanwhile.
    fn keep(&self, result: &Result<Dated<V>, E>) {
        let running = self.inner.running();
        if !self.is_in(&running) {
            return;
        }
        match result {
            Ok(dated) => self.inner.cache.insert(self.key.clone(), dated.clone()),
            Err(error) if error.is_gone() => drop(self.inner.cache.remove(&self.key)),
            // What is kept may still be young enough for others.
            Err(_) => {}
        }
    }
}

impl<V, E> Reading<V, E> {
    fn is_in(&self, running: &Running<V, E>) -> bool {
        running.get(&self.key).is_some_and(|outcome| outcome.same_channel(&self.outcome))
    }
}

impl<V, E> Drop for Reading<V, E> {
    fn drop(&mut self) {
        let mut running = self.inner.running();
        if self.is_in(&running) {
            running.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use cenote_base::ManualClock;
    use tokio::sync::Notify;

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    enum Refused {
        Gone,
        Store(StoreError),
    }

    impl From<StoreError> for Refused {
        fn from(error: StoreError) -> Self {
            Self::Store(error)
        }
    }

    impl Failure for Refused {
        fn is_gone(&self) -> bool {
            *self == Self::Gone
        }
    }

    /// Readings that wait for a sign and then end as they are told; each is counted.
    struct Readings {
        loads: Loads<u32, Refused>,
        clock: Arc<ManualClock>,
        sign: Arc<Notify>,
        begun: Arc<AtomicUsize>,
    }

    impl Readings {
        fn new(patience: Duration) -> Self {
            let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1000)));
            let loads = Loads::with_patience(10, Arc::<ManualClock>::clone(&clock), patience);
            Self { loads, clock, sign: Arc::default(), begun: Arc::default() }
        }

        async fn get(&self, age: Duration, end: Result<u32, Refused>) -> Result<u32, Refused> {
            let load = || {
                self.begun.fetch_add(1, Ordering::SeqCst);
                let (sign, end) = (Arc::clone(&self.sign), end.clone());
                async move {
                    sign.notified().await;
                    end
                }
            };
            self.loads.get("key", age, load).await
        }

        /// Eight callers at once; the sign comes when all of them wait.
        async fn eight(&self, end: Result<u32, Refused>) -> [Result<u32, Refused>; 8] {
            let get = || self.get(HOUR, end.clone());
            let (a, b, c, d, e, f, g, h, ()) =
                tokio::join!(get(), get(), get(), get(), get(), get(), get(), get(), async { self.sign.notify_one() });
            [a, b, c, d, e, f, g, h]
        }

        fn begun(&self) -> usize {
            self.begun.load(Ordering::SeqCst)
        }
    }

    const HOUR: Duration = Duration::from_secs(3600);

    fn away() -> Refused {
        Refused::Store(StoreError::Unavailable("away".into()))
    }

    #[tokio::test]
    async fn all_who_wait_get_the_one_failure_and_the_next_reads_again() {
        let readings = Readings::new(HOUR);
        let results = readings.eight(Err(away())).await;
        assert!(results.iter().all(|result| *result == Err(away())), "{results:?}");
        assert_eq!(readings.begun(), 1);
        let results = readings.eight(Ok(7)).await;
        assert!(results.iter().all(|result| *result == Ok(7)), "{results:?}");
        assert_eq!(readings.begun(), 2, "a failure is not remembered");
        assert_eq!(readings.get(HOUR, Ok(8)).await, Ok(7));
        assert_eq!(readings.begun(), 2);
    }

    #[tokio::test]
    async fn a_stalled_store_costs_eight_callers_one_bounded_wait() {
        let patience = Duration::from_millis(300);
        let readings = Readings::new(patience);
        let began = std::time::Instant::now();
        let get = || readings.get(HOUR, Ok(7));
        let (a, b, c, d, e, f, g, h) = tokio::join!(get(), get(), get(), get(), get(), get(), get(), get());
        for result in [a, b, c, d, e, f, g, h] {
            assert!(matches!(result, Err(Refused::Store(StoreError::Unavailable(_)))), "{result:?}");
        }
        assert_eq!(readings.begun(), 1);
        assert!(began.elapsed() < patience * 4, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn a_reading_that_is_forgotten_is_not_kept() {
        let readings = Readings::new(HOUR);
        let (first, ()) = tokio::join!(readings.get(HOUR, Ok(1)), async {
            readings.loads.forget("key");
            readings.sign.notify_one();
        });
        assert_eq!(first, Ok(1));
        readings.sign.notify_one();
        assert_eq!(readings.get(HOUR, Ok(2)).await, Ok(2));
    }

    #[tokio::test]
    async fn a_reading_that_began_too_early_is_followed_by_another() {
        let readings = Readings::new(HOUR);
        let late = async {
            // Lets the first reading begin.
            tokio::task::yield_now().await;
            readings.clock.advance(Duration::from_secs(2));
            let joined = readings.get(Duration::from_secs(1), Ok(2));
            tokio::join!(joined, async {
                readings.sign.notify_one();
                // The next reading takes this one.
                while readings.begun() < 2 {
                    tokio::task::yield_now().await;
                }
                readings.sign.notify_one();
            })
            .0
        };
        assert_eq!(tokio::join!(readings.get(HOUR, Ok(1)), late), (Ok(1), Ok(2)));
    }

    #[tokio::test]
    async fn a_clock_that_goes_back_makes_stale() {
        let readings = Readings::new(HOUR);
        for (now, expected) in [(1000, 1), (999, 2), (999, 2), (1000, 2)] {
            readings.clock.set(Timestamp::from_secs(now));
            readings.sign.notify_one();
            assert_eq!(readings.get(HOUR, Ok(expected)).await, Ok(expected), "at {now}");
        }
        assert_eq!(readings.begun(), 2);
    }

    #[tokio::test]
    async fn only_what_is_gone_pushes_out_what_was_kept() {
        let readings = Readings::new(HOUR);
        for (end, kept) in [(Ok(1), Ok(1)), (Err(away()), Ok(1)), (Err(Refused::Gone), Ok(3))] {
            readings.sign.notify_one();
            assert_eq!(readings.get(Duration::ZERO, end.clone()).await, end);
            if kept == Ok(3) {
                readings.sign.notify_one();
            }
            assert_eq!(readings.get(HOUR, Ok(3)).await, kept);
        }
    }

    #[tokio::test]
    async fn a_reading_that_panics_ends_the_wait() {
        let readings = Readings::new(HOUR);
        let result = readings.loads.get("key", HOUR, || async { panic!("a bug") }).await;
        assert!(matches!(result, Err(Refused::Store(StoreError::Unavailable(_)))), "{result:?}");
        readings.sign.notify_one();
        assert_eq!(readings.get(HOUR, Ok(2)).await, Ok(2));
    }
}
