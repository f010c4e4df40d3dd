//! Who is meant by a name: a username, or an address or preferred name where the pool lets them stand for one.

use cenote_store::records::users::{self, AliasKind, NameKeys};

use super::Refusal;
use super::refusal::UsernameForm;
use crate::Deps;
use crate::domain::pool::Pool;
use crate::domain::user::User;

/// The user that `name` means in this pool: the username, or an alias that the user may sign in with. As much work for a
/// name that nobody has.
pub(crate) async fn user(deps: &Deps, pool: &Pool, name: &str) -> Result<Option<User>, Refusal> {
    // No name has U+0000 in it, and no database can be asked for one.
    if name.contains('\0') {
        return Ok(None);
    }
    let username = pool.username_key(name);
    let alias = |kind: AliasKind| (pool.signs_in_with(kind) && may_be(kind, name)).then(|| pool.alias_key(kind, name));
    let [email, phone, preferred] = [AliasKind::Email, AliasKind::PhoneNumber, AliasKind::PreferredUsername].map(alias);
    let record = if [&email, &phone, &preferred].iter().all(|key| key.is_none()) {
        users::find_by_username(&deps.store, &pool.id, &username).await?
    } else {
        let keys = NameKeys {
            username: &username,
            email: email.as_deref(),
            phone_number: phone.as_deref(),
            preferred_username: preferred.as_deref(),
        };
        users::find_by_name(&deps.store, &pool.id, &keys).await?
    };
    Ok(record.map(User::from_record).transpose()?)
}

/// The same user as it is now, after others changed it.
pub(crate) async fn again(deps: &Deps, pool: &Pool, user: &User) -> Result<User, Refusal> {
    let record = users::find_by_sub(&deps.store, &pool.id, &user.stored().sub).await?;
    Ok(User::from_record(record.ok_or(Refusal::UserNotFound)?)?)
}

/// Whether a text has the form of this kind of alias, so that looking for it makes sense.
fn may_be(kind: AliasKind, text: &str) -> bool {
    match kind {
        AliasKind::Email => is_email(text),
        AliasKind::PhoneNumber => is_phone(text),
        AliasKind::PreferredUsername => true,
    }
}

/// Roughly an e-mail address: something, `@`, something. The schema checks the whole form.
pub(crate) fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

/// `+` and digits.
pub(crate) fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// What a new user is called, and which attribute the given name fills.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NewName {
    /// The given text is the username.
    Username(String),
    /// The username is made by Cenote; the given text is this attribute's value.
    Attribute(AliasKind, String),
}

/// Reads the name of a new user as the pool's kind of username asks (reference 02 §7).
pub(crate) fn new_name(pool: &Pool, given: &str) -> Result<NewName, Refusal> {
    if !pool.username_attributes.is_empty() {
        let email = pool.username_attributes.contains(&AliasKind::Email);
        let phone = pool.username_attributes.contains(&AliasKind::PhoneNumber);
        if email && is_email(given) {
            return Ok(NewName::Attribute(AliasKind::Email, given.to_owned()));
        }
        if phone && is_phone(given) {
            return Ok(NewName::Attribute(AliasKind::PhoneNumber, given.to_owned()));
        }
        return Err(Refusal::UsernameForm(match (email, phone) {
            (true, true) => UsernameForm::EmailOrPhone,
            (false, true) => UsernameForm::Phone,
            _ => UsernameForm::Email,
        }));
    }
    refuse_alias_form(pool, given)?;
    Ok(NewName::Username(if pool.case_sensitive { given.to_owned() } else { pool.username_key(given) }))
}

/// Refuses a name that looks like an address by which others may sign in.
pub(crate) fn refuse_alias_form(pool: &Pool, name: &str) -> Result<(), Refusal> {
    if pool.alias_attributes.contains(&AliasKind::Email) && is_email(name) {
        return Err(Refusal::UsernameForm(UsernameForm::NotEmail));
    }
    if pool.alias_attributes.contains(&AliasKind::PhoneNumber) && is_phone(name) {
        return Err(Refusal::UsernameForm(UsernameForm::NotPhone));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_addresses() {
        assert!(is_email("a@b") && is_email("a@b@c"));
        assert!(!is_email("@b") && !is_email("a@") && !is_email("alice"));
        assert!(is_phone("+1206"));
        assert!(!is_phone("+") && !is_phone("1206") && !is_phone("+12o6"));
    }
}
