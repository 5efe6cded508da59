//! Which address a request comes from: the socket's peer, or what trusted proxies say.
//!
//! A header is believed only as far as each hop that wrote it is trusted: the rightmost address that is no trusted
//! proxy is the client (RFC 7239 §8.1). From a peer that is not trusted, no header is read at all.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// A network of addresses: `10.0.0.0/8`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

// === impl Network ===

impl Network {
    /// Reads a comma-separated list of networks.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Self::parse).collect()
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address or network such as 10.0.0.0/8");
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let base: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        match base.to_canonical() {
            _ if bits > most => Err(wrong()),
            // A network of mapped addresses is the network of IPv4 that they are (RFC 4291 §2.5.5.2).
            mapped @ IpAddr::V4(_) if base.is_ipv6() && bits >= 96 => {
                Ok(Self { base: mapped, bits: bits - 96 })
            }
            _ => Ok(Self { base, bits }),
        }
    }

    /// Whether it is of IPv4, how many bits of an address do not count, and the others.
    pub(crate) fn parts(&self) -> (bool, u32, u128) {
        let (is_v4, width, bits) = match self.base {
            IpAddr::V4(base) => (true, 32, u128::from(base.to_bits())),
            IpAddr::V6(base) => (false, 128, base.to_bits()),
        };
        let shift = width - u32::from(self.bits);
        (is_v4, shift, bits.checked_shr(shift).unwrap_or_default())
    }

    /// Whether the address is in the network. An IPv4 address mapped into IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.bits);
                shift == 32 || base.to_bits() >> shift == address.to_bits() >> shift
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.bits);
                shift == 128 || base.to_bits() >> shift == address.to_bits() >> shift
            }
            _ => false,
        }
    }
}

/// The address of the client.
pub(crate) fn client_ip(
    peer: Option<SocketAddr>,
    headers: &HeaderMap,
    trusted: &[Network],
) -> Option<IpAddr> {
    let peer = peer?.ip().to_canonical();
    if !is_trusted(peer, trusted) {
        return Some(peer);
    }
    // One header only: common proxies add to this one and pass a client's own `Forwarded` (RFC 7239) on as it came.
    let hops = hops(headers, "x-forwarded-for");
    // An item that is no address ends the walk: nothing to its left can be trusted.
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        let Some(address) = read_address(hop) else { break };
        client = address;
        if !is_trusted(address, trusted) {
            break;
        }
    }
    Some(client)
}

/// How the client came, as far as a trusted peer says: `http` or `https`.
pub(crate) fn scheme(headers: &HeaderMap, is_peer_trusted: bool) -> &'static str {
    let said = headers.get("x-forwarded-proto").filter(|_| is_peer_trusted);
    let last = said.and_then(|value| value.to_str().ok()).and_then(|value| value.rsplit(',').next());
    if last.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https")) { "https" } else { "http" }
}

/// Whether the request came through a proxy, by what its headers say.
pub(crate) fn is_proxied(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        name == "forwarded" || name == "via" || name.starts_with("x-forwarded-") || name == "x-real-ip"
    })
}

/// Whether an address is in one of the networks.
pub(crate) fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

fn hops<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
    values.flat_map(|value| value.split(',')).map(str::trim).collect()
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn read_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(address, _)| address);
    let plain = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address = match bare {
        Some(bare) => bare.parse().ok(),
        None => plain().or_else(with_port),
    };
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let trusted = Network::parse_list("10.0.0.0/8, 2001:db8:1::/48, 192.0.2.7").unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        client_ip(Some(peer.parse().unwrap()), &map, &trusted).unwrap().to_string()
    }

    #[test]
    fn an_untrusted_peer_is_the_client_whatever_it_says() {
        for value in ["1.2.3.4", "10.0.0.1", "garbage", "::1%25", ""] {
            assert_eq!(client("203.0.113.9:4000", &[("x-forwarded-for", value)]), "203.0.113.9", "{value}");
        }
        assert_eq!(client("203.0.113.9:4000", &[("forwarded", "for=1.2.3.4")]), "203.0.113.9");
        assert_eq!(client("[::ffff:203.0.113.9]:4000", &[]), "203.0.113.9");
    }

    #[test]
    fn behind_a_trusted_proxy_the_rightmost_stranger_is_the_client() {
        let chain = [("x-forwarded-for", "6.6.6.6, 198.51.100.4, 10.1.1.1")];
        assert_eq!(client("10.0.0.1:80", &chain), "198.51.100.4");
        assert_eq!(client("192.0.2.7:80", &[("x-forwarded-for", "198.51.100.4")]), "198.51.100.4");
        let two = [("x-forwarded-for", "198.51.100.4"), ("x-forwarded-for", "198.51.100.5")];
        assert_eq!(client("10.0.0.1:80", &two), "198.51.100.5");
        assert_eq!(client("10.0.0.1:80", &[("x-forwarded-for", "10.0.0.9")]), "10.0.0.9");
    }

    #[test]
    fn what_cannot_be_read_ends_the_walk_at_the_last_known_hop() {
        assert_eq!(client("10.0.0.1:80", &[("x-forwarded-for", "1.2.3.4, garbage")]), "10.0.0.1");
        assert_eq!(client("10.0.0.1:80", &[("x-forwarded-for", "1.2.3.4, nope, 10.0.0.2")]), "10.0.0.2");
    }

    #[test]
    fn hops_have_ports_and_brackets() {
        assert_eq!(
            client("10.0.0.1:80", &[("x-forwarded-for", "192.0.2.60, 198.51.100.17:5")]),
            "198.51.100.17"
        );
        assert_eq!(
            client("10.0.0.1:80", &[("x-forwarded-for", "[2001:db8:cafe::17]:4711")]),
            "2001:db8:cafe::17"
        );
    }

    #[test]
    fn a_header_that_proxies_pass_on_is_not_believed() {
        let spoofed = [("forwarded", "for=1.2.3.4"), ("x-forwarded-for", "198.51.100.4")];
        assert_eq!(client("10.0.0.1:80", &spoofed), "198.51.100.4");
        assert_eq!(client("10.0.0.1:80", &[("forwarded", "for=1.2.3.4")]), "10.0.0.1");
    }

    #[test]
    fn networks() {
        for bad in ["10.0.0.0/33", "10.0.0/8", "::/129", "x"] {
            assert!(Network::parse_list(bad).is_err(), "{bad}");
        }
        let all = Network::parse_list("0.0.0.0/0").unwrap();
        assert!(all[0].contains("8.8.8.8".parse().unwrap()));
        assert!(!all[0].contains("2001:db8::1".parse().unwrap()));
    }
}
