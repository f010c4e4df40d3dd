//! One attempt at a time for each subject.
//!
//! An attempt is counted before the secret is looked at, so attempts in flight look like failures. Without this gate a
//! handful of simultaneous, correct sign-ins of one user would lock that user out; with it, guesses are made one after
//! the other on each node, and the count in the store bounds them over all nodes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// How many may wait for one subject; the next is told to come back.
const LONGEST_QUEUE: usize = 64;

/// Most subjects with an attempt under way. The front end lets far fewer requests in at a time; the gate's memory does not
/// depend on it.
const MOST_SUBJECTS: usize = 65_536;

/// Too many attempts wait already, at one subject or at all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts wait already")]
pub struct GateFull;

#[derive(Debug, Default)]
struct Lane {
    turn: Arc<AsyncMutex<()>>,
    inside: usize,
}

type Lanes = Arc<Mutex<HashMap<String, Lane>>>;

/// Lets one attempt at a time pass for each subject. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct AttemptGate {
    lanes: Lanes,
}

/// The right to make one attempt; ends when dropped.
#[derive(Debug)]
pub struct Pass {
    lanes: Lanes,
    subject: String,
    turn: Option<OwnedMutexGuard<()>>,
}

impl AttemptGate {
    /// Waits for the subject's turn.
    ///
    /// # Errors
    /// [`GateFull`] at once when too many wait already for this subject, or subjects are too many.
    pub async fn enter(&self, subject: &str) -> Result<Pass, GateFull> {
        let turn = {
            let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            if lanes.len() >= MOST_SUBJECTS && !lanes.contains_key(subject) {
                return Err(GateFull);
            }
            let lane = lanes.entry(subject.to_owned()).or_default();
            if lane.inside >= LONGEST_QUEUE {
                return Err(GateFull);
            }
            lane.inside += 1;
            Arc::clone(&lane.turn)
        };
        // The pass exists before the wait, so that a caller that goes away while waiting leaves the lane.
        let mut pass = Pass { lanes: Arc::clone(&self.lanes), subject: subject.to_owned(), turn: None };
        pass.turn = Some(turn.lock_owned().await);
        Ok(pass)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.turn = None;
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get_mut(&self.subject) {
            lane.inside -= 1;
            if lane.inside == 0 {
                lanes.remove(&self.subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_at_a_time_for_a_subject_and_nothing_is_left() {
        let gate = AttemptGate::default();
        let inside = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..40)
            .map(|n| {
                let (gate, inside) = (gate.clone(), Arc::clone(&inside));
                tokio::spawn(async move {
                    let _pass = gate.enter(if n % 2 == 0 { "alice" } else { "bob" }).await.unwrap();
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 2, "at most one for each of the two subjects");
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(gate.lanes.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn subjects_are_bounded() {
        let gate = AttemptGate::default();
        let mut passes = Vec::new();
        for n in 0..MOST_SUBJECTS {
            passes.push(gate.enter(&n.to_string()).await.unwrap());
        }
        assert_eq!(gate.enter("one more").await.err(), Some(GateFull));
        passes.pop();
        gate.enter("one more").await.unwrap();
        drop(passes);
        assert!(gate.lanes.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_a_caller_that_leaves_makes_room() {
        let gate = AttemptGate::default();
        let first = gate.enter("alice").await.unwrap();
        let waiting: Vec<_> = (1..LONGEST_QUEUE)
            .map(|_| {
                let gate = gate.clone();
                tokio::spawn(async move { gate.enter("alice").await.map(drop) })
            })
            .collect();
        while gate.lanes.lock().unwrap()["alice"].inside < LONGEST_QUEUE {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.enter("alice").await.err(), Some(GateFull));
        for task in &waiting {
            task.abort();
        }
        for task in waiting {
            assert!(task.await.unwrap_err().is_cancelled());
        }
        drop(first);
        assert!(gate.lanes.lock().unwrap().is_empty());
    }
}
