//! Messages that carry a code or a temporary password: their text (the pool's own template, or Cognito's), their row,
//! and the wait for their delivery.

use std::time::Duration;

use cenote_base::Secret;
use cenote_messages::templates::Link;
use cenote_messages::{
    Mailbox, Medium, MessageError, MessageId, MessageKind, Outcome, OutgoingMessage, Prepared, templates,
};
use cenote_store::records::users::AliasKind;
use tokio::time::Instant;

use super::Refusal;
use crate::Deps;
use crate::domain::pool::Pool;
use crate::domain::schema::AttributeError;

/// How long an operation that reports a failed delivery waits for it.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Seals a message for the operation's batch. `name`: what the user signs in with.
pub(crate) async fn prepare(
    deps: &Deps,
    pool: &Pool,
    kind: MessageKind,
    medium: Medium,
    address: &str,
    name: &str,
    code: &Secret,
) -> Result<Prepared, Refusal> {
    let message = compose(pool, kind, medium, address, name, code)?;
    seal(deps, &message).await
}

/// As much work as [`prepare`], and a row like it, for a message that nobody is sent; the row ends after `kept`.
pub(crate) async fn prepare_decoy(
    deps: &Deps,
    pool: &Pool,
    kind: MessageKind,
    medium: Medium,
    (address, name): (&str, &str),
    code: &Secret,
    kept: Duration,
) -> Result<Prepared, Refusal> {
    let message = compose(pool, kind, medium, address, name, code)?;
    Ok(deps.queue.prepare_decoy(&message, kept).await?)
}

/// As [`prepare`], for an e-mail that carries the code in a link.
pub(crate) async fn prepare_link(
    deps: &Deps,
    pool: &Pool,
    kind: MessageKind,
    address: &str,
    name: &str,
    link: &Link,
) -> Result<Prepared, Refusal> {
    let (subject, body) =
        (&pool.templates.verification_email_subject_by_link, &pool.templates.verification_email_by_link);
    let default = templates::DEFAULT_LINK;
    let message = OutgoingMessage {
        pool: pool.id.clone(),
        kind,
        medium: Medium::Email,
        destination: Secret::new(address),
        subject: subject.clone().or_else(|| default.subject.map(str::to_owned)),
        body: templates::render_link(body.as_deref().unwrap_or(default.body), link, name),
        from: mailbox(pool.email.from.as_deref())?,
        reply_to: mailbox(pool.email.reply_to.as_deref())?,
    };
    seal(deps, &message).await
}

async fn seal(deps: &Deps, message: &OutgoingMessage) -> Result<Prepared, Refusal> {
    deps.queue.prepare(message).await.map_err(|error| match (error, message.medium) {
        // The schema lets more pass for an address than a message can be sent to.
        (MessageError::InvalidDestination, Medium::Email) => AttributeError::Email.into(),
        (MessageError::InvalidDestination, Medium::Sms) => AttributeError::PhoneNumber.into(),
        (other, _) => other.into(),
    })
}

/// Starts the delivery after the commit and waits a bounded time for it: a delivery that failed is reported, one that
/// still runs is not.
pub(crate) async fn deliver(deps: &Deps, ids: &[MessageId]) -> Result<(), Refusal> {
    deps.queue.wake();
    let deadline = Instant::now() + LONGEST_WAIT;
    for id in ids {
        let left = deadline.saturating_duration_since(Instant::now());
        if let Outcome::Failed(reason) = deps.queue.wait(id, left).await {
            tracing::warn!(message = %id, reason, "a message was not delivered");
            return Err(Refusal::NotDelivered);
        }
    }
    Ok(())
}

/// What carries a message to the address in this attribute.
pub(crate) fn medium(address: AliasKind) -> Medium {
    match address {
        AliasKind::PhoneNumber => Medium::Sms,
        AliasKind::Email | AliasKind::PreferredUsername => Medium::Email,
    }
}

fn compose(
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
