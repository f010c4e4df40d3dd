//! CreateUserPoolClient, DescribeUserPoolClient, UpdateUserPoolClient, ListUserPoolClients, DeleteUserPoolClient
//! (reference 02 §8).

#[cfg(test)]
mod tests;

use cenote_base::ids::generate_client_secret;
use cenote_base::{ClientId, Fault, PoolId, RandomExt, Secret};
use cenote_store::Batch;
use cenote_store::jobs::{self, NewJob};
use cenote_store::records::clients::{self, ClientRecord};
use cenote_store::records::counters;
use cenote_tokens::Scope;
use cenote_wire::idp::{
    ClientTypeType, CreateUserPoolClientRequest, CreateUserPoolClientResponse, DeleteUserPoolClientRequest,
    DescribeUserPoolClientRequest, DescribeUserPoolClientResponse, ListUserPoolClientsRequest,
    ListUserPoolClientsResponse, Operation, UpdateUserPoolClientRequest, UpdateUserPoolClientResponse,
    UserPoolClientDescription, UserPoolClientType,
};
use cenote_wire::{ApiError, Empty, Sensitive};

use super::configuration::{TRIES, commit, contended, pause, unexpected};
use super::cursor::{self, Listing};
use super::{audit, caller, reap};
use crate::directory::{DirectoryError, secrets};
use crate::domain::pool::Pool;
use crate::flows::Refusal;
use crate::flows::write::Written;
use crate::settings::{self, Document};
use crate::{Context, Deps};

/// What the counter of a pool's clients is called.
const COUNTER: &str = "clients";
/// How many clients a pool may have.
const MOST_CLIENTS: i64 = 1000;
const LIMIT: &str = "ClientLimit";
/// How many clients a page has unless the caller says.
const PAGE_SIZE: i32 = 60;

/// CreateUserPoolClient.
pub(crate) async fn create_user_pool_client(
    deps: &Deps,
    ctx: &Context,
    input: CreateUserPoolClientRequest,
) -> Result<CreateUserPoolClientResponse, ApiError> {
    let pool = caller::pool(deps, input.user_pool_id.as_deref()).await?;
    let secret = new_secret(deps, &input)?;
    let name = input.client_name.clone().unwrap_or_default();
    let settings = settings::client::create(input, &pool, secret.is_some())?;
    let now = deps.now();
    let record = ClientRecord {
        client_id: ClientId::generate(&*deps.random),
        pool_id: pool.id.clone(),
        name,
        client_type: ClientTypeType::Regular.as_str().to_owned(),
        settings: Document::new(settings).text(),
        version: 1,
        created_at: now,
        modified_at: now,
    };
    let mut batch =
        counters::increment(pool.id.as_str(), COUNTER, MOST_CLIENTS, LIMIT).extend(clients::insert(&record));
    if let Some(secret) = &secret {
        let sealed = secrets::seal(&deps.keyring, &pool.id, &record.client_id, secret, now).await;
        batch = batch.extend(clients::insert_secret(&record.client_id, &sealed.map_err(cursor::failed)?));
    }
    batch = batch.extend(audited(deps, ctx, Operation::CreateUserPoolClient, &pool, &record.client_id));
    match commit(deps, &pool.id, batch).await? {
        Written::Done => Ok(CreateUserPoolClientResponse { user_pool_client: Some(shown(&record, secret)?) }),
        Written::Unmet(LIMIT) => {
            Err(ApiError::limit_exceeded(format!("A user pool can have at most {MOST_CLIENTS} app clients.")))
        }
        // The pool ended after it was read.
        Written::Unmet("NoPool") => Err(ApiError::resource_not_found(format!("User pool {} does not exist.", pool.id))),
        Written::Unmet(tag) => Err(unexpected(tag)),
    }
}

/// The secret that the client is to have: generated, supplied or none.
fn new_secret(deps: &Deps, input: &CreateUserPoolClientRequest) -> Result<Option<Secret>, ApiError> {
    match (input.generate_secret == Some(true), &input.client_secret) {
        (true, Some(_)) => Err(ApiError::invalid_parameter("ClientSecret cannot be set when GenerateSecret is true.")),
        (true, None) => Ok(Some(generate_client_secret(&*deps.random))),
        (false, supplied) => Ok(supplied.clone().map(Sensitive::into_secret)),
    }
}

/// Clients have no ARN of their own: the pool's, and the client in it.
fn audited(deps: &Deps, ctx: &Context, operation: Operation, pool: &Pool, client: &ClientId) -> Batch {
    audit::row(deps, ctx, operation, &format!("{}/client/{client}", pool.id.arn(&pool.account)))
}

/// DescribeUserPoolClient.
pub(crate) async fn describe_user_pool_client(
    deps: &Deps,
    _ctx: &Context,
    input: DescribeUserPoolClientRequest,
) -> Result<DescribeUserPoolClientResponse, ApiError> {
    let pool = caller::pool(deps, input.user_pool_id.as_deref()).await?;
    let record = find(deps, &pool.id, input.client_id.as_ref()).await?;
    let secret = first_secret(deps, &record).await?;
    Ok(DescribeUserPoolClientResponse { user_pool_client: Some(shown(&record, secret)?) })
}

/// UpdateUserPoolClient.
pub(crate) async fn update_user_pool_client(
    deps: &Deps,
    ctx: &Context,
    input: UpdateUserPoolClientRequest,
) -> Result<UpdateUserPoolClientResponse, ApiError> {
    let pool = caller::pool(deps, input.user_pool_id.as_deref()).await?;
    for _ in 0..TRIES {
        let record = find(deps, &pool.id, input.client_id.as_ref()).await?;
        let secret = first_secret(deps, &record).await?;
        let dynamic = record.client_type == ClientTypeType::Dcr.as_str();
        let settings = settings::client::update(input.clone(), &pool, secret.is_some(), dynamic)?;
        let changed = ClientRecord {
            name: input.client_name.clone().unwrap_or_else(|| record.name.clone()),
            settings: document(&record)?.with(settings).text(),
            modified_at: deps.now(),
            ..record
        };
        let audit = audited(deps, ctx, Operation::UpdateUserPoolClient, &pool, &changed.client_id);
        match commit(deps, &pool.id, clients::update(&changed).extend(audit)).await? {
            Written::Done => {
                return Ok(UpdateUserPoolClientResponse { user_pool_client: Some(shown(&changed, secret)?) });
            }
            Written::Unmet("ClientChanged") => pause(deps).await,
            Written::Unmet(tag) => return Err(unexpected(tag)),
        }
    }
    Err(contended("The user pool client"))
}

/// ListUserPoolClients, in the order of the ids. With a filter a page may be shorter than asked for.
pub(crate) async fn list_user_pool_clients(
    deps: &Deps,
    _ctx: &Context,
    input: ListUserPoolClientsRequest,
) -> Result<ListUserPoolClientsResponse, ApiError> {
    let pool = caller::pool(deps, input.user_pool_id.as_deref()).await?;
    let wanted = input.client_type.as_ref();
    let listing = Listing {
        scope: Scope::Pool(pool.id.clone()),
        operation: "ListUserPoolClients",
        filter: wanted.map_or("", ClientTypeType::as_str),
        life: None,
    };
    let after = listing.after(deps, input.next_token.as_deref()).await?;
    let size = usize::try_from(input.max_results.unwrap_or(PAGE_SIZE)).unwrap_or_default();
    // One more than asked for: whether there is a next page.
    let limit = i64::try_from(size).unwrap_or_default().saturating_add(1);
    let mut records = clients::page(&deps.store, &pool.id, &after, limit).await.map_err(Refusal::from)?;
    let more = records.len() > size;
    records.truncate(size);
    let next_token = match records.last() {
        Some(last) if more => Some(listing.token(deps, last.client_id.as_str()).await?),
        _ => None,
    };
    let user_pool_clients = records
        .into_iter()
        .filter(|record| wanted.is_none_or(|wanted| record.client_type == wanted.as_str()))
        .map(|record| UserPoolClientDescription {
            client_id: Some(record.client_id.as_str().into()),
            user_pool_id: Some(record.pool_id.to_string()),
            client_name: Some(record.name),
        })
        .collect();
    Ok(ListUserPoolClientsResponse { user_pool_clients: Some(user_pool_clients), next_token })
}

/// DeleteUserPoolClient: the client ends at once, a job takes its rows.
pub(crate) async fn delete_user_pool_client(
    deps: &Deps,
    ctx: &Context,
    input: DeleteUserPoolClientRequest,
) -> Result<Empty, ApiError> {
    let pool = caller::pool(deps, input.user_pool_id.as_deref()).await?;
    for _ in 0..TRIES {
        let record = find(deps, &pool.id, input.client_id.as_ref()).await?;
        match commit(deps, &pool.id, deletion(deps, ctx, &pool, &record)).await? {
            Written::Done => return Ok(Empty),
            Written::Unmet("ClientChanged") => pause(deps).await,
            Written::Unmet(tag) => return Err(unexpected(tag)),
        }
    }
    Err(contended("The user pool client"))
}

fn deletion(deps: &Deps, ctx: &Context, pool: &Pool, record: &ClientRecord) -> Batch {
    let now = deps.now();
    let job = NewJob {
        id: deps.random.uuid_v7(now).to_string(),
        kind: reap::CLIENT.to_owned(),
        payload: record.client_id.as_str().as_bytes().to_vec(),
        run_at: now + reap::GRACE,
        created_at: now,
    };
    counters::decrement(pool.id.as_str(), COUNTER)
        .extend(clients::tombstone(&record.client_id, record.version, now))
        .extend(jobs::enqueue(&job))
        .extend(audited(deps, ctx, Operation::DeleteUserPoolClient, pool, &record.client_id))
}

/// The living client with this id in this pool, from the store: what is described and changed is never a cached one.
async fn find(deps: &Deps, pool: &PoolId, id: Option<&Sensitive>) -> Result<ClientRecord, ApiError> {
    let id = id.map_or("", Sensitive::expose);
    let missing = || ApiError::resource_not_found(format!("User pool client {id} does not exist."));
    let parsed: ClientId = id.parse().map_err(|_| missing())?;
    let record = clients::find(&deps.store, &parsed).await.map_err(Refusal::from)?;
    record.filter(|record| record.pool_id == *pool).ok_or_else(missing)
}

/// The secret that is shown: of two the older, which every app of the client still has.
async fn first_secret(deps: &Deps, record: &ClientRecord) -> Result<Option<Secret>, ApiError> {
    match secrets::open_all(&deps.store, &deps.keyring, &record.pool_id, &record.client_id).await {
        Ok(secrets) => Ok(secrets.into_iter().next()),
        Err(error) => Err(failed(&error)),
    }
}

fn failed(error: &DirectoryError) -> ApiError {
    match error.fault() {
        Fault::Dependency => ApiError::unavailable(error.to_string()),
        Fault::Caller | Fault::Cenote => ApiError::internal(error.to_string()),
    }
}

fn document(record: &ClientRecord) -> Result<Document<UserPoolClientType>, ApiError> {
    Document::read(&record.settings)
        .map_err(|error| ApiError::internal(format!("app client {}: {error}", record.client_id)))
}

/// The client as the API shows it.
fn shown(record: &ClientRecord, secret: Option<Secret>) -> Result<UserPoolClientType, ApiError> {
    Ok(UserPoolClientType {
        user_pool_id: Some(record.pool_id.to_string()),
        client_name: Some(record.name.clone()),
        client_id: Some(record.client_id.as_str().into()),
        client_secret: secret.map(Sensitive::from),
        last_modified_date: Some(record.modified_at),
        creation_date: Some(record.created_at),
        client_type: Some(ClientTypeType::from(record.client_type.as_str())),
        ..document(record)?.settings
    })
}
