//! Identifiers, parsed once at the edge and trusted after. Formats: reference 01 §6.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::random::{Random, RandomExt};

/// A text that is no identifier of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: {text:?}")]
pub struct InvalidId {
    /// What was wanted.
    pub kind: &'static str,
    /// What was given.
    pub text: String,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $kind:literal, |$text:ident| $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str($text: &str) -> Result<Self, InvalidId> {
                if $valid {
                    Ok(Self($text.to_owned()))
                } else {
                    Err(InvalidId { kind: $kind, text: $text.chars().take(80).collect() })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE32_DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuv";

fn is_region(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

identifier! {
    /// An AWS region's name, `us-east-1`.
    Region, "region", |text| is_region(text)
}

identifier! {
    /// An AWS account's number: twelve digits.
    AccountId, "account id", |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

identifier! {
    /// A user pool's id, `us-east-1_AbCdEfGhI`: the region, `_`, alphanumerics; at most 55 characters.
    PoolId, "user pool id", |text| text.len() <= 55
        && text.split_once('_').is_some_and(|(region, name)| is_region(region)
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric()))
}

identifier! {
    /// An app client's id: 26 base-32 digits when Cenote makes it, any of the model's form when it is imported.
    ClientId, "app client id", |text| (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'+')
}

identifier! {
    /// A user's `sub`: UUID layout.
    Sub, "sub", |text| uuid::Uuid::try_parse(text).is_ok() && text.len() == 36
}

identifier! {
    /// An Amazon resource name, `arn:partition:service:region:account:resource`.
    Arn, "ARN", |text| text.len() <= 2048
        && text.strip_prefix("arn:").is_some_and(|rest| rest.splitn(5, ':').count() == 5)
}

impl AccountId {
    /// A new account number that does not begin with a zero.
    pub fn generate(random: &dyn Random) -> Self {
        Self(format!("{}{}", random.text(b"123456789", 1), random.digits(11)))
    }
}

impl PoolId {
    /// A new pool id in `region`.
    pub fn generate(region: &Region, random: &dyn Random) -> Self {
        Self(format!("{region}_{}", random.text(ALPHANUMERIC, 9)))
    }

    /// The part after the `_`, which SRP calls the pool's name.
    pub fn name(&self) -> &str {
        self.0.split_once('_').map_or("", |(_, name)| name)
    }

    /// The region in the id.
    pub fn region(&self) -> &str {
        self.0.split_once('_').map_or("", |(region, _)| region)
    }

    /// The pool's ARN.
    pub fn arn(&self, account: &AccountId) -> Arn {
        Arn(format!("arn:aws:cognito-idp:{}:{account}:userpool/{self}", self.region()))
    }
}

impl ClientId {
    /// A new client id.
    pub fn generate(random: &dyn Random) -> Self {
        Self(random.text(BASE32_DIGITS, 26))
    }
}

impl Sub {
    /// A new user's `sub`.
    pub fn generate(random: &dyn Random) -> Self {
        Self(random.uuid_v4().to_string())
    }

    /// The `sub` that [`Sub::generate`] makes of these random bytes.
    pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
    }
}

/// A new client secret as Cognito makes them: 52 base-32 digits.
pub fn generate_client_secret(random: &dyn Random) -> crate::Secret {
    crate::Secret::new(random.text(BASE32_DIGITS, 52))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SeededRandom;

    #[test]
    fn pool_ids() {
        let id: PoolId = "us-east-1_AbCdEfGhI".parse().unwrap();
        assert_eq!((id.region(), id.name()), ("us-east-1", "AbCdEfGhI"));
        let account: AccountId = "123456789012".parse().unwrap();
        assert_eq!(
            id.arn(&account).as_str(),
            "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_AbCdEfGhI"
        );
        for bad in ["", "us-east-1", "us-east-1_", "_abc", "us-east-1_ab/c", "us-east-1_a_b", "../x_abc"] {
            assert!(bad.parse::<PoolId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_names_the_kind() {
        assert_eq!("x".parse::<AccountId>().unwrap_err().to_string(), "not a valid account id: \"x\"");
    }

    proptest! {
        #[test]
        fn generated_ids_parse(seed: u64) {
            let random = SeededRandom::new(seed);
            let region: Region = "eu-west-3".parse().unwrap();
            prop_assert!(PoolId::generate(&region, &random).as_str().parse::<PoolId>().is_ok());
            prop_assert!(ClientId::generate(&random).as_str().parse::<ClientId>().is_ok());
            prop_assert!(Sub::generate(&random).as_str().parse::<Sub>().is_ok());
            prop_assert!(AccountId::generate(&random).as_str().parse::<AccountId>().is_ok());
            prop_assert_eq!(generate_client_secret(&random).expose().len(), 52);
        }

        #[test]
        fn parsing_never_panics(text: String) {
            let _ = text.parse::<PoolId>();
            let _ = text.parse::<Arn>();
            let _ = text.parse::<Sub>();
        }
    }
}
