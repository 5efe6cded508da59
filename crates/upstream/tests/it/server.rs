//! A gRPC server that can be killed, drained and started again on the same port.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// Answers each call with its own name.
#[derive(Clone)]
struct Named(&'static str);

impl NamedService for Named {
    const NAME: &'static str = "test.Named";
}

impl tower::Service<Request<Body>> for Named {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let response = Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", "0")
            .header("x-name", self.0)
            .header("x-host", host)
            .body(Body::empty())
            .unwrap();
        std::future::ready(Ok(response))
    }
}

/// A server in a runtime of its own, so that killing it closes all its sockets at once.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    runtime: Option<Runtime>,
    drain: Option<oneshot::Sender<()>>,
}

impl Target {
    pub(crate) fn start(name: &'static str) -> Self {
        Self::start_at(name, "127.0.0.1:0".parse().unwrap())
    }

    pub(crate) fn start_at(name: &'static str, address: SocketAddr) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = {
            let _within = runtime.enter();
            listen(address)
        };
        let address = listener.local_addr().unwrap();
        let (drain, drained) = oneshot::channel::<()>();
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let server = Server::builder().add_service(Named(name));
        runtime.spawn(server.serve_with_incoming_shutdown(incoming, async {
            if drained.await.is_err() {
                std::future::pending::<()>().await;
            }
        }));
        Self { address, runtime: Some(runtime), drain: Some(drain) }
    }

    /// Closes everything at once, as `kill -9` does; when this returns, nothing listens any more.
    pub(crate) fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            let end = move || runtime.shutdown_timeout(Duration::from_secs(10));
            std::thread::spawn(end).join().unwrap();
        }
    }

    /// Tells clients to go elsewhere and ends.
    pub(crate) fn drain(&mut self) {
        if let Some(drain) = self.drain.take() {
            let _ = drain.send(());
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.kill();
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(128).unwrap()
}
