use serde_json::json;

use super::*;
use crate::testing::{self, House, client, pool};
use cenote_wire::idp::Operation;

async fn rename(house: &House, pool: &str, name: &str) {
    let request = json!({"UserPoolId": pool, "PoolName": name});
    house.json(Operation::UpdateUserPool, request).await.unwrap();
}

async fn name(house: &House, pool: &str) -> String {
    house.deps().directory.pool(&pool.parse().unwrap()).await.unwrap().unwrap().name.clone()
}

async fn rotates(house: &House, client: &str) -> bool {
    house.deps().directory.client(&client.parse().unwrap()).await.unwrap().unwrap().token_revocation
}

async fn set_revocation(house: &House, pool: &str, client: &str, on: bool) {
    let request = json!({"UserPoolId": pool, "ClientId": client, "EnableTokenRevocation": on});
    house.json(Operation::UpdateUserPoolClient, request).await.unwrap();
}

#[tokio::test]
async fn another_nodes_changes_are_seen_after_the_next_refresh() {
    let store = testing::store().await;
    let (here, there) = {
        let here = House::new(&store).await;
        let there = here.neighbour(&store).await;
        (here, there)
    };
    let id = pool(&here, json!({"PoolName": "before"})).await;
    let app = client(&here, &id, json!({})).await;
    there.deps().directory.refresh().await.unwrap();
    assert_eq!(name(&there, &id).await, "before");
    assert!(rotates(&there, &app).await);
    rename(&here, &id, "after").await;
    set_revocation(&here, &id, &app, false).await;
    assert_eq!(name(&there, &id).await, "before", "trusted until the next refresh");
    assert!(rotates(&there, &app).await);
    there.deps().directory.refresh().await.unwrap();
    assert_eq!(name(&there, &id).await, "after");
    assert!(!rotates(&there, &app).await);
}

#[tokio::test]
async fn own_changes_are_seen_at_once() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let id = pool(&house, json!({"PoolName": "before"})).await;
    let app = client(&house, &id, json!({})).await;
    house.deps().directory.refresh().await.unwrap();
    assert_eq!(name(&house, &id).await, "before");
    assert!(rotates(&house, &app).await);
    rename(&house, &id, "after").await;
    set_revocation(&house, &id, &app, false).await;
    assert_eq!(name(&house, &id).await, "after");
    assert!(!rotates(&house, &app).await);
}

#[tokio::test]
async fn without_a_refresh_nothing_is_trusted_for_long() {
    let store = testing::store().await;
    let here = House::new(&store).await;
    let there = here.neighbour(&store).await;
    let id = pool(&here, json!({"PoolName": "before"})).await;
    there.deps().directory.refresh().await.unwrap();
    assert_eq!(name(&there, &id).await, "before");
    rename(&here, &id, "after").await;
    there.clock.advance(TRUSTED_FOR - Duration::from_millis(1));
    assert_eq!(name(&there, &id).await, "before");
    there.clock.advance(Duration::from_millis(1));
    assert_eq!(name(&there, &id).await, "after");
    there.clock.set(testing_start());
    rename(&here, &id, "later").await;
    there.clock.set(testing_start() - Duration::from_secs(3600));
    assert_eq!(name(&there, &id).await, "later", "a clock that went backwards makes nothing trusted");
}

fn testing_start() -> cenote_base::Timestamp {
    cenote_store::testing::START
}

#[tokio::test]
async fn a_change_elsewhere_leaves_what_is_cached() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let first = pool(&house, json!({})).await;
    let mut second = pool(&house, json!({})).await;
    while shard(&second.parse().unwrap()) == shard(&first.parse().unwrap()) {
        second = pool(&house, json!({})).await;
    }
    house.deps().directory.refresh().await.unwrap();
    let parsed: PoolId = first.parse().unwrap();
    let before = house.deps().directory.pool(&parsed).await.unwrap().unwrap();
    rename(&house, &second, "other").await;
    house.deps().directory.refresh().await.unwrap();
    let after = house.deps().directory.pool(&parsed).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&before, &after), "the same entry");
    rename(&house, &first, "this").await;
    let changed = house.deps().directory.pool(&parsed).await.unwrap().unwrap();
    assert!(!Arc::ptr_eq(&before, &changed));
}

#[tokio::test]
async fn what_is_cached_outlives_the_database_for_a_while() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let id = pool(&house, json!({"PoolName": "people"})).await;
    house.deps().directory.refresh().await.unwrap();
    assert_eq!(name(&house, &id).await, "people");
    store.close().await;
    assert!(house.deps().directory.refresh().await.is_err());
    assert_eq!(name(&house, &id).await, "people");
    house.clock.advance(TRUSTED_FOR);
    let error = house.deps().directory.pool(&id.parse().unwrap()).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Dependency, "{error}");
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_an_error_and_no_default() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let id = pool(&house, json!({})).await;
    let damage = Batch::new().any("update pools set settings = '{\"MfaConfiguration\": \"?\"}'", Vec::new());
    store.apply(damage).await.unwrap();
    let error = house.deps().directory.pool(&id.parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Settings(_)), "{error}");
    assert_eq!(error.fault(), Fault::Cenote);
}

#[tokio::test]
async fn a_reading_that_a_change_overtook_is_not_kept() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let id: PoolId = pool(&house, json!({"PoolName": "before"})).await.parse().unwrap();
    let directory = &house.deps().directory;
    directory.refresh().await.unwrap();
    // What a slow reader would put in after the change was forgotten.
    let stale = directory.pool(&id).await.unwrap().unwrap();
    let epoch = directory.epoch(&id);
    rename(&house, id.as_str(), "after").await;
    directory.0.pools.insert(id.clone(), Entry { epoch, value: stale });
    assert_eq!(directory.pool(&id).await.unwrap().unwrap().name, "after");
}

#[test]
fn topics_are_distinct_and_pools_spread_over_them() {
    let random = cenote_base::SeededRandom::new(5);
    let region = "eu-west-1".parse().unwrap();
    let mut seen = [0_u32; TOPICS.len()];
    for _ in 0..1600 {
        seen[shard(&PoolId::generate(&region, &random))] += 1;
    }
    assert!(seen.iter().all(|n| (50..200).contains(n)), "{seen:?}");
    let distinct: std::collections::BTreeSet<_> = TOPICS.iter().collect();
    assert_eq!(distinct.len(), TOPICS.len());
    // Stored: must never change.
    assert_eq!(shard(&"eu-west-1_AbCdEfGhI".parse().unwrap()), EXPECTED_SHARD);
}

const EXPECTED_SHARD: usize = 8;
