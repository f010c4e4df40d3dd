//! Coming back after a password was forgotten: a code to a verified address, and a new password for the code (reference
//! 03 §5).

use cenote_base::Secret;
use cenote_messages::MessageKind;
use cenote_store::Batch;
use cenote_store::records::users::{AliasKind, find_by_sub};

use super::codes::{self, CodeDelivery, CodePurpose};
use super::credentials::{forget_failures, take_limits};
use super::hourly::{Hourly, limited};
use super::public_codes::{self, CodeRequest};
use super::write::{TRIES, Written, commit, update_user};
use super::{Entry, Refusal, find, messages, password, supported};
use crate::Deps;
use crate::domain::client::Client;
use crate::domain::pool::{MfaMode, Pool, RecoveryMechanism};
use crate::domain::user::{User, UserStatus};

const ASKING: CodeRequest = CodeRequest {
    purpose: CodePurpose::ForgotPassword,
    kind: MessageKind::ForgotPassword,
    limit: Hourly { factor: "recovery", most: 5 },
};
const CONFIRMATIONS: Hourly = Hourly { factor: "confirm_recovery", most: 15 };

/// Sends a code to the user who forgot the password. Where the client hides who exists, a user without a verified
/// address is answered as one who does not exist.
pub(crate) async fn forgot_password(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    entry: Entry,
    name: &str,
) -> Result<CodeDelivery, Refusal> {
    // Before it is known whether there is such a user: what is refused for one must be refused for all.
    supported::sending(pool)?;
    self_service(pool)?;
    take_limits(deps, client, entry)?;
    let kinds = plausible_kinds(pool);
    let simulate = || ASKING.simulate(deps, pool, name, &kinds);
    let hides = client.prevent_user_existence_errors;
    let Some(user) = find::user(deps, pool, name).await? else {
        return if hides { simulate().await } else { Err(Refusal::UserNotFound) };
    };
    recoverable(&user)?;
    let Some(to) = channel(pool, &user) else {
        return if hides { simulate().await } else { Err(Refusal::NothingVerified) };
    };
    match ASKING.send(deps, pool, client, &user, to).await {
        // Deleted meanwhile.
        Err(Refusal::UserNotFound) if hides => simulate().await,
        sent => sent,
    }
}

/// Sets a new password for the code that [`forgot_password`] or [`reset`] sent. Tokens stay valid.
pub(crate) async fn confirm(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    entry: Entry,
    name: &str,
    code: &str,
    new: &Secret,
) -> Result<(), Refusal> {
    supported::new_password(pool)?;
    // Concerns nobody in particular, and leaves the code as it is.
    pool.password_policy.check(new.expose())?;
    take_limits(deps, client, entry)?;
    let hides = client.prevent_user_existence_errors;
    let mut user = match find::user(deps, pool, name).await? {
        Some(user) if !user.stored().enabled => return Err(Refusal::Disabled),
        // Who was told of a code that was never sent is told the same of whatever is given back.
        Some(user) if !hides || channel(pool, &user).is_some() => user,
        _ if hides => {
            return Err(public_codes::refuse_nobody(deps, pool, name, ASKING.purpose, CONFIRMATIONS).await);
        }
        _ => return Err(Refusal::UserNotFound),
    };
    if !hides {
        settable(&user)?;
    }
    let sub = user.stored().sub.clone();
    limited(deps, CONFIRMATIONS.claim(deps, pool, sub.as_str())).await?;
    let mut prepared = None;
    for _ in 0..TRIES {
        let (_, claim) = codes::check(deps, pool, &user, ASKING.purpose, code).await?;
        settable(&user)?;
        let prepared = match &prepared {
            Some(prepared) => prepared,
            // Only for who has the code: nobody else makes this server hash.
            None => prepared.insert(password::prepare(deps, pool, &user, new).await?),
        };
        let mut after = user.clone();
        after.status = UserStatus::Confirmed;
        password::set_permanent(&mut after, prepared.clone(), deps.now());
        let batch =
            forget_failures(pool, &sub, entry).extend(claim).extend(update_user(pool, &user, &after, deps.now()));
        if commit(deps, batch).await? == Written::Done {
            return Ok(());
        }
        user = match find_by_sub(&deps.store, &pool.id, &sub).await? {
            Some(record) if !record.enabled => return Err(Refusal::Disabled),
            Some(record) => User::from_record(record)?,
            None if hides => return Err(Refusal::CodeExpired),
            None => return Err(Refusal::UserNotFound),
        };
    }
    Err(Refusal::Contended)
}

/// Ends the user's password at once and sends a code for a new one. `audit` goes into the batch.
pub(crate) async fn reset(deps: &Deps, pool: &Pool, name: &str, audit: &Batch) -> Result<(), Refusal> {
    supported::sending(pool)?;
    for _ in 0..TRIES {
        let user = find::user(deps, pool, name).await?.ok_or(Refusal::UserNotFound)?;
        self_service(pool)?;
        recoverable(&user)?;
        let to = channel(pool, &user).ok_or(Refusal::NothingVerified)?;
        if user.status == UserStatus::Unconfirmed {
            return Err(Refusal::NotResettable);
        }
        let code = codes::prepare(deps, pool, &user, ASKING.purpose, ASKING.kind, to).await?;
        let mut after = user.clone();
        after.status = UserStatus::ResetRequired;
        let batch = code.batch.extend(update_user(pool, &user, &after, deps.now())).extend(audit.clone());
        if commit(deps, batch).await? == Written::Done {
            return messages::deliver(deps, &[code.message]).await;
        }
    }
    Err(Refusal::Contended)
}

/// Whether users of this pool help themselves.
fn self_service(pool: &Pool) -> Result<(), Refusal> {
    if pool.recovery.contains(&RecoveryMechanism::AdminOnly) { Err(Refusal::AdministratorOnly) } else { Ok(()) }
}

/// Whether this user's password is one that may be forgotten.
fn recoverable(user: &User) -> Result<(), Refusal> {
    if !user.stored().enabled {
        return Err(Refusal::Disabled);
    }
    match user.status {
        UserStatus::ForceChangePassword | UserStatus::ExternalProvider => Err(Refusal::NotResettable),
        UserStatus::Unconfirmed | UserStatus::Confirmed | UserStatus::ResetRequired => Ok(()),
    }
}

/// Whether a code sets this user's password.
fn settable(user: &User) -> Result<(), Refusal> {
    match user.status {
        UserStatus::Unconfirmed => Err(Refusal::NotConfirmed),
        UserStatus::ForceChangePassword | UserStatus::ExternalProvider => Err(Refusal::NotResettable),
        UserStatus::Confirmed | UserStatus::ResetRequired => Ok(()),
    }
}

/// To which attributes this pool sends codes, the preferred first.
fn kinds(pool: &Pool) -> impl Iterator<Item = AliasKind> {
    pool.recovery.iter().filter_map(|mechanism| match mechanism {
        RecoveryMechanism::VerifiedEmail => Some(AliasKind::Email),
        RecoveryMechanism::VerifiedPhoneNumber => Some(AliasKind::PhoneNumber),
        RecoveryMechanism::AdminOnly => None,
    })
}

/// Where this user's code goes: to the first verified address, but never to the phone that is the second factor, which
/// would then be the only one.
fn channel(pool: &Pool, user: &User) -> Option<AliasKind> {
    kinds(pool).find(|kind| {
        let is_second_factor = *kind == AliasKind::PhoneNumber && pool.mfa != MfaMode::Off && user.has_sms_factor();
        user.attributes.contains_key(kind.as_str()) && user.is_verified(*kind) && !is_second_factor
    })
}

/// Where the code of a user of this pool may well have gone: to what the pool verifies, if it verifies any of those.
fn plausible_kinds(pool: &Pool) -> Vec<AliasKind> {
    let verified: Vec<AliasKind> = kinds(pool).filter(|kind| pool.auto_verified.contains(kind)).collect();
    if verified.is_empty() { kinds(pool).collect() } else { verified }
}
