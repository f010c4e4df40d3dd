//! Users, their aliases and the attributes that are searched.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use cenote_base::{PoolId, Sub, Timestamp};
use sha2::{Digest as _, Sha256};

use super::parse;
use crate::{Batch, Row, Store, StoreError, params};

/// A user as it is stored. Which status may follow which is `cenote-pools`' business.
///
/// `Debug` shows identifiers and state: names, attributes and secrets must not reach a log.
#[derive(Clone)]
pub struct UserRecord {
    /// The user's immutable identifier.
    pub sub: Sub,
    /// The pool it belongs to.
    pub pool_id: PoolId,
    /// The username as the API shows it.
    pub username: String,
    /// The username as it is compared.
    pub username_key: String,
    /// `UserStatus`, Cognito's word.
    pub status: String,
    /// Whether the user may sign in at all.
    pub enabled: bool,
    /// All attributes but `sub`: a JSON object of texts.
    pub attributes: String,
    /// MFA preferences, JSON.
    pub mfa: String,
    /// The sealed password hash.
    pub password: Option<Vec<u8>>,
    /// When the password was set.
    pub password_set_at: Option<Timestamp>,
    /// When a temporary password ends.
    pub password_expires_at: Option<Timestamp>,
    /// The sealed SRP salt and verifier.
    pub srp: Option<Vec<u8>>,
    /// Tokens without a family that were issued before this are dead.
    pub tokens_valid_after: Timestamp,
    /// What has no column of its own yet, JSON.
    pub details: String,
    /// Raised by every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
}

impl fmt::Debug for UserRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRecord")
            .field("sub", &self.sub)
            .field("pool_id", &self.pool_id)
            .field("status", &self.status)
            .field("enabled", &self.enabled)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

const TABLE: &str = "users";

/// How many columns [`UserRecord::from_row`] reads.
pub(crate) const COLUMNS: usize = 17;

/// The columns that [`UserRecord::from_row`] reads, of the table alias `u`.
macro_rules! user_columns {
    () => {
        "u.sub, u.pool_id, u.username, u.username_key, u.status, u.enabled, u.attributes, u.mfa, u.password, \
         u.password_set_at, u.password_expires_at, u.srp, u.tokens_valid_after, u.details, u.version, u.created_at, \
         u.modified_at"
    };
}
pub(crate) use user_columns;

impl UserRecord {
    /// Reads [`user_columns`] from the start of the row.
    pub(crate) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            sub: parse(row, 0, TABLE, "sub")?,
            pool_id: parse(row, 1, TABLE, "pool_id")?,
            username: row.text(2)?.to_owned(),
            username_key: row.text(3)?.to_owned(),
            status: row.text(4)?.to_owned(),
            enabled: row.flag(5)?,
            attributes: row.text(6)?.to_owned(),
            mfa: row.text(7)?.to_owned(),
            password: row.opt_bytes(8)?.map(<[u8]>::to_vec),
            password_set_at: row.opt_time(9)?,
            password_expires_at: row.opt_time(10)?,
            srp: row.opt_bytes(11)?.map(<[u8]>::to_vec),
            tokens_valid_after: row.time(12)?,
            details: row.text(13)?.to_owned(),
            version: row.int(14)?,
            created_at: row.time(15)?,
            modified_at: row.time(16)?,
        })
    }
}

/// What kind of name an alias is. Ordered as the table orders them, by [`AliasKind::as_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AliasKind {
    /// An e-mail address.
    Email,
    /// A phone number.
    PhoneNumber,
    /// The attribute `preferred_username`.
    PreferredUsername,
}

impl AliasKind {
    /// The attribute's name, which is also what the table holds.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::PhoneNumber => "phone_number",
            Self::PreferredUsername => "preferred_username",
        }
    }
}

/// The text names no kind of alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of alias")]
pub struct UnknownAliasKind;

impl FromStr for AliasKind {
    type Err = UnknownAliasKind;

    fn from_str(text: &str) -> Result<Self, UnknownAliasKind> {
        [Self::Email, Self::PhoneNumber, Self::PreferredUsername]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(UnknownAliasKind)
    }
}

/// The user with this `sub`.
///
/// # Errors
/// When the database does not answer or the row cannot be decoded.
pub async fn find_by_sub(store: &Store, pool: &PoolId, sub: &Sub) -> Result<Option<UserRecord>, StoreError> {
    let row = store
        .read_one(
            concat!("select ", user_columns!(), " from users u where u.sub = $1 and u.pool_id = $2"),
            params![sub, pool],
        )
        .await?;
    row.as_ref().map(UserRecord::from_row).transpose()
}

/// The user with this folded username.
///
/// # Errors
/// When the database does not answer or the row cannot be decoded.
pub async fn find_by_username(store: &Store, pool: &PoolId, key: &str) -> Result<Option<UserRecord>, StoreError> {
    let row = store
        .read_one(
            concat!("select ", user_columns!(), " from users u where u.pool_id = $1 and u.username_key = $2"),
            params![pool, key],
        )
        .await?;
    row.as_ref().map(UserRecord::from_row).transpose()
}

/// The user who owns this alias (folded).
///
/// # Errors
/// When the database does not answer or the row cannot be decoded.
pub async fn find_by_alias(
    store: &Store,
    pool: &PoolId,
    kind: AliasKind,
    value: &str,
) -> Result<Option<UserRecord>, StoreError> {
    let row = store
        .read_one(
            concat!(
                "select ",
                user_columns!(),
                " from aliases a join users u on u.sub = a.sub and u.pool_id = a.pool_id \
                 where a.pool_id = $1 and a.kind = $2 and a.value = $3"
            ),
            params![pool, kind.as_str(), &*alias_key(value)],
        )
        .await?;
    row.as_ref().map(UserRecord::from_row).transpose()
}

/// The rest of a part of [`find_by_name`]: its place, and the owner of an alias.
macro_rules! alias_branch {
    ($place:literal, $kind:literal, $value:literal) => {
        concat!(
            ", ",
            $place,
            " as place from aliases a join users u on u.sub = a.sub and u.pool_id = a.pool_id \
             where a.pool_id = $1 and a.kind = '",
            $kind,
            "' and a.value = ",
            $value
        )
    };
}

/// What a name may stand for, folded: a username, or an alias of any of these kinds.
#[derive(Clone, Debug, Default)]
pub struct NameKeys<'a> {
    /// The username.
    pub username: &'a str,
    /// The e-mail address, where it may be one.
    pub email: Option<&'a str>,
    /// The phone number, where it may be one.
    pub phone_number: Option<&'a str>,
    /// The preferred user name, where it may be one.
    pub preferred_username: Option<&'a str>,
}

/// The user with this username, else who owns one of these aliases, in the order of [`AliasKind`]. One statement, whether
/// there is such a user or not.
///
/// # Errors
/// When the database does not answer or the row cannot be decoded.
pub async fn find_by_name(store: &Store, pool: &PoolId, keys: &NameKeys<'_>) -> Result<Option<UserRecord>, StoreError> {
    let key = |value: Option<&str>| value.map(|value| alias_key(value).into_owned());
    let row = store
        .read_one(
            concat!(
                "select ",
                user_columns!(),
                ", 0 as place from users u where u.pool_id = $1 and u.username_key = $2 union all select ",
                user_columns!(),
                alias_branch!("1", "email", "$3"),
                " union all select ",
                user_columns!(),
                alias_branch!("2", "phone_number", "$4"),
                " union all select ",
                user_columns!(),
                alias_branch!("3", "preferred_username", "$5"),
                " order by place limit 1"
            ),
            params![pool, keys.username, key(keys.email), key(keys.phone_number), key(keys.preferred_username)],
        )
        .await?;
    row.as_ref().map(UserRecord::from_row).transpose()
}

/// Inserts a user of a living pool; unmet with `UsernameExists` when the name is taken (or the pool has ended).
pub fn insert(user: &UserRecord) -> Batch {
    Batch::new().one(
        "insert into users (sub, pool_id, username, username_key, status, enabled, attributes, mfa, password, \
         password_set_at, password_expires_at, srp, tokens_valid_after, details, version, created_at, modified_at) \
         select $1, p.pool_id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17 \
         from pools p where p.pool_id = $2 and p.deleted_at is null",
        params![
            &user.sub,
            &user.pool_id,
            user.username.as_str(),
            user.username_key.as_str(),
            user.status.as_str(),
            user.enabled,
            user.attributes.as_str(),
            user.mfa.as_str(),
            user.password.clone(),
            user.password_set_at,
            user.password_expires_at,
            user.srp.clone(),
            user.tokens_valid_after,
            user.details.as_str(),
            user.version,
            user.created_at,
            user.modified_at
        ],
        "UsernameExists",
    )
}

/// Replaces all that may change of the user at `user.version`; unmet with `UserChanged` when somebody was quicker or
/// the user is gone. Tokens that were ended meanwhile stay so ([`invalidate_tokens`] makes no new version).
pub fn update(user: &UserRecord) -> Batch {
    Batch::new().one(
        "update users set status = $1, enabled = $2, attributes = $3, mfa = $4, password = $5, password_set_at = $6, \
         password_expires_at = $7, srp = $8, details = $10, modified_at = $11, \
         tokens_valid_after = case when tokens_valid_after > $9 then tokens_valid_after else $9 end, \
         version = version + 1 where sub = $12 and pool_id = $13 and version = $14",
        params![
            user.status.as_str(),
            user.enabled,
            user.attributes.as_str(),
            user.mfa.as_str(),
            user.password.clone(),
            user.password_set_at,
            user.password_expires_at,
            user.srp.clone(),
            user.tokens_valid_after,
            user.details.as_str(),
            user.modified_at,
            &user.sub,
            &user.pool_id,
            user.version
        ],
        "UserChanged",
    )
}

/// Asks that the user is still as it was read at `version`, and enabled; unmet with `UserChanged`. Writes the row, so
/// that no other change can slip in between this statement and the commit: what a sign-in was decided on holds when it
/// ends.
pub fn unchanged(pool: &PoolId, sub: &Sub, version: i64) -> Batch {
    Batch::new().one(
        "update users set version = version where sub = $1 and pool_id = $2 and version = $3 and enabled = 1",
        params![sub, pool, version],
        "UserChanged",
    )
}

/// Keeps what was made anew of the same password (a stronger hash, SRP's verifier), if `old` is still its hash: no new
/// version, for nothing that a caller sees changes.
pub fn rehash(pool: &PoolId, sub: &Sub, old: &[u8], new: &[u8], srp: Option<&[u8]>) -> Batch {
    Batch::new().any(
        "update users set password = $1, srp = $2 where sub = $3 and pool_id = $4 and password = $5",
        params![new.to_vec(), srp.map(<[u8]>::to_vec), sub, pool, old.to_vec()],
    )
}

/// Ends tokens that have no family: whatever was issued before `now`. Goes before the deletion of the user's families.
/// No new version: nothing that is decided meanwhile has to be decided again for it.
///
/// A sign-in right after a sign-out has an `auth_time` that is up to a second ahead, so such families move the mark
/// behind them. That is a second statement, for only then are all sign-ins seen that held the user's row before.
pub fn invalidate_tokens(pool: &PoolId, sub: &Sub, now: Timestamp) -> Batch {
    Batch::new()
        .any(
            "update users set tokens_valid_after = $1 where sub = $2 and pool_id = $3 and tokens_valid_after < $1",
            params![now, sub, pool],
        )
        .any(
            "update users set tokens_valid_after = \
             (select max(f.auth_time) + 1 from token_families f where f.sub = $1 and f.pool_id = $2) \
             where sub = $1 and pool_id = $2 and exists (select 1 from token_families f \
             where f.sub = $1 and f.pool_id = $2 and f.auth_time >= users.tokens_valid_after)",
            params![sub, pool],
        )
}

/// Deletes the user and all that belongs to it; unmet with `NoUser` when there is none.
pub fn delete(pool: &PoolId, sub: &Sub) -> Batch {
    Batch::new().one("delete from users where sub = $1 and pool_id = $2", params![sub, pool], "NoUser")
}

/// Takes an alias for the user; unmet with `AliasExists` when anybody has it.
pub fn insert_alias(pool: &PoolId, kind: AliasKind, value: &str, sub: &Sub) -> Batch {
    Batch::new().one(
        "insert into aliases (pool_id, kind, value, sub) values ($1, $2, $3, $4)",
        params![pool, kind.as_str(), &*alias_key(value), sub],
        "AliasExists",
    )
}

/// Gives up an alias of the user; unmet with `AliasChanged` when the user does not have it any more.
pub fn delete_alias(pool: &PoolId, kind: AliasKind, value: &str, sub: &Sub) -> Batch {
    Batch::new().one(
        "delete from aliases where pool_id = $1 and kind = $2 and value = $3 and sub = $4",
        params![pool, kind.as_str(), &*alias_key(value), sub],
        "AliasChanged",
    )
}

/// The longest text, in bytes, that stands in a key as it is: PostgreSQL takes no index row over 2,704 bytes.
const LONGEST_KEY: usize = 1024;

/// What an alias is kept under: the folded value, or its SHA-256 where it is too long for a key.
fn alias_key(value: &str) -> Cow<'_, str> {
    if value.len() <= LONGEST_KEY {
        return Cow::Borrowed(value);
    }
    Cow::Owned(format!("sha256:{}", hex::encode(Sha256::digest(value))))
}

/// How much of a value is searched, in characters: a filter is at most 256 characters long, so it cannot tell more
/// apart.
pub const SEARCHED_CHARACTERS: usize = 256;

/// The part of a folded value that is searched.
pub fn search_key(value: &str) -> &str {
    value.char_indices().nth(SEARCHED_CHARACTERS).map_or(value, |(end, _)| value.split_at(end).0)
}

/// Replaces what can be searched of the user: pairs of attribute name and folded value.
pub fn index_attributes(pool: &PoolId, sub: &Sub, old: &[(&str, String)], new: &[(&str, String)]) -> Batch {
    let mut batch = Batch::new();
    for (name, value) in old.iter().filter(|pair| !new.contains(pair)) {
        batch = batch.any(
            "delete from user_attributes where pool_id = $1 and name = $2 and value = $3 and sub = $4",
            params![pool, *name, search_key(value), sub],
        );
    }
    for (name, value) in new.iter().filter(|pair| !old.contains(pair)) {
        batch = batch.any(
            "insert into user_attributes (pool_id, name, value, sub) values ($1, $2, $3, $4) \
             on conflict (pool_id, name, value, sub) do nothing",
            params![pool, *name, search_key(value), sub],
        );
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_short() {
        assert_eq!(alias_key("alice@example.com"), "alice@example.com");
        let long = "ü".repeat(2048);
        assert_eq!(alias_key(&long).len(), "sha256:".len() + 64);
        assert_ne!(alias_key(&long), alias_key(&"ö".repeat(2048)));
        assert_eq!(search_key("alice"), "alice");
        assert_eq!(search_key(&long).chars().count(), SEARCHED_CHARACTERS);
    }
}
