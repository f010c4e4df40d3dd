//! What fails for a while is tried again until the message's end, by one node at a time; what fails for good is not.

use std::time::Duration;

use cenote_base::Clock;
use cenote_messages::{MessageKind, Outcome};
use cenote_store::testing::TestStore;

use crate::house::{House, NEVER, reason, soon, to_server};
use crate::queue::on_both_engines;
use crate::sink::{At, Say, Sink};

on_both_engines! {
    what_may_pass_is_tried_again_once_by_whoever_comes_first,
    what_stays_wrong_is_given_up_and_everybody_told,
    a_server_that_comes_up_later_gets_the_message,
    no_code_arrives_after_its_end,
}

const FIRST_RETRY: Duration = Duration::from_secs(5);

async fn what_may_pass_is_tried_again_once_by_whoever_comes_first(store: TestStore) {
    let (house, sink) = (House::in_test_store(store).await, Sink::start().await);
    let config = to_server(sink.port);
    let lost = "the connection to the mail server was lost";
    for (round, (at, say, expected)) in [
        (At::Greeting, Say::Answer("421 4.3.2 not now"), "the mail server cannot be reached (421)"),
        (At::Ehlo, Say::Answer("421 4.3.2 not now"), "the mail server cannot be reached (421)"),
        (At::Mail, Say::Answer("450 4.2.1 busy"), "the mail server refused the sender (450)"),
        (At::Rcpt, Say::Answer("451 4.7.1 grey-listed"), "the mail server refused the recipient (451)"),
        (At::Data, Say::Answer("451 4.3.0 later"), "the mail server refused the message (451)"),
        (At::Message, Say::Answer("452 4.3.1 no room"), "the mail server refused the message (452)"),
        (At::Greeting, Say::Close, "the mail server cannot be reached"),
        (At::Mail, Say::Close, lost),
        (At::Rcpt, Say::Close, lost),
        (At::Data, Say::Close, lost),
        (At::Message, Say::Close, lost),
    ]
    .into_iter()
    .enumerate()
    {
        // New nodes have no connection that waits.
        let ((queue, worker), (other_queue, other_worker)) = (house.node(&config), house.node(&config));
        sink.next(at, say);
        let id = house.queue(&queue, &house.email("alice@example.com")).await;
        soon(worker.deliver_due()).await.unwrap();
        let row = house.row(&id).await;
        assert_eq!((row.state.as_str(), row.attempts, reason(&row)), ("queued", 1, expected), "{at:?}");
        assert_eq!(queue.wait(&id, NEVER).await, Outcome::Pending, "who waits is not kept");
        let wait = row.next_attempt_at.since(house.clock.now());
        assert!(wait >= FIRST_RETRY / 2 && wait <= FIRST_RETRY, "{wait:?}");
        assert_eq!(sink.taken().len(), round);

        house.clock.set(row.next_attempt_at);
        let (here, there) = tokio::join!(worker.deliver_due(), other_worker.deliver_due());
        assert_eq!(here.unwrap() + there.unwrap(), 1, "{at:?}");
        assert_eq!(other_queue.wait(&id, Duration::ZERO).await, Outcome::Delivered);
        assert_eq!(sink.taken().len(), round + 1);
        assert_eq!((house.row(&id).await.state.as_str(), house.row(&id).await.attempts), ("sent", 2));
    }
}

async fn what_stays_wrong_is_given_up_and_everybody_told(store: TestStore) {
    let (house, sink) = (House::in_test_store(store).await, Sink::start().await);
    let config = to_server(sink.port);
    let ((queue, worker), (other_queue, other_worker)) = (house.node(&config), house.node(&config));
    for (at, answer, expected) in [
        (At::Rcpt, "550 5.1.1 unknown", "the mail server refused the recipient (550)"),
        (At::Data, "554 5.6.0 no", "the mail server refused the message (554)"),
        (At::Message, "552 5.3.4 too big", "the mail server refused the message (552)"),
    ] {
        sink.next(at, Say::Answer(answer));
        let id = house.queue(&queue, &house.email("alice@example.com")).await;
        let (waiting, tried) = tokio::join!(queue.wait(&id, NEVER), worker.deliver_due());
        assert_eq!((waiting, tried.unwrap()), (Outcome::Failed(expected.to_owned()), 1));
        assert_eq!(other_queue.wait(&id, Duration::ZERO).await, Outcome::Failed(expected.to_owned()));
        assert_eq!((house.row(&id).await.state.as_str(), house.row(&id).await.content.len()), ("failed", 0));
        house.clock.advance(Duration::from_secs(3_600));
        assert_eq!(other_worker.deliver_due().await.unwrap(), 0, "it is not tried again");
    }
    assert!(sink.taken().is_empty());
}

async fn a_server_that_comes_up_later_gets_the_message(store: TestStore) {
    let house = House::in_test_store(store).await;
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let down = to_server(free.local_addr().unwrap().port());
    drop(free);
    let (queue, worker) = house.node(&down);
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    for attempt in 1..=4 {
        worker.deliver_due().await.unwrap();
        let row = house.row(&id).await;
        assert_eq!((row.state.as_str(), row.attempts), ("queued", attempt));
        assert!(reason(&row).starts_with("the mail server cannot be reached (Connection refused"), "{}", reason(&row));
        let longest = FIRST_RETRY * (1 << (attempt - 1));
        let wait = row.next_attempt_at.since(house.clock.now());
        assert!(wait >= longest / 2 && wait <= longest, "try {attempt} is followed by {wait:?}");
        house.clock.set(row.next_attempt_at);
    }
    let sink = Sink::start().await;
    let (queue, worker) = house.node(&to_server(sink.port));
    worker.deliver_due().await.unwrap();
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Delivered);
    assert_eq!((sink.taken().len(), house.row(&id).await.last_error), (1, None));
}

async fn no_code_arrives_after_its_end(store: TestStore) {
    let (house, sink) = (House::in_test_store(store).await, Sink::start().await);
    let (queue, worker) = house.node(&to_server(sink.port));
    for kind in MessageKind::ALL {
        let mut message = house.email("alice@example.com");
        message.kind = *kind;
        let end = house.clock.now() + kind.worth_delivering();
        let id = house.queue(&queue, &message).await;
        loop {
            sink.next(At::Rcpt, Say::Answer("451 4.7.1 grey-listed"));
            worker.deliver_due().await.unwrap();
            let row = house.row(&id).await;
            if row.state == "failed" {
                assert_eq!(reason(&row), "the mail server refused the recipient (451)");
                break;
            }
            assert!(
                row.next_attempt_at < end,
                "{kind}: a try at {} for a code that ends at {end}",
                row.next_attempt_at
            );
            house.clock.set(row.next_attempt_at);
        }
        assert!(house.clock.now() + Duration::from_secs(601) > end, "{kind}: given up too early");
        assert_eq!(house.row(&id).await.content.len(), 0, "{kind}");
        house.clock.set(end);
        assert_eq!(worker.deliver_due().await.unwrap(), 0);
    }
    assert!(sink.taken().is_empty());
}
