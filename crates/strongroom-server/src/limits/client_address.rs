//! The address that a request is counted for.

use std::net::{IpAddr, Ipv6Addr};

/// The address that a request is counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// An IPv4 address, or the /64 of an IPv6 address, because a customer has at least a whole /64.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
            v4 => v4,
        })
    }

    /// The client's address behind `trusted_hops` proxies of the operator's, each of which has
    /// added its peer's address to `X-Forwarded-For`. Anybody can write the entries further left,
    /// so they do not count. If the entry is missing or not an address, the peer counts.
    #[must_use]
    pub(crate) fn behind_proxies(peer: IpAddr, forwarded_for: &[&[u8]], trusted_hops: usize) -> Self {
        // An entry that is not text is an entry too. Otherwise the others would be counted wrongly.
        let entries: Vec<&[u8]> = forwarded_for.iter().flat_map(|line| line.split(|b| *b == b',')).collect();
        let client = trusted_hops
            .checked_sub(1)
            .and_then(|hops| entries.iter().rev().nth(hops))
            .and_then(|entry| str::from_utf8(entry).ok()?.trim().parse().ok());
        Self::new(client.unwrap_or(peer))
    }

    /// The address as 16 bytes, for its name in the log.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        match self.0 {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientAddress {
        ClientAddress::new(text.parse().expect("an address"))
    }

    #[test]
    fn an_ipv6_customer_is_one_client_and_a_mapped_address_is_the_ipv4_one() {
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }

    #[test]
    fn only_what_trusted_proxies_wrote_counts() {
        let peer = "192.0.2.9".parse().expect("an address");
        let behind = |lines: &[&str], hops| {
            let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
            ClientAddress::behind_proxies(peer, &lines, hops)
        };
        let lines: [&[u8]; 3] = [b"6.6.6.6", b"\xe9, 198.51.100.1", b"10.0.0.2"];
        assert_eq!(
            ClientAddress::behind_proxies(peer, &lines, 2),
            client("198.51.100.1"),
            "an entry that is not text counts"
        );
        assert_eq!(behind(&["198.51.100.1"], 0), client("192.0.2.9"), "nobody is trusted");
        assert_eq!(behind(&["198.51.100.1"], 1), client("198.51.100.1"));
        assert_eq!(
            behind(&["203.0.113.7, 198.51.100.1"], 1),
            client("198.51.100.1"),
            "the client's own word"
        );
        assert_eq!(behind(&["203.0.113.7", "198.51.100.1"], 2), client("203.0.113.7"), "over two lines");
        for lines in [&[][..], &["unknown"], &["198.51.100.1:80"], &["", ","]] {
            assert_eq!(behind(lines, 1), client("192.0.2.9"), "{lines:?}");
        }
    }
}
