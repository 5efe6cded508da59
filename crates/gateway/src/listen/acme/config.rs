//! Settings of ACME.

use std::path::PathBuf;

use denizen_kit::config::Settings;

/// The directory of Let's Encrypt.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Settings of ACME (RFC 8555).
#[derive(Clone, Debug)]
pub struct AcmeConfig {
    /// The server's directory.
    pub directory: String,
    /// Where the server may write to about the account.
    pub email: Option<String>,
    /// Names that get a certificate each.
    pub domains: Vec<String>,
    /// How the server finds out that a name is ours.
    pub challenge: Challenge,
    /// Authority of the server's own certificate, when it is none that everybody knows.
    pub ca: Option<PathBuf>,
    /// Id and key (base64url) by which the server knows its customer.
    pub external_account: Option<(String, String)>,
}

/// How a name is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A file over HTTP on port 80 (RFC 8555 §8.3).
    Http01,
    /// A certificate in a handshake on port 443 (RFC 8737).
    TlsAlpn01,
}

// === impl AcmeConfig ===

impl AcmeConfig {
    pub(in crate::listen) fn read(s: &mut Settings) -> Option<Self> {
        let domains = s.parse(
            "gateway.acme.domains",
            "",
            "names that get certificates by ACME, such as id.example.com",
            domains,
        );
        let eab_id =
            s.text("gateway.acme.eab.id", "", "id of the external account, where the ACME server wants one");
        let eab_key = s.secret("gateway.acme.eab.key", "key of the external account, in base64url");
        if eab_id.is_some() != eab_key.is_some() {
            s.mistake("gateway.acme.eab.id and gateway.acme.eab.key: set both");
        }
        let config = Self {
            directory: s
                .text("gateway.acme.directory", LETS_ENCRYPT, "address of the ACME server's directory")
                .unwrap_or_default(),
            email: s.text("gateway.acme.email", "", "where the ACME server may write to"),
            domains,
            challenge: s.parse(
                "gateway.acme.challenge",
                "http-01",
                "how names are proved: http-01 (port 80) or tls-alpn-01 (port 443)",
                challenge,
            ),
            ca: s
                .text("gateway.acme.ca", "", "file with the authority of the ACME server's own certificate")
                .map(PathBuf::from),
            external_account: eab_id.zip(eab_key),
        };
        if !config.directory.starts_with("https://") {
            s.mistake("gateway.acme.directory: it starts with https://");
        }
        (!config.domains.is_empty()).then_some(config)
    }
}

fn challenge(text: &str) -> Result<Challenge, String> {
    match text {
        "http-01" => Ok(Challenge::Http01),
        "tls-alpn-01" => Ok(Challenge::TlsAlpn01),
        _ => Err("http-01 or tls-alpn-01".to_owned()),
    }
}

fn domains(text: &str) -> Result<Vec<String>, String> {
    let mut domains: Vec<String> = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let is_label =
            |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if name.contains('*') {
            return Err(format!(
                "{name}: a wildcard cannot be proved by http-01 or tls-alpn-01; name each host"
            ));
        }
        if !name.split('.').all(is_label) {
            return Err(format!(
                "{name}: a name of a host, such as id.example.com (xn-- for other alphabets)"
            ));
        }
        let name = name.to_ascii_lowercase();
        if !domains.contains(&name) {
            domains.push(name);
        }
    }
    Ok(domains)
}
