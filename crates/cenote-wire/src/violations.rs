//! Violated constraints in AWS's words (reference 01 §3).

use std::fmt;

use crate::rule::Rule;

/// The most violations that one answer names, as AWS's front ends do. It bounds the answer to hostile input, too.
const MOST: usize = 10;

/// Where in the input a value stands: `userAttributes.2.member.value`.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    /// A member of a structure by its name on the wire.
    Member(&'a str),
    /// An element of a list, counted from 1.
    Item(usize),
    /// A value of a map.
    Entry(&'a str),
}

impl<'a> Path<'a> {
    /// The whole input.
    pub const ROOT: Path<'static> = Path { parent: None, step: Step::Root };

    /// The member `wire_name` of the structure at this path.
    pub fn member(&'a self, wire_name: &'a str) -> Path<'a> {
        Path { parent: Some(self), step: Step::Member(wire_name) }
    }

    /// The element of the list at this path; `index` counts from 0.
    pub fn item(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), step: Step::Item(index.saturating_add(1)) }
    }

    /// The value under `key` of the map at this path.
    pub fn entry(&'a self, key: &'a str) -> Path<'a> {
        Path { parent: Some(self), step: Step::Entry(key) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            if !matches!(parent.step, Step::Root) {
                f.write_str(".")?;
            }
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Member(name) => {
                let mut letters = name.chars();
                letters.next().map_or(Ok(()), |first| write!(f, "{}", first.to_lowercase()))?;
                f.write_str(letters.as_str())
            }
            Step::Item(number) => write!(f, "{number}.member"),
            Step::Entry(key) => write!(f, "{key}.member"),
        }
    }
}

/// One demand of the model that a value does not meet; printed as what AWS writes after "failed to satisfy constraint".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breach {
    /// A required member is absent.
    Null,
    /// Shorter than this.
    MinLength(i64),
    /// Longer than this.
    MaxLength(i64),
    /// Less than this.
    MinValue(i64),
    /// More than this.
    MaxValue(i64),
    /// None of these words.
    Enum(&'static [&'static str]),
    /// Does not match this pattern.
    Pattern(&'static str),
    /// An element of a list breaks one of these.
    Element(Vec<Breach>),
    /// A key of a map breaks one of these.
    Key(Vec<Breach>),
    /// A value of a map breaks one of these.
    Value(Vec<Breach>),
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Member must not be null"),
            Self::MinLength(n) => write!(f, "Member must have length greater than or equal to {n}"),
            Self::MaxLength(n) => write!(f, "Member must have length less than or equal to {n}"),
            Self::MinValue(n) => write!(f, "Member must have value greater than or equal to {n}"),
            Self::MaxValue(n) => write!(f, "Member must have value less than or equal to {n}"),
            Self::Enum(words) => write!(f, "Member must satisfy enum value set: [{}]", words.join(", ")),
            Self::Pattern(pattern) => write!(f, "Member must satisfy regular expression pattern: {pattern}"),
            Self::Element(all) => write!(f, "Member must satisfy constraint: [{}]", Listed(all)),
            Self::Key(all) => write!(f, "Map keys must satisfy constraint: [{}]", Listed(all)),
            Self::Value(all) => write!(f, "Map value must satisfy constraint: [{}]", Listed(all)),
        }
    }
}

struct Listed<'a>(&'a [Breach]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, breach) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            breach.fmt(f)?;
        }
        Ok(())
    }
}

/// The violations found in one input, at most ten; those after the tenth are not looked for.
#[derive(Debug, Default)]
pub struct Violations {
    found: Vec<String>,
    alone: Option<String>,
}

impl Violations {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.alone.is_none()
    }

    /// Whether looking further is of no use.
    pub fn is_full(&self) -> bool {
        self.found.len() >= MOST
    }

    /// A required member is absent.
    pub(crate) fn missing(&mut self, rule: &Rule, path: &Path<'_>) {
        let null = if rule.hidden { "" } else { " null" };
        self.push(format!("Value{null} at '{path}' failed to satisfy constraint: {}", Breach::Null));
    }

    /// The value at `path`, printed by `show` unless the rule hides it, breaks `breach`.
    pub(crate) fn breach(&mut self, rule: &Rule, path: &Path<'_>, breach: &Breach, show: impl FnOnce(&mut String)) {
        let mut value = String::new();
        if !rule.hidden {
            value.push_str(" '");
            show(&mut value);
            value.push('\'');
        }
        self.push(format!("Value{value} at '{path}' failed to satisfy constraint: {breach}"));
    }

    /// A breach that AWS reports by itself, without count and path, whatever else is wrong.
    pub(crate) fn alone(&mut self, value: &str, breach: &Breach) {
        self.alone.get_or_insert_with(|| {
            format!("Validation error detected: Value '{value}' failed to satisfy constraint: {breach}")
        });
    }

    /// The message of AWS's InvalidParameterException; `None` when nothing was found.
    pub fn message(&self) -> Option<String> {
        if let Some(alone) = &self.alone {
            return Some(alone.clone());
        }
        let count = self.found.len();
        let errors = if count == 1 { "error" } else { "errors" };
        (count > 0).then(|| format!("{count} validation {errors} detected: {}", self.found.join("; ")))
    }

    fn push(&mut self, text: String) {
        if !self.is_full() {
            self.found.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lower_the_first_letter_only() {
        let schema = Path::ROOT.member("Schema");
        let item = schema.item(0);
        assert_eq!(item.member("Name").to_string(), "schema.1.member.name");
        assert_eq!(Path::ROOT.member("CallbackURLs").to_string(), "callbackURLs");
        assert_eq!(Path::ROOT.member("MFAOptions").to_string(), "mFAOptions");
        let roles = Path::ROOT.member("RoleMappings");
        assert_eq!(roles.entry("a:b").member("Type").to_string(), "roleMappings.a:b.member.type");
    }

    #[test]
    fn one_several_and_too_many() {
        let mut out = Violations::default();
        assert_eq!((out.is_empty(), out.message()), (true, None));
        let path = Path::ROOT.member("UserPoolId");
        out.missing(&Rule::ANY, &path);
        assert_eq!(
            out.message().unwrap(),
            "1 validation error detected: Value null at 'userPoolId' failed to satisfy constraint: Member must not be null"
        );
        out.missing(&Rule::ANY.hidden(), &path);
        assert_eq!(
            out.message().unwrap(),
            "2 validation errors detected: Value null at 'userPoolId' failed to satisfy constraint: Member must not be \
             null; Value at 'userPoolId' failed to satisfy constraint: Member must not be null"
        );
        for _ in 0..20 {
            out.missing(&Rule::ANY, &path);
        }
        assert!(out.message().unwrap().starts_with("10 validation errors detected: "));
    }
}
