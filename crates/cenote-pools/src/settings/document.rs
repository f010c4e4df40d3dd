//! Stored settings: the wire structure, and beside it whatever other operations keep in the same document.

use cenote_wire::{Shape, Structure};
use serde_json::{Map, Value};

/// A settings document. Members that `T` does not know belong to other operations and survive.
#[derive(Clone, Debug)]
pub(crate) struct Document<T> {
    /// The members that `T` knows.
    pub(crate) settings: T,
    others: Map<String, Value>,
}

/// A document that is no JSON object of the right types.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored settings cannot be read: {0}")]
pub(crate) struct Unreadable(String);

impl<T: Structure> Document<T> {
    /// A new document.
    pub(crate) fn new(settings: T) -> Self {
        Self { settings, others: Map::new() }
    }

    /// Reads a stored document.
    ///
    /// # Errors
    /// When it is no JSON object or a member has the wrong type.
    pub(crate) fn read(text: &str) -> Result<Self, Unreadable> {
        let unreadable = |reason: &dyn ToString| Unreadable(reason.to_string());
        let value: Value = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
        let Value::Object(mut others) = value.clone() else { return Err(unreadable(&"not an object")) };
        T::default().members(&mut |member, _| {
            others.shift_remove(member.wire);
        });
        let settings = T::from_json(value).map_err(|error| unreadable(&error))?;
        Ok(Self { settings, others })
    }

    /// The same document with other settings.
    pub(crate) fn with(&self, settings: T) -> Self {
        Self { settings, others: self.others.clone() }
    }

    /// The text to be stored.
    pub(crate) fn text(&self) -> String {
        let mut value = self.settings.to_json();
        if let Value::Object(members) = &mut value {
            members.extend(self.others.clone());
        }
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use cenote_wire::idp::{UserPoolMfaType, UserPoolType};

    use super::*;

    #[test]
    fn members_of_other_operations_survive() {
        let text = r#"{"MfaConfiguration":"ON","SoftwareTokenMfaConfiguration":{"Enabled":true}}"#;
        let document = Document::<UserPoolType>::read(text).unwrap();
        assert_eq!(document.settings.mfa_configuration, Some(UserPoolMfaType::On));
        let changed = document.with(UserPoolType::default());
        assert_eq!(changed.text(), r#"{"SoftwareTokenMfaConfiguration":{"Enabled":true}}"#);
        assert_eq!(document.text(), text);
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for bad in ["", "[]", "null", r#"{"MfaConfiguration":7}"#] {
            assert!(Document::<UserPoolType>::read(bad).is_err(), "{bad}");
        }
    }
}
