//! `UserPoolTags`.

use cenote_wire::ApiError;
use cenote_wire::idp::UserPoolType;

/// AWS's general limit.
const MOST_TAGS: usize = 50;

pub(super) fn check(pool: &UserPoolType) -> Result<(), ApiError> {
    let Some(tags) = &pool.user_pool_tags else { return Ok(()) };
    if tags.len() > MOST_TAGS {
        return Err(ApiError::user_pool_tagging(format!("A user pool can have at most {MOST_TAGS} tags.")));
    }
    if tags.keys().any(|key| key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))) {
        return Err(ApiError::user_pool_tagging("Tag keys that begin with aws: are reserved."));
    }
    Ok(())
}
