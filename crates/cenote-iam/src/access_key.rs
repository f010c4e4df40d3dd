//! A long-term access key: the pair that a caller signs with.

use cenote_base::{Random, RandomExt, Secret};

const ID_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const SECRET_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// An access key id and its secret access key.
#[derive(Clone, Debug)]
pub struct AccessKey {
    id: String,
    secret: Secret,
}

/// Why a pair of texts is no access key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccessKey {
    /// The id has other characters than a signature's scope can carry, or an odd length.
    #[error("an access key id has 3 to 128 of the characters A-Z a-z 0-9 _")]
    Id,
    /// SDKs take a key with this prefix for a temporary one, which needs a session token.
    #[error("an access key id that begins with ASIA belongs to temporary credentials")]
    Temporary,
    /// The secret is too short to be safe or can't stand in a credentials file.
    #[error("a secret access key has 16 to 256 visible ASCII characters")]
    Secret,
}

impl AccessKey {
    /// A pair that was given, by the environment or a file.
    pub fn new(id: impl Into<String>, secret: Secret) -> Result<Self, InvalidAccessKey> {
        let id = id.into();
        if !(3..=128).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(InvalidAccessKey::Id);
        }
        if id.starts_with("ASIA") {
            return Err(InvalidAccessKey::Temporary);
        }
        let text = secret.expose();
        if !(16..=256).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidAccessKey::Secret);
        }
        Ok(Self { id, secret })
    }

    /// A new pair of AWS's form: `AKIA` and 16 base-32 digits, 40 base-64 digits.
    pub fn generate(random: &dyn Random) -> Self {
        Self { id: format!("AKIA{}", random.text(ID_ALPHABET, 16)), secret: random.text(SECRET_ALPHABET, 40).into() }
    }

    /// The access key id; no secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The secret access key.
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }
}

#[cfg(test)]
mod tests {
    use cenote_base::SeededRandom;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_key_is_refused_by_its_reason() {
        let secret = "0123456789abcdef";
        for (id, secret, why) in [
            ("", secret, InvalidAccessKey::Id),
            ("ab", secret, InvalidAccessKey::Id),
            ("a/b", secret, InvalidAccessKey::Id),
            ("abc ", secret, InvalidAccessKey::Id),
            ("ASIAIOSFODNN7EXAMPLE", secret, InvalidAccessKey::Temporary),
            ("root", "", InvalidAccessKey::Secret),
            ("root", "0123456789abcde", InvalidAccessKey::Secret),
            ("root", "0123456789 abcdef", InvalidAccessKey::Secret),
            ("root", "0123456789\nabcdef", InvalidAccessKey::Secret),
        ] {
            assert_eq!(AccessKey::new(id, secret.into()).unwrap_err(), why, "{id:?} {secret:?}");
        }
        assert_eq!(AccessKey::new("root", secret.into()).unwrap().id(), "root");
    }

    #[test]
    fn the_secret_is_not_printed() {
        let key = AccessKey::new("root", "0123456789abcdef".into()).unwrap();
        assert_eq!(format!("{key:?}"), r#"AccessKey { id: "root", secret: *** }"#);
    }

    proptest! {
        #[test]
        fn generated_keys_have_awss_form(seed: u64) {
            let key = AccessKey::generate(&SeededRandom::new(seed));
            prop_assert_eq!((key.id().len(), key.secret().expose().len()), (20, 40));
            prop_assert!(key.id().starts_with("AKIA"));
            prop_assert!(AccessKey::new(key.id(), key.secret().clone()).is_ok());
        }
    }
}
