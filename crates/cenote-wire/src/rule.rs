//! Constraints of the service models as data: the generated tables are made of these.

use std::fmt;
use std::sync::OnceLock;

use regex::Regex;

/// A pattern: as the model writes it (Java) and as this program matches it.
pub struct Pattern {
    printed: &'static str,
    source: &'static str,
    compiled: OnceLock<Compiled>,
}

/// How a text is matched.
enum Compiled {
    /// One or more of these ASCII characters: what most patterns say, tokens' among them.
    Some(AsciiSet),
    /// Anything else.
    Regex(Regex),
    /// Nothing.
    Broken,
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
        match self.compiled.get_or_init(|| Compiled::new(self.source)) {
            Compiled::Some(set) => !text.is_empty() && text.bytes().all(|byte| set.has(byte)),
            Compiled::Regex(regex) => regex.is_match(text),
            Compiled::Broken => false,
        }
    }
}

impl Compiled {
    fn new(source: &str) -> Self {
        let some = source.strip_prefix(r"\A(?:[").and_then(|source| source.strip_suffix(r"]+)\z"));
        if let Some(set) = some.and_then(AsciiSet::parse) {
            return Self::Some(set);
        }
        Regex::new(source).map_or(Self::Broken, Self::Regex)
    }
}

/// A set of ASCII characters.
struct AsciiSet([bool; 128]);

impl AsciiSet {
    /// Reads what stands between the brackets of a class; `None` for all that is not plain characters and ranges of them.
    fn parse(class: &str) -> Option<Self> {
        let mut set = Self([false; 128]);
        let mut rest = class;
        while !rest.is_empty() {
            let (first, after) = Self::character(rest)?;
            rest = after;
            let mut last = first;
            if let Some(after) = rest.strip_prefix('-').filter(|after| !after.is_empty()) {
                (last, rest) = Self::character(after)?;
            }
            if first > last {
                return None;
            }
            set.0.get_mut(usize::from(first)..=usize::from(last))?.fill(true);
        }
        Some(set)
    }

    /// The character at the start of a class, and what follows it.
    fn character(class: &str) -> Option<(u8, &str)> {
        if let Some(escaped) = class.strip_prefix('\\') {
            let plain = |byte, after| Some((byte, after));
            return match escaped.split_at_checked(1)? {
                ("-", after) => plain(b'-', after),
                ("t", after) => plain(b'\t', after),
                ("n", after) => plain(b'\n', after),
                ("r", after) => plain(b'\r', after),
                ("x", after) => {
                    let (digits, after) = after.split_at_checked(2)?;
                    plain(u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii)?, after)
                }
                _ => None,
            };
        }
        let (first, after) = class.split_at_checked(1)?;
        let byte = first.bytes().next()?;
        // These mean something in a class, or may.
        (!matches!(byte, b'[' | b']' | b'^' | b'&' | b'~' | b'-')).then_some((byte, after))
    }

    fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).is_some_and(|has| *has)
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
    use super::*;
    use crate::generated::{identity, idp};

    #[test]
    fn every_generated_pattern_compiles() {
        let patterns = idp::PATTERNS.iter().chain(identity::PATTERNS);
        assert!(patterns.clone().count() > 40);
        for pattern in patterns {
            assert!(!matches!(Compiled::new(pattern.source), Compiled::Broken), "{pattern:?}");
        }
    }

    #[test]
    fn a_set_of_characters_matches_what_its_pattern_matches() {
        let mut sets = 0;
        for pattern in idp::PATTERNS.iter().chain(identity::PATTERNS) {
            if !matches!(Compiled::new(pattern.source), Compiled::Some(_)) {
                continue;
            }
            sets += 1;
            let regex = Regex::new(pattern.source).unwrap();
            assert_eq!(pattern.matches(""), regex.is_match(""), "{pattern:?}");
            for first in ('\0'..='\u{17f}').chain(['\u{85}', '\u{212a}', '\u{2028}', '\u{1f600}']) {
                for text in [first.to_string(), format!("a{first}"), format!("{first}Z0"), format!("-{first}_")] {
                    assert_eq!(pattern.matches(&text), regex.is_match(&text), "{pattern:?} {text:?}");
                }
            }
        }
        assert!(sets > 8, "{sets}");
    }

    #[test]
    fn what_is_no_plain_class_is_left_to_the_regex() {
        for class in
            [r"\w", r"\p{L}", "^a", "a^", "[a]", "a&&b", "a~~b", "z-a", "a-", "-a", r"\x8", r"\xff", "ä", r"a-\w"]
        {
            assert!(AsciiSet::parse(class).is_none(), "{class}");
        }
        let set = AsciiSet::parse(r"A-C\-_\x20-\x22\n").unwrap();
        let has: Vec<u8> = (0..=255).filter(|byte| set.has(*byte)).collect();
        assert_eq!(has, b"\n !\"-ABC_");
    }
}
