//! Who a request comes from, as far as bounds are concerned.

use std::net::{IpAddr, Ipv6Addr};

/// Who a request comes from: the address that rates are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// An IPv4 address, or the /64 that an IPv6 address is in: a customer has at least that much.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
            v4 => v4,
        })
    }

    /// The address behind `trusted_hops` proxies of one's own, each of which has added its peer's to
    /// `X-Forwarded-For`. What stands further left, anybody can write. The peer where an entry is none or missing.
    #[must_use]
    pub(crate) fn behind_proxies(peer: IpAddr, forwarded_for: &[&[u8]], trusted_hops: usize) -> Self {
        // Entry by entry: what is no text is one, or the others would be counted wrongly.
        let entries: Vec<&[u8]> = forwarded_for.iter().flat_map(|line| line.split(|b| *b == b',')).collect();
        let client = trusted_hops
            .checked_sub(1)
            .and_then(|hops| entries.iter().rev().nth(hops))
            .and_then(|entry| str::from_utf8(entry).ok()?.trim().parse().ok());
        Self::new(client.unwrap_or(peer))
    }

    /// Its bytes, for a look-up tag in the log.
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
            "what is no text is an entry"
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
