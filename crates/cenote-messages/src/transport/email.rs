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
}
