//! App clients and their secrets.

use cenote_base::{ClientId, PoolId, Timestamp};

use super::parse;
use crate::{Batch, Row, Store, StoreError, params};

/// An app client as it is stored.
#[derive(Clone, Debug)]
pub struct ClientRecord {
    /// The client's id.
    pub client_id: ClientId,
    /// The pool it belongs to.
    pub pool_id: PoolId,
    /// Its name.
    pub name: String,
    /// `REGULAR` or `DCR` (dynamically registered).
    pub client_type: String,
    /// The configuration, JSON.
    pub settings: String,
    /// Raised by every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
}

/// One of a client's secrets (at most two), sealed.
#[derive(Clone, Debug)]
pub struct ClientSecretRecord {
    /// `<clientId>--<epoch creation time>`.
    pub secret_id: String,
    /// The sealed secret.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

const TABLE: &str = "clients";

impl ClientRecord {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            client_id: parse(row, 0, TABLE, "client_id")?,
            pool_id: parse(row, 1, TABLE, "pool_id")?,
            name: row.text(2)?.to_owned(),
            client_type: row.text(3)?.to_owned(),
            settings: row.text(4)?.to_owned(),
            version: row.int(5)?,
            created_at: row.time(6)?,
            modified_at: row.time(7)?,
        })
    }
}

/// The living client with this id in a living pool.
///
/// # Errors
/// When the database does not answer or the row cannot be decoded.
pub async fn find(store: &Store, client: &ClientId) -> Result<Option<ClientRecord>, StoreError> {
    let row = store
        .read_one(
            "select c.client_id, c.pool_id, c.name, c.client_type, c.settings, c.version, c.created_at, c.modified_at \
             from clients c join pools p on p.pool_id = c.pool_id \
             where c.client_id = $1 and c.deleted_at is null and p.deleted_at is null",
            params![client],
        )
        .await?;
    row.as_ref().map(ClientRecord::from_row).transpose()
}

/// Up to `limit` living clients of the pool after `after`, in the order of their ids.
///
/// # Errors
/// When the database does not answer or a row cannot be decoded.
pub async fn page(store: &Store, pool: &PoolId, after: &str, limit: i64) -> Result<Vec<ClientRecord>, StoreError> {
    let rows = store
        .read(
            "select client_id, pool_id, name, client_type, settings, version, created_at, modified_at \
             from clients where pool_id = $1 and client_id > $2 and deleted_at is null order by client_id limit $3",
            params![pool, after, limit],
        )
        .await?;
    rows.iter().map(ClientRecord::from_row).collect()
}

/// Inserts a new client of a living pool; unmet with `NoPool` when the pool has ended meanwhile.
pub fn insert(client: &ClientRecord) -> Batch {
    Batch::new().one(
        "insert into clients (client_id, pool_id, name, client_type, settings, version, created_at, modified_at) \
         select $1, p.pool_id, $3, $4, $5, $6, $7, $8 from pools p where p.pool_id = $2 and p.deleted_at is null",
        params![
            &client.client_id,
            &client.pool_id,
            client.name.as_str(),
            client.client_type.as_str(),
            client.settings.as_str(),
            client.version,
            client.created_at,
            client.modified_at
        ],
        "NoPool",
    )
}

/// Replaces name and settings of the client at `client.version`; unmet with `ClientChanged` when somebody was quicker.
pub fn update(client: &ClientRecord) -> Batch {
    Batch::new().one(
        "update clients set name = $1, settings = $2, modified_at = $3, version = version + 1 \
         where client_id = $4 and version = $5 and deleted_at is null",
        params![client.name.as_str(), client.settings.as_str(), client.modified_at, &client.client_id, client.version],
        "ClientChanged",
    )
}

/// Ends the client at once; the reaper takes its rows. Unmet with `ClientChanged` as [`update`].
pub fn tombstone(client: &ClientId, version: i64, now: Timestamp) -> Batch {
    Batch::new().one(
        "update clients set deleted_at = $1, version = version + 1 \
         where client_id = $2 and version = $3 and deleted_at is null",
        params![now, client, version],
        "ClientChanged",
    )
}

/// The client's secrets, the oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn secrets(store: &Store, client: &ClientId) -> Result<Vec<ClientSecretRecord>, StoreError> {
    let rows = store
        .read(
            "select secret_id, sealed, created_at from client_secrets where client_id = $1 \
             order by created_at, secret_id limit 10",
            params![client],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(ClientSecretRecord {
                secret_id: row.text(0)?.to_owned(),
                sealed: row.bytes(1)?.to_vec(),
                created_at: row.time(2)?,
            })
        })
        .collect()
}

/// Adds a secret; unmet with `SecretExists` when the id is taken.
pub fn insert_secret(client: &ClientId, secret: &ClientSecretRecord) -> Batch {
    Batch::new().one(
        "insert into client_secrets (client_id, secret_id, sealed, created_at) values ($1, $2, $3, $4)",
        params![client, secret.secret_id.as_str(), secret.sealed.clone(), secret.created_at],
        "SecretExists",
    )
}

/// Deletes what is left of an ended client: its secrets and its row. Families go by
/// [`super::families::delete_of_client`].
pub fn reap(client: &ClientId) -> Batch {
    Batch::new()
        .any("delete from client_secrets where client_id = $1", params![client])
        .any("delete from clients where client_id = $1 and deleted_at is not null", params![client])
}
