//! The queue on both engines: once each, by whichever node; found, waited for, swept.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cenote_base::{ManualClock, Timestamp};
use cenote_messages::{Outcome, StoredState};
use cenote_store::records::messages;
use cenote_store::testing::{PostgresServer, StopMode, TestStore};
use cenote_store::{Batch, Store, StoreConfig, params};
use tokio::sync::oneshot;

use crate::house::{House, NEVER, reason, soon, to_folder, to_server};
use crate::sink::{At, Say, Sink};

/// Runs each async function, which takes a `TestStore`, on both engines.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    super::$name(cenote_store::testing::sqlite().await).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    super::$name(cenote_store::testing::postgres().await).await;
                }
            )*
        }
    };
}
pub(crate) use on_both_engines;

on_both_engines! {
    two_nodes_deliver_each_message_once,
    a_message_that_is_not_committed_is_not_sent,
    another_node_finds_what_this_one_queued,
    a_message_of_a_node_that_died_is_taken_over,
    contents_cannot_change_places,
    the_end_of_a_pool_ends_its_messages,
    what_expired_is_swept,
    an_outbox_keeps_the_newest_thousand,
    what_a_newer_program_queued_is_left_to_it,
}

async fn two_nodes_deliver_each_message_once(store: TestStore) {
    const EACH: usize = 40;
    let (house, sink) = (House::in_test_store(store).await, Sink::start().await);
    let mut config = to_server(sink.port);
    config.delivery.poll_interval = Duration::from_millis(5);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let (mut queues, mut running) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let (queue, worker) = house.node(&config);
        let mut stopped = stopped.clone();
        running.push(tokio::spawn(worker.run(async move {
            stopped.wait_for(|stop| *stop).await.unwrap();
        })));
        queues.push(queue);
    }
    // Each node commits messages and both race for all of them.
    let mut ids = Vec::new();
    for number in 0..EACH {
        for queue in &queues {
            ids.push(house.queue(queue, &house.email(&format!("user{number}@example.com"))).await);
            queue.wake();
        }
    }
    for (index, id) in ids.iter().enumerate() {
        // Half of the waits are for what the other node may have delivered.
        assert_eq!(queues[index % 2].wait(id, NEVER).await, Outcome::Delivered);
    }
    stop.send(true).unwrap();
    for node in running {
        soon(node).await.unwrap();
    }
    let found: Vec<String> = sink
        .taken()
        .iter()
        .map(|mail| {
            let text = String::from_utf8_lossy(&mail.message).into_owned();
            text.split_once("Message-ID: <").unwrap().1.split_once('@').unwrap().0.to_owned()
        })
        .collect();
    let expected: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2 * EACH);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
}

async fn a_message_that_is_not_committed_is_not_sent(store: TestStore) {
    let (house, sink) = (House::in_test_store(store).await, Sink::start().await);
    let (queue, worker) = house.node(&to_server(sink.port));
    let prepared = queue.prepare(&house.email("alice@example.com")).await.unwrap();
    let refused = prepared.batch.one("delete from messages where id = 'none'", params![], "Refused");
    house.store.apply(refused).await.unwrap_err();
    queue.wake();
    assert_eq!(worker.deliver_due().await.unwrap(), 0);
    assert_eq!(queue.wait(&prepared.id, Duration::from_millis(20)).await, Outcome::Pending);
    assert!(sink.taken().is_empty());
}

async fn another_node_finds_what_this_one_queued(store: TestStore) {
    let (house, sink) = (House::in_test_store(store).await, Sink::start().await);
    let mut config = to_server(sink.port);
    config.delivery.poll_interval = Duration::from_millis(10);
    let (here, _idle) = house.node(&config);
    let (_there, worker) = house.node(&config);
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(worker.run(async move { stopped.await.unwrap() }));
    let good = house.queue(&here, &house.email("alice@example.com")).await;
    assert_eq!(here.wait(&good, NEVER).await, Outcome::Delivered);
    sink.next(At::Rcpt, Say::Answer("550 no"));
    let bad = house.queue(&here, &house.email("alice@example.com")).await;
    let expected = "the mail server refused the recipient (550)";
    assert_eq!(here.wait(&bad, NEVER).await, Outcome::Failed(expected.into()));
    stop.send(()).unwrap();
    soon(running).await.unwrap();
}

async fn a_message_of_a_node_that_died_is_taken_over(store: TestStore) {
    let (house, sink) = (House::in_test_store(store).await, Sink::start().await);
    let mut config = to_server(sink.port);
    config.smtp.as_mut().unwrap().timeout = Duration::from_secs(60);
    let (queue, worker) = house.node(&config);
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    // The other node has taken the message, and then its machine stopped.
    let row = house.row(&id).await;
    let lease = Duration::from_secs(241);
    house.store.apply(messages::take(&row, house_now(&house) + lease)).await.unwrap();
    assert_eq!(worker.deliver_due().await.unwrap(), 0);
    house.clock.advance(lease - Duration::from_millis(1));
    assert_eq!(worker.deliver_due().await.unwrap(), 0);
    house.clock.advance(Duration::from_millis(1));
    assert_eq!(worker.deliver_due().await.unwrap(), 1);
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Delivered);
    assert_eq!(house.row(&id).await.attempts, 2);
}

async fn contents_cannot_change_places(store: TestStore) {
    let (house, sink) = (House::in_test_store(store).await, Sink::start().await);
    let (queue, worker) = house.node(&to_server(sink.port));
    let ours = house.queue(&queue, &house.email("alice@example.com")).await;
    let theirs = house.queue(&queue, &house.email("eve@example.com")).await;
    // Who can write to the table, but has no key, has the code of one user sent to another.
    let destination = house.row(&theirs).await.destination;
    house.execute("update messages set destination = $1 where id = $2", params![destination, ours.as_str()]).await;
    house.execute("update messages set content = destination where id = $1", params![theirs.as_str()]).await;
    worker.deliver_due().await.unwrap();
    for id in [&ours, &theirs] {
        assert_eq!(queue.wait(id, NEVER).await, Outcome::Failed("the message cannot be opened".into()));
    }
    assert!(sink.taken().is_empty());
}

async fn the_end_of_a_pool_ends_its_messages(store: TestStore) {
    let (mut house, directory) = (House::in_test_store(store).await, tempfile::tempdir().unwrap());
    let config = to_folder(&directory.path().join("outbox"));
    let (queue, _idle) = house.node(&config);
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    house.execute("delete from data_keys where scope = $1", params![&house.pool]).await;
    // A node that has not cached the keys.
    house.keyring = House::keyring(&house.store, &house.clock, &house.random).await;
    let (queue, worker) = house.node(&config);
    worker.deliver_due().await.unwrap();
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Failed("the message cannot be opened".into()));
    let stored = queue.newest(None, 10).await.unwrap();
    assert_eq!(stored[0].state, StoredState::Failed("the message cannot be opened".into()));
    assert!(stored[0].destination.is_none() && stored[0].content.is_none());
}

async fn what_expired_is_swept(store: TestStore) {
    let (house, sink) = (House::in_test_store(store).await, Sink::start().await);
    let (queue, worker) = house.node(&to_server(sink.port));
    for _ in 0..3 {
        house.queue(&queue, &house.email("alice@example.com")).await;
    }
    worker.deliver_due().await.unwrap();
    house.clock.advance(Duration::from_secs(24 * 3600 + 600));
    let fresh = house.queue(&queue, &house.email("bob@example.com")).await;
    queue.sweep().await.unwrap();
    assert_eq!(queue.newest(None, 10).await.unwrap().len(), 4);
    house.clock.advance(Duration::from_millis(1));
    queue.sweep().await.unwrap();
    let left = queue.newest(None, 10).await.unwrap();
    assert_eq!(left.iter().map(|message| &message.id).collect::<Vec<_>>(), [&fresh]);
}

async fn an_outbox_keeps_the_newest_thousand(store: TestStore) {
    let (house, directory) = (House::in_test_store(store).await, tempfile::tempdir().unwrap());
    let (queue, _worker) = house.node(&to_folder(&directory.path().join("outbox")));
    let waiting = house.queue(&queue, &house.email("alice@example.com")).await;
    let mut ids = Vec::new();
    let mut batch = Batch::new();
    for _ in 0..1_600 {
        house.clock.advance(Duration::from_millis(1));
        let prepared = queue.prepare(&house.email("alice@example.com")).await.unwrap();
        batch = batch.extend(prepared.batch).extend(messages::sent(prepared.id.as_str(), house_now(&house)));
        ids.push(prepared.id);
    }
    house.store.apply(batch).await.unwrap();
    queue.sweep().await.unwrap();
    let left = queue.newest(None, 2_000).await.unwrap();
    let left: Vec<_> = left.iter().map(|message| &message.id).collect();
    // What still waits is never dropped for its age alone.
    let expected: Vec<_> = ids.iter().rev().take(1_000).chain([&waiting]).collect();
    assert_eq!(left, expected);
}

async fn what_a_newer_program_queued_is_left_to_it(store: TestStore) {
    let (house, sink) = (House::in_test_store(store).await, Sink::start().await);
    let (queue, worker) = house.node(&to_server(sink.port));
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    house.execute("update messages set medium = 'PIGEON', kind = 'Birthday' where id = $1", params![id.as_str()]).await;
    worker.deliver_due().await.unwrap();
    let row = house.row(&id).await;
    assert_eq!((row.state.as_str(), reason(&row)), ("queued", "this program does not know the message's medium"));
    assert_eq!(queue.newest(None, 1).await.unwrap()[0].kind, "Birthday");
    assert!(!row.content.is_empty());
}

fn house_now(house: &House) -> Timestamp {
    cenote_base::Clock::now(&*house.clock)
}

#[tokio::test]
async fn a_worker_that_sleeps_is_woken_at_once() {
    let (house, sink) = (House::on_sqlite().await, Sink::start().await);
    // It polls once an hour.
    let (queue, worker) = house.node(&to_server(sink.port));
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(worker.run(async move { stopped.await.unwrap() }));
    for _ in 0..3 {
        let id = house.queue(&queue, &house.email("alice@example.com")).await;
        queue.wake();
        assert_eq!(queue.wait(&id, NEVER).await, Outcome::Delivered);
    }
    stop.send(()).unwrap();
    soon(running).await.unwrap();
    assert_eq!(sink.commands().last().map(String::as_str), Some("QUIT"));
}

#[tokio::test]
async fn more_messages_than_places_are_all_delivered_without_a_poll() {
    let (house, sink) = (House::on_sqlite().await, Sink::start().await);
    let mut config = to_server(sink.port);
    config.delivery.concurrency = 3;
    let (queue, worker) = house.node(&config);
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(house.queue(&queue, &house.email("alice@example.com")).await);
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(worker.run(async move { stopped.await.unwrap() }));
    for id in &ids {
        assert_eq!(queue.wait(id, NEVER).await, Outcome::Delivered);
    }
    stop.send(()).unwrap();
    soon(running).await.unwrap();
    assert!(sink.connections() <= 3, "{}", sink.connections());
}

#[tokio::test]
async fn a_wait_is_bounded() {
    let (house, sink) = (House::on_sqlite().await, Sink::start().await);
    let (queue, _worker) = house.node(&to_server(sink.port));
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    assert_eq!(soon(queue.wait(&id, Duration::from_millis(30))).await, Outcome::Pending);
    assert_eq!(queue.wait(&id, Duration::ZERO).await, Outcome::Pending);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_server_that_hangs() {
    let (house, mut sink) = (House::on_sqlite().await, Sink::start().await);
    let mut config = to_server(sink.port);
    config.delivery.stop_grace = Duration::from_millis(50);
    config.smtp.as_mut().unwrap().timeout = Duration::from_secs(3600);
    let (queue, worker) = house.node(&config);
    sink.next(At::Message, Say::Nothing);
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(worker.run(async move { stopped.await.unwrap() }));
    soon(sink.arrival()).await;
    stop.send(()).unwrap();
    soon(running).await.unwrap();
    assert_eq!(house.row(&id).await.state, "queued");

    let (queue, worker) = house.node(&config);
    house.clock.advance(Duration::from_secs(4 * 3600));
    worker.deliver_due().await.unwrap();
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Delivered);
    assert_eq!(sink.taken().len(), 1);
}

#[tokio::test]
async fn a_stop_lets_what_runs_finish() {
    let (house, mut sink) = (House::on_sqlite().await, Sink::start().await);
    let (queue, worker) = house.node(&to_server(sink.port));
    let (go_on, signal) = oneshot::channel();
    sink.next(At::Message, Say::After(signal));
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(worker.run(async move { stopped.await.unwrap() }));
    soon(sink.arrival()).await;
    stop.send(()).unwrap();
    go_on.send(()).unwrap();
    soon(running).await.unwrap();
    assert_eq!(house.row(&id).await.state, "sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_restarts_during_a_delivery_does_not_repeat_it() {
    let server = PostgresServer::start();
    let clock = Arc::new(ManualClock::new(cenote_store::testing::START));
    let config = StoreConfig::postgres(server.url());
    let random = Arc::new(cenote_base::SeededRandom::new(1));
    let store = Store::open(&config, clock.clone(), random).await.unwrap();
    let (house, mut sink) = (House::in_store(store, clock).await, Sink::start().await);
    let (queue, worker) = house.node(&to_server(sink.port));
    let (go_on, signal) = oneshot::channel();
    sink.next(At::Message, Say::After(signal));
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    let delivering = tokio::spawn(async move { worker.deliver_due().await.map(|tried| (tried, worker)) });
    soon(sink.arrival()).await;
    server.stop(StopMode::Immediate);
    go_on.send(()).unwrap();
    // The mail server has the message; the database learns of it when it is back.
    server.start_again();
    let (tried, worker) = soon(delivering).await.unwrap().unwrap();
    assert_eq!(tried, 1);
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Delivered);
    assert_eq!(house.row(&id).await.state, "sent");
    house.clock.advance(Duration::from_secs(3600));
    assert_eq!(worker.deliver_due().await.unwrap(), 0);
    assert_eq!(sink.taken().len(), 1);
}
