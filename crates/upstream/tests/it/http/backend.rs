//! A target that answers, is slow, hangs, refuses or is killed.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

type Answer = Response<UnsyncBoxBody<Bytes, hyper::Error>>;

/// A server in a runtime of its own, so that killing it closes all its sockets at once.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<State>,
    runtime: Option<Runtime>,
}

/// What a test sets and sees.
pub(crate) struct State {
    name: &'static str,
    /// Answered to everything: 0 for what was asked.
    pub(crate) status: AtomicUsize,
    /// Milliseconds before each answer; `u64::MAX`: never.
    pub(crate) delay: AtomicU64,
    pub(crate) requests: AtomicUsize,
    pub(crate) connections: AtomicUsize,
    /// Lets `/held` go on.
    pub(crate) release: Notify,
}

// === impl Backend ===

impl Backend {
    pub(crate) fn start(name: &'static str) -> Self {
        Self::start_at(name, "127.0.0.1:0".parse().unwrap())
    }

    pub(crate) fn start_at(name: &'static str, address: SocketAddr) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = {
            let _within = runtime.enter();
            listen(address)
        };
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            name,
            status: AtomicUsize::new(0),
            delay: AtomicU64::new(0),
            requests: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            release: Notify::new(),
        });
        runtime.spawn(serve(listener, state.clone()));
        Self { address, state, runtime: Some(runtime) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn answer_with(&self, status: usize) {
        self.state.status.store(status, Ordering::SeqCst);
    }

    pub(crate) fn hang(&self) {
        self.state.delay.store(u64::MAX, Ordering::SeqCst);
    }

    pub(crate) fn slow(&self, millis: u64) {
        self.state.delay.store(millis, Ordering::SeqCst);
    }

    pub(crate) fn heal(&self) {
        self.state.status.store(0, Ordering::SeqCst);
        self.state.delay.store(0, Ordering::SeqCst);
    }

    /// Closes everything at once, as `kill -9` does; when this returns, nothing listens any more.
    pub(crate) fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            let end = move || runtime.shutdown_timeout(Duration::from_secs(10));
            std::thread::spawn(end).join().unwrap();
        }
    }

    /// Starts it again where it was.
    pub(crate) fn restart(&mut self) {
        self.kill();
        *self = Self::start_at(self.state.name, self.address);
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(1024).unwrap()
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        state.connections.fetch_add(1, Ordering::SeqCst);
        let state = state.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let state = state.clone();
                async move { Ok::<_, Infallible>(answer(&state, request).await) }
            });
            let mut builder = Builder::new(TokioExecutor::new());
            builder.http2().max_concurrent_streams(10);
            let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(state: &Arc<State>, mut request: Request<Incoming>) -> Answer {
    state.requests.fetch_add(1, Ordering::SeqCst);
    match state.delay.load(Ordering::SeqCst) {
        0 => {}
        u64::MAX => std::future::pending().await,
        millis => tokio::time::sleep(Duration::from_millis(millis)).await,
    }
    let status = state.status.load(Ordering::SeqCst);
    if status > 0 {
        let status = StatusCode::from_u16(u16::try_from(status).unwrap()).unwrap();
        return with_status(status, whole(state.name));
    }
    match request.uri().path() {
        "/echo" => Response::new(request.into_body().boxed_unsync()),
        "/collect" => {
            let sent = request.into_body().collect().await.unwrap().to_bytes();
            Response::new(whole(&sent.len().to_string()))
        }
        "/seen" => Response::new(whole(&format!(
            "{:?} {} {:?}",
            request.version(),
            request.uri(),
            request.headers()
        ))),
        "/trailers" => Response::new(with_trailers()),
        "/stream" => Response::new(stream(200, 16 * 1024)),
        "/close" => {
            let mut response = Response::new(whole(state.name));
            response.headers_mut().insert("connection", HeaderValue::from_static("close"));
            response
        }
        "/held" => {
            let release = state.clone();
            let frames = futures::stream::once(async move {
                release.release.notified().await;
                Ok(Frame::data(Bytes::from_static(b"released")))
            });
            Response::new(StreamBody::new(frames).boxed_unsync())
        }
        "/upgrade" => {
            let upgraded = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let mut io = TokioIo::new(upgraded.await.unwrap());
                let (mut read, mut write) = tokio::io::split(&mut io);
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
            let mut response = with_status(StatusCode::SWITCHING_PROTOCOLS, whole(""));
            response.headers_mut().insert("connection", HeaderValue::from_static("upgrade"));
            response.headers_mut().insert("upgrade", HeaderValue::from_static("echo"));
            response
        }
        _ => Response::new(whole(state.name)),
    }
}

fn with_status(status: StatusCode, body: UnsyncBoxBody<Bytes, hyper::Error>) -> Answer {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn whole(text: &str) -> UnsyncBoxBody<Bytes, hyper::Error> {
    if text.is_empty() {
        return Empty::new().map_err(|never| match never {}).boxed_unsync();
    }
    Full::new(Bytes::from(text.to_owned())).map_err(|never| match never {}).boxed_unsync()
}

fn stream(parts: usize, size: usize) -> UnsyncBoxBody<Bytes, hyper::Error> {
    let part = Bytes::from(vec![b'x'; size]);
    let frames = futures::stream::iter((0..parts).map(move |_| Ok(Frame::data(part.clone()))));
    StreamBody::new(frames).boxed_unsync()
}

fn with_trailers() -> UnsyncBoxBody<Bytes, hyper::Error> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Ok(Frame::data(Bytes::from_static(b"message"))), Ok(Frame::trailers(trailers))];
    StreamBody::new(futures::stream::iter(frames)).boxed_unsync()
}
