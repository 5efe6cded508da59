//! Networks that are kept out: how they are read, how broad they may be, and which the guard may shut out by itself.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The broadest networks that can be kept out, in bits: an eighth of a registry's part, no more.
const BROADEST: (u8, u8) = (8, 16);

/// Bits of a subnet whose failures are counted together: 256 addresses of IPv4, and of IPv6 what a site gets
/// (RFC 6177).
const SUBNET: (u8, u8) = (24, 56);

/// Bits of one client: an address of IPv4, one link of IPv6.
const CLIENT: (u8, u8) = (32, 64);

/// Why a text is no network to keep out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadNetwork {
    /// It is no address or network.
    Malformed,
    /// Too much of the internet is in it.
    TooBroad,
}

/// A network in its shortest form. IPv4 addresses mapped into IPv6 are IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network(IpNet);

// === impl Network ===

impl Network {
    /// Reads `192.0.2.0/24`, `2001:db8::/32` or one address. Bits beyond the prefix are dropped.
    pub(crate) fn parse(text: &str) -> Result<Self, BadNetwork> {
        let text = text.trim();
        let address = text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
        let network = match address {
            Some(network) => network,
            None => text.parse::<IpNet>().map_err(|_| BadNetwork::Malformed)?,
        };
        let network = unmapped(network.trunc());
        if network.prefix_len() < bits(BROADEST, network.addr()) {
            return Err(BadNetwork::TooBroad);
        }
        Ok(Self(network))
    }

    /// The client that an address stands for, and the subnet around it. None where it may stand for everybody: what is
    /// not public is as a rule a proxy that the gateway was not told of.
    pub(crate) fn around(address: IpAddr) -> Option<(Self, Self)> {
        let address = address.to_canonical();
        if !is_public(address) {
            return None;
        }
        let of = |table| IpNet::new(address, bits(table, address)).ok().map(|network| Self(network.trunc()));
        Some((of(CLIENT)?, of(SUBNET)?))
    }

    /// Whether the address is in it.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

const fn bits((v4, v6): (u8, u8), address: IpAddr) -> u8 {
    if address.is_ipv4() { v4 } else { v6 }
}

/// A network within `::ffff:0:0/96` is one of IPv4.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    let v4 = mapped.and_then(|(address, bits)| Ipv4Net::new(address, bits).ok());
    v4.map_or(network, IpNet::V4)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let is_shared = Ipv4Net::new_assert([100, 64, 0, 0].into(), 10).contains(&v4);
            !(v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified() || is_shared)
        }
        IpAddr::V6(v6) => {
            let is_link_local = Ipv6Net::new_assert([0xfe80, 0, 0, 0, 0, 0, 0, 0].into(), 10).contains(&v6);
            let is_local = Ipv6Net::new_assert([0xfc00, 0, 0, 0, 0, 0, 0, 0].into(), 7).contains(&v6);
            !(v6.is_loopback() || v6.is_unspecified() || is_link_local || is_local)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, BadNetwork> {
        Network::parse(text).map(|network| network.to_string())
    }

    #[test]
    fn a_network_has_one_form() {
        let table = [
            ("192.0.2.77", "192.0.2.77/32"),
            (" 192.0.2.77/24 ", "192.0.2.0/24"),
            ("2001:DB8:0:0::1", "2001:db8::1/128"),
            ("2001:db8::1/48", "2001:db8::/48"),
            ("::ffff:192.0.2.77", "192.0.2.77/32"),
            ("::ffff:192.0.2.77/120", "192.0.2.0/24"),
        ];
        for (text, form) in table {
            assert_eq!(read(text).as_deref(), Ok(form), "{text}");
        }
    }

    #[test]
    fn what_is_none_or_too_much_is_refused() {
        for bad in ["", "192.0.2", "192.0.2.0/33", "::/129", "example.org", "192.0.2.0/", "192.0.2.0-9"] {
            assert_eq!(read(bad), Err(BadNetwork::Malformed), "{bad}");
        }
        for broad in ["0.0.0.0/0", "10.0.0.0/7", "::/0", "2001::/15", "::ffff:0:0/96"] {
            assert_eq!(read(broad), Err(BadNetwork::TooBroad), "{broad}");
        }
    }

    #[test]
    fn the_guard_leaves_alone_what_may_be_a_proxy() {
        for local in
            ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "172.16.0.1", "100.64.0.1", "fe80::1", "fd00::1"]
        {
            assert_eq!(Network::around(local.parse().unwrap()), None, "{local}");
        }
        let around = |text: &str| {
            let (client, subnet) = Network::around(text.parse().unwrap()).unwrap();
            (client.to_string(), subnet.to_string())
        };
        assert_eq!(around("203.0.113.9"), ("203.0.113.9/32".to_owned(), "203.0.113.0/24".to_owned()));
        assert_eq!(around("::ffff:203.0.113.9"), around("203.0.113.9"));
        let (client, subnet) = around("2001:db8:1:2ff:3::4");
        assert_eq!((client.as_str(), subnet.as_str()), ("2001:db8:1:2ff::/64", "2001:db8:1:200::/56"));
    }
}
