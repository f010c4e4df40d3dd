//! What a message is: its kind, its medium, its addresses, and the rules that keep foreign text out of headers.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use cenote_base::{Fault, PoolId, Secret};
use cenote_store::StoreError;
use cenote_tokens::KeyringError;

/// How long a message is worth delivering when nothing shorter is known.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Medium {
    /// An e-mail with an HTML body.
    Email,
    /// A text message.
    Sms,
}

impl Medium {
    /// As the API and the store write it: `EMAIL`, `SMS`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Sms => "SMS",
        }
    }
}

impl fmt::Display for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a message is about; the names are those of the CustomMessage trigger's sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// The first code after SignUp.
    SignUp,
    /// The invitation with a temporary password.
    AdminCreateUser,
    /// A new code for an unconfirmed user.
    ResendCode,
    /// The code that sets a new password.
    ForgotPassword,
    /// The code for an attribute that was changed.
    UpdateUserAttribute,
    /// The code for an attribute that the user asked to verify.
    VerifyUserAttribute,
    /// A one-time code of a sign-in: MFA or first factor.
    Authentication,
}

impl MessageKind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::SignUp,
        Self::AdminCreateUser,
        Self::ResendCode,
        Self::ForgotPassword,
        Self::UpdateUserAttribute,
        Self::VerifyUserAttribute,
        Self::Authentication,
    ];

    /// As the store and the logs write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "SignUp",
            Self::AdminCreateUser => "AdminCreateUser",
            Self::ResendCode => "ResendCode",
            Self::ForgotPassword => "ForgotPassword",
            Self::UpdateUserAttribute => "UpdateUserAttribute",
            Self::VerifyUserAttribute => "VerifyUserAttribute",
            Self::Authentication => "Authentication",
        }
    }

    /// How long a message of this kind is worth delivering: no longer than the code in it can live. A sign-in's session
    /// lasts at most 15 minutes, a code for a new password one hour, the others a day.
    pub const fn worth_delivering(self) -> Duration {
        match self {
            Self::Authentication => Duration::from_secs(15 * 60),
            Self::ForgotPassword => Duration::from_secs(60 * 60),
            _ => DAY,
        }
    }

    /// The kind of a stored name; none for a name that a newer program wrote.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message's id: a UUID of version 7, so that ids sort by time. It is no secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(String);

impl MessageId {
    pub(crate) fn new(id: uuid::Uuid) -> Self {
        Self(id.to_string())
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MessageId {
    type Err = MessageError;

    fn from_str(text: &str) -> Result<Self, MessageError> {
        match uuid::Uuid::try_parse(text) {
            // Only the one spelling: the id becomes a file's name.
            Ok(id) if id.to_string() == text => Ok(Self(text.to_owned())),
            _ => Err(MessageError::InvalidId),
        }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An e-mail address with or without a name, `Example <no-reply@example.com>`: a sender.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox(pub(crate) lettre::message::Mailbox);

impl Mailbox {
    /// The address alone.
    pub fn address(&self) -> &str {
        self.0.email.as_ref()
    }
}

impl FromStr for Mailbox {
    type Err = MessageError;

    fn from_str(text: &str) -> Result<Self, MessageError> {
        check_header_text(text).map_err(|()| MessageError::InvalidSender)?;
        text.parse().map(Self).map_err(|_| MessageError::InvalidSender)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailbox({})", self.0)
    }
}

/// A message as an operation makes it, rendered and ready to be sealed.
#[derive(Clone, Debug)]
pub struct OutgoingMessage {
    /// The pool that it is sent for; its data key seals the message.
    pub pool: PoolId,
    /// What it is about.
    pub kind: MessageKind,
    /// How it travels.
    pub medium: Medium,
    /// An e-mail address, or a phone number in E.164 form.
    pub destination: Secret,
    /// An e-mail's subject; none for SMS.
    pub subject: Option<String>,
    /// HTML for e-mail, text for SMS.
    pub body: Secret,
    /// The pool's own sender (`EmailConfiguration.From`); none: the server's.
    pub from: Option<Mailbox>,
    /// The pool's `EmailConfiguration.ReplyToEmailAddress`.
    pub reply_to: Option<Mailbox>,
}

impl OutgoingMessage {
    /// An e-mail from the server's own sender.
    pub fn email(pool: PoolId, kind: MessageKind, to: Secret, subject: impl Into<String>, html: Secret) -> Self {
        let subject = Some(subject.into());
        Self { pool, kind, medium: Medium::Email, destination: to, subject, body: html, from: None, reply_to: None }
    }

    /// A text message.
    pub fn sms(pool: PoolId, kind: MessageKind, to: Secret, text: Secret) -> Self {
        let (subject, from, reply_to) = (None, None, None);
        Self { pool, kind, medium: Medium::Sms, destination: to, subject, body: text, from, reply_to }
    }

    /// Whether the message can be sent at all: nothing in it may end a header and begin another.
    ///
    /// # Errors
    /// [`MessageError::InvalidSubject`] or [`MessageError::InvalidDestination`].
    pub fn check(&self) -> Result<(), MessageError> {
        check_subject(self.subject.as_deref().unwrap_or_default())?;
        let destination = self.destination.expose();
        check_header_text(destination).map_err(|()| MessageError::InvalidDestination)?;
        match self.medium {
            Medium::Email => match destination.parse::<lettre::Address>() {
                Ok(_) => Ok(()),
                Err(_) => Err(MessageError::InvalidDestination),
            },
            Medium::Sms if is_phone_number(destination) => Ok(()),
            Medium::Sms => Err(MessageError::InvalidDestination),
        }
    }
}

/// Whether `subject` may become a subject: CR, LF and other control characters are refused. For templates when they
/// are set; [`crate::Queue::prepare`] checks each message again.
///
/// # Errors
/// [`MessageError::InvalidSubject`].
pub fn check_subject(subject: &str) -> Result<(), MessageError> {
    check_header_text(subject).map_err(|()| MessageError::InvalidSubject)
}

/// Unicode's line and paragraph separators count as well: some readers break lines at them.
fn check_header_text(text: &str) -> Result<(), ()> {
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) { Err(()) } else { Ok(()) }
}

fn is_phone_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Why a message could not be queued or read.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The destination is no e-mail address, or no phone number in E.164 form.
    #[error("the destination is not an address that a message can be sent to")]
    InvalidDestination,
    /// The subject has a line break or another control character.
    #[error("the subject has a line break or another control character")]
    InvalidSubject,
    /// The sender is no e-mail address.
    #[error("the sender is not an e-mail address, with or without a name before it in the form: Name <address>")]
    InvalidSender,
    /// Not the id of a message.
    #[error("not the id of a message")]
    InvalidId,
    /// A sealed message that opens but holds something else than a message.
    #[error("message {0} holds no readable content")]
    Unreadable(String),
    /// Sealing or opening failed.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Reading from the database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Writing to the database failed.
    #[error("writing messages: {0}")]
    Write(#[from] cenote_store::BatchError),
}

impl MessageError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::InvalidDestination | Self::InvalidSubject | Self::InvalidSender | Self::InvalidId => Fault::Caller,
            Self::Unreadable(_) => Fault::Cenote,
            Self::Keyring(_) | Self::Store(_) | Self::Write(_) => Fault::Dependency,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn email(to: &str, subject: &str) -> OutgoingMessage {
        let pool = "us-east-1_AbCdEfGhI".parse().unwrap();
        OutgoingMessage::email(pool, MessageKind::SignUp, Secret::new(to), subject, Secret::new("Your code is 123456"))
    }

    #[test]
    fn addresses() {
        for good in
            ["alice@example.com", "a.b+c@sub.example.com", "alice@localhost", "alice@übung.example", "a@[127.0.0.1]"]
        {
            assert!(email(good, "x").check().is_ok(), "{good}");
        }
        for bad in
            ["", "alice", "@example.com", "a@", "a b@example.com", "a@b@example.com", "a@exa mple.com", "<a@b.c>"]
        {
            assert!(matches!(email(bad, "x").check(), Err(MessageError::InvalidDestination)), "{bad}");
        }
    }

    #[test]
    fn phone_numbers() {
        let pool: PoolId = "us-east-1_AbCdEfGhI".parse().unwrap();
        let sms = |to: &str| OutgoingMessage::sms(pool.clone(), MessageKind::SignUp, to.into(), "x".into()).check();
        assert!(sms("+12065559934").is_ok());
        for bad in ["", "+", "12065559934", "+1 206", "+1206\n", "+١٢"] {
            assert!(matches!(sms(bad), Err(MessageError::InvalidDestination)), "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", email("alice@example.com", "Hello"));
        assert!(!shown.contains("alice") && !shown.contains("123456"), "{shown}");
    }

    #[test]
    fn senders() {
        for good in ["no-reply@localhost", "Example <no-reply@example.com>", "\"A, B\" <a@example.com>"] {
            assert!(good.parse::<Mailbox>().is_ok(), "{good}");
        }
        for bad in ["", "no-reply", "A <a@example.com>\r\nBcc: b@example.com", "a@example.com, b@example.com"] {
            assert!(matches!(bad.parse::<Mailbox>(), Err(MessageError::InvalidSender)), "{bad}");
        }
    }

    #[test]
    fn ids_have_one_spelling() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(id.parse::<MessageId>().unwrap().as_str(), id);
        for bad in ["", "../x", "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5dac96774bbcceb302099a8057"] {
            assert!(bad.parse::<MessageId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn kinds_have_names_of_their_own() {
        for kind in MessageKind::ALL {
            assert_eq!(MessageKind::from_name(kind.as_str()), Some(*kind));
        }
        assert_eq!(MessageKind::from_name("Newsletter"), None);
    }

    proptest! {
        #[test]
        fn line_breaks_are_refused(
            before in "[a-z]{0,10}",
            breaker in "[\r\n\u{0}\u{b}\u{c}\u{85}\u{2028}\u{2029}]",
            after: String,
        ) {
            let text = format!("{before}{breaker}{after}");
            let (to, from) = (format!("{text}@example.com"), format!("{text} <a@example.com>"));
            prop_assert!(matches!(email("a@example.com", &text).check(), Err(MessageError::InvalidSubject)));
            prop_assert!(matches!(email(&to, "x").check(), Err(MessageError::InvalidDestination)));
            prop_assert!(from.parse::<Mailbox>().is_err());
        }
    }
}
