//! The reviewed corrections of the models. Each has a reason; one that changes nothing is an error, because it was
//! written for another model.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use crate::error::Error;
use crate::service::Service;
use crate::source::read_toml;

/// All corrections.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overrides {
    /// Corrected services.
    pub service: Vec<ServiceOverride>,
    /// Corrected shapes.
    pub shape: Vec<ShapeOverride>,
    /// New shapes that differ a little from one of the model.
    pub derive: Vec<Derive>,
    /// Members that have another shape.
    pub member: Vec<MemberOverride>,
    /// Corrected operations.
    pub operation: Vec<OperationOverride>,
    /// Corrected errors.
    pub error: Vec<ErrorOverride>,
    /// Errors that no model declares.
    pub front_end_error: Vec<ErrorOverride>,
    #[serde(skip)]
    used: RefCell<BTreeSet<String>>,
}

/// A corrected service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceOverride {
    /// The service.
    pub service: String,
    /// The error that violated constraints are answered with.
    pub constraint_error: String,
    /// Why.
    pub reason: String,
}

/// A corrected shape.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShapeOverride {
    /// The service.
    pub service: String,
    /// The shape.
    pub shape: String,
    /// Words that the model lacks.
    #[serde(default)]
    pub add_words: Vec<String>,
    /// All words in the order in which violations print them.
    pub words: Option<Vec<String>>,
    /// Violations are reported by themselves.
    #[serde(default)]
    pub alone: bool,
    /// Never printed by `Debug`; violations still show it.
    #[serde(default)]
    pub secret: bool,
    /// Why.
    pub reason: String,
}

/// A new shape like one of the model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derive {
    /// The service.
    pub service: String,
    /// The new shape.
    pub shape: String,
    /// The shape of the model that it is like.
    pub like: String,
    /// Another lower bound.
    pub min: Option<i64>,
    /// Another pattern.
    pub pattern: Option<String>,
    /// Never printed by `Debug`; violations still show it.
    #[serde(default)]
    pub secret: bool,
    /// Why.
    pub reason: String,
}

/// A member that has another shape.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberOverride {
    /// The service.
    pub service: String,
    /// `Structure.Member`, each.
    pub members: Vec<String>,
    /// Their shape.
    pub shape: String,
    /// Why.
    pub reason: String,
}

/// A corrected operation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationOverride {
    /// The service.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// A variant of `cenote_wire::Auth`.
    pub auth: String,
    /// Why.
    pub reason: String,
}

/// An error that the model gets wrong or does not have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorOverride {
    /// The name on the wire.
    pub name: String,
    /// The HTTP status.
    pub status: u16,
    /// A variant of `cenote_base::Fault`.
    pub fault: String,
    /// Why.
    pub reason: String,
}

impl Overrides {
    /// Reads the corrections; each must have a reason.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let read: Self = read_toml(path)?;
        for (name, reason) in read.reasons() {
            if reason.trim().is_empty() {
                return Err(Error::Override(format!("{name} has no reason")));
            }
        }
        Ok(read)
    }

    /// Notes that a correction did something.
    pub fn used(&self, name: String) {
        self.used.borrow_mut().insert(name);
    }

    /// Fails on a correction that did nothing.
    pub fn check_all_used(&self, services: &[Service]) -> Result<(), Error> {
        for error in &self.error {
            let known = services.iter().any(|service| service.errors.contains_key(&error.name));
            if !known {
                return Err(Error::Override(format!("no model has the error {}", error.name)));
            }
        }
        for error in &self.front_end_error {
            if services.iter().any(|service| service.errors.contains_key(&error.name)) {
                return Err(Error::Override(format!("{} is no error of the front end", error.name)));
            }
        }
        let used = self.used.borrow();
        match self.reasons().into_iter().find(|(name, _)| name.contains('/') && !used.contains(name)) {
            Some((name, _)) => Err(Error::Override(format!("{name} is not in the model"))),
            None => Ok(()),
        }
    }

    /// The name of each correction, and why it is there. Those of a service have a `/` in the name.
    fn reasons(&self) -> Vec<(String, &str)> {
        let services = self.service.iter().map(|it| (format!("{}/", it.service), it.reason.as_str()));
        let shapes = self.shape.iter().map(|it| (format!("{}/{}", it.service, it.shape), it.reason.as_str()));
        let derived = self.derive.iter().map(|it| (format!("{}/{}", it.service, it.shape), it.reason.as_str()));
        let members = self.member.iter().flat_map(|it| {
            it.members.iter().map(move |member| (format!("{}/{member}", it.service), it.reason.as_str()))
        });
        let operations =
            self.operation.iter().map(|it| (format!("{}/{}", it.service, it.operation), it.reason.as_str()));
        let errors = self.error.iter().chain(&self.front_end_error).map(|it| (it.name.clone(), it.reason.as_str()));
        services.chain(shapes).chain(derived).chain(members).chain(operations).chain(errors).collect()
    }
}
