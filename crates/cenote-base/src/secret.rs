//! Secrets in memory: wiped when dropped, never printed, never serialised.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::{Zeroize, Zeroizing};

/// A secret text (password, code, token, key). `Debug` prints `***`; there is no `Display` and no `Serialize`.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself. The name is meant to be seen in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Takes the secret out, unprotected from here on.
    pub fn into_exposed(mut self) -> String {
        std::mem::take(&mut *self.0)
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Secret bytes (keys, seals). `Debug` prints their number only.
#[derive(Clone, Default)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Zeroize for SecretBytes {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "*** ({} bytes)", self.0.len())
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_printed() {
        #[derive(Debug, Deserialize)]
        struct Login {
            #[expect(dead_code, reason = "only its Debug form matters here")]
            name: String,
            password: Secret,
        }
        let login: Login = serde_json::from_str(r#"{"name":"alice","password":"hunter2"}"#).unwrap();
        assert_eq!(format!("{login:?}"), r#"Login { name: "alice", password: *** }"#);
        assert_eq!(login.password.expose(), "hunter2");
        assert_eq!(format!("{:?}", SecretBytes::new(vec![1, 2, 3])), "*** (3 bytes)");
    }
}
