//! A chain with its key.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use denizen_kit::time::Timestamp;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use crate::{BadTls, provider, read_chain, read_file};

/// A certificate that can be shown: chain and key fit, and its names and time are known.
#[derive(Clone)]
pub struct Certificate {
    /// What rustls shows and signs with.
    pub certified: Arc<CertifiedKey>,
    /// The names of hosts that it holds for, in small letters; `*.example.com` for all one level below.
    pub names: Vec<String>,
    /// From when on it holds.
    pub not_before: Timestamp,
    /// Until when it holds.
    pub not_after: Timestamp,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("names", &self.names)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

// === impl Certificate ===

impl Certificate {
    /// Reads a chain and its key from two files.
    pub fn read(chain: &Path, key: &Path) -> Result<Self, BadTls> {
        let origin = chain.display().to_string();
        Self::parse(&origin, &read_file(chain)?, &read_file(key)?)
    }

    /// Reads a chain and its key from PEM; `origin` names them in messages.
    pub fn parse(origin: &str, chain: &[u8], key: &[u8]) -> Result<Self, BadTls> {
        let chain = read_chain(origin, chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| BadTls::Key(origin.to_owned()))?;
        let (names, not_before, not_after) = {
            let (_, leaf) =
                X509Certificate::from_der(&chain[0]).map_err(|_| BadTls::Chain(origin.to_owned()))?;
            let validity = leaf.validity();
            (names(&leaf), time(validity.not_before.timestamp()), time(validity.not_after.timestamp()))
        };
        let certified =
            CertifiedKey::from_der(chain, key, &provider()).map_err(|error| refused(origin, error))?;
        Ok(Self { certified: Arc::new(certified), names, not_before, not_after })
    }

    /// What it goes by in metrics and messages: its first name.
    pub fn name(&self) -> &str {
        self.names.first().map_or("unnamed", String::as_str)
    }
}

fn refused(origin: &str, error: rustls::Error) -> BadTls {
    match error {
        rustls::Error::InconsistentKeys(_) => BadTls::Pair(origin.to_owned()),
        error => BadTls::Refused(origin.to_owned(), error),
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

/// The DNS names and addresses among the subject's alternative names, which alone count (RFC 9110 §4.3.4).
fn names(leaf: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = leaf.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| std::net::IpAddr::from(octets).to_string());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|octets| std::net::IpAddr::from(octets).to_string())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_pair_knows_its_names_and_time() {
        let (chain, key) = pair(&["API.example.test", "*.example.test", "127.0.0.1"]);
        let certificate = Certificate::parse("a.pem", chain.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(certificate.names, ["api.example.test", "*.example.test", "127.0.0.1"]);
        assert!(certificate.not_before < certificate.not_after);
    }

    #[test]
    fn mistakes_name_the_file_and_the_way_out() {
        let ((chain, key), (_, other)) = (pair(&["a.test"]), pair(&["b.test"]));
        let error = |chain: &str, key: &str| {
            Certificate::parse("a.pem", chain.as_bytes(), key.as_bytes()).unwrap_err().to_string()
        };
        assert!(error("", &key).starts_with("a.pem: no PEM certificate"), "{}", error("", &key));
        assert!(error(&chain, "x").contains("no PEM private key"));
        assert!(error(&chain, &other).contains("not the certificate's"), "{}", error(&chain, &other));
        let missing = Certificate::read(Path::new("/nowhere/a.pem"), Path::new("/nowhere/a.key"));
        assert!(missing.unwrap_err().to_string().contains("may this process read it?"));
    }
}
