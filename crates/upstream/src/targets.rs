//! [`Targets`]: where a service is said to run.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use ::http::uri::Authority;

/// Why a list of targets cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// The list names nothing.
    #[error("no target is named; write one or more, such as http://10.0.0.7:9090, comma-separated")]
    Empty,
    /// TLS between services is not spoken.
    #[error("{0:?}: https is not spoken between services; write http:// and keep the network private")]
    Tls(String),
    /// Another scheme, or none.
    #[error("{0:?}: must begin with http:// (an address) or dns+http:// (a name with many addresses)")]
    Scheme(String),
    /// No host and port.
    #[error("{0:?}: must be host and port and nothing else, such as http://users.internal:9090")]
    Authority(String),
}

/// One place, or a name for many.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// `host:port`: one target.
    Fixed(String),
    /// `name:port`: each address of the name is a target, looked up again and again.
    Name(String),
}

/// Where a service runs: one or more targets, each `http://host:port` or `dns+http://name:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets(Vec<Target>);

// === impl Target ===

impl Target {
    /// What the pool knows it by.
    pub(crate) fn key(&self) -> String {
        match self {
            Target::Fixed(authority) => authority.clone(),
            Target::Name(name) => name_key(name),
        }
    }

    fn parse(text: &str) -> Result<Self, BadTarget> {
        if text.starts_with("https://") || text.starts_with("dns+https://") {
            return Err(BadTarget::Tls(text.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("http://") {
            return authority(rest).map(Target::Fixed).ok_or_else(|| BadTarget::Authority(text.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("dns+http://") {
            return authority(rest).map(Target::Name).ok_or_else(|| BadTarget::Authority(text.to_owned()));
        }
        Err(BadTarget::Scheme(text.to_owned()))
    }
}

/// What the pool knows a name by while it has no addresses.
pub(crate) fn name_key(name: &str) -> String {
    format!("dns:{name}")
}

/// What the pool knows one address of a name by: the same address may also be a target in its own right.
pub(crate) fn address_key(name: &str, address: SocketAddr) -> String {
    format!("dns:{name}/{address}")
}

fn authority(rest: &str) -> Option<String> {
    let parsed: Authority = rest.strip_suffix('/').unwrap_or(rest).parse().ok()?;
    let has_port = parsed.port_u16().is_some_and(|port| port != 0);
    let plain = !parsed.host().is_empty() && !parsed.as_str().contains('@');
    (has_port && plain).then(|| parsed.as_str().to_owned())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Fixed(authority) => write!(f, "http://{authority}"),
            Target::Name(name) => write!(f, "dns+http://{name}"),
        }
    }
}

// === impl Targets ===

impl Targets {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Target> {
        self.0.iter()
    }
}

impl FromStr for Targets {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Self, BadTarget> {
        let mut targets = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let target = Target::parse(part)?;
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        if targets.is_empty() {
            return Err(BadTarget::Empty);
        }
        Ok(Self(targets))
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, target) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{target}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let targets: Targets =
            "http://10.0.0.7:9090/, dns+http://users:80,http://[::1]:9090,".parse().unwrap();
        assert_eq!(targets.to_string(), "http://10.0.0.7:9090, dns+http://users:80, http://[::1]:9090");
        let twice: Targets = "http://a:1,http://a:1".parse().unwrap();
        assert_eq!(twice.to_string(), "http://a:1");
    }

    #[test]
    fn mistakes_are_told_with_the_way_out() {
        let error = |text: &str| text.parse::<Targets>().unwrap_err();
        assert_eq!(error(" , "), BadTarget::Empty);
        assert!(matches!(error("https://a:1"), BadTarget::Tls(_)));
        assert!(matches!(error("a:1"), BadTarget::Scheme(_)));
        for bad in [
            "http://a",
            "http://a:0",
            "http://:1",
            "http://a:1/path",
            "http://u@a:1",
            "http://a:99999",
            "http://",
        ] {
            assert!(matches!(error(bad), BadTarget::Authority(_)), "{bad}");
        }
        assert!(error("http://a:1,http://b").to_string().contains("http://b"), "names the bad one");
    }
}
