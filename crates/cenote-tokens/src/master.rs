//! The master key: it wraps data keys and nothing else, and never reaches the database.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cenote_base::{Random, RandomExt, Secret, SecretBytes};
use zeroize::Zeroizing;

use crate::crypto::{CryptoFailed, KEY_BYTES, derive};
use crate::seal::{self, Place};

/// The header of a wrapped data key names a version, as that of every sealed value does; there is one master key.
const MASTER_VERSION: u32 = 0;

/// A text that is no master key. The text itself is not repeated: it may be a real key with a slip in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the master key must be 32 bytes in base64 (44 characters)")]
pub struct InvalidMasterKey;

/// The key of keys: 32 bytes, held by the operator (a file, a variable), never by the database.
#[derive(Clone, Debug)]
pub struct MasterKey(SecretBytes);

impl MasterKey {
    /// A new master key.
    pub fn generate(random: &dyn Random) -> Self {
        Self(SecretBytes::new(random.bytes::<KEY_BYTES>().to_vec()))
    }

    /// Reads what [`MasterKey::to_base64`] wrote; white space around it (the file's last line end) is ignored.
    ///
    /// # Errors
    /// When it is not 32 bytes in padded standard base64.
    pub fn from_base64(text: &str) -> Result<Self, InvalidMasterKey> {
        let mut bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| InvalidMasterKey)?);
        if bytes.len() != KEY_BYTES {
            return Err(InvalidMasterKey);
        }
        Ok(Self(SecretBytes::new(std::mem::take(&mut *bytes))))
    }

    /// The key as a text that can be kept in a file or a variable.
    pub fn to_base64(&self) -> Secret {
        Secret::new(STANDARD.encode(self.0.expose()))
    }

    /// What the database keeps to know this key again: it tells nothing about the key itself.
    pub(crate) fn check_value(&self) -> Result<[u8; KEY_BYTES], CryptoFailed> {
        derive(self.0.expose(), &[], "cenote master key check 1", &[]).map(|value| *value)
    }

    /// Wraps a data key, bound to its place: `context` is the family and the version.
    pub(crate) fn wrap(
        &self,
        scope: &str,
        context: &[&str],
        key: &[u8],
        random: &dyn Random,
    ) -> Result<Vec<u8>, CryptoFailed> {
        seal::seal(self.0.expose(), MASTER_VERSION, place(scope, context), key, random)
    }

    /// Unwraps a data key; `Ok(None)` when it was not wrapped by this key at this place.
    pub(crate) fn unwrap(
        &self,
        scope: &str,
        context: &[&str],
        wrapped: &[u8],
    ) -> Result<Option<SecretBytes>, CryptoFailed> {
        Ok(seal::open(self.0.expose(), place(scope, context), wrapped)?.filter(|key| key.expose().len() == KEY_BYTES))
    }
}

fn place<'a>(scope: &'a str, context: &'a [&'a str]) -> Place<'a> {
    Place { purpose: "data-key", scope, context }
}

#[cfg(test)]
mod tests {
    use cenote_base::SeededRandom;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base64_round_trip() {
        let key = MasterKey::generate(&SeededRandom::new(1));
        let text = key.to_base64();
        assert_eq!(text.expose().len(), 44);
        let again = MasterKey::from_base64(&format!("{}\n", text.expose())).unwrap();
        assert_eq!(again.check_value().unwrap(), key.check_value().unwrap());
        assert_eq!(format!("{key:?}"), "MasterKey(*** (32 bytes))");
    }

    #[test]
    fn the_check_value_is_not_the_key_and_is_the_keys_own() {
        let (one, two) = (MasterKey::generate(&SeededRandom::new(1)), MasterKey::generate(&SeededRandom::new(2)));
        assert_ne!(one.check_value().unwrap(), two.check_value().unwrap());
        assert_ne!(one.check_value().unwrap().as_slice(), one.0.expose());
    }

    #[test]
    fn a_wrapped_key_opens_at_its_place_only() {
        let random = SeededRandom::new(3);
        let (master, other) = (MasterKey::generate(&random), MasterKey::generate(&random));
        let wrapped = master.wrap("server", &["general", "1"], &[5; 32], &random).unwrap();
        let unwrapped = |key: &MasterKey, scope, context: &[&str]| key.unwrap(scope, context, &wrapped).unwrap();
        assert_eq!(unwrapped(&master, "server", &["general", "1"]).unwrap().expose(), [5; 32]);
        assert!(unwrapped(&master, "server", &["verifier", "1"]).is_none());
        assert!(unwrapped(&master, "server", &["general", "2"]).is_none());
        assert!(unwrapped(&master, "us-east-1_AbCdEfGhI", &["general", "1"]).is_none());
        assert!(unwrapped(&other, "server", &["general", "1"]).is_none());
    }

    proptest! {
        #[test]
        fn only_32_bytes_are_a_key(bytes: Vec<u8>, text: String) {
            prop_assert_eq!(MasterKey::from_base64(&STANDARD.encode(&bytes)).is_ok(), bytes.len() == 32);
            let _ = MasterKey::from_base64(&text);
        }
    }
}
