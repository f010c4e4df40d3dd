//! Queued messages: who is due, who takes one, what becomes of it.

use cenote_base::Timestamp;
use cenote_store::records::messages::{MessageRecord, due, failed, find, insert, newest, sent, sweep, take};
use cenote_store::testing::{START, TestStore};

use crate::sample::{HOUR, MILLISECOND, SECOND, pool_id};
use crate::{done, number, on_both_engines, unmet, winners};

on_both_engines! {
    a_message_is_read_as_it_was_written,
    messages_are_due_in_order,
    a_message_is_taken_by_one,
    what_becomes_of_a_message,
    pages_go_back_in_time,
    a_sweep_takes_what_ended,
}

fn message(id: &str, due: Timestamp) -> MessageRecord {
    MessageRecord {
        id: id.to_owned(),
        pool_id: pool_id(1),
        kind: "SignUp".to_owned(),
        medium: "EMAIL".to_owned(),
        state: "queued".to_owned(),
        destination: vec![1],
        content: vec![2, 0, 255],
        attempts: 0,
        next_attempt_at: due,
        created_at: START,
        expires_at: START + HOUR,
        sent_at: None,
        last_error: None,
    }
}

async fn ids_due(store: &TestStore, now: Timestamp, limit: i64) -> Vec<String> {
    due(store, now, limit).await.unwrap().into_iter().map(|message| message.id).collect()
}

async fn a_message_is_read_as_it_was_written(store: TestStore) {
    let made = message("a", START);
    done(&store, insert(&made)).await;
    assert_eq!(unmet(&store, insert(&made)).await, "MessageExists");
    let found = find(&store, "a").await.unwrap().unwrap();
    assert_eq!(format!("{found:?}"), format!("{made:?}"));
    assert!(find(&store, "b").await.unwrap().is_none());
}

async fn messages_are_due_in_order(store: TestStore) {
    for (id, at) in [("b", START), ("a", START), ("d", START - SECOND), ("later", START + MILLISECOND)] {
        done(&store, insert(&message(id, at))).await;
    }
    for (id, state) in [("x", "sent"), ("y", "failed")] {
        done(&store, insert(&MessageRecord { state: state.to_owned(), ..message(id, START) })).await;
    }
    assert_eq!(ids_due(&store, START, 10).await, ["d", "a", "b"]);
    assert_eq!(ids_due(&store, START, 2).await, ["d", "a"]);
    assert_eq!(ids_due(&store, START + MILLISECOND, 10).await, ["d", "a", "b", "later"]);
}

async fn a_message_is_taken_by_one(store: TestStore) {
    let made = message("a", START);
    done(&store, insert(&made)).await;
    let until = START + HOUR;
    let won = winners(&store, 16, "Taken", |_| async move { take(&message("a", START), until) }).await;
    assert_eq!(won, 1);
    assert!(ids_due(&store, until - MILLISECOND, 10).await.is_empty(), "left alone until its lease is over");
    assert_eq!(ids_due(&store, until, 10).await, ["a"]);
    let again = find(&store, "a").await.unwrap().unwrap();
    assert_eq!(again.attempts, 1);
    assert_eq!(unmet(&store, take(&made, until)).await, "Taken", "as it was read before");
    done(&store, take(&again, until + HOUR)).await;
}

async fn what_becomes_of_a_message(store: TestStore) {
    for id in ["sent", "again", "given up"] {
        done(&store, insert(&message(id, START))).await;
    }
    done(&store, sent("sent", START + SECOND)).await;
    done(&store, failed("again", "refused", Some(START + HOUR))).await;
    done(&store, failed("given up", "no such mailbox", None)).await;
    let read = async |id| find(&store, id).await.unwrap().unwrap();
    let record = read("sent").await;
    assert_eq!((record.state.as_str(), record.sent_at, record.last_error), ("sent", Some(START + SECOND), None));
    let record = read("again").await;
    assert_eq!((record.state.as_str(), record.last_error.as_deref()), ("queued", Some("refused")));
    assert_eq!(record.next_attempt_at, START + HOUR);
    let record = read("given up").await;
    assert_eq!((record.state.as_str(), record.last_error.as_deref()), ("failed", Some("no such mailbox")));
    // What has ended, stays as it ended.
    done(&store, failed("sent", "late", None)).await;
    done(&store, failed("sent", "late", Some(START))).await;
    done(&store, sent("given up", START)).await;
    assert_eq!((read("sent").await.state, read("given up").await.state), ("sent".to_owned(), "failed".to_owned()));
    assert_eq!(unmet(&store, take(&read("sent").await, START)).await, "Taken");
    assert!(ids_due(&store, START, 10).await.is_empty());
    done(&store, sent("again", START)).await;
    assert_eq!(read("again").await.last_error, None);
}

async fn pages_go_back_in_time(store: TestStore) {
    for id in ["1", "3", "2", "5", "4"] {
        done(&store, insert(&message(id, START))).await;
    }
    let ids = async |before: &str, limit| {
        let records = newest(&store, before, limit).await.unwrap();
        records.into_iter().map(|record| record.id).collect::<Vec<_>>()
    };
    assert_eq!(ids("", 2).await, ["5", "4"]);
    assert_eq!(ids("4", 2).await, ["3", "2"]);
    assert_eq!(ids("2", 9).await, ["1"]);
    assert!(ids("1", 9).await.is_empty());
}

async fn a_sweep_takes_what_ended(store: TestStore) {
    for (id, end) in [("a", START), ("b", START + SECOND), ("c", START + 2 * SECOND)] {
        done(&store, insert(&MessageRecord { expires_at: end, ..message(id, START) })).await;
    }
    done(&store, sweep(START, 10)).await;
    assert_eq!(number(&store, "select count(*) from messages").await, 3);
    done(&store, sweep(START + HOUR, 2)).await;
    assert!(find(&store, "c").await.unwrap().is_some());
    done(&store, sweep(START + HOUR, 2)).await;
    assert_eq!(number(&store, "select count(*) from messages").await, 0);
}
