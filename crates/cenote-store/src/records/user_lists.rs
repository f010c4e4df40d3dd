//! Lists of users: each a range of one index, read in its order from a position on.

use cenote_base::PoolId;

use super::users::{COLUMNS, SEARCHED_CHARACTERS, UserRecord, user_columns};
use crate::{Row, Store, StoreError, params};

/// In which order users are listed, and by that which of them can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserOrder {
    /// All, by `sub`.
    Sub,
    /// The disabled ones, by `sub`.
    Disabled,
    /// All, by the username as it is compared.
    Username,
    /// All, by status, then by `sub`.
    Status,
    /// Those who have this searchable attribute, by its folded value, then by `sub`.
    Attribute(&'static str),
}

/// A place in an order, before the user whose place it is. Places are compared by bytes, the key first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// What users are ordered by.
    pub key: String,
    /// What orders users with the same key; always empty where the key is everybody's own.
    pub sub: String,
}

impl Place {
    /// Before everybody whose key is `key` or behind it.
    pub fn of_key(key: impl Into<String>) -> Self {
        Self { key: key.into(), sub: String::new() }
    }
}

/// A user and its place in the order that was asked for.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The user's place.
    pub place: Place,
    /// The user.
    pub user: UserRecord,
}

impl Listed {
    /// The place right behind this user.
    pub fn behind(&self) -> Place {
        match &self.place {
            Place { key, sub } if sub.is_empty() => Place::of_key(behind(key)),
            Place { key, sub } => Place { key: key.clone(), sub: behind(sub) },
        }
    }
}

/// The first text behind all texts that begin with `prefix`, as the store orders them.
pub fn behind_prefix(prefix: &str) -> String {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        if let Some(next) = next_char(last) {
            text.push(next);
            return text;
        }
    }
    // Nothing is greater than these but longer ones of the same; no key is as long.
    char::MAX.to_string().repeat(SEARCHED_CHARACTERS + 1)
}

/// The first text behind `text` itself: the store keeps no U+0000.
pub fn behind(text: &str) -> String {
    format!("{text}\u{1}")
}

/// The next character in the order of UTF-8's bytes, which is that of the code points.
fn next_char(c: char) -> Option<char> {
    (c..=char::MAX).nth(1)
}

macro_rules! select {
    ($rest:literal) => {
        concat!("select ", user_columns!(), $rest)
    };
}

impl UserOrder {
    /// The order's one statement: pool, lower end (key, and `sub` where it counts), upper end, limit. Public so that
    /// its plan can be tested.
    #[doc(hidden)]
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Sub => {
                select!(" from users u where u.pool_id = $1 and u.sub >= $2 and u.sub < $3 order by u.sub limit $4")
            }
            // `enabled = 0` to the letter, or the index on these does not serve.
            Self::Disabled => select!(
                " from users u where u.pool_id = $1 and u.enabled = 0 and u.sub >= $2 and u.sub < $3 \
                 order by u.sub limit $4"
            ),
            Self::Username => select!(
                " from users u where u.pool_id = $1 and u.username_key >= $2 and u.username_key < $3 \
                 order by u.username_key limit $4"
            ),
            Self::Status => select!(
                " from users u where u.pool_id = $1 and (u.status, u.sub) >= ($2, $3) and u.status < $4 \
                 order by u.status, u.sub limit $5"
            ),
            Self::Attribute(_) => select!(
                ", a.value from user_attributes a join users u on u.sub = a.sub and u.pool_id = a.pool_id \
                 where a.pool_id = $1 and (a.value, a.sub) >= ($2, $3) and a.value < $4 and a.name = $6 \
                 order by a.value, a.sub limit $5"
            ),
        }
    }

    fn place(self, row: &Row, user: &UserRecord) -> Result<Place, StoreError> {
        let sub = user.sub.to_string();
        Ok(match self {
            Self::Sub | Self::Disabled => Place::of_key(sub),
            Self::Username => Place::of_key(user.username_key.as_str()),
            Self::Status => Place { key: user.status.clone(), sub },
            Self::Attribute(_) => Place { key: row.text(COLUMNS)?.to_owned(), sub },
        })
    }
}

/// Up to `limit` users of the pool from a place on, as long as their key lies before `until`.
///
/// Each read is one range of an index, whatever the size of the pool. A user whose key stays is seen once by a caller
/// that goes on [behind](Listed::behind) the last one.
///
/// # Errors
/// When the database does not answer or a row cannot be decoded.
pub async fn page(
    store: &Store,
    pool: &PoolId,
    order: UserOrder,
    from: &Place,
    until: &str,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let params = match order {
        UserOrder::Sub | UserOrder::Disabled | UserOrder::Username => params![pool, &from.key, until, limit],
        UserOrder::Status => params![pool, &from.key, &from.sub, until, limit],
        UserOrder::Attribute(name) => params![pool, &from.key, &from.sub, until, limit, name],
    };
    let rows = store.read(order.sql(), params).await?;
    let listed = |row: &Row| {
        let user = UserRecord::from_row(row)?;
        Ok(Listed { place: order.place(row, &user)?, user })
    };
    rows.iter().map(listed).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ends_of_prefixes() {
        assert_eq!(behind_prefix("ab"), "ac");
        assert_eq!(behind_prefix("a\u{10FFFF}\u{10FFFF}"), "b");
        assert_eq!(behind_prefix("\u{D7FF}"), "\u{E000}", "no text has a surrogate");
        assert_eq!(behind_prefix("\u{7F}"), "\u{80}");
        let end = behind_prefix("\u{10FFFF}");
        assert_eq!(end, behind_prefix(""));
        assert!(end > "\u{10FFFF}".repeat(SEARCHED_CHARACTERS));
    }

    proptest! {
        #[test]
        fn a_prefix_is_a_range(prefix in "[ab\u{10FFFF}\u{D7FF}é]{0,4}", text in "[\u{1}abc\u{10FFFF}\u{D7FF}\u{E000}éê]{0,6}") {
            prop_assert_eq!(text.starts_with(&prefix), text >= prefix && text < behind_prefix(&prefix));
            prop_assert_eq!(text == prefix, text >= prefix && text < behind(&prefix));
        }
    }
}
