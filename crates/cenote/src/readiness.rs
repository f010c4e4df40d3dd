//! Readiness: the database can be written, and background work goes on. Reading alone would call a server on a full disk
//! ready.

use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Random, RandomExt};
use cenote_store::{Store, instance};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::services::Readiness;

/// How long an answer holds. Whoever asks more often costs no write.
const HOLDS: Duration = Duration::from_millis(500);
/// How long the database may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of a probe. Random, so that no compression makes it smaller than what a real write needs.
const PROBE: usize = 1_024;

/// Asks the store.
pub struct StoreReadiness {
    store: Store,
    random: Arc<dyn Random>,
    failed: CancellationToken,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl StoreReadiness {
    /// Asks this store, until `failed` says that background work has ended.
    pub fn new(store: Store, random: Arc<dyn Random>, failed: CancellationToken) -> Self {
        Self { store, random, failed, last: Mutex::new(None) }
    }

    async fn probe(&self) -> Result<(), String> {
        let probe = instance::probe(self.random.bytes::<PROBE>());
        match timeout(PATIENCE, self.store.apply(probe)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("the database did not answer within {} s", PATIENCE.as_secs())),
        }
    }
}

impl Readiness for StoreReadiness {
    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        async move {
            if self.failed.is_cancelled() {
                return Err("background work ended unexpectedly".to_owned());
            }
            // Those who ask at the same time wait for one probe.
            let mut last = self.last.lock().await;
            if let Some((_, answer)) = last.as_ref().filter(|(at, _)| at.elapsed() < HOLDS) {
                return answer.clone();
            }
            let answer = self.probe().await;
            *last = Some((Instant::now(), answer.clone()));
            answer
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use cenote_base::SeededRandom;
    use cenote_store::testing;

    use super::*;

    #[tokio::test]
    async fn follows_the_store() {
        let store = testing::sqlite().await;
        let failed = CancellationToken::new();
        let ready = || StoreReadiness::new(Store::clone(&store), Arc::new(SeededRandom::new(1)), failed.clone());
        let kept = ready();
        assert_eq!(kept.check().await, Ok(()));
        assert_eq!(ready().check().await, Ok(()), "a second probe replaces the first");
        store.close().await;
        assert!(ready().check().await.is_err());
        assert_eq!(kept.check().await, Ok(()), "an answer holds for a moment");
        failed.cancel();
        assert!(kept.check().await.is_err(), "but not when background work has ended");
    }
}
