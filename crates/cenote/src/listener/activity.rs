//! What a connection does, and for how long it has done nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Requests in flight on a connection. Beginning and ending one wakes nobody: whoever watches looks again when the
/// connection could be idle for long enough.
#[derive(Debug)]
pub struct Activity {
    born: Instant,
    in_flight: AtomicUsize,
    has_served: AtomicBool,
    /// When the last request ended, in microseconds after `born`.
    ended_at: AtomicU64,
}

/// How long a connection may be idle.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Before its first request.
    pub first: Duration,
    /// After it.
    pub later: Duration,
    /// The most for either while others wait to be accepted.
    pub crowded: Duration,
}

/// One request in flight; ends when dropped.
#[derive(Debug)]
pub struct Busy(Arc<Activity>);

impl Default for Activity {
    fn default() -> Self {
        Self {
            born: Instant::now(),
            in_flight: AtomicUsize::new(0),
            has_served: AtomicBool::new(false),
            ended_at: AtomicU64::new(0),
        }
    }
}

impl Activity {
    /// Begins a request.
    pub fn begin(this: &Arc<Self>) -> Busy {
        this.in_flight.fetch_add(1, Ordering::AcqRel);
        this.has_served.store(true, Ordering::Release);
        Busy(Arc::clone(this))
    }

    /// Ends once nothing has been in flight for as long as `bounds` say, counted from this call at the earliest.
    pub async fn idle(&self, mut crowded: watch::Receiver<bool>, bounds: Bounds) {
        let asked = Instant::now();
        loop {
            let (now, is_crowded) = (Instant::now(), *crowded.borrow_and_update());
            let end = self.end(bounds, is_crowded, asked, now);
            if end <= now {
                return;
            }
            tokio::select! {
                biased;
                // Once nobody is accepted any more, nobody waits either.
                Ok(()) = crowded.changed() => {}
                () = sleep_until(end) => {}
            }
        }
    }

    /// When it will have been idle for long enough, as things are now. While something is in flight that is no sooner
    /// than if it ended now.
    fn end(&self, bounds: Bounds, is_crowded: bool, asked: Instant, now: Instant) -> Instant {
        let alone = if self.has_served.load(Ordering::Acquire) { bounds.later } else { bounds.first };
        let patience = if is_crowded { alone.min(bounds.crowded) } else { alone };
        self.idle_since().unwrap_or(now).max(asked) + patience
    }

    fn idle_since(&self) -> Option<Instant> {
        if self.in_flight.load(Ordering::Acquire) > 0 {
            return None;
        }
        Some(self.born + Duration::from_micros(self.ended_at.load(Ordering::Acquire)))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let age = u64::try_from(self.0.born.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.ended_at.store(age, Ordering::Release);
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds =
        Bounds { first: Duration::from_secs(10), later: Duration::from_secs(75), crowded: Duration::from_secs(2) };

    /// In how many seconds after `asked` it ends, both counted from the connection's birth.
    fn end(activity: &Activity, is_crowded: bool, asked: u64, now: u64) -> u64 {
        let at = |seconds| activity.born + Duration::from_secs(seconds);
        activity.end(BOUNDS, is_crowded, at(asked), at(now)).duration_since(activity.born).as_secs()
    }

    #[test]
    fn the_first_request_has_its_own_bound() {
        let activity = Arc::new(Activity::default());
        assert_eq!((end(&activity, false, 0, 3), end(&activity, true, 0, 3)), (10, 2));
        drop(Activity::begin(&activity));
        assert_eq!((end(&activity, false, 0, 3), end(&activity, true, 0, 3)), (75, 2));
    }

    #[test]
    fn what_is_in_flight_is_not_idle_however_long_it_takes() {
        let activity = Arc::new(Activity::default());
        let (one, other) = (Activity::begin(&activity), Activity::begin(&activity));
        assert_eq!((end(&activity, false, 0, 500), end(&activity, true, 0, 500)), (575, 502));
        drop(one);
        assert_eq!(end(&activity, false, 0, 500), 575);
        // It ended at once, for no time has passed really.
        drop(other);
        assert_eq!(end(&activity, false, 0, 500), 75);
    }

    #[test]
    fn it_counts_from_the_question_at_the_earliest() {
        let activity = Arc::new(Activity::default());
        drop(Activity::begin(&activity));
        assert_eq!((end(&activity, false, 100, 100), end(&activity, true, 100, 100)), (175, 102));
    }

    #[tokio::test]
    async fn it_ends_when_a_crowd_makes_the_bound_shorter_and_not_with_the_listener() {
        let (activity, crowded) = (Activity::default(), watch::Sender::new(false));
        let bounds = Bounds { crowded: Duration::ZERO, ..BOUNDS };
        let mut idle = Box::pin(activity.idle(crowded.subscribe(), bounds));
        assert!(futures_util::poll!(&mut idle).is_pending());
        crowded.send_replace(true);
        idle.await;
        let (activity, crowded) = (Activity::default(), watch::Sender::new(false));
        let mut idle = Box::pin(activity.idle(crowded.subscribe(), bounds));
        assert!(futures_util::poll!(&mut idle).is_pending());
        drop(crowded);
        assert!(futures_util::poll!(&mut idle).is_pending());
    }
}
