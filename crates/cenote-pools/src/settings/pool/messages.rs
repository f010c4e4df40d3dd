//! The texts of a pool's messages: older and newer names of the same text, and what must stand in them.

use cenote_wire::ApiError;
use cenote_wire::idp::{DefaultEmailOptionType, UserPoolType, VerificationMessageTemplateType};

/// The verification texts under both names.
pub(super) struct VerificationTexts {
    /// `VerificationMessageTemplate`.
    pub(super) template: Option<VerificationMessageTemplateType>,
    /// `SmsVerificationMessage`.
    pub(super) sms_message: Option<String>,
    /// `EmailVerificationMessage`.
    pub(super) email_message: Option<String>,
    /// `EmailVerificationSubject`.
    pub(super) email_subject: Option<String>,
}

/// Shows each verification text under both of its names.
pub(super) fn mirror(texts: VerificationTexts) -> Result<VerificationTexts, ApiError> {
    let mut template = texts.template.unwrap_or_default();
    let sms_message = same("SmsVerificationMessage", texts.sms_message, template.sms_message.take())?;
    let email_message = same("EmailVerificationMessage", texts.email_message, template.email_message.take())?;
    let email_subject = same("EmailVerificationSubject", texts.email_subject, template.email_subject.take())?;
    template.sms_message.clone_from(&sms_message);
    template.email_message.clone_from(&email_message);
    template.email_subject.clone_from(&email_subject);
    template.default_email_option.get_or_insert(DefaultEmailOptionType::ConfirmWithCode);
    Ok(VerificationTexts { template: Some(template), sms_message, email_message, email_subject })
}

fn same(name: &str, older: Option<String>, newer: Option<String>) -> Result<Option<String>, ApiError> {
    match (older, newer) {
        (Some(older), Some(newer)) if older != newer => Err(ApiError::invalid_parameter(format!(
            "{name} and VerificationMessageTemplate cannot have different values for the same message."
        ))),
        (older, newer) => Ok(older.or(newer)),
    }
}

/// An invitation must say who is invited and carry the temporary password.
pub(super) fn check(pool: &UserPoolType) -> Result<(), ApiError> {
    let invitation = pool.admin_create_user_config.as_ref().and_then(|config| config.invite_message_template.as_ref());
    let Some(invitation) = invitation else { return Ok(()) };
    for (name, text) in [("SMSMessage", &invitation.sms_message), ("EmailMessage", &invitation.email_message)] {
        let incomplete = |text: &String| !text.contains("{username}") || !text.contains("{####}");
        if text.as_ref().is_some_and(incomplete) {
            return Err(ApiError::invalid_parameter(format!(
                "{name} of InviteMessageTemplate must contain {{username}} and {{####}}."
            )));
        }
    }
    Ok(())
}
