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
    /// Another scheme, or none.
    #[error(
        "{0:?}: must begin with http:// or https:// (an address), or dns+http:// or dns+https:// (a name with many addresses)"
    )]
    Scheme(String),
    /// No host and port.
    #[error("{0:?}: must be host and port and nothing else, such as http://users.internal:9090")]
    Authority(String),
}

/// One place, or a name for many.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// `host:port`: one target.
    Fixed(Place),
    /// `name:port`: each address of the name is a target, looked up again and again.
    Name(Place),
}

/// What connects to a target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// `host:port`.
    pub(crate) authority: String,
    /// Whether TLS is spoken there.
    pub(crate) is_tls: bool,
}

/// Where a service runs: one or more targets, each `http://host:port` or `dns+http://name:port`,
/// or the same with https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets(Vec<Target>);

// === impl Target ===

impl Target {
    /// What the pool knows it by.
    pub(crate) fn key(&self) -> String {
        match self {
            Target::Fixed(place) => place.authority.clone(),
            Target::Name(place) => name_key(&place.authority),
        }
    }

    pub(crate) const fn place(&self) -> &Place {
        match self {
            Target::Fixed(place) | Target::Name(place) => place,
        }
    }

    fn parse(text: &str) -> Result<Self, BadTarget> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| BadTarget::Scheme(text.to_owned()))?;
        let (make, is_tls): (fn(Place) -> Self, bool) = match scheme {
            "http" => (Target::Fixed, false),
            "https" => (Target::Fixed, true),
            "dns+http" => (Target::Name, false),
            "dns+https" => (Target::Name, true),
            _ => return Err(BadTarget::Scheme(text.to_owned())),
        };
        let authority = authority(rest).ok_or_else(|| BadTarget::Authority(text.to_owned()))?;
        Ok(make(Place { authority, is_tls }))
    }
}

// === impl Place ===

impl Place {
    /// `http` or `https`.
    pub(crate) const fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }

    /// The host, whose name the certificate has: without port, and without the brackets of an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        let host = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
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
            Target::Fixed(place) => write!(f, "{}://{}", place.scheme(), place.authority),
            Target::Name(place) => write!(f, "dns+{}://{}", place.scheme(), place.authority),
        }
    }
}

// === impl Targets ===

impl Targets {
    /// Whether all of them speak TLS, none, or (none) some only.
    pub fn all_tls(&self) -> Option<bool> {
        let first = self.0.first()?.place().is_tls;
        self.0.iter().all(|target| target.place().is_tls == first).then_some(first)
    }

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
    fn tls_is_a_scheme() {
        let targets: Targets = "https://[::1]:9090,dns+https://users:1".parse().unwrap();
        assert_eq!(targets.to_string(), "https://[::1]:9090, dns+https://users:1");
        let hosts: Vec<&str> = targets.iter().map(|target| target.place().host()).collect();
        assert_eq!((hosts, targets.all_tls()), (vec!["::1", "users"], Some(true)));
        assert_eq!("https://a:1,http://b:1".parse::<Targets>().unwrap().all_tls(), None);
    }

    #[test]
    fn mistakes_are_told_with_the_way_out() {
        let error = |text: &str| text.parse::<Targets>().unwrap_err();
        assert_eq!(error(" , "), BadTarget::Empty);
        assert!(matches!(error("a:1"), BadTarget::Scheme(_)));
        assert!(matches!(error("ftp://a:1"), BadTarget::Scheme(_)));
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
