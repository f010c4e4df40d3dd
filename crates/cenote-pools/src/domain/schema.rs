//! The attributes that a pool's users may have: definitions, and the one judge of values and of who may write them
//! (reference 02 §2, 03 §2 and §9).

mod check;
mod definition;
mod integer;
mod value;

use std::collections::BTreeMap;

pub use self::check::{AttributeError, AttributeErrorKind, Writer};
pub use self::definition::{Attribute, AttributeDocument, Bounds, DataType, SchemaError};
pub(crate) use self::definition::{is_standard, standard_documents};
pub use self::integer::Integer;
pub use self::value::{ValueProblem, is_email, is_phone_number};

/// The prefix of attributes that the pool defines itself.
pub const CUSTOM_PREFIX: &str = "custom:";
/// The prefix of custom attributes that only administrators write.
pub const DEVELOPER_PREFIX: &str = "dev:custom:";
/// The attributes that say whether an address was proved; no user writes them.
pub const VERIFIED_FLAGS: [&str; 2] = ["email_verified", "phone_number_verified"];

/// The attributes of one pool, in the order in which DescribeUserPool shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    attributes: Vec<Attribute>,
    positions: BTreeMap<String, usize>,
}

impl Schema {
    /// The 20 attributes that every pool has.
    pub fn standard() -> Self {
        Self::from_attributes(definition::standard())
    }

    /// Parses the list `SchemaAttributes` of a stored document. An empty list is one: users of such a pool have no
    /// attribute at all.
    ///
    /// # Errors
    /// When a bound is no number or a name comes twice.
    pub fn from_documents(documents: Vec<AttributeDocument>) -> Result<Self, SchemaError> {
        let attributes = documents.into_iter().map(Attribute::try_from).collect::<Result<Vec<_>, _>>()?;
        let count = attributes.len();
        let schema = Self::from_attributes(attributes);
        if schema.positions.len() < count { Err(SchemaError::Duplicate) } else { Ok(schema) }
    }

    fn from_attributes(attributes: Vec<Attribute>) -> Self {
        let positions = attributes.iter().enumerate().map(|(at, attribute)| (attribute.name.clone(), at)).collect();
        Self { attributes, positions }
    }

    /// All attributes, standard ones first.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// The attribute with this full name (`email`, `custom:team`, `dev:custom:level`).
    pub fn get(&self, name: &str) -> Option<&Attribute> {
        self.positions.get(name).and_then(|at| self.attributes.get(*at))
    }

    /// Whether the pool has an attribute with this full name.
    pub fn contains(&self, name: &str) -> bool {
        self.positions.contains_key(name)
    }

    /// The attributes that a user must have and may write himself, sorted by name. `sub` is made by Cenote.
    pub fn required(&self) -> impl Iterator<Item = &Attribute> {
        self.positions
            .values()
            .filter_map(|at| self.attributes.get(*at))
            .filter(|attribute| attribute.required && attribute.name != "sub")
    }

    /// The required attributes that `attributes` lacks (or holds empty), sorted: what NEW_PASSWORD_REQUIRED asks for.
    pub fn missing<'a>(&'a self, attributes: &BTreeMap<String, String>) -> Vec<&'a str> {
        self.required()
            .filter(|attribute| attributes.get(&attribute.name).is_none_or(String::is_empty))
            .map(|attribute| attribute.name.as_str())
            .collect()
    }
}
