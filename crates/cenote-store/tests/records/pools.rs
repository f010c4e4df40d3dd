//! Pools: versions, tombstones, paging, the estimate of users, and what is left to reap.

use cenote_store::records::pools::{
    count_users, estimated_users, find, has_leftovers, has_users, insert, page, reap_leftovers, reap_rest, reap_users,
    tombstone, update,
};
use cenote_store::records::{attempts, counters, families, users};
use cenote_store::testing::{START, TestStore};

use crate::sample::{SECOND, family, pool, pool_id, sub, user, with_users};
use crate::{done, number, on_both_engines, unmet, winners};

on_both_engines! {
    a_pool_is_read_as_it_was_written,
    one_of_many_updates_at_a_version,
    an_ended_pool_is_nobodys,
    pages_show_each_pool_once,
    users_are_counted_over_shards,
    an_ended_pool_is_reaped_step_by_step,
}

async fn a_pool_is_read_as_it_was_written(store: TestStore) {
    assert!(find(&store, &pool_id(1)).await.unwrap().is_none());
    done(&store, insert(&pool(1))).await;
    assert_eq!(unmet(&store, insert(&pool(1))).await, "PoolExists");
    let mut read = find(&store, &pool_id(1)).await.unwrap().unwrap();
    assert_eq!(format!("{read:?}"), format!("{:?}", pool(1)));
    read.name = "renamed".to_owned();
    read.settings = "{}".to_owned();
    read.modified_at = START + SECOND;
    done(&store, update(&read)).await;
    assert_eq!(unmet(&store, update(&read)).await, "PoolChanged", "under the version that was read");
    let again = find(&store, &pool_id(1)).await.unwrap().unwrap();
    assert_eq!((again.name.as_str(), again.version, again.modified_at), ("renamed", 2, START + SECOND));
    assert_eq!((again.created_at, again.settings.as_str()), (START, "{}"));
}

async fn one_of_many_updates_at_a_version(store: TestStore) {
    done(&store, insert(&pool(1))).await;
    assert_eq!(winners(&store, 16, "PoolChanged", |_| async { update(&pool(1)) }).await, 1);
}

async fn an_ended_pool_is_nobodys(store: TestStore) {
    done(&store, insert(&pool(1))).await;
    assert_eq!(unmet(&store, tombstone(&pool_id(1), 7, START)).await, "PoolChanged");
    done(&store, tombstone(&pool_id(1), 1, START)).await;
    assert!(find(&store, &pool_id(1)).await.unwrap().is_none());
    assert!(page(&store, "", 10).await.unwrap().is_empty());
    assert_eq!(unmet(&store, tombstone(&pool_id(1), 2, START)).await, "PoolChanged");
    let mut ended = pool(1);
    ended.version = 2;
    assert_eq!(unmet(&store, update(&ended)).await, "PoolChanged");
    assert_eq!(unmet(&store, users::insert(&user(&pool_id(1), 1))).await, "UsernameExists", "no late users");
    assert_eq!(unmet(&store, insert(&pool(1))).await, "PoolExists", "its id is not given again");
}

async fn pages_show_each_pool_once(store: TestStore) {
    for n in [5, 3, 9, 1, 7, 2, 8] {
        done(&store, insert(&pool(n))).await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let records = page(&store, &after, 3).await.unwrap();
        let Some(last) = records.last() else { break };
        last.pool_id.as_str().clone_into(&mut after);
        assert!(records.len() <= 3);
        seen.extend(records.into_iter().map(|record| record.pool_id));
        // One is made and one ends behind the reader's back, before and after its place.
        if seen.len() == 3 {
            done(&store, insert(&pool(4))).await;
            done(&store, tombstone(&pool_id(1), 1, START)).await;
            done(&store, tombstone(&pool_id(8), 1, START)).await;
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 7, 9].map(pool_id));
}

async fn users_are_counted_over_shards(store: TestStore) {
    let pool = pool_id(1);
    assert_eq!(estimated_users(&store, &pool).await.unwrap(), 0);
    for shard in [0, 1, 1, 15] {
        done(&store, count_users(&pool, shard, 1)).await;
    }
    done(&store, count_users(&pool_id(2), 0, 1)).await;
    assert_eq!(estimated_users(&store, &pool).await.unwrap(), 4);
    for shard in [3, 3, 3] {
        done(&store, count_users(&pool, shard, -1)).await;
    }
    assert_eq!(estimated_users(&store, &pool).await.unwrap(), 1);
    done(&store, count_users(&pool, 3, -5)).await;
    assert_eq!(estimated_users(&store, &pool).await.unwrap(), 0, "an estimate is not negative");
}

async fn an_ended_pool_is_reaped_step_by_step(store: TestStore) {
    let id = with_users(&store, 7).await;
    done(&store, insert(&pool(2))).await;
    done(&store, users::insert(&user(&pool_id(2), 1))).await;
    done(&store, families::insert(&family(&id, 1, "f1"))).await;
    done(&store, users::insert_alias(&id, users::AliasKind::Email, "a@example.com", &sub(1))).await;
    for n in 0..5 {
        done(&store, attempts::claim(&id, &n.to_string(), "password", START)).await;
    }
    done(&store, attempts::claim(&pool_id(2), "s", "password", START)).await;
    done(&store, counters::increment(id.as_str(), "clients", 9, "Full")).await;
    done(&store, tombstone(&id, 1, START)).await;
    let mut steps = 0;
    while has_users(&store, &id).await.unwrap() {
        done(&store, reap_users(&id, 3)).await;
        steps += 1;
    }
    assert_eq!(steps, 3, "seven users, three at a time");
    let mut steps = 0;
    while has_leftovers(&store, &id).await.unwrap() {
        done(&store, reap_leftovers(&id, 2)).await;
        steps += 1;
    }
    assert_eq!(steps, 3, "five counts, two at a time");
    done(&store, reap_rest(&id)).await;
    for (sql, left) in [
        ("select count(*) from pools", 1),
        ("select count(*) from users", 1),
        ("select count(*) from attempts", 1),
        ("select count(*) from aliases", 0),
        ("select count(*) from token_families", 0),
        ("select count(*) from counters", 0),
    ] {
        assert_eq!(number(&store, sql).await, left, "{sql}");
    }
    // A pool that lives keeps its row whatever is asked.
    done(&store, reap_rest(&pool_id(2))).await;
    assert!(find(&store, &pool_id(2)).await.unwrap().is_some());
}
