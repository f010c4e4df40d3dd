//! One-time codes: replaced, claimed once, forgotten.

use cenote_base::Timestamp;
use cenote_store::records::codes::{CodeRecord, claim, find, forget, forget_sent_to, replace, sweep};
use cenote_store::testing::{START, TestStore};

use crate::sample::{HOUR, SECOND, pool_id, sub, with_users};
use crate::{done, number, on_both_engines, unmet, winners};

on_both_engines! {
    a_code_is_read_as_it_was_written,
    a_code_is_claimed_by_one,
    only_the_very_code_is_claimed,
    a_code_needs_its_user,
    codes_to_one_attribute_are_forgotten,
    a_sweep_takes_what_ended,
}

fn code(digest: u8, end: Timestamp) -> CodeRecord {
    CodeRecord {
        digest: vec![digest; 32],
        replaced: Vec::new(),
        attribute: "email".to_owned(),
        pending: None,
        created_at: START,
        expires_at: end,
    }
}

async fn a_code_is_read_as_it_was_written(store: TestStore) {
    let id = with_users(&store, 1).await;
    assert!(find(&store, &id, &sub(1), "sign_up").await.unwrap().is_none());
    let first = code(1, START + HOUR);
    let second = CodeRecord {
        digest: vec![2; 32],
        replaced: vec![1; 32],
        attribute: "phone_number".to_owned(),
        pending: Some(vec![9]),
        created_at: START + SECOND,
        expires_at: START + 2 * HOUR,
    };
    for made in [first, second] {
        done(&store, replace(&id, &sub(1), "sign_up", &made)).await;
        let found = find(&store, &id, &sub(1), "sign_up").await.unwrap().unwrap();
        assert_eq!(format!("{found:?}"), format!("{made:?}"));
    }
    assert_eq!(number(&store, "select count(*) from codes").await, 1);
    assert!(find(&store, &id, &sub(1), "other").await.unwrap().is_none());
}

async fn a_code_is_claimed_by_one(store: TestStore) {
    let id = with_users(&store, 1).await;
    for round in 0..5 {
        done(&store, replace(&id, &sub(1), "sign_up", &code(round, START))).await;
        let won =
            winners(&store, 32, "CodeUsed", |_| async move { claim(&pool_id(1), &sub(1), "sign_up", &[round; 32]) });
        assert_eq!(won.await, 1);
        assert!(find(&store, &id, &sub(1), "sign_up").await.unwrap().is_none());
    }
}

async fn only_the_very_code_is_claimed(store: TestStore) {
    let id = with_users(&store, 2).await;
    done(&store, replace(&id, &sub(1), "sign_up", &code(1, START))).await;
    done(&store, replace(&id, &sub(1), "sign_up", &code(2, START))).await;
    for (user, purpose, digest) in [(1, "sign_up", 1), (2, "sign_up", 2), (1, "other", 2)] {
        assert_eq!(unmet(&store, claim(&id, &sub(user), purpose, &[digest; 32])).await, "CodeUsed");
    }
    done(&store, forget(&id, &sub(2), "sign_up").extend(forget(&id, &sub(1), "other"))).await;
    done(&store, claim(&id, &sub(1), "sign_up", &[2; 32])).await;
    done(&store, replace(&id, &sub(1), "sign_up", &code(3, START))).await;
    done(&store, forget(&id, &sub(1), "sign_up")).await;
    assert_eq!(unmet(&store, claim(&id, &sub(1), "sign_up", &[3; 32])).await, "CodeUsed");
}

async fn a_code_needs_its_user(store: TestStore) {
    let id = with_users(&store, 1).await;
    assert_eq!(unmet(&store, replace(&id, &sub(2), "sign_up", &code(1, START))).await, "NoUser");
}

async fn a_sweep_takes_what_ended(store: TestStore) {
    let id = with_users(&store, 3).await;
    for n in 1..=3 {
        done(&store, replace(&id, &sub(n), "sign_up", &code(1, START + n * SECOND))).await;
    }
    done(&store, sweep(START + SECOND, 10)).await;
    assert_eq!(number(&store, "select count(*) from codes").await, 3);
    done(&store, sweep(START + HOUR, 2)).await;
    assert!(find(&store, &id, &sub(3), "sign_up").await.unwrap().is_some(), "the oldest first");
    done(&store, sweep(START + HOUR, 2)).await;
    assert_eq!(number(&store, "select count(*) from codes").await, 0);
}

async fn codes_to_one_attribute_are_forgotten(store: TestStore) {
    let id = with_users(&store, 2).await;
    let by_phone = CodeRecord { attribute: "phone_number".to_owned(), ..code(3, START) };
    for (user, purpose, made) in [
        (1, "sign_up", code(1, START)),
        (1, "verify", code(2, START)),
        (1, "other", by_phone),
        (2, "verify", code(4, START)),
    ] {
        done(&store, replace(&id, &sub(user), purpose, &made)).await;
    }
    done(&store, forget_sent_to(&id, &sub(1), "email")).await;
    let left = async |user, purpose| find(&store, &id, &sub(user), purpose).await.unwrap().is_some();
    assert!(!left(1, "sign_up").await && !left(1, "verify").await);
    assert!(left(1, "other").await, "sent to another attribute");
    assert!(left(2, "verify").await, "another user's");
}
