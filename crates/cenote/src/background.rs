//! What goes on beside the requests: a task for each part, watched, because a server whose deliveries or jobs have ended
//! without a word looks well and is not.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::log::panic_text;

/// A part and its name in the log.
pub type Part = (&'static str, BoxFuture<'static, ()>);

/// A part ended although nobody had told it to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("background work ended unexpectedly: {part}: {reason}")]
pub struct Ended {
    part: &'static str,
    reason: String,
}

impl Ended {
    /// How it ended cannot be told.
    pub fn unwatched(reason: &dyn std::fmt::Display) -> Self {
        Self { part: "all of it", reason: reason.to_string() }
    }
}

/// Runs the parts until each has ended, which they do when `stop` is cancelled. If one ends before that, `failed` is
/// cancelled at once, and the others go on until `stop`.
///
/// # Errors
/// [`Ended`]: the first part that did not wait for `stop`, or panicked.
pub async fn run(parts: Vec<Part>, stop: CancellationToken, failed: CancellationToken) -> Result<(), Ended> {
    let mut running = JoinSet::new();
    for (part, work) in parts {
        running.spawn(async move { (part, AssertUnwindSafe(work).catch_unwind().await) });
    }
    let mut first = Ok(());
    while let Some(joined) = running.join_next().await {
        let ended = match joined {
            Ok((_, Ok(()))) if stop.is_cancelled() => continue,
            Ok((part, Ok(()))) => Ended { part, reason: "it returned".to_owned() },
            Ok((part, Err(panic))) => Ended { part, reason: format!("panic: {}", panic_text(&*panic)) },
            // Nobody else holds these tasks, and their panics are caught: only a runtime that ends cancels them.
            Err(error) => Ended { part: "a task", reason: error.to_string() },
        };
        tracing::error!(part = ended.part, reason = ended.reason, "background work ended unexpectedly");
        failed.cancel();
        first = first.and(Err(ended));
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(stop: &CancellationToken) -> BoxFuture<'static, ()> {
        stop.clone().cancelled_owned().boxed()
    }

    #[tokio::test]
    async fn parts_end_in_order_when_they_are_told_to() {
        let (stop, failed) = (CancellationToken::new(), CancellationToken::new());
        let run = tokio::spawn(run(vec![("a", until(&stop)), ("b", until(&stop))], stop.clone(), failed.clone()));
        stop.cancel();
        assert_eq!(run.await.unwrap(), Ok(()));
        assert!(!failed.is_cancelled());
    }

    #[tokio::test]
    async fn a_part_that_ends_by_itself_is_named_and_the_others_go_on() {
        for (work, reason) in
            [(async { panic!("bad luck") }.boxed(), "panic: bad luck"), (std::future::ready(()).boxed(), "it returned")]
        {
            let (stop, failed) = (CancellationToken::new(), CancellationToken::new());
            let run = tokio::spawn(run(vec![("a", until(&stop)), ("b", work)], stop.clone(), failed.clone()));
            failed.cancelled().await;
            assert!(!run.is_finished());
            stop.cancel();
            let ended = run.await.unwrap().unwrap_err();
            assert_eq!(ended.to_string(), format!("background work ended unexpectedly: b: {reason}"));
        }
    }
}
