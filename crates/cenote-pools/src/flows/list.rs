//! Listing a pool's users: which ranges of which order hold those who pass a filter, and one page of them.

use cenote_store::records::user_lists::{self, Place, UserOrder, behind, behind_prefix};
use cenote_store::records::users::search_key;
use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::Deps;
use crate::domain::filter::{Comparison, Field, Filter, enabled_word};
use crate::domain::pool::{Pool, fold};
use crate::domain::user::{User, search_fold};

/// How many reads one page may take. Where most of what is read does not pass, the page ends short and the next goes on.
const READS: usize = 8;
/// How many users each read after the first may bring.
const CHUNK: usize = 60;

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    /// Who passes.
    pub users: Vec<User>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Cursor>,
}

/// How far a list was read: in which of its ranges, and before whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    range: usize,
    key: String,
    sub: String,
}

/// A stretch of an order.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    order: UserOrder,
    from: String,
    until: String,
    /// Leaves out who is enabled, or who is not.
    enabled: Option<bool>,
}

impl Range {
    fn has(&self, user: &User) -> bool {
        self.enabled.is_none_or(|enabled| user.stored().enabled == enabled)
    }

    fn all(order: UserOrder) -> Self {
        Self::of(order, Comparison::BeginsWith, String::new())
    }

    fn of(order: UserOrder, comparison: Comparison, key: String) -> Self {
        let until = match comparison {
            Comparison::Equals => behind(&key),
            Comparison::BeginsWith => behind_prefix(&key),
        };
        Self { order, from: key, until, enabled: None }
    }
}

/// Where everybody is who passes, in the order of what is filtered; others may be there too.
fn ranges(pool: &Pool, filter: Option<&Filter>) -> Vec<Range> {
    let Some(Filter { field, comparison, value }) = filter else { return vec![Range::all(UserOrder::Sub)] };
    // Nothing that is stored has U+0000 in it, and no database can be asked for it.
    if value.contains('\0') {
        return Vec::new();
    }
    let of = |order, key| vec![Range::of(order, *comparison, key)];
    match field {
        Field::Sub => of(UserOrder::Sub, value.to_ascii_lowercase()),
        Field::UserStatus => of(UserOrder::Status, value.to_ascii_uppercase()),
        Field::Attribute(name) => of(UserOrder::Attribute(name), search_key(&search_fold(value)).to_owned()),
        Field::Username if *comparison == Comparison::Equals => of(UserOrder::Username, pool.username_key(value)),
        Field::Username => of(UserOrder::Username, username_prefix(pool, value)),
        // Sorted by the word. Hardly anybody is disabled, so all are gone through for those who are not.
        Field::Status => [(false, UserOrder::Disabled), (true, UserOrder::Sub)]
            .into_iter()
            .filter(|(enabled, _)| comparison.holds(enabled_word(*enabled), value))
            .map(|(enabled, order)| Range { enabled: Some(enabled), ..Range::all(order) })
            .collect(),
    }
}

/// What the keys of all usernames begin with that begin with `prefix`.
fn username_prefix(pool: &Pool, prefix: &str) -> String {
    if pool.case_sensitive {
        return prefix.to_owned();
    }
    // What a capital sigma is folded to depends on what follows, and that is not known yet.
    fold(prefix.split('Σ').next().unwrap_or_default())
}

/// The page of up to `size` users that begins at the cursor.
///
/// # Errors
/// When the database does not answer or a user cannot be read.
pub(crate) async fn page(
    deps: &Deps,
    pool: &Pool,
    filter: Option<&Filter>,
    from: Option<Cursor>,
    size: usize,
) -> Result<Page, Refusal> {
    let ranges = ranges(pool, filter);
    let (mut at, mut place) = match from {
        Some(Cursor { range, key, sub }) => (range, Some(Place { key, sub })),
        None => (0, None),
    };
    let mut users = Vec::new();
    for read in 0..READS {
        let Some(range) = ranges.get(at) else { return Ok(Page { users, next: None }) };
        let mut reached = place.take().unwrap_or_else(|| Place::of_key(range.from.as_str()));
        // One more than fits tells whether there is a next page.
        let missing = size.saturating_sub(users.len()).saturating_add(1);
        let wanted = if read == 0 { missing } else { missing.max(CHUNK) };
        let limit = i64::try_from(wanted).unwrap_or(i64::MAX);
        let found = user_lists::page(&deps.store, &pool.id, range.order, &reached, &range.until, limit).await?;
        let is_end = found.len() < wanted;
        for listed in found {
            let behind = listed.behind();
            let user = User::from_record(listed.user)?;
            if range.has(&user) && filter.is_none_or(|filter| filter.matches(&user)) {
                if users.len() == size {
                    return Ok(Page { users, next: Some(Cursor::new(at, reached)) });
                }
                users.push(user);
            }
            reached = behind;
        }
        if is_end {
            at += 1;
        } else {
            place = Some(reached);
        }
    }
    let next = ranges.get(at).map(|range| place.unwrap_or_else(|| Place::of_key(range.from.as_str())));
    Ok(Page { users, next: next.map(|place| Cursor::new(at, place)) })
}

impl Cursor {
    fn new(range: usize, Place { key, sub }: Place) -> Self {
        Self { range, key, sub }
    }
}
