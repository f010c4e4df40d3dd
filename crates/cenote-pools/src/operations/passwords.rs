//! ChangePassword, and the recovery of a forgotten password: ForgotPassword, ConfirmForgotPassword,
//! AdminResetUserPassword.

use cenote_wire::idp::{
    AdminResetUserPasswordRequest, AdminResetUserPasswordResponse, ChangePasswordRequest, ChangePasswordResponse,
    ConfirmForgotPasswordRequest, ConfirmForgotPasswordResponse, ForgotPasswordRequest, ForgotPasswordResponse,
    Operation,
};
use cenote_wire::{ApiError, Sensitive};

use super::errors::{NEW_PASSWORD, RECOVERING, WORDS};
use super::sign_up::delivery;
use super::users::resource;
use super::{audit, caller, tokens};
use crate::flows::{change_password as changing, recovery};
use crate::{Context, Deps};

/// ForgotPassword.
pub(crate) async fn forgot_password(
    deps: &Deps,
    ctx: &Context,
    input: ForgotPasswordRequest,
) -> Result<ForgotPasswordResponse, ApiError> {
    let (pool, client) = caller::client(deps, input.client_id.as_ref()).await?;
    let username = input.username.as_ref().map_or("", Sensitive::expose);
    caller::check_secret_hash(&client, input.secret_hash.as_ref(), username)?;
    let sent = recovery::forgot_password(deps, &pool, &client, caller::public_entry(ctx), username)
        .await
        .map_err(|refusal| RECOVERING.error(refusal))?;
    Ok(ForgotPasswordResponse { code_delivery_details: Some(delivery(&sent)) })
}

/// ConfirmForgotPassword.
pub(crate) async fn confirm_forgot_password(
    deps: &Deps,
    ctx: &Context,
    input: ConfirmForgotPasswordRequest,
) -> Result<ConfirmForgotPasswordResponse, ApiError> {
    let (pool, client) = caller::client(deps, input.client_id.as_ref()).await?;
    let username = input.username.as_ref().map_or("", Sensitive::expose);
    caller::check_secret_hash(&client, input.secret_hash.as_ref(), username)?;
    let code = input.confirmation_code.as_ref().map_or("", Sensitive::expose);
    let password = input.password.map(Sensitive::into_secret).unwrap_or_default();
    recovery::confirm(deps, &pool, &client, caller::public_entry(ctx), username, code, &password)
        .await
        .map_err(|refusal| RECOVERING.error(refusal))?;
    Ok(ConfirmForgotPasswordResponse::default())
}

/// AdminResetUserPassword.
pub(crate) async fn admin_reset_user_password(
    deps: &Deps,
    ctx: &Context,
    input: AdminResetUserPasswordRequest,
) -> Result<AdminResetUserPasswordResponse, ApiError> {
    let pool = caller::pool(deps, input.user_pool_id.as_deref()).await?;
    let name = input.username.as_ref().map_or("", Sensitive::expose);
    let audit = audit::row(deps, ctx, Operation::AdminResetUserPassword, &resource(&pool));
    recovery::reset(deps, &pool, name, &audit).await.map_err(|refusal| WORDS.error(refusal))?;
    Ok(AdminResetUserPasswordResponse::default())
}

/// ChangePassword: the caller's own password.
pub(crate) async fn change_password(
    deps: &Deps,
    ctx: &Context,
    input: ChangePasswordRequest,
) -> Result<ChangePasswordResponse, ApiError> {
    let bearer = tokens::bearer(deps, input.access_token.as_ref()).await?;
    let pool = caller::pool_of(deps, &bearer.client).await?;
    let previous = input.previous_password.map(Sensitive::into_secret);
    let proposed = input.proposed_password.map(Sensitive::into_secret).unwrap_or_default();
    let entry = caller::public_entry(ctx);
    changing::change_password(deps, &pool, &bearer.client, entry, bearer.user, previous.as_ref(), &proposed)
        .await
        .map_err(|refusal| NEW_PASSWORD.error(refusal))?;
    Ok(ChangePasswordResponse::default())
}
