//! The header of the PROXY protocol, version 1 or 2, that a balancer sends before all else (`HAProxy`, "The PROXY protocol",
//! 2020-03-05).
//!
//! Only as many bytes are read as the header has: what follows may be TLS.

use std::net::SocketAddr;

use ppp::{HeaderResult, v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How both versions are told apart: the first bytes of a version 2 header.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Longest header of version 1 (§2.1).
const MAX_V1: usize = 107;

/// Longest part after the first 16 bytes of version 2 that is taken: addresses and extensions (§2.2).
const MAX_V2: usize = 4096;

/// Why a connection has no header that can be believed.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadHeader {
    #[error("it does not begin with a PROXY protocol header; the balancer must send one (send-proxy)")]
    Missing,
    #[error("its PROXY protocol header cannot be read")]
    Malformed,
    #[error("it ended within its PROXY protocol header")]
    Broken(#[from] std::io::Error),
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The client, and where it meant to go.
    Client { peer: SocketAddr, local: SocketAddr },
    /// The balancer itself, for a check of its own (LOCAL), or one that does not say (UNKNOWN).
    Balancer,
}

/// Reads the header.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Origin, BadHeader> {
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == SIGNATURE {
        header.resize(16, 0);
        stream.read_exact(&mut header[12..]).await?;
        let length = usize::from(u16::from_be_bytes([header[14], header[15]]));
        if length > MAX_V2 {
            return Err(BadHeader::Malformed);
        }
        header.resize(16 + length, 0);
        stream.read_exact(&mut header[16..]).await?;
    } else if header.starts_with(b"PROXY ") {
        while !header.ends_with(b"\r\n") {
            if header.len() >= MAX_V1 {
                return Err(BadHeader::Malformed);
            }
            header.push(stream.read_u8().await?);
        }
    } else {
        return Err(BadHeader::Missing);
    }
    parse(&header).ok_or(BadHeader::Malformed)
}

fn parse(header: &[u8]) -> Option<Origin> {
    match HeaderResult::parse(header) {
        HeaderResult::V1(Ok(header)) => Some(match header.addresses {
            v1::Addresses::Unknown => Origin::Balancer,
            v1::Addresses::Tcp4(ip) => of_v4(&ip),
            v1::Addresses::Tcp6(ip) => of_v6(&ip),
        }),
        HeaderResult::V2(Ok(header)) => Some(match (header.command, header.addresses) {
            (v2::Command::Proxy, v2::Addresses::IPv4(ip)) => of_v4(&ip),
            (v2::Command::Proxy, v2::Addresses::IPv6(ip)) => of_v6(&ip),
            _ => Origin::Balancer,
        }),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => None,
    }
}

fn of_v4(ip: &v2::IPv4) -> Origin {
    Origin::Client {
        peer: SocketAddr::from((ip.source_address, ip.source_port)),
        local: SocketAddr::from((ip.destination_address, ip.destination_port)),
    }
}

fn of_v6(ip: &v2::IPv6) -> Origin {
    Origin::Client {
        peer: SocketAddr::from((ip.source_address, ip.source_port)),
        local: SocketAddr::from((ip.destination_address, ip.destination_port)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    /// What is read of the bytes, and what is left of them.
    fn read_all(bytes: &[u8]) -> (Option<Origin>, Vec<u8>) {
        let mut rest = bytes;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let origin = runtime.block_on(read(&mut rest)).ok();
        (origin, rest.to_vec())
    }

    fn version_1(peer: SocketAddr, local: SocketAddr) -> Vec<u8> {
        let family = if peer.is_ipv4() { "TCP4" } else { "TCP6" };
        let ((from, to), (source, target)) = ((peer.ip(), local.ip()), (peer.port(), local.port()));
        format!("PROXY {family} {from} {to} {source} {target}\r\n").into_bytes()
    }

    /// §2.2, written from the text and not by the library that reads it; an extension at the end.
    fn version_2(peer: SocketAddr, local: SocketAddr) -> Vec<u8> {
        let octets = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let mut tail = [octets(peer.ip()), octets(local.ip())].concat();
        tail.extend(peer.port().to_be_bytes());
        tail.extend(local.port().to_be_bytes());
        tail.extend([0x04, 0, 1, 0]);
        let family = if peer.is_ipv4() { 0x11 } else { 0x21 };
        let length = u16::try_from(tail.len()).unwrap().to_be_bytes();
        [SIGNATURE.to_vec(), vec![0x21, family, length[0], length[1]], tail].concat()
    }

    proptest! {
        #[test]
        fn what_a_balancer_writes_is_read_and_no_byte_more(
            v6 in any::<bool>(), from in any::<u128>(), to in any::<u128>(), ports in any::<(u16, u16)>(),
            first in any::<bool>(), rest in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let ip = |bits: u128| {
                if v6 { IpAddr::from(bits.to_be_bytes()) } else { IpAddr::from(((bits >> 96) as u32).to_be_bytes()) }
            };
            let (peer, local) = (SocketAddr::new(ip(from), ports.0), SocketAddr::new(ip(to), ports.1));
            let mut bytes = if first { version_1(peer, local) } else { version_2(peer, local) };
            bytes.extend(&rest);
            prop_assert_eq!(read_all(&bytes), (Some(Origin::Client { peer, local }), rest));
        }

        #[test]
        fn anything_else_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(read_all(&bytes).0, None);
        }

        #[test]
        fn a_header_cut_short_is_refused(keep in 0usize..32) {
            let (peer, local) = ("192.0.2.1:1".parse().unwrap(), "192.0.2.2:2".parse().unwrap());
            for whole in [version_1(peer, local), version_2(peer, local)] {
                let cut = keep.min(whole.len() - 1);
                prop_assert_eq!(read_all(&whole[..cut]).0, None);
            }
        }
    }

    #[test]
    fn checks_of_the_balancer_itself_are_its_own() {
        assert_eq!(read_all(b"PROXY UNKNOWN\r\n").0, Some(Origin::Balancer));
        assert_eq!(read_all(b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n").0, Some(Origin::Balancer));
        let local = [&SIGNATURE[..], &[0x20, 0, 0, 0]].concat();
        assert_eq!(read_all(&local).0, Some(Origin::Balancer));
    }

    #[test]
    fn headers_that_never_end_or_are_too_long_are_refused() {
        let endless = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 500]].concat();
        let (origin, rest) = read_all(&endless);
        assert!(origin.is_none() && rest.len() > 300, "it stops at the longest header");
        let long = [&SIGNATURE[..], &[0x21, 0x11, 0xff, 0xff], &vec![0; 70_000]].concat();
        assert_eq!(read_all(&long).0, None);
        for text in
            ["PROXY TCP4 1.2.3.4 1.2.3.5 1 99999\r\n", "PROXY TCP4 ::1 ::2 1 2\r\n", "GET / HTTP/1.1\r\n\r\n"]
        {
            assert_eq!(read_all(text.as_bytes()).0, None, "{text}");
        }
    }
}
