//! Delivery to a mail server that agrees, refuses, is slow, or goes away.

use std::time::Duration;

use cenote_messages::{MessageKind, MessagesConfig, Outcome, StoredState};
use serde_json::json;

use crate::house::{House, NEVER, reason, soon, to_server};
use crate::python::read_email;
use crate::sink::{At, Say, Sink};

/// How long a slow server may take in the tests of slow servers.
const SHORT: Duration = Duration::from_millis(200);

fn impatient(port: u16) -> MessagesConfig {
    let mut config = to_server(port);
    config.smtp.as_mut().unwrap().timeout = SHORT;
    config
}

#[tokio::test]
async fn a_message_arrives_and_its_content_is_wiped() {
    let (house, sink) = (House::on_sqlite().await, Sink::start().await);
    let (queue, worker) = house.node(&to_server(sink.port));
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    assert_eq!(worker.deliver_due().await.unwrap(), 1);
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Delivered);

    let [mail] = &sink.taken()[..] else { panic!("one message: {:?}", sink.taken()) };
    assert_eq!(mail.from, "MAIL FROM:<no-reply@id.example.com>");
    assert_eq!(mail.to, "RCPT TO:<alice@example.com>");
    assert_eq!(
        read_email(&mail.message),
        json!({
            "from": [["Cenote", "no-reply@id.example.com"]],
            "to": ["alice@example.com"],
            "subject": "Your verification code",
            "date": "2026-01-01T00:00:00+00:00",
            "id": format!("<{id}@id.example.com>"),
            "type": ["text/html", "utf-8"],
            "headers": ["auto-submitted", "content-transfer-encoding", "content-type", "date", "from", "message-id",
                        "mime-version", "subject", "to"],
            "body": "Your confirmation code is 123456\n",
            "defects": [],
        })
    );

    let row = house.row(&id).await;
    assert_eq!((row.state.as_str(), row.attempts, row.content.len()), ("sent", 1, 0));
    let stored = queue.newest(None, 10).await.unwrap();
    assert_eq!(stored[0].state, StoredState::Sent(cenote_store::testing::START));
    assert!(stored[0].content.is_none());
    assert_eq!(stored[0].destination.as_ref().unwrap().expose(), "alice@example.com");
    assert_eq!(worker.deliver_due().await.unwrap(), 0);
}

#[tokio::test]
async fn dots_and_bare_line_ends_survive() {
    let (house, sink) = (House::on_sqlite().await, Sink::start().await);
    let (queue, worker) = house.node(&to_server(sink.port));
    let mut message = house.email("alice@example.com");
    message.body = "first\n.\n..two dots\n.one\nlast".into();
    house.queue(&queue, &message).await;
    worker.deliver_due().await.unwrap();
    let [mail] = &sink.taken()[..] else { panic!("one message: {:?}", sink.taken()) };
    let wire = String::from_utf8(mail.wire.clone()).unwrap();
    assert!(wire.contains("\r\nfirst\r\n..\r\n...two dots\r\n..one\r\nlast\r\n"), "{wire}");
    assert_eq!(read_email(&mail.message)["body"], "first\n.\n..two dots\n.one\nlast\n");
}

#[tokio::test]
async fn text_beyond_ascii_survives() {
    let (house, sink) = (House::on_sqlite().await, Sink::start().await);
    let (queue, worker) = house.node(&to_server(sink.port));
    let mut message = house.email("alice@example.com");
    let subject = "Grüße – 你好 👋 und noch viel mehr Worte, damit die Zeile umgebrochen werden muss";
    message.subject = Some(subject.into());
    message.body = "<p>Code für Zoë: 123456 =3D 你好</p>".into();
    message.from = Some("Lädchen <laden@example.org>".parse().unwrap());
    house.queue(&queue, &message).await;
    worker.deliver_due().await.unwrap();
    let [mail] = &sink.taken()[..] else { panic!("one message: {:?}", sink.taken()) };
    assert!(mail.wire.is_ascii());
    assert_eq!(mail.from, "MAIL FROM:<laden@example.org>");
    let read = read_email(&mail.message);
    assert_eq!(read["subject"], subject);
    assert_eq!(read["from"], json!([["Lädchen", "laden@example.org"]]));
    assert_eq!(read["body"].as_str().unwrap().trim_end(), "<p>Code für Zoë: 123456 =3D 你好</p>");
    assert_eq!(read["defects"], json!([]));
}

#[tokio::test]
async fn a_busy_server_is_asked_again_later() {
    let (house, sink) = (House::on_sqlite().await, Sink::start().await);
    let (queue, worker) = house.node(&to_server(sink.port));
    sink.next(At::Rcpt, Say::Answer("451 4.7.1 <alice@example.com> come back later"));
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    assert_eq!(worker.deliver_due().await.unwrap(), 1);
    // Known at once: who waits is not kept until the next try.
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Pending);
    let row = house.row(&id).await;
    assert_eq!((row.state.as_str(), row.attempts), ("queued", 1));
    assert_eq!(reason(&row), "the mail server refused the recipient (451)");
    assert!(!row.content.is_empty());

    assert_eq!(worker.deliver_due().await.unwrap(), 0);
    house.clock.advance(Duration::from_millis(2_499));
    assert_eq!(worker.deliver_due().await.unwrap(), 0);
    house.clock.advance(Duration::from_millis(2_501));
    assert_eq!(worker.deliver_due().await.unwrap(), 1);
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Delivered);
    assert_eq!(sink.taken().len(), 1);
    assert_eq!(house.row(&id).await.last_error, None);
}

#[tokio::test]
async fn a_wrong_recipient_is_given_up_at_once() {
    for (at, answer, expected) in [
        (At::Rcpt, "550 5.1.1 <alice@example.com>: unknown", "the mail server refused the recipient (550)"),
        (At::Data, "554 5.6.0 no 123456 here", "the mail server refused the message (554)"),
        (At::Message, "552 5.3.4 too big", "the mail server refused the message (552)"),
    ] {
        let (house, sink) = (House::on_sqlite().await, Sink::start().await);
        let (queue, worker) = house.node(&to_server(sink.port));
        sink.next(at, Say::Answer(answer));
        let id = house.queue(&queue, &house.email("alice@example.com")).await;
        worker.deliver_due().await.unwrap();
        assert_eq!(queue.wait(&id, NEVER).await, Outcome::Failed(expected.into()));
        let row = house.row(&id).await;
        assert_eq!((row.state.as_str(), row.content.len(), reason(&row)), ("failed", 0, expected));
        house.clock.advance(Duration::from_secs(3600));
        assert_eq!(worker.deliver_due().await.unwrap(), 0);
        assert!(sink.taken().is_empty());
    }
}

#[tokio::test]
async fn what_an_operator_can_repair_is_tried_again() {
    let (house, sink) = (House::on_sqlite().await, Sink::with(&["AUTH PLAIN LOGIN"]).await);
    let mut config = to_server(sink.port);
    let smtp = config.smtp.take().unwrap();
    config.smtp = Some(smtp.with_credentials("mailuser".into(), "hunter2".into()).unwrap());
    let (queue, worker) = house.node(&config);
    sink.next(At::Auth, Say::Answer("535 5.7.8 wrong password hunter2"));
    sink.next(At::Mail, Say::Answer("550 5.7.1 not your sender"));
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    for expected in
        ["the mail server did not accept the user name and password (535)", "the mail server refused the sender (550)"]
    {
        worker.deliver_due().await.unwrap();
        let row = house.row(&id).await;
        assert_eq!((row.state.as_str(), reason(&row)), ("queued", expected));
        house.clock.advance(Duration::from_secs(60));
    }
    worker.deliver_due().await.unwrap();
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Delivered);
    // The base64 of "\0mailuser\0hunter2".
    assert!(sink.commands().contains(&"AUTH PLAIN AG1haWx1c2VyAGh1bnRlcjI=".to_owned()), "{:?}", sink.commands());
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_again() {
    let house = House::on_sqlite().await;
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let (queue, worker) = house.node(&to_server(port));
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    worker.deliver_due().await.unwrap();
    let row = house.row(&id).await;
    assert_eq!(row.state, "queued");
    assert!(reason(&row).starts_with("the mail server cannot be reached (Connection refused"), "{}", reason(&row));
}

#[tokio::test]
async fn a_slow_server_is_left_and_its_connection_never_used_again() {
    for at in [At::Greeting, At::Ehlo, At::Mail, At::Rcpt, At::Data, At::Message] {
        let (house, sink) = (House::on_sqlite().await, Sink::start().await);
        let (queue, worker) = house.node(&impatient(sink.port));
        sink.next(at, Say::Nothing);
        let id = house.queue(&queue, &house.email("alice@example.com")).await;
        soon(worker.deliver_due()).await.unwrap();
        let row = house.row(&id).await;
        assert_eq!((row.state.as_str(), reason(&row)), ("queued", "the mail server took too long"), "{at:?}");
        assert!(sink.taken().is_empty());

        house.clock.advance(Duration::from_secs(60));
        soon(worker.deliver_due()).await.unwrap();
        assert_eq!(queue.wait(&id, NEVER).await, Outcome::Delivered, "{at:?}");
        assert_eq!((sink.connections(), sink.taken().len()), (2, 1), "{at:?}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_not_taken_for_the_next_messages() {
    let (house, sink) = (House::on_sqlite().await, Sink::start().await);
    let (queue, worker) = house.node(&impatient(sink.port));
    let (answer, signal) = tokio::sync::oneshot::channel();
    sink.next(At::Rcpt, Say::After(signal));
    let slow = house.queue(&queue, &house.email("slow@example.com")).await;
    soon(worker.deliver_due()).await.unwrap();
    assert_eq!(reason(&house.row(&slow).await), "the mail server took too long");
    // The server agrees to the first recipient now, and would refuse the next one.
    answer.send(()).unwrap();
    sink.next(At::Rcpt, Say::Answer("550 no"));
    let next = house.queue(&queue, &house.email("next@example.com")).await;
    soon(worker.deliver_due()).await.unwrap();
    let expected = "the mail server refused the recipient (550)";
    assert_eq!(queue.wait(&next, NEVER).await, Outcome::Failed(expected.into()));
    assert_eq!((sink.connections(), sink.taken().len()), (2, 0));
}

#[tokio::test]
async fn connections_are_used_again_while_they_answer() {
    let (house, sink) = (House::on_sqlite().await, Sink::start().await);
    let (queue, worker) = house.node(&to_server(sink.port));
    for expected_connections in [1, 1, 2, 3] {
        house.queue(&queue, &house.email("alice@example.com")).await;
        worker.deliver_due().await.unwrap();
        assert_eq!(sink.connections(), expected_connections);
        // From the third message on the server has closed the connection that waits.
        if sink.taken().len() > 1 {
            sink.next(At::Noop, Say::Close);
        }
    }
    assert_eq!(sink.taken().len(), 4);
}

#[tokio::test]
async fn addresses_beyond_ascii_need_a_server_that_takes_them() {
    let house = House::on_sqlite().await;
    let plain = Sink::start().await;
    let (queue, worker) = house.node(&to_server(plain.port));
    let id = house.queue(&queue, &house.email("zoë@example.com")).await;
    worker.deliver_due().await.unwrap();
    let expected = "the mail server takes ASCII addresses only";
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Failed(expected.into()));

    let international = Sink::with(&["8BITMIME", "SMTPUTF8"]).await;
    let (queue, worker) = house.node(&to_server(international.port));
    let id = house.queue(&queue, &house.email("zoë@example.com")).await;
    worker.deliver_due().await.unwrap();
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Delivered);
    assert_eq!(international.taken()[0].to, "RCPT TO:<zoë@example.com>");
}

#[tokio::test]
async fn without_the_encryption_that_was_asked_for_nothing_is_sent() {
    let (house, sink) = (House::on_sqlite().await, Sink::with(&["AUTH PLAIN"]).await);
    let mut config = to_server(sink.port);
    let url = format!("smtp+starttls://me:hunter2@127.0.0.1:{}", sink.port);
    config.smtp = Some(cenote_messages::SmtpConfig::from_url(&url).unwrap());
    let (queue, worker) = house.node(&config);
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    worker.deliver_due().await.unwrap();
    let row = house.row(&id).await;
    assert_eq!(reason(&row), "STARTTLS with the mail server failed (it does not offer it)");
    assert!(sink.commands().iter().all(|command| command.starts_with("EHLO")), "{:?}", sink.commands());
}

#[tokio::test]
async fn a_message_is_given_up_when_its_code_can_no_longer_live() {
    for (kind, life) in [
        (MessageKind::Authentication, Duration::from_secs(15 * 60)),
        (MessageKind::ForgotPassword, Duration::from_secs(3600)),
        (MessageKind::SignUp, Duration::from_secs(24 * 3600)),
    ] {
        let (house, sink) = (House::on_sqlite().await, Sink::start().await);
        let (queue, worker) = house.node(&to_server(sink.port));
        let mut message = house.email("alice@example.com");
        message.kind = kind;
        let early = house.queue(&queue, &message).await;
        house.clock.advance(life - Duration::from_millis(1));
        worker.deliver_due().await.unwrap();
        assert_eq!(queue.wait(&early, NEVER).await, Outcome::Delivered);

        let late = house.queue(&queue, &message).await;
        house.clock.advance(life);
        worker.deliver_due().await.unwrap();
        assert_eq!(queue.wait(&late, NEVER).await, Outcome::Failed("not delivered in time".into()), "{kind}");
        assert_eq!((house.row(&late).await.content.len(), sink.taken().len()), (0, 1));
    }
}

#[tokio::test]
async fn tries_get_rarer_and_end_with_their_reason() {
    let (house, sink) = (House::on_sqlite().await, Sink::start().await);
    let (queue, worker) = house.node(&to_server(sink.port));
    let mut message = house.email("alice@example.com");
    message.kind = MessageKind::ForgotPassword;
    let id = house.queue(&queue, &message).await;
    let mut waits = Vec::new();
    loop {
        sink.next(At::Rcpt, Say::Answer("450 busy"));
        worker.deliver_due().await.unwrap();
        let row = house.row(&id).await;
        if row.state == "failed" {
            assert_eq!(reason(&row), "the mail server refused the recipient (450)");
            break;
        }
        let now = cenote_base::Clock::now(&*house.clock);
        waits.push(row.next_attempt_at.since(now));
        house.clock.set(row.next_attempt_at);
    }
    assert!(waits.iter().all(|wait| *wait >= Duration::from_millis(2_500) && *wait <= Duration::from_secs(600)));
    assert!(waits[0] <= Duration::from_secs(5) && waits[6] > Duration::from_secs(120), "{waits:?}");
    assert!((10..25).contains(&waits.len()), "{waits:?}");
}
