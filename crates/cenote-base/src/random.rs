//! Randomness as a parameter. Everything that draws takes a [`Random`]; tests use a [`SeededRandom`].

use std::fmt;
use std::sync::Mutex;

use uuid::{Builder, Uuid};

use crate::Timestamp;

/// A source of random bytes that is good enough for keys.
pub trait Random: Send + Sync + fmt::Debug + 'static {
    /// Fills `out` with random bytes.
    fn fill(&self, out: &mut [u8]);
}

/// The operating system's random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    /// Panics when the operating system gives no randomness: nothing safe can be done without it.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the operating system's random source")]
    #[expect(clippy::panic, reason = "a weak key would be worse than a request that fails")]
    fn fill(&self, out: &mut [u8]) {
        if let Err(error) = getrandom::fill(out) {
            panic!("the operating system gives no randomness: {error}");
        }
    }
}

/// A reproducible source for tests (SplitMix64): never use it outside them.
#[derive(Debug)]
pub struct SeededRandom(Mutex<u64>);

impl SeededRandom {
    /// The same seed gives the same bytes.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Random for SeededRandom {
    fn fill(&self, out: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in out.chunks_mut(8) {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let bytes = (z ^ (z >> 31)).to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(bytes) {
                *to = from;
            }
        }
    }
}

/// What is drawn from a [`Random`]: without modulo bias everywhere.
pub trait RandomExt: Random {
    /// `N` random bytes.
    fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// A UUID of version 4.
    fn uuid_v4(&self) -> Uuid {
        Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// A UUID of version 7: sorts by time, for internal keys.
    fn uuid_v7(&self, now: Timestamp) -> Uuid {
        Builder::from_unix_timestamp_millis(u64::try_from(now.millis()).unwrap_or(0), &self.bytes()).into_uuid()
    }

    /// A number below `bound`; 0 when `bound` is 0.
    fn below(&self, bound: u32) -> u32 {
        if bound == 0 {
            return 0;
        }
        // Draws above the largest multiple of the bound are thrown away, so that each number is equally likely.
        let limit = u32::MAX - u32::MAX % bound;
        loop {
            let drawn = u32::from_le_bytes(self.bytes());
            if drawn < limit {
                return drawn % bound;
            }
        }
    }

    /// `length` characters drawn from `alphabet` (ASCII).
    fn text(&self, alphabet: &[u8], length: usize) -> String {
        let size = u32::try_from(alphabet.len()).unwrap_or(u32::MAX);
        (0..length)
            .filter_map(|_| alphabet.get(usize::try_from(self.below(size)).unwrap_or(0)))
            .map(|byte| char::from(*byte))
            .collect()
    }

    /// `length` decimal digits, leading zeros kept: a one-time code.
    fn digits(&self, length: usize) -> String {
        self.text(b"0123456789", length)
    }
}

impl<R: Random + ?Sized> RandomExt for R {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_the_system_does_not() {
        let draw = |seed| SeededRandom::new(seed).bytes::<20>();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(SystemRandom.bytes::<16>(), SystemRandom.bytes::<16>());
    }

    #[test]
    fn below_stays_below_and_reaches_every_number() {
        let random = SeededRandom::new(7);
        let mut seen = [0u32; 10];
        for _ in 0..10_000 {
            seen[random.below(10) as usize] += 1;
        }
        assert!(seen.iter().all(|n| (850..1150).contains(n)), "{seen:?}");
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn version_7_sorts_by_time() {
        let random = SeededRandom::new(3);
        let early = random.uuid_v7(Timestamp::from_millis(1_000)).to_string();
        let late = random.uuid_v7(Timestamp::from_millis(2_000)).to_string();
        assert!(early < late);
        assert_eq!(random.uuid_v4().get_version_num(), 4);
        assert_eq!(random.digits(6).len(), 6);
    }
}
