//! Which certificate a client is shown, by the name it asks for.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use denizen_tls::Certificate;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// A certificate with the names it is shown for.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) certificate: Certificate,
    /// In small letters; `*.example.com` for all one level below.
    pub(crate) names: Vec<String>,
}

/// All certificates, sorted by name. The first of all is for clients that name none, or an unknown one.
#[derive(Debug, Default)]
pub(crate) struct Shelf(ArcSwap<Sorted>);

#[derive(Debug, Default)]
struct Sorted {
    all: Vec<Shown>,
    by_name: HashMap<String, Vec<Arc<CertifiedKey>>>,
}

// === impl Shelf ===

impl Shelf {
    /// Puts these certificates in the place of all before.
    pub(crate) fn put(&self, all: Vec<Shown>) {
        let mut by_name: HashMap<String, Vec<Arc<CertifiedKey>>> = HashMap::new();
        for shown in &all {
            for name in &shown.names {
                by_name.entry(name.clone()).or_default().push(shown.certificate.certified.clone());
            }
        }
        self.0.store(Arc::new(Sorted { all, by_name }));
    }

    /// Whether there is a certificate for the name of a host.
    pub(crate) fn covers(&self, host: &str) -> bool {
        self.0.load().of(&host.to_ascii_lowercase()).is_some()
    }

    /// All certificates.
    pub(crate) fn all(&self) -> Vec<Certificate> {
        self.0.load().all.iter().map(|shown| shown.certificate.clone()).collect()
    }
}

impl Sorted {
    /// The certificates of a name: its own, else those of all names one level below its parent (RFC 9525 §6.3).
    fn of(&self, name: &str) -> Option<&Vec<Arc<CertifiedKey>>> {
        let wildcard = || {
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        };
        self.by_name.get(name).or_else(wildcard)
    }
}

impl ResolvesServerCert for Shelf {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let sorted = self.0.load();
        let of_name = hello.server_name().and_then(|name| sorted.of(&name.to_ascii_lowercase()));
        let first = || sorted.all.first().map(|shown| shown.certificate.certified.clone());
        // One name may have an ECDSA and an RSA certificate.
        let suits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        match of_name {
            Some(keys) => keys.iter().find(suits).or(keys.first()).cloned(),
            None => first(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(names: &[&str]) -> Shown {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names.clone()).unwrap();
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let certificate = Certificate::parse("test", chain.as_bytes(), key.as_bytes()).unwrap();
        Shown { certificate, names }
    }

    #[test]
    fn a_name_finds_its_own_before_a_wildcard() {
        let shelf = Shelf::default();
        shelf.put(vec![shown(&["a.test"]), shown(&["*.a.test"]), shown(&["b.a.test"])]);
        assert!(["a.test", "B.a.test", "x.a.test"].iter().all(|name| shelf.covers(name)));
        assert!(!["test", "x.y.a.test", "c.test", "", "."].iter().any(|name| shelf.covers(name)));
        let sorted = shelf.0.load();
        let found = sorted.of("b.a.test").unwrap();
        assert!(Arc::ptr_eq(&found[0], &sorted.all[2].certificate.certified));
    }
}
