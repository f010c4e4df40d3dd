//! Wrapped data keys and sealed signing keys. What is in them is `cenote-tokens`' business.

use cenote_base::{PoolId, Timestamp};

use super::parse;
use crate::{Batch, Row, Store, StoreError, params};

/// A data key, wrapped by the master key.
#[derive(Clone, Debug)]
pub struct DataKeyRecord {
    /// `server` or a pool's id.
    pub scope: String,
    /// What family of purposes it serves.
    pub purpose: String,
    /// Counts up; the highest active one seals.
    pub version: i64,
    /// `active` or `retired` (opens only).
    pub state: String,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// All data keys of a scope.
///
/// # Errors
/// When the database does not answer.
pub async fn data_keys(store: &Store, scope: &str) -> Result<Vec<DataKeyRecord>, StoreError> {
    let rows = store
        .read(
            "select scope, purpose, version, state, wrapped, created_at from data_keys where scope = $1 \
             order by purpose, version limit 1000",
            params![scope],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(DataKeyRecord {
                scope: row.text(0)?.to_owned(),
                purpose: row.text(1)?.to_owned(),
                version: row.int(2)?,
                state: row.text(3)?.to_owned(),
                wrapped: row.bytes(4)?.to_vec(),
                created_at: row.time(5)?,
            })
        })
        .collect()
}

/// Inserts a data key; unmet with `DataKeyExists` when that version is there already.
pub fn insert_data_key(key: &DataKeyRecord) -> Batch {
    Batch::new().one(
        "insert into data_keys (scope, purpose, version, state, wrapped, created_at) values ($1, $2, $3, $4, $5, $6)",
        params![
            key.scope.as_str(),
            key.purpose.as_str(),
            key.version,
            key.state.as_str(),
            key.wrapped.clone(),
            key.created_at
        ],
        "DataKeyExists",
    )
}

/// A signing key of a pool.
#[derive(Clone, Debug)]
pub struct SigningKeyRecord {
    /// The `kid`.
    pub kid: String,
    /// The pool.
    pub pool_id: PoolId,
    /// `id` or `access`: which kind of token it signs.
    pub token_use: String,
    /// `RS256`.
    pub algorithm: String,
    /// `pending`, `active` or `retired`.
    pub state: String,
    /// The sealed private key, PKCS#8.
    pub private_key: Vec<u8>,
    /// The public key, DER.
    pub public_key: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when it signs.
    pub activates_at: Timestamp,
    /// Until when it is published once it is retired.
    pub retires_at: Option<Timestamp>,
}

impl SigningKeyRecord {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            kid: row.text(0)?.to_owned(),
            pool_id: parse(row, 1, "signing_keys", "pool_id")?,
            token_use: row.text(2)?.to_owned(),
            algorithm: row.text(3)?.to_owned(),
            state: row.text(4)?.to_owned(),
            private_key: row.bytes(5)?.to_vec(),
            public_key: row.bytes(6)?.to_vec(),
            created_at: row.time(7)?,
            activates_at: row.time(8)?,
            retires_at: row.opt_time(9)?,
        })
    }
}

/// All signing keys of a living pool, in the order of their ids; none when there is no such pool.
///
/// # Errors
/// When the database does not answer or a row cannot be decoded.
pub async fn signing_keys(store: &Store, pool: &PoolId) -> Result<Vec<SigningKeyRecord>, StoreError> {
    let rows = store
        .read(
            "select k.kid, k.pool_id, k.token_use, k.algorithm, k.state, k.private_key, k.public_key, k.created_at, \
             k.activates_at, k.retires_at \
             from signing_keys k join pools p on p.pool_id = k.pool_id \
             where k.pool_id = $1 and p.deleted_at is null order by k.kid limit 100",
            params![pool],
        )
        .await?;
    rows.iter().map(SigningKeyRecord::from_row).collect()
}

/// Inserts a signing key; unmet with `SigningKeyExists` when the `kid` is taken.
pub fn insert_signing_key(key: &SigningKeyRecord) -> Batch {
    Batch::new().one(
        "insert into signing_keys (kid, pool_id, token_use, algorithm, state, private_key, public_key, created_at, \
         activates_at, retires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        params![
            key.kid.as_str(),
            &key.pool_id,
            key.token_use.as_str(),
            key.algorithm.as_str(),
            key.state.as_str(),
            key.private_key.clone(),
            key.public_key.clone(),
            key.created_at,
            key.activates_at,
            key.retires_at
        ],
        "SigningKeyExists",
    )
}
