//! A user as the rules see one: attributes parsed, the status a closed set whose changes can fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use cenote_base::Timestamp;
use cenote_store::StoreError;
use cenote_store::records::users::{AliasKind, UserRecord};

use super::pool::Pool;

/// `UserStatus`: the states that Cognito's operations produce (reference 03 §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UserStatus {
    /// Signed up, the code has not come back yet.
    Unconfirmed,
    /// May sign in.
    Confirmed,
    /// Must set a password of its own at the next sign-in.
    ForceChangePassword,
    /// Must go through the recovery of a forgotten password.
    ResetRequired,
    /// Signs in elsewhere; has no password here.
    ExternalProvider,
}

impl UserStatus {
    /// Cognito's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unconfirmed => "UNCONFIRMED",
            Self::Confirmed => "CONFIRMED",
            Self::ForceChangePassword => "FORCE_CHANGE_PASSWORD",
            Self::ResetRequired => "RESET_REQUIRED",
            Self::ExternalProvider => "EXTERNAL_PROVIDER",
        }
    }

    /// The state after a confirmation, by the user's code or by an administrator.
    ///
    /// # Errors
    /// [`NotConfirmable`] for everybody who is not waiting for it.
    pub fn confirm(self) -> Result<Self, NotConfirmable> {
        match self {
            Self::Unconfirmed => Ok(Self::Confirmed),
            current => Err(NotConfirmable(current)),
        }
    }
}

/// The user is not waiting for a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("current status is {0}")]
pub struct NotConfirmable(pub UserStatus);

/// A status that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a user status")]
pub struct UnknownStatus;

impl FromStr for UserStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        [Self::Unconfirmed, Self::Confirmed, Self::ForceChangePassword, Self::ResetRequired, Self::ExternalProvider]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownStatus)
    }
}

impl fmt::Display for UserStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The attributes of a user but `sub`, by name.
pub type Attributes = BTreeMap<String, String>;

/// A user of a pool. Changes are made to a copy and written by [`User::record`] under the version that was read.
///
/// `Debug` shows no attribute: they are people's data.
#[derive(Clone)]
pub struct User {
    record: UserRecord,
    /// The state.
    pub status: UserStatus,
    /// All attributes but `sub`.
    pub attributes: Attributes,
}

impl User {
    /// Parses a stored user.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when status or attributes are not what this program writes.
    pub fn from_record(record: UserRecord) -> Result<Self, StoreError> {
        let corrupt = |column| StoreError::Corrupt { table: "users", column, key: record.sub.to_string() };
        let status = record.status.parse().map_err(|_| corrupt("status"))?;
        let attributes = serde_json::from_str(&record.attributes).map_err(|_| corrupt("attributes"))?;
        Ok(Self { status, attributes, record })
    }

    /// The record with the changes in it.
    pub fn record(&self) -> UserRecord {
        UserRecord {
            status: self.status.as_str().to_owned(),
            attributes: attributes_json(&self.attributes),
            ..self.record.clone()
        }
    }

    /// What was read, for the columns that have no rule of their own.
    pub fn stored(&self) -> &UserRecord {
        &self.record
    }

    /// Columns that have no rule of their own, to change.
    pub fn stored_mut(&mut self) -> &mut UserRecord {
        &mut self.record
    }

    /// The username as the API shows it.
    pub fn username(&self) -> &str {
        &self.record.username
    }

    /// Notes a change for `UserLastModifiedDate`.
    pub fn touch(&mut self, now: Timestamp) {
        self.record.modified_at = now;
    }

    /// Whether the attribute's `*_verified` flag is set; for `preferred_username`, which has none, whether it has a
    /// value.
    pub fn is_verified(&self, kind: AliasKind) -> bool {
        match verified_flag(kind) {
            Some(flag) => self.attributes.get(flag).is_some_and(|value| value.eq_ignore_ascii_case("true")),
            None => self.attributes.contains_key(kind.as_str()),
        }
    }

    /// Sets or clears the attribute's `*_verified` flag, where it has one.
    pub fn set_verified(&mut self, kind: AliasKind, verified: bool) {
        if let Some(flag) = verified_flag(kind) {
            self.attributes.insert(flag.to_owned(), verified.to_string());
        }
    }

    /// Whether text messages to the phone are a second factor of this user.
    pub fn has_sms_factor(&self) -> bool {
        serde_json::from_str::<serde_json::Value>(&self.record.mfa).is_ok_and(|mfa| mfa.get("sms").is_some())
    }

    /// Whether a second factor is set up for this user.
    pub fn has_second_factor(&self) -> bool {
        self.record.mfa != "{}"
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("record", &self.record).field("status", &self.status).finish_non_exhaustive()
    }
}

/// The flag that says whether an alias attribute is verified.
pub fn verified_flag(kind: AliasKind) -> Option<&'static str> {
    match kind {
        AliasKind::Email => Some("email_verified"),
        AliasKind::PhoneNumber => Some("phone_number_verified"),
        AliasKind::PreferredUsername => None,
    }
}

/// Attributes as the store keeps them.
pub fn attributes_json(attributes: &Attributes) -> String {
    serde_json::Value::from_iter(attributes.iter().map(|(name, value)| (name.clone(), value.clone()))).to_string()
}

/// The aliases that this user owns in this pool: each address in a pool with username attributes, verified ones and the
/// preferred user name in a pool with alias attributes. Values are folded as they are compared. Sorted as the table is,
/// so that every batch takes its rows in the same order.
pub fn aliases_of(pool: &Pool, user: &User) -> BTreeSet<(AliasKind, String)> {
    let owned = |kind: AliasKind| user.attributes.get(kind.as_str()).map(|value| (kind, pool.alias_key(kind, value)));
    let by_attribute = pool.username_attributes.iter().filter_map(|kind| owned(*kind));
    // Nobody signs in by an alias before the account is confirmed.
    let by_alias = pool
        .alias_attributes
        .iter()
        .filter(|kind| user.status != UserStatus::Unconfirmed && user.is_verified(**kind))
        .filter_map(|kind| owned(*kind));
    by_attribute.chain(by_alias).collect()
}

/// The attributes that ListUsers searches.
pub const SEARCHED: [&str; 6] = ["email", "family_name", "given_name", "name", "phone_number", "preferred_username"];

/// Case folding for searches. Unlike lower case alone it folds a text's beginning to the beginning of the folded text:
/// lower case writes a sigma in another way where a word ends.
pub fn search_fold(text: &str) -> String {
    text.to_lowercase().replace('ς', "σ")
}

/// The attributes that ListUsers searches, folded: pairs of name and value.
pub fn searchable(attributes: &Attributes) -> Vec<(&'static str, String)> {
    SEARCHED
        .into_iter()
        .filter_map(|name| attributes.get(name).map(|value| (name, search_fold(value))))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_as_it_is_written() {
        for status in ["UNCONFIRMED", "CONFIRMED", "FORCE_CHANGE_PASSWORD", "RESET_REQUIRED", "EXTERNAL_PROVIDER"] {
            assert_eq!(status.parse::<UserStatus>().unwrap().as_str(), status);
        }
        assert!("confirmed".parse::<UserStatus>().is_err());
    }

    #[test]
    fn only_the_unconfirmed_are_confirmed() {
        assert_eq!(UserStatus::Unconfirmed.confirm(), Ok(UserStatus::Confirmed));
        for status in [UserStatus::Confirmed, UserStatus::ForceChangePassword, UserStatus::ResetRequired] {
            assert_eq!(status.confirm(), Err(NotConfirmable(status)));
        }
    }

    #[test]
    fn what_is_searched_is_folded() {
        let attributes = Attributes::from([
            ("email".to_owned(), "Alice@Example.com".to_owned()),
            ("custom:x".to_owned(), "Y".to_owned()),
            ("name".to_owned(), String::new()),
        ]);
        assert_eq!(searchable(&attributes), [("email", "alice@example.com".to_owned())]);
    }
}
