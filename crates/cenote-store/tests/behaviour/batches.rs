//! What a batch does, and what it does not.

use cenote_base::Fault;
use cenote_store::testing::TestStore;
use cenote_store::{Batch, BatchError, CONSTRAINT, Row, params};

use crate::on_both_engines;

on_both_engines! {
    rows_come_back_by_statement,
    an_empty_batch_is_nothing,
    expectations_are_about_exactly_one_row,
    the_first_unmet_expectation_is_named_and_nothing_stays,
    violated_keys_are_unmet_expectations,
    an_upsert_meets_its_expectation,
    wrong_statements_are_faults_and_leave_nothing,
    what_one_engine_cannot_keep_both_refuse,
    long_batches_keep_their_order,
    a_batch_goes_on_when_its_caller_goes_away,
    the_background_lane_commits_too,
    what_was_acknowledged_is_there_after_a_restart,
    a_closed_store_says_so,
}

pub(crate) fn person(id: &str, name: &str) -> Batch {
    Batch::new().one(
        "insert into people (id, name, version, verified) values ($1, $2, 1, 0)",
        params![id, name],
        "NameTaken",
    )
}

pub(crate) async fn number(store: &TestStore, sql: &'static str) -> i64 {
    store.read_one(sql, params![]).await.unwrap().unwrap().int(0).unwrap()
}

async fn people(store: &TestStore) -> i64 {
    number(store, "select count(*) from people").await
}

fn unmet(result: Result<Vec<Vec<Row>>, BatchError>) -> (usize, &'static str) {
    match result {
        Err(BatchError::Unmet { index, tag }) => (index, tag),
        other => panic!("not unmet: {other:?}"),
    }
}

async fn rows_come_back_by_statement(store: TestStore) {
    let batch = person("1", "ann")
        .one_returning(
            "insert into people (id, name, version, verified, bio) values ($1, $2, $3, $4, $5) \
             returning version, name, bio, id",
            params!["2", "bob", 7_i64, true, vec![0_u8, 255]],
            "NameTaken",
        )
        .any("update people set version = version + 1", params![])
        .any("update people set verified = 1 where id = $1 or id = $2 returning id", params!["1", "2"])
        .any("delete from people where id = $1", params!["nobody"])
        .one_returning("delete from people where id = $1 returning name, bio", params!["1"], "Gone");
    let rows = store.apply(batch).await.unwrap();
    assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1, 0, 2, 0, 1]);
    assert!(rows[1][0] == Row::new(params![7_i64, "bob", vec![0_u8, 255], "2"]));
    assert!(rows[5][0] == Row::new(params!["ann", None::<i64>]));
    assert_eq!(people(&store).await, 1);
}

async fn an_empty_batch_is_nothing(store: TestStore) {
    assert_eq!(store.apply(Batch::new()).await, Ok(Vec::new()));
}

async fn expectations_are_about_exactly_one_row(store: TestStore) {
    store.apply(person("1", "ann").extend(person("2", "bob"))).await.unwrap();
    let none = Batch::new().one("update people set version = 9 where id = $1", params!["3"], "NoPerson");
    assert_eq!(unmet(store.apply(none).await), (0, "NoPerson"));
    let both = Batch::new().one("update people set version = 9", params![], "TooMany");
    assert_eq!(unmet(store.apply(both).await), (0, "TooMany"));
    let none = Batch::new().one_returning("delete from people where id = $1 returning id", params!["3"], "NoPerson");
    assert_eq!(unmet(store.apply(none).await), (0, "NoPerson"));
    let both = Batch::new().one_returning("delete from people returning id", params![], "TooMany");
    assert_eq!(unmet(store.apply(both).await), (0, "TooMany"));
    assert_eq!(number(&store, "select count(*) from people where version = 1").await, 2);
}

async fn the_first_unmet_expectation_is_named_and_nothing_stays(store: TestStore) {
    let batch = person("1", "ann")
        .any("insert into tallies (id, n) values ('a', 0)", params![])
        .one("update tallies set n = 1 where id = $1", params!["b"], "First")
        .one("update tallies set n = 1 where id = $1", params!["c"], "Second");
    let error = store.apply(batch).await.unwrap_err();
    assert_eq!(error, BatchError::Unmet { index: 2, tag: "First" });
    assert_eq!((error.tag(), error.fault()), (Some("First"), Fault::Caller));
    assert_eq!(people(&store).await, 0);
    assert_eq!(number(&store, "select count(*) from tallies").await, 0);
}

async fn violated_keys_are_unmet_expectations(store: TestStore) {
    store.apply(person("1", "ann")).await.unwrap();
    assert_eq!(unmet(store.apply(person("1", "other")).await), (0, "NameTaken"), "the primary key");
    assert_eq!(unmet(store.apply(person("2", "ann")).await), (0, "NameTaken"), "a unique index");
    let orphan = |tag| {
        let sql = "insert into nicknames (kind, value, person) values ('email', 'x', $1)";
        Batch::new().one(sql, params!["nobody"], tag)
    };
    assert_eq!(
        unmet(store.apply(person("2", "bob").extend(orphan("NoPerson"))).await),
        (1, "NoPerson"),
        "a foreign key"
    );
    let untagged = Batch::new()
        .any("update people set id = '1'", params![])
        .any("insert into people (id, name, version, verified) values ('1', 'x', 1, 0)", params![]);
    assert_eq!(unmet(store.apply(untagged).await), (1, CONSTRAINT));
    let returning = Batch::new().one_returning(
        "insert into people (id, name, version, verified) values ('1', 'x', 1, 0) returning id",
        params![],
        "Taken",
    );
    assert_eq!(unmet(store.apply(returning).await), (0, "Taken"));
    assert_eq!(people(&store).await, 1);
}

async fn an_upsert_meets_its_expectation(store: TestStore) {
    let bump = || {
        Batch::new().one_returning(
            "insert into tallies (id, n) values ($1, 1) on conflict (id) do update set n = tallies.n + 1 \
             where tallies.n < $2 returning n",
            params!["a", 3_i64],
            "Full",
        )
    };
    for expected in 1..=3 {
        assert_eq!(store.apply(bump()).await.unwrap()[0][0].int(0).unwrap(), expected);
    }
    assert_eq!(unmet(store.apply(bump()).await), (0, "Full"));
}

async fn wrong_statements_are_faults_and_leave_nothing(store: TestStore) {
    let wrong: [(&str, Batch); 7] = [
        ("syntax", Batch::new().any("insrt into people", params![])),
        ("no such table", Batch::new().one("delete from nothing", params![], "T")),
        ("not null", Batch::new().one("insert into tickets (id, payload) values ('1', null)", params![], "T")),
        ("check", Batch::new().one("insert into tallies (id, n) values ('1', -1)", params![], "T")),
        ("too few parameters", Batch::new().any("delete from people where id = $1", params![])),
        ("too many parameters", Batch::new().any("delete from people where id = $1", params!["1", "2"])),
        ("returning nothing", Batch::new().one_returning("delete from people where id = '7'", params![], "T")),
    ];
    for (what, piece) in wrong {
        // Under another name, so that each batch would be valid without the wrong piece.
        let error = store.apply(person("1", "ann").extend(piece)).await.unwrap_err();
        let is_fault = matches!(&error, BatchError::Faulty { index: 1, message } if !message.is_empty());
        let may_be_unmet = what == "returning nothing" && error == BatchError::Unmet { index: 1, tag: "T" };
        assert!(is_fault || may_be_unmet, "{what}: {error:?}");
        assert_eq!(people(&store).await, 0, "{what}");
    }
    store.apply(person("1", "ann")).await.unwrap();
    assert_eq!(people(&store).await, 1, "the store goes on");
}

async fn what_one_engine_cannot_keep_both_refuse(store: TestStore) {
    let error = store.apply(person("1", "a\0b")).await.unwrap_err();
    assert!(matches!(error, BatchError::Faulty { index: 0, .. }), "U+0000: {error:?}");
    let number_as_text = Batch::new().any(
        "insert into people (id, name, version, verified) values ($1, $2, $3, 0)",
        params!["1", "ann", "not a number"],
    );
    let error = store.apply(number_as_text).await.unwrap_err();
    assert!(matches!(error, BatchError::Faulty { index: 0, .. }), "a text where a number belongs: {error:?}");
    let text_as_bytes =
        Batch::new().any("insert into tickets (id, payload) values ($1, $2)", params!["1", vec![1_u8, 2]]);
    let error = store.apply(text_as_bytes).await.unwrap_err();
    assert!(matches!(error, BatchError::Faulty { index: 0, .. }), "bytes where a text belongs: {error:?}");
}

async fn long_batches_keep_their_order(store: TestStore) {
    let mut batch = Batch::new().one("insert into tallies (id, n) values ('a', 0)", params![], "T");
    for n in 0_i64..1000 {
        batch = batch.one("update tallies set n = $1 where id = 'a' and n = $2", params![n + 1, n], "OutOfOrder");
    }
    store.apply(batch).await.unwrap();
    assert_eq!(number(&store, "select n from tallies where id = 'a'").await, 1000);
}

async fn a_batch_goes_on_when_its_caller_goes_away(store: TestStore) {
    for n in 0..50 {
        let id = n.to_string();
        let batch = person(&id, &id).one("insert into tallies (id, n) values ($1, 0)", params![&id], "T");
        let caller = tokio::spawn({
            let store = store.store().clone();
            async move { store.apply(batch).await }
        });
        tokio::task::yield_now().await;
        caller.abort();
        let _ = caller.await;
    }
    // Whatever each of them came to, it came to the whole of it, and no connection is left in a transaction.
    store
        .apply(person("last", "last").one("insert into tallies (id, n) values ('last', 0)", params![], "T"))
        .await
        .unwrap();
    let halves = "select count(*) from people p full join tallies t on p.id = t.id where p.id is null or t.id is null";
    assert_eq!(number(&store, halves).await, 0);
    store.apply(Batch::new().any("update people set version = version + 1", params![])).await.unwrap();
}

async fn the_background_lane_commits_too(store: TestStore) {
    store.apply_background(person("1", "ann")).await.unwrap();
    assert_eq!(unmet(store.apply_background(person("1", "ann")).await), (0, "NameTaken"));
    assert_eq!(people(&store).await, 1);
}

async fn what_was_acknowledged_is_there_after_a_restart(mut store: TestStore) {
    store.apply(person("1", "ann")).await.unwrap();
    store.restart().await;
    assert_eq!(people(&store).await, 1);
    store.apply(person("2", "bob")).await.unwrap();
}

async fn a_closed_store_says_so(store: TestStore) {
    store.apply(person("1", "ann")).await.unwrap();
    store.close().await;
    let error = store.apply(person("2", "bob")).await.unwrap_err();
    assert_eq!(error.to_string(), "the database is unavailable: the store is closed");
    let error = store.read("select id from people limit 1", params![]).await.unwrap_err();
    assert_eq!(error.to_string(), "the database is unavailable: the store is closed");
}
