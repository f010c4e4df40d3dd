//! Which pool and app client an operation is for, and whether the client's secret was shown.

use std::sync::Arc;

use cenote_base::{ClientId, PoolId, Secret};
use cenote_secrets::{ct_eq, secret_hash};
use cenote_wire::{ApiError, Sensitive};

use crate::domain::client::Client;
use crate::domain::pool::Pool;
use crate::flows::{Door, Entry, Refusal};
use crate::{Context, Deps};

/// The pool with this id.
pub(crate) async fn pool(deps: &Deps, id: Option<&str>) -> Result<Arc<Pool>, ApiError> {
    let id = id.unwrap_or_default();
    let missing = || ApiError::resource_not_found(format!("User pool {id} does not exist."));
    let parsed: PoolId = id.parse().map_err(|_| missing())?;
    deps.directory.pool(&parsed).await?.ok_or_else(missing)
}

/// The app client with this id, and its pool.
pub(crate) async fn client(deps: &Deps, id: Option<&Sensitive>) -> Result<(Arc<Pool>, Arc<Client>), ApiError> {
    let id = id.map_or("", Sensitive::expose);
    let missing = || ApiError::resource_not_found(format!("User pool client {id} does not exist."));
    let parsed: ClientId = id.parse().map_err(|_| missing())?;
    let client = deps.directory.client(&parsed).await?.ok_or_else(missing)?;
    let pool = deps.directory.pool(&client.pool_id).await?.ok_or_else(missing)?;
    Ok((pool, client))
}

/// The pool with this id and an app client of it; one of another pool does not exist here.
pub(crate) async fn pool_client(
    deps: &Deps,
    pool_id: Option<&str>,
    client_id: Option<&Sensitive>,
) -> Result<(Arc<Pool>, Arc<Client>), ApiError> {
    let pool = pool(deps, pool_id).await?;
    let (_, client) = client(deps, client_id).await?;
    if client.pool_id != pool.id {
        return Err(ApiError::resource_not_found(format!("User pool client {} does not exist.", client.id)));
    }
    Ok((pool, client))
}

/// The pool of the client that an access token was issued to.
pub(crate) async fn pool_of(deps: &Deps, client: &Client) -> Result<Arc<Pool>, ApiError> {
    // The token was checked against the living pool: it ended in this moment, and its users with it.
    deps.directory.pool(&client.pool_id).await?.ok_or_else(|| Refusal::UserNotFound.into())
}

/// How a public operation is entered.
pub(crate) fn public_entry(ctx: &Context) -> Entry {
    Entry { door: Door::Api, source: ctx.source }
}

/// Checks SECRET_HASH for `username`, as it was sent (reference 04 §6). A hash for a client without a secret is
/// ignored.
pub(crate) fn check_secret_hash(client: &Client, given: Option<&Sensitive>, username: &str) -> Result<(), ApiError> {
    require_secret_hash(client, given)?;
    if secret_hash_matches(client, given, username) {
        Ok(())
    } else {
        Err(ApiError::not_authorized(format!("Unable to verify secret hash for client {}", client.id)))
    }
}

/// Refuses a call without SECRET_HASH for a client that has a secret.
pub(crate) fn require_secret_hash(client: &Client, given: Option<&Sensitive>) -> Result<(), ApiError> {
    if given.is_some() || !client.is_confidential() {
        return Ok(());
    }
    Err(ApiError::not_authorized(format!(
        "Client {} is configured with secret but SECRET_HASH was not received",
        client.id
    )))
}

/// Whether SECRET_HASH belongs to `username`.
pub(crate) fn secret_hash_matches(client: &Client, given: Option<&Sensitive>, username: &str) -> bool {
    if !client.is_confidential() {
        return true;
    }
    let given = given.map_or("", Sensitive::expose);
    // Every secret is tried, so that the time does not tell which of two it was.
    let tries = client.secrets.iter().map(|secret| secret_hash::verify(given, username, &client.id, secret));
    tries.fold(false, |found, matches| found | matches)
}

/// Whether the client's secret itself was shown; a client without one need not show any.
pub(crate) fn secret_matches(client: &Client, given: Option<&Secret>) -> bool {
    if !client.is_confidential() {
        return true;
    }
    let given = given.map_or("", Secret::expose).as_bytes();
    client.secrets.iter().fold(false, |found, secret| found | ct_eq(given, secret.expose().as_bytes()))
}

/// Checks `ClientSecret` of the operations that take the secret itself and answer in NotAuthorizedException.
pub(crate) fn check_secret(client: &Client, given: Option<Sensitive>) -> Result<(), ApiError> {
    let given = given.map(Sensitive::into_secret);
    if secret_matches(client, given.as_ref()) {
        return Ok(());
    }
    Err(ApiError::not_authorized(match given {
        Some(_) => format!("Unable to verify secret hash for client {}", client.id),
        None => format!("Client {} is configured for secret but secret was not received", client.id),
    }))
}
