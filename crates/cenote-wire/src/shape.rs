//! What every shape of the wire can do: be read from JSON, be written, be checked against its rule.
//!
//! The generated structures only say which members they have ([`Structure`]); reading, writing, checking and printing
//! are written once, here, over trait objects. That keeps the generated code small and quick to compile.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::{ApiError, ErrorCode};
use crate::mismatch::Mismatch;
use crate::rule::Rule;
use crate::violations::{Breach, Path, Violations};

/// A value of the wire.
pub trait Shape: fmt::Debug {
    /// Reads it. `value` is never null: null means absent, which the caller deals with.
    fn from_json(value: Value) -> Result<Self, Mismatch>
    where
        Self: Sized;

    /// A value to test with.
    #[cfg(test)]
    fn sample(draw: &mut crate::sample::Draw) -> Self
    where
        Self: Sized;

    /// The value as a JSON tree.
    fn to_json(&self) -> Value;

    /// Appends the value as JSON text.
    fn write(&self, out: &mut Vec<u8>);

    /// Appends the value as AWS prints it in a violation; of what `rule` hides inside lists and maps nothing.
    fn show(&self, rule: &Rule, out: &mut String);

    /// What of `rule` the value itself, without its contents, breaks.
    fn breaches(&self, rule: &Rule) -> Vec<Breach>;

    /// Everything that `rule` demands of a scalar, in AWS's order. Structures, lists and maps demand nothing as such.
    fn demands(_rule: &Rule) -> Vec<Breach>
    where
        Self: Sized,
    {
        Vec::new()
    }

    /// Whether violations inside have a path of their own (structures, lists and maps; not scalars).
    fn is_nested() -> bool
    where
        Self: Sized,
    {
        false
    }

    /// Whether AWS reports a breach without count and path.
    fn is_reported_alone(&self) -> bool {
        false
    }

    /// Looks for violations in the contents.
    fn check_contents(&self, _rule: &Rule, _path: &Path<'_>, _out: &mut Violations) {}

    /// Looks for violations in the value and its contents.
    fn check(&self, rule: &Rule, path: &Path<'_>, out: &mut Violations) {
        for breach in self.breaches(rule) {
            if self.is_reported_alone() {
                let mut value = String::new();
                self.show(rule, &mut value);
                out.alone(&value, &breach);
            } else {
                out.breach(rule, path, &breach, |text| self.show(rule, text));
            }
        }
        if !out.is_full() {
            self.check_contents(rule, path, out);
        }
    }
}

/// Looks for violated constraints in an input.
pub trait Validate {
    /// Adds what is violated at and below `path` to `out`.
    fn validate(&self, path: &Path<'_>, out: &mut Violations);
}

impl<T: Structure> Validate for T {
    fn validate(&self, path: &Path<'_>, out: &mut Violations) {
        self.check_contents(&crate::rule::FREE, path, out);
    }
}

/// What the model says about a member of a structure.
#[derive(Debug)]
pub struct Member {
    /// The name of the Rust field.
    pub field: &'static str,
    /// The name on the wire.
    pub wire: &'static str,
    /// Whether it must be there.
    pub required: bool,
    pub(crate) rule: &'static Rule,
}

/// A member's place in a structure: holds a value or nothing.
pub trait Slot {
    /// Fills the place.
    fn read(&mut self, value: Value) -> Result<(), Mismatch>;
    /// What is there.
    fn get(&self) -> Option<&dyn Shape>;
    /// Fills the place with a value to test with, or leaves it empty.
    #[cfg(test)]
    fn fill(&mut self, draw: &mut crate::sample::Draw);
}

impl<T: Shape> Slot for Option<T> {
    fn read(&mut self, value: Value) -> Result<(), Mismatch> {
        *self = Some(T::from_json(value)?);
        Ok(())
    }

    fn get(&self) -> Option<&dyn Shape> {
        self.as_ref().map(|value| value as &dyn Shape)
    }

    #[cfg(test)]
    fn fill(&mut self, draw: &mut crate::sample::Draw) {
        *self = draw.is_present().then(|| T::sample(draw));
    }
}

/// A structure of the service model.
pub trait Structure: Clone + Default + PartialEq + fmt::Debug + Send + Sync + 'static {
    /// The name of the shape.
    const NAME: &'static str;
    /// Whether an answer of this shape has a body; only [`Empty`] has none.
    const HAS_BODY: bool = true;
    /// The error that the shape's service answers violated constraints with.
    const CONSTRAINT_ERROR: ErrorCode = ErrorCode::InvalidParameter;

    /// Visits every member in the model's order, the absent ones too.
    fn members(&self, visit: &mut dyn FnMut(&'static Member, &dyn Slot));

    /// The place of the member with this name on the wire.
    fn slot(&mut self, wire: &str) -> Option<&mut dyn Slot>;
}

impl<T: Structure> Shape for T {
    fn from_json(value: Value) -> Result<Self, Mismatch> {
        let Value::Object(members) = value else {
            return Err(Mismatch::structure(&value));
        };
        let mut structure = Self::default();
        for (name, value) in members {
            if value.is_null() {
                continue;
            }
            if let Some(slot) = structure.slot(&name) {
                slot.read(value)?;
            }
        }
        Ok(structure)
    }

    #[cfg(test)]
    fn sample(draw: &mut crate::sample::Draw) -> Self {
        let mut structure = Self::default();
        let mut names = Vec::new();
        structure.members(&mut |member, _| names.push(member.wire));
        for name in names {
            structure.slot(name).unwrap().fill(draw);
        }
        structure
    }

    fn to_json(&self) -> Value {
        let mut members = Map::new();
        self.members(&mut |member, slot| {
            if let Some(value) = slot.get() {
                members.insert(member.wire.to_owned(), value.to_json());
            }
        });
        Value::Object(members)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut first = true;
        self.members(&mut |member, slot| {
            if let Some(value) = slot.get() {
                if !first {
                    out.push(b',');
                }
                first = false;
                write_text(member.wire, out);
                out.push(b':');
                value.write(out);
            }
        });
        out.push(b'}');
    }

    /// Only the name: the contents may be sensitive, and what AWS prints here (a Java object's address) says nothing.
    fn show(&self, _rule: &Rule, out: &mut String) {
        out.push_str(Self::NAME);
    }

    fn breaches(&self, _rule: &Rule) -> Vec<Breach> {
        Vec::new()
    }

    fn is_nested() -> bool {
        true
    }

    fn check_contents(&self, _rule: &Rule, path: &Path<'_>, out: &mut Violations) {
        self.members(&mut |member, slot| {
            if out.is_full() {
                return;
            }
            let path = path.member(member.wire);
            match slot.get() {
                Some(value) => value.check(member.rule, &path, out),
                None if member.required => out.missing(member.rule, &path),
                None => {}
            }
        });
    }
}

/// A member that the validation of the input has found to be there.
///
/// # Errors
///
/// Cenote's own fault when it is not: only a decoded input may be read by this.
pub fn required<T>(member: Option<T>, name: &str) -> Result<T, ApiError> {
    member.ok_or_else(|| ApiError::internal(format!("the validated input lacks {name}")))
}

/// Prints the members that are there; nothing sensitive.
pub(crate) fn debug<T: Structure>(structure: &T, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut printer = f.debug_struct(T::NAME);
    structure.members(&mut |member, slot| {
        if let Some(value) = slot.get() {
            let name = member.field.trim_start_matches("r#");
            if member.rule.hidden {
                printer.field(name, &format_args!("***"));
            } else {
                printer.field(name, &value);
            }
        }
    });
    printer.finish()
}

/// `Serialize` of every structure.
pub(crate) fn serialize<S: Serializer>(shape: &dyn Shape, serializer: S) -> Result<S::Ok, S::Error> {
    shape.to_json().serialize(serializer)
}

/// `Deserialize` of every structure: types only, no constraints.
pub(crate) fn deserialize<'de, T: Shape, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::from_json(Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// Appends `text` as a JSON string.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1F);
    while let Some((plain, [special, after @ ..])) = rest.iter().position(is_special).map(|at| rest.split_at(at)) {
        out.extend_from_slice(plain);
        match special {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// The answer of an operation that the model gives no output: an empty body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Empty;

impl Structure for Empty {
    const NAME: &'static str = "Empty";
    const HAS_BODY: bool = false;

    fn members(&self, _visit: &mut dyn FnMut(&'static Member, &dyn Slot)) {}

    fn slot(&mut self, _wire: &str) -> Option<&mut dyn Slot> {
        None
    }
}
