//! What must hold when many do the same at once.

use std::future::Future;

use cenote_store::testing::TestStore;
use cenote_store::{Batch, BatchError, Store, params};
use tokio::task::JoinSet;

use crate::batches::{number, person};
use crate::on_both_engines;

on_both_engines! {
    of_64_sign_ups_of_one_name_one_wins,
    an_alias_moves_and_never_has_two_owners,
    no_increment_is_lost,
    no_version_is_overwritten,
    a_code_is_claimed_once,
    a_failed_batch_harms_no_neighbour,
    a_limit_holds,
    batches_that_wait_in_a_circle_end,
    a_late_child_of_a_deleted_parent_is_refused,
}

/// Runs `count` tasks at once and gives what they came to.
async fn at_once<T, F>(store: &TestStore, count: usize, task: impl Fn(Store, usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for n in 0..count {
        tasks.spawn(task(store.store().clone(), n));
    }
    tasks.join_all().await
}

fn wins<T>(results: &[Result<T, BatchError>], tag: &str) -> usize {
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(error.tag(), Some(tag), "{error:?}");
    }
    results.iter().filter(|result| result.is_ok()).count()
}

async fn of_64_sign_ups_of_one_name_one_wins(store: TestStore) {
    let results = at_once(&store, 64, |store, n| async move {
        let id = n.to_string();
        let nickname = "insert into nicknames (kind, value, person) values ('email', $1, $2)";
        store.apply(person(&id, "alice").one(nickname, params![&id, &id], "AliasTaken")).await
    })
    .await;
    assert_eq!(wins(&results, "NameTaken"), 1);
    assert_eq!(number(&store, "select count(*) from people").await, 1);
    assert_eq!(number(&store, "select count(*) from nicknames").await, 1);
}

/// Takes the alias from whoever has it: what the pools' rules do when an address is verified a second time.
async fn move_alias(store: &Store, to: &str) -> Result<(), BatchError> {
    let owner = "select n.person, p.version from nicknames n join people p on p.id = n.person \
                 where n.kind = 'email' and n.value = 'x'";
    let row = store.read_one(owner, params![]).await.unwrap().expect("the alias always has an owner");
    let (from, version) = (row.text(0).unwrap(), row.int(1).unwrap());
    if from == to {
        return Ok(());
    }
    let batch = Batch::new()
        .one("delete from nicknames where kind = 'email' and value = 'x' and person = $1", params![from], "Moved")
        .one("insert into nicknames (kind, value, person) values ('email', 'x', $1)", params![to], "Moved")
        .one(
            "update people set verified = 0, version = version + 1 where id = $1 and version = $2",
            params![from, version],
            "Moved",
        )
        .one("update people set verified = 1, version = version + 1 where id = $1", params![to], "Moved");
    store.apply(batch).await.map(|_| ())
}

async fn an_alias_moves_and_never_has_two_owners(store: TestStore) {
    for id in ["0", "1", "2", "3"] {
        store.apply(person(id, id)).await.unwrap();
    }
    let first = Batch::new()
        .one("insert into nicknames (kind, value, person) values ('email', 'x', '0')", params![], "T")
        .one("update people set verified = 1 where id = '0'", params![], "T");
    store.apply(first).await.unwrap();
    let results = at_once(&store, 16, |store, n| async move {
        let mut moved = Vec::new();
        for round in 0..10 {
            moved.push(move_alias(&store, &((n + round) % 4).to_string()).await);
        }
        moved
    })
    .await;
    let results: Vec<_> = results.into_iter().flatten().collect();
    assert!(wins(&results, "Moved") > 0);
    assert_eq!(number(&store, "select count(*) from nicknames").await, 1);
    assert_eq!(number(&store, "select count(*) from people where verified = 1").await, 1);
    let same = "select count(*) from nicknames n join people p on p.id = n.person where p.verified = 1";
    assert_eq!(number(&store, same).await, 1);
}

async fn no_increment_is_lost(store: TestStore) {
    store.apply(Batch::new().one("insert into tallies (id, n) values ('a', 0)", params![], "T")).await.unwrap();
    at_once(&store, 16, |store, _| async move {
        for _ in 0..100 {
            let add = Batch::new().one("update tallies set n = n + 1 where id = 'a'", params![], "T");
            store.apply(add).await.unwrap();
        }
    })
    .await;
    assert_eq!(number(&store, "select n from tallies where id = 'a'").await, 1600);
}

async fn no_version_is_overwritten(store: TestStore) {
    store.apply(person("1", "ann")).await.unwrap();
    let tries = at_once(&store, 16, |store, n| async move {
        let mut tries = 0_u32;
        for _ in 0..(100 - n).div_ceil(16) {
            loop {
                tries += 1;
                let sql = "select version from people where id = '1'";
                let version = store.read_one(sql, params![]).await.unwrap().unwrap().int(0).unwrap();
                let sql = "update people set version = $1 where id = '1' and version = $2";
                match store.apply(Batch::new().one(sql, params![version + 1, version], "Changed")).await {
                    Ok(_) => break,
                    Err(error) => assert_eq!(error.tag(), Some("Changed"), "{error:?}"),
                }
            }
        }
        tries
    })
    .await;
    assert_eq!(number(&store, "select version from people").await, 101, "100 increments by 16 tasks");
    assert!(tries.iter().sum::<u32>() >= 100);
}

async fn a_code_is_claimed_once(store: TestStore) {
    for round in 0..10 {
        let id = round.to_string();
        let code = Batch::new().one("insert into tickets (id, payload) values ($1, 'secret')", params![&id], "T");
        store.apply(code).await.unwrap();
        let results = at_once(&store, 32, move |store, _| {
            let claim = "delete from tickets where id = $1 returning payload";
            let batch = Batch::new().one_returning(claim, params![&id], "ExpiredCode");
            async move { store.apply(batch).await }
        })
        .await;
        assert_eq!(wins(&results, "ExpiredCode"), 1);
        let won = results.into_iter().find_map(Result::ok).unwrap();
        assert_eq!(won[0][0].text(0).unwrap(), "secret");
    }
}

async fn a_failed_batch_harms_no_neighbour(store: TestStore) {
    let results = at_once(&store, 90, |store, n| async move {
        let id = n.to_string();
        let good = person(&id, &id);
        let batch = match n % 3 {
            0 => good,
            1 => good.one("update tallies set n = 1 where id = 'none'", params![], "NoTally"),
            _ => good.one("insert into tickets (id, payload) values ($1, null)", params![&id], "T"),
        };
        (n, store.apply(batch).await)
    })
    .await;
    for (n, result) in results {
        match n % 3 {
            0 => assert!(result.is_ok(), "{result:?}"),
            1 => assert_eq!(result, Err(BatchError::Unmet { index: 1, tag: "NoTally" })),
            _ => assert!(matches!(result, Err(BatchError::Faulty { index: 1, .. })), "{result:?}"),
        }
    }
    assert_eq!(number(&store, "select count(*) from people").await, 30);
}

async fn a_limit_holds(store: TestStore) {
    store.apply(Batch::new().one("insert into tallies (id, n) values ('devices', 0)", params![], "T")).await.unwrap();
    let results = at_once(&store, 40, |store, n| async move {
        let id = n.to_string();
        let count = "update tallies set n = n + 1 where id = 'devices' and n < 5";
        store.apply(Batch::new().one(count, params![], "LimitExceeded").extend(person(&id, &id))).await
    })
    .await;
    assert_eq!(wins(&results, "LimitExceeded"), 5);
    assert_eq!(number(&store, "select count(*) from people").await, 5);
}

/// Against the rule on purpose: two rows in opposite orders. PostgreSQL finds the deadlock, the loser tries again.
async fn batches_that_wait_in_a_circle_end(store: TestStore) {
    let rows = Batch::new().any("insert into tallies (id, n) values ('a', 0), ('b', 0)", params![]);
    store.apply(rows).await.unwrap();
    at_once(&store, 4, |store, n| async move {
        for _ in 0..3 {
            let (first, second) = if n % 2 == 0 { ("a", "b") } else { ("b", "a") };
            let add = "update tallies set n = n + 1 where id = $1";
            store.apply(Batch::new().one(add, params![first], "T").one(add, params![second], "T")).await.unwrap();
        }
    })
    .await;
    assert_eq!(number(&store, "select cast(sum(n) as bigint) from tallies").await, 24);
}

async fn a_late_child_of_a_deleted_parent_is_refused(store: TestStore) {
    for round in 0..20 {
        let id = round.to_string();
        store.apply(person(&id, &id)).await.unwrap();
        let results = at_once(&store, 2, move |store, n| {
            let child = "insert into nicknames (kind, value, person) values ('email', $1, $1)";
            let batch = if n == 0 {
                Batch::new().one("delete from people where id = $1", params![&id], "Gone")
            } else {
                Batch::new().one(child, params![&id], "NoPerson")
            };
            async move { store.apply(batch).await }
        })
        .await;
        wins(&results, "NoPerson");
    }
    assert_eq!(number(&store, "select count(*) from people").await, 0);
    assert_eq!(number(&store, "select count(*) from nicknames").await, 0, "an orphan was left");
}
