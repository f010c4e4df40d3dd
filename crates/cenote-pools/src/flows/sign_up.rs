//! Signing up: the new user, its confirmation by a code, and the code sent again.

use cenote_base::{Secret, Sub};
use cenote_messages::MessageKind;
use cenote_secrets::PolicyViolation;
use cenote_store::Batch;
use cenote_store::records::users::{AliasKind, find_by_sub};

use super::codes::{self, CodeDelivery, CodePurpose};
use super::credentials::take_limits;
use super::find;
use super::hourly::{Hourly, limited};
use super::new_user::{blank_user, check_free, new_attributes, not_inserted, with_flags};
use super::public_codes::{self, CodeRequest};
use super::write::{TRIES, Written, commit, insert_user, update_user};
use super::{Entry, Refusal, aliases, links, messages, password, supported};
use crate::Deps;
use crate::domain::client::Client;
use crate::domain::pool::{FirstFactor, Pool};
use crate::domain::schema::Writer;
use crate::domain::user::{Attributes, User, UserStatus};

/// What a person gives to sign up.
pub(crate) struct NewUser {
    pub username: String,
    pub password: Option<Secret>,
    pub attributes: Attributes,
}

/// A user who has just signed up.
#[derive(Debug)]
pub(crate) struct SignedUp {
    pub sub: Sub,
    pub delivery: Option<CodeDelivery>,
}

/// Signs a user up (reference 03 §2): the checks in Cognito's order, then user, code and message in one batch.
pub(crate) async fn sign_up(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    entry: Entry,
    new: NewUser,
) -> Result<SignedUp, Refusal> {
    if pool.admin_create_only {
        return Err(Refusal::SignUpNotPermitted);
    }
    supported::sign_up(pool)?;
    let name = find::new_name(pool, &new.username)?;
    let wanted = wanted_password(pool, new.password)?;
    let attributes = new_attributes(pool, &name, new.attributes)?;
    if pool.alias_attributes.contains(&AliasKind::PreferredUsername) && attributes.contains_key("preferred_username") {
        return Err(Refusal::PreferredUsernameTooEarly);
    }
    pool.schema.check_new(&attributes, Writer::Client(client))?;
    take_limits(deps, client, entry)?;

    let now = deps.now();
    let sub = Sub::generate(&*deps.random);
    let mut user = blank_user(pool, &sub, &name, with_flags(attributes), UserStatus::Unconfirmed, now)?;
    check_free(deps, pool, &user, &name).await?;
    if let Some(wanted) = &wanted {
        let prepared = password::prepare(deps, pool, &user, wanted).await?;
        password::set_permanent(&mut user, prepared, now);
    }
    let code = match codes::sign_up_channel(pool, &user) {
        Some(to) => {
            Some(codes::prepare_through(deps, pool, client, &user, CodePurpose::SignUp, MessageKind::SignUp, to).await?)
        }
        None => None,
    };
    let mut batch = insert_user(deps, pool, &user);
    if let Some(code) = &code {
        batch = batch.extend(code.batch.clone());
    }
    if commit(deps, batch).await? != Written::Done {
        return Err(not_inserted(deps, pool, &user, &name).await?);
    }
    if let Some(code) = &code {
        messages::deliver(deps, std::slice::from_ref(&code.message)).await?;
    }
    Ok(SignedUp { sub, delivery: code.map(|code| code.delivery) })
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
fn allows_codes(pool: &Pool) -> bool {
    pool.first_factors.iter().any(|factor| matches!(factor, FirstFactor::EmailOtp | FirstFactor::SmsOtp))
}

/// Confirms a sign-up by its code (reference 03 §4). The address that the code went to is verified with it.
pub(crate) async fn confirm(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    entry: Entry,
    name: &str,
    code: &str,
    force_alias: bool,
) -> Result<(), Refusal> {
    take_limits(deps, client, entry)?;
    let Some(mut user) = find::user(deps, pool, name).await? else {
        return Err(if client.prevent_user_existence_errors {
            public_codes::refuse_nobody(deps, pool, name, CodePurpose::SignUp, CONFIRMATIONS).await
        } else {
            Refusal::UserNotFound
        });
    };
    let sub = user.stored().sub.clone();
    user.status.confirm().map_err(|refused| Refusal::NotConfirmable(refused.0))?;
    limited(deps, CONFIRMATIONS.claim(deps, pool, sub.as_str())).await?;
    for _ in 0..TRIES {
        let mut after = user.clone();
        after.status = user.status.confirm().map_err(|refused| Refusal::NotConfirmable(refused.0))?;
        let (verified, claim) = codes::check(deps, pool, &user, CodePurpose::SignUp, code).await?;
        after.set_verified(verified, true);
        let freed = if force_alias { aliases::take_over(deps, pool, &after).await? } else { Batch::new() };
        let used = links::remember(deps, pool, &user, verified, code).await?;
        let batch = claim.extend(used).extend(freed).extend(update_user(pool, &user, &after, deps.now()));
        match commit(deps, batch).await? {
            Written::Done => return Ok(()),
            Written::Unmet("AliasExists") => aliases::refuse_taken(deps, pool, &after, force_alias).await?,
            Written::Unmet(_) => {}
        }
        match find_by_sub(&deps.store, &pool.id, &sub).await? {
            Some(record) => user = User::from_record(record)?,
            None if client.prevent_user_existence_errors => return Err(Refusal::CodeExpired),
            None => return Err(Refusal::UserNotFound),
        }
    }
    Err(Refusal::Contended)
}

/// Sends the sign-up's code again; the new one replaces the old.
pub(crate) async fn resend(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    entry: Entry,
    name: &str,
) -> Result<CodeDelivery, Refusal> {
    // Before it is known whether there is such a user: what is refused for one must be refused for all.
    supported::sending(pool)?;
    take_limits(deps, client, entry)?;
    let Some(user) = find::user(deps, pool, name).await? else {
        return resend_to_nobody(deps, pool, client, name).await;
    };
    if user.status != UserStatus::Unconfirmed {
        return Err(Refusal::AlreadyConfirmed);
    }
    if pool.auto_verified.is_empty() {
        return Err(Refusal::NothingAutoVerified);
    }
    let to = codes::sign_up_channel(pool, &user).ok_or(Refusal::NothingToVerify)?;
    match RESENDING.send(deps, pool, client, &user, to).await {
        // Deleted meanwhile.
        Err(Refusal::UserNotFound) => resend_to_nobody(deps, pool, client, name).await,
        sent => sent,
    }
}

async fn resend_to_nobody(deps: &Deps, pool: &Pool, client: &Client, name: &str) -> Result<CodeDelivery, Refusal> {
    if !client.prevent_user_existence_errors {
        return Err(Refusal::UserNotFound);
    }
    if pool.auto_verified.is_empty() {
        return Err(Refusal::NothingAutoVerified);
    }
    RESENDING.simulate(deps, pool, name, &pool.auto_verified).await
}

/// ConfirmSignUp and confirmation links.
pub(super) const CONFIRMATIONS: Hourly = Hourly { factor: "confirm_sign_up", most: 15 };
const RESENDING: CodeRequest = CodeRequest {
    purpose: CodePurpose::SignUp,
    kind: MessageKind::ResendCode,
    limit: Hourly { factor: "resend", most: 5 },
};
