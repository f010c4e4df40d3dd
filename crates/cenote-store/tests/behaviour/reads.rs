//! Reads and paging.

use std::collections::BTreeSet;

use cenote_store::testing::TestStore;
use cenote_store::{Batch, Row, Store, StoreError, cost, params};

use crate::batches::person;
use crate::on_both_engines;

on_both_engines! {
    every_kind_of_value_comes_back,
    parameters_go_where_their_number_says,
    one_row_means_one,
    wrong_reads_are_faults,
    text_sorts_by_its_bytes,
    paging_sees_each_surviving_row_once,
    a_read_sees_what_was_acknowledged,
    what_was_asked_is_counted,
}

async fn every_kind_of_value_comes_back(store: TestStore) {
    let sql = "insert into people (id, name, version, verified, bio) values ($1, $2, $3, $4, $5)";
    let all = "select id, name, version, verified, bio from people where id = $1";
    let rows = [
        params!["1", "", i64::MAX, true, Vec::new()],
        params!["2", "é\u{1F600}", i64::MIN, false, None::<Vec<u8>>],
        params!["3", "'; drop table people; --", 0_i64, false, (0..=255).collect::<Vec<u8>>()],
    ];
    for row in rows {
        store.apply(Batch::new().one(sql, row.clone(), "T")).await.unwrap();
        let back = store.read_one(all, vec![row[0].clone()]).await.unwrap().unwrap();
        assert!(back == Row::new(row.clone()), "{row:?} came back as {back:?}");
        assert_eq!(back.len(), 5);
    }
    let long = "é\u{1F600}".repeat(200_000);
    let ticket = Batch::new().one("insert into tickets (id, payload) values ('1', $1)", params![&long], "T");
    store.apply(ticket).await.unwrap();
    let back = store.read_one("select payload from tickets", params![]).await.unwrap().unwrap();
    assert!(back.text(0).unwrap() == long);
}

async fn parameters_go_where_their_number_says(store: TestStore) {
    let sql = "select cast($2 as text), '$1', cast($1 as text), cast($2 as text) /* $3 */ -- $4";
    let row = store.read_one(sql, params!["a", "b"]).await.unwrap().unwrap();
    assert!(row == Row::new(params!["b", "$1", "a", "b"]));
}

async fn one_row_means_one(store: TestStore) {
    let sql = "select id from people order by id limit 2";
    assert_eq!(store.read_one(sql, params![]).await.unwrap(), None);
    store.apply(person("1", "ann")).await.unwrap();
    assert_eq!(store.read_one(sql, params![]).await.unwrap().unwrap().text(0).unwrap(), "1");
    store.apply(person("2", "bob")).await.unwrap();
    assert_eq!(store.read_one(sql, params![]).await, Err(StoreError::ManyRows(sql)));
}

async fn wrong_reads_are_faults(store: TestStore) {
    for (sql, params) in [
        ("selct 1", params![]),
        ("select nothing from people", params![]),
        ("select id from people where id = $1", params![]),
        ("select id from people where id = $1", params!["a\0b"]),
        ("select cast(1.5 as real)", params![]),
    ] {
        let error = store.read(sql, params).await.unwrap_err();
        assert!(matches!(error, StoreError::Faulty(_)), "{sql}: {error:?}");
    }
    assert_eq!(store.read("select 1", params![]).await.unwrap().len(), 1, "the store goes on");
}

async fn text_sorts_by_its_bytes(store: TestStore) {
    for name in ["b", "B", "é", "a", "_", "ab", "a b", "Z", "\u{1F600}", "\u{FFFD}"] {
        store.apply(person(name, name)).await.unwrap();
    }
    let rows = store.read("select name from people order by name limit 100", params![]).await.unwrap();
    let names: Vec<_> = rows.iter().map(|row| row.text(0).unwrap()).collect();
    assert_eq!(names, ["B", "Z", "_", "a", "a b", "ab", "b", "é", "\u{FFFD}", "\u{1F600}"]);
    let prefix = "select count(*) from people where name >= $1 and name < $2";
    let found = store.read_one(prefix, params!["a", "b"]).await.unwrap().unwrap();
    assert_eq!(found.int(0).unwrap(), 3);
}

async fn all_pages(store: Store) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    loop {
        let last = seen.last().cloned().unwrap_or_default();
        let sql = "select id from people where id > $1 order by id limit 7";
        let page = store.read(sql, params![last]).await.unwrap();
        if page.is_empty() {
            return seen;
        }
        seen.extend(page.iter().map(|row| row.text(0).unwrap().to_owned()));
        tokio::task::yield_now().await;
    }
}

async fn paging_sees_each_surviving_row_once(store: TestStore) {
    let id = |n: usize| format!("p{n:04}");
    for n in (0..400).step_by(2) {
        store.apply(person(&id(n), &id(n))).await.unwrap();
    }
    let changer = tokio::spawn({
        let store = store.store().clone();
        async move {
            for n in 0..400 {
                let change = match n % 4 {
                    1 | 3 => person(&id(n), &id(n)),
                    2 => Batch::new().any("delete from people where id = $1", params![id(n)]),
                    _ => continue,
                };
                store.apply(change).await.unwrap();
            }
        }
    });
    let readers: Vec<_> = (0..4).map(|_| tokio::spawn(all_pages(store.store().clone()))).collect();
    let surviving: BTreeSet<String> = (0..400).step_by(4).map(id).collect();
    for reader in readers {
        let seen = reader.await.unwrap();
        assert!(seen.is_sorted());
        let distinct: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!(distinct.len(), seen.len(), "a row was seen twice");
        assert!(distinct.is_superset(&surviving), "a row that was there all the time was not seen");
    }
    changer.await.unwrap();
}

async fn a_read_sees_what_was_acknowledged(store: TestStore) {
    store.apply(Batch::new().one("insert into tallies (id, n) values ('a', 0)", params![], "T")).await.unwrap();
    for n in 1_i64..=200 {
        store.apply(Batch::new().one("update tallies set n = $1 where id = 'a'", params![n], "T")).await.unwrap();
        let row = store.read_one("select n from tallies where id = 'a'", params![]).await.unwrap().unwrap();
        assert_eq!(row.int(0).unwrap(), n);
    }
}

async fn what_was_asked_is_counted(store: TestStore) {
    let work = async {
        store.ping().await.unwrap();
        store.read_one("select id from people where id = '1'", params![]).await.unwrap();
        store.apply(person("1", "ann").extend(person("2", "bob"))).await.unwrap();
        store.apply(person("1", "ann")).await.unwrap_err();
        store.apply(Batch::new()).await.unwrap();
    };
    let ((), cost) = cost::measured(work).await;
    assert_eq!(cost, cost::Cost { reads: 2, batches: 2, batch_statements: 3 });
    assert_eq!(cost.statements(), 5);
}
