//! The issue of tokens, and what is done with them: RevokeToken, GlobalSignOut and its sibling for administrators, and
//! the user whose token a call bears. How they are refreshed: [`super::refresh`].

use std::sync::Arc;

use cenote_base::{RandomExt as _, Timestamp};
use cenote_store::Batch;
use cenote_store::records::families::{self as family_records, FamilyRecord};
use cenote_store::records::users::invalidate_tokens;
use cenote_tokens::families::{SignIn, begin, signed_out_at};
use cenote_tokens::{AccessClaims, AccessTokenError, IdClaims, Issue, Readable, RefreshError, USER_ADMIN_SCOPE};
use cenote_wire::idp::{
    AdminUserGlobalSignOutRequest, AdminUserGlobalSignOutResponse, AuthenticationResultType, GlobalSignOutRequest,
    GlobalSignOutResponse, Operation, RevokeTokenRequest, RevokeTokenResponse,
};
use cenote_wire::{ApiError, Sensitive};

use super::{audit, caller, refresh};
use crate::domain::client::Client;
use crate::domain::pool::Pool;
use crate::domain::user::User;
use crate::flows::sign_in::{Authentication, Method};
use crate::flows::write::{Written, commit};
use crate::flows::{Refusal, aliases, find, supported};
use crate::{Context, Deps};

/// Issues the tokens of a sign-in; what it changed is committed with them. `None` when others changed the user
/// meanwhile, so that the sign-in has to be decided again.
pub(crate) async fn issue(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    authentication: Authentication,
) -> Result<Option<AuthenticationResultType>, Refusal> {
    supported::tokens(pool)?;
    let Authentication { user, methods, event_id, batch } = authentication;
    let methods: Vec<&str> = methods.into_iter().map(Method::as_str).collect();
    let sign_in = SignIn {
        user: user.stored(),
        client: &client.id,
        scopes: USER_ADMIN_SCOPE,
        methods: &methods,
        device_key: None,
        sso_id: None,
        session_id: None,
        refresh_validity: client.refresh_validity,
    };
    let family = begin(&sign_in, deps.now(), &*deps.random);
    match commit(deps, batch.extend(family_records::insert(&family))).await? {
        Written::Done => {}
        Written::Unmet("SessionUsed") => return Err(Refusal::SessionUsed),
        Written::Unmet("AliasExists") => {
            // Somebody else's, unless that owner has gone meanwhile.
            aliases::refuse_taken(deps, pool, &user, false).await?;
            return Ok(None);
        }
        Written::Unmet(_) => return Ok(None),
    }
    let mut result = sign(deps, pool, client, &user, &family, &event_id).await?;
    result.refresh_token = Some(deps.refresh.seal(&family).await?.into());
    Ok(Some(result))
}

/// Signs an ID token and an access token of this family.
pub(super) async fn sign(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    user: &User,
    family: &FamilyRecord,
    event_id: &str,
) -> Result<AuthenticationResultType, Refusal> {
    let stored = user.stored();
    let issue = Issue {
        issuer: &pool.issuer,
        client: &client.id,
        auth_time: family.auth_time,
        issued_at: deps.now(),
        event_id: Some(event_id),
        origin_jti: client.token_revocation.then_some(family.origin_jti.as_str()),
        groups: &[],
    };
    let id = IdClaims {
        issue,
        validity: client.id_validity,
        jti: &deps.random.uuid_v4().to_string(),
        sub: &stored.sub,
        username: user.username(),
        attributes: &user.attributes,
        readable: client.read_attributes.as_deref().map_or(Readable::All, Readable::Only),
        identities: &[],
        nonce: None,
        at_hash: None,
        acr: None,
        amr: &[],
    }
    .build();
    let access = AccessClaims {
        issue,
        validity: client.access_validity,
        jti: &deps.random.uuid_v4().to_string(),
        sub: stored.sub.as_str(),
        username: Some(user.username()),
        scope: &family.scopes,
        device_key: family.device_key.as_deref(),
        oauth: false,
    }
    .build();
    let (id_token, access_token) = deps.signing.sign_both(&pool.id, &id, &access).await?;
    Ok(AuthenticationResultType {
        access_token: Some(access_token.into()),
        expires_in: Some(i32::try_from(client.access_validity.as_secs()).unwrap_or(i32::MAX)),
        token_type: Some("Bearer".to_owned()),
        id_token: Some(id_token.into()),
        ..AuthenticationResultType::default()
    })
}

/// The user whose access token a call bears.
#[derive(Debug)]
pub(crate) struct Bearer {
    /// The user, as it is now.
    pub user: User,
    /// The client that the token was issued to.
    pub client: Arc<Client>,
}

/// Checks an access token for the operations of its user (reference 01 §4).
pub(crate) async fn bearer(deps: &Deps, token: Option<&Sensitive>) -> Result<Bearer, ApiError> {
    let token = token.map_or("", Sensitive::expose);
    let context = deps.access.check(token).await.map_err(access_error)?;
    let client = deps.directory.client(&context.client).await?;
    let client = client.ok_or_else(|| ApiError::not_authorized("Access Token has been revoked"))?;
    Ok(Bearer { user: User::from_record(context.user).map_err(Refusal::from)?, client })
}

/// Checks the access token in the body of an operation that is not built.
pub(crate) async fn bearer_of_body(deps: &Deps, body: &[u8]) -> Result<(), ApiError> {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let token = body.get("AccessToken").and_then(serde_json::Value::as_str).map(Sensitive::from);
    bearer(deps, token.as_ref()).await.map(drop)
}

fn access_error(error: AccessTokenError) -> ApiError {
    match error {
        AccessTokenError::Invalid(flaw) => {
            ApiError::not_authorized("Invalid Access Token").with_detail(flaw.to_string())
        }
        AccessTokenError::Expired => ApiError::not_authorized("Access Token has expired"),
        AccessTokenError::Revoked => ApiError::not_authorized("Access Token has been revoked"),
        AccessTokenError::MissingScope => ApiError::not_authorized("Access Token does not have required scopes"),
        AccessTokenError::UserDisabled => ApiError::not_authorized("User is disabled."),
        AccessTokenError::UserGone => ApiError::user_not_found("User does not exist."),
        AccessTokenError::Unavailable(cause) => Refusal::from(cause).into(),
    }
}

/// GlobalSignOut: ends all of the user's sign-ins.
pub(crate) async fn global_sign_out(
    deps: &Deps,
    _ctx: &Context,
    input: GlobalSignOutRequest,
) -> Result<GlobalSignOutResponse, ApiError> {
    let bearer = bearer(deps, input.access_token.as_ref()).await.map_err(|error| match error.code {
        // GlobalSignOut never says that a user is gone (reference 01 §9).
        cenote_wire::ErrorCode::UserNotFound => ApiError::not_authorized("Access Token has been revoked"),
        _ => error,
    })?;
    commit(deps, signed_out(&bearer.user, deps.now())).await?;
    Ok(GlobalSignOutResponse::default())
}

/// AdminUserGlobalSignOut: as GlobalSignOut, for any user.
pub(crate) async fn admin_user_global_sign_out(
    deps: &Deps,
    ctx: &Context,
    input: AdminUserGlobalSignOutRequest,
) -> Result<AdminUserGlobalSignOutResponse, ApiError> {
    let pool = caller::pool(deps, input.user_pool_id.as_deref()).await?;
    let name = input.username.as_ref().map_or("", Sensitive::expose);
    let user = find::user(deps, &pool, name).await?.ok_or(Refusal::UserNotFound)?;
    let resource = pool.id.arn(&pool.account).to_string();
    let audit = audit::row(deps, ctx, Operation::AdminUserGlobalSignOut, &resource);
    commit(deps, signed_out(&user, deps.now()).extend(audit)).await?;
    Ok(AdminUserGlobalSignOutResponse::default())
}

/// Ends all sign-ins of a user, with and without `origin_jti` in their tokens.
fn signed_out(user: &User, now: Timestamp) -> Batch {
    let stored = user.stored();
    // The user's row first: sign-ins hold on to it, so each of them is either seen by the deletion or begins after it.
    invalidate_tokens(&stored.pool_id, &stored.sub, signed_out_at(now))
        .extend(family_records::delete_of_user(&stored.pool_id, &stored.sub))
}

/// RevokeToken: ends the sign-in of a refresh token, of one that has expired too: access tokens of the last refresh may
/// outlive it. As RFC 7009 §2.2 has it, a token that means nothing (any more) is
/// a success.
pub(crate) async fn revoke_token(
    deps: &Deps,
    _ctx: &Context,
    input: RevokeTokenRequest,
) -> Result<RevokeTokenResponse, ApiError> {
    let (_, client) = caller::client(deps, input.client_id.as_ref()).await?;
    let secret = input.client_secret.map(Sensitive::into_secret);
    if !caller::secret_matches(&client, secret.as_ref()) {
        return Err(ApiError::unauthorized("Invalid client secret."));
    }
    if !client.token_revocation {
        return Err(ApiError::unsupported_operation("Token revocation is not enabled for this client."));
    }
    let token = input.token.as_ref().map_or("", Sensitive::expose);
    if token.split('.').count() == 3 {
        return Err(ApiError::unsupported_token_type("Only refresh tokens can be revoked."));
    }
    match deps.refresh.open(token).await {
        Ok(claims) if claims.client == client.id => {
            commit(deps, family_records::delete(&claims.origin_jti)).await?;
        }
        Ok(_) | Err(RefreshError::Invalid) => {}
        Err(error) => return Err(refresh::error(error)),
    }
    Ok(RevokeTokenResponse::default())
}
