//! SignUp, ConfirmSignUp, ResendConfirmationCode.

use cenote_messages::Medium;
use cenote_wire::idp::{
    CodeDeliveryDetailsType, ConfirmSignUpRequest, ConfirmSignUpResponse, DeliveryMediumType,
    ResendConfirmationCodeRequest, ResendConfirmationCodeResponse, SignUpRequest, SignUpResponse,
};
use cenote_wire::{ApiError, Sensitive};

use super::errors::{CONFIRMING, WORDS};
use super::{attributes, caller};
use crate::flows::codes::CodeDelivery;
use crate::flows::messages;
use crate::flows::sign_up::{self, NewUser};
use crate::{Context, Deps};

/// SignUp.
pub(crate) async fn sign_up(deps: &Deps, ctx: &Context, input: SignUpRequest) -> Result<SignUpResponse, ApiError> {
    let (pool, client) = caller::client(deps, input.client_id.as_ref()).await?;
    let username = input.username.map(Sensitive::into_exposed).unwrap_or_default();
    caller::check_secret_hash(&client, input.secret_hash.as_ref(), &username)?;
    let new = NewUser {
        username,
        password: input.password.map(Sensitive::into_secret),
        attributes: attributes::from_list(input.user_attributes),
    };
    let signed_up = sign_up::sign_up(deps, &pool, &client, caller::public_entry(ctx), new)
        .await
        .map_err(|refusal| WORDS.error(refusal))?;
    Ok(SignUpResponse {
        // Only the PreSignUp trigger confirms at once.
        user_confirmed: Some(false),
        code_delivery_details: signed_up.delivery.as_ref().map(delivery),
        user_sub: Some(signed_up.sub.to_string()),
        session: None,
    })
}

/// ConfirmSignUp.
pub(crate) async fn confirm_sign_up(
    deps: &Deps,
    ctx: &Context,
    input: ConfirmSignUpRequest,
) -> Result<ConfirmSignUpResponse, ApiError> {
    let (pool, client) = caller::client(deps, input.client_id.as_ref()).await?;
    let username = input.username.as_ref().map_or("", Sensitive::expose);
    caller::check_secret_hash(&client, input.secret_hash.as_ref(), username)?;
    let code = input.confirmation_code.as_ref().map_or("", Sensitive::expose);
    let force_alias = input.force_alias_creation.unwrap_or(false);
    sign_up::confirm(deps, &pool, &client, caller::public_entry(ctx), username, code, force_alias)
        .await
        .map_err(|refusal| CONFIRMING.error(refusal))?;
    Ok(ConfirmSignUpResponse::default())
}

/// ResendConfirmationCode.
pub(crate) async fn resend_confirmation_code(
    deps: &Deps,
    ctx: &Context,
    input: ResendConfirmationCodeRequest,
) -> Result<ResendConfirmationCodeResponse, ApiError> {
    let (pool, client) = caller::client(deps, input.client_id.as_ref()).await?;
    let username = input.username.as_ref().map_or("", Sensitive::expose);
    caller::check_secret_hash(&client, input.secret_hash.as_ref(), username)?;
    let sent = sign_up::resend(deps, &pool, &client, caller::public_entry(ctx), username)
        .await
        .map_err(|refusal| CONFIRMING.error(refusal))?;
    Ok(ResendConfirmationCodeResponse { code_delivery_details: Some(delivery(&sent)) })
}

/// Where a code went.
pub(crate) fn delivery(sent: &CodeDelivery) -> CodeDeliveryDetailsType {
    CodeDeliveryDetailsType {
        destination: Some(sent.destination.clone()),
        delivery_medium: Some(match messages::medium(sent.attribute) {
            Medium::Email => DeliveryMediumType::Email,
            Medium::Sms => DeliveryMediumType::Sms,
        }),
        attribute_name: Some(sent.attribute.as_str().to_owned()),
    }
}
