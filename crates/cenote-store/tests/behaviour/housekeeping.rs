//! Jobs, change numbers, audit rows and facts of the installation.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cenote_base::{RandomExt, SeededRandom, Timestamp};
use cenote_store::audit::{self, AuditRecord};
use cenote_store::jobs::{self, LEASE_LOST, Lease, NewJob};
use cenote_store::testing::{START, TestStore};
use cenote_store::{Batch, Store, changes, instance};

use crate::batches::person;
use crate::on_both_engines;

on_both_engines! {
    a_job_is_done_once_by_one_of_many_nodes,
    a_job_whose_node_died_comes_back_where_it_stopped,
    a_job_waits_for_its_time_and_its_kind,
    a_failed_job_comes_back_and_is_parked_in_the_end,
    a_sweep_exists_once_and_comes_round_again,
    change_numbers_rise_with_their_batch,
    audit_rows_come_in_pages_and_are_swept,
    one_node_initialises,
    a_fact_is_written_once,
}

const MINUTE: Duration = Duration::from_secs(60);

fn job(id: &str, run_at: Timestamp) -> NewJob {
    let (id, kind) = (id.to_owned(), "reap".to_owned());
    NewJob { id, kind, payload: b"pool".to_vec(), run_at, created_at: START }
}

async fn lease(store: &Store, now: Timestamp) -> Option<Lease> {
    jobs::lease(store, "reap", "node", now, MINUTE).await.unwrap()
}

async fn a_job_is_done_once_by_one_of_many_nodes(store: TestStore) {
    for n in 0..20 {
        store.apply(jobs::enqueue(&job(&n.to_string(), START))).await.unwrap();
    }
    let mut nodes = tokio::task::JoinSet::new();
    for node in 0..8 {
        let store = store.store().clone();
        nodes.spawn(async move {
            let mut done = Vec::new();
            while let Some(lease) = jobs::lease(&store, "reap", &format!("node {node}"), START, MINUTE).await.unwrap() {
                assert_eq!((lease.payload.as_slice(), lease.attempts), (b"pool".as_slice(), 1));
                store.apply(lease.complete()).await.unwrap();
                done.push(lease.id);
            }
            done
        });
    }
    let mut done: Vec<_> = nodes.join_all().await.into_iter().flatten().collect();
    // A node may find its candidates taken and stop early while others still work: what is left is done now.
    while let Some(lease) = lease(&store, START).await {
        store.apply(lease.complete()).await.unwrap();
        done.push(lease.id);
    }
    assert_eq!(done.len(), 20);
    assert_eq!(done.into_iter().collect::<BTreeSet<_>>().len(), 20);
}

async fn a_job_whose_node_died_comes_back_where_it_stopped(store: TestStore) {
    store.apply(jobs::enqueue(&job("1", START))).await.unwrap();
    let slow = lease(&store, START).await.unwrap();
    store.apply(slow.advance("user 500", START + MINUTE)).await.unwrap();
    assert_eq!(lease(&store, START + Duration::from_secs(59)).await, None);
    let next = lease(&store, START + MINUTE).await.unwrap();
    assert_eq!((next.progress.as_deref(), next.attempts), (Some("user 500"), 2));
    let now = START + MINUTE;
    let late =
        [slow.extend(now), slow.advance("x", now), slow.complete(), slow.reschedule(None, now), slow.fail("x", None)];
    for write in late {
        let error = store.apply(person("1", "ann").extend(write)).await.unwrap_err();
        assert_eq!(error.tag(), Some(LEASE_LOST), "the slow node must not write any more");
    }
    store.apply(next.extend(now + 10 * MINUTE)).await.unwrap();
    assert_eq!(lease(&store, now + 9 * MINUTE).await, None);
    store.apply(next.complete()).await.unwrap();
    assert_eq!(lease(&store, now + 60 * MINUTE).await, None);
}

async fn a_job_waits_for_its_time_and_its_kind(store: TestStore) {
    store.apply(jobs::enqueue(&job("later", START + MINUTE))).await.unwrap();
    store.apply(jobs::enqueue(&job("now", START))).await.unwrap();
    let twice = store.apply(jobs::enqueue(&job("now", START))).await.unwrap_err();
    assert_eq!(twice.tag(), Some(jobs::JOB_EXISTS));
    assert_eq!(jobs::lease(&store, "import", "node", START, MINUTE).await.unwrap(), None);
    assert_eq!(lease(&store, START).await.unwrap().id, "now");
    assert_eq!(lease(&store, START).await, None);
    assert_eq!(lease(&store, START + MINUTE).await.unwrap().id, "later");
    assert_eq!(lease(&store, START + MINUTE).await.unwrap().id, "now", "its lease has ended");
    assert_eq!(lease(&store, START + MINUTE).await, None);
}

async fn a_failed_job_comes_back_and_is_parked_in_the_end(store: TestStore) {
    store.apply(jobs::enqueue(&job("1", START))).await.unwrap();
    let first = lease(&store, START).await.unwrap();
    store.apply(first.fail("mail server away", Some(START + MINUTE))).await.unwrap();
    assert_eq!(lease(&store, START).await, None);
    let second = lease(&store, START + MINUTE).await.unwrap();
    assert_eq!(second.attempts, 2);
    store.apply(second.fail(&"x\0".repeat(5000), None)).await.unwrap();
    assert_eq!(lease(&store, START + 600 * MINUTE).await, None);
    let parked = jobs::parked(&store, "", 10).await.unwrap();
    assert_eq!((parked.len(), parked[0].id.as_str(), parked[0].attempts), (1, "1", 2));
    assert_eq!(parked[0].last_error.as_deref().map(str::len), Some(1000));
    store.apply(jobs::retry("1", START)).await.unwrap();
    assert_eq!(store.apply(jobs::retry("1", START)).await.unwrap_err().tag(), Some("NotParked"));
    assert_eq!(lease(&store, START).await.unwrap().attempts, 1);
}

async fn a_sweep_exists_once_and_comes_round_again(store: TestStore) {
    for _ in 0..3 {
        store.apply(jobs::enqueue_once(&job("sweep codes", START))).await.unwrap();
    }
    let sweep = lease(&store, START).await.unwrap();
    assert_eq!(lease(&store, START).await, None);
    store.apply(sweep.reschedule(Some("k"), START + 10 * MINUTE)).await.unwrap();
    assert_eq!(lease(&store, START + 9 * MINUTE).await, None);
    let again = lease(&store, START + 10 * MINUTE).await.unwrap();
    assert_eq!((again.progress.as_deref(), again.attempts), (Some("k"), 1));
}

async fn change_numbers_rise_with_their_batch(store: TestStore) {
    assert_eq!(changes::numbers(&store).await.unwrap(), BTreeMap::new());
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..16 {
        let store = store.store().clone();
        writers.spawn(async move {
            let id = n.to_string();
            store.apply(person(&id, &id).extend(changes::bump("pools"))).await.unwrap();
        });
    }
    writers.join_all().await;
    store.apply(changes::bump("roles")).await.unwrap();
    store.apply(person("0", "0").extend(changes::bump("roles"))).await.unwrap_err();
    let expected = BTreeMap::from([("pools".to_owned(), 16), ("roles".to_owned(), 1)]);
    assert_eq!(changes::numbers(&store).await.unwrap(), expected);
}

async fn audit_rows_come_in_pages_and_are_swept(store: TestStore) {
    let random = SeededRandom::new(7);
    let records: Vec<_> = (0..10_u64)
        .map(|n| {
            let at = START + Duration::from_secs(n);
            AuditRecord {
                id: random.uuid_v7(at),
                at,
                actor: "arn:aws:iam::123456789012:root".to_owned(),
                action: "cognito-idp:CreateUserPool".to_owned(),
                resource: format!("arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_{n}"),
                request_id: n.to_string(),
                source_address: "127.0.0.1".to_owned(),
            }
        })
        .collect();
    for record in &records {
        store.apply(audit::append(record)).await.unwrap();
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = audit::page(&store, before, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.extend(page);
    }
    assert!(seen.iter().eq(records.iter().rev()), "all of them, the newest first");
    let cut = START + Duration::from_secs(6);
    store.apply_background(audit::sweep(cut, 4)).await.unwrap();
    assert_eq!(audit::page(&store, None, 100).await.unwrap().len(), 6, "no more than the limit");
    store.apply_background(audit::sweep(cut, 4)).await.unwrap();
    let left = audit::page(&store, None, 100).await.unwrap();
    assert!(left.iter().all(|record| record.at >= cut) && left.len() == 4);
}

async fn one_node_initialises(store: TestStore) {
    assert!(!instance::is_initialised(&store).await.unwrap());
    let mut nodes = tokio::task::JoinSet::new();
    for n in 0..8 {
        let store = store.store().clone();
        nodes.spawn(async move {
            let batch = instance::initialise().extend(instance::insert("account", n.to_string()));
            (n.to_string(), store.apply(batch).await)
        });
    }
    let mut winners = Vec::new();
    for (account, result) in nodes.join_all().await {
        match result {
            Ok(_) => winners.push(account),
            Err(error) => assert_eq!(error.tag(), Some(instance::ALREADY_INITIALISED)),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(instance::get_text(&store, "account").await.unwrap(), winners.pop());
    assert!(instance::is_initialised(&store).await.unwrap());
}

async fn a_fact_is_written_once(store: TestStore) {
    assert_eq!(instance::get(&store, "check").await.unwrap(), None);
    store.apply(instance::insert("check", vec![0xff_u8, 0])).await.unwrap();
    let again = store.apply(instance::insert("check", b"other".as_slice())).await.unwrap_err();
    assert_eq!(again.tag(), Some(instance::FACT_EXISTS));
    assert_eq!(instance::get(&store, "check").await.unwrap(), Some(vec![0xff, 0]));
    let error = instance::get_text(&store, "check").await.unwrap_err();
    assert_eq!(error.to_string(), "the row \"check\" of instance has an undecodable value");
    let stale = Batch::new().extend(instance::replace("check", b"stale".as_slice(), b"new".as_slice(), "KeyChanged"));
    assert_eq!(store.apply(stale).await.unwrap_err().tag(), Some("KeyChanged"));
    store.apply(instance::replace("check", vec![0xff_u8, 0], b"new".as_slice(), "KeyChanged")).await.unwrap();
    assert_eq!(instance::get(&store, "check").await.unwrap(), Some(b"new".to_vec()));
}
