//! A gateway on real sockets, and the plainest of clients.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use denizen_gateway::{App, Config, Sockets};
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::setting::{app, app_of_now};

/// How long a test waits before it fails.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

pub(crate) async fn start(config: Config) -> (SocketAddr, Tasks, JoinHandle<()>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let tasks = Tasks::new();
    let serving = serve(&app(config), socket.into(), &tasks);
    (address, tasks, serving)
}

pub(crate) fn serve(app: &Arc<App>, sockets: Sockets, tasks: &Tasks) -> JoinHandle<()> {
    let (app, stopping) = (app.clone(), tasks.clone());
    tokio::spawn(async move { denizen_gateway::serve(app, sockets, &stopping).await })
}

/// A gateway without and with TLS.
pub(crate) struct Both {
    pub(crate) app: Arc<App>,
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
    pub(crate) tasks: Tasks,
}

/// Starts a gateway with TLS; it is told where it listens.
pub(crate) async fn start_tls(config: Config) -> Both {
    start_tls_at(config, Ipv4Addr::LOCALHOST.into()).await
}

/// The same at an address of this machine.
pub(crate) async fn start_tls_at(mut config: Config, ip: IpAddr) -> Both {
    let (plain, tls) = (TcpListener::bind((ip, 0)).await.unwrap(), TcpListener::bind((ip, 0)).await.unwrap());
    let (plain_at, tls_at) = (plain.local_addr().unwrap(), tls.local_addr().unwrap());
    config.sockets.tls.listen = Some(tls_at);
    let (app, tasks) = (app_of_now(config, None, &Clock::System), Tasks::new());
    denizen_gateway::start_jobs(&app, &tasks);
    serve(&app, Sockets { plain, tls: Some(tls) }, &tasks);
    Both { app, plain: plain_at, tls: tls_at, tasks }
}

/// Sends bytes and reads until the other side closes.
pub(crate) async fn exchange(address: SocketAddr, bytes: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(bytes.as_bytes()).await;
    read_to_end(&mut stream).await
}

pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(LIMIT, stream.read_to_end(&mut answer)).await.expect("it closes");
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")
}

/// What a program of others says, and whether it is content.
pub(crate) async fn run(program: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await.expect("it ends").unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// Asks until the answer is as it should be.
pub(crate) async fn until<T, F: Future<Output = T>>(ask: impl Fn() -> F, good: impl Fn(&T) -> bool) -> T {
    let asking = async {
        loop {
            let answer = ask().await;
            if good(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(6 * LIMIT, asking).await.expect("it comes to be so")
}
