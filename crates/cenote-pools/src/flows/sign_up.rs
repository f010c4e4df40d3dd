//! Signing up: the new user, its confirmation by a code, and the code sent again.

use std::net::IpAddr;
use std::time::Duration;

use cenote_base::{Secret, Sub, Timestamp};
use cenote_messages::MessageKind;
use cenote_secrets::PolicyViolation;
use cenote_store::Batch;
use cenote_store::records::attempts;
use cenote_store::records::users::{AliasKind, UserRecord, find_by_alias};

use super::codes::{self, CodeDelivery, CodePurpose};
use super::credentials::{take_limits, unknown_subject};
use super::find::{self, NewName};
use super::write::{TRIES, Written, commit, insert_user, release_alias, update_user};
use super::{Door, Refusal, password, supported};
use crate::Deps;
use crate::domain::client::Client;
use crate::domain::pool::{FirstFactor, Pool};
use crate::domain::schema::Writer;
use crate::domain::user::{Attributes, User, UserStatus, attributes_json};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// What a person gives to sign up.
#[derive(Debug)]
pub(crate) struct NewUser {
    pub username: String,
    pub password: Option<Secret>,
    pub attributes: Attributes,
}

/// A user who has just signed up.
#[derive(Debug)]
pub(crate) struct SignedUp {
    pub sub: Sub,
    pub confirmed: bool,
    pub delivery: Option<CodeDelivery>,
}

/// Signs a user up (reference 03 §2): the checks in Cognito's order, then user, code and message in one batch.
pub(crate) async fn sign_up(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    source: IpAddr,
    new: NewUser,
) -> Result<SignedUp, Refusal> {
    if pool.admin_create_only {
        return Err(Refusal::SignUpNotPermitted);
    }
    supported::sign_up(pool)?;
    let name = find::new_name(pool, &new.username)?;
    let wanted = wanted_password(pool, new.password)?;
    let attributes = new_attributes(pool, &name, new.attributes)?;
    pool.schema.check_new(&attributes, Writer::Client(client))?;
    let attributes = with_flags(attributes);
    take_limits(deps, client, Door::Api, source)?;
    check_free(deps, pool, &name).await?;

    let now = deps.now();
    let sub = Sub::generate(&*deps.random);
    let mut user = blank_user(pool, &sub, &name, attributes, UserStatus::Unconfirmed, now)?;
    if let Some(wanted) = &wanted {
        let sealed = password::hash(deps, pool, &sub, wanted).await?;
        password::set_permanent(&mut user, sealed, now);
    }
    let code = match codes::sign_up_channel(pool, &user) {
        Some(to) => Some(codes::prepare(deps, pool, &user, CodePurpose::SignUp, MessageKind::SignUp, to).await?),
        None => None,
    };
    let mut batch = insert_user(deps, pool, &user);
    if let Some(code) = &code {
        batch = batch.extend(code.batch.clone());
    }
    match commit(deps, batch).await? {
        Written::Done => {}
        Written::Unmet(_) => {
            check_free(deps, pool, &name).await?;
            return Err(Refusal::PoolGone);
        }
    }
    if let Some(code) = &code {
        codes::deliver(deps, code).await?;
    }
    Ok(SignedUp { sub, confirmed: false, delivery: code.map(|code| code.delivery) })
}

/// The password, checked; none only where a one-time code can be the first factor.
fn wanted_password(pool: &Pool, given: Option<Secret>) -> Result<Option<Secret>, Refusal> {
    match given.filter(|password| !password.is_empty()) {
        Some(password) => {
            pool.password_policy.check(password.expose())?;
            Ok(Some(password))
        }
        None if allows_codes(pool) => Ok(None),
        None => Err(Refusal::Password(PolicyViolation::TooShort)),
    }
}

/// Whether a one-time code can be a user's first factor.
pub(crate) fn allows_codes(pool: &Pool) -> bool {
    pool.first_factors.iter().any(|factor| matches!(factor, FirstFactor::EmailOtp | FirstFactor::SmsOtp))
}

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
    Ok(given)
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

/// Whether the name (and, in a pool with username attributes, each address) is free. A batch holds it for good.
pub(crate) async fn check_free(deps: &Deps, pool: &Pool, name: &NewName) -> Result<(), Refusal> {
    match name {
        NewName::Username(username) => match find::user(deps, pool, username).await? {
            Some(_) => Err(Refusal::UsernameTaken),
            None => Ok(()),
        },
        NewName::Attribute(kind, value) => {
            let taken = find_by_alias(&deps.store, &pool.id, *kind, &pool.alias_key(*kind, value)).await?;
            if taken.is_some() { Err(Refusal::AddressTaken(*kind)) } else { Ok(()) }
        }
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

/// Confirms a sign-up by its code (reference 03 §4). The address that the code went to is verified with it.
pub(crate) async fn confirm(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    name: &str,
    code: &str,
    force_alias: bool,
) -> Result<(), Refusal> {
    let Some(user) = find::user(deps, pool, name).await? else {
        if !client.prevent_user_existence_errors {
            return Err(Refusal::UserNotFound);
        }
        let subject = unknown_subject(deps, pool, name).await?;
        count(deps, pool, &subject, "confirm_sign_up", 15).await?;
        return Err(Refusal::CodeExpired);
    };
    user.status.confirm().map_err(|refused| Refusal::NotConfirmable(refused.0))?;
    count(deps, pool, user.stored().sub.as_str(), "confirm_sign_up", 15).await?;

    let mut user = user;
    for _ in 0..TRIES {
        let (verified, claim) = codes::check(deps, pool, &user, CodePurpose::SignUp, code).await?;
        let mut after = user.clone();
        after.status = user.status.confirm().map_err(|refused| Refusal::NotConfirmable(refused.0))?;
        after.set_verified(verified, true);
        let freed = if force_alias { free_alias(deps, pool, &after, verified).await? } else { Batch::new() };
        let batch = claim.extend(freed).extend(update_user(pool, &user, &after, deps.now()));
        match commit(deps, batch).await? {
            Written::Done => return Ok(()),
            Written::Unmet("AliasExists") if !force_alias => return Err(Refusal::AliasTaken(verified)),
            Written::Unmet(_) => {}
        }
        user = find::user(deps, pool, name).await?.ok_or(Refusal::CodeExpired)?;
    }
    Err(Refusal::Contended)
}

/// Takes the alias from another confirmed owner, if there is one.
async fn free_alias(deps: &Deps, pool: &Pool, new_owner: &User, kind: AliasKind) -> Result<Batch, Refusal> {
    let Some(value) = new_owner.attributes.get(kind.as_str()).filter(|_| pool.alias_attributes.contains(&kind)) else {
        return Ok(Batch::new());
    };
    let owner = find_by_alias(&deps.store, &pool.id, kind, &pool.alias_key(kind, value)).await?;
    match owner.map(User::from_record).transpose()? {
        Some(owner) if owner.stored().sub != new_owner.stored().sub => {
            Ok(release_alias(pool, &owner, kind, deps.now()))
        }
        _ => Ok(Batch::new()),
    }
}

/// Sends the sign-up's code again; the new one replaces the old.
pub(crate) async fn resend(deps: &Deps, pool: &Pool, client: &Client, name: &str) -> Result<CodeDelivery, Refusal> {
    let found = find::user(deps, pool, name).await?;
    let Some(user) = found else {
        if !client.prevent_user_existence_errors {
            return Err(Refusal::UserNotFound);
        }
        let subject = unknown_subject(deps, pool, name).await?;
        count(deps, pool, &subject, "resend", 5).await?;
        return Ok(simulated_delivery(pool, name, &subject));
    };
    if user.status != UserStatus::Unconfirmed {
        return Err(Refusal::AlreadyConfirmed);
    }
    if pool.auto_verified.is_empty() {
        return Err(Refusal::NothingAutoVerified);
    }
    let to = codes::sign_up_channel(pool, &user).ok_or(Refusal::NothingToVerify)?;
    count(deps, pool, user.stored().sub.as_str(), "resend", 5).await?;
    let code = codes::prepare(deps, pool, &user, CodePurpose::SignUp, MessageKind::ResendCode, to).await?;
    match commit(deps, code.batch.clone()).await? {
        Written::Done => {}
        Written::Unmet(_) => return Err(Refusal::UserNotFound),
    }
    if client.prevent_user_existence_errors {
        // Waiting for the delivery would tell a known user from an unknown one.
        deps.queue.wake();
    } else {
        codes::deliver(deps, &code).await?;
    }
    Ok(code.delivery)
}

/// Counts one of so many tries in an hour.
async fn count(deps: &Deps, pool: &Pool, subject: &str, factor: &str, limit: i64) -> Result<(), Refusal> {
    let claim = attempts::claim_in_window(&pool.id, subject, factor, limit, HOUR, deps.now());
    match commit(deps, claim).await? {
        Written::Done => Ok(()),
        Written::Unmet(_) => Err(Refusal::LimitExceeded),
    }
}

/// What an unknown user's code "was sent to": the typed address where there is one, else an address that is always the same
/// for the same name. `subject` is the keyed MAC of the name, so nobody can predict it.
fn simulated_delivery(pool: &Pool, name: &str, subject: &str) -> CodeDelivery {
    let phone = pool.auto_verified.first() == Some(&AliasKind::PhoneNumber) && pool.auto_verified.len() == 1;
    if find::is_email(name) && !phone {
        return CodeDelivery { attribute: AliasKind::Email, destination: codes::masked(AliasKind::Email, name) };
    }
    if find::is_phone(name) {
        let destination = codes::masked(AliasKind::PhoneNumber, name);
        return CodeDelivery { attribute: AliasKind::PhoneNumber, destination };
    }
    let digits: String = subject.bytes().map(|byte| char::from(b'0' + byte % 10)).take(11).collect();
    let letters: String = subject.bytes().map(|byte| char::from(b'a' + byte % 26)).take(2).collect();
    if phone {
        let destination = codes::masked(AliasKind::PhoneNumber, &format!("+{digits}"));
        return CodeDelivery { attribute: AliasKind::PhoneNumber, destination };
    }
    let (local, domain) = letters.split_at(1);
    let destination = codes::masked(AliasKind::Email, &format!("{local}@{domain}"));
    CodeDelivery { attribute: AliasKind::Email, destination }
}
