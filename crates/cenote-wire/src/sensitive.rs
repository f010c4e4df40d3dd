//! Text that must not be seen in logs but does travel on the wire.

use std::fmt;

use cenote_base::Secret;

/// A text of the wire that `Debug` never prints (password, token, session, user name, attribute value). It is wiped
/// from memory when dropped. Unlike [`Secret`] it can be encoded, because an answer has to carry tokens.
#[derive(Clone, Default)]
pub struct Sensitive(Secret);

impl Sensitive {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text))
    }

    /// The text itself. The name is meant to be seen in a review.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Takes the text out, still protected.
    pub fn into_secret(self) -> Secret {
        self.0
    }

    /// Takes the text out, unprotected from here on: for what is sensitive in a log but no secret to the program
    /// (user names, attribute values).
    pub fn into_exposed(self) -> String {
        self.0.into_exposed()
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Not in constant time: for tests and for finding out whether a setting changed, never for checking a secret.
impl PartialEq for Sensitive {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Sensitive {}

impl From<Secret> for Sensitive {
    fn from(secret: Secret) -> Self {
        Self(secret)
    }
}

impl From<Sensitive> for Secret {
    fn from(text: Sensitive) -> Self {
        text.0
    }
}

impl From<String> for Sensitive {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Sensitive {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_text_and_comparison_sees_it() {
        let text = Sensitive::from("hunter2");
        assert_eq!(format!("{:?} {:#?}", text, Some(&text)), "*** Some(\n    ***,\n)");
        assert_eq!(text, Sensitive::new("hunter2"));
        assert_ne!(text, Sensitive::new("hunter3"));
        assert_eq!(Secret::from(text.clone()).expose(), "hunter2");
        assert_eq!(text.into_exposed(), "hunter2");
    }
}
