//! `Policies`: passwords and first factors.

use cenote_wire::ApiError;
use cenote_wire::idp::{AuthFactorType, PasswordPolicyType, SignInPolicyType, UserPoolPolicyType, UserPoolType};

const DEFAULT_MINIMUM_LENGTH: i32 = 8;
const DEFAULT_TEMPORARY_DAYS: i32 = 7;

/// The policies after a request: password policy and sign-in policy are kept each on its own where the request says
/// nothing. `unused_days` is `AdminCreateUserConfig.UnusedAccountValidityDays`, the older name of the password policy's
/// `TemporaryPasswordValidityDays`.
pub(super) fn merge(
    current: Option<&UserPoolPolicyType>,
    requested: Option<UserPoolPolicyType>,
    unused_days: Option<i32>,
) -> Result<UserPoolPolicyType, ApiError> {
    let requested = requested.unwrap_or_default();
    let named_days = requested.password_policy.as_ref().and_then(|policy| policy.temporary_password_validity_days);
    let days = requested_days(named_days, unused_days)?;
    let mut passwords = match requested.password_policy {
        Some(policy) => complete(policy),
        None => current.and_then(|policies| policies.password_policy.clone()).unwrap_or_else(strict),
    };
    if days.is_some() {
        passwords.temporary_password_validity_days = days;
    }
    let sign_in = requested
        .sign_in_policy
        .filter(|policy| policy.allowed_first_auth_factors.is_some())
        .or_else(|| current.and_then(|policies| policies.sign_in_policy.clone()))
        .unwrap_or_else(|| SignInPolicyType { allowed_first_auth_factors: Some(vec![AuthFactorType::Password]) });
    Ok(UserPoolPolicyType { password_policy: Some(passwords), sign_in_policy: Some(sign_in) })
}

/// How many days a temporary password works.
pub(super) fn temporary_days(policies: &UserPoolPolicyType) -> i32 {
    policies
        .password_policy
        .as_ref()
        .and_then(|policy| policy.temporary_password_validity_days)
        .unwrap_or(DEFAULT_TEMPORARY_DAYS)
}

/// What both names say together; 0 says nothing.
fn requested_days(named: Option<i32>, unused: Option<i32>) -> Result<Option<i32>, ApiError> {
    match (named.filter(|days| *days > 0), unused.filter(|days| *days > 0)) {
        (Some(named), Some(unused)) if named != unused => Err(ApiError::invalid_parameter(
            "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays",
        )),
        (named, unused) => Ok(named.or(unused)),
    }
}

/// What a pool without any policy asks for.
fn strict() -> PasswordPolicyType {
    PasswordPolicyType {
        minimum_length: Some(DEFAULT_MINIMUM_LENGTH),
        require_uppercase: Some(true),
        require_lowercase: Some(true),
        require_numbers: Some(true),
        require_symbols: Some(true),
        password_history_size: None,
        temporary_password_validity_days: Some(DEFAULT_TEMPORARY_DAYS),
    }
}

/// A policy that was sent asks only what it names: clients leave `false` out.
fn complete(policy: PasswordPolicyType) -> PasswordPolicyType {
    let flag = |flag: Option<bool>| Some(flag.unwrap_or(false));
    PasswordPolicyType {
        minimum_length: Some(policy.minimum_length.unwrap_or(DEFAULT_MINIMUM_LENGTH)),
        require_uppercase: flag(policy.require_uppercase),
        require_lowercase: flag(policy.require_lowercase),
        require_numbers: flag(policy.require_numbers),
        require_symbols: flag(policy.require_symbols),
        password_history_size: policy.password_history_size,
        temporary_password_validity_days: policy
            .temporary_password_validity_days
            .filter(|days| *days > 0)
            .or(Some(DEFAULT_TEMPORARY_DAYS)),
    }
}

/// The first factors of completed settings.
pub(super) fn first_factors(pool: &UserPoolType) -> &[AuthFactorType] {
    pool.policies
        .as_ref()
        .and_then(|policies| policies.sign_in_policy.as_ref())
        .and_then(|policy| policy.allowed_first_auth_factors.as_deref())
        .unwrap_or_default()
}

/// A password must be among the first factors, and a time-based code never is (08 §12: the enumeration is wider than
/// what may be configured).
pub(super) fn check(pool: &UserPoolType) -> Result<(), ApiError> {
    let factors = first_factors(pool);
    if !factors.contains(&AuthFactorType::Password) {
        return Err(ApiError::invalid_parameter(
            "Password should be configured as one of the allowed first auth factors.",
        ));
    }
    if factors.contains(&AuthFactorType::SoftwareToken) {
        return Err(ApiError::invalid_parameter("SOFTWARE_TOKEN cannot be one of the allowed first auth factors."));
    }
    Ok(())
}
