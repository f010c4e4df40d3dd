//! Data keys and signing keys, as opaque as the store sees them.

use cenote_store::records::keys::{
    DataKeyRecord, SigningKeyRecord, data_keys, insert_data_key, insert_signing_key, signing_keys,
};
use cenote_store::records::pools;
use cenote_store::testing::{START, TestStore};

use crate::sample::{HOUR, pool, pool_id};
use crate::{done, on_both_engines, unmet};

on_both_engines! { data_keys_come_by_purpose_and_version, signing_keys_are_those_of_a_living_pool }

async fn data_keys_come_by_purpose_and_version(store: TestStore) {
    let key = |scope: &str, purpose: &str, version| DataKeyRecord {
        scope: scope.to_owned(),
        purpose: purpose.to_owned(),
        version,
        state: "active".to_owned(),
        wrapped: vec![7; 60],
        created_at: START,
    };
    for (purpose, version) in [("verifier", 1), ("general", 10), ("general", 9)] {
        done(&store, insert_data_key(&key("server", purpose, version))).await;
    }
    done(&store, insert_data_key(&key("other", "general", 1))).await;
    assert_eq!(unmet(&store, insert_data_key(&key("server", "general", 9))).await, "DataKeyExists");
    let found = data_keys(&store, "server").await.unwrap();
    let order: Vec<_> = found.iter().map(|key| (key.purpose.as_str(), key.version)).collect();
    assert_eq!(order, [("general", 9), ("general", 10), ("verifier", 1)]);
    assert_eq!(format!("{:?}", found[2]), format!("{:?}", key("server", "verifier", 1)));
    assert!(data_keys(&store, "nowhere").await.unwrap().is_empty());
}

async fn signing_keys_are_those_of_a_living_pool(store: TestStore) {
    done(&store, pools::insert(&pool(1))).await;
    let key = |kid: &str, n| SigningKeyRecord {
        kid: kid.to_owned(),
        pool_id: pool_id(n),
        token_use: "id".to_owned(),
        algorithm: "RS256".to_owned(),
        state: "active".to_owned(),
        private_key: vec![1],
        public_key: vec![2],
        created_at: START,
        activates_at: START,
        retires_at: Some(START + HOUR),
    };
    for kid in ["b", "a"] {
        done(&store, insert_signing_key(&key(kid, 1))).await;
    }
    done(&store, insert_signing_key(&key("c", 2))).await;
    assert_eq!(unmet(&store, insert_signing_key(&key("a", 2))).await, "SigningKeyExists");
    let found = signing_keys(&store, &pool_id(1)).await.unwrap();
    assert_eq!(format!("{found:?}"), format!("{:?}", [key("a", 1), key("b", 1)]));
    assert!(signing_keys(&store, &pool_id(2)).await.unwrap().is_empty(), "there is no such pool");
    done(&store, pools::tombstone(&pool_id(1), 1, START)).await;
    assert!(signing_keys(&store, &pool_id(1)).await.unwrap().is_empty());
}
