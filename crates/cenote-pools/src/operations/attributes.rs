//! Attributes between the wire's lists and the rules' maps.

use std::collections::BTreeMap;

use cenote_wire::Sensitive;
use cenote_wire::idp::{AttributeType, UserStatusType, UserType};

use crate::domain::client::Client;
use crate::domain::user::{Attributes, User};

/// The map of a list; of two equal names the later counts.
pub(crate) fn from_list(list: Option<Vec<AttributeType>>) -> Attributes {
    list.unwrap_or_default()
        .into_iter()
        .filter_map(|attribute| {
            attribute.name.map(|name| (name, attribute.value.map_or_else(String::new, |value| value.into_exposed())))
        })
        .collect()
}

/// All attributes, `sub` first; only those that the client may read where one asks.
pub(crate) fn to_list(user: &User, reader: Option<&Client>) -> Vec<AttributeType> {
    let sub = user.stored().sub.to_string();
    std::iter::once(("sub", sub.as_str()))
        .chain(user.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .filter(|(name, _)| reader.is_none_or(|client| client.can_read(name)))
        .map(|(name, value)| AttributeType { name: Some(name.to_owned()), value: Some(value.into()) })
        .collect()
}

/// A user as AdminCreateUser and the lists show one.
pub(crate) fn user_type(user: &User) -> UserType {
    user_type_of(user, None)
}

/// A user with only those of the named attributes that it has; without names, with all.
pub(crate) fn user_type_of(user: &User, names: Option<&[String]>) -> UserType {
    let stored = user.stored();
    let mut attributes = to_list(user, None);
    if let Some(names) = names {
        attributes.retain(|attribute| attribute.name.as_ref().is_some_and(|name| names.contains(name)));
    }
    UserType {
        username: Some(user.username().into()),
        attributes: Some(attributes),
        user_create_date: Some(stored.created_at),
        user_last_modified_date: Some(stored.modified_at),
        enabled: Some(stored.enabled),
        user_status: Some(status(user)),
        mfa_options: None,
    }
}

/// The status as the wire names it.
pub(crate) fn status(user: &User) -> UserStatusType {
    UserStatusType::from(user.status.as_str())
}

/// The answers `userAttributes.<name>` of a challenge.
pub(crate) fn from_responses(responses: &BTreeMap<String, Sensitive>) -> Attributes {
    responses
        .iter()
        .filter_map(|(key, value)| {
            key.strip_prefix("userAttributes.").map(|name| (name.to_owned(), value.expose().to_owned()))
        })
        .collect()
}
