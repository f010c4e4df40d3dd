//! Who is connected: no peer may have all connections, and whoever has one and does not use it gives it up when others
//! wait.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Limits;

/// How often the log says that connections are short.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// How many connections each peer has.
type Peers = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// Who is connected, and whether others wait.
pub struct Crowd {
    per_peer: usize,
    unbounded: Vec<IpNet>,
    peers: Peers,
    crowded: watch::Sender<bool>,
    /// So many free places end the crowd. More than one: else connections would be told of each that comes and goes.
    enough: usize,
    full_said: Seldom,
    greedy_said: Seldom,
}

/// A peer's connection; ends when dropped. Those that are not counted have nothing to give back.
pub struct Place(Option<(IpAddr, Peers)>);

impl Crowd {
    /// Nobody.
    pub fn new(limits: &Limits) -> Self {
        Self {
            per_peer: limits.per_peer,
            unbounded: limits.unbounded.clone(),
            peers: Arc::default(),
            crowded: watch::Sender::new(false),
            enough: (limits.connections / 8).max(1),
            full_said: Seldom::default(),
            greedy_said: Seldom::default(),
        }
    }

    /// A place for a connection of that peer, unless it has as many as one peer may have.
    pub fn enter(&self, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        if self.unbounded.iter().any(|net| net.contains(&peer)) {
            return Some(Place(None));
        }
        let key = subscriber(peer);
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = peers.entry(key).or_default();
        if *count < self.per_peer {
            *count += 1;
            return Some(Place(Some((key, Arc::clone(&self.peers)))));
        }
        drop(peers);
        if self.greedy_said.is_time(Instant::now()) {
            tracing::warn!(%peer, most = self.per_peer, "one address has as many connections as it may have: more are closed");
        }
        None
    }

    /// Somebody waits for a place: whoever has one and does not use it is to give it up soon.
    pub fn is_full(&self) {
        self.crowded.send_if_modified(|crowded| !std::mem::replace(crowded, true));
        if self.full_said.is_time(Instant::now()) {
            tracing::warn!("as many connections as max_connections allows: new ones wait, idle ones are closed");
        }
    }

    /// Somebody got a place; so many are free.
    pub fn has_room(&self, free: usize) {
        if free >= self.enough {
            self.crowded.send_if_modified(|crowded| std::mem::replace(crowded, false));
        }
    }

    /// Whether others wait.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.crowded.subscribe()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((peer, peers)) = self.0.take() else { return };
        let mut peers = peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = peers.entry(peer) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// What one subscriber has: an IPv4 address, or an IPv6 network of 64 bits.
fn subscriber(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// Says a thing at most once a minute.
#[derive(Default)]
struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    fn is_time(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = last.is_none_or(|last| now.duration_since(last) >= WARN_EVERY);
        if is_time {
            *last = Some(now);
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(proxies: &[&str]) -> Crowd {
        let proxies: Vec<IpNet> = proxies.iter().map(|net| net.parse().unwrap()).collect();
        Crowd::new(&Limits { per_peer: 2, ..Limits::new(8, Duration::ZERO).with_proxies(&proxies) })
    }

    fn fits(crowd: &Crowd, peers: &[&str]) -> bool {
        let places: Vec<_> = peers.iter().map(|peer| crowd.enter(peer.parse().unwrap())).collect();
        places.iter().all(Option::is_some)
    }

    #[test]
    fn a_peer_has_its_bound_and_gets_back_what_it_gives_up() {
        let crowd = crowd(&[]);
        let places = ["192.0.2.1", "::ffff:192.0.2.1"].map(|peer| crowd.enter(peer.parse().unwrap()).unwrap());
        assert!(!fits(&crowd, &["192.0.2.1"]));
        assert!(fits(&crowd, &["192.0.2.2"]));
        drop(places);
        assert!(crowd.peers.lock().unwrap().is_empty());
        assert!(fits(&crowd, &["192.0.2.1", "192.0.2.1"]));
    }

    #[test]
    fn a_network_of_64_bits_is_one_peer() {
        let crowd = crowd(&[]);
        assert!(!fits(&crowd, &["2001:db8::1", "2001:db8::2", "2001:db8::ffff:0:0:3"]));
        assert!(fits(&crowd, &["2001:db8::1", "2001:db8::2", "2001:db8:0:1::3"]));
    }

    #[test]
    fn proxies_and_this_machine_may_have_all() {
        let crowd = crowd(&["10.0.0.0/8"]);
        assert!(fits(&crowd, &["10.1.1.1"; 5]) && fits(&crowd, &["127.0.0.1"; 5]) && fits(&crowd, &["::1"; 5]));
        assert!(!fits(&crowd, &["11.1.1.1"; 5]));
    }

    #[test]
    fn the_bound_is_a_quarter_and_at_least_64() {
        let per_peer = |connections| Limits::new(connections, Duration::ZERO).per_peer;
        assert_eq!([1, 100, 4_096].map(per_peer), [64, 64, 1_024]);
    }

    #[test]
    fn the_crowd_ends_when_there_is_room_enough() {
        let crowd = Crowd::new(&Limits::new(80, Duration::ZERO));
        let (watch, is_crowded) = (crowd.watch(), |watch: &watch::Receiver<bool>| *watch.borrow());
        crowd.is_full();
        crowd.has_room(9);
        assert!(is_crowded(&watch));
        crowd.has_room(10);
        assert!(!is_crowded(&watch));
    }

    #[test]
    fn warnings_are_seldom() {
        let (seldom, now) = (Seldom::default(), Instant::now());
        let said = [0, 0, 59, 60, 61, 119, 120].map(|after| seldom.is_time(now + Duration::from_secs(after)));
        assert_eq!(said, [true, false, false, true, false, false, true]);
    }
}
