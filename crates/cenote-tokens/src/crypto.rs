//! The few primitives that the rest of the crate is built of.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

/// How long every symmetric key is, in bytes.
pub(crate) const KEY_BYTES: usize = 32;

/// The cryptographic library refused. It does so only when it is used wrongly or is out of memory, never because of what
/// a caller of Cenote sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cryptography failed: {0}")]
pub struct CryptoFailed(pub(crate) &'static str);

struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

/// HKDF-SHA256 (RFC 5869): a key of 32 bytes from `secret`. `label` says what the key is for; `parts` are framed.
pub(crate) fn derive(
    secret: &[u8],
    salt: &[u8],
    label: &'static str,
    parts: &[&[u8]],
) -> Result<Zeroizing<[u8; KEY_BYTES]>, CryptoFailed> {
    let failed = |_| CryptoFailed("HKDF");
    let mut out = Zeroizing::new([0; KEY_BYTES]);
    let info = framed([label.as_bytes()].iter().chain(parts));
    Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[&info], KeyLength)
        .map_err(failed)?
        .fill(out.as_mut_slice())
        .map_err(failed)?;
    Ok(out)
}

/// Each part behind its length (8 bytes, big-endian): two different lists never give the same bytes, so that nothing can
/// be shifted from one part to its neighbour.
pub(crate) fn framed<'a>(parts: impl IntoIterator<Item = &'a &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_separated_by_secret_salt_label_and_parts() {
        let base = derive(b"secret", b"salt", "label", &[b"part"]).unwrap();
        assert_eq!(*base, *derive(b"secret", b"salt", "label", &[b"part"]).unwrap());
        for other in [
            derive(b"secreT", b"salt", "label", &[b"part"]),
            derive(b"secret", b"salT", "label", &[b"part"]),
            derive(b"secret", b"salt", "labeL", &[b"part"]),
            derive(b"secret", b"salt", "label", &[b"parT"]),
            derive(b"secret", b"salt", "label", &[b"par", b"t"]),
            derive(b"secret", b"salt", "label", &[]),
        ] {
            assert_ne!(*base, *other.unwrap());
        }
    }

    proptest! {
        #[test]
        fn frames_are_one_to_one(a: Vec<Vec<u8>>, b: Vec<Vec<u8>>) {
            let frame = |parts: &[Vec<u8>]| {
                let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
                framed(&parts)
            };
            prop_assert_eq!(frame(&a) == frame(&b), a == b);
        }
    }
}
