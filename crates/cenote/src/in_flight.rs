//! Counts work that must end before the program does.

use tokio::sync::watch;

/// Counts guards. Cloning shares the count.
#[derive(Clone, Debug)]
pub struct InFlight(watch::Sender<usize>);

/// One piece of work; ends when dropped.
#[derive(Debug)]
pub struct Guard(watch::Sender<usize>);

impl Default for InFlight {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl InFlight {
    /// Begins a piece of work.
    pub fn begin(&self) -> Guard {
        self.0.send_modify(|count| *count += 1);
        Guard(self.0.clone())
    }

    /// Waits until nothing is in flight.
    pub async fn none(&self) {
        // The sender lives in `self`, so the channel cannot close while this waits.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
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
        let (first, second) = (in_flight.begin(), in_flight.clone().begin());
        drop(first);
        assert!(in_flight.none().now_or_never().is_none());
        drop(second);
        in_flight.none().await;
    }
}
