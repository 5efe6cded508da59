//! [`Origin`]: where one target is, parsed once.

use std::fmt;

use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};

use super::error::BadCluster;

/// Scheme, host and port of a target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    is_tls: bool,
    host: String,
    port: u16,
}

// === impl Origin ===

impl Origin {
    pub(crate) fn new(is_tls: bool, host: impl Into<String>, port: u16) -> Self {
        Self { is_tls, host: host.into(), port }
    }

    /// Reads `http://host[:port]` or `https://host[:port]`, with at most a slash after it.
    pub(crate) fn parse(text: &str) -> Result<Self, BadCluster> {
        let wrong = || BadCluster::Target(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !is_bare || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(wrong());
        }
        // `Authority::port` takes a port that is too large for none.
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") if is_tls => 443,
            Some("") => 80,
            rest => {
                let digits = rest.and_then(|rest| rest.strip_prefix(':'));
                digits.and_then(|digits| digits.parse().ok()).filter(|port| *port != 0).ok_or_else(wrong)?
            }
        };
        Ok(Self::new(is_tls, authority.host().trim_matches(['[', ']']), port))
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The host without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn scheme(&self) -> Scheme {
        if self.is_tls { Scheme::HTTPS } else { Scheme::HTTP }
    }

    /// Host and port as they stand in `Host`: the scheme's own port is left out (RFC 9110 §4.2.3).
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.is_tls, self.port) {
            (false, 80) | (true, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// The value of `Host` for this target.
    pub(crate) fn host_header(&self) -> Result<HeaderValue, BadCluster> {
        let authority = self.authority();
        let is_readable = authority.parse::<Authority>().is_ok();
        HeaderValue::try_from(authority)
            .ok()
            .filter(|_| is_readable)
            .ok_or_else(|| BadCluster::Target(self.to_string()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}://{open}{host}{close}:{}", self.scheme(), self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read() {
        let read = |text: &str| Origin::parse(text).unwrap();
        assert_eq!(read("http://a").to_string(), "http://a:80");
        assert_eq!(read("https://a/").to_string(), "https://a:443");
        assert_eq!(read("http://[::1]:9001").to_string(), "http://[::1]:9001");
        assert_eq!(read("http://[::1]:9001").authority(), "[::1]:9001");
        assert_eq!(read("https://a:443").authority(), "a");
        assert_eq!(read("http://a:443").authority(), "a:443");
    }

    #[test]
    fn mistakes_are_told() {
        for bad in [
            "a:1",
            "ftp://a",
            "http://",
            "http://u@a",
            "http://a:0",
            "http://a/x",
            "http://a?x",
            "http://a:99999",
        ] {
            let told = Origin::parse(bad).unwrap_err().to_string();
            assert!(told.contains(bad) && told.contains("http://10.0.0.7:9001"), "{told}");
        }
    }
}
