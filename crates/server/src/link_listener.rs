//! A socket for internal calls that speaks TLS: it lets in whoever shows a certificate of the services' authority.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::Listener;
use denizen_kit::task::Tasks;
use denizen_tls::LinkTls;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// How many connections may have shaken hands and wait to be served.
const WAITING: usize = 64;

/// How long to wait when the system gives no more sockets.
const PAUSE: Duration = Duration::from_millis(50);

/// A socket that gives connections that have shaken hands; one that dawdles holds up nobody else.
pub(crate) struct LinkListener {
    address: io::Result<SocketAddr>,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

// === impl LinkListener ===

impl LinkListener {
    pub(crate) fn start(socket: TcpListener, tls: LinkTls, tasks: &Tasks) -> Self {
        let (sender, ready) = mpsc::channel(WAITING);
        let (address, of_handshakes) = (socket.local_addr(), tasks.clone());
        tasks.spawn_until_stopped("internal handshakes", async move {
            while !sender.is_closed() {
                match socket.accept().await {
                    Ok((stream, peer)) => {
                        let handshake = shake_hands(stream, peer, tls.clone(), sender.clone());
                        of_handshakes.spawn_until_stopped("internal handshake", handshake);
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a connection could not be accepted");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        });
        Self { address, ready }
    }
}

async fn shake_hands(
    stream: TcpStream,
    peer: SocketAddr,
    tls: LinkTls,
    ready: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    // Small frames must not wait for each other (Nagle): a call is two of them.
    let _ = stream.set_nodelay(true);
    let shaken = tokio::time::timeout(HANDSHAKE, TlsAcceptor::from(tls.server()).accept(stream)).await;
    match shaken {
        Ok(Ok(stream)) => drop(ready.send((stream, peer)).await),
        Ok(Err(error)) => {
            tracing::warn!(%error, "an internal connection was refused: no certificate of services.tls.ca");
        }
        Err(_elapsed) => tracing::debug!("an internal connection did not shake hands in time"),
    }
}

impl Listener for LinkListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(accepted) => accepted,
            // The node stops, and with it whoever waits here.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        match &self.address {
            Ok(address) => Ok(*address),
            Err(error) => Err(error.kind().into()),
        }
    }
}
