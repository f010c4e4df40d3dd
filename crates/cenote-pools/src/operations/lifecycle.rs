//! AdminEnableUser, AdminDisableUser, AdminDeleteUser, DeleteUser.

use cenote_store::Batch;
use cenote_wire::idp::{
    AdminDeleteUserRequest, AdminDisableUserRequest, AdminDisableUserResponse, AdminEnableUserRequest,
    AdminEnableUserResponse, DeleteUserRequest, Operation,
};
use cenote_wire::{ApiError, Empty, Sensitive};

use super::users::resource;
use super::{audit, caller, tokens};
use crate::flows::{Refusal, find, lifecycle};
use crate::{Context, Deps};

/// AdminEnableUser.
pub(crate) async fn admin_enable_user(
    deps: &Deps,
    ctx: &Context,
    input: AdminEnableUserRequest,
) -> Result<AdminEnableUserResponse, ApiError> {
    let pool = caller::pool(deps, input.user_pool_id.as_deref()).await?;
    let name = input.username.as_ref().map_or("", Sensitive::expose);
    let audit = audit::row(deps, ctx, Operation::AdminEnableUser, &resource(&pool));
    lifecycle::set_enabled(deps, &pool, name, true, &audit).await?;
    Ok(AdminEnableUserResponse::default())
}

/// AdminDisableUser.
pub(crate) async fn admin_disable_user(
    deps: &Deps,
    ctx: &Context,
    input: AdminDisableUserRequest,
) -> Result<AdminDisableUserResponse, ApiError> {
    let pool = caller::pool(deps, input.user_pool_id.as_deref()).await?;
    let name = input.username.as_ref().map_or("", Sensitive::expose);
    let audit = audit::row(deps, ctx, Operation::AdminDisableUser, &resource(&pool));
    lifecycle::set_enabled(deps, &pool, name, false, &audit).await?;
    Ok(AdminDisableUserResponse::default())
}

/// AdminDeleteUser.
pub(crate) async fn admin_delete_user(
    deps: &Deps,
    ctx: &Context,
    input: AdminDeleteUserRequest,
) -> Result<Empty, ApiError> {
    let pool = caller::pool(deps, input.user_pool_id.as_deref()).await?;
    let name = input.username.as_ref().map_or("", Sensitive::expose);
    let user = find::user(deps, &pool, name).await?.ok_or(Refusal::UserNotFound)?;
    let audit = audit::row(deps, ctx, Operation::AdminDeleteUser, &resource(&pool));
    lifecycle::delete(deps, &pool, &user, audit).await?;
    Ok(Empty)
}

/// DeleteUser: the caller itself.
pub(crate) async fn delete_user(deps: &Deps, _ctx: &Context, input: DeleteUserRequest) -> Result<Empty, ApiError> {
    let bearer = tokens::bearer(deps, input.access_token.as_ref()).await?;
    let pool = caller::pool_of(deps, &bearer.client).await?;
    // A user's own doings are in no audit.
    lifecycle::delete(deps, &pool, &bearer.user, Batch::new()).await?;
    Ok(Empty)
}
