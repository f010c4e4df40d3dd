//! What an administrator does to a user: create and invite, confirm, set a password, delete.

use std::time::Duration;

use cenote_base::{Secret, Sub};
use cenote_messages::{Medium, MessageId, MessageKind, Outcome};
use cenote_secrets::policy::generate_temporary;
use cenote_store::Batch;
use cenote_store::records::codes as code_records;
use cenote_store::records::users::{AliasKind, find_by_alias};

use super::find::{self, NewName};
use super::sign_up::{blank_user, check_free, new_attributes, with_flags};
use super::write::{TRIES, Written, commit, delete_user, insert_user, release_alias, update_user};
use super::{Refusal, messages, password, supported};
use crate::Deps;
use crate::domain::pool::{FirstFactor, Pool};
use crate::domain::schema::Writer;
use crate::domain::user::{Attributes, User, UserStatus, aliases_of};

/// How long the invitation's delivery is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A user to create, or to invite again.
#[derive(Debug)]
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
    let attributes = with_flags(attributes);
    check_free(deps, pool, &name).await?;

    let now = deps.now();
    let sub = Sub::generate(&*deps.random);
    let passwordless = new.temporary_password.is_none() && signs_in_by_code(pool, &attributes);
    let status = if passwordless { UserStatus::Confirmed } else { UserStatus::ForceChangePassword };
    let mut user = blank_user(pool, &sub, &name, attributes, status, now)?;
    let mut invitation = Sent::default();
    if !passwordless {
        let temporary = temporary_password(deps, pool, new.temporary_password)?;
        let sealed = password::hash(deps, pool, &sub, &temporary).await?;
        password::set_temporary(&mut user, sealed, pool, now);
        invitation = invite(deps, pool, &user, &new.username, &temporary, &new.mediums).await?;
    }
    for _ in 0..TRIES {
        let freed = if new.force_alias { free_aliases(deps, pool, &user).await? } else { Batch::new() };
        let batch = freed.extend(insert_user(deps, pool, &user)).extend(invitation.batch.clone()).extend(audit.clone());
        match commit(deps, batch).await? {
            Written::Done => {
                invitation.deliver(deps).await?;
                return Ok(user);
            }
            Written::Unmet("UsernameExists") => {
                check_free(deps, pool, &name).await?;
                return Err(Refusal::PoolGone);
            }
            Written::Unmet("AliasExists") if !new.force_alias => return Err(taken_alias(deps, pool, &name, &user).await?),
            Written::Unmet(_) => {}
        }
    }
    Err(Refusal::Contended)
}

/// A new temporary password, and its invitation, for a user who has not used the first (`MessageAction` RESEND).
pub(crate) async fn invite_again(deps: &Deps, pool: &Pool, new: Invitation, audit: Batch) -> Result<User, Refusal> {
    supported::admin_create(pool)?;
    let temporary = temporary_password(deps, pool, new.temporary_password)?;
    for _ in 0..TRIES {
        let user = find::user(deps, pool, &new.username).await?.ok_or(Refusal::UserNotFound)?;
        if user.status != UserStatus::ForceChangePassword {
            return Err(Refusal::ResendNotPossible(new.username));
        }
        let sealed = password::hash(deps, pool, &user.stored().sub, &temporary).await?;
        let now = deps.now();
        let mut after = user.clone();
        password::set_temporary(&mut after, sealed, pool, now);
        after.touch(now);
        let invitation = invite(deps, pool, &after, &new.username, &temporary, &new.mediums).await?;
        let batch =
            update_user(pool, &user, &after, now).extend(invitation.batch.clone()).extend(audit.clone());
        if commit(deps, batch).await? == Written::Done {
            invitation.deliver(deps).await?;
            return Ok(after);
        }
    }
    Err(Refusal::Contended)
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
#[derive(Debug, Default)]
struct Sent {
    batch: Batch,
    ids: Vec<MessageId>,
}

impl Sent {
    async fn deliver(&self, deps: &Deps) -> Result<(), Refusal> {
        deps.queue.wake();
        for id in &self.ids {
            if let Outcome::Failed(reason) = deps.queue.wait(id, LONGEST_WAIT).await {
                tracing::warn!(message = %id, reason, "an invitation was not delivered");
                return Err(Refusal::NotDelivered);
            }
        }
        Ok(())
    }
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
        let message = messages::compose(pool, MessageKind::AdminCreateUser, *medium, address, name, temporary)?;
        let prepared = deps.queue.prepare(&message).await?;
        sent.batch = sent.batch.extend(prepared.batch);
        sent.ids.push(prepared.id);
    }
    Ok(sent)
}

/// Which alias of the new user is taken.
async fn taken_alias(deps: &Deps, pool: &Pool, name: &NewName, user: &User) -> Result<Refusal, Refusal> {
    if let NewName::Attribute(kind, _) = name {
        return Ok(Refusal::AddressTaken(*kind));
    }
    for (kind, value) in aliases_of(pool, user) {
        if find_by_alias(&deps.store, &pool.id, kind, &value).await?.is_some() {
            return Ok(Refusal::AliasTaken(kind));
        }
    }
    Ok(Refusal::Contended)
}

/// Takes the new user's aliases from their present owners.
async fn free_aliases(deps: &Deps, pool: &Pool, user: &User) -> Result<Batch, Refusal> {
    let mut batch = Batch::new();
    for (kind, value) in aliases_of(pool, user) {
        if let Some(owner) = find_by_alias(&deps.store, &pool.id, kind, &value).await? {
            batch = batch.extend(release_alias(pool, &User::from_record(owner)?, kind, deps.now()));
        }
    }
    Ok(batch)
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
    let sealed = password::hash(deps, pool, &user.stored().sub, new).await?;
    let sub = user.stored().sub.clone();
    change(deps, pool, name, audit, |user| {
        // The hash is sealed for one user; another one by the same name is not this one.
        if user.stored().sub != sub {
            return Err(Refusal::UserNotFound);
        }
        if permanent {
            password::set_permanent(user, sealed.clone(), deps.now());
            user.status = UserStatus::Confirmed;
        } else {
            password::set_temporary(user, sealed.clone(), pool, deps.now());
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
        let forget = code_records::forget(&pool.id, &before.stored().sub, "sign_up");
        let batch = update_user(pool, &before, &after, deps.now()).extend(forget).extend(audit.clone());
        match commit(deps, batch).await? {
            Written::Done => return Ok(()),
            Written::Unmet("AliasExists") => {
                let kind = pool.alias_attributes.first().copied().unwrap_or(AliasKind::Email);
                return Err(Refusal::AliasTaken(kind));
            }
            Written::Unmet(_) => {}
        }
    }
    Err(Refusal::Contended)
}

/// Deletes a user and all that belongs to it.
pub(crate) async fn delete(deps: &Deps, pool: &Pool, name: &str, audit: Batch) -> Result<(), Refusal> {
    let user = find::user(deps, pool, name).await?.ok_or(Refusal::UserNotFound)?;
    match commit(deps, delete_user(deps, pool, &user).extend(audit)).await? {
        Written::Done => Ok(()),
        Written::Unmet(_) => Err(Refusal::UserNotFound),
    }
}
