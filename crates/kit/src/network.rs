//! Networks: which addresses are one customer's, and what ties a session to one.

use std::net::IpAddr;

use crate::id::SessionId;
use crate::seal::Key;

/// Bytes of a tie: enough that no other network has the same by chance.
const TIE: usize = 16;

/// The part of an address that one customer has: all of it in IPv4, however it is written, and the first 64 bits in
/// IPv6 (RFC 6177).
pub fn network(ip: IpAddr) -> Vec<u8> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets()[..8].to_vec(),
    }
}

/// What ties a session to the network of an address. Without the key it tells nothing of the network, and no two
/// sessions from one network have the same.
pub fn tie(key: &Key, session_id: SessionId, ip: IpAddr) -> [u8; TIE] {
    let full = key.mac(&[session_id.uuid().as_bytes(), &network(ip)]);
    std::array::from_fn(|index| full[index])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    #[test]
    fn one_customer_is_one_network() {
        let of = |ip: &str| network(ip.parse().unwrap());
        assert_eq!(of("192.0.2.7"), of("::ffff:192.0.2.7"));
        assert_ne!(of("192.0.2.7"), of("192.0.2.8"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }

    #[test]
    fn a_tie_is_of_one_session_and_one_network() {
        let key = Key::from_bytes([1; 32]);
        let other: SessionId = "0192aa00-0000-7000-8000-000000000001".parse().unwrap();
        let of = |key: &Key, session_id, ip: &str| tie(key, session_id, ip.parse().unwrap());
        let one = of(&key, Id::nil(), "192.0.2.7");
        assert_eq!(one, of(&key, Id::nil(), "192.0.2.7"));
        assert_ne!(one, of(&key, Id::nil(), "192.0.2.8"));
        assert_ne!(one, of(&key, other, "192.0.2.7"));
        assert_ne!(one, of(&Key::from_bytes([2; 32]), Id::nil(), "192.0.2.7"));
    }
}
