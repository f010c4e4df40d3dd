//! The audit row of a signed write: who, which action, which resource; no values.

use cenote_base::RandomExt as _;
use cenote_store::Batch;
use cenote_store::audit::{self, AuditRecord};
use cenote_wire::idp::Operation;

use crate::{Context, Deps};

/// The row for this operation on this resource, to go into its batch.
pub(crate) fn row(deps: &Deps, ctx: &Context, operation: Operation, resource: &str) -> Batch {
    let actor = ctx.principal.as_ref().map_or_else(|| "anonymous".to_owned(), |principal| principal.arn.to_string());
    let now = deps.now();
    audit::append(&AuditRecord {
        id: deps.random.uuid_v7(now),
        at: now,
        actor,
        action: format!("cognito-idp:{}", operation.name()),
        resource: resource.to_owned(),
        request_id: ctx.request_id.clone(),
        source_address: ctx.source.to_string(),
    })
}
