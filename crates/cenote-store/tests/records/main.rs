//! The typed records, each query on both engines.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod attempts;
mod clients;
mod codes;
mod counters;
mod decoys;
mod families;
mod keys;
mod messages;
mod pools;
mod sample;
mod sessions;
mod user_lists;
mod users;

use std::future::Future;

use cenote_store::testing::TestStore;
use cenote_store::{Batch, BatchError, Store};
use tokio::task::JoinSet;

/// Runs each async function, which takes a `TestStore`, on both engines.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(cenote_store::testing::sqlite().await).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(cenote_store::testing::postgres().await).await;
                }
            )*
        }
    };
}
pub(crate) use on_both_engines;

/// Writes a batch whose expectations are met.
pub(crate) async fn done(store: &Store, batch: Batch) {
    store.apply(batch).await.unwrap();
}

/// The tag of the expectation that is not met.
pub(crate) async fn unmet(store: &Store, batch: Batch) -> &'static str {
    match store.apply(batch).await {
        Err(BatchError::Unmet { tag, .. }) => tag,
        other => panic!("{other:?}"),
    }
}

/// The number in the first column of the only row.
pub(crate) async fn number(store: &Store, sql: &'static str) -> i64 {
    store.read_one(sql, Vec::new()).await.unwrap().unwrap().int(0).unwrap()
}

/// Writes `count` batches at once; how many took effect. The others were refused with `tag`.
pub(crate) async fn winners<F>(store: &TestStore, count: usize, tag: &'static str, batch: impl Fn(usize) -> F) -> usize
where
    F: Future<Output = Batch> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for n in 0..count {
        let (store, batch) = (store.store().clone(), batch(n));
        tasks.spawn(async move { store.apply(batch.await).await });
    }
    let results = tasks.join_all().await;
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(error.tag(), Some(tag), "{error:?}");
    }
    results.iter().filter(|result| result.is_ok()).count()
}
