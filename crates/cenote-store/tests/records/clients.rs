//! App clients: only in living pools, versions, paging, secrets.

use cenote_store::records::clients::{
    ClientSecretRecord, find, insert, insert_secret, page, reap, secrets, tombstone, update,
};
use cenote_store::records::pools;
use cenote_store::testing::{START, TestStore};

use crate::sample::{SECOND, client, pool, pool_id};
use crate::{done, number, on_both_engines, unmet};

on_both_engines! {
    a_client_is_read_as_it_was_written,
    a_client_needs_a_living_pool,
    pages_are_of_one_pool,
    secrets_come_in_order,
    an_ended_client_is_reaped,
}

async fn a_client_is_read_as_it_was_written(store: TestStore) {
    done(&store, pools::insert(&pool(1))).await;
    let made = client(&pool_id(1), "client1");
    done(&store, insert(&made)).await;
    let mut read = find(&store, &made.client_id).await.unwrap().unwrap();
    assert_eq!(format!("{read:?}"), format!("{made:?}"));
    read.settings = r#"{"AuthSessionValidity":5}"#.to_owned();
    read.modified_at = START + SECOND;
    done(&store, update(&read)).await;
    assert_eq!(unmet(&store, update(&read)).await, "ClientChanged");
    let again = find(&store, &made.client_id).await.unwrap().unwrap();
    assert_eq!((again.version, again.settings.as_str()), (2, r#"{"AuthSessionValidity":5}"#));
    assert!(find(&store, &"client2".parse().unwrap()).await.unwrap().is_none());
}

async fn a_client_needs_a_living_pool(store: TestStore) {
    let made = client(&pool_id(1), "client1");
    assert_eq!(unmet(&store, insert(&made)).await, "NoPool");
    done(&store, pools::insert(&pool(1))).await;
    done(&store, insert(&made)).await;
    done(&store, pools::tombstone(&pool_id(1), 1, START)).await;
    assert!(find(&store, &made.client_id).await.unwrap().is_none(), "it goes with its pool");
    assert_eq!(unmet(&store, insert(&client(&pool_id(1), "client2"))).await, "NoPool");
}

async fn pages_are_of_one_pool(store: TestStore) {
    for n in [1, 2] {
        done(&store, pools::insert(&pool(n))).await;
    }
    for id in ["e", "b", "d", "a", "c"] {
        done(&store, insert(&client(&pool_id(1), id))).await;
    }
    done(&store, insert(&client(&pool_id(2), "bb"))).await;
    done(&store, tombstone(&"c".parse().unwrap(), 1, START)).await;
    let ids = async |after: &str, limit| {
        let records = page(&store, &pool_id(1), after, limit).await.unwrap();
        records.into_iter().map(|record| record.client_id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids("", 2).await, ["a", "b"]);
    assert_eq!(ids("b", 2).await, ["d", "e"]);
    assert!(ids("e", 2).await.is_empty());
}

async fn secrets_come_in_order(store: TestStore) {
    let id = "client1".parse().unwrap();
    let secret = |name: &str, at| ClientSecretRecord {
        secret_id: name.to_owned(),
        sealed: name.as_bytes().to_vec(),
        created_at: at,
    };
    for (name, at) in [("newer", START + SECOND), ("older", START), ("as old", START)] {
        done(&store, insert_secret(&id, &secret(name, at))).await;
    }
    assert_eq!(unmet(&store, insert_secret(&id, &secret("older", START))).await, "SecretExists");
    let found: Vec<_> = secrets(&store, &id).await.unwrap().into_iter().map(|found| found.secret_id).collect();
    assert_eq!(found, ["as old", "older", "newer"]);
    assert!(secrets(&store, &"client2".parse().unwrap()).await.unwrap().is_empty());
}

async fn an_ended_client_is_reaped(store: TestStore) {
    done(&store, pools::insert(&pool(1))).await;
    let made = client(&pool_id(1), "client1");
    done(&store, insert(&made)).await;
    done(&store, reap(&made.client_id)).await;
    assert!(find(&store, &made.client_id).await.unwrap().is_some(), "one that lives stays");
    assert_eq!(unmet(&store, tombstone(&made.client_id, 9, START)).await, "ClientChanged");
    done(&store, tombstone(&made.client_id, 1, START)).await;
    assert!(find(&store, &made.client_id).await.unwrap().is_none());
    assert_eq!(unmet(&store, tombstone(&made.client_id, 2, START)).await, "ClientChanged");
    done(&store, reap(&made.client_id)).await;
    assert_eq!(number(&store, "select count(*) from clients").await, 0);
}
