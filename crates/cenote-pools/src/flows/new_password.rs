//! The step NEW_PASSWORD_REQUIRED: the user sets a password of its own, and attributes that the pool requires.

use cenote_base::{ClientId, Secret};

use super::credentials::take_limits;
use super::new_user::storable;
use super::password::Prepared;
use super::profile::{Change, Sends};
use super::session::{Session, Step};
use super::sign_in::{Authentication, Method, authenticated};
use super::write::update_user;
use super::{Entry, Refusal, find, password, supported};
use crate::Deps;
use crate::domain::client::Client;
use crate::domain::pool::Pool;
use crate::domain::schema::Writer;
use crate::domain::user::{Attributes, User, UserStatus};

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
    let change = with_attributes(pool, client, &user, answer.attributes)?;
    supported::second_factor(pool, &user)?;

    let prepared = match &hashed.0 {
        Some(prepared) => prepared.clone(),
        None => {
            take_limits(deps, client, entry)?;
            hashed.0.insert(password::prepare(deps, pool, &user, answer.password).await?).clone()
        }
    };
    let proofs = change.prepare(deps, pool, &user, Sends::Changes).await?;
    let now = deps.now();
    let mut after = change.after;
    after.status = UserStatus::Confirmed;
    password::set_permanent(&mut after, prepared, now);
    let batch = session.consume().extend(proofs.batch).extend(update_user(pool, &user, &after, now));
    Ok(authenticated(deps, after, vec![Method::Password], batch))
}

/// Opens the session and finds its user, who must be the one who answers, enabled, still have the password that began
/// it, and not have been signed out since.
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
    if user.status != UserStatus::ForceChangePassword || !session.still_holds(&user) {
        return Err(Refusal::SessionInvalid);
    }
    Ok((session, user))
}

/// The user with the given attributes: all missing required ones, none of the required ones that have a value.
fn with_attributes(pool: &Pool, client: &Client, user: &User, given: &Attributes) -> Result<Change, Refusal> {
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
    Change::of(pool, user, given)
}
