//! A Valkey or Redis server of the tests' own, which they may stop: the shared one they must not.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use denizen_cache::{Cache, Config};
use denizen_kit::task::Tasks;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Longest that a test waits for what must come.
const HANG: Duration = Duration::from_secs(30);

/// A server that ends with the test.
pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// None where there is no program to start.
    pub(crate) async fn start(port: Option<u16>) -> Option<Self> {
        let port = match port {
            Some(port) => port,
            None => TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port(),
        };
        let start = |program| {
            let port = port.to_string();
            let arguments = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
            Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
        };
        let child = start("valkey-server").or_else(|| start("redis-server"))?;
        Some(Self { child, port })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A node's cache on the server, as soon as that answers.
    pub(crate) async fn connect(&self) -> Cache {
        let url = Some(format!("redis://127.0.0.1:{}", self.port));
        let cache = Cache::connect(&Config { url }, &Tasks::new()).await.unwrap();
        until(&cache, true).await;
        cache
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGKILL ends a stopped process too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a node's cache is there, or is missed.
pub(crate) async fn until(cache: &Cache, healthy: bool) {
    let change = async {
        while cache.healthy() != healthy {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(HANG, change).await.is_ok(), "the server does not become healthy = {healthy}");
}
