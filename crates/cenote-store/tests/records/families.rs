//! Token families: the one statement behind every token, who may begin one, how they end.

use cenote_store::records::families::{
    FamilyRecord, client_has_any, delete, delete_of_client, delete_of_user, insert, rotate, sweep, touch,
    user_with_family,
};
use cenote_store::records::{pools, users};
use cenote_store::testing::{START, TestStore};

use crate::sample::{HOUR, MILLISECOND, SECOND, family, pool_id, sub, with_users};
use crate::{done, number, on_both_engines, unmet};

on_both_engines! {
    a_family_is_read_with_its_user,
    a_family_is_found_only_where_it_belongs,
    only_an_enabled_user_begins_one,
    a_generation_is_replaced_once,
    families_end,
    a_sweep_takes_what_ended,
}

async fn a_family_is_read_with_its_user(store: TestStore) {
    let id = with_users(&store, 1).await;
    let whole = FamilyRecord {
        generation: 3,
        rotated_at: Some(START + SECOND),
        device_key: Some("eu-west-1_device".to_owned()),
        sso_id: Some("sso".to_owned()),
        session_id: Some("session".to_owned()),
        details: r#"{"x":1}"#.to_owned(),
        last_active_at: START + 2 * SECOND,
        ..family(&id, 1, "whole")
    };
    for made in [family(&id, 1, "plain"), whole] {
        done(&store, insert(&made)).await;
        let (user, found) = user_with_family(&store, &id, &sub(1), Some(&made.origin_jti)).await.unwrap().unwrap();
        assert_eq!((user.sub, user.username.as_str()), (sub(1), "User1"));
        assert_eq!(format!("{:?}", found.unwrap()), format!("{made:?}"));
    }
    assert_eq!(unmet(&store, insert(&family(&id, 1, "plain"))).await, "NoUser", "an id is used once");
    done(&store, touch("plain", START + HOUR)).await;
    let (_, found) = user_with_family(&store, &id, &sub(1), Some("plain")).await.unwrap().unwrap();
    assert_eq!(found.unwrap().last_active_at, START + HOUR);
    done(&store, touch("gone", START)).await;
}

async fn a_family_is_found_only_where_it_belongs(store: TestStore) {
    let id = with_users(&store, 2).await;
    done(&store, insert(&family(&id, 1, "f1"))).await;
    // Another user's family, none, and one that is not there: the user comes back all the same, alone.
    for (n, origin_jti) in [(2, Some("f1")), (1, None), (1, Some("f2")), (1, Some(""))] {
        let (user, found) = user_with_family(&store, &id, &sub(n), origin_jti).await.unwrap().unwrap();
        assert_eq!(user.sub, sub(n));
        assert!(found.is_none(), "{n} {origin_jti:?}");
    }
    assert!(user_with_family(&store, &id, &sub(9), Some("f1")).await.unwrap().is_none());
    assert!(user_with_family(&store, &pool_id(2), &sub(1), Some("f1")).await.unwrap().is_none());
    done(&store, pools::tombstone(&id, 1, START)).await;
    assert!(user_with_family(&store, &id, &sub(1), Some("f1")).await.unwrap().is_none(), "the pool has ended");
}

async fn only_an_enabled_user_begins_one(store: TestStore) {
    let id = with_users(&store, 1).await;
    assert_eq!(unmet(&store, insert(&family(&id, 2, "f"))).await, "NoUser");
    let (mut user, _) = user_with_family(&store, &id, &sub(1), None).await.unwrap().unwrap();
    user.enabled = false;
    done(&store, users::update(&user)).await;
    assert_eq!(unmet(&store, insert(&family(&id, 1, "f"))).await, "NoUser");
    (user.enabled, user.version) = (true, 2);
    done(&store, users::update(&user)).await;
    done(&store, insert(&family(&id, 1, "f"))).await;
}

async fn a_generation_is_replaced_once(store: TestStore) {
    let id = with_users(&store, 1).await;
    for name in ["a", "b"] {
        done(&store, insert(&family(&id, 1, name))).await;
    }
    done(&store, rotate("a", 0, START + HOUR)).await;
    assert_eq!(unmet(&store, rotate("a", 0, START + 2 * HOUR)).await, "Rotated");
    assert_eq!(unmet(&store, rotate("a", 2, START + 2 * HOUR)).await, "Rotated");
    assert_eq!(unmet(&store, rotate("gone", 0, START)).await, "Rotated");
    let expected = FamilyRecord {
        generation: 1,
        rotated_at: Some(START + HOUR),
        last_active_at: START + HOUR,
        ..family(&id, 1, "a")
    };
    for made in [expected, family(&id, 1, "b")] {
        let (_, found) = user_with_family(&store, &id, &sub(1), Some(&made.origin_jti)).await.unwrap().unwrap();
        assert_eq!(format!("{:?}", found.unwrap()), format!("{made:?}"));
    }
    done(&store, rotate("a", 1, START + 2 * HOUR)).await;
}

async fn families_end(store: TestStore) {
    let id = with_users(&store, 2).await;
    let client = "client1".parse().unwrap();
    let of_other = FamilyRecord { client_id: "client2".parse().unwrap(), ..family(&id, 1, "d") };
    for made in [family(&id, 1, "a"), family(&id, 1, "b"), family(&id, 2, "c"), of_other] {
        done(&store, insert(&made)).await;
    }
    done(&store, delete("a")).await;
    done(&store, delete("a")).await;
    assert_eq!(number(&store, "select count(*) from token_families").await, 3);
    done(&store, delete_of_user(&id, &sub(1))).await;
    assert_eq!(number(&store, "select count(*) from token_families where origin_jti = 'c'").await, 1);
    assert_eq!(number(&store, "select count(*) from token_families").await, 1);
    for name in ["e", "f", "g"] {
        done(&store, insert(&family(&id, 2, name))).await;
    }
    let mut steps = 0;
    while client_has_any(&store, &client).await.unwrap() {
        done(&store, delete_of_client(&client, 3)).await;
        steps += 1;
    }
    assert_eq!(steps, 2, "four, three at a time");
}

async fn a_sweep_takes_what_ended(store: TestStore) {
    let id = with_users(&store, 1).await;
    for (name, end) in [("a", START), ("b", START + SECOND), ("c", START + 2 * SECOND)] {
        done(&store, insert(&FamilyRecord { expires_at: end, ..family(&id, 1, name) })).await;
    }
    done(&store, sweep(START, 10)).await;
    assert_eq!(number(&store, "select count(*) from token_families").await, 3);
    done(&store, sweep(START + HOUR, 2)).await;
    assert_eq!(number(&store, "select count(*) from token_families where origin_jti = 'c'").await, 1);
    done(&store, sweep(START + 2 * SECOND + MILLISECOND, 2)).await;
    assert_eq!(number(&store, "select count(*) from token_families").await, 0);
}
