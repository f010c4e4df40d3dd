//! One bound on the memory of all bodies that are being received or worked on. What a caller sends is kept before
//! anything about the caller is known, so the bound must not grow with the number of callers.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::listener::Allowance;

/// The least that all bodies together may hold, in bytes.
const LEAST: usize = 64 * 1024 * 1024;
/// As many bodies of the largest size fit in any case.
const LARGEST_BODIES: usize = 4;

/// Bytes for the bodies of all connections. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Semaphore>);

/// What one body holds; given back when dropped.
#[derive(Debug)]
pub struct Account {
    allowance: Allowance,
    budget: Budget,
    held: Vec<OwnedSemaphorePermit>,
}

impl Budget {
    /// The budget for bodies of at most `max_body_bytes` bytes each.
    pub fn for_bodies(max_body_bytes: usize) -> Self {
        Self::of(LEAST.max(max_body_bytes.saturating_mul(LARGEST_BODIES)))
    }

    fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    /// An account for one body, which uses up the allowance of its connection first.
    pub fn account(&self, allowance: Allowance) -> Account {
        Account { allowance, budget: self.clone(), held: Vec::new() }
    }
}

impl Account {
    /// Takes so many bytes more, or none at all: `false`.
    ///
    /// Bytes are taken as they come, not as they are announced: else whoever announces much and sends nothing would
    /// have it all.
    #[must_use]
    pub fn take(&mut self, bytes: usize) -> bool {
        let own = bytes.min(self.allowance.0.available_permits());
        // Another request of this connection may have been faster: the budget stands in for what is lacking.
        let own = take(&self.allowance.0, own).unwrap_or_default();
        let missing = bytes - own.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(rest) = take(&self.budget.0, missing) else { return false };
        for permit in own.into_iter().chain(rest) {
            // Permits of one semaphore are one permit, so there are never more than two of them.
            match self.held.iter_mut().find(|held| Arc::ptr_eq(held.semaphore(), permit.semaphore())) {
                Some(held) => held.merge(permit),
                None => self.held.push(permit),
            }
        }
        true
    }

    /// Gives everything back.
    pub fn close(&mut self) {
        self.held.clear();
    }
}

/// `None`: there are not as many. Nothing is taken for nothing.
#[expect(clippy::option_option, reason = "whether it can be had, and whether there is anything to hold")]
fn take(semaphore: &Arc<Semaphore>, bytes: usize) -> Option<Option<OwnedSemaphorePermit>> {
    if bytes == 0 {
        return Some(None);
    }
    Arc::clone(semaphore).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok().map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_allowance_comes_first_and_all_comes_back() {
        let (budget, allowance) = (Budget::of(10), Allowance::of(4));
        let mut first = budget.account(allowance.clone());
        assert!(first.take(3));
        assert_eq!((allowance.0.available_permits(), budget.0.available_permits()), (1, 10));
        assert!(first.take(3));
        assert_eq!((allowance.0.available_permits(), budget.0.available_permits()), (0, 8));
        let mut second = budget.account(allowance.clone());
        assert!(!second.take(9));
        assert!(second.take(8));
        assert!(!first.take(1));
        drop(second);
        first.close();
        assert_eq!((allowance.0.available_permits(), budget.0.available_permits()), (4, 10));
    }

    #[test]
    fn a_full_budget_leaves_every_connection_its_allowance() {
        let budget = Budget::of(10);
        let mut greedy = budget.account(Allowance::of(0));
        assert!(greedy.take(10));
        let mut modest = budget.account(Allowance::of(4));
        assert!(modest.take(4));
        assert!(!modest.take(1));
    }

    #[test]
    fn the_largest_bodies_fit() {
        for largest in [1, 2_097_152, 67_108_864, usize::MAX] {
            assert!(Budget::for_bodies(largest).0.available_permits() >= LEAST.max(largest.min(67_108_864)));
        }
    }

    proptest! {
        #[test]
        fn never_more_than_there_is(takes in prop::collection::vec((0_usize..3, 0_usize..40), 0..30)) {
            let (budget, allowance) = (Budget::of(50), Allowance::of(20));
            let mut accounts: Vec<_> = (0..3).map(|_| budget.account(allowance.clone())).collect();
            let mut taken = 0;
            for (account, bytes) in takes {
                if accounts[account].take(bytes) {
                    taken += bytes;
                } else {
                    prop_assert!(taken + bytes > 70);
                }
                prop_assert_eq!(70 - taken, budget.0.available_permits() + allowance.0.available_permits());
            }
        }
    }
}
