//! Cheap limits in front of password hashing: by address and by app client, in bounded memory (GCRA, one number a key).

use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

use cenote_base::{ClientId, Timestamp};
use quick_cache::sync::Cache;

/// So many at once, then so many a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// How many a second in the long run; at least 1.
    pub per_second: u32,
    /// How many at once after a pause; at least 1.
    pub burst: u32,
}

/// A key went over its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests")]
pub struct TooMany;

/// Addresses (an IPv6 /64 counts as one) and clients that are remembered; the least used are forgotten first.
const KEYS: usize = 100_000;

/// The limits that a sign-in or sign-up passes before a password is hashed. They hold for this node.
#[derive(Debug)]
pub struct HashingLimits {
    by_address: Limit<IpAddr>,
    by_client: Limit<ClientId>,
}

impl HashingLimits {
    /// `None` turns a limit off.
    pub fn new(by_address: Option<Rate>, by_client: Option<Rate>) -> Self {
        Self { by_address: Limit::new(by_address), by_client: Limit::new(by_client) }
    }

    /// Counts one request of a public operation.
    ///
    /// # Errors
    /// [`TooMany`] when the address or the client is over its rate.
    pub fn take(&self, source: IpAddr, client: &ClientId, now: Timestamp) -> Result<(), TooMany> {
        self.by_address.take(&network(source), now)?;
        self.by_client.take(client, now)
    }
}

/// What counts as one address: one subscriber usually has a whole /64, and an IPv4-mapped address is the IPv4 one.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(
            || {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::from([a, b, c, d, 0, 0, 0, 0])
            },
            IpAddr::V4,
        ),
    }
}

#[derive(Debug)]
struct Limit<K> {
    rate: Option<Rate>,
    /// For each key the time (microseconds) at which its bucket is empty again. Two requests that read the same value
    /// at the same moment may both pass: a limit of this kind need not be exact.
    empty_at: Cache<K, i64>,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(rate: Option<Rate>) -> Self {
        Self { rate, empty_at: Cache::new(KEYS) }
    }

    fn take(&self, key: &K, now: Timestamp) -> Result<(), TooMany> {
        let Some(rate) = self.rate else { return Ok(()) };
        let interval = Duration::from_secs(1) / rate.per_second.max(1);
        // Kept in microseconds: a millisecond is too coarse for hundreds a second.
        let (now, interval) = (now.millis().saturating_mul(1000), i64::try_from(interval.as_micros()).unwrap_or(1));
        let full = interval.saturating_mul(i64::from(rate.burst.max(1)));
        // Never later than a full bucket from now: a clock that was set back must not refuse until it has caught up.
        let empty_at = self.empty_at.get(key).unwrap_or(now).clamp(now, now.saturating_add(full));
        let next = empty_at.saturating_add(interval);
        if next - now > full {
            self.empty_at.insert(key.clone(), empty_at);
            return Err(TooMany);
        }
        self.empty_at.insert(key.clone(), next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(limits: &HashingLimits, source: &str, client: &str, now: i64, tries: usize) -> usize {
        let (source, client) = (source.parse().unwrap(), client.parse().unwrap());
        (0..tries).filter(|_| limits.take(source, &client, Timestamp::from_millis(now)).is_ok()).count()
    }

    #[test]
    fn a_burst_then_the_rate() {
        let limits = HashingLimits::new(Some(Rate { per_second: 10, burst: 5 }), None);
        assert_eq!(count(&limits, "192.0.2.1", "a", 0, 20), 5);
        assert_eq!(count(&limits, "192.0.2.1", "b", 100, 20), 1, "one tenth of a second brings one back");
        assert_eq!(count(&limits, "192.0.2.1", "b", 10_000, 20), 5, "never more than the burst");
        assert_eq!(count(&limits, "192.0.2.2", "a", 0, 20), 5, "another address has its own");
    }

    #[test]
    fn a_clock_that_was_set_back_costs_no_more_than_a_full_bucket() {
        let limits = HashingLimits::new(Some(Rate { per_second: 10, burst: 5 }), None);
        assert_eq!(count(&limits, "192.0.2.1", "a", 3_600_000, 20), 5);
        assert_eq!(count(&limits, "192.0.2.1", "a", 0, 20), 0);
        assert_eq!(count(&limits, "192.0.2.1", "a", 500, 20), 5);
    }

    #[test]
    fn a_v6_network_is_one_and_a_mapped_v4_is_the_v4() {
        let limits = HashingLimits::new(Some(Rate { per_second: 1, burst: 2 }), None);
        assert_eq!(count(&limits, "2001:db8::1", "a", 0, 5), 2);
        assert_eq!(count(&limits, "2001:db8::2", "a", 0, 5), 0);
        assert_eq!(count(&limits, "2001:db8:0:1::1", "a", 0, 5), 2);
        assert_eq!(count(&limits, "::ffff:192.0.2.1", "a", 0, 5), 2);
        assert_eq!(count(&limits, "192.0.2.1", "a", 0, 5), 0);
    }

    #[test]
    fn clients_are_limited_over_all_addresses() {
        let limits = HashingLimits::new(None, Some(Rate { per_second: 1, burst: 3 }));
        assert_eq!(count(&limits, "192.0.2.1", "a", 0, 2), 2);
        assert_eq!(count(&limits, "192.0.2.2", "a", 0, 5), 1);
        assert_eq!(count(&limits, "192.0.2.2", "b", 0, 5), 3);
    }
}
