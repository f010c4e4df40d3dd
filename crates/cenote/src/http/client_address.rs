//! The client's address: the connection's other end, or, behind trusted proxies, what they say.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the client.
///
/// `X-Forwarded-For` is walked from the right, which is what the nearest proxy wrote, as long as whoever wrote an entry
/// is trusted. So a client can put anything on the left and change nothing.
pub fn client_address(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let mut client = peer.ip().to_canonical();
    // Several headers of this name count as one list in their order.
    let lists = headers.get_all(FORWARDED_FOR).into_iter().collect::<Vec<_>>();
    let entries = lists.iter().rev().flat_map(|list| list.as_bytes().rsplit(|byte| *byte == b','));
    for entry in entries {
        if !is_trusted(client) {
            break;
        }
        // What cannot be read was not written by a proxy that follows the rules: the proxy itself is all that is known.
        let Some(address) = std::str::from_utf8(entry).ok().and_then(parse_entry) else { break };
        client = address;
    }
    client
}

/// An entry: an address, as some proxies write it with a port, IPv6 then in brackets.
fn parse_entry(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let address = entry
        .parse::<IpAddr>()
        .or_else(|_| entry.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
        .or_else(|| entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn walk(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for list in forwarded {
            headers.append(FORWARDED_FOR, list.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn the_walk() {
        let private = &["10.0.0.0/8", "fd00::/8"][..];
        for (peer, forwarded, trusted, client) in [
            ("192.0.2.1:5", &[][..], private, "192.0.2.1"),
            // Nobody is trusted: the header is nothing.
            ("10.0.0.1:5", &["192.0.2.9"], &[][..], "10.0.0.1"),
            ("192.0.2.1:5", &["192.0.2.9"], private, "192.0.2.1"),
            ("10.0.0.1:5", &["192.0.2.9"], private, "192.0.2.9"),
            ("10.0.0.1:5", &["1.1.1.1, 192.0.2.9, 10.0.0.2"], private, "192.0.2.9"),
            ("10.0.0.1:5", &["1.1.1.1", "192.0.2.9 ,10.0.0.2"], private, "192.0.2.9"),
            ("10.0.0.1:5", &["10.0.0.3, 10.0.0.2"], private, "10.0.0.3"),
            ("10.0.0.1:5", &["unknown, 10.0.0.2"], private, "10.0.0.2"),
            ("10.0.0.1:5", &[""], private, "10.0.0.1"),
            ("10.0.0.1:5", &["192.0.2.9:4711"], private, "192.0.2.9"),
            ("[fd00::1]:5", &["[2001:db8::9]:4711"], private, "2001:db8::9"),
            ("[fd00::1]:5", &["[2001:db8::9]"], private, "2001:db8::9"),
            // A listener on [::] sees IPv4 clients as mapped addresses.
            ("[::ffff:10.0.0.1]:5", &["::ffff:192.0.2.9"], private, "192.0.2.9"),
        ] {
            assert_eq!(walk(peer, forwarded, trusted), client, "{peer} {forwarded:?}");
        }
    }

    fn entry() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<[u8; 4]>().prop_map(|octets| IpAddr::from(octets).to_string()),
            any::<[u8; 4]>().prop_map(|[_, b, c, d]| IpAddr::from([10, b, c, d]).to_string()),
            "[ -~]{0,12}".prop_map(|text| text.replace(',', "")),
        ]
    }

    proptest! {
        #[test]
        fn what_a_client_sends_changes_nothing(
            client in any::<[u8; 4]>().prop_filter("outside", |octets| octets[0] != 10),
            proxies in prop::collection::vec(any::<[u8; 3]>(), 0..4),
            forged in prop::collection::vec(entry(), 0..6),
        ) {
            // The client connects to the first proxy with a forged header; each proxy appends who connected to it.
            let client = IpAddr::from(client).to_string();
            let mut chain = vec![client.clone()];
            chain.extend(proxies.iter().map(|[b, c, d]| IpAddr::from([10, *b, *c, *d]).to_string()));
            let peer = format!("{}:443", chain.pop().unwrap());
            let mut entries = forged;
            entries.extend(chain);
            prop_assert_eq!(walk(&peer, &[&entries.join(",")], &["10.0.0.0/8"]), client);
        }

        #[test]
        fn an_untrusted_peer_is_the_client_whatever_it_says(peer: [u8; 4], forged in prop::collection::vec(entry(), 0..6)) {
            let peer = IpAddr::from(peer);
            prop_assert_eq!(walk(&format!("{peer}:1"), &[&forged.join(",")], &[]), peer.to_string());
        }
    }
}
