//! Other services, as tests need them: one that tells what it was asked, and one that changes the protocol.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use http::HeaderMap;
use http_body_util::BodyExt;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A service that tells what it was asked, and counts its connections.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        Self::serve(Router::new().fallback(tell)).await
    }

    /// A service of these routes.
    pub(crate) async fn serve(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Counted { listener, connections: connections.clone() };
        tokio::spawn(async move { axum::serve(counted, router).await });
        Self { address, connections }
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The upstream as settings write it.
    pub(crate) fn toml(&self, name: &str) -> String {
        format!(
            "[[gateway.upstreams]]\nname = \"{name}\"\ntargets = [{{ url = \"http://{}\" }}]\n",
            self.address
        )
    }
}

struct Counted {
    listener: TcpListener,
    connections: Arc<AtomicUsize>,
}

impl axum::serve::Listener for Counted {
    type Io = tokio::net::TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let accepted = self.listener.accept().await.unwrap();
        self.connections.fetch_add(1, Ordering::SeqCst);
        accepted
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

async fn tell(request: Request) -> impl IntoResponse {
    let (parts, body) = request.into_parts();
    let whole = body.collect().await.ok();
    let trailers = whole.as_ref().and_then(|whole| whole.trailers().cloned()).unwrap_or_default();
    let bytes = whole.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    axum::Json(json!({
        "method": parts.method.as_str(),
        "target": parts.uri.to_string(),
        "headers": listed(&parts.headers),
        "body": String::from_utf8_lossy(&bytes),
        "trailers": listed(&trailers),
    }))
}

/// Headers by name, each with the list of its values.
fn listed(headers: &HeaderMap) -> Value {
    let mut all = Map::new();
    for (name, value) in headers {
        let list = all.entry(name.as_str()).or_insert_with(|| json!([]));
        list.as_array_mut().unwrap().push(json!(String::from_utf8_lossy(value.as_bytes())));
    }
    Value::Object(all)
}

/// A service that takes every upgrade as one to this protocol, and then gives back what it gets.
pub(crate) async fn start_echo(protocol: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                let mut head = Vec::new();
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    let Ok(count @ 1..) = stream.read(&mut buffer).await else { return };
                    head.extend_from_slice(&buffer[..count]);
                }
                let answer = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: {protocol}\r\n\r\n"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    let _ = stream.write_all(&buffer[..count]).await;
                }
            });
        }
    });
    address
}
