//! A bounded queue that many callers share and none can fill alone: each lane (a pool) has a queue of its own, and the
//! lanes take turns.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What waits in the queue.
pub(super) trait Task {
    /// Whether nobody waits for the result any more; such a task is thrown away instead of run.
    fn is_abandoned(&self) -> bool;
}

/// Why a task was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The lane or the whole queue is full.
    Full,
    /// The queue is closed.
    Closed,
}

/// See the module.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    per_lane: usize,
    total: usize,
    state: Mutex<State<T>>,
    filled: Condvar,
}

#[derive(Debug)]
struct State<T> {
    /// The tasks of each lane that has any.
    lanes: HashMap<String, VecDeque<T>>,
    /// Whose turn it is: each lane that has tasks, once.
    turns: VecDeque<String>,
    waiting: usize,
    closed: bool,
}

impl<T: Task> FairQueue<T> {
    /// A queue that holds at most `per_lane` waiting tasks of one lane and `total` of all.
    pub(super) fn new(per_lane: usize, total: usize) -> Self {
        let state = State { lanes: HashMap::new(), turns: VecDeque::new(), waiting: 0, closed: false };
        Self { per_lane, total, state: Mutex::new(state), filled: Condvar::new() }
    }

    /// Puts a task at the end of its lane, or refuses it at once.
    pub(super) fn push(&self, lane: &str, task: T) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if !self.has_room(&state, lane) {
            // Whoever went away must not keep others out.
            state.forget_abandoned();
            if !self.has_room(&state, lane) {
                return Err(Refused::Full);
            }
        }
        state.push(lane, task);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for the next task that is still wanted; `None` once the queue is closed.
    pub(super) fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(task) = state.pop() {
                return Some(task);
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Refuses every task from now on, drops those that wait and lets every `pop` return.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.turns.clear();
        state.waiting = 0;
        let dropped = std::mem::take(&mut state.lanes);
        drop(state);
        // Outside the lock: dropping a task wakes its caller.
        drop(dropped);
        self.filled.notify_all();
    }

    /// How many tasks wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    fn has_room(&self, state: &State<T>, lane: &str) -> bool {
        state.waiting < self.total && state.lanes.get(lane).map_or(0, VecDeque::len) < self.per_lane
    }

    /// Nothing panics while the lock is held, so what a poisoned lock guards is whole.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Task> State<T> {
    fn push(&mut self, lane: &str, task: T) {
        self.waiting = self.waiting.saturating_add(1);
        if let Some(tasks) = self.lanes.get_mut(lane) {
            tasks.push_back(task);
        } else {
            self.lanes.insert(lane.to_owned(), VecDeque::from([task]));
            self.turns.push_back(lane.to_owned());
        }
    }

    /// The next wanted task of the lane whose turn it is; the lane then goes to the end. An abandoned task costs its
    /// lane no turn.
    fn pop(&mut self) -> Option<T> {
        while let Some(lane) = self.turns.pop_front() {
            let Some(tasks) = self.lanes.get_mut(&lane) else { continue };
            let mut next = None;
            while let Some(task) = tasks.pop_front() {
                self.waiting = self.waiting.saturating_sub(1);
                if !task.is_abandoned() {
                    next = Some(task);
                    break;
                }
            }
            if tasks.is_empty() {
                self.lanes.remove(&lane);
            } else {
                self.turns.push_back(lane);
            }
            if next.is_some() {
                return next;
            }
        }
        None
    }

    fn forget_abandoned(&mut self) {
        for tasks in self.lanes.values_mut() {
            tasks.retain(|task| !task.is_abandoned());
        }
        self.lanes.retain(|_, tasks| !tasks.is_empty());
        self.turns.retain(|lane| self.lanes.contains_key(lane));
        self.waiting = self.lanes.values().map(VecDeque::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Numbered {
        number: usize,
        abandoned: bool,
    }

    impl Task for Numbered {
        fn is_abandoned(&self) -> bool {
            self.abandoned
        }
    }

    fn wanted(number: usize) -> Numbered {
        Numbered { number, abandoned: false }
    }

    fn abandoned() -> Numbered {
        Numbered { number: usize::MAX, abandoned: true }
    }

    fn drain(queue: &FairQueue<Numbered>) -> Vec<usize> {
        let mut order = Vec::new();
        while queue.waiting() > 0 {
            order.extend(queue.lock().pop().map(|task| task.number));
        }
        order
    }

    #[test]
    fn lanes_take_turns_and_keep_their_own_order() {
        let queue = FairQueue::new(10, 10);
        for (lane, number) in [("a", 1), ("a", 2), ("a", 3), ("b", 10), ("c", 20), ("c", 21)] {
            queue.push(lane, wanted(number)).unwrap();
        }
        assert_eq!(drain(&queue), [1, 10, 20, 2, 21, 3]);
    }

    #[test]
    fn a_late_lane_waits_one_turn_of_each_other_only() {
        let queue = FairQueue::new(100, 200);
        for number in 0..100 {
            queue.push("busy", wanted(number)).unwrap();
        }
        queue.push("quiet", wanted(1000)).unwrap();
        assert_eq!(drain(&queue).iter().position(|number| *number == 1000), Some(1));
    }

    #[test]
    fn both_bounds_refuse_at_once() {
        let queue = FairQueue::new(2, 3);
        queue.push("a", wanted(1)).unwrap();
        queue.push("a", wanted(2)).unwrap();
        assert_eq!(queue.push("a", wanted(3)), Err(Refused::Full));
        queue.push("b", wanted(4)).unwrap();
        assert_eq!(queue.push("c", wanted(5)), Err(Refused::Full));
        assert_eq!(drain(&queue), [1, 4, 2]);
        assert_eq!(FairQueue::new(0, 10).push("a", wanted(1)), Err(Refused::Full));
    }

    #[test]
    fn abandoned_tasks_are_skipped_cost_no_turn_and_keep_nobody_out() {
        let queue = FairQueue::new(2, 4);
        queue.push("a", abandoned()).unwrap();
        queue.push("a", wanted(1)).unwrap();
        queue.push("b", wanted(2)).unwrap();
        queue.push("a", wanted(3)).unwrap();
        assert_eq!(drain(&queue), [1, 2, 3]);
        for _ in 0..4 {
            queue.push("a", abandoned()).unwrap();
        }
        queue.push("b", wanted(4)).unwrap();
        assert_eq!(queue.lock().lanes.len(), 2);
        assert_eq!(drain(&queue), [4]);
        assert!(queue.lock().lanes.is_empty() && queue.lock().turns.is_empty());
    }

    #[test]
    fn closing_ends_every_waiting_pop_and_refuses() {
        let queue = Arc::new(FairQueue::<Numbered>::new(2, 2));
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let queue = Arc::clone(&queue);
                std::thread::spawn(move || queue.pop())
            })
            .collect();
        queue.close();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), None);
        }
        assert_eq!(queue.push("a", wanted(1)), Err(Refused::Closed));
    }

    proptest! {
        #[test]
        fn every_wanted_task_comes_out_once_within_the_bounds(
            tasks in prop::collection::vec((0usize..5, any::<bool>()), 0..60),
            per_lane in 0usize..8,
            total in 0usize..20,
        ) {
            let queue = FairQueue::new(per_lane, total);
            let mut taken = BTreeSet::new();
            for (number, (lane, abandoned)) in tasks.into_iter().enumerate() {
                if queue.push(&format!("lane {lane}"), Numbered { number, abandoned }).is_ok() && !abandoned {
                    taken.insert(number);
                }
                prop_assert!(queue.waiting() <= total);
            }
            let out = drain(&queue);
            prop_assert_eq!(out.len(), taken.len());
            prop_assert_eq!(out.into_iter().collect::<BTreeSet<_>>(), taken);
        }
    }
}
