//! How many connections there may be: in all, and of one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

/// Open connections by address; of IPv6 by the /64 that one customer has (RFC 6177).
#[derive(Debug, Default)]
pub(super) struct PerAddress(Mutex<HashMap<IpAddr, usize>>);

/// The place that a connection holds.
#[derive(Debug)]
pub(crate) struct Place {
    _of_all: OwnedSemaphorePermit,
    of_address: Option<(Arc<PerAddress>, IpAddr)>,
}

// === impl Place ===

impl Place {
    /// A place among all connections, and one of the address's own unless it is free of that limit. None when the
    /// address has all of its own.
    pub(super) fn take(
        of_all: OwnedSemaphorePermit,
        addresses: &Arc<PerAddress>,
        limited: Option<(IpAddr, usize)>,
    ) -> Option<Self> {
        let Some((ip, most)) = limited else { return Some(Self { _of_all: of_all, of_address: None }) };
        let network = network(ip);
        {
            let mut open = addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
            let count = open.entry(network).or_default();
            if *count >= most {
                return None;
            }
            *count += 1;
        }
        Some(Self { _of_all: of_all, of_address: Some((addresses.clone(), network)) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((addresses, network)) = &self.of_address else { return };
        let mut open = addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(network) {
            *count -= 1;
            if *count == 0 {
                open.remove(network);
            }
        }
    }
}

fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        ip @ IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let all = Arc::new(Semaphore::new(10));
        let addresses = Arc::new(PerAddress::default());
        let take = |ip: &str| {
            let permit = all.clone().try_acquire_owned().unwrap();
            Place::take(permit, &addresses, Some((ip.parse().unwrap(), 2)))
        };
        let first = take("192.0.2.1").unwrap();
        let second = take("::ffff:192.0.2.1").unwrap();
        assert!(take("192.0.2.1").is_none() && take("192.0.2.2").is_some());
        drop(first);
        assert!(take("192.0.2.1").is_some());
        drop(second);
        let one = take("2001:db8:1:2::1").unwrap();
        let two = take("2001:db8:1:2:ffff::1").unwrap();
        assert!(take("2001:db8:1:2::3").is_none(), "one customer");
        drop((one, two));
        assert!(addresses.0.lock().unwrap().is_empty(), "nothing is kept of who has gone");
    }
}
