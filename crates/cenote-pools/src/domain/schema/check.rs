//! Who may write which attributes, and the texts of every refusal (reference 02 §2, 03 §2 and §9).

use std::collections::BTreeMap;
use std::fmt;

use super::value::{ValueProblem, is_email, is_phone_number};
use super::{Attribute, Schema, VERIFIED_FLAGS};
use crate::domain::client::Client;

/// Who writes attributes.
#[derive(Clone, Copy, Debug)]
pub enum Writer<'a> {
    /// A user, through this app client.
    Client(&'a Client),
    /// An administrator, a trigger or a federated sign-in.
    Admin,
}

/// Under which error a refusal is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttributeErrorKind {
    /// `InvalidParameterException`.
    InvalidParameter,
    /// `NotAuthorizedException`.
    NotAuthorized,
}

/// Why attributes may not be written so. Its `Display` is Cognito's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// `sub`, or a verified flag by a user.
    #[error("Cannot modify the non-mutable attribute {0}")]
    NotMutable(String),
    /// No such attribute, while a user is made.
    #[error("Attributes did not conform to the schema: Type for attribute {{{0}}} could not be determined")]
    UnknownOfNewUser(String),
    /// No such attribute, while a user is changed.
    #[error("Type for attribute {{{0}}} could not be determined")]
    Unknown(String),
    /// No such attributes, while attributes are deleted.
    #[error("Invalid user attributes: {}", UnknownDeleted(.0))]
    UnknownDeleted(Vec<String>),
    /// Required attributes are missing or values do not fit, sorted by name.
    #[error("Attributes did not conform to the schema: {}", Nonconforming(.0))]
    Nonconforming(Vec<(String, ValueProblem)>),
    /// `email` is no address.
    #[error("Invalid email address format.")]
    Email,
    /// `phone_number` is no E.164 number.
    #[error("Invalid phone number format.")]
    PhoneNumber,
    /// The attribute can be set only while the user is made.
    #[error("user.{0}: Attribute cannot be updated.")]
    Immutable(String),
    /// A required attribute would be lost.
    #[error("Required attribute can not be deleted")]
    RequiredDeleted(String),
    /// The app client may not write this attribute.
    #[error("A client attempted to write unauthorized attribute")]
    Unauthorized(String),
}

impl AttributeError {
    /// Under which error this is answered.
    pub fn kind(&self) -> AttributeErrorKind {
        match self {
            Self::Unauthorized(_) => AttributeErrorKind::NotAuthorized,
            _ => AttributeErrorKind::InvalidParameter,
        }
    }
}

/// One entry stands alone, several end with a line break each.
struct Nonconforming<'a>(&'a [(String, ValueProblem)]);

impl fmt::Display for Nonconforming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(name, problem)] = self.0 {
            return write!(f, "{name}: {problem}");
        }
        self.0.iter().try_for_each(|(name, problem)| writeln!(f, "{name}: {problem}"))
    }
}

/// Every entry ends with a line break.
struct UnknownDeleted<'a>(&'a [String]);

impl fmt::Display for UnknownDeleted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|name| writeln!(f, "user.{name}: Attribute does not exist in the schema."))
    }
}

impl Schema {
    /// Judges all attributes of a user that is being made: by SignUp ([`Writer::Client`], which must give what is
    /// required) or by an administrator (who may leave it for the first sign-in).
    ///
    /// # Errors
    /// The first refusal, in the order: `sub`, unknown attributes, missing and unfitting values, addresses, who may write.
    pub fn check_new(&self, attributes: &BTreeMap<String, String>, writer: Writer<'_>) -> Result<(), AttributeError> {
        refuse_sub(attributes.keys())?;
        let known = self.known(attributes, AttributeError::UnknownOfNewUser)?;
        let mut problems: BTreeMap<&str, ValueProblem> = problems_of(&known).collect();
        if matches!(writer, Writer::Client(_)) {
            problems.extend(self.missing(attributes).into_iter().map(|name| (name, ValueProblem::Required)));
        }
        refuse_problems(problems)?;
        refuse_bad_addresses(attributes)?;
        known.iter().try_for_each(|(attribute, _)| may_write(attribute, writer))
    }

    /// Judges changed attributes of a user that exists. An empty value means that the attribute is deleted.
    ///
    /// # Errors
    /// The first refusal, in the order: `sub`, unknown attributes, immutable ones, who may write, required ones deleted,
    /// unfitting values, addresses.
    pub fn check_update(&self, changes: &BTreeMap<String, String>, writer: Writer<'_>) -> Result<(), AttributeError> {
        refuse_sub(changes.keys())?;
        let known = self.known(changes, AttributeError::Unknown)?;
        for (attribute, value) in &known {
            may_change(attribute, writer)?;
            if value.is_empty() && attribute.required {
                return Err(AttributeError::RequiredDeleted(attribute.name.clone()));
            }
        }
        let set: Vec<_> = known.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        refuse_problems(problems_of(&set).collect())?;
        let is_set = |name: &str| changes.get(name).filter(|value| !value.is_empty());
        refuse_bad_address(is_set("email"), is_set("phone_number"))
    }

    /// Judges the deletion of attributes of a user that exists.
    ///
    /// # Errors
    /// The first refusal, in the order: unknown attributes, `sub`, immutable ones, who may write, required ones.
    pub fn check_delete(&self, names: &[String], writer: Writer<'_>) -> Result<(), AttributeError> {
        let unknown: Vec<String> = names.iter().filter(|name| !self.contains(name)).cloned().collect();
        if !unknown.is_empty() {
            return Err(AttributeError::UnknownDeleted(unknown));
        }
        refuse_sub(names.iter())?;
        for attribute in names.iter().filter_map(|name| self.get(name)) {
            may_change(attribute, writer)?;
            if attribute.required {
                return Err(AttributeError::RequiredDeleted(attribute.name.clone()));
            }
        }
        Ok(())
    }

    /// The attributes with their definitions; the first without one is an error.
    fn known<'a>(
        &'a self,
        attributes: &'a BTreeMap<String, String>,
        unknown: fn(String) -> AttributeError,
    ) -> Result<Vec<(&'a Attribute, &'a str)>, AttributeError> {
        attributes
            .iter()
            .map(|(name, value)| {
                self.get(name).map(|attribute| (attribute, value.as_str())).ok_or_else(|| unknown(name.clone()))
            })
            .collect()
    }
}

fn refuse_sub<'a>(mut names: impl Iterator<Item = &'a String>) -> Result<(), AttributeError> {
    if names.any(|name| name == "sub") { Err(AttributeError::NotMutable("sub".to_owned())) } else { Ok(()) }
}

fn problems_of<'a>(values: &'a [(&'a Attribute, &'a str)]) -> impl Iterator<Item = (&'a str, ValueProblem)> {
    values
        .iter()
        .filter_map(|(attribute, value)| attribute.check(value).err().map(|problem| (attribute.name.as_str(), problem)))
}

fn refuse_problems(problems: BTreeMap<&str, ValueProblem>) -> Result<(), AttributeError> {
    if problems.is_empty() {
        return Ok(());
    }
    let problems = problems.into_iter().map(|(name, problem)| (name.to_owned(), problem)).collect();
    Err(AttributeError::Nonconforming(problems))
}

fn refuse_bad_addresses(attributes: &BTreeMap<String, String>) -> Result<(), AttributeError> {
    refuse_bad_address(attributes.get("email"), attributes.get("phone_number"))
}

fn refuse_bad_address(email: Option<&String>, phone_number: Option<&String>) -> Result<(), AttributeError> {
    if email.is_some_and(|email| !is_email(email)) {
        return Err(AttributeError::Email);
    }
    if phone_number.is_some_and(|number| !is_phone_number(number)) {
        return Err(AttributeError::PhoneNumber);
    }
    Ok(())
}

/// Whether `writer` may write this attribute of a user that exists.
fn may_change(attribute: &Attribute, writer: Writer<'_>) -> Result<(), AttributeError> {
    if !attribute.mutable {
        return Err(AttributeError::Immutable(attribute.name.clone()));
    }
    may_write(attribute, writer)
}

fn may_write(attribute: &Attribute, writer: Writer<'_>) -> Result<(), AttributeError> {
    let Writer::Client(client) = writer else { return Ok(()) };
    if client.can_write(&attribute.name) && !attribute.developer_only {
        return Ok(());
    }
    // A client that lists what it writes can never list a flag: there the list is the reason.
    let name = attribute.name.clone();
    if VERIFIED_FLAGS.contains(&name.as_str()) && client.write_attributes.is_none() {
        return Err(AttributeError::NotMutable(name));
    }
    Err(AttributeError::Unauthorized(name))
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
