//! Nothing secret is logged, stored readable or shown.

use std::io::Write;
use std::sync::{Arc, Mutex};

use cenote_messages::MessageKind;
use cenote_store::params;
use tracing_subscriber::fmt::MakeWriter;

use crate::house::{House, to_server};
use crate::sink::{At, Say, Sink};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The log is the whole process's: what the other tests say meanwhile must be as clean.
#[tokio::test]
async fn logs_and_rows_name_no_address_no_code_and_no_password() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone());
    tracing::subscriber::set_global_default(subscriber.with_ansi(false).finish()).unwrap();

    let (house, sink) = (House::on_sqlite().await, Sink::with(&["AUTH PLAIN"]).await);
    let mut config = to_server(sink.port);
    let smtp = config.smtp.take().unwrap();
    config.smtp = Some(smtp.with_credentials("mailuser".into(), "hunter2".into()).unwrap());
    let (queue, worker) = house.node(&config);
    let mut message = house.email("alice@example.com");
    message.kind = MessageKind::ForgotPassword;
    let refused = house.queue(&queue, &message).await;
    sink.next(At::Auth, Say::Answer("535 hunter2 is wrong"));
    worker.deliver_due().await.unwrap();
    house.clock.advance(std::time::Duration::from_secs(60));
    sink.next(At::Rcpt, Say::Answer("550 <alice@example.com> with 123456 is unknown"));
    worker.deliver_due().await.unwrap();
    let sent = house.queue(&queue, &message).await;
    worker.deliver_due().await.unwrap();
    let damaged = house.queue(&queue, &message).await;
    house.execute("update messages set content = destination where id = $1", params![damaged.as_str()]).await;
    worker.deliver_due().await.unwrap();

    let mut rows = Vec::new();
    for id in [&refused, &sent, &damaged] {
        rows.push(format!("{:?}", house.row(id).await));
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for secret in ["alice", "example.com", "123456", "hunter2", "mailuser", "Your verification code"] {
        assert!(!log.contains(secret), "{secret} is logged:\n{log}");
        assert!(!rows.iter().any(|row| row.contains(secret)), "{secret} is stored readable: {rows:?}");
    }
    // What an operator needs is there.
    for text in [
        refused.as_str(),
        sent.as_str(),
        house.pool.as_str(),
        "ForgotPassword",
        "EMAIL",
        "attempt=2",
        "message delivered",
        "message not delivered yet",
        "message given up",
        "the mail server refused the recipient (550)",
        "the mail server did not accept the user name and password (535)",
    ] {
        assert!(log.contains(text), "{text} is not logged:\n{log}");
    }
}
