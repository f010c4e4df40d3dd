//! Enabling, disabling and deleting users (reference 03 §10).

use cenote_store::Batch;
use cenote_store::records::families;
use cenote_store::records::users::invalidate_tokens;
use cenote_tokens::families::signed_out_at;

use super::write::{TRIES, Written, commit, delete_user, update_user};
use super::{Refusal, find};
use crate::Deps;
use crate::domain::pool::Pool;
use crate::domain::user::User;

/// Lets the user sign in, or not; who may not is signed out everywhere, for good. `audit` goes into the batch.
pub(crate) async fn set_enabled(
    deps: &Deps,
    pool: &Pool,
    name: &str,
    enabled: bool,
    audit: &Batch,
) -> Result<(), Refusal> {
    for _ in 0..TRIES {
        let now = deps.now();
        let before = find::user(deps, pool, name).await?.ok_or(Refusal::UserNotFound)?;
        let mut after = before.clone();
        after.stored_mut().enabled = enabled;
        let mut batch = update_user(pool, &before, &after, now);
        if !enabled {
            // After the user's row: sign-ins hold on to it, so each of them is either seen by the deletion or refused.
            let sub = &before.stored().sub;
            batch = batch
                .extend(invalidate_tokens(&pool.id, sub, signed_out_at(now)))
                .extend(families::delete_of_user(&pool.id, sub));
        }
        if commit(deps, batch.extend(audit.clone())).await? == Written::Done {
            return Ok(());
        }
    }
    Err(Refusal::Contended)
}

/// Deletes the user and all that belongs to it; `audit` goes into the batch.
pub(crate) async fn delete(deps: &Deps, pool: &Pool, user: &User, audit: Batch) -> Result<(), Refusal> {
    match commit(deps, delete_user(deps, pool, user).extend(audit)).await? {
        Written::Done => Ok(()),
        Written::Unmet(_) => Err(Refusal::UserNotFound),
    }
}
