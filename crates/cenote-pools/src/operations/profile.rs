//! A user's attributes: changed and deleted by the user or an administrator, and the verification of addresses.

use std::sync::Arc;

use cenote_store::Batch;
use cenote_wire::idp::{
    AdminDeleteUserAttributesRequest, AdminDeleteUserAttributesResponse, AdminUpdateUserAttributesRequest,
    AdminUpdateUserAttributesResponse, DeleteUserAttributesRequest, DeleteUserAttributesResponse,
    GetUserAttributeVerificationCodeRequest, GetUserAttributeVerificationCodeResponse, Operation,
    UpdateUserAttributesRequest, UpdateUserAttributesResponse, VerifyUserAttributeRequest, VerifyUserAttributeResponse,
};
use cenote_wire::{ApiError, Sensitive};

use super::sign_up::delivery;
use super::tokens::{self, Bearer};
use super::users::resource;
use super::{attributes, audit, caller};
use crate::domain::pool::Pool;
use crate::domain::schema::Writer;
use crate::domain::user::User;
use crate::flows::credentials::take_limits;
use crate::flows::{Refusal, find, profile, verification};
use crate::{Context, Deps};

/// UpdateUserAttributes.
pub(crate) async fn update_user_attributes(
    deps: &Deps,
    ctx: &Context,
    input: UpdateUserAttributesRequest,
) -> Result<UpdateUserAttributesResponse, ApiError> {
    let (pool, Bearer { user, client }) = bearer(deps, ctx, input.access_token.as_ref()).await?;
    let given = attributes::from_list(input.user_attributes);
    let sent = profile::update(deps, &pool, user, &given, Writer::Client(&client), &Batch::new()).await?;
    Ok(UpdateUserAttributesResponse { code_delivery_details_list: Some(sent.iter().map(delivery).collect()) })
}

/// DeleteUserAttributes.
pub(crate) async fn delete_user_attributes(
    deps: &Deps,
    ctx: &Context,
    input: DeleteUserAttributesRequest,
) -> Result<DeleteUserAttributesResponse, ApiError> {
    let (pool, Bearer { user, client }) = bearer(deps, ctx, input.access_token.as_ref()).await?;
    let names = input.user_attribute_names.unwrap_or_default();
    profile::delete(deps, &pool, user, &names, Writer::Client(&client), &Batch::new()).await?;
    Ok(DeleteUserAttributesResponse::default())
}

/// AdminUpdateUserAttributes.
pub(crate) async fn admin_update_user_attributes(
    deps: &Deps,
    ctx: &Context,
    input: AdminUpdateUserAttributesRequest,
) -> Result<AdminUpdateUserAttributesResponse, ApiError> {
    let (pool, user) = named(deps, input.user_pool_id.as_deref(), input.username.as_ref()).await?;
    let given = attributes::from_list(input.user_attributes);
    let audit = audit::row(deps, ctx, Operation::AdminUpdateUserAttributes, &resource(&pool));
    profile::update(deps, &pool, user, &given, Writer::Admin, &audit).await?;
    Ok(AdminUpdateUserAttributesResponse::default())
}

/// AdminDeleteUserAttributes.
pub(crate) async fn admin_delete_user_attributes(
    deps: &Deps,
    ctx: &Context,
    input: AdminDeleteUserAttributesRequest,
) -> Result<AdminDeleteUserAttributesResponse, ApiError> {
    let (pool, user) = named(deps, input.user_pool_id.as_deref(), input.username.as_ref()).await?;
    let names = input.user_attribute_names.unwrap_or_default();
    let audit = audit::row(deps, ctx, Operation::AdminDeleteUserAttributes, &resource(&pool));
    profile::delete(deps, &pool, user, &names, Writer::Admin, &audit).await?;
    Ok(AdminDeleteUserAttributesResponse::default())
}

/// GetUserAttributeVerificationCode.
pub(crate) async fn get_user_attribute_verification_code(
    deps: &Deps,
    ctx: &Context,
    input: GetUserAttributeVerificationCodeRequest,
) -> Result<GetUserAttributeVerificationCodeResponse, ApiError> {
    let (pool, Bearer { user, .. }) = bearer(deps, ctx, input.access_token.as_ref()).await?;
    let attribute = verification::address(input.attribute_name.as_deref().unwrap_or_default())?;
    let sent = verification::send_code(deps, &pool, user, attribute).await?;
    Ok(GetUserAttributeVerificationCodeResponse { code_delivery_details: Some(delivery(&sent)) })
}

/// VerifyUserAttribute.
pub(crate) async fn verify_user_attribute(
    deps: &Deps,
    ctx: &Context,
    input: VerifyUserAttributeRequest,
) -> Result<VerifyUserAttributeResponse, ApiError> {
    let (pool, Bearer { user, .. }) = bearer(deps, ctx, input.access_token.as_ref()).await?;
    let attribute = verification::address(input.attribute_name.as_deref().unwrap_or_default())?;
    let code = input.code.as_ref().map_or("", Sensitive::expose);
    verification::verify(deps, &pool, user, attribute, code).await?;
    Ok(VerifyUserAttributeResponse::default())
}

/// The user whose access token a call bears, and the pool. Counts against the client's and the address's limits: each of
/// these calls writes, and some send.
async fn bearer(deps: &Deps, ctx: &Context, token: Option<&Sensitive>) -> Result<(Arc<Pool>, Bearer), ApiError> {
    let bearer = tokens::bearer(deps, token).await?;
    let pool = caller::pool_of(deps, &bearer.client).await?;
    take_limits(deps, &bearer.client, caller::public_entry(ctx))?;
    Ok((pool, bearer))
}

/// The user whom an administrator names.
async fn named(deps: &Deps, pool: Option<&str>, name: Option<&Sensitive>) -> Result<(Arc<Pool>, User), ApiError> {
    let pool = caller::pool(deps, pool).await?;
    let name = name.map_or("", Sensitive::expose);
    let user = find::user(deps, &pool, name).await?.ok_or(Refusal::UserNotFound)?;
    Ok((pool, user))
}
