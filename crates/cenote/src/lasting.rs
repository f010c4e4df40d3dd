//! Work that is finished whether or not anybody waits for it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

/// Work that goes on in a task of its own once nobody waits for it any more. While somebody does, it is part of their
/// task: handing it to another and waiting for that costs more than most of what is to be done.
pub struct Lasting<T: Send + 'static>(Option<BoxFuture<'static, T>>);

impl<T: Send + 'static> Lasting<T> {
    /// This work.
    pub fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(work.boxed()))
    }
}

impl<T: Send + 'static> Future for Lasting<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // A future is not asked again once it has answered. One that panics is gone when this is dropped.
        let Some(mut work) = self.0.take() else { return Poll::Pending };
        let polled = work.poll_unpin(cx);
        if polled.is_pending() {
            self.0 = Some(work);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Lasting<T> {
    fn drop(&mut self) {
        // Without a runtime the program has ended, and its work with it.
        if let Some(work) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::{Notify, oneshot};

    use super::*;

    #[tokio::test]
    async fn what_is_waited_for_is_done_in_place() {
        let task = tokio::spawn(async { (tokio::task::id(), Lasting::new(async { tokio::task::id() }).await) });
        let (outer, inner) = task.await.unwrap();
        assert_eq!(outer, inner);
    }

    #[tokio::test]
    async fn what_is_given_up_is_finished_all_the_same() {
        for is_begun in [true, false] {
            let (go_on, (done, is_done)) = (Arc::new(Notify::new()), oneshot::channel());
            let waiting = Arc::clone(&go_on);
            let mut work = Box::pin(Lasting::new(async move {
                waiting.notified().await;
                done.send("done").unwrap();
            }));
            if is_begun {
                assert!(work.as_mut().now_or_never().is_none());
            }
            drop(work);
            go_on.notify_one();
            assert_eq!(is_done.await, Ok("done"));
        }
    }

    #[tokio::test]
    async fn work_that_panics_does_not_begin_again() {
        let work = Lasting::new(async { panic!("a fault") });
        let ended: Result<(), _> = tokio::spawn(work).await;
        assert!(ended.unwrap_err().is_panic());
    }
}
