//! What waits for the writer: two bounded lanes.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::batch::Lane;
use crate::{Batch, BatchError, Row};

/// The answer to a batch.
pub(super) type Answer = Result<Vec<Vec<Row>>, BatchError>;

/// A batch that waits, and whom to tell.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) batch: Batch,
    pub(super) answer: oneshot::Sender<Answer>,
    /// Its place in the lane, free again when the job is done.
    #[expect(dead_code, reason = "held, not read")]
    pub(super) place: OwnedSemaphorePermit,
}

#[derive(Debug, Default)]
struct Lanes {
    interactive: VecDeque<Job>,
    background: VecDeque<Job>,
    closed: bool,
}

#[derive(Debug)]
pub(super) struct Queue {
    lanes: Mutex<Lanes>,
    filled: Condvar,
    interactive_places: Arc<Semaphore>,
    background_places: Arc<Semaphore>,
}

impl Queue {
    pub(super) fn new(places: usize) -> Self {
        let semaphore = || Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)));
        Self {
            lanes: Mutex::default(),
            filled: Condvar::new(),
            interactive_places: semaphore(),
            background_places: semaphore(),
        }
    }

    /// Waits for a place in the lane, at most this long.
    pub(super) async fn place(&self, lane: Lane, wait: Duration) -> Result<OwnedSemaphorePermit, BatchError> {
        let places = match lane {
            Lane::Interactive => &self.interactive_places,
            Lane::Background => &self.background_places,
        };
        match tokio::time::timeout(wait, Arc::clone(places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(closed()),
            Err(_) => Err(BatchError::Unavailable("too many writes are waiting".to_owned())),
        }
    }

    pub(super) fn push(&self, lane: Lane, job: Job) -> Result<(), BatchError> {
        let mut lanes = self.lock();
        if lanes.closed {
            return Err(closed());
        }
        match lane {
            Lane::Interactive => lanes.interactive.push_back(job),
            Lane::Background => lanes.background.push_back(job),
        }
        drop(lanes);
        self.filled.notify_one();
        Ok(())
    }

    /// Takes no more jobs; those that wait are still done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.interactive_places.close();
        self.background_places.close();
        self.filled.notify_one();
    }

    /// Waits until there is something to do; false when the queue is closed and empty.
    pub(super) fn wait(&self) -> bool {
        let mut lanes = self.lock();
        loop {
            if !lanes.interactive.is_empty() || !lanes.background.is_empty() {
                return true;
            }
            if lanes.closed {
                return false;
            }
            lanes = self.filled.wait(lanes).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next job of a group that has taken `group` so far.
    pub(super) fn next(&self, group: Group) -> Option<(Lane, Job)> {
        let mut lanes = self.lock();
        if group.taken() >= Group::MOST {
            return None;
        }
        let last_place = group.taken() + 1 == Group::MOST;
        // The last place of a full group is kept for the background lane when it had none: it is never starved.
        let keep = last_place && group.background == 0 && !lanes.background.is_empty();
        if group.background == 0 && !keep {
            if let Some(job) = lanes.interactive.pop_front() {
                return Some((Lane::Interactive, job));
            }
        } else if group.background > 0 && !lanes.interactive.is_empty() {
            // Somebody waits: commit what is done, so that a row of long background batches holds nobody up.
            return None;
        }
        lanes.background.pop_front().map(|job| (Lane::Background, job))
    }

    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a group has taken from each lane.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    pub(super) interactive: usize,
    pub(super) background: usize,
}

impl Group {
    /// How many batches are committed together at most.
    pub(super) const MOST: usize = 256;

    fn taken(self) -> usize {
        self.interactive + self.background
    }

    pub(super) fn count(&mut self, lane: Lane) {
        match lane {
            Lane::Interactive => self.interactive += 1,
            Lane::Background => self.background += 1,
        }
    }
}

fn closed() -> BatchError {
    BatchError::Unavailable("the store is closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn fill(queue: &Queue, lane: Lane, count: usize) {
        for _ in 0..count {
            let place = queue.place(lane, Duration::from_secs(5)).await.unwrap();
            queue.push(lane, Job { batch: Batch::new(), answer: oneshot::channel().0, place }).unwrap();
        }
    }

    fn group(queue: &Queue) -> Vec<Lane> {
        let mut group = Group::default();
        let mut order = Vec::new();
        while let Some((lane, _)) = queue.next(group) {
            group.count(lane);
            order.push(lane);
        }
        order
    }

    #[tokio::test]
    async fn interactive_work_goes_first_and_background_follows() {
        let queue = Queue::new(1000);
        fill(&queue, Lane::Background, 3).await;
        fill(&queue, Lane::Interactive, 2).await;
        use Lane::{Background as B, Interactive as I};
        assert_eq!(group(&queue), [I, I, B, B, B]);
    }

    #[tokio::test]
    async fn a_full_group_keeps_one_place_for_background() {
        let queue = Queue::new(1000);
        fill(&queue, Lane::Interactive, 600).await;
        fill(&queue, Lane::Background, 2).await;
        for _ in 0..2 {
            let order = group(&queue);
            assert_eq!(order.len(), Group::MOST);
            assert_eq!(order.iter().filter(|lane| **lane == Lane::Background).count(), 1);
        }
        assert_eq!(group(&queue).len(), 600 - 2 * 255);
    }

    #[tokio::test]
    async fn background_stops_when_somebody_waits() {
        let queue = Queue::new(1000);
        fill(&queue, Lane::Background, 10).await;
        let mut taken = Group::default();
        taken.count(queue.next(taken).unwrap().0);
        assert_eq!(taken.background, 1);
        fill(&queue, Lane::Interactive, 1).await;
        assert!(queue.next(taken).is_none());
        assert_eq!(queue.next(Group::default()).unwrap().0, Lane::Interactive);
    }

    #[tokio::test]
    async fn a_full_lane_refuses_after_the_wait_and_a_closed_one_at_once() {
        let queue = Queue::new(1);
        let held = queue.place(Lane::Interactive, Duration::ZERO).await.unwrap();
        let refused = queue.place(Lane::Interactive, Duration::from_millis(1)).await.unwrap_err();
        assert_eq!(refused.to_string(), "the database is unavailable: too many writes are waiting");
        drop(held);
        fill(&queue, Lane::Interactive, 1).await;
        queue.close();
        assert!(queue.place(Lane::Background, Duration::from_secs(5)).await.is_err());
        assert!(queue.wait(), "what waits is still done");
        assert!(queue.next(Group::default()).is_some());
        assert!(!queue.wait());
    }
}
