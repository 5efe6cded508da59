//! Networks of addresses that are looked up by an address: at most one look for each size of network.

use std::collections::HashMap;
use std::net::IpAddr;

use super::client::Network;

/// What is known of networks, by the network.
#[derive(Clone, Debug)]
pub(crate) struct Networks<T>(Vec<Size<T>>);

/// The networks of one size, by what their addresses begin with.
#[derive(Clone, Debug)]
struct Size<T> {
    is_v4: bool,
    /// How many bits of an address do not count.
    shift: u32,
    known: HashMap<u128, T>,
}

// === impl Networks ===

impl<T> Networks<T> {
    pub(crate) fn insert(&mut self, network: &Network, value: T) {
        let (is_v4, shift, start) = network.parts();
        let place = self.0.iter().position(|size| (size.is_v4, size.shift) == (is_v4, shift));
        let place = place.unwrap_or_else(|| {
            self.0.push(Size { is_v4, shift, known: HashMap::new() });
            self.0.len() - 1
        });
        self.0[place].known.insert(start, value);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is known of the networks that the address is in. An IPv4 address mapped into IPv6 is the IPv4 address.
    pub(crate) fn of(&self, ip: IpAddr) -> impl Iterator<Item = &T> {
        let ip = ip.to_canonical();
        self.0.iter().filter_map(move |size| size.find(ip))
    }
}

impl<T> Default for Networks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

// === impl Size ===

impl<T> Size<T> {
    fn find(&self, ip: IpAddr) -> Option<&T> {
        let bits = match ip {
            IpAddr::V4(v4) if self.is_v4 => u128::from(v4.to_bits()),
            IpAddr::V6(v6) if !self.is_v4 => v6.to_bits(),
            _ => return None,
        };
        self.known.get(&bits.checked_shr(self.shift).unwrap_or_default())
    }
}
