//! Sessions that have done their work.

use cenote_store::Batch;
use cenote_store::params;
use cenote_store::records::sessions::{consume, is_used, release, sweep};
use cenote_store::testing::{START, TestStore};

use crate::sample::SECOND;
use crate::{done, number, on_both_engines, unmet, winners};

on_both_engines! { a_session_is_used_up_by_one, a_sweep_takes_what_ended }

async fn a_session_is_used_up_by_one(store: TestStore) {
    assert!(!is_used(&store, "a").await.unwrap());
    assert_eq!(winners(&store, 32, "SessionUsed", |_| async { consume("a", START) }).await, 1);
    assert!(is_used(&store, "a").await.unwrap());
    assert!(!is_used(&store, "b").await.unwrap());
    // What it was to lead to is undone with it.
    let tally = "insert into counters (owner, kind, n) values ('o', 'k', 1)";
    let batch = Batch::new().one(tally, params![], "T").extend(consume("a", START));
    assert_eq!(unmet(&store, batch).await, "SessionUsed");
    assert_eq!(number(&store, "select count(*) from counters").await, 0);
    done(&store, release("a")).await;
    done(&store, consume("a", START)).await;
}

async fn a_sweep_takes_what_ended(store: TestStore) {
    for (id, end) in [("a", START), ("b", START + SECOND), ("c", START + 2 * SECOND)] {
        done(&store, consume(id, end)).await;
        let state = "insert into flow_states (id, pool_id, client_id, sub, kind, payload, created_at, expires_at) \
                     values ($1, 'p', 'c', 's', 'k', $2, 0, $3)";
        done(&store, Batch::new().one(state, params![id, vec![1_u8], end], "T")).await;
    }
    done(&store, sweep(START + 2 * SECOND, 1)).await;
    assert!(!is_used(&store, "a").await.unwrap() && is_used(&store, "b").await.unwrap());
    done(&store, sweep(START + 2 * SECOND, 10)).await;
    assert!(is_used(&store, "c").await.unwrap(), "it ends at its end");
    assert_eq!(number(&store, "select count(*) from used_sessions").await, 1);
    assert_eq!(number(&store, "select count(*) from flow_states").await, 1);
}
