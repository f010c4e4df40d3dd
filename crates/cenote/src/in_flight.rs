//! Counts work that must end before the program does, and bounds how much of it there is at a time.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Pieces of work at a time. Far more than the hashing threads and the store can be busy with: what is past it would
/// only wait, and its client has likely gone by then.
const MOST: usize = 1_024;

/// Counts guards. Cloning shares the count and the bound.
#[derive(Clone, Debug)]
pub struct InFlight {
    count: watch::Sender<usize>,
    room: Arc<Semaphore>,
}

/// One piece of work; ends when dropped.
#[derive(Debug)]
pub struct Guard {
    count: watch::Sender<usize>,
    _place: OwnedSemaphorePermit,
}

impl Default for InFlight {
    fn default() -> Self {
        Self::at_most(MOST)
    }
}

impl InFlight {
    /// So many pieces of work at a time.
    pub fn at_most(most: usize) -> Self {
        Self { count: watch::Sender::new(0), room: Arc::new(Semaphore::new(most)) }
    }

    /// Begins a piece of work; `None` when there are as many as there may be.
    pub fn begin(&self) -> Option<Guard> {
        let place = Arc::clone(&self.room).try_acquire_owned().ok()?;
        self.count.send_modify(|count| *count += 1);
        Some(Guard { count: self.count.clone(), _place: place })
    }

    /// Waits until nothing is in flight.
    pub async fn none(&self) {
        // The sender lives in `self`, so the channel cannot close while this waits.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.count.send_modify(|count| *count = count.saturating_sub(1));
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
