//! Authorities and certificates for tests.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};

/// An authority with its files in a folder.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    /// File of its own certificate.
    pub(crate) file: String,
}

// === impl Authority ===

impl Authority {
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = write(folder, name, &issuer.as_ref().pem());
        Self { issuer, folder: folder.to_owned(), file }
    }

    /// Writes certificate and key of a subject for the names; where they are.
    pub(crate) fn issue(&self, file: &str, subject: &str, names: &[&str]) -> (String, String) {
        self.issue_until(file, subject, names, (2100, 1, 1))
    }

    pub(crate) fn issue_until(
        &self,
        file: &str,
        subject: &str,
        names: &[&str],
        (year, month, day): (i32, u8, u8),
    ) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = named(subject);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, month, day);
        let key = KeyPair::generate().unwrap();
        let chain = params.signed_by(&key, &self.issuer).unwrap().pem();
        let chain = write(&self.folder, &format!("{file}.pem"), &chain);
        (chain, write(&self.folder, &format!("{file}.key"), &key.serialize_pem()))
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
