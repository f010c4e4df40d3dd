//! The step NEW_PASSWORD_REQUIRED: the user sets a password of its own, and attributes that the pool requires.

use cenote_base::{ClientId, Secret};
use cenote_store::records::users::AliasKind;

use super::credentials::take_limits;
use super::new_user::storable;
use super::password::Prepared;
use super::session::{Session, Step};
use super::sign_in::{Authentication, Method, authenticated};
use super::write::update_user;
use super::{Entry, Refusal, find, password, supported};
use crate::Deps;
use crate::domain::client::Client;
use crate::domain::pool::Pool;
use crate::domain::schema::{AttributeError, Writer};
use crate::domain::user::{Attributes, User, UserStatus, verified_flag};

/// What a user answers to NEW_PASSWORD_REQUIRED.
pub(crate) struct Answer<'a> {
    /// The session, as the app carried it.
    pub session: &'a str,
    /// Who answers: the username or an alias of the session's user.
    pub name: &'a str,
    /// The new password.
    pub password: &'a Secret,
    /// Attributes to set.
    pub attributes: &'a Attributes,
}

/// The dear part of the answer, kept when read and decide are repeated.
#[derive(Default)]
pub(crate) struct Hashed(Option<Prepared>);

/// Checks the answer and prepares the sign-in that follows it. The batch of the result is unmet with `SessionUsed` on a
/// replay, with `AliasExists` when an address is somebody else's, and with `UserChanged` or `AliasChanged` when others
/// changed the user: then this is called again with the same `hashed`.
pub(crate) async fn answer(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    entry: Entry,
    answer: &Answer<'_>,
    hashed: &mut Hashed,
) -> Result<Authentication, Refusal> {
    supported::sign_in(pool)?;
    let (session, user) = session_user(deps, pool, &client.id, answer).await?;
    pool.password_policy.check(answer.password.expose())?;
    let attributes = accepted_attributes(pool, client, &user, answer.attributes)?;
    supported::second_factor(pool, &user)?;

    let prepared = match &hashed.0 {
        Some(prepared) => prepared.clone(),
        None => {
            take_limits(deps, client, entry)?;
            hashed.0.insert(password::prepare(deps, pool, &user, answer.password).await?).clone()
        }
    };
    let now = deps.now();
    let mut after = user.clone();
    after.attributes = attributes;
    after.status = UserStatus::Confirmed;
    password::set_permanent(&mut after, prepared, now);
    let batch = session.consume().extend(update_user(pool, &user, &after, now));
    Ok(authenticated(deps, after, vec![Method::Password], batch))
}

/// Opens the session and finds its user, who must be the one who answers, enabled, and still have the password that
/// began it.
async fn session_user(
    deps: &Deps,
    pool: &Pool,
    client: &ClientId,
    answer: &Answer<'_>,
) -> Result<(Session, User), Refusal> {
    let session = Session::open(deps, &pool.id, client, Step::NewPassword, answer.session).await?;
    let user = find::user(deps, pool, answer.name).await?.ok_or(Refusal::SessionInvalid)?;
    if user.stored().sub != session.sub {
        return Err(Refusal::SessionInvalid);
    }
    session.check_unused(deps).await?;
    if !user.stored().enabled {
        return Err(Refusal::Disabled);
    }
    if user.status != UserStatus::ForceChangePassword || user.stored().password_set_at != session.password_set_at {
        return Err(Refusal::SessionInvalid);
    }
    Ok((session, user))
}

/// The user's attributes with the given ones: all missing required ones, none of the required ones that have a value.
fn accepted_attributes(pool: &Pool, client: &Client, user: &User, given: &Attributes) -> Result<Attributes, Refusal> {
    let missing: Vec<String> = pool
        .schema
        .missing(&user.attributes)
        .into_iter()
        .filter(|name| given.get(*name).is_none_or(String::is_empty))
        .map(str::to_owned)
        .collect();
    if !missing.is_empty() {
        return Err(Refusal::MissingRequiredAttributes(missing));
    }
    let provided = given.iter().find(|(name, value)| {
        let required = pool.schema.get(name).is_some_and(|attribute| attribute.required);
        required && user.attributes.get(*name).is_some_and(|present| present != *value)
    });
    if let Some((name, _)) = provided {
        return Err(Refusal::AttributeAlreadyProvided(name.clone()));
    }
    storable(given)?;
    pool.schema.check_update(given, Writer::Client(client))?;
    let mut attributes = user.attributes.clone();
    for (name, value) in given {
        let before =
            if value.is_empty() { attributes.remove(name) } else { attributes.insert(name.clone(), value.clone()) };
        if let Ok(kind) = name.parse::<AliasKind>()
            && before.as_deref().unwrap_or_default() != value
        {
            address_changed(pool, kind, &mut attributes, before.is_some())?;
        }
    }
    Ok(attributes)
}

/// What goes with a new, changed or deleted address: it is not verified.
fn address_changed(pool: &Pool, kind: AliasKind, attributes: &mut Attributes, had_value: bool) -> Result<(), Refusal> {
    let deleted = !attributes.contains_key(kind.as_str());
    if deleted && pool.username_attributes.contains(&kind) {
        return Err(AttributeError::RequiredDeleted(kind.as_str().to_owned()).into());
    }
    if had_value {
        supported::changed_address(pool, kind)?;
    }
    let Some(flag) = verified_flag(kind) else { return Ok(()) };
    if deleted {
        attributes.remove(flag);
    } else {
        attributes.insert(flag.to_owned(), "false".to_owned());
    }
    Ok(())
}
