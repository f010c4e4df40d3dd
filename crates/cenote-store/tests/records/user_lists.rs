//! Lists of users: every order is whole, in order and paged through once, and each page is a range of one index.

use std::collections::BTreeSet;

use cenote_store::records::user_lists::{Listed, Place, UserOrder, behind, behind_prefix, page};
use cenote_store::records::{pools, users};
use cenote_store::testing::TestStore;
use cenote_store::{Batch, Location, Store, params};
use tokio_postgres::SimpleQueryMessage;

use crate::sample::{pool, pool_id, sub, user, with_users};
use crate::{done, on_both_engines};

on_both_engines! {
    a_place_holds_who_is_there,
    pages_show_each_user_once,
    those_who_stay_are_seen_once_while_others_come_and_go,
    a_page_of_a_large_pool_is_a_range_of_an_index,
    a_sigma_is_searched_as_one,
}

const ORDERS: [UserOrder; 5] =
    [UserOrder::Sub, UserOrder::Disabled, UserOrder::Username, UserOrder::Status, UserOrder::Attribute("email")];

fn start() -> Place {
    Place::of_key("")
}

async fn all_pages(store: &Store, order: UserOrder, limit: i64) -> Vec<Listed> {
    let mut seen: Vec<Listed> = Vec::new();
    loop {
        let from = seen.last().map_or_else(start, Listed::behind);
        let found = page(store, &pool_id(1), order, &from, &behind_prefix(""), limit).await.unwrap();
        if found.is_empty() {
            return seen;
        }
        assert!(found.len() <= usize::try_from(limit).unwrap());
        seen.extend(found);
        tokio::task::yield_now().await;
    }
}

async fn a_place_holds_who_is_there(store: TestStore) {
    with_users(&store, 12).await;
    let names = async |from: &str, until: String| {
        let found = page(&store, &pool_id(1), UserOrder::Username, &Place::of_key(from), &until, 10).await.unwrap();
        found.into_iter().map(|listed| listed.user.username_key).collect::<Vec<_>>()
    };
    assert_eq!(names("user1", behind("user1")).await, ["user1"]);
    assert_eq!(names("user1", behind_prefix("user1")).await, ["user1", "user10", "user11", "user12"]);
    assert_eq!(names("user2", "user4".to_owned()).await, ["user2", "user3"]);
    assert_eq!(names("x", behind_prefix("")).await, [""; 0]);
    let nobody = page(&store, &pool_id(2), UserOrder::Sub, &start(), &behind_prefix(""), 10).await.unwrap();
    assert!(nobody.is_empty(), "another pool's");
}

/// Users 1 to `count` of pool 1: three statuses, every fifth disabled, four addresses; some without one.
async fn crowd(store: &TestStore, count: u32) {
    done(store, pools::insert(&pool(1))).await;
    for n in 1..=count {
        let mut one = user(&pool_id(1), n);
        one.status = ["CONFIRMED", "UNCONFIRMED", "RESET_REQUIRED"][n as usize % 3].to_owned();
        one.enabled = n % 5 != 0;
        let address = [("email", format!("{}@example.com", n % 4))];
        let searched = if n % 6 == 0 { &[] } else { &address[..] };
        done(store, users::insert(&one).extend(users::index_attributes(&one.pool_id, &one.sub, &[], searched))).await;
    }
}

async fn pages_show_each_user_once(store: TestStore) {
    crowd(&store, 60).await;
    for (order, count) in ORDERS.into_iter().zip([60, 12, 60, 60, 50]) {
        for limit in [1, 7, 60, 100] {
            let seen = all_pages(&store, order, limit).await;
            let places: Vec<_> = seen.iter().map(|listed| &listed.place).collect();
            assert!(places.is_sorted(), "{order:?}");
            let subs: BTreeSet<_> = seen.iter().map(|listed| listed.user.sub.to_string()).collect();
            assert_eq!((subs.len(), seen.len()), (count, count), "{order:?}");
        }
    }
}

async fn those_who_stay_are_seen_once_while_others_come_and_go(store: TestStore) {
    crowd(&store, 80).await;
    let changer = tokio::spawn({
        let store = store.store().clone();
        async move {
            for n in 1..=80 {
                let change = match n % 4 {
                    1 => users::delete(&pool_id(1), &sub(n)),
                    3 => {
                        let one = user(&pool_id(1), n + 1000);
                        let address = [("email", format!("{}@example.com", n % 4))];
                        users::insert(&one).extend(users::index_attributes(&one.pool_id, &one.sub, &[], &address))
                    }
                    _ => continue,
                };
                store.apply(change).await.unwrap();
            }
        }
    });
    for order in ORDERS {
        let seen = all_pages(&store, order, 3).await;
        let subs: Vec<_> = seen.iter().map(|listed| listed.user.sub.to_string()).collect();
        let distinct: BTreeSet<_> = subs.iter().cloned().collect();
        assert_eq!(distinct.len(), subs.len(), "{order:?}: a user was seen twice");
        let stays = (1..=80).filter(|n| n % 4 != 1).filter(|n| match order {
            UserOrder::Disabled => n % 5 == 0,
            UserOrder::Attribute(_) => n % 6 != 0,
            _ => true,
        });
        for n in stays {
            assert!(distinct.contains(&sub(n).to_string()), "{order:?}: user {n} was not seen");
        }
    }
    changer.await.unwrap();
}

/// 20,000 users in pool 1 and as many elsewhere.
async fn throng(store: &TestStore) {
    for n in 1..=40 {
        done(store, pools::insert(&pool(n))).await;
    }
    let users = Batch::new().any(
        "insert into users (sub, pool_id, username, username_key, status, enabled, attributes, mfa, tokens_valid_after, \
         details, version, created_at, modified_at) \
         with recursive n (i) as (select 1 union all select i + 1 from n where i < 40000) \
         select '00000000-0000-4000-8000-' || cast(100000000000 + i as text), \
         'eu-west-1_' || case when i <= 20000 then '000000001' else cast(100000000 + i % 39 as text) end, \
         'user' || cast(i as text), 'user' || cast(i as text), \
         case when i % 100 = 0 then 'UNCONFIRMED' else 'CONFIRMED' end, case when i % 1000 = 0 then 0 else 1 end, \
         '{}', '{}', 0, '{}', 1, 0, 0 from n",
        params![],
    );
    let searched = Batch::new().any(
        "insert into user_attributes (pool_id, name, value, sub) select pool_id, 'email', username_key, sub from users",
        params![],
    );
    done(store, users).await;
    done(store, searched).await;
}

/// How the engine goes about an order's statement, as one text: a plan that knows no values, as both engines keep one
/// for statements that come often.
async fn plan(store: &TestStore, order: UserOrder) -> String {
    let Location::Postgres { url } = &store.config().location else {
        let parameters = match order {
            UserOrder::Attribute(name) => params![&pool_id(1), "m", "", "z", 61_i64, name],
            UserOrder::Status => params![&pool_id(1), "m", "", "z", 61_i64],
            _ => params![&pool_id(1), "m", "z", 61_i64],
        };
        let rows = store.read(format!("explain query plan {}", order.sql()).leak(), parameters).await.unwrap();
        return rows.iter().map(|row| row.text(3).unwrap()).collect::<Vec<_>>().join("\n");
    };
    let (client, connection) = tokio_postgres::connect(url.expose(), tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let parameters = match order {
        UserOrder::Attribute(_) => "'', '', '', '', 61, ''",
        UserOrder::Status => "'', '', '', '', 61",
        _ => "'', '', '', 61",
    };
    let sql = order.sql();
    client.batch_execute(&format!("set plan_cache_mode = force_generic_plan; prepare page as {sql}")).await.unwrap();
    let answer = client.simple_query(&format!("explain execute page ({parameters})")).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
    let line = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    answer.iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

async fn a_page_of_a_large_pool_is_a_range_of_an_index(store: TestStore) {
    throng(&store).await;
    let indexes = ["users_sub", "users_disabled", "users_username", "users_status", "user_attributes"];
    for analyzed in [false, true] {
        if analyzed {
            done(&store, Batch::new().any("analyze", params![])).await;
        }
        for (order, index) in ORDERS.into_iter().zip(indexes) {
            let plan = plan(&store, order).await;
            assert!(plan.contains(index), "{order:?}: {plan}");
            // PostgreSQL that never counted takes the range for a few rows, and sorts them.
            let reads_in_order: &[&str] = if analyzed { &["Sort", "Bitmap", "Hash"] } else { &[] };
            for slow in ["Seq Scan", "TEMP B-TREE", "SCAN "].iter().chain(reads_in_order) {
                assert!(!plan.contains(slow), "{order:?} (analyzed: {analyzed}): {plan}");
            }
        }
    }
}

async fn a_sigma_is_searched_as_one(store: TestStore) {
    // What a database from before the step may hold.
    with_users(&store, 1).await;
    let old = "insert into user_attributes (pool_id, name, value, sub) values ($1, 'name', 'ας', $2)";
    done(&store, Batch::new().one(old, params![&pool_id(1), &sub(1)], "T")).await;
    let step = cenote_store::MIGRATIONS[2].sql.split_once("update").unwrap().1;
    done(&store, Batch::new().any(format!("update {}", step.trim().trim_end_matches(';')).leak(), params![])).await;
    let found =
        page(&store, &pool_id(1), UserOrder::Attribute("name"), &start(), &behind_prefix(""), 10).await.unwrap();
    assert_eq!(found[0].place.key, "ασ");
}
