//! Changing and deleting a user's attributes, by the user or by an administrator (reference 03 §9).

use std::collections::BTreeMap;

use cenote_messages::{MessageId, MessageKind};
use cenote_store::Batch;
use cenote_store::records::users::AliasKind;

use super::codes::{self, CodeDelivery, CodePurpose};
use super::hourly::Hourly;
use super::new_user::storable;
use super::write::{TRIES, Written, commit, update_user};
use super::{Refusal, aliases, find, messages};
use crate::Deps;
use crate::domain::pool::Pool;
use crate::domain::schema::{AttributeError, Writer};
use crate::domain::user::{Attributes, User, UserStatus, verified_flag};

/// The attributes that a code can be sent to.
const ADDRESSES: [AliasKind; 2] = [AliasKind::Email, AliasKind::PhoneNumber];

/// Changes of a user's own that send codes. Else GetUserAttributeVerificationCode's limit would be got round, and anybody
/// could be written to without end.
const CHANGES: Hourly = Hourly { factor: "attribute_change", most: 20 };

/// What becomes of an address that somebody writes.
#[derive(Clone, PartialEq, Eq)]
enum Effect {
    /// It is the user's already: another one that waits for its proof is dropped.
    Kept,
    /// It is the user's at once.
    Stored,
    /// It becomes the user's when its code comes back; until then nothing changes.
    Pending(String),
    /// The user has none any more.
    Deleted,
}

/// What writing attributes comes to. Nothing is decided by what others have.
pub(crate) struct Change {
    /// The user as it will be.
    pub after: User,
    addresses: BTreeMap<AliasKind, Effect>,
}

impl Change {
    /// Writes `given`, which the schema has allowed, into a copy of `before`. An empty value deletes.
    pub(crate) fn of(pool: &Pool, before: &User, given: &Attributes) -> Result<Self, Refusal> {
        let mut change = Self { after: before.clone(), addresses: BTreeMap::new() };
        for (name, value) in given {
            match ADDRESSES.into_iter().find(|kind| kind.as_str() == name) {
                Some(kind) => change.write_address(pool, kind, value, says_verified(given, kind)),
                // Flags come when it is known what they speak of.
                None if ADDRESSES.into_iter().any(|kind| verified_flag(kind) == Some(name)) => {}
                None => write(&mut change.after.attributes, name, value),
            }
        }
        for kind in ADDRESSES {
            if let Some(value) = verified_flag(kind).and_then(|flag| given.get(flag)) {
                change.write_flag(kind, value)?;
            }
        }
        refuse_nameless(pool, before, &change.after)?;
        refuse_preferred(pool, before, &change.after)?;
        Ok(change)
    }

    fn write_address(&mut self, pool: &Pool, kind: AliasKind, value: &str, says_verified: bool) {
        let present = self.after.attributes.get(kind.as_str());
        let effect = match present {
            None if value.is_empty() => return,
            Some(_) if value.is_empty() => Effect::Deleted,
            Some(present) if present == value => Effect::Kept,
            Some(_) if pool.verify_before_update.contains(&kind) && !says_verified => Effect::Pending(value.to_owned()),
            _ => Effect::Stored,
        };
        if matches!(effect, Effect::Stored | Effect::Deleted) {
            write(&mut self.after.attributes, kind.as_str(), value);
            let flag = verified_flag(kind).unwrap_or_default();
            write(&mut self.after.attributes, flag, if value.is_empty() { "" } else { "false" });
        }
        self.addresses.insert(kind, effect);
    }

    /// A flag speaks of the address that was written beside it, or else of the present one.
    fn write_flag(&mut self, kind: AliasKind, value: &str) -> Result<(), Refusal> {
        let has_address = self.after.attributes.contains_key(kind.as_str());
        match (has_address, value) {
            (false, "") => {}
            (false, _) => return Err(Refusal::NothingToMark(kind)),
            // Whether an address is verified is always shown beside it.
            (true, "") => self.after.set_verified(kind, false),
            // It would speak of an address that the user does not have yet.
            (true, _) if matches!(self.addresses.get(&kind), Some(Effect::Pending(_))) => {}
            (true, _) => write(&mut self.after.attributes, verified_flag(kind).unwrap_or_default(), value),
        }
        Ok(())
    }

    /// Refuses names that others have.
    async fn refuse_taken(&self, deps: &Deps, pool: &Pool, before: &User) -> Result<(), Refusal> {
        aliases::refuse_username(deps, pool, before, &self.after).await?;
        for (kind, effect) in &self.addresses {
            // Said now and not only when the code comes back.
            if let Effect::Pending(address) = effect
                && pool.username_attributes.contains(kind)
                && aliases::is_others(deps, pool, before, *kind, address).await?
            {
                return Err(Refusal::AliasTaken(*kind));
            }
        }
        Ok(())
    }

    /// What is written beside the user, and whose code is sent where.
    pub(crate) async fn prepare(
        &self,
        deps: &Deps,
        pool: &Pool,
        before: &User,
        sends: Sends,
    ) -> Result<Prepared, Refusal> {
        self.refuse_taken(deps, pool, before).await?;
        let mut prepared = Prepared::default();
        for (kind, effect) in &self.addresses {
            let (kind, after) = (*kind, &self.after);
            let forget = match effect {
                Effect::Kept => codes::forget(pool, before, CodePurpose::Change(kind)),
                // The new code replaces the one of an earlier change.
                Effect::Pending(_) => Batch::new(),
                Effect::Stored | Effect::Deleted => codes::forget_sent_to(pool, before, kind),
            };
            let code = match effect {
                Effect::Pending(address) => Some(codes::prepare_change(deps, pool, before, kind, address).await?),
                Effect::Stored
                    if sends == Sends::All && pool.auto_verified.contains(&kind) && !after.is_verified(kind) =>
                {
                    let purpose = proof_of(pool, after, kind);
                    let message = MessageKind::UpdateUserAttribute;
                    Some(codes::prepare(deps, pool, after, purpose, message, kind).await?)
                }
                _ => None,
            };
            prepared.batch = prepared.batch.extend(forget);
            if let Some(code) = code {
                prepared.batch = prepared.batch.extend(code.batch);
                prepared.deliveries.push(code.delivery);
                prepared.messages.push(code.message);
            }
        }
        Ok(prepared)
    }
}

/// Which addresses get a code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sends {
    /// All that the pool verifies.
    All,
    /// Those that change only by it.
    Changes,
}

/// What goes with a change of a user: to be committed with the user's own row.
#[derive(Default)]
pub(crate) struct Prepared {
    /// Codes and their messages.
    pub batch: Batch,
    deliveries: Vec<CodeDelivery>,
    messages: Vec<MessageId>,
}

/// An empty value deletes.
fn write(attributes: &mut Attributes, name: &str, value: &str) {
    if value.is_empty() {
        attributes.remove(name);
    } else {
        attributes.insert(name.to_owned(), value.to_owned());
    }
}

/// Whether the address is declared verified by whoever writes it.
fn says_verified(given: &Attributes, kind: AliasKind) -> bool {
    verified_flag(kind).and_then(|flag| given.get(flag)).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// What the code to a new address is good for: somebody who has not confirmed yet does that with it.
fn proof_of(pool: &Pool, user: &User, kind: AliasKind) -> CodePurpose {
    let confirms = user.status == UserStatus::Unconfirmed && codes::sign_up_channel(pool, user) == Some(kind);
    if confirms { CodePurpose::SignUp } else { CodePurpose::Verify(kind) }
}

/// Where an address is the username, one must stay.
fn refuse_nameless(pool: &Pool, before: &User, after: &User) -> Result<(), Refusal> {
    let has = |user: &User, kind: &&AliasKind| user.attributes.contains_key(kind.as_str());
    let lost = pool.username_attributes.iter().find(|kind| has(before, kind));
    match lost {
        Some(kind) if !pool.username_attributes.iter().any(|kind| has(after, &kind)) => {
            Err(AttributeError::RequiredDeleted(kind.as_str().to_owned()).into())
        }
        _ => Ok(()),
    }
}

/// A preferred user name that signs its owner in comes after the confirmation, and looks like no other alias.
fn refuse_preferred(pool: &Pool, before: &User, after: &User) -> Result<(), Refusal> {
    let name = |user: &User| user.attributes.get(AliasKind::PreferredUsername.as_str()).cloned();
    match name(after) {
        Some(new)
            if pool.alias_attributes.contains(&AliasKind::PreferredUsername) && name(before) != Some(new.clone()) =>
        {
            if after.status == UserStatus::Unconfirmed {
                return Err(Refusal::PreferredUsernameTooEarly);
            }
            find::refuse_alias_form(pool, &new)
        }
        _ => Ok(()),
    }
}

/// Changes attributes; empty values delete. What was sent where, in the order of the attributes' names. `audit` goes
/// into the batch.
pub(crate) async fn update(
    deps: &Deps,
    pool: &Pool,
    user: User,
    given: &Attributes,
    writer: Writer<'_>,
    audit: &Batch,
) -> Result<Vec<CodeDelivery>, Refusal> {
    storable(given)?;
    pool.schema.check_update(given, writer)?;
    commit_change(deps, pool, user, given, writer, audit).await
}

/// Deletes attributes; those that the user does not have are ignored. `audit` goes into the batch.
pub(crate) async fn delete(
    deps: &Deps,
    pool: &Pool,
    user: User,
    names: &[String],
    writer: Writer<'_>,
    audit: &Batch,
) -> Result<(), Refusal> {
    pool.schema.check_delete(names, writer)?;
    let emptied = names.iter().map(|name| (name.clone(), String::new())).collect();
    commit_change(deps, pool, user, &emptied, writer, audit).await.map(drop)
}

/// Decides and writes until nobody came between, then waits for the delivery of what is sent.
async fn commit_change(
    deps: &Deps,
    pool: &Pool,
    mut user: User,
    given: &Attributes,
    writer: Writer<'_>,
    audit: &Batch,
) -> Result<Vec<CodeDelivery>, Refusal> {
    for _ in 0..TRIES {
        let change = Change::of(pool, &user, given)?;
        let prepared = change.prepare(deps, pool, &user, Sends::All).await?;
        let counted = if matches!(writer, Writer::Client(_)) && !prepared.deliveries.is_empty() {
            CHANGES.claim(deps, pool, user.stored().sub.as_str())
        } else {
            Batch::new()
        };
        let written = prepared.batch.extend(update_user(pool, &user, &change.after, deps.now())).extend(audit.clone());
        match commit(deps, counted.extend(written)).await? {
            Written::Done => {
                if !prepared.messages.is_empty() {
                    messages::deliver(deps, &prepared.messages).await?;
                }
                return Ok(prepared.deliveries);
            }
            Written::Unmet("LimitExceeded") => return Err(Refusal::LimitExceeded),
            Written::Unmet("AliasExists") => aliases::refuse_taken(deps, pool, &change.after, false).await?,
            Written::Unmet(_) => {}
        }
        user = find::again(deps, pool, &user).await?;
        if matches!(writer, Writer::Client(_)) && !user.stored().enabled {
            return Err(Refusal::Disabled);
        }
    }
    Err(Refusal::Contended)
}
