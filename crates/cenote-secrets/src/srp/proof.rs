//! The second step: the key that both sides come to, and the signature made with it.

use std::fmt;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::group::{EXPONENT, Element};
use super::number::{copy, pad, sha256};
use super::{Challenge, ClientPublic, SrpError, Verifier};
use crate::ct_eq;

/// Bytes of the key.
pub(super) const KEY: usize = 16;
/// What the key is derived for, with the number of HKDF's first block (RFC 5869 §2.3).
const INFO: &[u8] = b"Caldera Derived Key\x01";

/// What the client sends in the second step. `Debug` shows the names only.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    /// The pool's name (its id after the first `_`), or the DeviceGroupKey.
    pub group: &'a str,
    /// The stored username (`USER_ID_FOR_SRP`), or the device key.
    pub user: &'a str,
    /// `PASSWORD_CLAIM_SECRET_BLOCK`, decoded.
    pub secret_block: &'a [u8],
    /// `TIMESTAMP`, exactly as sent: it is signed, not read.
    pub timestamp: &'a str,
    /// `PASSWORD_CLAIM_SIGNATURE`, decoded.
    pub signature: &'a [u8],
}

impl fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("group", &self.group).field("user", &self.user).finish_non_exhaustive()
    }
}

/// Whether the claim was made with the verifier's password, in constant time. Errors: [`SrpError::ZeroScrambler`].
pub fn check(
    challenge: &Challenge,
    a: &ClientPublic,
    verifier: &Verifier,
    claim: &Claim<'_>,
) -> Result<bool, SrpError> {
    let u = scrambler(a.bytes(), challenge.public())?;
    let shared = shared_secret(challenge, a, verifier, &u);
    let key = session_key(&u, shared.to_bytes().as_ref());
    let message =
        Message { group: claim.group, user: claim.user, secret_block: claim.secret_block, timestamp: claim.timestamp };
    Ok(ct_eq(sign(&key, &message).as_ref(), claim.signature))
}

/// S = (A·v^u)^b.
pub(super) fn shared_secret(
    challenge: &Challenge,
    a: &ClientPublic,
    verifier: &Verifier,
    u: &[u8; EXPONENT],
) -> Zeroizing<Element> {
    let base = Zeroizing::new(a.element().times(&verifier.v().pow(u)));
    Zeroizing::new(base.pow(challenge.secret()))
}

/// u = H(pad(A) ‖ pad(B)), which both sides may know and which must not be 0.
pub(super) fn scrambler(a: &[u8], b: &[u8]) -> Result<Zeroizing<[u8; EXPONENT]>, SrpError> {
    let u = sha256(&[&pad(a), &pad(b)]);
    if u.iter().all(|byte| *byte == 0) { Err(SrpError::ZeroScrambler) } else { Ok(u) }
}

/// HKDF's extraction: HMAC-SHA256 with the salt pad(u) over pad(S).
pub(super) fn extract(u: &[u8; EXPONENT], shared: &[u8]) -> Zeroizing<[u8; 32]> {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &pad(u)), &pad(shared));
    let mut out = Zeroizing::new([0; 32]);
    copy(out.as_mut(), tag.as_ref());
    out
}

/// The key: the first 16 bytes of HKDF-SHA256.
pub(super) fn session_key(u: &[u8; EXPONENT], shared: &[u8]) -> Zeroizing<[u8; KEY]> {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, extract(u, shared).as_ref()), INFO);
    let mut out = Zeroizing::new([0; KEY]);
    copy(out.as_mut(), tag.as_ref());
    out
}

/// What is signed.
pub(super) struct Message<'a> {
    pub(super) group: &'a str,
    pub(super) user: &'a str,
    pub(super) secret_block: &'a [u8],
    pub(super) timestamp: &'a str,
}

/// HMAC-SHA256 over group ‖ user ‖ secret block ‖ timestamp.
pub(super) fn sign(key: &[u8; KEY], message: &Message<'_>) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    context.update(message.group.as_bytes());
    context.update(message.user.as_bytes());
    context.update(message.secret_block);
    context.update(message.timestamp.as_bytes());
    context.sign()
}
