//! Settings of sockets: TLS, certificates, the PROXY protocol, and what one connection may take.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use denizen_kit::config::{Settings, parse_duration, parse_size};
use serde::Deserialize;

use super::acme::AcmeConfig;
use crate::edge::client::Network;

/// Settings of sockets.
#[derive(Clone, Debug)]
pub struct SocketConfig {
    /// TLS.
    pub tls: TlsConfig,
    /// Certificates by ACME, when any domain is named.
    pub acme: Option<AcmeConfig>,
    /// Peers that begin each connection with a header of the PROXY protocol.
    pub proxied_from: Vec<Network>,
    /// How many connections one address may hold; 0 for any number.
    pub max_per_ip: usize,
    /// How long a connection is used for new requests; zero for ever.
    pub max_age: Duration,
    /// How fast a body must come once its first time is over, in bytes a second.
    pub body_min_rate: u64,
}

/// Settings of TLS.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// Where TLS is served.
    pub listen: Option<SocketAddr>,
    /// Certificates in files; the first is for clients that name no host, or an unknown one.
    pub certificates: Vec<CertificateFiles>,
    /// Authority of clients' certificates, when they are asked for.
    pub client_ca: Option<PathBuf>,
    /// Whether TLS 1.2 is refused.
    pub only_13: bool,
    /// How long a handshake may take, the header of the PROXY protocol included.
    pub handshake_timeout: Duration,
    /// Whether requests without TLS are sent to TLS.
    pub redirect: bool,
    /// How long browsers shall use TLS only; zero for not said.
    pub hsts: Duration,
}

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// PEM of the certificate and what leads to its authority.
    pub cert: PathBuf,
    /// PEM of the key.
    pub key: PathBuf,
    /// Names it is shown for; by itself those in it.
    #[serde(default)]
    pub names: Vec<String>,
}

// === impl SocketConfig ===

impl SocketConfig {
    /// Reads the settings.
    pub(crate) fn read(s: &mut Settings) -> Self {
        let config = Self {
            tls: TlsConfig::read(s),
            acme: AcmeConfig::read(s),
            proxied_from: s.parse(
                "gateway.proxy_protocol.from",
                "",
                "addresses or networks of balancers that begin each connection with a PROXY protocol header (1 or 2)",
                Network::parse_list,
            ),
            max_per_ip: s.value(
                "gateway.max_connections_per_ip",
                "1000",
                "how many connections one address may hold; 0 for any number; loopback and trusted proxies are free",
            ),
            max_age: s.duration(
                "gateway.max_connection_age",
                "1h",
                "how long a connection takes new requests before it is closed in good order; 0s for ever",
            ),
            body_min_rate: s.parse(
                "gateway.body_min_rate",
                "1KiB",
                "bytes a second that lengthen the time of a body beyond gateway.body_timeout",
                |text| parse_size(text).and_then(|rate| if rate == 0 { Err("more than 0".into()) } else { Ok(rate) }),
            ),
        };
        if config.acme.is_some() && config.tls.listen.is_none() {
            s.mistake("gateway.acme.domains: set gateway.tls.listen too; certificates are for TLS");
        }
        let serves_none = config.tls.certificates.is_empty() && config.acme.is_none();
        if config.tls.listen.is_some() && serves_none {
            s.mistake(
                "gateway.tls.listen: name a certificate (gateway.tls.cert and .key) or gateway.acme.domains",
            );
        }
        config
    }
}

// === impl TlsConfig ===

impl TlsConfig {
    fn read(s: &mut Settings) -> Self {
        let mut certificates = certificates(s);
        let cert = s.text("gateway.tls.cert", "", "file with the certificate and its chain, in PEM");
        let key = s.text("gateway.tls.key", "", "file with the certificate's key, in PEM");
        match (cert, key) {
            (Some(cert), Some(key)) => {
                let one = CertificateFiles { cert: cert.into(), key: key.into(), names: Vec::new() };
                certificates.insert(0, one);
            }
            (None, None) => {}
            _ => s.mistake("gateway.tls.cert and gateway.tls.key: set both"),
        }
        Self {
            listen: s.parse("gateway.tls.listen", "", "address and port on which TLS is served", address),
            certificates,
            client_ca: s
                .text("gateway.tls.client_ca", "", "file with the authorities of clients' certificates, which are asked for then")
                .map(PathBuf::from),
            only_13: s.parse("gateway.tls.min_version", "1.2", "oldest version of TLS: 1.2 or 1.3", version),
            handshake_timeout: s.duration("gateway.tls.handshake_timeout", "10s", "how long a TLS handshake may take"),
            redirect: s.value("gateway.tls.redirect", "true", "whether requests without TLS are sent to TLS, once it is served"),
            hsts: s.parse(
                "gateway.tls.hsts",
                "180d",
                "how long browsers shall come by TLS only (Strict-Transport-Security), said over TLS; 0s for not at all",
                parse_duration,
            ),
        }
    }
}

/// The certificates that stand as tables in the settings file.
fn certificates(s: &mut Settings) -> Vec<CertificateFiles> {
    let tables = s.tables("gateway.tls.certificates", "certificates: each with cert, key and perhaps names");
    let mut certificates = Vec::with_capacity(tables.len());
    for table in tables {
        match table.try_into() {
            Ok(certificate) => certificates.push(certificate),
            Err(error) => {
                let reason = error.message();
                s.mistake(format!(
                    "gateway.tls.certificates: each has cert = \"…\", key = \"…\" and names = [\"…\"] if need be: {reason}"
                ));
            }
        }
    }
    certificates
}

fn address(text: &str) -> Result<Option<SocketAddr>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| "an address and a port, such as 0.0.0.0:8443".to_owned())
}

fn version(text: &str) -> Result<bool, String> {
    match text {
        "1.2" => Ok(false),
        "1.3" => Ok(true),
        _ => Err("1.2 or 1.3".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> Result<SocketConfig, String> {
        let mut settings = Settings::load(toml, []);
        let config = SocketConfig::read(&mut settings);
        settings.finish().map(|_| config)
    }

    #[test]
    fn certificates_come_as_tables_or_as_one_pair() {
        let toml = "[gateway.tls]\nlisten = \"127.0.0.1:1\"\ncert = \"a.pem\"\nkey = \"a.key\"\n\
                    [[gateway.tls.certificates]]\ncert = \"b, c.pem\"\nkey = \"b.key\"\nnames = [\"b.test\"]";
        let tls = read(toml).unwrap().tls;
        assert_eq!(tls.certificates.len(), 2);
        assert_eq!(tls.certificates[1].cert, PathBuf::from("b, c.pem"));
        assert_eq!(tls.certificates[1].names, ["b.test"]);
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (toml, text) in [
            ("[gateway.tls]\nlisten = \"127.0.0.1:1\"", "name a certificate"),
            ("[gateway.tls]\ncert = \"a.pem\"", "set both"),
            ("[gateway.tls]\ncertificates = [{ cert = \"a\" }]", "missing field `key`"),
            ("[gateway.tls]\nmin_version = \"1.1\"", "1.2 or 1.3"),
            ("[gateway.acme]\ndomains = [\"a.test\"]", "set gateway.tls.listen too"),
            ("[gateway.acme]\ndomains = [\"*.a.test\"]", "name each host"),
            ("[gateway.acme]\ndomains = [\"a/b\"]", "a name of a host"),
            ("[gateway.acme]\ndirectory = \"http://a\"", "it starts with https://"),
            ("[gateway.acme.eab]\nid = \"a\"", "set both"),
        ] {
            let error = read(toml).unwrap_err();
            assert!(error.contains(text), "{toml}: {error}");
        }
    }
}
