//! Argon2id's parameters and the text in which a hash is stored with them: the PHC string format,
//! `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>` with unpadded Base64. The text itself says how it was made, so
//! raising the parameters needs no migration.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cenote_base::SecretBytes;

/// Length of the salt that new hashes get, in bytes.
pub(super) const SALT_LENGTH: usize = 16;
/// Length of new hashes, in bytes.
pub(super) const HASH_LENGTH: usize = 32;

/// How much work one hash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashingParams {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes. They are computed one after the other: more of them do not make a hash faster.
    pub lanes: u32,
}

/// OWASP's first choice and the default of the crate: 19 MiB, two passes, one lane.
impl Default for HashingParams {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

impl HashingParams {
    /// More memory than this is taken for a mistake (1 GiB).
    pub const MAX_MEMORY_KIB: u32 = 1024 * 1024;
    /// More passes than this are taken for a mistake.
    pub const MAX_PASSES: u32 = 64;
    /// More lanes than this are taken for a mistake.
    pub const MAX_LANES: u32 = 64;

    /// The parameters as the hash function takes them; `None` when they are outside its limits or ours.
    pub(super) fn to_argon2(self) -> Option<argon2::Params> {
        let sane =
            self.memory_kib <= Self::MAX_MEMORY_KIB && self.passes <= Self::MAX_PASSES && self.lanes <= Self::MAX_LANES;
        if !sane {
            return None;
        }
        argon2::Params::new(self.memory_kib, self.passes, self.lanes, None).ok()
    }

    /// Whether a hash made with `self` falls short of `wanted` in anything.
    fn falls_short_of(self, wanted: Self) -> bool {
        self.memory_kib < wanted.memory_kib || self.passes < wanted.passes || self.lanes < wanted.lanes
    }
}

/// A stored hash, taken apart.
#[derive(Clone, Debug)]
pub(super) struct StoredHash {
    pub(super) params: HashingParams,
    pub(super) salt: Vec<u8>,
    pub(super) hash: SecretBytes,
}

impl StoredHash {
    /// Reads the text; says what is wrong with it, never what it holds.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix("$argon2id$").ok_or("it is not of Argon2id")?;
        let rest = rest.strip_prefix("v=19$").ok_or("it is not of version 19")?;
        let mut fields = rest.split('$');
        let (Some(params), Some(salt), Some(hash), None) = (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err("it has not five fields");
        };
        let params = parse_params(params).ok_or("its parameters are not m, t and p")?;
        if params.to_argon2().is_none() {
            return Err("its parameters are out of range");
        }
        let salt = STANDARD_NO_PAD.decode(salt).map_err(|_| "its salt is not Base64")?;
        let hash = SecretBytes::new(STANDARD_NO_PAD.decode(hash).map_err(|_| "its hash is not Base64")?);
        if !(argon2::MIN_SALT_LEN..=64).contains(&salt.len()) {
            return Err("its salt has an odd length");
        }
        // A very short hash would be matched by chance.
        if !(16..=64).contains(&hash.expose().len()) {
            return Err("its hash has an odd length");
        }
        Ok(Self { params, salt, hash })
    }

    /// The text to store.
    pub(super) fn to_text(&self) -> String {
        let HashingParams { memory_kib, passes, lanes } = self.params;
        let salt = STANDARD_NO_PAD.encode(&self.salt);
        let hash = STANDARD_NO_PAD.encode(self.hash.expose());
        format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}")
    }

    /// Whether the password should be hashed anew when it is next at hand.
    pub(super) fn falls_short_of(&self, wanted: HashingParams) -> bool {
        self.params.falls_short_of(wanted) || self.salt.len() < SALT_LENGTH || self.hash.expose().len() < HASH_LENGTH
    }
}

/// `m=19456,t=2,p=1`, in this order and without leading zeros, as the format's specification asks.
fn parse_params(text: &str) -> Option<HashingParams> {
    let mut parts = text.split(',');
    let mut next = |name: &str| -> Option<u32> {
        let digits = parts.next()?.strip_prefix(name)?.strip_prefix('=')?;
        let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        if plain { digits.parse().ok() } else { None }
    };
    let params = HashingParams { memory_kib: next("m")?, passes: next("t")?, lanes: next("p")? };
    if parts.next().is_none() { Some(params) } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_that_is_no_hash_says_why() {
        let hash = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        for (text, why) in [
            (String::new(), "it is not of Argon2id"),
            (format!("$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHQ${hash}"), "it is not of Argon2id"),
            (format!("$argon2id$v=16$m=64,t=2,p=1$c29tZXNhbHQ${hash}"), "it is not of version 19"),
            ("$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ".to_owned(), "it has not five fields"),
            (format!("$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ${hash}$x"), "it has not five fields"),
            (format!("$argon2id$v=19$t=2,m=64,p=1$c29tZXNhbHQ${hash}"), "its parameters are not m, t and p"),
            (format!("$argon2id$v=19$m=+64,t=2,p=1$c29tZXNhbHQ${hash}"), "its parameters are not m, t and p"),
            (format!("$argon2id$v=19$m=64,t=2,p=1,x=1$c29tZXNhbHQ${hash}"), "its parameters are not m, t and p"),
            (format!("$argon2id$v=19$m=7,t=2,p=1$c29tZXNhbHQ${hash}"), "its parameters are out of range"),
            (format!("$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ${hash}"), "its parameters are out of range"),
            (format!("$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ${hash}"), "its parameters are out of range"),
            (format!("$argon2id$v=19$m=64,t=2,p=1$c29t$ZXNhbHQ${hash}"), "it has not five fields"),
            (format!("$argon2id$v=19$m=64,t=2,p=1$*${hash}"), "its salt is not Base64"),
            (format!("$argon2id$v=19$m=64,t=2,p=1$c29t${hash}"), "its salt has an odd length"),
            ("$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$AA".to_owned(), "its hash has an odd length"),
        ] {
            assert_eq!(StoredHash::parse(&text).err(), Some(why), "{text}");
        }
    }

    #[test]
    fn a_hash_falls_short_when_anything_was_raised() {
        let now = HashingParams::default();
        let stored = |params, salt, hash| StoredHash { params, salt: vec![0; salt], hash: vec![0; hash].into() };
        assert!(!stored(now, 16, 32).falls_short_of(now));
        assert!(!stored(HashingParams { memory_kib: 65_536, ..now }, 16, 32).falls_short_of(now));
        assert!(stored(HashingParams { memory_kib: 19_455, ..now }, 16, 32).falls_short_of(now));
        assert!(stored(HashingParams { passes: 1, ..now }, 16, 32).falls_short_of(now));
        assert!(stored(now, 16, 32).falls_short_of(HashingParams { lanes: 2, ..now }));
        assert!(stored(now, 8, 32).falls_short_of(now));
        assert!(stored(now, 16, 16).falls_short_of(now));
    }

    proptest! {
        #[test]
        fn print_then_parse_gives_the_same(
            memory_kib in 8u32..100_000, passes in 1u32..10, salt in prop::collection::vec(any::<u8>(), 8..=64),
            hash in prop::collection::vec(any::<u8>(), 16..=64),
        ) {
            let params = HashingParams { memory_kib, passes, lanes: 1 };
            let text = StoredHash { params, salt: salt.clone(), hash: hash.clone().into() }.to_text();
            let parsed = StoredHash::parse(&text).unwrap();
            prop_assert_eq!(parsed.params, params);
            prop_assert_eq!(&parsed.salt, &salt);
            prop_assert_eq!(parsed.hash.expose(), hash.as_slice());
        }

        #[test]
        fn parsing_never_panics(text: String, tail in "[$=,a-z0-9]{0,60}") {
            let _ = StoredHash::parse(&text);
            let _ = StoredHash::parse(&format!("$argon2id$v=19${tail}"));
        }
    }
}
