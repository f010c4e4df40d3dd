//! The confirmation link of an e-mail, `/confirmUser` (reference 03 §2, 11 §2).

use cenote_base::{ClientId, PoolId, Secret};
use cenote_wire::ApiError;

use super::caller;
use super::errors::CONFIRMING;
use crate::flows::Refusal;
use crate::flows::links::{self, Followed};
use crate::{Context, Deps};

/// The longest username and code that ConfirmSignUp takes, in characters.
const LONGEST_USERNAME: usize = 128;
const LONGEST_CODE: usize = 2048;

/// What a confirmation link says, decoded.
#[derive(Clone, Debug)]
pub struct ConfirmationLink {
    /// The pool in the link's path.
    pub pool: PoolId,
    /// `client_id`.
    pub client: ClientId,
    /// `user_name`. Not shown by `Debug`: it may be a person's address.
    pub username: Secret,
    /// `confirmation_code`.
    pub code: Secret,
}

/// What following a confirmation link led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkOutcome {
    /// The user is confirmed now.
    Confirmed,
    /// The user was confirmed before.
    AlreadyConfirmed,
    /// Wrong, expired, replaced, or of no user, client or pool: nobody learns which.
    Invalid,
    /// The address is another user's alias already.
    AddressTaken,
    /// Too many tries; later it may work.
    TooManyTries,
}

/// Follows a link. It needs no SECRET_HASH, as in Cognito: who has the link has no secret of the app's.
pub(crate) async fn confirm_user(deps: &Deps, ctx: &Context, link: &ConfirmationLink) -> Result<LinkOutcome, ApiError> {
    let client = deps.directory.client(&link.client).await?.filter(|client| client.pool_id == link.pool);
    let (Some(client), Some(pool)) = (client, deps.directory.pool(&link.pool).await?) else {
        return Ok(LinkOutcome::Invalid);
    };
    let (username, code) = (link.username.expose(), link.code.expose());
    if username.chars().count() > LONGEST_USERNAME || code.chars().count() > LONGEST_CODE {
        return Ok(LinkOutcome::Invalid);
    }
    match links::follow(deps, &pool, &client, caller::public_entry(ctx), username, code).await {
        Ok(Followed::Confirmed) => Ok(LinkOutcome::Confirmed),
        Ok(Followed::Before) => Ok(LinkOutcome::AlreadyConfirmed),
        Err(refusal) => refused(refusal),
    }
}

fn refused(refusal: Refusal) -> Result<LinkOutcome, ApiError> {
    match refusal {
        Refusal::UserNotFound
        | Refusal::CodeMismatch
        | Refusal::CodeExpired
        | Refusal::NotConfirmable(_)
        | Refusal::PoolGone(_) => Ok(LinkOutcome::Invalid),
        Refusal::AliasTaken(_) => Ok(LinkOutcome::AddressTaken),
        Refusal::LimitExceeded | Refusal::Busy | Refusal::Contended => Ok(LinkOutcome::TooManyTries),
        other => Err(CONFIRMING.error(other)),
    }
}
