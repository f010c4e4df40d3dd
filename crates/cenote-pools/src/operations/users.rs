//! What an administrator asks and does about a user, and what a user asks about itself.

use cenote_messages::Medium;
use cenote_wire::idp::{
    AdminConfirmSignUpRequest, AdminConfirmSignUpResponse, AdminCreateUserRequest, AdminCreateUserResponse,
    AdminGetUserRequest, AdminGetUserResponse, AdminSetUserPasswordRequest, AdminSetUserPasswordResponse,
    DeliveryMediumType, GetUserRequest, GetUserResponse, MessageActionType, Operation,
};
use cenote_wire::{ApiError, Sensitive};

use super::errors::{CREATING, WORDS};
use super::{attributes, audit, caller, tokens};
use crate::domain::pool::Pool;
use crate::flows::admin::{self, Invitation};
use crate::flows::{Refusal, find};
use crate::{Context, Deps};

/// What an audit row names as changed.
pub(crate) fn resource(pool: &Pool) -> String {
    pool.id.arn(&pool.account).to_string()
}

/// AdminCreateUser.
pub(crate) async fn admin_create_user(
    deps: &Deps,
    ctx: &Context,
    input: AdminCreateUserRequest,
) -> Result<AdminCreateUserResponse, ApiError> {
    let pool = caller::pool(deps, input.user_pool_id.as_deref()).await?;
    let action = input.message_action;
    let mediums = match (&action, input.desired_delivery_mediums) {
        (Some(MessageActionType::Suppress), _) => Vec::new(),
        (_, Some(mediums)) if !mediums.is_empty() => distinct(&mediums),
        _ => vec![Medium::Sms],
    };
    let new = Invitation {
        username: input.username.map(Sensitive::into_exposed).unwrap_or_default(),
        temporary_password: input.temporary_password.map(Sensitive::into_secret).filter(|given| !given.is_empty()),
        attributes: attributes::from_list(input.user_attributes),
        mediums,
        force_alias: input.force_alias_creation.unwrap_or(false),
    };
    let audit = audit::row(deps, ctx, Operation::AdminCreateUser, &resource(&pool));
    let user = match action {
        Some(MessageActionType::Resend) => admin::invite_again(deps, &pool, new, audit).await,
        _ => admin::create(deps, &pool, new, audit).await,
    };
    let user = user.map_err(|refusal| CREATING.error(refusal))?;
    Ok(AdminCreateUserResponse { user: Some(attributes::user_type(&user)) })
}

/// Each medium once, in the order in which they were named.
fn distinct(wire: &[DeliveryMediumType]) -> Vec<Medium> {
    let mut mediums = Vec::new();
    for medium in wire {
        let medium = if *medium == DeliveryMediumType::Email { Medium::Email } else { Medium::Sms };
        if !mediums.contains(&medium) {
            mediums.push(medium);
        }
    }
    mediums
}

/// AdminGetUser.
pub(crate) async fn admin_get_user(
    deps: &Deps,
    _ctx: &Context,
    input: AdminGetUserRequest,
) -> Result<AdminGetUserResponse, ApiError> {
    let pool = caller::pool(deps, input.user_pool_id.as_deref()).await?;
    let name = input.username.as_ref().map_or("", Sensitive::expose);
    let user = find::user(deps, &pool, name).await?.ok_or(Refusal::UserNotFound)?;
    Ok(AdminGetUserResponse {
        username: Some(user.username().into()),
        user_attributes: Some(attributes::to_list(&user, None)),
        user_create_date: Some(user.stored().created_at),
        user_last_modified_date: Some(user.stored().modified_at),
        enabled: Some(user.stored().enabled),
        user_status: Some(attributes::status(&user)),
        ..AdminGetUserResponse::default()
    })
}

/// AdminConfirmSignUp.
pub(crate) async fn admin_confirm_sign_up(
    deps: &Deps,
    ctx: &Context,
    input: AdminConfirmSignUpRequest,
) -> Result<AdminConfirmSignUpResponse, ApiError> {
    let pool = caller::pool(deps, input.user_pool_id.as_deref()).await?;
    let name = input.username.as_ref().map_or("", Sensitive::expose);
    let audit = audit::row(deps, ctx, Operation::AdminConfirmSignUp, &resource(&pool));
    admin::confirm(deps, &pool, name, &audit).await.map_err(|refusal| WORDS.error(refusal))?;
    Ok(AdminConfirmSignUpResponse::default())
}

/// AdminSetUserPassword.
pub(crate) async fn admin_set_user_password(
    deps: &Deps,
    ctx: &Context,
    input: AdminSetUserPasswordRequest,
) -> Result<AdminSetUserPasswordResponse, ApiError> {
    let pool = caller::pool(deps, input.user_pool_id.as_deref()).await?;
    let name = input.username.as_ref().map_or("", Sensitive::expose);
    let password = input.password.map(Sensitive::into_secret).unwrap_or_default();
    let audit = audit::row(deps, ctx, Operation::AdminSetUserPassword, &resource(&pool));
    let permanent = input.permanent.unwrap_or(false);
    admin::set_password(deps, &pool, name, &password, permanent, &audit)
        .await
        .map_err(|refusal| WORDS.error(refusal))?;
    Ok(AdminSetUserPasswordResponse::default())
}

/// GetUser: the caller's own attributes, as far as the client may read them.
pub(crate) async fn get_user(deps: &Deps, _ctx: &Context, input: GetUserRequest) -> Result<GetUserResponse, ApiError> {
    let bearer = tokens::bearer(deps, input.access_token.as_ref()).await?;
    Ok(GetUserResponse {
        username: Some(bearer.user.username().into()),
        user_attributes: Some(attributes::to_list(&bearer.user, Some(&bearer.client))),
        ..GetUserResponse::default()
    })
}
