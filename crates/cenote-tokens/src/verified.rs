//! Access tokens whose signature was found right: an app shows the same one with every call, and the signature is the
//! dearest part of the check.
//!
//! What is remembered is that a key of a pool signed these claims, and nothing else. At each use the key must still be
//! published, and issuer, kind, times, scope, user and family are checked as if the token were new: what is kept here
//! can be old, but never wrong.
//!
//! Only tokens that were good are kept, so nobody can fill this with made-up ones. The key is the SHA-256 of the whole
//! token, so that no token can be read out of memory here. The claims are kept as JSON: parsed, they take five times
//! the room, and reading them costs a fraction of what a signature does.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use cenote_base::PoolId;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// What all entries together may take, in bytes: some 5,000 tokens of the usual size.
const CAPACITY: u64 = 4 * 1024 * 1024;

/// What an entry takes beside its claims, in bytes, allocations and the cache's own tables included. So there are never
/// more than [`CAPACITY`] / `ENTRY` entries, 10,922.
const ENTRY: u64 = 384;

/// The usual size of an access token's claims.
const USUAL_CLAIMS: u64 = 450;

/// SHA-256 of a token.
pub(crate) type Digest = [u8; 32];

/// A token whose signature is right.
pub(crate) struct Verified {
    /// The pool that it names.
    pub(crate) pool: PoolId,
    /// The pool's key that signed it.
    pub(crate) kid: Box<str>,
    /// Its claims, JSON.
    pub(crate) payload: Box<[u8]>,
}

impl Verified {
    /// What a token is kept under.
    pub(crate) fn digest(token: &str) -> Digest {
        let mut out = Digest::default();
        // Both have 32 bytes.
        out.iter_mut().zip(digest(&SHA256, token.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
        out
    }
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Digest, Arc<Verified>> for ByBytes {
    fn weight(&self, _: &Digest, verified: &Arc<Verified>) -> u64 {
        ENTRY.saturating_add(u64::try_from(verified.payload.len()).unwrap_or(u64::MAX))
    }
}

/// The tokens that are remembered.
pub(crate) struct VerifiedTokens(Cache<Digest, Arc<Verified>, ByBytes>);

impl VerifiedTokens {
    /// None yet.
    pub(crate) fn new() -> Self {
        let entries = usize::try_from(CAPACITY / (ENTRY + USUAL_CLAIMS)).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(entries, CAPACITY, ByBytes))
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<Arc<Verified>> {
        self.0.get(digest)
    }

    /// Remembers a token, at the cost of others when there is no room, and not at all when it is far too big.
    pub(crate) fn insert(&self, digest: Digest, verified: Verified) {
        self.0.insert(digest, Arc::new(verified));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(payload: usize) -> Verified {
        let kid = "k".repeat(44).into();
        Verified { pool: "us-east-1_AbCdEfGhI".parse().unwrap(), kid, payload: vec![b'x'; payload].into() }
    }

    fn filled(count: usize, payload: usize) -> VerifiedTokens {
        let tokens = VerifiedTokens::new();
        for n in 0..count {
            tokens.insert(Verified::digest(&n.to_string()), verified(payload));
        }
        tokens
    }

    #[test]
    fn the_digest_is_sha_256() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let found: String = Verified::digest("abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn it_keeps_thousands_of_tokens_and_never_more_than_its_bound() {
        for (payload, least) in [(450, 4_000), (0, 8_000), (2_000, 1_000), (60_000, 1)] {
            let tokens = filled(20_000, payload);
            assert!(tokens.0.weight() <= CAPACITY, "{payload}: {}", tokens.0.weight());
            assert!(tokens.0.len() >= least, "{payload}: {}", tokens.0.len());
        }
        assert!(filled(20_000, 0).0.len() <= 10_922);
    }

    #[test]
    fn a_token_that_is_far_too_big_is_not_kept() {
        let tokens = filled(100, 450);
        tokens.insert(Verified::digest("big"), verified(5 * 1024 * 1024));
        assert!(tokens.get(&Verified::digest("big")).is_none());
        assert_eq!(tokens.0.len(), 100);
    }
}
