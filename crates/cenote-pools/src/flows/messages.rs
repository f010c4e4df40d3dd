//! The text of a message: the pool's own template, or Cognito's.

use cenote_base::Secret;
use cenote_messages::{Mailbox, Medium, MessageKind, OutgoingMessage, templates};

use super::Refusal;

use crate::domain::pool::Pool;

/// A message that carries a code or a temporary password. `name`: what the user signs in with.
pub(crate) fn compose(
    pool: &Pool,
    kind: MessageKind,
    medium: Medium,
    address: &str,
    name: &str,
    code: &Secret,
) -> Result<OutgoingMessage, Refusal> {
    let (subject, body) = template(pool, kind, medium);
    let default = templates::default(kind, medium);
    Ok(OutgoingMessage {
        pool: pool.id.clone(),
        kind,
        medium,
        destination: Secret::new(address),
        subject: match medium {
            Medium::Email => subject.map(str::to_owned).or_else(|| default.subject.map(str::to_owned)),
            Medium::Sms => None,
        },
        body: templates::render(medium, body.unwrap_or(default.body), code, name),
        from: mailbox(pool.email.from.as_deref())?,
        reply_to: mailbox(pool.email.reply_to.as_deref())?,
    })
}

/// Addresses were checked when they were stored: one that cannot be read now is a fault.
fn mailbox(setting: Option<&str>) -> Result<Option<Mailbox>, Refusal> {
    setting
        .map(|text| text.parse().map_err(|_| Refusal::Internal("a stored e-mail address cannot be read".to_owned())))
        .transpose()
}

/// The pool's own subject and body for this kind of message.
fn template(pool: &Pool, kind: MessageKind, medium: Medium) -> (Option<&str>, Option<&str>) {
    let texts = &pool.templates;
    match (kind, medium) {
        (MessageKind::AdminCreateUser, Medium::Email) => {
            (texts.invitation_email_subject.as_deref(), texts.invitation_email.as_deref())
        }
        (MessageKind::AdminCreateUser, Medium::Sms) => (None, texts.invitation_sms.as_deref()),
        (MessageKind::Authentication, Medium::Sms) => (None, texts.authentication_sms.as_deref()),
        (MessageKind::Authentication, Medium::Email) => (None, None),
        (_, Medium::Email) => (texts.verification_email_subject.as_deref(), texts.verification_email.as_deref()),
        (_, Medium::Sms) => (None, texts.verification_sms.as_deref()),
    }
}
