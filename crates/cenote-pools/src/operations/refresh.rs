//! New tokens for a refresh token: REFRESH_TOKEN_AUTH, and GetTokensFromRefreshToken with rotation (reference 04 §9,
//! docs/decisions/0024-refresh-rotation.md).

use std::time::Duration;

use cenote_base::RandomExt as _;
use cenote_store::records::families::{self as family_records, FamilyRecord};
use cenote_tokens::families::rotated;
use cenote_tokens::{Admitted, RefreshError, Turn};
use cenote_wire::idp::{AuthenticationResultType, GetTokensFromRefreshTokenRequest, GetTokensFromRefreshTokenResponse};
use cenote_wire::{ApiError, Sensitive};

use super::{caller, tokens};
use crate::domain::client::Client;
use crate::domain::pool::Pool;
use crate::domain::user::User;
use crate::flows::write::{TRIES, Written, commit};
use crate::flows::{Refusal, supported};
use crate::{Context, Deps};

/// How old a family's time of last activity may be before a refresh writes it anew: refreshing stays a read in between.
const ACTIVITY: Duration = Duration::from_secs(60);

/// GetTokensFromRefreshToken. `DeviceKey` names the device of a sign-in that has one; none has as long as devices are
/// not built. `ClientMetadata` is for triggers.
pub(crate) async fn get_tokens_from_refresh_token(
    deps: &Deps,
    _ctx: &Context,
    input: GetTokensFromRefreshTokenRequest,
) -> Result<GetTokensFromRefreshTokenResponse, ApiError> {
    let (pool, client) = caller::client(deps, input.client_id.as_ref()).await?;
    supported::tokens(&pool)?;
    caller::check_secret(&client, input.client_secret)?;
    let token = input.refresh_token.as_ref().map_or("", Sensitive::expose);
    let mut signed = None;
    for _ in 0..TRIES {
        let presented = deps.refresh.check_refresh(token, &client.id).await.map_err(error)?;
        let grace = client.rotation.map(|rotation| rotation.grace);
        let Admitted { user, family, turn } = deps.refresh.admit(presented, grace).await.map_err(error)?;
        let result = match signed.take() {
            Some(result) => result,
            None => sign(deps, &pool, &client, User::from_record(user).map_err(Refusal::from)?, &family).await?,
        };
        if let Some(refresh_token) = renewed(deps, &family, turn).await? {
            let result = AuthenticationResultType { refresh_token, ..result };
            return Ok(GetTokensFromRefreshTokenResponse { authentication_result: Some(result) });
        }
        signed = Some(result);
    }
    Err(Refusal::Contended.into())
}

/// The refresh token to answer with, if any, after the family was written; `None` when somebody rotated it meanwhile,
/// so that it has to be looked at again.
///
/// All that may fail stands before the write: what is rotated is spent.
async fn renewed(deps: &Deps, family: &FamilyRecord, turn: Turn) -> Result<Option<Option<Sensitive>>, Refusal> {
    match turn {
        Turn::Keep => {
            note_activity(deps, family).await?;
            Ok(Some(None))
        }
        Turn::Retry => Ok(Some(Some(deps.refresh.seal(family).await?.into()))),
        Turn::Rotate => {
            let now = deps.now();
            let token = deps.refresh.seal(&rotated(family, now)).await?;
            let written = commit(deps, family_records::rotate(&family.origin_jti, family.generation, now)).await?;
            Ok((written == Written::Done).then(|| Some(token.into())))
        }
    }
}

/// REFRESH_TOKEN_AUTH, for clients that do not rotate. SECRET_HASH is over the stored username.
pub(super) async fn without_rotation(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    token: &Sensitive,
    secret_hash: Option<&Sensitive>,
) -> Result<AuthenticationResultType, ApiError> {
    supported::tokens(pool)?;
    // Said before the token is looked at, in the words of the other flows.
    caller::require_secret_hash(client, secret_hash)?;
    let presented = deps.refresh.check_refresh(token.expose(), &client.id).await.map_err(error)?;
    if !caller::secret_hash_matches(client, secret_hash, &presented.user().username) {
        return Err(ApiError::not_authorized(format!("SecretHash does not match for the client: {}", client.id)));
    }
    let admitted = deps.refresh.admit(presented, None).await.map_err(|refused| match refused {
        // The flow has no error of its own for a token that was replaced before the client stopped rotating.
        RefreshError::Reused => error(RefreshError::Revoked),
        other => error(other),
    })?;
    let Admitted { user, family, .. } = admitted;
    note_activity(deps, &family).await?;
    Ok(sign(deps, pool, client, User::from_record(user).map_err(Refusal::from)?, &family).await?)
}

/// New tokens of a sign-in, as its user is now.
async fn sign(
    deps: &Deps,
    pool: &Pool,
    client: &Client,
    user: User,
    family: &FamilyRecord,
) -> Result<AuthenticationResultType, Refusal> {
    tokens::sign(deps, pool, client, &user, family, &deps.random.uuid_v4().to_string()).await
}

async fn note_activity(deps: &Deps, family: &FamilyRecord) -> Result<(), Refusal> {
    let now = deps.now();
    if now.since(family.last_active_at) >= ACTIVITY {
        commit(deps, family_records::touch(&family.origin_jti, now)).await?;
    }
    Ok(())
}

/// Cognito's words for a refresh token that is refused.
pub(super) fn error(error: RefreshError) -> ApiError {
    match error {
        RefreshError::Invalid | RefreshError::UserGone => ApiError::not_authorized("Invalid Refresh Token"),
        RefreshError::Expired => ApiError::not_authorized("Refresh Token has expired"),
        RefreshError::Revoked => ApiError::not_authorized("Refresh Token has been revoked"),
        RefreshError::Reused => ApiError::refresh_token_reuse("Refresh Token has been reused"),
        RefreshError::UserDisabled => ApiError::not_authorized("User is disabled."),
        RefreshError::Unavailable(cause) => Refusal::from(cause).into(),
    }
}
