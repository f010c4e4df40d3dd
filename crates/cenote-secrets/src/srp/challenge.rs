//! The first step: the client's A, and the server's b and B.

use std::fmt;

use cenote_base::{Random, RandomExt, SecretBytes};
use zeroize::Zeroizing;

use super::group::{ELEMENT, EXPONENT, Element};
use super::number::{copy, from_hex, significant, to_hex};
use super::table::generator_to_the;
use super::{SrpError, Verifier};

/// The client's A: any number of at most 3072 bits that is not 0 modulo N.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientPublic {
    /// As it was sent, without leading zeros: it is hashed so, even where it exceeds N.
    bytes: Vec<u8>,
    element: Element,
}

impl ClientPublic {
    /// Most hex digits, with the zeros that pad a number.
    const MAX_DIGITS: usize = 2 * ELEMENT + 2;

    /// Reads `SRP_A`: hex digits of either case, with or without zeros in front, at most 770. Errors:
    /// [`SrpError::NotHex`], [`SrpError::TooLong`], [`SrpError::ZeroPublic`].
    pub fn parse(hex: &str) -> Result<Self, SrpError> {
        if hex.len() > Self::MAX_DIGITS {
            return Err(SrpError::TooLong);
        }
        if hex.is_empty() {
            return Err(SrpError::NotHex);
        }
        Self::from_bytes(&from_hex(hex).ok_or(SrpError::NotHex)?)
    }

    /// A as a big-endian number. Errors: [`SrpError::TooLong`], [`SrpError::ZeroPublic`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SrpError> {
        let bytes = significant(bytes);
        let element = Element::reduced(bytes).ok_or(SrpError::TooLong)?;
        if element.is_zero() {
            return Err(SrpError::ZeroPublic);
        }
        Ok(Self { bytes: bytes.to_vec(), element })
    }

    /// A as a big-endian number without leading zeros; [`Self::from_bytes`] reads it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn element(&self) -> &Element {
        &self.element
    }
}

impl fmt::Debug for ClientPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientPublic({})", to_hex(&self.bytes))
    }
}

/// The server's b, a secret that belongs to one attempt, and B. `Debug` shows neither.
#[derive(Clone)]
pub struct Challenge {
    secret: Zeroizing<[u8; EXPONENT]>,
    public: Vec<u8>,
}

impl Challenge {
    /// Draws b and computes B = k·v + g^b, which is never 0.
    pub fn make(verifier: &Verifier, random: &dyn Random) -> Self {
        loop {
            let secret = Zeroizing::new(random.bytes::<EXPONENT>());
            if let Some(challenge) = Self::with_secret(verifier, secret) {
                return challenge;
            }
        }
    }

    /// `None` when B would be 0.
    pub(super) fn with_secret(verifier: &Verifier, secret: Zeroizing<[u8; EXPONENT]>) -> Option<Self> {
        let public = Element::MULTIPLIER.times(verifier.v()).plus(&generator_to_the(&secret));
        (!public.is_zero()).then(|| Self { secret, public: significant(public.to_bytes().as_ref()).to_vec() })
    }

    /// B as `SRP_B` carries it: lower-case hex without leading zeros.
    pub fn public_hex(&self) -> String {
        to_hex(&self.public)
    }

    /// B as a big-endian number without leading zeros, to be sealed until the second step.
    pub fn public_bytes(&self) -> Vec<u8> {
        self.public.clone()
    }

    /// b, 32 bytes, to be sealed until the second step.
    pub fn secret_bytes(&self) -> SecretBytes {
        SecretBytes::new(self.secret.to_vec())
    }

    /// A challenge again, from [`Self::secret_bytes`] and [`Self::public_bytes`]. Errors: [`SrpError::Unreadable`].
    pub fn from_parts(secret: &[u8], public: &[u8]) -> Result<Self, SrpError> {
        if secret.len() != EXPONENT {
            return Err(SrpError::Unreadable("a challenge's secret has another length"));
        }
        let public = significant(public);
        if public.is_empty() || Element::exact(public).is_none() {
            return Err(SrpError::Unreadable("a challenge's public value is out of range"));
        }
        let mut own = Zeroizing::new([0; EXPONENT]);
        copy(own.as_mut(), secret);
        Ok(Self { secret: own, public: public.to_vec() })
    }

    pub(super) fn secret(&self) -> &[u8; EXPONENT] {
        &self.secret
    }

    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenge(***)")
    }
}
