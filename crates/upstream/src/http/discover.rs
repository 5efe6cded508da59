//! [`Discover`]: where targets are looked up.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::error::BadCluster;
use super::inner::Inner;

/// Where targets are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discover {
    /// `dns+http://name:port` or `dns+https://name:port`: each address of the name (A and AAAA), as long as its TTL says.
    Dns {
        /// Whether TLS is spoken to them.
        is_tls: bool,
        /// The name.
        name: String,
        /// The port.
        port: u16,
    },
}

impl FromStr for Discover {
    type Err = BadCluster;

    fn from_str(text: &str) -> Result<Self, BadCluster> {
        Err(BadCluster::Discover(text.to_owned()))
    }
}

impl fmt::Display for Discover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns { name, port, .. } => write!(f, "dns+http://{name}:{port}"),
        }
    }
}

/// Starts looking up.
pub(crate) fn start(_inner: &Arc<Inner>) -> Result<(), BadCluster> {
    Ok(())
}
