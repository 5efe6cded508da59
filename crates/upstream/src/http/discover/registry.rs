//! Asks a registry by HTTP for JSON.

use std::time::Duration;

use denizen_kit::task::Tasks;
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;

use super::super::body::Body;
use super::super::cluster::Cluster;
use super::super::error::BadCluster;
use super::super::send::Ask;
use super::super::spec::{ClusterSpec, Timeouts};
use super::Failed;

/// The largest answer that is read, in bytes: some ten thousand instances.
const MAX_ANSWER: usize = 16 << 20;

/// How long an answer's body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A registry: a cluster of its own, with one target.
pub(super) struct Registry(Cluster);

// === impl Registry ===

impl Registry {
    /// The registry at this origin. `patience` is how long it may take to answer.
    pub(super) fn new(api: &str, patience: Duration, tasks: &Tasks) -> Result<Self, BadCluster> {
        let timeouts = Timeouts { head: patience, ..Timeouts::default() };
        let spec = ClusterSpec { timeouts, ..ClusterSpec::new("registry").with_target(api) };
        Cluster::start(spec, tasks).map(Self)
    }

    /// What the registry answers, and the headers of its answer.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        header: Option<(HeaderName, HeaderValue)>,
    ) -> Result<(T, HeaderMap), Failed> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = path.parse().map_err(|error| Failed(format!("{path:?} is no path: {error}")))?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static("denizen"));
        if let Some((name, value)) = header {
            headers.insert(name, value);
        }
        let sent = self.0.send(request, &Ask::default()).await;
        let response = sent.map_err(|error| Failed(format!("the registry gave no answer: {error}")))?;
        if !response.status().is_success() {
            return Err(Failed(format!("the registry answered {}", response.status().as_u16())));
        }
        let (parts, body) = response.into_parts();
        let whole = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_ANSWER).collect()).await;
        let broken = || Failed("the registry's answer broke off, or is too large".to_owned());
        let bytes = whole.map_err(|_| broken())?.map_err(|_| broken())?.to_bytes();
        let read = serde_json::from_slice(&bytes);
        let answer =
            read.map_err(|error| Failed(format!("the registry's answer is not as documented: {error}")))?;
        Ok((answer, parts.headers))
    }
}
