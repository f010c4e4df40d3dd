//! Token families: one row per sign-in. Present means valid.

use cenote_base::{ClientId, PoolId, Sub, Timestamp};

use super::parse;
use super::users::{COLUMNS, UserRecord, user_columns};
use crate::{Batch, Row, Store, StoreError, params};

/// A sign-in and all tokens that come of it.
#[derive(Clone, Debug)]
pub struct FamilyRecord {
    /// The claim `origin_jti` of its tokens.
    pub origin_jti: String,
    /// The user's pool.
    pub pool_id: PoolId,
    /// The user.
    pub sub: Sub,
    /// The client that signed the user in.
    pub client_id: ClientId,
    /// Raised by each rotation of the refresh token.
    pub generation: i64,
    /// When its present generation began, if it was ever rotated.
    pub rotated_at: Option<Timestamp>,
    /// The granted scopes, separated by spaces.
    pub scopes: String,
    /// The methods of the sign-in (`amr`), JSON list.
    pub methods: String,
    /// The device that the tokens are bound to.
    pub device_key: Option<String>,
    /// The managed-login session that it came through.
    pub sso_id: Option<String>,
    /// The id that session lists show.
    pub session_id: Option<String>,
    /// What has no column of its own, JSON.
    pub details: String,
    /// When the user signed in.
    pub auth_time: Timestamp,
    /// When the row was made.
    pub created_at: Timestamp,
    /// Last refresh or rotation.
    pub last_active_at: Timestamp,
    /// When its refresh token ends.
    pub expires_at: Timestamp,
}

const TABLE: &str = "token_families";

macro_rules! family_columns {
    () => {
        "f.origin_jti, f.pool_id, f.sub, f.client_id, f.generation, f.rotated_at, f.scopes, f.methods, f.device_key, \
         f.sso_id, f.session_id, f.details, f.auth_time, f.created_at, f.last_active_at, f.expires_at"
    };
}

impl FamilyRecord {
    fn from_row(row: &Row, at: usize) -> Result<Self, StoreError> {
        let owned = |index: usize| row.opt_text(at + index).map(|text| text.map(str::to_owned));
        Ok(Self {
            origin_jti: row.text(at)?.to_owned(),
            pool_id: parse(row, at + 1, TABLE, "pool_id")?,
            sub: parse(row, at + 2, TABLE, "sub")?,
            client_id: parse(row, at + 3, TABLE, "client_id")?,
            generation: row.int(at + 4)?,
            rotated_at: row.opt_time(at + 5)?,
            scopes: row.text(at + 6)?.to_owned(),
            methods: row.text(at + 7)?.to_owned(),
            device_key: owned(8)?,
            sso_id: owned(9)?,
            session_id: owned(10)?,
            details: row.text(at + 11)?.to_owned(),
            auth_time: row.time(at + 12)?,
            created_at: row.time(at + 13)?,
            last_active_at: row.time(at + 14)?,
            expires_at: row.time(at + 15)?,
        })
    }
}

/// A user and, if it still stands, the family that a token names: all that the check of a token needs, in one
/// statement.
///
/// # Errors
/// When the database does not answer or the row cannot be decoded.
pub async fn user_with_family(
    store: &Store,
    pool: &PoolId,
    sub: &Sub,
    origin_jti: Option<&str>,
) -> Result<Option<(UserRecord, Option<FamilyRecord>)>, StoreError> {
    let row = store
        .read_one(
            concat!(
                "select ",
                user_columns!(),
                ", ",
                family_columns!(),
                " from users u left join token_families f \
                 on f.origin_jti = $3 and f.sub = u.sub and f.pool_id = u.pool_id where u.sub = $1 and u.pool_id = $2 \
                 and exists (select 1 from pools p where p.pool_id = u.pool_id and p.deleted_at is null)"
            ),
            params![sub, pool, origin_jti],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let user = UserRecord::from_row(&row)?;
    let family = row.opt_text(COLUMNS)?.is_some().then(|| FamilyRecord::from_row(&row, COLUMNS)).transpose()?;
    Ok(Some((user, family)))
}

/// Begins a family. Unmet with `NoUser` when the user is gone or disabled.
pub fn insert(family: &FamilyRecord) -> Batch {
    Batch::new().one(
        "insert into token_families (origin_jti, pool_id, sub, client_id, generation, rotated_at, scopes, methods, \
         device_key, sso_id, session_id, details, auth_time, created_at, last_active_at, expires_at) \
         select $1, u.pool_id, u.sub, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16 from users u \
         where u.sub = $3 and u.pool_id = $2 and u.enabled = 1",
        params![
            family.origin_jti.as_str(),
            &family.pool_id,
            &family.sub,
            &family.client_id,
            family.generation,
            family.rotated_at,
            family.scopes.as_str(),
            family.methods.as_str(),
            family.device_key.clone(),
            family.sso_id.clone(),
            family.session_id.clone(),
            family.details.as_str(),
            family.auth_time,
            family.created_at,
            family.last_active_at,
            family.expires_at
        ],
        "NoUser",
    )
}

/// Notes that the family's tokens were renewed, if it still stands.
pub fn touch(origin_jti: &str, now: Timestamp) -> Batch {
    Batch::new().any("update token_families set last_active_at = $1 where origin_jti = $2", params![now, origin_jti])
}

/// Issues the next generation of the family's refresh token; unmet with `Rotated` when the family is not at this
/// generation any more, or gone.
pub fn rotate(origin_jti: &str, generation: i64, now: Timestamp) -> Batch {
    Batch::new().one(
        "update token_families set generation = generation + 1, rotated_at = $1, last_active_at = $1 \
         where origin_jti = $2 and generation = $3",
        params![now, origin_jti, generation],
        "Rotated",
    )
}

/// Ends a family, whoever asks first. Not an error when it is gone.
pub fn delete(origin_jti: &str) -> Batch {
    Batch::new().any("delete from token_families where origin_jti = $1", params![origin_jti])
}

/// Ends all families of a user.
pub fn delete_of_user(pool: &PoolId, sub: &Sub) -> Batch {
    Batch::new().any("delete from token_families where sub = $1 and pool_id = $2", params![sub, pool])
}

/// Ends up to `limit` families of a client.
pub fn delete_of_client(client: &ClientId, limit: i64) -> Batch {
    Batch::new().any(
        "delete from token_families where origin_jti in \
         (select origin_jti from token_families where client_id = $1 limit $2)",
        params![client, limit],
    )
}

/// Whether families of the client are left.
///
/// # Errors
/// When the database does not answer.
pub async fn client_has_any(store: &Store, client: &ClientId) -> Result<bool, StoreError> {
    let row = store.read_one("select 1 from token_families where client_id = $1 limit 1", params![client]).await?;
    Ok(row.is_some())
}

/// Deletes up to `limit` families that ended before `before`.
pub fn sweep(before: Timestamp, limit: i64) -> Batch {
    Batch::new().any(
        "delete from token_families where origin_jti in \
         (select origin_jti from token_families where expires_at < $1 order by expires_at limit $2)",
        params![before, limit],
    )
}
