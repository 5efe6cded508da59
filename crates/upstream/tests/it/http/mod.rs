//! Clusters against real servers on loopback.

mod backend;
mod discovery;
mod exchange;
mod failures;
mod tls;
mod wire;

use std::time::{Duration, Instant};

use backend::Backend;
use denizen_kit::task::Tasks;
use denizen_upstream::http::{Ask, Body, Cluster, ClusterSpec, SendError};
use http::{Request, Response};
use http_body_util::BodyExt as _;

/// Far more than anything here takes; only a hang reaches it.
const HANG: Duration = Duration::from_secs(20);

fn cluster(spec: ClusterSpec) -> Cluster {
    Cluster::start(spec, &Tasks::new()).unwrap()
}

fn spec(backends: &[&Backend]) -> ClusterSpec {
    backends.iter().fold(ClusterSpec::new("test"), |spec, backend| spec.with_target(backend.url()))
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

async fn send(cluster: &Cluster, request: Request<Body>, ask: &Ask) -> Result<Response<Body>, SendError> {
    tokio::time::timeout(HANG, cluster.send(request, ask)).await.expect("the request hangs")
}

/// Status and body of an answer.
async fn read(response: Response<Body>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = tokio::time::timeout(HANG, response.into_body().collect()).await.expect("the body hangs");
    (status, String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap())
}

async fn ask_for(cluster: &Cluster, path: &str) -> (u16, String) {
    read(send(cluster, get(path), &Ask::default()).await.unwrap()).await
}

/// Waits until it is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < HANG, "it never happens: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
