//! Failing closed: a stored setting whose missing effect would let someone in makes the flow that depends on it answer
//! "not built yet" until the effect exists. One place, so that each later issue deletes its line here.

use super::Refusal;
use crate::domain::pool::{AdvancedSecurity, MfaMode, Pool};
use crate::domain::user::User;

fn refuse_if(configured: bool, what: &'static str) -> Result<(), Refusal> {
    if configured { Err(Refusal::NotBuilt(what)) } else { Ok(()) }
}

/// Whether sign-up in this pool has all it depends on.
pub(crate) fn sign_up(pool: &Pool) -> Result<(), Refusal> {
    refuse_if(pool.triggers.pre_sign_up.is_some(), "the PreSignUp trigger")?;
    refuse_if(pool.risk == AdvancedSecurity::Enforced, "AdvancedSecurityMode ENFORCED")?;
    if pool.auto_verified.is_empty() { Ok(()) } else { sending(pool) }
}

/// Whether an administrator's creation of users has all it depends on.
pub(crate) fn admin_create(pool: &Pool) -> Result<(), Refusal> {
    refuse_if(pool.triggers.pre_sign_up.is_some(), "the PreSignUp trigger")
}

/// Whether messages go where the pool says.
pub(crate) fn sending(pool: &Pool) -> Result<(), Refusal> {
    refuse_if(pool.triggers.custom_email_sender.is_some(), "the CustomEmailSender trigger")?;
    refuse_if(pool.triggers.custom_sms_sender.is_some(), "the CustomSMSSender trigger")
}

/// Whether a user's new password is judged as the pool says.
pub(crate) fn new_password(pool: &Pool) -> Result<(), Refusal> {
    refuse_if(pool.risk == AdvancedSecurity::Enforced, "AdvancedSecurityMode ENFORCED")
}

/// Whether signing in to this pool, before it is known who signs in, has all it depends on.
pub(crate) fn sign_in(pool: &Pool) -> Result<(), Refusal> {
    refuse_if(pool.mfa == MfaMode::On, "MfaConfiguration ON")?;
    refuse_if(pool.risk == AdvancedSecurity::Enforced, "AdvancedSecurityMode ENFORCED")?;
    refuse_if(pool.triggers.pre_authentication.is_some(), "the PreAuthentication trigger")?;
    refuse_if(pool.triggers.post_authentication.is_some(), "the PostAuthentication trigger")?;
    tokens(pool)
}

/// Whether tokens of this pool can be made as it says.
pub(crate) fn tokens(pool: &Pool) -> Result<(), Refusal> {
    refuse_if(pool.triggers.pre_token_generation.is_some(), "the PreTokenGeneration trigger")
}

/// Whether this user, whose password was right, may go on without what is not built yet.
pub(crate) fn second_factor(pool: &Pool, user: &User) -> Result<(), Refusal> {
    refuse_if(pool.mfa != MfaMode::Off && user.has_second_factor(), "multi-factor authentication")
}
