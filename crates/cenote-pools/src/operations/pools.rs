//! CreateUserPool, DescribeUserPool, UpdateUserPool, ListUserPools, DeleteUserPool (reference 02 §1, §4, §6).

#[cfg(test)]
mod tests;

use cenote_base::{PoolId, RandomExt};
use cenote_store::Batch;
use cenote_store::jobs::{self, NewJob};
use cenote_store::records::counters;
use cenote_store::records::pools::{self, PoolRecord};
use cenote_tokens::Scope;
use cenote_wire::idp::{
    CreateUserPoolRequest, CreateUserPoolResponse, DeleteUserPoolRequest, DeletionProtectionType,
    DescribeUserPoolRequest, DescribeUserPoolResponse, ListUserPoolsRequest, ListUserPoolsResponse, Operation,
    UpdateUserPoolRequest, UpdateUserPoolResponse, UserPoolDescriptionType, UserPoolType,
};
use cenote_wire::{ApiError, Empty};

use super::configuration::{TRIES, commit, contended, pause, unexpected};
use super::cursor::{self, Listing};
use super::{audit, reap};
use crate::flows::Refusal;
use crate::flows::write::Written;
use crate::settings::{self, Document};
use crate::{Context, Deps};

/// What the counter of an account's pools is called.
const COUNTER: &str = "pools";
/// How many pools an account may have.
const MOST_POOLS: i64 = 1000;
const LIMIT: &str = "PoolLimit";

/// CreateUserPool.
pub(crate) async fn create_user_pool(
    deps: &Deps,
    ctx: &Context,
    input: CreateUserPoolRequest,
) -> Result<CreateUserPoolResponse, ApiError> {
    let name = input.pool_name.clone().unwrap_or_default();
    let settings = settings::pool::create(input, &deps.settings.region)?;
    let document = Document::new(settings);
    for _ in 0..TRIES {
        let record = new_record(deps, name.clone(), document.text());
        match commit(deps, &record.pool_id, creation(deps, ctx, &record).await?).await? {
            Written::Done => return Ok(CreateUserPoolResponse { user_pool: Some(shown(deps, &record).await?) }),
            Written::Unmet(LIMIT) => {
                return Err(ApiError::limit_exceeded(format!("An account can have at most {MOST_POOLS} user pools.")));
            }
            // A pool id is nine characters: another one may have it.
            Written::Unmet("PoolExists") => {}
            Written::Unmet(tag) => return Err(unexpected(tag)),
        }
    }
    Err(ApiError::internal("every generated pool id is taken"))
}

fn new_record(deps: &Deps, name: String, settings: String) -> PoolRecord {
    let now = deps.now();
    let pool_id = PoolId::generate(&deps.settings.region, &*deps.random);
    PoolRecord {
        issuer: format!("{}/{pool_id}", deps.settings.issuer_base),
        pool_id,
        account: deps.settings.account.clone(),
        region: deps.settings.region.clone(),
        name,
        settings,
        version: 1,
        created_at: now,
        modified_at: now,
    }
}

/// Everything that a new pool consists of.
async fn creation(deps: &Deps, ctx: &Context, record: &PoolRecord) -> Result<Batch, ApiError> {
    let scope = Scope::Pool(record.pool_id.clone());
    let data_keys = deps.keyring.new_scope(&scope).map_err(cursor::failed)?;
    let signing_keys = deps.signing.new_pool(&record.pool_id).await.map_err(Refusal::from)?;
    Ok(counters::increment(record.account.as_str(), COUNTER, MOST_POOLS, LIMIT)
        .extend(pools::insert(record))
        .extend(data_keys)
        .extend(signing_keys)
        .extend(audited(deps, ctx, Operation::CreateUserPool, record)))
}

fn audited(deps: &Deps, ctx: &Context, operation: Operation, record: &PoolRecord) -> Batch {
    audit::row(deps, ctx, operation, record.pool_id.arn(&record.account).as_str())
}

/// DescribeUserPool.
pub(crate) async fn describe_user_pool(
    deps: &Deps,
    _ctx: &Context,
    input: DescribeUserPoolRequest,
) -> Result<DescribeUserPoolResponse, ApiError> {
    let record = find(deps, input.user_pool_id.as_deref()).await?;
    Ok(DescribeUserPoolResponse { user_pool: Some(shown(deps, &record).await?) })
}

/// UpdateUserPool.
pub(crate) async fn update_user_pool(
    deps: &Deps,
    ctx: &Context,
    input: UpdateUserPoolRequest,
) -> Result<UpdateUserPoolResponse, ApiError> {
    for _ in 0..TRIES {
        let record = find(deps, input.user_pool_id.as_deref()).await?;
        let document = document(&record)?;
        let settings = settings::pool::update(&document.settings, input.clone(), &record.region)?;
        let changed = PoolRecord {
            name: input.pool_name.clone().unwrap_or_else(|| record.name.clone()),
            settings: document.with(settings).text(),
            modified_at: deps.now(),
            ..record
        };
        let batch = pools::update(&changed).extend(audited(deps, ctx, Operation::UpdateUserPool, &changed));
        match commit(deps, &changed.pool_id, batch).await? {
            Written::Done => return Ok(UpdateUserPoolResponse {}),
            Written::Unmet("PoolChanged") => pause(deps).await,
            Written::Unmet(tag) => return Err(unexpected(tag)),
        }
    }
    Err(contended("The user pool"))
}

/// ListUserPools, in the order of the ids.
pub(crate) async fn list_user_pools(
    deps: &Deps,
    _ctx: &Context,
    input: ListUserPoolsRequest,
) -> Result<ListUserPoolsResponse, ApiError> {
    let listing = Listing { scope: Scope::Server, operation: "ListUserPools", filter: "", life: None };
    let after = listing.after(deps, input.next_token.as_deref()).await?;
    let size = usize::try_from(input.max_results.unwrap_or_default()).unwrap_or_default();
    // One more than asked for: whether there is a next page.
    let limit = i64::try_from(size).unwrap_or_default().saturating_add(1);
    let mut records = pools::page(&deps.store, &after, limit).await.map_err(Refusal::from)?;
    let more = records.len() > size;
    records.truncate(size);
    let next_token = match records.last() {
        Some(last) if more => Some(listing.token(deps, last.pool_id.as_str()).await?),
        _ => None,
    };
    let user_pools = records.iter().map(listed).collect::<Result<_, _>>()?;
    Ok(ListUserPoolsResponse { user_pools: Some(user_pools), next_token })
}

fn listed(record: &PoolRecord) -> Result<UserPoolDescriptionType, ApiError> {
    Ok(UserPoolDescriptionType {
        id: Some(record.pool_id.to_string()),
        name: Some(record.name.clone()),
        lambda_config: document(record)?.settings.lambda_config,
        last_modified_date: Some(record.modified_at),
        creation_date: Some(record.created_at),
        ..UserPoolDescriptionType::default()
    })
}

/// DeleteUserPool: the pool ends at once for everybody, a job takes its rows.
pub(crate) async fn delete_user_pool(
    deps: &Deps,
    ctx: &Context,
    input: DeleteUserPoolRequest,
) -> Result<Empty, ApiError> {
    for _ in 0..TRIES {
        let record = find(deps, input.user_pool_id.as_deref()).await?;
        if document(&record)?.settings.deletion_protection == Some(DeletionProtectionType::Active) {
            return Err(ApiError::invalid_parameter(
                "The user pool cannot be deleted because deletion protection is activated. \
                 Deletion protection must be inactivated first.",
            ));
        }
        match commit(deps, &record.pool_id, deletion(deps, ctx, &record)).await? {
            Written::Done => {
                // Otherwise this node would publish the pool's keys for another second.
                deps.signing.forget(&record.pool_id);
                return Ok(Empty);
            }
            Written::Unmet("PoolChanged") => pause(deps).await,
            Written::Unmet(tag) => return Err(unexpected(tag)),
        }
    }
    Err(contended("The user pool"))
}

fn deletion(deps: &Deps, ctx: &Context, record: &PoolRecord) -> Batch {
    let now = deps.now();
    let job = NewJob {
        id: deps.random.uuid_v7(now).to_string(),
        kind: reap::POOL.to_owned(),
        payload: record.pool_id.as_str().as_bytes().to_vec(),
        run_at: now + reap::GRACE,
        created_at: now,
    };
    counters::decrement(record.account.as_str(), COUNTER)
        .extend(pools::tombstone(&record.pool_id, record.version, now))
        .extend(jobs::enqueue(&job))
        .extend(audited(deps, ctx, Operation::DeleteUserPool, record))
}

/// The living pool with this id, from the store: what is described and changed is never a cached one.
async fn find(deps: &Deps, id: Option<&str>) -> Result<PoolRecord, ApiError> {
    let id = id.unwrap_or_default();
    let missing = || ApiError::resource_not_found(format!("User pool {id} does not exist."));
    let parsed: PoolId = id.parse().map_err(|_| missing())?;
    pools::find(&deps.store, &parsed).await.map_err(Refusal::from)?.ok_or_else(missing)
}

fn document(record: &PoolRecord) -> Result<Document<UserPoolType>, ApiError> {
    Document::read(&record.settings)
        .map_err(|error| ApiError::internal(format!("user pool {}: {error}", record.pool_id)))
}

/// The pool as the API shows it.
async fn shown(deps: &Deps, record: &PoolRecord) -> Result<UserPoolType, ApiError> {
    let users = pools::estimated_users(&deps.store, &record.pool_id).await.map_err(Refusal::from)?;
    Ok(UserPoolType {
        id: Some(record.pool_id.to_string()),
        name: Some(record.name.clone()),
        arn: Some(record.pool_id.arn(&record.account).to_string()),
        last_modified_date: Some(record.modified_at),
        creation_date: Some(record.created_at),
        estimated_number_of_users: Some(i32::try_from(users).unwrap_or(i32::MAX)),
        ..document(record)?.settings
    })
}
