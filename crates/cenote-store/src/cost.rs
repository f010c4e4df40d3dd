//! What a piece of work costs in statements: for the request log and for tests that hold a budget.

use std::cell::Cell;
use std::future::Future;

/// How often the store was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Reads: one statement and one round trip each.
    pub reads: u64,
    /// Batches: one round trip each, however many statements.
    pub batches: u64,
    /// Statements in those batches.
    pub batch_statements: u64,
}

impl Cost {
    /// All statements.
    pub const fn statements(self) -> u64 {
        self.reads + self.batch_statements
    }
}

tokio::task_local! {
    static COST: Cell<Cost>;
}

/// Runs the work and tells what it asked of the store, in this task; tasks that it spawns count for themselves.
/// An inner measurement is not part of the outer.
pub async fn measured<F: Future>(work: F) -> (F::Output, Cost) {
    COST.scope(Cell::default(), async {
        let output = work.await;
        (output, COST.with(Cell::get))
    })
    .await
}

/// Counts a read, if somebody measures.
pub(crate) fn read() {
    change(|cost| cost.reads += 1);
}

/// Counts a batch, if somebody measures.
pub(crate) fn batch(statements: usize) {
    change(|cost| {
        cost.batches += 1;
        cost.batch_statements += u64::try_from(statements).unwrap_or(u64::MAX);
    });
}

fn change(by: impl FnOnce(&mut Cost)) {
    // Outside a measurement there is no cell: nothing to count.
    let _ = COST.try_with(|cell| {
        let mut cost = cell.get();
        by(&mut cost);
        cell.set(cost);
    });
}
