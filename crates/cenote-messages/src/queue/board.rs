//! What this node's worker did lately, for those who wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::Outcome;
use crate::message::MessageId;

/// How many results are remembered for those who begin to wait after the fact.
const REMEMBERED: usize = 4_096;

/// Results of deliveries and those who wait for them.
#[derive(Default)]
pub(super) struct Board(Mutex<State>);

#[derive(Default)]
struct State {
    outcomes: HashMap<MessageId, Outcome>,
    order: VecDeque<MessageId>,
    waiting: HashMap<MessageId, Vec<oneshot::Sender<Outcome>>>,
}

/// What is known when somebody begins to wait.
pub(super) enum Watch<'a> {
    Known(Outcome),
    Coming(News<'a>),
}

/// A place in the queue of those who wait; gives itself up when dropped.
pub(super) struct News<'a> {
    board: &'a Board,
    id: MessageId,
    receiver: oneshot::Receiver<Outcome>,
}

impl News<'_> {
    /// Cancel-safe.
    pub(super) async fn receive(&mut self) -> Outcome {
        (&mut self.receiver).await.unwrap_or(Outcome::Pending)
    }
}

impl Drop for News<'_> {
    fn drop(&mut self) {
        self.receiver.close();
        let mut state = self.board.state();
        if let Some(waiting) = state.waiting.get_mut(&self.id) {
            waiting.retain(|sender| !sender.is_closed());
            if waiting.is_empty() {
                state.waiting.remove(&self.id);
            }
        }
    }
}

impl Board {
    /// Begins to wait for news of a message.
    pub(super) fn watch(&self, id: &MessageId) -> Watch<'_> {
        let mut state = self.state();
        if let Some(outcome) = state.outcomes.get(id) {
            return Watch::Known(outcome.clone());
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.entry(id.clone()).or_default().push(sender);
        Watch::Coming(News { board: self, id: id.clone(), receiver })
    }

    /// Tells everybody what became of a try. [`Outcome::Pending`] means that it failed and another one follows: to wait
    /// longer would be of no use.
    pub(super) fn announce(&self, id: &MessageId, outcome: &Outcome) {
        let waiting = {
            let mut state = self.state();
            if state.outcomes.insert(id.clone(), outcome.clone()).is_none() {
                state.order.push_back(id.clone());
            }
            if state.order.len() > REMEMBERED
                && let Some(oldest) = state.order.pop_front()
            {
                state.outcomes.remove(&oldest);
            }
            state.waiting.remove(id).unwrap_or_default()
        };
        for sender in waiting {
            // Who stopped waiting needs no answer.
            let _ = sender.send(outcome.clone());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use cenote_base::{RandomExt, SeededRandom, Timestamp};

    use super::*;

    fn ids() -> impl Iterator<Item = MessageId> {
        let random = SeededRandom::new(5);
        (0..).map(move |millis| MessageId::new(random.uuid_v7(Timestamp::from_millis(millis))))
    }

    #[tokio::test]
    async fn news_reach_those_who_wait_and_those_who_come_late() {
        let board = Board::default();
        let id = ids().next().unwrap();
        let (Watch::Coming(mut first), Watch::Coming(mut second)) = (board.watch(&id), board.watch(&id)) else {
            panic!("nothing is known yet")
        };
        board.announce(&id, &Outcome::Delivered);
        assert_eq!((first.receive().await, second.receive().await), (Outcome::Delivered, Outcome::Delivered));
        assert!(matches!(board.watch(&id), Watch::Known(Outcome::Delivered)));
    }

    #[test]
    fn a_later_result_replaces_an_earlier_one() {
        let board = Board::default();
        let id = ids().next().unwrap();
        board.announce(&id, &Outcome::Pending);
        board.announce(&id, &Outcome::Failed("x".into()));
        assert!(matches!(board.watch(&id), Watch::Known(Outcome::Failed(_))));
        assert_eq!(board.state().order.len(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let board = Board::default();
        let all: Vec<_> = ids().take(REMEMBERED + 10).collect();
        for id in &all {
            board.announce(id, &Outcome::Delivered);
        }
        let remembered = {
            let state = board.state();
            (state.outcomes.len(), state.order.len())
        };
        assert_eq!(remembered, (REMEMBERED, REMEMBERED));
        assert!(matches!(board.watch(&all[0]), Watch::Coming(_)));
        assert!(matches!(board.watch(all.last().unwrap()), Watch::Known(_)));
        // The watch of the first id was dropped at the end of its statement.
        assert!(board.state().waiting.is_empty());
    }
}
