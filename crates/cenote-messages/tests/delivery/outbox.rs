//! The outbox: what is found in the folder and in the table.

use std::fs;

use cenote_messages::{MessageError, Outcome, StoredState};
use serde_json::json;

use crate::house::{House, NEVER, to_folder, to_server};
use crate::python::read_email;
use crate::sink::Sink;

#[tokio::test]
async fn emails_are_files_that_other_programs_can_read() {
    let (house, directory) = (House::on_sqlite().await, tempfile::tempdir().unwrap());
    let folder = directory.path().join("outbox");
    let (queue, worker) = house.node(&to_folder(&folder));
    let mut message = house.email("alice@example.com");
    message.subject = Some("Grüße".into());
    message.body = "<p>Zoë: 123456</p>\n.\n".into();
    message.reply_to = Some("Help <help@example.com>".parse().unwrap());
    let id = house.queue(&queue, &message).await;
    worker.deliver_due().await.unwrap();
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Delivered);
    let read = read_email(&fs::read(folder.join(format!("{id}.eml"))).unwrap());
    assert_eq!(read["from"], json!([["", "no-reply@localhost"]]));
    assert_eq!(read["to"], json!(["alice@example.com"]));
    assert_eq!(read["subject"], "Grüße");
    assert_eq!(read["body"], "<p>Zoë: 123456</p>\n.\n\n");
    assert_eq!(read["defects"], json!([]));
    assert!(read["headers"].as_array().unwrap().contains(&json!("reply-to")));
}

#[tokio::test]
async fn the_table_keeps_what_the_folder_shows() {
    let (house, directory) = (House::on_sqlite().await, tempfile::tempdir().unwrap());
    let folder = directory.path().join("outbox");
    let (queue, worker) = house.node(&to_folder(&folder));
    let sms = house.queue(&queue, &house.sms("+12065559934")).await;
    worker.deliver_due().await.unwrap();
    house.clock.advance(std::time::Duration::from_millis(5));
    let email = house.queue(&queue, &house.email("alice@example.com")).await;

    let file: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join(format!("{sms}.json"))).unwrap()).unwrap();
    assert_eq!((&file["to"], &file["body"]), (&json!("+12065559934"), &json!("Your confirmation code is 123456")));

    let stored = queue.newest(None, 10).await.unwrap();
    assert_eq!(stored.iter().map(|message| &message.id).collect::<Vec<_>>(), [&email, &sms]);
    assert_eq!(stored[0].state, StoredState::Queued(None));
    assert_eq!(stored[1].state, StoredState::Sent(cenote_store::testing::START));
    assert_eq!(stored[1].destination.as_ref().unwrap().expose(), "+12065559934");
    let (subject, body) = stored[1].content.as_ref().unwrap();
    assert_eq!((subject, body.expose()), (&None, "Your confirmation code is 123456"));
    let older = queue.newest(Some(&email), 10).await.unwrap();
    assert_eq!(older.len(), 1);
    assert_eq!(older[0].id, sms);
}

#[tokio::test]
async fn what_has_no_transport_is_a_failed_delivery() {
    let (house, sink) = (House::on_sqlite().await, Sink::start().await);
    let (queue, worker) = house.node(&to_server(sink.port));
    let id = house.queue(&queue, &house.sms("+12065559934")).await;
    worker.deliver_due().await.unwrap();
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Failed("no transport for SMS is configured".into()));

    let mut nothing = to_server(sink.port);
    nothing.smtp = None;
    let (queue, worker) = house.node(&nothing);
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    worker.deliver_due().await.unwrap();
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Failed("no transport for EMAIL is configured".into()));
    assert!(sink.taken().is_empty());
}

#[tokio::test]
async fn email_prefers_the_server_and_sms_takes_the_outbox() {
    let (house, sink, directory) = (House::on_sqlite().await, Sink::start().await, tempfile::tempdir().unwrap());
    let mut both = to_server(sink.port);
    both.outbox = Some(directory.path().join("outbox"));
    let (queue, worker) = house.node(&both);
    house.queue(&queue, &house.email("alice@example.com")).await;
    let sms = house.queue(&queue, &house.sms("+12065559934")).await;
    worker.deliver_due().await.unwrap();
    let names: Vec<_> =
        fs::read_dir(directory.path().join("outbox")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, [format!("{sms}.json").as_str()]);
    assert_eq!(sink.taken().len(), 1);
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_is_tried_again() {
    let (house, directory) = (House::on_sqlite().await, tempfile::tempdir().unwrap());
    let folder = directory.path().join("outbox");
    let (queue, worker) = house.node(&to_folder(&folder));
    fs::remove_dir(&folder).unwrap();
    fs::write(&folder, "in the way").unwrap();
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    worker.deliver_due().await.unwrap();
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Pending);
    fs::remove_file(&folder).unwrap();
    house.clock.advance(std::time::Duration::from_secs(5));
    worker.deliver_due().await.unwrap();
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Delivered);
}

#[tokio::test]
async fn what_would_break_a_header_is_not_queued() {
    let (house, directory) = (House::on_sqlite().await, tempfile::tempdir().unwrap());
    let (queue, _worker) = house.node(&to_folder(&directory.path().join("outbox")));
    let refused = queue.prepare(&house.email("alice@example.com\r\nBcc: eve@example.com")).await;
    assert!(matches!(refused, Err(MessageError::InvalidDestination)));
    let mut message = house.email("alice@example.com");
    message.subject = Some("Hello\nBcc: eve@example.com".into());
    assert!(matches!(queue.prepare(&message).await, Err(MessageError::InvalidSubject)));
    assert!(matches!(queue.prepare(&house.sms("+1 206\n")).await, Err(MessageError::InvalidDestination)));
}
