//! App clients' secrets: sealed in the store, open in the cache.

use cenote_base::{ClientId, PoolId, Secret, Timestamp};
use cenote_store::Store;
use cenote_store::records::clients::{self, ClientSecretRecord};
use cenote_tokens::{Keyring, KeyringError, Purpose, Scope};

use super::DirectoryError;

/// The client's secrets, the oldest first.
///
/// # Errors
/// When the store does not answer or a secret does not open.
pub(crate) async fn open_all(
    store: &Store,
    keyring: &Keyring,
    pool: &PoolId,
    client: &ClientId,
) -> Result<Vec<Secret>, DirectoryError> {
    let scope = Scope::Pool(pool.clone());
    let mut secrets = Vec::new();
    for record in clients::secrets(store, client).await? {
        let context = [client.as_str(), record.secret_id.as_str()];
        let opened = keyring.open_sealed(&scope, Purpose::ClientSecret, &context, &record.sealed).await?;
        let text = std::str::from_utf8(opened.expose()).map_err(|_| KeyringError::NotOurs)?;
        secrets.push(Secret::new(text));
    }
    Ok(secrets)
}

/// A new secret's row. Its id is `<clientId>--<epoch creation time>` (reference 01 §6), in milliseconds, so that two
/// secrets of a second differ.
///
/// # Errors
/// When the pool's keys cannot be read.
pub(crate) async fn seal(
    keyring: &Keyring,
    pool: &PoolId,
    client: &ClientId,
    secret: &Secret,
    now: Timestamp,
) -> Result<ClientSecretRecord, KeyringError> {
    let secret_id = format!("{client}--{}", now.millis());
    let context = [client.as_str(), secret_id.as_str()];
    let scope = Scope::Pool(pool.clone());
    let sealed = keyring.seal(&scope, Purpose::ClientSecret, &context, secret.expose().as_bytes()).await?;
    Ok(ClientSecretRecord { secret_id, sealed, created_at: now })
}
