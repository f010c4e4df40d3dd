//! Signing keys, derived from the secret access key for one day, region and service, and the signature itself.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use cenote_base::Secret;

use super::canonical::sha256_hex;
use super::{ALGORITHM, TERMINATOR};

/// What a key is good for: `keyid/20150830/us-east-1/cognito-idp/aws4_request`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) access_key_id: String,
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
}

impl Scope {
    /// The scope without the key's id, as it stands in the string to sign.
    fn tail(&self) -> String {
        format!("{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }

    /// The whole, as it stands in `Credential=`.
    pub(super) fn credential(&self) -> String {
        format!("{}/{}", self.access_key_id, self.tail())
    }

    /// `AWS4-HMAC-SHA256`, the time, the scope and the hash of the canonical request, a line each.
    pub(super) fn string_to_sign(&self, time: &str, canonical_request: &str) -> String {
        format!("{ALGORITHM}\n{time}\n{}\n{}", self.tail(), sha256_hex(canonical_request.as_bytes()))
    }
}

/// A derived key and the secret that it comes from.
pub(super) struct SigningKey {
    secret: Secret,
    key: hmac::Key,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

impl SigningKey {
    /// `HMAC(HMAC(HMAC(HMAC("AWS4" + secret, date), region), service), "aws4_request")`.
    pub(super) fn derive(secret: &Secret, scope: &Scope) -> Self {
        let start = Secret::new(format!("AWS4{}", secret.expose()));
        let mut key = hmac::Key::new(HMAC_SHA256, start.expose().as_bytes());
        for part in [scope.date.as_str(), &scope.region, &scope.service, TERMINATOR] {
            key = hmac::Key::new(HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
        }
        Self { secret: secret.clone(), key }
    }

    /// Whether the key was derived from this secret: a key that is replaced under the same id must not live on in a
    /// cache.
    pub(super) fn is_of(&self, secret: &Secret) -> bool {
        verify_slices_are_equal(self.secret.expose().as_bytes(), secret.expose().as_bytes()).is_ok()
    }

    /// The signature in hexadecimal.
    pub(super) fn sign(&self, string_to_sign: &str) -> String {
        hex::encode(hmac::sign(&self.key, string_to_sign.as_bytes()))
    }

    /// Whether this is the signature, in constant time.
    pub(super) fn verify(&self, string_to_sign: &str, signature: &[u8]) -> bool {
        hmac::verify(&self.key, string_to_sign.as_bytes(), signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_and_signature_of_the_developer_guide() {
        let scope = Scope {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            date: "20150830".to_owned(),
            region: "us-east-1".to_owned(),
            service: "iam".to_owned(),
        };
        let secret = Secret::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let key = SigningKey::derive(&secret, &scope);
        let to_sign = "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n\
                       f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59";
        let signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        assert_eq!(key.sign(to_sign), signature);
        assert!(key.verify(to_sign, &hex::decode(signature).unwrap()));
        assert!(!key.verify(to_sign, &[]));
        assert!(key.is_of(&secret) && !key.is_of(&Secret::from("another")));
        assert_eq!(format!("{key:?}"), "SigningKey(***)");
        assert_eq!(scope.credential(), "AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request");
    }
}
