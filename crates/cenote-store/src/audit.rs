//! Who did what: one row per signed write, in the write's own batch. No values are kept.

use cenote_base::Timestamp;
use uuid::{Builder, Uuid};

use crate::{Batch, Row, Store, StoreError, params};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// UUID of version 7, so entries sort by time.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Who: the principal's ARN.
    pub actor: String,
    /// The action's name, `cognito-idp:CreateUserPool`.
    pub action: String,
    /// The ARN of what was changed.
    pub resource: String,
    /// The request's id, as the caller was given it.
    pub request_id: String,
    /// The caller's address.
    pub source_address: String,
}

impl AuditRecord {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let id = row.text(0)?;
        Ok(Self {
            id: id.parse().map_err(|_| StoreError::corrupt("audit", "id", id))?,
            at: row.time(1)?,
            actor: row.text(2)?.to_owned(),
            action: row.text(3)?.to_owned(),
            resource: row.text(4)?.to_owned(),
            request_id: row.text(5)?.to_owned(),
            source_address: row.text(6)?.to_owned(),
        })
    }
}

/// Writes an entry: a piece of the batch that it tells of.
pub fn append(record: &AuditRecord) -> Batch {
    Batch::new().one(
        "insert into audit (id, happened_at, actor, action, resource, request_id, source_address) \
         values ($1, $2, $3, $4, $5, $6, $7)",
        params![
            record.id,
            record.at,
            record.actor.as_str(),
            record.action.as_str(),
            record.resource.as_str(),
            record.request_id.as_str(),
            record.source_address.as_str()
        ],
        "AuditExists",
    )
}

/// Up to `limit` entries, the newest first; go on with the id of the last one.
///
/// # Errors
/// When the database does not answer or a row cannot be decoded.
pub async fn page(store: &Store, before: Option<Uuid>, limit: u32) -> Result<Vec<AuditRecord>, StoreError> {
    let before = before.unwrap_or(Uuid::max());
    let rows = store
        .read(
            "select id, happened_at, actor, action, resource, request_id, source_address from audit \
             where id < $1 order by id desc limit $2",
            params![before, limit],
        )
        .await?;
    rows.iter().map(AuditRecord::from_row).collect()
}

/// Deletes up to `limit` entries from before `before`.
pub fn sweep(before: Timestamp, limit: u32) -> Batch {
    let first_kept = Builder::from_unix_timestamp_millis(u64::try_from(before.millis()).unwrap_or(0), &[0; 10]);
    Batch::new().any(
        "delete from audit where id in (select id from audit where id < $1 order by id limit $2)",
        params![first_kept.into_uuid(), limit],
    )
}
