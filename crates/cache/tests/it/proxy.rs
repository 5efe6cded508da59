//! Stands before the server and lets it die, fall silent and come back.

use std::pin::pin;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Passes everything on.
    Open,
    /// Accepts and passes nothing on, as a partition that drops packets does.
    Silent,
    /// Closes all connections, as a killed server does.
    Closed,
}

/// A server that can be made to fail.
pub(crate) struct Proxy {
    pub(crate) url: String,
    mode: watch::Sender<Mode>,
}

impl Proxy {
    /// Stands before the server of this address (`redis://[user:password@]host:port[/db]`).
    pub(crate) async fn before(server: &str, mode: Mode) -> Self {
        let (scheme, rest) = server.split_once("://").unwrap();
        let (login, rest) =
            rest.rsplit_once('@').map_or((String::new(), rest), |(login, rest)| (format!("{login}@"), rest));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{scheme}://{login}{}/{path}", listener.local_addr().unwrap());
        let (sender, receiver) = watch::channel(mode);
        tokio::spawn(accept(listener, authority.to_owned(), receiver));
        Self { url, mode: sender }
    }

    pub(crate) fn turn(&self, mode: Mode) {
        self.mode.send(mode).unwrap();
    }
}

async fn accept(listener: TcpListener, server: String, mode: watch::Receiver<Mode>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(pass(client, server.clone(), mode.clone()));
    }
}

async fn pass(mut client: TcpStream, server: String, mut mode: watch::Receiver<Mode>) {
    let mut server = TcpStream::connect(&server).await.unwrap();
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let mut copying = pin!(copy_bidirectional(&mut client, &mut server));
    loop {
        let now = *mode.borrow_and_update();
        let changed = match now {
            Mode::Closed => return,
            Mode::Silent => mode.changed().await,
            Mode::Open => tokio::select! {
                _ = &mut copying => return,
                changed = mode.changed() => changed,
            },
        };
        if changed.is_err() {
            return;
        }
    }
}
