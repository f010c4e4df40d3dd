//! Counts work that must end before the program does, and bounds how much of it there is at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Pieces of work at a time. Far more than the hashing threads and the store can be busy with: what is past it would
/// only wait, and its client has likely gone by then.
const MOST: usize = 1_024;

/// Counts guards. Cloning shares the count and the bound.
#[derive(Clone, Debug)]
pub struct InFlight(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    count: AtomicUsize,
    /// Whether anybody has ever waited: until the program stops nobody does, and the last guard need not look.
    is_awaited: AtomicBool,
    none: Notify,
}

/// One piece of work; ends when dropped.
#[derive(Debug)]
pub struct Guard(Arc<Inner>);

impl Default for InFlight {
    fn default() -> Self {
        Self::at_most(MOST)
    }
}

impl InFlight {
    /// So many pieces of work at a time.
    pub fn at_most(most: usize) -> Self {
        let (count, is_awaited) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self(Arc::new(Inner { most, count, is_awaited, none: Notify::new() }))
    }

    /// Begins a piece of work; `None` when there are as many as there may be.
    pub fn begin(&self) -> Option<Guard> {
        let one_more = |count| (count < self.0.most).then_some(count + 1);
        self.0.count.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more).ok()?;
        Some(Guard(Arc::clone(&self.0)))
    }

    /// Waits until nothing is in flight.
    pub async fn none(&self) {
        loop {
            // Waits before it looks: whoever is last after the look finds somebody to tell.
            let mut told = std::pin::pin!(self.0.none.notified());
            told.as_mut().enable();
            self.0.is_awaited.store(true, Ordering::SeqCst);
            if self.0.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            told.await;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::SeqCst) == 1 && self.0.is_awaited.load(Ordering::SeqCst) {
            self.0.none.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn waits_for_the_last_guard() {
        let in_flight = InFlight::default();
        in_flight.none().await;
        let (first, second) = (in_flight.begin().unwrap(), in_flight.clone().begin().unwrap());
        drop(first);
        assert!(in_flight.none().now_or_never().is_none());
        drop(second);
        in_flight.none().await;
    }

    #[test]
    fn no_more_than_the_bound() {
        let in_flight = InFlight::at_most(2);
        let (_first, second) = (in_flight.begin().unwrap(), in_flight.clone().begin().unwrap());
        assert!(in_flight.begin().is_none());
        drop(second);
        assert!(in_flight.begin().is_some());
    }
}
