//! ListUsers' `Filter` (reference 07 §2): `attribute = "value"` or `attribute ^= "value"`, parsed, printed, and judged of
//! one user.

use std::fmt;

use super::user::{Attributes, SEARCHED, User, search_fold};

/// What a filter looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `username`: as it is shown, with its case.
    Username,
    /// `cognito:user_status`: without case.
    UserStatus,
    /// `status`: `Enabled` or `Disabled`, with their case.
    Status,
    /// `sub`: without case.
    Sub,
    /// One of [`SEARCHED`]: without case.
    Attribute(&'static str),
}

impl Field {
    /// The name in the filter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::UserStatus => "cognito:user_status",
            Self::Status => "status",
            Self::Sub => "sub",
            Self::Attribute(name) => name,
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Username, Self::UserStatus, Self::Status, Self::Sub]
            .into_iter()
            .chain(SEARCHED.into_iter().map(Self::Attribute))
            .find(|field| field.as_str() == name)
    }
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`.
    Equals,
    /// `^=`.
    BeginsWith,
}

impl Comparison {
    fn as_str(self) -> &'static str {
        match self {
            Self::Equals => "=",
            Self::BeginsWith => "^=",
        }
    }

    /// Whether `text`, compared so with `value`, passes.
    pub fn holds(self, text: &str, value: &str) -> bool {
        match self {
            Self::Equals => text == value,
            Self::BeginsWith => text.starts_with(value),
        }
    }
}

/// A filter that asks for something. It prints as text that parses to the same filter.
///
/// `Debug` shows no value: it is somebody's name or address.
#[derive(Clone, PartialEq, Eq)]
pub struct Filter {
    /// What is compared.
    pub field: Field,
    /// How.
    pub comparison: Comparison,
    /// With what.
    pub value: String,
}

/// The text is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It does not follow the grammar.
    #[error("Error while parsing filter")]
    Malformed,
    /// It does, but nobody can search for this attribute.
    #[error("Invalid search attribute: {0}")]
    Unsearchable(String),
}

impl Filter {
    /// Parses a filter; `None`: an empty one, which everybody passes.
    ///
    /// In the quoted value `\"` is a quotation mark and `\\` a backslash; any other backslash is itself.
    ///
    /// # Errors
    /// [`FilterError`], in Cognito's words.
    pub fn parse(text: &str) -> Result<Option<Self>, FilterError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let is_name = |c: char| !c.is_whitespace() && !"=^\"".contains(c);
        let end = text.find(|c| !is_name(c)).ok_or(FilterError::Malformed)?;
        let (name, rest) = text.split_at(end);
        let rest = rest.trim_start();
        let (comparison, rest) = [Comparison::BeginsWith, Comparison::Equals]
            .into_iter()
            .find_map(|comparison| Some((comparison, rest.strip_prefix(comparison.as_str())?)))
            .ok_or(FilterError::Malformed)?;
        let value = unquoted(rest.trim_start()).ok_or(FilterError::Malformed)?;
        if name.is_empty() {
            return Err(FilterError::Malformed);
        }
        let field = Field::named(name).ok_or_else(|| FilterError::Unsearchable(name.to_owned()))?;
        Ok(Some(Self { field, comparison, value }))
    }

    /// Whether the user passes.
    pub fn matches(&self, user: &User) -> bool {
        let passes = |text: &str, value: &str| self.comparison.holds(text, value);
        match self.field {
            Field::Username => passes(user.username(), &self.value),
            Field::UserStatus => passes(user.status.as_str(), &self.value.to_ascii_uppercase()),
            Field::Status => passes(enabled_word(user.stored().enabled), &self.value),
            Field::Sub => passes(user.stored().sub.as_str(), &self.value.to_ascii_lowercase()),
            Field::Attribute(name) => searched_value(&user.attributes, name)
                .is_some_and(|value| passes(&search_fold(value), &search_fold(&self.value))),
        }
    }
}

/// The words of the field `status`.
pub fn enabled_word(enabled: bool) -> &'static str {
    if enabled { "Enabled" } else { "Disabled" }
}

/// The value of an attribute, where there is anything to search.
fn searched_value<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

/// The inside of a quoted text, without its escapes; `None` when it does not begin, or not end, with a quotation mark.
fn unquoted(text: &str) -> Option<String> {
    let mut chars = text.strip_prefix('"')?.chars().peekable();
    let mut value = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        match c {
            '"' => return chars.next().is_none().then_some(value),
            '\\' => value.push(chars.next_if(|next| matches!(next, '"' | '\\')).unwrap_or('\\')),
            other => value.push(other),
        }
    }
    None
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.replace('\\', "\\\\").replace('"', "\\\"");
        write!(f, "{} {} \"{value}\"", self.field.as_str(), self.comparison.as_str())
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter")
            .field("field", &self.field)
            .field("comparison", &self.comparison)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> (&'static str, Comparison, String) {
        let filter = Filter::parse(text).unwrap().unwrap();
        (filter.field.as_str(), filter.comparison, filter.value)
    }

    #[test]
    fn filters_of_the_documentation() {
        use Comparison::{BeginsWith, Equals};
        let value = str::to_owned;
        assert_eq!(parsed(r#"family_name = "Reddy""#), ("family_name", Equals, value("Reddy")));
        assert_eq!(parsed(r#"given_name ^= "Jon""#), ("given_name", BeginsWith, value("Jon")));
        assert_eq!(parsed(r#"username="testuser""#), ("username", Equals, value("testuser")));
        assert_eq!(parsed(r#"phone_number^="+1""#), ("phone_number", BeginsWith, value("+1")));
        assert_eq!(parsed("  status\t=\n\"Enabled\" "), ("status", Equals, value("Enabled")));
        assert_eq!(parsed(r#"cognito:user_status = "CONFIRMED""#), ("cognito:user_status", Equals, value("CONFIRMED")));
        assert_eq!(parsed(r#"name = "a = \"b\" ^= ""#), ("name", Equals, value(r#"a = "b" ^= "#)));
        assert_eq!(parsed(r#"name = "C:\dir\\""#), ("name", Equals, value(r"C:\dir\")));
        assert_eq!(parsed(r#"name = """#), ("name", Equals, String::new()));
        assert_eq!(Filter::parse(""), Ok(None));
        assert_eq!(Filter::parse("  "), Ok(None));
    }

    #[test]
    fn what_is_no_filter() {
        for text in [
            "email",
            "email =",
            "email \"a\"",
            "= \"a\"",
            "email = a",
            "email = 'a'",
            "email = \"a",
            "email = \"a\\\"",
            "email = \"a\"\"",
            "email = \"a\" AND name = \"b\"",
            "email == \"a\"",
            "email ^ = \"a\"",
            "email =^ \"a\"",
            "email > \"a\"",
            "e mail = \"a\"",
            "custom:foo",
            "\"email\" = \"a\"",
        ] {
            assert_eq!(Filter::parse(text), Err(FilterError::Malformed), "{text}");
        }
    }

    #[test]
    fn what_nobody_can_search_for() {
        for name in ["custom:foo", "dev:custom:foo", "Email", "address", "email_verified", "user_status", "é"] {
            let error = Filter::parse(&format!("{name} = \"a\"")).unwrap_err();
            assert_eq!(error.to_string(), format!("Invalid search attribute: {name}"));
        }
    }

    #[test]
    fn a_filter_is_not_shown() {
        let filter = Filter::parse(r#"email = "alice@example.com""#).unwrap();
        assert!(!format!("{filter:?}").contains("alice"));
    }

    fn filters() -> impl Strategy<Value = Filter> {
        let names = ["username", "cognito:user_status", "status", "sub"].into_iter().chain(SEARCHED);
        let comparison = prop_oneof![Just(Comparison::Equals), Just(Comparison::BeginsWith)];
        (prop::sample::select(names.collect::<Vec<_>>()), comparison, ".*|[\"\\\\ a=^]*")
            .prop_map(|(name, comparison, value)| Filter { field: Field::named(name).unwrap(), comparison, value })
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_to_the_same(filter in filters()) {
            let printed = filter.to_string();
            prop_assert!(Filter::parse(&printed) == Ok(Some(filter)), "{}", printed);
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in ".*|(email|status|x)? ?\\^?=? ?\"?[a\"\\\\ ]*\"? ?") {
            if let Ok(Some(filter)) = Filter::parse(&text) {
                let printed = filter.to_string();
                prop_assert!(Filter::parse(&printed) == Ok(Some(filter)), "{} {}", text, printed);
            }
        }
    }
}
