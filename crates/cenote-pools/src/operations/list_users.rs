//! ListUsers (reference 07 §2).

use std::time::Duration;

use cenote_tokens::Scope;
use cenote_wire::idp::{ListUsersRequest, ListUsersResponse};
use cenote_wire::{ApiError, Sensitive};

use super::cursor::Listing;
use super::{attributes, caller};
use crate::domain::filter::Filter;
use crate::domain::pool::Pool;
use crate::flows::list::{self, Cursor};
use crate::{Context, Deps};

/// How many users a page has where the caller does not say, or says 0.
const PAGE: usize = 60;
/// How long a pagination token is good.
const TOKEN_LIFE: Duration = Duration::from_secs(60 * 60);

/// ListUsers: those who pass the filter, in the order of what it looks at.
pub(crate) async fn list_users(
    deps: &Deps,
    _ctx: &Context,
    input: ListUsersRequest,
) -> Result<ListUsersResponse, ApiError> {
    let pool = caller::pool(deps, input.user_pool_id.as_deref()).await?;
    let filter = Filter::parse(input.filter.as_ref().map_or("", Sensitive::expose))
        .map_err(|error| ApiError::invalid_parameter(error.to_string()))?;
    check_names(&pool, input.attributes_to_get.as_deref())?;
    // A token goes on with the same filter, however that is written.
    let printed = filter.as_ref().map(ToString::to_string).unwrap_or_default();
    let listing = Listing {
        scope: Scope::Pool(pool.id.clone()),
        operation: "ListUsers",
        filter: &printed,
        life: Some(TOKEN_LIFE),
    };
    let from = match input.pagination_token.as_deref() {
        Some(token) => Some(listing.after(deps, Some(token)).await.and_then(|place| cursor(&place))?),
        None => None,
    };
    let size = match usize::try_from(input.limit.unwrap_or_default()) {
        Ok(size @ 1..) => size.min(PAGE),
        _ => PAGE,
    };
    let page = list::page(deps, &pool, filter.as_ref(), from, size).await?;
    let pagination_token = match page.next {
        Some(next) => Some(listing.token(deps, &text(&next)?).await?),
        None => None,
    };
    let names = input.attributes_to_get.as_deref();
    let users = page.users.iter().map(|user| attributes::user_type_of(user, names)).collect();
    Ok(ListUsersResponse { users: Some(users), pagination_token })
}

/// What is asked for must be an attribute of the pool; users need not have it.
fn check_names(pool: &Pool, names: Option<&[String]>) -> Result<(), ApiError> {
    let is_known = |name: &String| name == "sub" || pool.schema.contains(name);
    if names.unwrap_or_default().iter().all(is_known) {
        Ok(())
    } else {
        Err(ApiError::invalid_parameter("One or more requested attributes do not exist."))
    }
}

fn text(cursor: &Cursor) -> Result<String, ApiError> {
    serde_json::to_string(cursor).map_err(|error| ApiError::internal(format!("a cursor of users: {error}")))
}

fn cursor(text: &str) -> Result<Cursor, ApiError> {
    // Cenote sealed it: that it cannot be read is nobody else's fault.
    serde_json::from_str(text).map_err(|error| ApiError::internal(format!("a cursor of users: {error}")))
}
