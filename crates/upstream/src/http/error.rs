//! Why a cluster cannot be made, and why a request got no answer.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Why a cluster cannot be made. Says what to write instead.
#[derive(Debug, thiserror::Error)]
pub enum BadCluster {
    /// Nothing to send to.
    #[error("it has no targets; write targets = [{{ url = \"http://10.0.0.7:9001\" }}] or discover")]
    Empty,
    /// A target that is no URL of host and port.
    #[error("{0:?} is no target; write scheme, host and port and nothing else, such as http://10.0.0.7:9001")]
    Target(String),
    /// The same target twice.
    #[error("the target {0} is named twice; give it a weight instead")]
    Twice(String),
    /// A place to look targets up that cannot be read.
    #[error(
        "{0:?} is no place to look up; write dns+http://name:port, dns+srv:name, \
         consul:http://host:8500/service or eureka:http://host:8761/eureka/APP"
    )]
    Discover(String),
    /// A number that makes no sense.
    #[error("{setting} must be {rule}")]
    Setting {
        /// Which setting.
        setting: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// A file that cannot be read.
    #[error("{path} cannot be read as {what}: {cause}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// A name that no certificate can have.
    #[error("{0:?} is no name of a server; write a host name or an address")]
    ServerName(String),
    /// Certificate and key do not go together, or TLS cannot be set up.
    #[error("TLS cannot be set up: {0}; see that certificate and key belong together")]
    Tls(#[from] rustls::Error),
    /// The name server's settings of the machine cannot be read.
    #[error("names cannot be looked up: {0}; see /etc/resolv.conf")]
    Resolver(String),
}

/// Why a connection was not made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address, or nobody listens there.
    #[error("it cannot be reached: {0}")]
    Io(#[from] io::Error),
    /// It took too long.
    #[error("it did not take the connection in time")]
    Timeout,
    /// Another request that was at the same had no success.
    #[error("it cannot be reached: a request at the same time has just tried")]
    WithAnother,
    /// It speaks another version of HTTP.
    #[error("it does not speak HTTP/2")]
    Protocol,
    /// It broke off the first exchange.
    #[error("it does not speak HTTP: {0}")]
    Handshake(#[source] hyper::Error),
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No target is known (yet).
    #[error("no target is known")]
    NoTarget,
    /// All targets are unhealthy. Nothing was sent.
    #[error("all targets are unhealthy")]
    AllDown {
        /// When the next check is due.
        retry_after: Duration,
    },
    /// The breaker is open. Nothing was sent.
    #[error("the breaker is open")]
    Open {
        /// When it lets a request try.
        retry_after: Duration,
    },
    /// No connection was made. Nothing was sent.
    #[error("no target could be connected to: {0}")]
    Connect(#[from] ConnectError),
    /// No answer came in time.
    #[error("no answer came in time")]
    Timeout,
    /// The connection broke before an answer came, or what came was none.
    #[error("the connection broke before an answer: {0}")]
    Broken(#[source] hyper::Error),
    /// The answer was that the protocol changes (101), which nobody had asked for.
    #[error("the target changed the protocol without being asked")]
    Unasked,
    /// The request's body broke, on the client's side.
    #[error("the body of the request could not be read: {0}")]
    RequestBody(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The request cannot be said in the target's version of HTTP.
    #[error("the request cannot be sent: {0}")]
    Request(#[source] http::Error),
}
