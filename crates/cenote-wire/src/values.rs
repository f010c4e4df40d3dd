//! Values of the wire that Rust has no type of its own for.

use std::fmt;

use serde_json::Value;

/// Bytes: base64 text on the wire, counted in bytes. `Debug` prints their number only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl Blob {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes the bytes out.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// A document of any form, plain JSON on the wire (branding settings, WebAuthn credentials). `Debug` prints nothing of
/// it: WebAuthn answers must not reach a log, and settings are too long for one.
#[derive(Clone, Default, PartialEq)]
pub struct Document(pub Value);

impl From<Value> for Document {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{…}")
    }
}
