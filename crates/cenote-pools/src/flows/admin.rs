//! What an administrator does to a user: create and invite, confirm, set a password.

use cenote_base::{Secret, Sub};
use cenote_messages::{Medium, MessageId, MessageKind};
use cenote_secrets::policy::generate_temporary;
use cenote_store::Batch;
use cenote_store::records::codes as code_records;
use cenote_store::records::users::AliasKind;

use super::codes::CodePurpose;
use super::find::{self, NewName};
use super::new_user::{blank_user, check_free, new_attributes, not_inserted, with_flags};
use super::write::{TRIES, Written, commit, insert_user, update_user};
use super::{Refusal, aliases, messages, password, supported};
use crate::Deps;
use crate::domain::pool::{FirstFactor, Pool};
use crate::domain::schema::Writer;
use crate::domain::user::{Attributes, User, UserStatus};

/// A user to create, or to invite again.
pub(crate) struct Invitation {
    pub username: String,
    pub temporary_password: Option<Secret>,
    pub attributes: Attributes,
    /// Empty: nothing is sent.
    pub mediums: Vec<Medium>,
    pub force_alias: bool,
}

/// Creates a user with a temporary password and sends the invitation (reference 03 §7). `audit` goes into the batch.
pub(crate) async fn create(deps: &Deps, pool: &Pool, new: Invitation, audit: Batch) -> Result<User, Refusal> {
    supported::admin_create(pool)?;
    let name = find::new_name(pool, &new.username)?;
    let attributes = new_attributes(pool, &name, new.attributes)?;
    pool.schema.check_new(&attributes, Writer::Admin)?;

    let now = deps.now();
    let sub = Sub::generate(&*deps.random);
    let passwordless = new.temporary_password.is_none() && signs_in_by_code(pool, &attributes);
    let status = if passwordless { UserStatus::Confirmed } else { UserStatus::ForceChangePassword };
    let mut user = blank_user(pool, &sub, &name, with_flags(attributes), status, now)?;
    let temporary = if passwordless { None } else { Some(temporary_password(deps, pool, new.temporary_password)?) };
    check_free(deps, pool, &user, &name).await?;
    let mut invitation = Sent::default();
    if let Some(temporary) = &temporary {
        let prepared = password::prepare(deps, pool, &user, temporary).await?;
        password::set_temporary(&mut user, prepared, pool, now);
        invitation = invite(deps, pool, &user, &new.username, temporary, &new.mediums).await?;
    }
    let rest = invitation.batch.extend(audit);
    insert(deps, pool, &user, &name, new.force_alias, &rest).await?;
    messages::deliver(deps, &invitation.ids).await?;
    Ok(user)
}

/// Inserts the new user, with its aliases taken from their owners where that was asked for, and `rest`.
async fn insert(
    deps: &Deps,
    pool: &Pool,
    user: &User,
    name: &NewName,
    force_alias: bool,
    rest: &Batch,
) -> Result<(), Refusal> {
    for _ in 0..TRIES {
        let freed = if force_alias { aliases::take_over(deps, pool, user).await? } else { Batch::new() };
        let batch = freed.extend(insert_user(deps, pool, user)).extend(rest.clone());
        match commit(deps, batch).await? {
            Written::Done => return Ok(()),
            Written::Unmet("UsernameExists") => return Err(not_inserted(deps, pool, user, name).await?),
            Written::Unmet("AliasExists") => {
                check_free(deps, pool, user, name).await?;
                aliases::refuse_taken(deps, pool, user, force_alias).await?;
            }
            Written::Unmet(_) => {}
        }
    }
    Err(Refusal::Contended)
}

/// A new temporary password, and its invitation, for a user who has not used the first (`MessageAction` RESEND).
pub(crate) async fn invite_again(deps: &Deps, pool: &Pool, new: Invitation, audit: Batch) -> Result<User, Refusal> {
    supported::admin_create(pool)?;
    let mut user = invited(deps, pool, &new.username).await?;
    let temporary = temporary_password(deps, pool, new.temporary_password)?;
    // Sealed for this user; another one by the same name is not this one.
    let sub = user.stored().sub.clone();
    let prepared = password::prepare(deps, pool, &user, &temporary).await?;
    for _ in 0..TRIES {
        let now = deps.now();
        let mut after = user.clone();
        password::set_temporary(&mut after, prepared.clone(), pool, now);
        after.touch(now);
        let invitation = invite(deps, pool, &after, &new.username, &temporary, &new.mediums).await?;
        let batch = update_user(pool, &user, &after, now).extend(invitation.batch).extend(audit.clone());
        if commit(deps, batch).await? == Written::Done {
            messages::deliver(deps, &invitation.ids).await?;
            return Ok(after);
        }
        user = invited(deps, pool, &new.username).await?;
        if user.stored().sub != sub {
            return Err(Refusal::Contended);
        }
    }
    Err(Refusal::Contended)
}

/// A user who has not used the temporary password yet.
async fn invited(deps: &Deps, pool: &Pool, name: &str) -> Result<User, Refusal> {
    let user = find::user(deps, pool, name).await?.ok_or(Refusal::UserNotFound)?;
    match user.status {
        UserStatus::ForceChangePassword => Ok(user),
        _ => Err(Refusal::ResendNotPossible(name.to_owned())),
    }
}

fn temporary_password(deps: &Deps, pool: &Pool, given: Option<Secret>) -> Result<Secret, Refusal> {
    match given {
        Some(password) => {
            pool.password_policy.check(password.expose())?;
            Ok(password)
        }
        None => Ok(generate_temporary(&pool.password_policy, &*deps.random)),
    }
}

/// Whether a user with these attributes can sign in by a one-time code, so that no password is needed.
fn signs_in_by_code(pool: &Pool, attributes: &Attributes) -> bool {
    pool.first_factors.iter().any(|factor| match factor {
        FirstFactor::EmailOtp => attributes.contains_key("email"),
        FirstFactor::SmsOtp => attributes.contains_key("phone_number"),
        _ => false,
    })
}

/// Messages that wait for the commit.
#[derive(Default)]
struct Sent {
    batch: Batch,
    ids: Vec<MessageId>,
}

/// The invitation by each medium for which the user has an address. `name` is what the user signs in with.
async fn invite(
    deps: &Deps,
    pool: &Pool,
    user: &User,
    name: &str,
    temporary: &Secret,
    mediums: &[Medium],
) -> Result<Sent, Refusal> {
    let mut sent = Sent::default();
    for medium in mediums {
        let attribute = if *medium == Medium::Sms { AliasKind::PhoneNumber } else { AliasKind::Email };
        let Some(address) = user.attributes.get(attribute.as_str()) else { continue };
        supported::sending(pool)?;
        let kind = MessageKind::AdminCreateUser;
        let prepared = messages::prepare(deps, pool, kind, *medium, address, name, temporary).await?;
        sent.batch = sent.batch.extend(prepared.batch);
        sent.ids.push(prepared.id);
    }
    Ok(sent)
}

/// Confirms a user without a code; verifies no address.
pub(crate) async fn confirm(deps: &Deps, pool: &Pool, name: &str, audit: &Batch) -> Result<(), Refusal> {
    change(deps, pool, name, audit, |user| {
        user.status = user.status.confirm().map_err(|refused| Refusal::NotConfirmable(refused.0))?;
        Ok(())
    })
    .await
}

/// Sets a password: for good, or one that the user must change at the next sign-in.
pub(crate) async fn set_password(
    deps: &Deps,
    pool: &Pool,
    name: &str,
    new: &Secret,
    permanent: bool,
    audit: &Batch,
) -> Result<(), Refusal> {
    let user = find::user(deps, pool, name).await?.ok_or(Refusal::UserNotFound)?;
    pool.password_policy.check(new.expose())?;
    let prepared = password::prepare(deps, pool, &user, new).await?;
    let sub = user.stored().sub.clone();
    change(deps, pool, name, audit, |user| {
        // What was prepared is sealed for one user; another one by the same name is not this one.
        if user.stored().sub != sub {
            return Err(Refusal::UserNotFound);
        }
        if permanent {
            password::set_permanent(user, prepared.clone(), deps.now());
            user.status = UserStatus::Confirmed;
        } else {
            password::set_temporary(user, prepared.clone(), pool, deps.now());
            user.status = UserStatus::ForceChangePassword;
        }
        Ok(())
    })
    .await
}

/// Reads, decides and writes until nobody came between.
async fn change(
    deps: &Deps,
    pool: &Pool,
    name: &str,
    audit: &Batch,
    decide: impl Fn(&mut User) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    for _ in 0..TRIES {
        let before = find::user(deps, pool, name).await?.ok_or(Refusal::UserNotFound)?;
        let mut after = before.clone();
        decide(&mut after)?;
        let forget = code_records::forget(&pool.id, &before.stored().sub, CodePurpose::SignUp.as_str());
        let batch = update_user(pool, &before, &after, deps.now()).extend(forget).extend(audit.clone());
        match commit(deps, batch).await? {
            Written::Done => return Ok(()),
            Written::Unmet("AliasExists") => aliases::refuse_taken(deps, pool, &after, false).await?,
            Written::Unmet(_) => {}
        }
    }
    Err(Refusal::Contended)
}
