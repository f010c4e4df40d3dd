//! Encrypted connections to a mail server, signing in there, and those who would listen or talk in between.

use std::time::Duration;

use cenote_messages::{MessagesConfig, OpenError, Outcome, SmtpConfig, open};

use crate::certificates::Authority;
use crate::house::{House, NEVER, reason, to_server};
use crate::sink::{At, Say, Sink, Tls, USER};

const HOST: &str = "127.0.0.1";

fn scheme(tls: Tls) -> &'static str {
    match tls {
        Tls::Implicit => "smtps",
        Tls::StartTls => "smtp+starttls",
    }
}

/// A mail server at this URL; `user`: `user:password@` or nothing.
fn config(tls: Option<Tls>, user: &str, sink: &Sink, trusted: Option<&Authority>) -> MessagesConfig {
    let url = format!("{}://{user}{HOST}:{}", tls.map_or("smtp", scheme), sink.port);
    let smtp = SmtpConfig::from_url(&url).unwrap();
    let smtp = match trusted {
        Some(authority) => smtp.with_ca_file(authority.file()).unwrap(),
        None => smtp,
    };
    MessagesConfig { smtp: Some(SmtpConfig { timeout: NEVER, ..smtp }), ..to_server(sink.port) }
}

/// Why one message was not delivered yet; it waits for the next try, which an operator may have repaired by then.
async fn not_yet(house: &House, config: &MessagesConfig) -> String {
    let (queue, worker) = house.node(config);
    let id = house.queue(&queue, &house.email("alice@example.com")).await;
    assert_eq!(worker.deliver_due().await.unwrap(), 1);
    assert_eq!(queue.wait(&id, NEVER).await, Outcome::Pending);
    let row = house.row(&id).await;
    assert_eq!((row.state.as_str(), row.content.is_empty()), ("queued", false));
    house.execute("delete from messages where id = $1", cenote_store::params![id.as_str()]).await;
    reason(&row).to_owned()
}

#[tokio::test]
async fn every_form_of_encryption_with_every_form_of_signing_in() {
    let (house, authority) = (House::on_sqlite().await, Authority::new("ours"));
    let user = format!("{}:{}@", USER.0, USER.1);
    for tls in [None, Some(Tls::Implicit), Some(Tls::StartTls)] {
        for (mechanisms, first) in [("AUTH PLAIN LOGIN", "AUTH PLAIN AG1h"), ("AUTH LOGIN", "AUTH LOGIN")] {
            let extensions: &'static [&'static str] = vec![mechanisms].leak();
            let sink = match tls {
                Some(tls) => Sink::encrypted(tls, authority.server(HOST), extensions).await,
                None => Sink::with(extensions).await,
            };
            let trusted = tls.is_some().then_some(&authority);
            let (queue, worker) = house.node(&config(tls, &user, &sink, trusted));
            let id = house.queue(&queue, &house.email("alice@example.com")).await;
            worker.deliver_due().await.unwrap();
            let row = house.row(&id).await;
            assert_eq!(queue.wait(&id, NEVER).await, Outcome::Delivered, "{tls:?} {mechanisms}: {row:?}");
            assert_eq!(sink.taken()[0].to, "RCPT TO:<alice@example.com>");
            assert!(sink.commands().iter().any(|command| command.starts_with(first)), "{:?}", sink.commands());
            let clear = sink.commands_in_clear();
            match tls {
                None => assert_eq!(clear, sink.commands()),
                Some(Tls::Implicit) => assert!(clear.is_empty(), "{clear:?}"),
                Some(Tls::StartTls) => {
                    assert!(clear.len() == 2 && clear[0].starts_with("EHLO ") && clear[1] == "STARTTLS", "{clear:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_an_operators_to_repair() {
    let (house, authority) = (House::on_sqlite().await, Authority::new("ours"));
    for tls in [None, Some(Tls::Implicit), Some(Tls::StartTls)] {
        for extensions in [&["AUTH PLAIN LOGIN"], &["AUTH LOGIN"]] {
            let sink = match tls {
                Some(tls) => Sink::encrypted(tls, authority.server(HOST), extensions).await,
                None => Sink::with(extensions).await,
            };
            let trusted = tls.is_some().then_some(&authority);
            let wrong = config(tls, "mailuser:hunter3@", &sink, trusted);
            let expected = "the mail server did not accept the user name and password (535)";
            assert_eq!(not_yet(&house, &wrong).await, expected);
            assert!(sink.taken().is_empty());
        }
        let without = match tls {
            Some(tls) => Sink::encrypted(tls, authority.server(HOST), &["AUTH CRAM-MD5"]).await,
            None => Sink::with(&["AUTH CRAM-MD5"]).await,
        };
        let asked = config(tls, "mailuser:hunter2@", &without, tls.is_some().then_some(&authority));
        let expected = "the mail server did not accept the user name and password (it does not offer it)";
        assert_eq!(not_yet(&house, &asked).await, expected);
        assert!(without.taken().is_empty());
    }
}

#[tokio::test]
async fn a_certificate_must_be_for_the_host_and_from_a_trusted_authority() {
    let (house, authority) = (House::on_sqlite().await, Authority::new("ours"));
    let (stranger, namesake) = (Authority::new("stranger"), Authority::new("ours"));
    for tls in [Tls::Implicit, Tls::StartTls] {
        for (host, trusted, said) in [
            ("mail.example.com", Some(&authority), "certificate not valid for name"),
            (HOST, Some(&stranger), "UnknownIssuer"),
            (HOST, Some(&namesake), "BadSignature"),
            // The public authorities alone.
            (HOST, None, "UnknownIssuer"),
        ] {
            let sink = Sink::encrypted(tls, authority.server(host), &["AUTH PLAIN"]).await;
            let said_then = not_yet(&house, &config(Some(tls), "mailuser:hunter2@", &sink, trusted)).await;
            assert!(said_then.contains(said) && !said_then.contains("hunter2"), "{tls:?} {host}: {said_then}");
            assert!(sink.taken().is_empty());
            let told = sink.commands();
            assert!(!told.iter().any(|command| command.starts_with("AUTH") || command.starts_with("MAIL")), "{told:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_speaks_another_form_is_told_nothing() {
    let (house, authority) = (House::on_sqlite().await, Authority::new("ours"));
    let user = "mailuser:hunter2@";
    let plain = Sink::with(&["AUTH PLAIN"]).await;
    let failed = not_yet(&house, &config(Some(Tls::Implicit), user, &plain, Some(&authority))).await;
    assert!(failed.starts_with("the mail server cannot be reached"), "{failed}");
    assert!(!format!("{:?}", plain.commands()).contains("AUTH"));
    // It offers STARTTLS no more once somebody in between took the word out, or never did.
    let stripped = config(Some(Tls::StartTls), user, &plain, Some(&authority));
    let expected = "STARTTLS with the mail server failed (it does not offer it)";
    assert_eq!(not_yet(&house, &stripped).await, expected);
    for answer in ["454 4.7.0 not now", "502 5.5.1 what", "554 5.7.3 no"] {
        let sink = Sink::encrypted(Tls::StartTls, authority.server(HOST), &["AUTH PLAIN"]).await;
        sink.next(At::StartTls, Say::Answer(answer));
        let failed = not_yet(&house, &config(Some(Tls::StartTls), user, &sink, Some(&authority))).await;
        assert_eq!(failed, format!("STARTTLS with the mail server failed ({})", &answer[..3]));
        let told = sink.commands();
        assert!(!told.iter().any(|command| command.starts_with("AUTH") || command.starts_with("MAIL")), "{told:?}");
    }
}

/// Who can write into the connection before it is encrypted appends answers to the clear `220`, to have them taken for
/// answers of the real server: a forged EHLO answer, or "delivered" for a message that never left.
#[tokio::test]
async fn answers_from_before_the_encryption_are_never_believed() {
    let (house, authority) = (House::on_sqlite().await, Authority::new("ours"));
    for forged in [
        "220 go ahead\r\n250-evil\r\n250 AUTH LOGIN",
        "220 go ahead\r\n250 evil\r\n235 welcome\r\n250 fine\r\n250 fine\r\n354 go on\r\n250 taken",
        "220-go\r\n220 ahead\r\n250 evil",
        "220 go ahead\r\n",
    ] {
        let sink = Sink::encrypted(Tls::StartTls, authority.server(HOST), &["AUTH PLAIN"]).await;
        sink.next(At::StartTls, Say::Answer(forged));
        let config = config(Some(Tls::StartTls), "mailuser:hunter2@", &sink, Some(&authority));
        let failed = not_yet(&house, &config).await;
        assert_eq!(
            failed, "STARTTLS with the mail server failed (received corrupt message of type InvalidContentType)",
            "{forged:?}"
        );
        let told = sink.commands();
        assert_eq!(told.len(), 2, "nothing follows STARTTLS: {told:?}");
        assert!(sink.taken().is_empty());
    }
}

#[tokio::test]
async fn an_encrypted_connection_that_is_slow_or_lost_is_given_up_and_made_again() {
    let (house, authority) = (House::on_sqlite().await, Authority::new("ours"));
    for (at, say, expected) in [
        (At::StartTls, Say::Nothing, "the mail server took too long"),
        (At::StartTls, Say::Close, "STARTTLS with the mail server failed"),
        (At::Message, Say::Close, "the connection to the mail server was lost"),
    ] {
        let sink = Sink::encrypted(Tls::StartTls, authority.server(HOST), &["8BITMIME"]).await;
        let mut config = config(Some(Tls::StartTls), "", &sink, Some(&authority));
        if matches!(say, Say::Nothing) {
            config.smtp.as_mut().unwrap().timeout = Duration::from_millis(500);
        }
        let (queue, worker) = house.node(&config);
        let id = house.queue(&queue, &house.email("alice@example.com")).await;
        sink.next(at, say);
        worker.deliver_due().await.unwrap();
        assert_eq!(reason(&house.row(&id).await), expected);
        house.clock.advance(Duration::from_secs(10));
        worker.deliver_due().await.unwrap();
        assert_eq!(queue.wait(&id, NEVER).await, Outcome::Delivered);
        assert_eq!((sink.connections(), sink.taken().len()), (2, 1));
    }
}

#[tokio::test]
async fn a_file_without_usable_certificates_stops_the_start() {
    let (house, authority, sink) = (House::on_sqlite().await, Authority::new("ours"), Sink::start().await);
    let folder = tempfile::tempdir().unwrap();
    let pem = std::fs::read_to_string(authority.file()).unwrap();
    for (name, content, expected) in [
        ("missing.pem", None, "No such file"),
        ("empty.pem", Some(String::new()), "it holds no certificate in PEM"),
        ("key.pem", Some(pem.replace("CERTIFICATE", "PRIVATE KEY")), "it holds no certificate in PEM"),
        ("torn.pem", Some(pem[..pem.len() / 2].to_owned()), "damaged certificate"),
        ("twisted.pem", Some(pem.replacen("MII", "AAA", 1)), ""),
    ] {
        let file = folder.path().join(name);
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let mut config = config(Some(Tls::Implicit), "", &sink, None);
        config.smtp = config.smtp.map(|smtp| smtp.with_ca_file(file).unwrap());
        let opened =
            open(&config, house.store.clone(), house.keyring.clone(), house.clock.clone(), house.random.clone());
        let error = opened.err().unwrap();
        assert!(matches!(error, OpenError::CaFile { .. } | OpenError::Tls { .. }), "{name}: {error:?}");
        let error = error.to_string();
        assert!(error.contains(expected) && error.lines().count() == 1, "{name}: {error}");
    }
}
