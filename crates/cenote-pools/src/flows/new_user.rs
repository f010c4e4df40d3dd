//! What SignUp and AdminCreateUser have in common: the record of a new user, and whether its names are free.

use cenote_base::{Sub, Timestamp};
use cenote_store::records::pools;
use cenote_store::records::users::UserRecord;

use super::find::{self, NewName};
use super::{Refusal, aliases};
use crate::Deps;
use crate::domain::pool::Pool;
use crate::domain::schema::{AttributeError, ValueProblem};
use crate::domain::user::{Attributes, User, UserStatus, attributes_json};

/// The most characters of any attribute's value.
const LONGEST_VALUE: usize = 2048;

/// The attributes with the one that the username fills, blank values left out; a different value for it is refused.
pub(crate) fn new_attributes(pool: &Pool, name: &NewName, mut given: Attributes) -> Result<Attributes, Refusal> {
    if let NewName::Attribute(kind, value) = name {
        match given.get(kind.as_str()) {
            Some(other) if pool.alias_key(*kind, other) != pool.alias_key(*kind, value) => {
                return Err(Refusal::UsernameAttributeMismatch(*kind));
            }
            _ => given.insert(kind.as_str().to_owned(), value.clone()),
        };
    }
    given.retain(|_, value| !value.is_empty());
    storable(&given)?;
    Ok(given)
}

/// What holds for values of every type: PostgreSQL keeps no U+0000, and what comes as an answer to a challenge has no
/// bound in the model.
pub(crate) fn storable(attributes: &Attributes) -> Result<(), Refusal> {
    if let Some((name, _)) = attributes.iter().find(|(_, value)| value.contains('\0')) {
        return Err(Refusal::UnstorableValue(name.clone()));
    }
    match attributes.iter().find(|(_, value)| value.chars().count() > LONGEST_VALUE) {
        Some((name, _)) => {
            let problem = ValueProblem::TooLong(u32::try_from(LONGEST_VALUE).unwrap_or(u32::MAX).into());
            Err(AttributeError::Nonconforming(vec![(name.clone(), problem)]).into())
        }
        None => Ok(()),
    }
}

/// Shows for each address whether it is verified, as Cognito does (reference 03 §8).
pub(crate) fn with_flags(mut attributes: Attributes) -> Attributes {
    for (attribute, flag) in [("email", "email_verified"), ("phone_number", "phone_number_verified")] {
        if attributes.contains_key(attribute) && !attributes.contains_key(flag) {
            attributes.insert(flag.to_owned(), "false".to_owned());
        }
    }
    attributes
}

/// Whether the name and, in a pool with username attributes, each address is free. A batch holds it for good.
pub(crate) async fn check_free(deps: &Deps, pool: &Pool, user: &User, name: &NewName) -> Result<(), Refusal> {
    if let NewName::Username(username) = name {
        // Not somebody's alias either: it would sign that user in no more.
        return match find::user(deps, pool, username).await? {
            Some(_) => Err(Refusal::UsernameTaken),
            None => Ok(()),
        };
    }
    match aliases::taken(deps, pool, user).await? {
        Some(kind) => Err(Refusal::AddressTaken(kind)),
        None => Ok(()),
    }
}

/// A user without a password.
pub(crate) fn blank_user(
    pool: &Pool,
    sub: &Sub,
    name: &NewName,
    attributes: Attributes,
    status: UserStatus,
    now: Timestamp,
) -> Result<User, Refusal> {
    let username = match name {
        NewName::Username(username) => username.clone(),
        NewName::Attribute(..) => sub.to_string(),
    };
    let record = UserRecord {
        sub: sub.clone(),
        pool_id: pool.id.clone(),
        username_key: pool.username_key(&username),
        username,
        status: status.as_str().to_owned(),
        enabled: true,
        attributes: attributes_json(&attributes),
        mfa: "{}".to_owned(),
        password: None,
        password_set_at: None,
        password_expires_at: None,
        srp: None,
        tokens_valid_after: Timestamp::default(),
        details: "{}".to_owned(),
        version: 1,
        created_at: now,
        modified_at: now,
    };
    Ok(User::from_record(record)?)
}

/// Why the user could not be inserted.
pub(crate) async fn not_inserted(deps: &Deps, pool: &Pool, user: &User, name: &NewName) -> Result<Refusal, Refusal> {
    check_free(deps, pool, user, name).await?;
    // Nobody has the name: either whoever had it is gone again, or the pool is.
    let lives = pools::find(&deps.store, &pool.id).await?.is_some();
    Ok(if lives { Refusal::Contended } else { Refusal::PoolGone(pool.id.to_string()) })
}
