//! What an ACME server is shown to prove a name.

use std::sync::Arc;

use denizen_kit::seal::sha256;
use denizen_tls::provider;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::Acme;

/// The kinds of proofs as they are kept.
pub(super) const HTTP: &str = "http-01";
pub(super) const TLS: &str = "tls-alpn-01";

/// Longest token that is looked for; servers send 43 characters.
const MAX_TOKEN: usize = 128;

// === impl Acme ===

impl Acme {
    /// The text behind a token over HTTP (RFC 8555 §8.3), on whichever node the server asks.
    pub(crate) async fn text_of(&self, token: &str) -> Option<String> {
        let is_token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if token.is_empty() || token.len() > MAX_TOKEN || !token.chars().all(is_token) {
            return None;
        }
        self.find(HTTP, token).await
    }

    /// The certificate that proves a name in a handshake (RFC 8737 §3).
    pub(crate) async fn proof_of(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        if !self.config.domains.iter().any(|domain| domain == name) {
            return None;
        }
        let answer = self.find(TLS, name).await?;
        match certificate(name, &sha256(answer.as_bytes())) {
            Ok(certificate) => Some(Arc::new(certificate)),
            Err(error) => {
                tracing::error!(name, %error, "the proof of a name cannot be made");
                None
            }
        }
    }

    async fn find(&self, kind: &str, subject: &str) -> Option<String> {
        match self.store.proof(kind, subject, self.clock.now()).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "a proof for the ACME server cannot be looked up");
                None
            }
        }
    }
}

fn certificate(name: &str, digest: &[u8; 32]) -> Result<CertifiedKey, Box<dyn std::error::Error>> {
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let chain = vec![params.self_signed(&key)?.der().clone()];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    // Not `from_der`, whose check that both belong together stumbles over the critical extension (RFC 8737 §3).
    Ok(CertifiedKey::new(chain, provider().key_provider.load_private_key(key)?))
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    use super::*;

    /// id-pe-acmeIdentifier (RFC 8737 §3).
    const ACME_IDENTIFIER: &str = "1.3.6.1.5.5.7.1.31";

    #[test]
    fn the_proof_holds_the_digest_where_servers_look_for_it() {
        let shown = certificate("one.example.com", &[7; 32]).unwrap();
        let (_, leaf) = X509Certificate::from_der(&shown.cert[0]).unwrap();
        let found =
            leaf.extensions().iter().find(|extension| extension.oid.to_id_string() == ACME_IDENTIFIER);
        let extension = found.unwrap();
        assert!(extension.critical);
        assert_eq!(extension.value, [&[4, 32][..], &[7; 32]].concat());
    }
}
