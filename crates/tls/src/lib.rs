#![doc = include_str!("../README.md")]

mod certificate;
mod link;
mod watched;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

pub use certificate::Certificate;
pub use link::{LinkFiles, LinkTls, Pem};
pub use watched::{Watched, digest};

/// Why certificates or keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    /// A file that cannot be read.
    #[error("{}: {source}; is the path right, and may this process read it?", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What should be certificates is none.
    #[error(
        "{0}: no PEM certificate is in it; it holds the certificate first, then the ones that lead to its authority"
    )]
    Chain(String),
    /// What should be a key is none.
    #[error("{0}: no PEM private key is in it (PKCS #8, PKCS #1 or SEC 1, without a passphrase)")]
    Key(String),
    /// Certificate and key are of two pairs.
    #[error("{0}: the key is not the certificate's; give both files of one pair")]
    Pair(String),
    /// What rustls does not take.
    #[error("{0}: {1}")]
    Refused(String, rustls::Error),
}

/// The cryptography of all TLS here.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The authorities in a PEM text; `origin` names it in messages.
pub fn read_authorities(origin: &str, pem: &[u8]) -> Result<RootCertStore, BadTls> {
    let mut roots = RootCertStore::empty();
    for certificate in read_chain(origin, pem)? {
        roots.add(certificate).map_err(|error| BadTls::Refused(origin.to_owned(), error))?;
    }
    Ok(roots)
}

fn read_chain(origin: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) | Err(_) => Err(BadTls::Chain(origin.to_owned())),
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, BadTls> {
    std::fs::read(path).map_err(|source| BadTls::File { path: path.to_owned(), source })
}
