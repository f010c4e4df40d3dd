use cenote_base::{RandomExt, SeededRandom, Sub};
use cenote_store::jobs;
use cenote_store::records::families::FamilyRecord;
use cenote_store::records::users::{self, AliasKind, UserRecord};
use cenote_store::testing::{START, TestStore};
use cenote_wire::idp::Operation;
use serde_json::json;

use super::*;
use crate::testing::{self, House, rows};

const LASTING: Duration = Duration::from_secs(60);

/// A user with an alias, a searchable attribute and two sign-ins.
async fn user(store: &TestStore, pool: &PoolId, client: &ClientId, random: &SeededRandom) {
    let sub = Sub::generate(random);
    let name = format!("user-{sub}");
    let record = UserRecord {
        sub: sub.clone(),
        pool_id: pool.clone(),
        username: name.clone(),
        username_key: name.clone(),
        status: "CONFIRMED".into(),
        enabled: true,
        attributes: "{}".into(),
        mfa: "{}".into(),
        password: None,
        password_set_at: None,
        password_expires_at: None,
        srp: None,
        tokens_valid_after: START,
        details: "{}".into(),
        version: 1,
        created_at: START,
        modified_at: START,
    };
    let mut batch = users::insert(&record)
        .extend(users::insert_alias(pool, AliasKind::Email, &format!("{name}@example.com"), &sub))
        .extend(users::index_attributes(pool, &sub, &[], &[("email", format!("{name}@example.com"))]));
    for _ in 0..2 {
        batch = batch.extend(families::insert(&FamilyRecord {
            origin_jti: random.uuid_v4().to_string(),
            pool_id: pool.clone(),
            sub: sub.clone(),
            client_id: client.clone(),
            generation: 0,
            rotated_at: None,
            scopes: String::new(),
            methods: "[]".into(),
            device_key: None,
            sso_id: None,
            session_id: None,
            details: "{}".into(),
            auth_time: START,
            created_at: START,
            last_active_at: START,
            expires_at: START + LASTING,
        }));
    }
    store.apply(batch).await.unwrap();
}

/// Two pools with users; the first is deleted. The store, the house, the deleted pool's id.
async fn deleted_pool(store: &TestStore, users: usize) -> House {
    let house = House::new(store).await;
    let random = SeededRandom::new(3);
    let pools = [testing::pool(&house, json!({})).await, testing::pool(&house, json!({})).await];
    for (pool, count) in pools.iter().zip([users, 3]) {
        let client = testing::client(&house, pool, json!({"GenerateSecret": true})).await.parse().unwrap();
        for _ in 0..count {
            user(store, &pool.parse().unwrap(), &client, &random).await;
        }
    }
    house.json(Operation::DeleteUserPool, json!({"UserPoolId": pools[0]})).await.unwrap();
    house
}

async fn lease(store: &TestStore, house: &House, kind: &str) -> Option<Lease> {
    jobs::lease(store, kind, "node", house.clock.now(), LASTING).await.unwrap()
}

#[tokio::test]
async fn the_job_waits_for_late_batches() {
    let store = testing::store().await;
    let house = deleted_pool(&store, 1).await;
    assert!(lease(&store, &house, POOL).await.is_none());
    house.clock.advance(GRACE);
    assert!(lease(&store, &house, POOL).await.is_some());
}

#[tokio::test]
async fn everything_of_the_pool_goes_and_nothing_of_others() {
    for store in testing::both_stores().await {
        let house = deleted_pool(&store, 120).await;
        assert_eq!(rows(&store, "select count(*) from users").await, 123);
        house.clock.advance(GRACE);
        let lease = lease(&store, &house, POOL).await.unwrap();
        pool(&store, &*house.clock, &lease).await.unwrap();
        for (sql, left) in [
            ("select count(*) from pools", 1),
            ("select count(*) from users", 3),
            ("select count(*) from aliases", 3),
            ("select count(*) from user_attributes", 3),
            ("select count(*) from token_families", 6),
            ("select count(*) from clients", 1),
            ("select count(*) from client_secrets", 1),
            ("select count(*) from signing_keys", 2),
            ("select count(distinct scope) from data_keys", 2),
            ("select count(*) from jobs", 0),
        ] {
            assert_eq!(rows(&store, sql).await, left, "{sql}");
        }
    }
}

#[tokio::test]
async fn another_node_goes_on_and_the_slow_one_deletes_nothing_more() {
    let store = testing::store().await;
    let house = deleted_pool(&store, 70).await;
    house.clock.advance(GRACE);
    let slow = lease(&store, &house, POOL).await.unwrap();
    let victim: PoolId = std::str::from_utf8(&slow.payload).unwrap().parse().unwrap();
    step(&store, &*house.clock, &slow, pools::reap_users(&victim, 10)).await.unwrap();
    assert_eq!(rows(&store, "select count(*) from users").await, 63);
    house.clock.advance(STEP);
    let next = lease(&store, &house, POOL).await.unwrap();
    let lost = pool(&store, &*house.clock, &slow).await.unwrap_err();
    assert!(matches!(lost, ReapError::Write(BatchError::Unmet { tag: jobs::LEASE_LOST, .. })), "{lost}");
    assert_eq!(rows(&store, "select count(*) from users").await, 63);
    pool(&store, &*house.clock, &next).await.unwrap();
    assert_eq!(rows(&store, "select count(*) from users").await, 3);
}

#[tokio::test]
async fn what_lives_is_never_reaped() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let alive = testing::pool(&house, json!({})).await;
    let app = testing::client(&house, &alive, json!({})).await;
    for (kind, payload) in [(POOL, alive.as_str()), (CLIENT, app.as_str()), (POOL, "nothing")] {
        let job = jobs::NewJob {
            id: format!("{kind}-{payload}"),
            kind: kind.to_owned(),
            payload: payload.as_bytes().to_vec(),
            run_at: START,
            created_at: START,
        };
        store.apply(jobs::enqueue(&job)).await.unwrap();
        let lease = lease(&store, &house, kind).await.unwrap();
        let error = match kind {
            POOL => pool(&store, &*house.clock, &lease).await,
            _ => client(&store, &*house.clock, &lease).await,
        };
        assert!(matches!(error.unwrap_err(), ReapError::Alive(_) | ReapError::Payload(_)));
    }
    assert_eq!(rows(&store, "select count(*) from pools").await, 1);
    assert_eq!(rows(&store, "select count(*) from clients").await, 1);
}

#[tokio::test]
async fn a_deleted_client_takes_its_sign_ins_and_secrets() {
    let store = testing::store().await;
    let house = House::new(&store).await;
    let random = SeededRandom::new(4);
    let home = testing::pool(&house, json!({})).await;
    let parsed: PoolId = home.parse().unwrap();
    let gone = testing::client(&house, &home, json!({"GenerateSecret": true})).await;
    let stays = testing::client(&house, &home, json!({"GenerateSecret": true})).await;
    for app in [&gone, &stays] {
        for _ in 0..4 {
            user(&store, &parsed, &app.parse().unwrap(), &random).await;
        }
    }
    house.json(Operation::DeleteUserPoolClient, json!({"UserPoolId": home, "ClientId": gone})).await.unwrap();
    house.clock.advance(GRACE);
    let lease = lease(&store, &house, CLIENT).await.unwrap();
    client(&store, &*house.clock, &lease).await.unwrap();
    for (sql, left) in [
        ("select count(*) from users", 8),
        ("select count(*) from token_families", 8),
        ("select count(*) from clients", 1),
        ("select count(*) from client_secrets", 1),
        ("select count(*) from jobs", 0),
    ] {
        assert_eq!(rows(&store, sql).await, left, "{sql}");
    }
}
