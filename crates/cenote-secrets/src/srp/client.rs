//! The client's side of the protocol, for tests and the benchmark: the server never needs it.

use cenote_base::{Random, RandomExt, Secret};
use crypto_bigint::U3072;
use zeroize::Zeroizing;

use super::group::{EXPONENT, Element, read};
use super::number::{from_hex, significant, to_hex};
use super::proof::{Message, scrambler, session_key, sign};
use super::table::generator_to_the;
use super::verifier::private_key;
use super::{ClientPublic, SrpError};

/// Most bytes of a; real clients draw 128.
const MAX_SECRET: usize = 256;

/// One attempt to sign in: the secret a, and A.
pub struct Client {
    secret: Zeroizing<Vec<u8>>,
    public: Vec<u8>,
}

/// The server's answer to A, as it was sent.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// `SALT`, hex.
    pub salt: &'a str,
    /// `SRP_B`, hex.
    pub public: &'a str,
    /// `SECRET_BLOCK`, decoded.
    pub secret_block: &'a [u8],
}

impl Client {
    /// Draws a: 32 bytes, which is all that the security needs and a quarter of what real clients take.
    pub fn new(random: &dyn Random) -> Self {
        let secret = Zeroizing::new(random.bytes::<EXPONENT>());
        let public = generator_to_the(&secret).to_bytes().to_vec();
        Self { secret: Zeroizing::new(secret.to_vec()), public }
    }

    /// With a given a, big-endian, of at most 256 bytes; `None` when it is longer.
    pub fn with_secret(a: &[u8]) -> Option<Self> {
        if a.len() > MAX_SECRET {
            return None;
        }
        let public = Element::GENERATOR.pow_wide(&*read(a)?, bits(a.len()));
        Some(Self { secret: Zeroizing::new(a.to_vec()), public: public.to_bytes().to_vec() })
    }

    /// A as real clients send it.
    pub fn public_hex(&self) -> String {
        to_hex(&self.public)
    }

    /// `PASSWORD_CLAIM_SIGNATURE`, before Base64. Errors: [`SrpError::NotHex`] and [`SrpError::TooLong`] when the
    /// answer cannot be read, [`SrpError::ZeroScrambler`].
    pub fn sign(
        &self,
        group: &str,
        user: &str,
        password: &Secret,
        answer: &Answer<'_>,
        timestamp: &str,
    ) -> Result<Vec<u8>, SrpError> {
        let number = |text| from_hex(text).ok_or(SrpError::NotHex);
        let (salt, b) = (number(answer.salt)?, number(answer.public)?);
        let x = private_key(&salt, group, user, password);
        let u = scrambler(&self.public, &b)?;
        let shared = self.shared_secret(&b, &x, &u)?;
        let key = session_key(&u, shared.to_bytes().as_ref());
        let message = Message { group, user, secret_block: answer.secret_block, timestamp };
        Ok(sign(&key, &message).as_ref().to_vec())
    }

    /// S = (B − k·g^x)^(a + u·x).
    pub(super) fn shared_secret(
        &self,
        b: &[u8],
        x: &[u8; EXPONENT],
        u: &[u8; EXPONENT],
    ) -> Result<Zeroizing<Element>, SrpError> {
        let number = |bytes| read(bytes).ok_or(SrpError::TooLong);
        // a has at most 2048 bits and the product 512: the sum needs one more than the longer of them.
        let exponent =
            Zeroizing::new(number(x)?.wrapping_mul(&*number(u)?).wrapping_add(&*number(self.secret.as_ref())?));
        let base = Element::reduced(significant(b)).ok_or(SrpError::TooLong)?;
        let base = base.minus(&Element::MULTIPLIER.times(&Element::GENERATOR.pow(x)));
        Ok(Zeroizing::new(base.pow_wide(&exponent, bits(self.secret.len().max(64) + 1))))
    }
}

/// One general exponentiation with 256 bits, big-endian: the unit of the limit that the benchmark states for a sign-in.
pub fn power(base: &ClientPublic, exponent: &[u8; EXPONENT]) -> Vec<u8> {
    base.element().pow(exponent).to_bytes().to_vec()
}

/// The bits of so many bytes.
fn bits(bytes: usize) -> u32 {
    u32::try_from(bytes.saturating_mul(8)).unwrap_or(U3072::BITS)
}
