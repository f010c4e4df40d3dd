//! The names that a user owns beside the username: whose they are, and how they move.

use std::collections::BTreeMap;

use cenote_store::Batch;
use cenote_store::records::users::{AliasKind, find_by_alias, find_by_username};

use super::Refusal;
use super::write::update_user;
use crate::Deps;
use crate::domain::pool::Pool;
use crate::domain::user::{User, aliases_of};

/// The first of `user`'s aliases that belongs to somebody else.
pub(crate) async fn taken(deps: &Deps, pool: &Pool, user: &User) -> Result<Option<AliasKind>, Refusal> {
    Ok(owners(deps, pool, user).await?.first().map(|(kind, _)| *kind))
}

/// After an `AliasExists`: refuses for the alias that somebody else has and keeps, else the writing may be tried again.
pub(crate) async fn refuse_taken(deps: &Deps, pool: &Pool, user: &User, force: bool) -> Result<(), Refusal> {
    match owners(deps, pool, user).await?.iter().find(|(kind, _)| !force || !moves(pool, *kind)) {
        Some((kind, _)) => Err(Refusal::AliasTaken(*kind)),
        None => Ok(()),
    }
}

/// Whether an address belongs to somebody else.
pub(crate) async fn is_others(
    deps: &Deps,
    pool: &Pool,
    user: &User,
    kind: AliasKind,
    value: &str,
) -> Result<bool, Refusal> {
    let owner = find_by_alias(&deps.store, &pool.id, kind, &pool.alias_key(kind, value)).await?;
    Ok(owner.is_some_and(|owner| owner.sub != user.stored().sub))
}

/// Refuses a new preferred user name that is somebody's username: it would never sign its owner in.
pub(crate) async fn refuse_username(deps: &Deps, pool: &Pool, before: &User, after: &User) -> Result<(), Refusal> {
    let kind = AliasKind::PreferredUsername;
    let new: Vec<_> = aliases_of(pool, after).difference(&aliases_of(pool, before)).cloned().collect();
    let Some((_, name)) = new.into_iter().find(|(owned, _)| *owned == kind) else { return Ok(()) };
    let owner = find_by_username(&deps.store, &pool.id, &name).await?;
    if owner.is_some_and(|owner| owner.sub != after.stored().sub) { Err(Refusal::AliasTaken(kind)) } else { Ok(()) }
}

/// Whether ForceAliasCreation, or a proof, takes an alias of this kind from its owner: verified addresses beside a
/// username only. An address that *is* somebody's username, and a preferred user name, never move.
fn moves(pool: &Pool, kind: AliasKind) -> bool {
    matches!(kind, AliasKind::Email | AliasKind::PhoneNumber) && pool.alias_attributes.contains(&kind)
}

/// Takes `user`'s aliases from their present owners: free again, and their verified flags cleared under the owners'
/// versions. Unmet with `AliasChanged` or `UserChanged` when somebody was quicker.
pub(crate) async fn take_over(deps: &Deps, pool: &Pool, user: &User) -> Result<Batch, Refusal> {
    // One write for each owner: two under the same version would refuse each other. In the order of their ids, so that
    // no two batches wait for each other.
    let mut losers: BTreeMap<String, (User, User)> = BTreeMap::new();
    for (kind, owner) in owners(deps, pool, user).await?.into_iter().filter(|(kind, _)| moves(pool, *kind)) {
        let sub = owner.stored().sub.to_string();
        losers.entry(sub).or_insert_with(|| (owner.clone(), owner)).1.set_verified(kind, false);
    }
    let now = deps.now();
    Ok(losers.values().fold(Batch::new(), |batch, (before, after)| batch.extend(update_user(pool, before, after, now))))
}

/// Who else owns which of `user`'s aliases.
async fn owners(deps: &Deps, pool: &Pool, user: &User) -> Result<Vec<(AliasKind, User)>, Refusal> {
    let mut found = Vec::new();
    for (kind, value) in aliases_of(pool, user) {
        let owner = find_by_alias(&deps.store, &pool.id, kind, &value).await?;
        if let Some(owner) = owner.filter(|owner| owner.sub != user.stored().sub) {
            found.push((kind, User::from_record(owner)?));
        }
    }
    Ok(found)
}
