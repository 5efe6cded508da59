//! The limit of a request: one axum route that answers from memory, on one thread.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use tempfile::NamedTempFile;

use crate::node::{SERVER_CORE, free_address, wait_for};

/// The path that is answered: the same as at the server.
pub(crate) const PATH: &str = "/api/v1/users/me";

/// Answers [`PATH`] with the bytes of a file, until the process ends.
pub(crate) async fn serve(listen: SocketAddr, body: &Path) -> anyhow::Result<()> {
    let body = Bytes::from(std::fs::read(body).with_context(|| body.display().to_string())?);
    let answer = move || {
        let body = body.clone();
        async move { ([(CONTENT_TYPE, "application/json")], body) }
    };
    let router = Router::new().route(PATH, get(answer));
    let listener = tokio::net::TcpListener::bind(listen).await?;
    axum::serve(listener, router).await?;
    Ok(())
}

/// A bare server in a process of its own, on the core of the server. It ends with this value.
#[derive(Debug)]
pub(crate) struct Bare {
    child: Child,
    /// Where it answers.
    pub(crate) address: SocketAddr,
    _body: NamedTempFile,
}

// === impl Bare ===

impl Bare {
    /// Starts a server that answers these bytes.
    pub(crate) async fn start(bytes: &[u8]) -> anyhow::Result<Self> {
        let body = NamedTempFile::new()?;
        std::fs::write(body.path(), bytes)?;
        let address = free_address()?;
        let child = Command::new("taskset")
            .args(["-c", SERVER_CORE])
            .arg(std::env::current_exe()?)
            .args(["bare", "--listen", &address.to_string(), "--body"])
            .arg(body.path())
            .stdout(Stdio::null())
            .spawn()
            .context("taskset (of util-linux) is needed")?;
        let mut bare = Self { child, address, _body: body };
        wait_for(&mut bare.child, address, PATH).await.context("the bare server")?;
        Ok(bare)
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
