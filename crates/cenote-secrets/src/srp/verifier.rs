//! What the server keeps of a password.

use std::fmt;

use aws_lc_rs::hmac;
use cenote_base::{Random, RandomExt, Secret, SecretBytes};
use zeroize::Zeroizing;

use super::SrpError;
use super::group::{ELEMENT, EXPONENT, Element};
use super::number::{copy, pad, sha256, significant, to_hex};
use super::table::generator_to_the;

/// The first byte of a stored verifier.
const VERSION: u8 = 1;
/// Bytes of a new salt.
const SALT: usize = 16;

/// A salt and v = g^x, with which a password can be checked and, slowly, be guessed: a secret, kept sealed. `Debug`
/// shows nothing of it, and its memory is wiped.
#[derive(Clone)]
pub struct Verifier {
    salt: Zeroizing<Vec<u8>>,
    v: Zeroizing<Element>,
}

impl Verifier {
    /// Most bytes of a salt. New ones have 16; a device chooses its own.
    pub const MAX_SALT: usize = 64;

    /// The verifier of a password, with a new salt. `group` is the pool's name (its id after the first `_`) or the
    /// DeviceGroupKey, `user` the stored username (`USER_ID_FOR_SRP`) or the device key.
    pub fn make(group: &str, user: &str, password: &Secret, random: &dyn Random) -> Self {
        let salt = random.bytes::<SALT>();
        let x = private_key(&salt, group, user, password);
        Self { salt: Zeroizing::new(salt.to_vec()), v: Zeroizing::new(generator_to_the(&x)) }
    }

    /// A salt and a verifier that were made elsewhere, big-endian: `ConfirmDevice`'s, with or without leading zeros.
    /// Errors: [`SrpError::Salt`], [`SrpError::Verifier`].
    pub fn from_parts(salt: &[u8], verifier: &[u8]) -> Result<Self, SrpError> {
        // The sign's zero byte in front does not count.
        let salt = salt.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(salt);
        if salt.is_empty() || salt.len() > Self::MAX_SALT {
            return Err(SrpError::Salt);
        }
        let v = Element::exact(significant(verifier)).map(Zeroizing::new).ok_or(SrpError::Verifier)?;
        if v.is_zero() {
            return Err(SrpError::Verifier);
        }
        Ok(Self { salt: Zeroizing::new(salt.to_vec()), v })
    }

    /// A verifier that belongs to no password, for a user who is not there: the same seed gives the same one. It costs
    /// microseconds, like opening a stored one, and cannot be told from a real one without the seed.
    pub fn simulated(salt: [u8; SALT], seed: &[u8; 32]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, seed);
        let mut root = Zeroizing::new([0; ELEMENT]);
        for (number, block) in (0_u8..).zip(root.chunks_mut(32)) {
            copy(block, hmac::sign(&key, &[number]).as_ref());
        }
        // Powers of g are squares, so this is one too. It is 0 with a chance of 2^-3071 only; g stands in for it then.
        let v = Element::reduced(root.as_ref()).map(|root| root.squared()).filter(|v| !v.is_zero());
        Self { salt: Zeroizing::new(salt.to_vec()), v: Zeroizing::new(v.unwrap_or(Element::GENERATOR)) }
    }

    /// The form to seal and store: a version byte, the salt's length, the salt, v in 384 bytes.
    pub fn to_bytes(&self) -> SecretBytes {
        let length = u8::try_from(self.salt.len()).unwrap_or(u8::MAX);
        let mut bytes = Vec::with_capacity(2 + self.salt.len() + ELEMENT);
        bytes.extend_from_slice(&[VERSION, length]);
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(self.v.to_bytes().as_ref());
        SecretBytes::new(bytes)
    }

    /// Reads [`Self::to_bytes`]. Errors: [`SrpError::Unreadable`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SrpError> {
        let [version, length, rest @ ..] = bytes else {
            return Err(SrpError::Unreadable("a verifier is too short"));
        };
        if *version != VERSION {
            return Err(SrpError::Unreadable("a verifier is of another version"));
        }
        let (salt, v) = rest
            .split_at_checked(usize::from(*length))
            .filter(|(_, v)| v.len() == ELEMENT)
            .ok_or(SrpError::Unreadable("a verifier has another length"))?;
        if salt.is_empty() || salt.len() > Self::MAX_SALT {
            return Err(SrpError::Unreadable("a verifier's salt has no usable length"));
        }
        let v = Element::exact(v)
            .filter(|v| !v.is_zero())
            .map(Zeroizing::new)
            .ok_or(SrpError::Unreadable("a verifier is out of range"))?;
        Ok(Self { salt: Zeroizing::new(salt.to_vec()), v })
    }

    /// The salt as `SALT` carries it: lower-case hex without leading zeros.
    pub fn salt_hex(&self) -> String {
        to_hex(&self.salt)
    }

    pub(super) fn v(&self) -> &Element {
        &self.v
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(***)")
    }
}

/// x = H(pad(salt) ‖ H(group ‖ user ‖ ":" ‖ password)).
pub(super) fn private_key(salt: &[u8], group: &str, user: &str, password: &Secret) -> Zeroizing<[u8; EXPONENT]> {
    let identity = sha256(&[group.as_bytes(), user.as_bytes(), b":", password.expose().as_bytes()]);
    sha256(&[&pad(salt), identity.as_ref()])
}
