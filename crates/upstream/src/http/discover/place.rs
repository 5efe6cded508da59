//! How a place to look targets up is written.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use super::super::error::BadCluster;
use super::super::origin::Origin;

/// A place to look targets up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discover {
    /// `dns+http://name:port`, `dns+https://name:port` or `dns+srv:_service._proto.name`.
    Dns(DnsPlace),
    /// `consul:http://host:8500/service`.
    Consul(ConsulPlace),
    /// `eureka:http://host:8761/eureka/APP`.
    Eureka(EurekaPlace),
}

/// A name in DNS. `?server=address:port` asks this server instead of the machine's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsPlace {
    /// The name.
    pub name: String,
    /// The port of all its addresses (A and AAAA records); none: SRV records say it.
    pub port: Option<u16>,
    /// Whether the targets speak TLS. For SRV: `?scheme=https`.
    pub is_tls: bool,
    /// The server that is asked.
    pub server: Option<SocketAddr>,
}

/// A service in Consul, or whatever speaks its HTTP catalogue.
#[derive(Clone, PartialEq, Eq)]
pub struct ConsulPlace {
    /// Where its API is, without a path.
    pub api: String,
    /// The service.
    pub service: String,
    /// `?dc=`: the datacenter.
    pub datacenter: Option<String>,
    /// `?tag=`: only instances with this tag.
    pub tag: Option<String>,
    /// `?token=`: the ACL token.
    pub token: Option<String>,
    /// Whether the targets speak TLS: `?scheme=https`.
    pub is_tls: bool,
}

/// An application in Eureka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EurekaPlace {
    /// Where its API is, without a path.
    pub api: String,
    /// The path above `/apps`, such as `/eureka`.
    pub base: String,
    /// The application.
    pub app: String,
    /// Whether the targets' secure port is used: `?scheme=https`.
    pub is_tls: bool,
}

/// The words after a question mark.
type Words = Vec<(String, String)>;

impl FromStr for Discover {
    type Err = BadCluster;

    fn from_str(text: &str) -> Result<Self, BadCluster> {
        let wrong = || BadCluster::Discover(text.to_owned());
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let mut words: Words = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let read = if let Some(name) = place.strip_prefix("dns+srv:") {
            read_srv(name, &mut words).map(Self::Dns)
        } else if let Some(rest) = place.strip_prefix("dns+") {
            read_dns(rest, &mut words).map(Self::Dns)
        } else if let Some(rest) = place.strip_prefix("consul:") {
            read_consul(rest, &mut words).map(Self::Consul)
        } else if let Some(rest) = place.strip_prefix("eureka:") {
            read_eureka(rest, &mut words).map(Self::Eureka)
        } else {
            None
        };
        // A word that nobody took is a mistake, not a wish.
        read.filter(|_| words.is_empty()).ok_or_else(wrong)
    }
}

fn read_dns(url: &str, words: &mut Words) -> Option<DnsPlace> {
    let origin = Origin::parse(url).ok()?;
    let server = read_server(words)?;
    Some(DnsPlace {
        name: origin.host().to_owned(),
        port: Some(origin.port()),
        is_tls: origin.is_tls(),
        server,
    })
}

fn read_srv(name: &str, words: &mut Words) -> Option<DnsPlace> {
    let is_name = name.split('.').all(|label| !label.is_empty() && label.len() < 64) && name.contains('.');
    let place = DnsPlace {
        name: name.to_owned(),
        port: None,
        is_tls: read_scheme(words)?,
        server: read_server(words)?,
    };
    is_name.then_some(place)
}

fn read_consul(url: &str, words: &mut Words) -> Option<ConsulPlace> {
    let (api, path) = split_url(url)?;
    let service = path.strip_prefix('/').filter(|service| !service.is_empty() && !service.contains('/'))?;
    Some(ConsulPlace {
        api,
        service: service.to_owned(),
        datacenter: take(words, "dc"),
        tag: take(words, "tag"),
        token: take(words, "token"),
        is_tls: read_scheme(words)?,
    })
}

fn read_eureka(url: &str, words: &mut Words) -> Option<EurekaPlace> {
    let (api, path) = split_url(url)?;
    let (base, app) = path.rsplit_once('/').filter(|(_, app)| !app.is_empty())?;
    // Both `…/eureka/APP` and the address of the API itself, `…/eureka/apps/APP`, are meant.
    let base = base.strip_suffix("/apps").unwrap_or(base);
    Some(EurekaPlace { api, base: base.to_owned(), app: app.to_owned(), is_tls: read_scheme(words)? })
}

/// The origin of a URL, and its path.
fn split_url(url: &str) -> Option<(String, String)> {
    let uri: http::Uri = url.parse().ok()?;
    let origin = Origin::parse(&format!("{}://{}", uri.scheme_str()?, uri.authority()?)).ok()?;
    Some((origin.to_string(), uri.path().to_owned()))
}

fn take(words: &mut Words, name: &str) -> Option<String> {
    let index = words.iter().position(|(word, value)| word == name && !value.is_empty())?;
    Some(words.remove(index).1)
}

/// Whether targets speak TLS; none when the scheme is neither.
fn read_scheme(words: &mut Words) -> Option<bool> {
    match take(words, "scheme").as_deref() {
        None | Some("http") => Some(false),
        Some("https") => Some(true),
        Some(_) => None,
    }
}

/// The DNS server; none when it is no address.
#[expect(clippy::option_option, reason = "a wrong one is not the same as none")]
fn read_server(words: &mut Words) -> Option<Option<SocketAddr>> {
    match take(words, "server") {
        None => Some(None),
        Some(text) => text.parse().ok().map(Some),
    }
}

impl fmt::Display for Discover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(DnsPlace { name, port: Some(port), is_tls, .. }) => {
                write!(f, "dns+http{}://{name}:{port}", if *is_tls { "s" } else { "" })
            }
            Self::Dns(DnsPlace { name, .. }) => write!(f, "dns+srv:{name}"),
            Self::Consul(place) => write!(f, "{place:?}"),
            Self::Eureka(EurekaPlace { api, base, app, .. }) => write!(f, "eureka:{api}{base}/{app}"),
        }
    }
}

impl fmt::Debug for ConsulPlace {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "consul:{}/{}", self.api, self.service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        let shown = |text: &str| text.parse::<Discover>().unwrap().to_string();
        assert_eq!(shown("dns+http://shop.internal:9001"), "dns+http://shop.internal:9001");
        assert_eq!(shown("dns+https://shop.internal"), "dns+https://shop.internal:443");
        assert_eq!(
            shown("dns+srv:_http._tcp.shop.internal?server=10.0.0.2:8600"),
            "dns+srv:_http._tcp.shop.internal"
        );
        assert_eq!(
            shown("consul:http://10.0.0.2:8500/shop?dc=eu&tag=v1&token=secret"),
            "consul:http://10.0.0.2:8500/shop"
        );
        assert_eq!(shown("eureka:http://e:8761/eureka/apps/SHOP"), "eureka:http://e:8761/eureka/SHOP");
        let Discover::Consul(place) =
            "consul:http://c:8500/shop?dc=eu&tag=v1&token=s&scheme=https".parse().unwrap()
        else {
            panic!("not consul")
        };
        assert_eq!(
            (place.datacenter.as_deref(), place.tag.as_deref(), place.token.as_deref(), place.is_tls),
            (Some("eu"), Some("v1"), Some("s"), true)
        );
        assert!(!format!("{place:?}").contains("token"), "a secret is not shown");
    }

    #[test]
    fn mistakes_are_told() {
        for bad in [
            "shop",
            "dns+ftp://x",
            "dns+srv:shop",
            "dns+srv:_http._tcp.x?server=here",
            "consul:http://c:8500",
            "consul:http://c:8500/a/b",
            "consul:http://c:8500/a?datacenter=x",
            "eureka:http://e:8761/",
            "consul:http://c:8500/a?scheme=ftp",
        ] {
            let told = bad.parse::<Discover>().unwrap_err().to_string();
            assert!(told.contains("consul:http://host:8500/service"), "{bad}");
        }
    }
}
