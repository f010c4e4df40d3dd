//! Sealed values: authenticated encryption that is bound to where the value belongs.
//!
//! Form: `01`, the data key's version (4 bytes, big-endian), a random salt (24 bytes), AES-256-GCM's ciphertext and tag
//! (16 bytes). The message's key is derived from the data key, the salt and the purpose, so each message has a key of its
//! own: the nonce can be constant, and the limit of 2³² messages under one key (NIST SP 800-38D §8.3) does not apply.
//! The associated data are the header, the purpose, the scope and the parts of the context, each framed with its length:
//! a value that is moved to another record, field, pool or purpose does not open.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use cenote_base::{Random, RandomExt, SecretBytes};
use zeroize::Zeroizing;

use crate::crypto::{CryptoFailed, derive, framed};

const FORMAT: u8 = 1;
const SALT_BYTES: usize = 24;
const HEADER_BYTES: usize = 1 + 4 + SALT_BYTES;
const TAG_BYTES: usize = 16;

/// How much longer a sealed value is than what it seals, in bytes.
pub(crate) const OVERHEAD: usize = HEADER_BYTES + TAG_BYTES;

/// Where a sealed value belongs.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) purpose: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) context: &'a [&'a str],
}

impl Place<'_> {
    fn associated_data(&self, header: &[u8]) -> Vec<u8> {
        let mut parts = vec![header, self.purpose.as_bytes(), self.scope.as_bytes()];
        parts.extend(self.context.iter().map(|part| part.as_bytes()));
        framed(&parts)
    }
}

/// Seals `plain` under version `version` of a data key.
pub(crate) fn seal(
    key: &[u8],
    version: u32,
    place: Place<'_>,
    plain: &[u8],
    random: &dyn Random,
) -> Result<Vec<u8>, CryptoFailed> {
    let salt: [u8; SALT_BYTES] = random.bytes();
    let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD);
    sealed.push(FORMAT);
    sealed.extend_from_slice(&version.to_be_bytes());
    sealed.extend_from_slice(&salt);
    let associated = place.associated_data(&sealed);
    sealed.extend_from_slice(plain);
    let body = sealed.get_mut(HEADER_BYTES..).ok_or(CryptoFailed("a sealed value without body"))?;
    let tag = message_key(key, &salt, place.purpose)?
        .seal_in_place_separate_tag(nonce(), Aad::from(&associated), body)
        .map_err(|_| CryptoFailed("AES-256-GCM"))?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// The version of the data key that a sealed value names; `None` when it is no sealed value at all.
pub(crate) fn version(sealed: &[u8]) -> Option<u32> {
    if sealed.len() < OVERHEAD {
        return None;
    }
    let (format, rest) = sealed.split_first()?;
    (*format == FORMAT).then_some(u32::from_be_bytes(*rest.first_chunk()?))
}

/// Opens what [`seal`] sealed with this key at this place; `Ok(None)` when it does not open.
pub(crate) fn open(key: &[u8], place: Place<'_>, sealed: &[u8]) -> Result<Option<SecretBytes>, CryptoFailed> {
    if version(sealed).is_none() {
        return Ok(None);
    }
    let Some((header, body)) = sealed.split_at_checked(HEADER_BYTES) else { return Ok(None) };
    let Some(salt) = header.last_chunk::<SALT_BYTES>() else { return Ok(None) };
    let mut plain = Zeroizing::new(body.to_vec());
    let opened = message_key(key, salt, place.purpose)?
        .open_in_place(nonce(), Aad::from(&place.associated_data(header)), &mut plain)
        .map(|plain| plain.len());
    let Ok(length) = opened else { return Ok(None) };
    plain.truncate(length);
    Ok(Some(SecretBytes::new(std::mem::take(&mut *plain))))
}

fn message_key(key: &[u8], salt: &[u8; SALT_BYTES], purpose: &str) -> Result<LessSafeKey, CryptoFailed> {
    let key = derive(key, salt, "cenote seal 1", &[purpose.as_bytes()])?;
    UnboundKey::new(&AES_256_GCM, key.as_slice()).map(LessSafeKey::new).map_err(|_| CryptoFailed("AES-256-GCM key"))
}

/// Constant, for a key serves one message only.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

#[cfg(test)]
mod tests {
    use cenote_base::SeededRandom;
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const PLACE: Place<'static> =
        Place { purpose: "password", scope: "us-east-1_AbCdEfGhI", context: &["sub", "field"] };

    fn sealed(plain: &[u8]) -> Vec<u8> {
        seal(&KEY, 3, PLACE, plain, &SeededRandom::new(1)).unwrap()
    }

    fn opens(key: &[u8], place: Place<'_>, sealed: &[u8]) -> Option<Vec<u8>> {
        open(key, place, sealed).unwrap().map(|plain| plain.expose().to_vec())
    }

    #[test]
    fn what_is_sealed_opens_and_names_its_version() {
        let value = sealed(b"hunter2");
        assert_eq!(value.len(), 7 + OVERHEAD);
        assert_eq!(version(&value), Some(3));
        assert_eq!(opens(&KEY, PLACE, &value).unwrap(), b"hunter2");
        assert_eq!(opens(&KEY, PLACE, &sealed(b"")).unwrap(), b"");
        assert!(!value.windows(7).any(|window| window == b"hunter2"));
    }

    #[test]
    fn two_seals_of_one_value_differ() {
        let random = SeededRandom::new(1);
        let once = seal(&KEY, 1, PLACE, b"x", &random).unwrap();
        assert_ne!(once, seal(&KEY, 1, PLACE, b"x", &random).unwrap());
    }

    #[test]
    fn it_opens_nowhere_else() {
        let value = sealed(b"hunter2");
        for place in [
            Place { purpose: "verifier", ..PLACE },
            Place { scope: "us-east-1_AbCdEfGhJ", ..PLACE },
            Place { scope: "server", ..PLACE },
            Place { context: &["other", "field"], ..PLACE },
            Place { context: &["subf", "ield"], ..PLACE },
            Place { context: &["sub"], ..PLACE },
            Place { context: &["sub", "field", ""], ..PLACE },
            Place { scope: "us-east-1_AbCdEfGhIsub", context: &["field"], ..PLACE },
        ] {
            assert_eq!(opens(&KEY, place, &value), None);
        }
        assert_eq!(opens(&[8; 32], PLACE, &value), None);
    }

    proptest! {
        #[test]
        fn round_trip(plain: Vec<u8>, seed: u64) {
            let value = seal(&KEY, 9, PLACE, &plain, &SeededRandom::new(seed)).unwrap();
            prop_assert_eq!(opens(&KEY, PLACE, &value), Some(plain));
        }

        #[test]
        fn no_changed_bit_and_no_cut_goes_unseen(plain in prop::collection::vec(any::<u8>(), 0..64), at: prop::sample::Index, bit in 0..8_u32) {
            let mut value = sealed(&plain);
            let at = at.index(value.len());
            prop_assert_eq!(opens(&KEY, PLACE, &value[..at]), None);
            value[at] ^= 1 << bit;
            prop_assert_eq!(opens(&KEY, PLACE, &value), None);
        }

        #[test]
        fn any_bytes_are_answered(bytes: Vec<u8>) {
            prop_assert_eq!(opens(&KEY, PLACE, &bytes), None);
        }
    }
}
