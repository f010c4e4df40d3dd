//! Records as operations make them.

use std::time::Duration;

use cenote_base::{PoolId, Sub, Timestamp};
use cenote_store::records::clients::ClientRecord;
use cenote_store::records::families::FamilyRecord;
use cenote_store::records::pools::{self, PoolRecord};
use cenote_store::records::users::{self, UserRecord};
use cenote_store::testing::{START, TestStore};

use crate::done;

pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// `eu-west-1_` and nine letters that end in this number.
pub(crate) fn pool_id(n: u32) -> PoolId {
    format!("eu-west-1_{n:0>9}").parse().unwrap()
}

pub(crate) fn sub(n: u32) -> Sub {
    format!("00000000-0000-4000-8000-{n:0>12}").parse().unwrap()
}

pub(crate) fn pool(n: u32) -> PoolRecord {
    PoolRecord {
        pool_id: pool_id(n),
        account: "123456789012".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
        name: format!("pool {n}"),
        issuer: format!("http://localhost:9400/{}", pool_id(n)),
        settings: r#"{"MfaConfiguration":"OFF"}"#.to_owned(),
        version: 1,
        created_at: START,
        modified_at: START,
    }
}

pub(crate) fn user(pool: &PoolId, n: u32) -> UserRecord {
    UserRecord {
        sub: sub(n),
        pool_id: pool.clone(),
        username: format!("User{n}"),
        username_key: format!("user{n}"),
        status: "CONFIRMED".to_owned(),
        enabled: true,
        attributes: r#"{"email":"a@example.com"}"#.to_owned(),
        mfa: "{}".to_owned(),
        password: Some(vec![1, 2, 3]),
        password_set_at: Some(START),
        password_expires_at: None,
        srp: None,
        tokens_valid_after: Timestamp::default(),
        details: "{}".to_owned(),
        version: 1,
        created_at: START,
        modified_at: START,
    }
}

pub(crate) fn client(pool: &PoolId, id: &str) -> ClientRecord {
    ClientRecord {
        client_id: id.parse().unwrap(),
        pool_id: pool.clone(),
        name: format!("app {id}"),
        client_type: "REGULAR".to_owned(),
        settings: "{}".to_owned(),
        version: 1,
        created_at: START,
        modified_at: START,
    }
}

pub(crate) fn family(pool: &PoolId, user: u32, origin_jti: &str) -> FamilyRecord {
    FamilyRecord {
        origin_jti: origin_jti.to_owned(),
        pool_id: pool.clone(),
        sub: sub(user),
        client_id: "client1".parse().unwrap(),
        generation: 0,
        rotated_at: None,
        scopes: "aws.cognito.signin.user.admin".to_owned(),
        methods: r#"["pwd"]"#.to_owned(),
        device_key: None,
        sso_id: None,
        session_id: None,
        details: "{}".to_owned(),
        auth_time: START,
        created_at: START,
        last_active_at: START,
        expires_at: START + HOUR,
    }
}

/// A store with pool 1 and its users 1 to `count`.
pub(crate) async fn with_users(store: &TestStore, count: u32) -> PoolId {
    done(store, pools::insert(&pool(1))).await;
    for n in 1..=count {
        done(store, users::insert(&user(&pool_id(1), n))).await;
    }
    pool_id(1)
}
