//! Counters that never go over their limit, nor below nothing.

use cenote_store::Batch;
use cenote_store::records::counters::{current, decrement, forget, increment};
use cenote_store::testing::TestStore;

use crate::{done, on_both_engines, unmet, winners};

on_both_engines! { a_counter_stops_at_its_limit, a_limit_holds_under_many, owners_and_kinds_count_apart }

fn more(limit: i64) -> Batch {
    increment("owner", "devices", limit, "Full")
}

async fn a_counter_stops_at_its_limit(store: TestStore) {
    assert_eq!(current(&store, "owner", "devices").await.unwrap(), 0);
    assert_eq!(unmet(&store, more(0)).await, "Full", "no room for the first");
    for expected in 1..=3 {
        done(&store, more(3)).await;
        assert_eq!(current(&store, "owner", "devices").await.unwrap(), expected);
    }
    assert_eq!(unmet(&store, more(3)).await, "Full");
    assert_eq!(unmet(&store, more(2)).await, "Full", "a limit that was lowered");
    done(&store, decrement("owner", "devices")).await;
    done(&store, more(3)).await;
    for _ in 0..5 {
        done(&store, decrement("owner", "devices")).await;
    }
    assert_eq!(current(&store, "owner", "devices").await.unwrap(), 0, "never below");
    done(&store, decrement("nobody", "devices")).await;
    assert_eq!(current(&store, "nobody", "devices").await.unwrap(), 0);
    // What goes with a count that is refused does not happen either.
    let both = increment("owner", "other", 9, "Full").extend(more(0));
    assert_eq!(unmet(&store, both).await, "Full");
    assert_eq!(current(&store, "owner", "other").await.unwrap(), 0);
}

async fn a_limit_holds_under_many(store: TestStore) {
    assert_eq!(winners(&store, 40, "Full", |_| async { more(7) }).await, 7);
    assert_eq!(current(&store, "owner", "devices").await.unwrap(), 7);
}

async fn owners_and_kinds_count_apart(store: TestStore) {
    for (owner, kind) in [("a", "x"), ("a", "y"), ("b", "x")] {
        done(&store, increment(owner, kind, 1, "Full")).await;
    }
    done(&store, forget("a")).await;
    let counts = [
        current(&store, "a", "x").await.unwrap(),
        current(&store, "a", "y").await.unwrap(),
        current(&store, "b", "x").await.unwrap(),
    ];
    assert_eq!(counts, [0, 0, 1]);
}
