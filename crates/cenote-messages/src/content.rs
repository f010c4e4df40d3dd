//! A message's content between sealing and delivery.

use cenote_base::{PoolId, Secret, SecretBytes, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Medium;
use crate::message::{Mailbox, MessageError, MessageId, OutgoingMessage};

/// Subject, body and senders: what is sealed in one piece. The destination is sealed apart, so that it can be shown
/// when the content is gone.
pub(crate) struct Content {
    pub subject: Option<String>,
    pub body: Secret,
    pub from: Option<Mailbox>,
    pub reply_to: Option<Mailbox>,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
}

/// Unknown members are left alone: a newer program may have written them.
#[derive(Deserialize)]
struct Read {
    subject: Option<String>,
    body: Secret,
    from: Option<String>,
    reply_to: Option<String>,
}

impl Content {
    /// The bytes to be sealed.
    pub(crate) fn encode(message: &OutgoingMessage) -> SecretBytes {
        let written = Written {
            subject: message.subject.as_deref(),
            body: message.body.expose(),
            from: message.from.as_ref().map(Mailbox::to_string),
            reply_to: message.reply_to.as_ref().map(Mailbox::to_string),
        };
        // A struct of texts always becomes JSON; were it otherwise, empty bytes are found unreadable at delivery.
        SecretBytes::new(serde_json::to_vec(&written).unwrap_or_default())
    }

    /// Reads what [`Content::encode`] wrote.
    pub(crate) fn decode(id: &str, bytes: &SecretBytes) -> Result<Self, MessageError> {
        let unreadable = || MessageError::Unreadable(id.to_owned());
        let read: Read = serde_json::from_slice(bytes.expose()).map_err(|_| unreadable())?;
        let mailbox =
            |text: Option<String>| text.map(|text| text.parse()).transpose().map_err(|_: MessageError| unreadable());
        Ok(Self {
            subject: read.subject,
            body: read.body,
            from: mailbox(read.from)?,
            reply_to: mailbox(read.reply_to)?,
        })
    }
}

/// A message that is being delivered.
pub(crate) struct Delivery {
    pub id: MessageId,
    pub pool: PoolId,
    pub kind: String,
    pub medium: Medium,
    pub destination: Secret,
    pub content: Content,
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MessageKind;

    #[test]
    fn content_survives_encoding() {
        let mut message = OutgoingMessage::email(
            "us-east-1_AbCdEfGhI".parse().unwrap(),
            MessageKind::SignUp,
            "alice@example.com".into(),
            "Grüße",
            "Your code is <b>123456</b>".into(),
        );
        message.from = Some("\"Shop, Inc.\" <shop@example.com>".parse().unwrap());
        let content = Content::decode("id", &Content::encode(&message)).unwrap();
        assert_eq!(content.subject.as_deref(), Some("Grüße"));
        assert_eq!(content.body.expose(), "Your code is <b>123456</b>");
        assert_eq!(content.from, message.from);
        assert_eq!(content.reply_to, None);
    }

    #[test]
    fn foreign_content_is_unreadable_and_not_repeated() {
        for bytes in [&b""[..], b"{}", b"{\"body\":\"123456\",\"from\":\"123456\"}"] {
            let error = Content::decode("id", &SecretBytes::new(bytes.to_vec())).err().unwrap();
            assert_eq!(error.to_string(), "message id holds no readable content");
        }
    }
}
