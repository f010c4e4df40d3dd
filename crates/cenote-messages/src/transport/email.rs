//! From a message to the bytes of an e-mail (RFC 5322 and MIME).

use std::time::{Duration, UNIX_EPOCH};

use cenote_base::SecretBytes;
use lettre::message::SinglePart;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::{Address, Message};

use super::Failure;
use crate::content::Delivery;
use crate::message::{Mailbox, check_subject};

/// The last second that a date header can hold: the year has four digits.
const LATEST: u64 = 253_402_300_799;

/// An e-mail ready to be handed over. The bytes hold the code.
pub(crate) struct Email {
    pub from: Address,
    pub to: Address,
    pub bytes: SecretBytes,
}

/// Writes e-mails from the server's sender unless the pool has its own.
pub(crate) struct Composer {
    from: Mailbox,
}

impl Composer {
    pub(crate) fn new(from: Mailbox) -> Self {
        Self { from }
    }

    /// The same message gives the same bytes at each try, the Message-ID included: a receiver can drop a repetition.
    pub(crate) fn compose(&self, delivery: &Delivery) -> Result<Email, Failure> {
        let from = delivery.content.from.as_ref().unwrap_or(&self.from);
        let to: Address =
            delivery.destination.expose().parse().map_err(|_| Failure::permanent("not an e-mail address"))?;
        let subject = delivery.content.subject.clone().unwrap_or_default();
        check_subject(&subject).map_err(|error| Failure::permanent(error.to_string()))?;
        let seconds = u64::try_from(delivery.created_at.secs()).unwrap_or(0).min(LATEST);
        let mut builder = Message::builder()
            .from(from.0.clone())
            .to(to.clone().into())
            .subject(subject)
            .date(UNIX_EPOCH + Duration::from_secs(seconds))
            .message_id(Some(format!("<{}@{}>", delivery.id, from.0.email.domain())))
            // RFC 3834: no out-of-office answers to a message that nobody wrote.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        if let Some(reply_to) = &delivery.content.reply_to {
            builder = builder.reply_to(reply_to.0.clone());
        }
        let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(delivery.content.body.expose().to_owned());
        let message = builder.singlepart(html).map_err(|_| Failure::permanent("the e-mail cannot be composed"))?;
        Ok(Email { from: from.0.email.clone(), to, bytes: SecretBytes::new(message.formatted()) })
    }
}

#[cfg(test)]
mod tests {
    use cenote_base::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::Medium;
    use crate::content::Content;

    fn delivery(to: &str, subject: &str, body: &str) -> Delivery {
        Delivery {
            id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
            pool: "us-east-1_AbCdEfGhI".parse().unwrap(),
            kind: "SignUp".into(),
            medium: Medium::Email,
            destination: to.into(),
            content: Content { subject: Some(subject.into()), body: body.into(), from: None, reply_to: None },
            created_at: Timestamp::from_millis(1_763_629_200_123),
        }
    }

    fn composed(delivery: &Delivery) -> String {
        let composer = Composer::new("Cenote <no-reply@id.example.com>".parse().unwrap());
        String::from_utf8(composer.compose(delivery).unwrap().bytes.expose().to_vec()).unwrap()
    }

    #[test]
    fn headers_and_body() {
        let text =
            composed(&delivery("alice@example.com", "Your verification code", "Your confirmation code is 123456"));
        assert_eq!(
            text.replace("\r\n", "\n"),
            "From: Cenote <no-reply@id.example.com>\n\
             To: alice@example.com\n\
             Subject: Your verification code\n\
             Date: Thu, 20 Nov 2025 09:00:00 +0000\n\
             Message-ID: <01890a5d-ac96-774b-bcce-b302099a8057@id.example.com>\n\
             Auto-Submitted: auto-generated\n\
             MIME-Version: 1.0\n\
             Content-Type: text/html; charset=utf-8\n\
             Content-Transfer-Encoding: 7bit\n\
             \n\
             Your confirmation code is 123456\n"
        );
    }

    #[test]
    fn senders_of_a_pool_replace_the_servers() {
        let mut own = delivery("alice@example.com", "x", "y");
        own.content.from = Some("Shop <shop@example.org>".parse().unwrap());
        own.content.reply_to = Some("help@example.org".parse().unwrap());
        let text = composed(&own);
        assert!(text.contains("From: Shop <shop@example.org>\r\n"), "{text}");
        assert!(text.contains("Reply-To: help@example.org\r\n"), "{text}");
        assert!(text.contains("057@example.org>\r\n"), "{text}");
    }

    #[test]
    fn every_line_is_ascii_and_short() {
        let text = composed(&delivery("alice@example.com", &"Grüße 👋 ".repeat(17), &"héllo wörld ".repeat(300)));
        assert!(text.is_ascii());
        assert!(text.split("\r\n").all(|line| line.len() <= 78), "{text}");
    }

    #[test]
    fn a_time_out_of_range_still_gives_a_date() {
        for (millis, date) in
            [(i64::MAX, "Fri, 31 Dec 9999 23:59:59 +0000"), (i64::MIN, "Thu, 01 Jan 1970 00:00:00 +0000")]
        {
            let mut odd = delivery("alice@example.com", "x", "y");
            odd.created_at = Timestamp::from_millis(millis);
            assert!(composed(&odd).contains(date));
        }
    }

    #[test]
    fn what_would_break_a_header_is_refused_here_too() {
        let composer = Composer::new("no-reply@localhost".parse().unwrap());
        for (to, subject) in [("alice@example.com", "x\r\nBcc: eve@example.com"), ("alice@example.com\r\nRSET", "x")] {
            let failure = composer.compose(&delivery(to, subject, "y")).err().unwrap();
            assert!(failure.permanent);
            assert!(!failure.reason.contains("alice"));
        }
    }

    /// The names of the headers, in order, each line's folding undone; and the lines before the body.
    fn header_names(text: &str) -> (Vec<String>, Vec<String>) {
        let head = text.split_once("\r\n\r\n").unwrap().0;
        let lines: Vec<_> = head.split("\r\n").map(str::to_owned).collect();
        let begins = lines.iter().filter(|line| !line.starts_with([' ', '\t']));
        (begins.map(|line| line.split_once(':').unwrap().0.to_owned()).collect(), lines)
    }

    proptest! {
        #[test]
        fn no_text_adds_a_header_and_no_line_is_too_long(
            subject in prop_oneof![".{0,140}", "[\r\n:A-Za-z ]{0,140}", "\\PC{0,140}"],
            sender in prop_oneof!["\\PC{0,60}", "[\r\n:<>@A-Za-z ]{0,60}"],
            body: String,
            local in "\\PC{1,30}",
        ) {
            let mut message = delivery(&format!("{local}@example.com"), &subject, &body);
            message.content.from = format!("{sender} <shop@example.org>").parse().ok();
            let has_sender = message.content.from.is_some();
            let composer = Composer::new("Cenote <no-reply@id.example.com>".parse().unwrap());
            let Ok(composed) = composer.compose(&message) else { return Ok(()) };
            prop_assert!(!subject.contains(['\r', '\n']));
            prop_assert!(!has_sender || !sender.contains(['\r', '\n']));
            let text = String::from_utf8(composed.bytes.expose().to_vec()).unwrap();
            let (names, lines) = header_names(&text);
            let expected = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version",
                "Content-Type", "Content-Transfer-Encoding"];
            let mut found = names.clone();
            found.sort();
            let mut all = expected.map(str::to_owned).to_vec();
            all.sort();
            prop_assert_eq!(found, all, "{}", text);
            // RFC 5322 §2.1.1.
            for line in text.split("\r\n") {
                prop_assert!(line.len() <= 998, "{}", line);
                prop_assert!(!line.contains(['\r', '\n']), "{:?}", line);
            }
            for line in lines.iter().filter(|line| !line.starts_with("To:")) {
                prop_assert!(line.is_ascii(), "{}", line);
            }
        }
    }
}
