//! The published keys: a JSON Web Key Set (RFC 7517 §5) with Cognito's members in Cognito's order.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::jws::RS256;

#[derive(Serialize)]
struct KeySet<'a> {
    keys: Vec<Key<'a>>,
}

/// The order of the members is that of Cognito's document.
#[derive(Serialize)]
struct Key<'a> {
    alg: &'a str,
    e: String,
    kid: &'a str,
    kty: &'a str,
    n: String,
    #[serde(rename = "use")]
    usage: &'a str,
}

/// The document for these keys: pairs of `kid` and RSAPublicKey (DER). `None` when a key is no such DER.
pub(crate) fn document<'a>(keys: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Option<String> {
    let key = |(kid, der)| {
        let (n, e) = modulus_and_exponent(der)?;
        let (n, e) = (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
        Some(Key { alg: RS256, e, kid, kty: "RSA", n, usage: "sig" })
    };
    let keys = keys.into_iter().map(key).collect::<Option<Vec<_>>>()?;
    serde_json::to_string(&KeySet { keys }).ok()
}

/// Reads `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }` (RFC 8017 appendix A.1.1).
fn modulus_and_exponent(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (body, rest) = element(der, 0x30)?;
    let (modulus, after) = element(body, 0x02)?;
    let (exponent, end) = element(after, 0x02)?;
    (rest.is_empty() && end.is_empty()).then_some((magnitude(modulus)?, magnitude(exponent)?))
}

/// The content of the DER element at the start of `der`, which must have this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, der) = der.split_first()?;
    let (&length, der) = der.split_first()?;
    let (length, der) = match length {
        0..=0x7f => (usize::from(length), der),
        0x81 => der.split_first().map(|(&length, der)| (usize::from(length), der))?,
        0x82 => der.split_first_chunk().map(|(length, der)| (usize::from(u16::from_be_bytes(*length)), der))?,
        _ => return None,
    };
    (found == tag).then(|| der.split_at_checked(length)).flatten()
}

/// A positive INTEGER without the zero byte that keeps it positive.
fn magnitude(integer: &[u8]) -> Option<&[u8]> {
    match integer.split_first()? {
        (0, rest) if !rest.is_empty() => Some(rest),
        (1..=0x7f, _) => Some(integer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
    };
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_document_is_cognitos_and_its_numbers_verify_what_the_key_signs() {
        let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der = pair.public_key().as_ref();
        let text = document([("one", der), ("two", der)]).unwrap();
        let (n, e) = modulus_and_exponent(der).unwrap();
        assert_eq!((n.len(), e), (256, [1, 0, 1].as_slice()));
        let n64 = URL_SAFE_NO_PAD.encode(n);
        let key = |kid| format!(r#"{{"alg":"RS256","e":"AQAB","kid":"{kid}","kty":"RSA","n":"{n64}","use":"sig"}}"#);
        assert_eq!(text, format!(r#"{{"keys":[{},{}]}}"#, key("one"), key("two")));

        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &aws_lc_rs::rand::SystemRandom::new(), b"text", &mut signature).unwrap();
        let public = RsaPublicKeyComponents { n, e };
        assert!(public.verify(&RSA_PKCS1_2048_8192_SHA256, b"text", &signature).is_ok());
        assert!(public.verify(&RSA_PKCS1_2048_8192_SHA256, b"texT", &signature).is_err());
    }

    #[test]
    fn small_integers() {
        assert_eq!(modulus_and_exponent(&[0x30, 6, 2, 1, 5, 2, 1, 3]), Some(([5].as_slice(), [3].as_slice())));
        assert_eq!(modulus_and_exponent(&[0x30, 7, 2, 2, 0, 0x85, 2, 1, 3]), Some(([0x85].as_slice(), [3].as_slice())));
        for bad in [
            &[][..],
            &[0x30],
            &[0x30, 0],
            &[0x30, 6, 2, 1, 5, 2, 1],
            &[0x30, 6, 2, 1, 5, 2, 1, 3, 0],
            &[0x31, 6, 2, 1, 5, 2, 1, 3],
            &[0x30, 6, 2, 1, 0x85, 2, 1, 3],
            &[0x30, 6, 2, 1, 0, 2, 1, 3],
            &[0x30, 0x83, 0, 0, 6, 2, 1, 5, 2, 1, 3],
        ] {
            assert_eq!(modulus_and_exponent(bad), None, "{bad:?}");
            assert_eq!(document([("kid", bad)]), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes: Vec<u8>) {
            let _ = modulus_and_exponent(&bytes);
        }
    }
}
