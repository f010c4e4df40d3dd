//! Attempts: which failure locks for how long, when the count is forgotten, what is given back (reference 03 §11).

use std::time::Duration;

use cenote_base::{PoolId, Timestamp};
use cenote_store::records::attempts::{
    FREE_FAILURES, LONGEST_LOCK, claim, claim_in_window, claimed, give_back, reset, sweep,
};
use cenote_store::testing::{START, TestStore};
use cenote_store::{Batch, BatchError, Row, Store, params};

use crate::sample::{HOUR, MILLISECOND, SECOND, pool_id};
use crate::{done, number, on_both_engines, unmet, winners};

on_both_engines! {
    the_lock_doubles_from_the_fifth_failure_on,
    a_locked_attempt_changes_nothing,
    a_count_is_forgotten_a_quarter_of_an_hour_after_the_lock,
    subjects_factors_and_pools_count_apart,
    a_reset_forgets,
    two_counts_of_one_attempt,
    what_is_given_back_was_never_made,
    what_others_claimed_stays_when_one_gives_back,
    many_at_once_get_no_more_than_the_free_ones,
    a_window_begins_with_the_first_use,
    a_window_holds_at_its_limit,
        a_sweep_takes_what_ended,
}

const QUARTER: Duration = Duration::from_secs(15 * 60);

fn failures(rows: &[Vec<Row>]) -> i64 {
    let [failures] = claimed(rows).unwrap();
    failures
}

/// The count that an attempt gives, or `None` while it is locked.
async fn attempt(store: &Store, at: Timestamp) -> Option<i64> {
    match store.apply(claim(&pool_id(1), "s", "password", at)).await {
        Ok(rows) => Some(failures(&rows)),
        Err(BatchError::Unmet { tag: "Locked", .. }) => None,
        Err(other) => panic!("{other:?}"),
    }
}

/// Failures, end of the lock (0: none) and end of the count, in milliseconds after the start.
async fn row(store: &Store) -> (i64, i64, i64) {
    let sql = "select failures, locked_until, expires_at from attempts where subject = 's' and factor = 'password'";
    let row = store.read_one(sql, params![]).await.unwrap().unwrap();
    let after = |at: i64| if at == 0 { 0 } else { at - START.millis() };
    (row.int(0).unwrap(), after(row.int(1).unwrap()), after(row.int(2).unwrap()))
}

async fn the_lock_doubles_from_the_fifth_failure_on(store: TestStore) {
    assert_eq!((FREE_FAILURES, LONGEST_LOCK), (5, QUARTER));
    let mut now = START;
    for failures in 1..=20_i64 {
        assert_eq!(attempt(&store, now).await, Some(failures));
        let lock = match failures {
            1..=4 => 0,
            5..=14 => 1000 << (failures - 5),
            _ => 900_000,
        };
        let passed = now.millis() - START.millis();
        let locked_until = if lock == 0 { 0 } else { passed + lock };
        assert_eq!(row(&store).await, (failures, locked_until, passed + lock + 900_000));
        now = now + Duration::from_millis(u64::try_from(lock).unwrap());
    }
}

async fn a_locked_attempt_changes_nothing(store: TestStore) {
    for _ in 0..5 {
        attempt(&store, START).await.unwrap();
    }
    let before = row(&store).await;
    for passed in [0, 1, 500, 999] {
        assert_eq!(attempt(&store, START + Duration::from_millis(passed)).await, None);
    }
    assert_eq!(row(&store).await, before);
    assert_eq!(attempt(&store, START + SECOND).await, Some(6), "the lock ends at its end");
}

async fn a_count_is_forgotten_a_quarter_of_an_hour_after_the_lock(store: TestStore) {
    for _ in 0..4 {
        attempt(&store, START).await.unwrap();
    }
    let fifth = START + QUARTER - MILLISECOND;
    assert_eq!(attempt(&store, fifth).await, Some(5));
    let sixth = fifth + SECOND + QUARTER - MILLISECOND;
    assert_eq!(attempt(&store, sixth).await, Some(6));
    let forgotten = sixth + 2 * SECOND + QUARTER;
    assert_eq!(attempt(&store, forgotten).await, Some(1));
    let (failures, locked_until, _) = row(&store).await;
    assert_eq!((failures, locked_until), (1, 0));
}

async fn subjects_factors_and_pools_count_apart(store: TestStore) {
    let keys = [(1, "s", "password"), (2, "s", "password"), (1, "t", "password"), (1, "s", "totp")];
    for (pool, subject, factor) in keys {
        for expected in 1..=5 {
            let rows = store.apply(claim(&pool_id(pool), subject, factor, START)).await.unwrap();
            assert_eq!(failures(&rows), expected);
        }
    }
    for (pool, subject, factor) in keys {
        assert_eq!(unmet(&store, claim(&pool_id(pool), subject, factor, START)).await, "Locked");
    }
    done(&store, reset(&pool_id(1), "s", "password")).await;
    assert_eq!(attempt(&store, START).await, Some(1));
    assert_eq!(unmet(&store, claim(&pool_id(2), "s", "password", START)).await, "Locked");
}

async fn a_reset_forgets(store: TestStore) {
    for _ in 0..5 {
        attempt(&store, START).await.unwrap();
    }
    done(&store, reset(&pool_id(1), "s", "password")).await;
    assert_eq!(attempt(&store, START).await, Some(1));
    done(&store, reset(&pool_id(1), "nobody", "password")).await;
}

async fn two_counts_of_one_attempt(store: TestStore) {
    let claims = |address: &str| {
        let claim = |factor: &str| claim(&pool_id(1), "s", factor, START);
        Batch::new().any("delete from counters", params![]).extend(claim("password")).extend(claim(address))
    };
    for (address, expected) in [("password/a", [1, 1]), ("password/b", [2, 1]), ("password/a", [3, 2])] {
        let rows = store.apply(claims(address)).await.unwrap();
        assert_eq!(claimed::<2>(&rows).unwrap(), expected);
        assert!(claimed::<4>(&rows).is_err() && claimed::<3>(&rows).is_err(), "not all of them are claims");
    }
    for _ in 0..3 {
        done(&store, claim(&pool_id(1), "s", "password/a", START)).await;
    }
    assert_eq!(unmet(&store, claims("password/a")).await, "Locked");
    assert_eq!(row(&store).await.0, 3, "what one count refuses the other does not count");
    assert_eq!(claimed::<2>(&store.apply(claims("password/b")).await.unwrap()).unwrap(), [4, 2]);
}

fn back(failures: i64) -> Batch {
    give_back(&pool_id(1), "s", "password", failures)
}

async fn what_is_given_back_was_never_made(store: TestStore) {
    assert_eq!(attempt(&store, START).await, Some(1));
    done(&store, back(1)).await;
    assert_eq!(row(&store).await.0, 0);
    for failures in 1..=4 {
        assert_eq!(attempt(&store, START).await, Some(failures));
    }
    // As often as one likes: the fifth that is given back locks nobody.
    for _ in 0..20 {
        assert_eq!(attempt(&store, START).await, Some(5));
        done(&store, back(5)).await;
        assert_eq!((row(&store).await.0, row(&store).await.1), (4, 0));
    }
    assert_eq!(attempt(&store, START).await, Some(5));
    assert_eq!(attempt(&store, START).await, None);
}

async fn what_others_claimed_stays_when_one_gives_back(store: TestStore) {
    for _ in 0..4 {
        attempt(&store, START).await.unwrap();
    }
    let mine = attempt(&store, START).await.unwrap();
    let theirs = attempt(&store, START + SECOND).await.unwrap();
    assert_eq!((mine, theirs), (5, 6));
    done(&store, back(mine)).await;
    assert_eq!((row(&store).await.0, row(&store).await.1), (5, 3000), "their lock of two seconds");
    // After a success there is nothing to give back.
    done(&store, reset(&pool_id(1), "s", "password")).await;
    done(&store, back(mine)).await;
    attempt(&store, START).await.unwrap();
    done(&store, back(mine)).await;
    assert_eq!(row(&store).await.0, 1);
}

async fn many_at_once_get_no_more_than_the_free_ones(store: TestStore) {
    let free = winners(&store, 64, "Locked", |_| async { claim(&pool_id(1), "s", "password", START) }).await;
    assert_eq!(free, 5);
    assert_eq!((row(&store).await.0, row(&store).await.1), (5, 1000));
}

fn window(pool: &PoolId, subject: &str, at: Timestamp) -> Batch {
    claim_in_window(pool, subject, "resend", 3, HOUR, at)
}

async fn a_window_begins_with_the_first_use(store: TestStore) {
    let pool = pool_id(1);
    for minutes in [0, 20, 59] {
        done(&store, window(&pool, "s", START + minutes * 60 * SECOND)).await;
    }
    assert_eq!(unmet(&store, window(&pool, "s", START + HOUR - MILLISECOND)).await, "LimitExceeded");
    done(&store, window(&pool, "other", START)).await;
    for _ in 0..3 {
        done(&store, window(&pool, "s", START + HOUR)).await;
    }
    assert_eq!(unmet(&store, window(&pool, "s", START + HOUR)).await, "LimitExceeded");
    assert_eq!(unmet(&store, window(&pool, "s", START + 2 * HOUR - MILLISECOND)).await, "LimitExceeded");
    done(&store, window(&pool, "s", START + 2 * HOUR)).await;
}

async fn a_window_holds_at_its_limit(store: TestStore) {
    let used = winners(&store, 32, "LimitExceeded", |_| async { window(&pool_id(1), "s", START) }).await;
    assert_eq!(used, 3);
}

async fn a_sweep_takes_what_ended(store: TestStore) {
    for (subject, at) in [("a", START), ("b", START + SECOND), ("c", START + 2 * SECOND)] {
        done(&store, claim(&pool_id(1), subject, "password", at)).await;
    }
    done(&store, sweep(START + QUARTER, 10)).await;
    assert_eq!(number(&store, "select count(*) from attempts").await, 3, "they end at their end");
    done(&store, sweep(START + QUARTER + 3 * SECOND, 2)).await;
    assert_eq!(number(&store, "select count(*) from attempts where subject = 'c'").await, 1, "the oldest first");
    done(&store, sweep(START + QUARTER + 3 * SECOND, 2)).await;
    assert_eq!(number(&store, "select count(*) from attempts").await, 0);
}
