//! Constraints of the service models as data: the generated tables are made of these.

use std::fmt;
use std::sync::OnceLock;

use regex::Regex;

/// A pattern: as the model writes it (Java) and as this program matches it.
pub struct Pattern {
    printed: &'static str,
    source: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// `printed` is the model's text, `source` its equal for the `regex` crate, anchored at both ends.
    pub(crate) const fn new(printed: &'static str, source: &'static str) -> Self {
        Self { printed, source, compiled: OnceLock::new() }
    }

    /// The pattern as the model writes it and as violations print it.
    pub fn printed(&self) -> &'static str {
        self.printed
    }

    /// Whether the whole text matches. A pattern that does not compile matches nothing: the generator refuses to write
    /// such a pattern and a test compiles every one of them.
    pub fn matches(&self, text: &str) -> bool {
        self.compiled.get_or_init(|| Regex::new(self.source).ok()).as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.printed)
    }
}

/// What the model demands of a shape's values. The meaning of the bounds follows the shape: length of a text in UTF-16
/// units, of bytes, of a list, of a map, or the value of a number.
#[derive(Debug)]
pub struct Rule {
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
    pub(crate) pattern: Option<&'static Pattern>,
    /// Violations leave the value out.
    pub(crate) hidden: bool,
    /// The rule of a list's elements or a map's values.
    pub(crate) member: Option<&'static Self>,
    /// The rule of a map's keys.
    pub(crate) key: Option<&'static Self>,
}

/// The rule that demands nothing.
pub(crate) static FREE: Rule = Rule::ANY;

impl Rule {
    pub(crate) const ANY: Self = Self { min: None, max: None, pattern: None, hidden: false, member: None, key: None };

    pub(crate) const fn min(self, min: i64) -> Self {
        Self { min: Some(min), ..self }
    }

    pub(crate) const fn max(self, max: i64) -> Self {
        Self { max: Some(max), ..self }
    }

    pub(crate) const fn pattern(self, pattern: &'static Pattern) -> Self {
        Self { pattern: Some(pattern), ..self }
    }

    pub(crate) const fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    pub(crate) const fn of(self, member: &'static Self) -> Self {
        Self { member: Some(member), ..self }
    }

    pub(crate) const fn keys(self, key: &'static Self) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The rule of a list's elements or a map's values.
    pub(crate) fn member(&self) -> &'static Self {
        self.member.unwrap_or(&FREE)
    }

    /// The rule of a map's keys.
    pub(crate) fn key(&self) -> &'static Self {
        self.key.unwrap_or(&FREE)
    }
}

#[cfg(test)]
mod tests {
    use crate::generated::{identity, idp};

    #[test]
    fn every_generated_pattern_compiles() {
        let patterns = idp::PATTERNS.iter().chain(identity::PATTERNS);
        assert!(patterns.clone().count() > 40);
        for pattern in patterns {
            pattern.matches("");
            assert!(pattern.compiled.get().unwrap().is_some(), "{pattern:?}");
        }
    }
}
