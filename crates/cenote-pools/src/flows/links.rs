//! Confirmation of a sign-up by a link (`DefaultEmailOption` CONFIRM_WITH_LINK): the link that an e-mail carries instead
//! of the code, and what following it does. The link holds the code of ConfirmSignUp, which takes it as well.

use cenote_base::Secret;
use cenote_messages::templates::Link;
use cenote_secrets::ct_eq;
use cenote_store::Batch;
use cenote_store::records::codes::{self as records, CodeRecord};
use cenote_store::records::users::AliasKind;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::codes::{Bound, CodePurpose};
use super::hourly::limited;
use super::sign_up::{self, CONFIRMATIONS};
use super::{Entry, Refusal, find};
use crate::Deps;
use crate::domain::client::Client;
use crate::domain::pool::{EmailOption, Pool};
use crate::domain::user::{User, UserStatus};

/// The purpose under which a used code is remembered.
const USED: &str = "sign_up_used";

/// What following a link did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Followed {
    /// It confirmed the user.
    Confirmed,
    /// The user was confirmed before.
    Before,
}

/// Whether the pool's e-mails for sign-ups carry links. Those for other purposes, and SMS, carry codes as ever.
pub(crate) fn wanted(pool: &Pool) -> bool {
    pool.templates.email_option == EmailOption::ConfirmWithLink
}

/// The link that confirms this user (reference 03 §2), under the public URL and never under a request's host.
pub(crate) fn confirmation(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    username: &str,
    code: &Secret,
) -> Result<Link, Refusal> {
    let (username, code) = (in_query(username), Secret::new(in_query(code.expose())));
    let parts = [
        deps.settings.public_url.as_str(),
        "/",
        pool.id.as_str(),
        "/confirmUser?client_id=",
        client.id.as_str(),
        "&user_name=",
        &username,
        "&confirmation_code=",
        code.expose(),
    ];
    Link::new(parts.concat()).map_err(|error| Refusal::Internal(format!("the public URL makes no link: {error}")))
}

/// What stands in a query as it is: RFC 3986's unreserved characters.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A value as it stands in a query.
fn in_query(value: &str) -> String {
    utf8_percent_encode(value, IN_QUERY).to_string()
}

/// Confirms the user of a link as ConfirmSignUp does. Who follows a link again, or after a mail scanner did, is told
/// that it is done; where it is hidden who exists, only if this very code did it.
pub(crate) async fn follow(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    entry: Entry,
    name: &str,
    code: &str,
) -> Result<Followed, Refusal> {
    match sign_up::confirm(deps, pool, client, entry, name, code, false).await {
        Ok(()) => Ok(Followed::Confirmed),
        Err(Refusal::NotConfirmable(UserStatus::Confirmed | UserStatus::ResetRequired))
            if !client.prevent_user_existence_errors =>
        {
            Ok(Followed::Before)
        }
        Err(Refusal::NotConfirmable(_)) => {
            let user = find::user(deps, pool, name).await?.ok_or(Refusal::CodeExpired)?;
            limited(deps, CONFIRMATIONS.claim(deps, pool, user.stored().sub.as_str())).await?;
            followed_before(deps, pool, &user, code).await
        }
        // Perhaps somebody followed it between the look at the user and the look at the code.
        Err(Refusal::CodeExpired) => {
            let user = find::user(deps, pool, name).await?.ok_or(Refusal::CodeExpired)?;
            followed_before(deps, pool, &user, code).await
        }
        Err(other) => Err(other),
    }
}

async fn followed_before(deps: &Deps, pool: &Pool, user: &User, code: &str) -> Result<Followed, Refusal> {
    if was_used(deps, pool, user, code).await? { Ok(Followed::Before) } else { Err(Refusal::CodeExpired) }
}

/// What remembers the code that confirms this user now, for as long as a code lives; nothing where no links are sent.
pub(super) async fn remember(
    deps: &Deps,
    pool: &Pool,
    user: &User,
    to: AliasKind,
    code: &str,
) -> Result<Batch, Refusal> {
    if !wanted(pool) {
        return Ok(Batch::new());
    }
    let now = deps.now();
    let used = CodeRecord {
        digest: bound(user, to.as_str()).digest(deps, pool, &Secret::new(code)).await?.to_vec(),
        replaced: Vec::new(),
        attribute: to.as_str().to_owned(),
        pending: None,
        created_at: now,
        expires_at: now + CodePurpose::SignUp.lifetime(),
    };
    Ok(records::replace(&pool.id, &user.stored().sub, USED, &used))
}

/// What a sign-up's code is bound to that went to this attribute.
fn bound<'a>(user: &'a User, attribute: &'a str) -> Bound<'a> {
    let address = user.attributes.get(attribute).map_or("", String::as_str);
    Bound { user, purpose: CodePurpose::SignUp, attribute, address }
}

async fn was_used(deps: &Deps, pool: &Pool, user: &User, code: &str) -> Result<bool, Refusal> {
    let used = records::find(&deps.store, &pool.id, &user.stored().sub, USED).await?;
    let Some(used) = used.filter(|used| used.expires_at > deps.now()) else { return Ok(false) };
    let given = bound(user, &used.attribute).digest(deps, pool, &Secret::new(code)).await?;
    Ok(ct_eq(&given, &used.digest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_query_would_misread_is_encoded() {
        assert_eq!(in_query("alice.smith_1~x-y"), "alice.smith_1~x-y");
        assert_eq!(in_query("a+b&c=d#e f%"), "a%2Bb%26c%3Dd%23e%20f%25");
        assert_eq!(in_query("Zoë👋"), "Zo%C3%AB%F0%9F%91%8B");
    }

    proptest! {
        #[test]
        fn every_name_makes_a_link(name: String) {
            let encoded = in_query(&name);
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
            let link = Link::new(format!("https://id.example.com/p/confirmUser?user_name={encoded}"));
            prop_assert!(link.is_ok());
        }
    }
}
