//! One-time codes that were sent to a user. Only a MAC of the code is kept.

use cenote_base::{PoolId, Sub, Timestamp};

use crate::{Batch, Store, StoreError, params};

/// A code that waits to be given back.
#[derive(Clone, Debug)]
pub struct CodeRecord {
    /// MAC of the code.
    pub digest: Vec<u8>,
    /// The MACs of the codes that it replaced, one after the other, the newest first.
    pub replaced: Vec<u8>,
    /// The attribute that it was sent to.
    pub attribute: String,
    /// A value that becomes the attribute's when the code comes back, sealed.
    pub pending: Option<Vec<u8>>,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// The code of this purpose that was sent to the user last.
///
/// # Errors
/// When the database does not answer.
pub async fn find(store: &Store, pool: &PoolId, sub: &Sub, purpose: &str) -> Result<Option<CodeRecord>, StoreError> {
    let row = store
        .read_one(
            "select digest, replaced, attribute, pending, created_at, expires_at from codes \
             where sub = $1 and pool_id = $2 and purpose = $3",
            params![sub, pool, purpose],
        )
        .await?;
    row.as_ref()
        .map(|row| {
            Ok(CodeRecord {
                digest: row.bytes(0)?.to_vec(),
                replaced: row.bytes(1)?.to_vec(),
                attribute: row.text(2)?.to_owned(),
                pending: row.opt_bytes(3)?.map(<[u8]>::to_vec),
                created_at: row.time(4)?,
                expires_at: row.time(5)?,
            })
        })
        .transpose()
}

/// Keeps a new code, which replaces the earlier one of the same purpose. Unmet with `NoUser` when the user is gone.
pub fn replace(pool: &PoolId, sub: &Sub, purpose: &str, code: &CodeRecord) -> Batch {
    Batch::new().one(
        "insert into codes (sub, pool_id, purpose, digest, attribute, pending, created_at, expires_at, replaced) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         on conflict (sub, pool_id, purpose) do update set digest = $4, attribute = $5, pending = $6, created_at = $7, \
         expires_at = $8, replaced = $9",
        params![
            sub,
            pool,
            purpose,
            code.digest.clone(),
            code.attribute.as_str(),
            code.pending.clone(),
            code.created_at,
            code.expires_at,
            code.replaced.clone()
        ],
        "NoUser",
    )
}

/// Uses up exactly this code; unmet with `CodeUsed` when it was used or replaced meanwhile.
pub fn claim(pool: &PoolId, sub: &Sub, purpose: &str, digest: &[u8]) -> Batch {
    Batch::new().one(
        "delete from codes where sub = $1 and pool_id = $2 and purpose = $3 and digest = $4",
        params![sub, pool, purpose, digest.to_vec()],
        "CodeUsed",
    )
}

/// Forgets the user's code of this purpose, if there is one.
pub fn forget(pool: &PoolId, sub: &Sub, purpose: &str) -> Batch {
    Batch::new().any("delete from codes where sub = $1 and pool_id = $2 and purpose = $3", params![sub, pool, purpose])
}

/// Forgets all codes that were sent to this attribute of the user, whatever they are good for.
pub fn forget_sent_to(pool: &PoolId, sub: &Sub, attribute: &str) -> Batch {
    Batch::new()
        .any("delete from codes where sub = $1 and pool_id = $2 and attribute = $3", params![sub, pool, attribute])
}

/// Deletes up to `limit` codes that ended before `before`.
pub fn sweep(before: Timestamp, limit: i64) -> Batch {
    Batch::new().any(
        "delete from codes where (sub, pool_id, purpose) in \
         (select sub, pool_id, purpose from codes where expires_at < $1 order by expires_at limit $2)",
        params![before, limit],
    )
}
