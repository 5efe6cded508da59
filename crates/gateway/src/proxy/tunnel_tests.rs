//! What leaves HTTP on its way through.

use super::*;

#[tokio::test]
async fn a_websocket_is_bridged_counted_and_ended() {
    let rig = Rig::start(ForwardPolicy::default()).await;
    let mut stream = TcpStream::connect(rig.gateway).await.unwrap();
    let ask = "GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
               Sec-WebSocket-Key: a2V5a2V5a2V5a2V5a2V5a2U=\r\nSec-WebSocket-Version: 13\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !seen.windows(4).any(|window| window == b"\r\n\r\n") {
        seen.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(seen).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101") && head.contains("upgrade: websocket"), "{head}");
    stream.write_all(b"hello").await.unwrap();
    let mut echoed = [0; 5];
    stream.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"hello");
    assert_eq!(rig.cluster.status().targets[0].in_flight, 1);

    // The end of the node waits for it, then cuts it.
    tokio::time::timeout(HANG, rig.tasks.stop()).await.expect("it is never cut");
    assert_eq!(stream.read(&mut echoed).await.unwrap_or(0), 0);
    assert_eq!(rig.cluster.status().targets[0].in_flight, 0);
}

#[tokio::test]
async fn nobody_is_shown_what_the_gateway_adds() {
    let rig = Rig::start(ForwardPolicy::default()).await;
    let answer = rig.raw("TRACE /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("http/1.1 405") && !answer.contains("x-denizen-user"), "{answer}");
}

#[tokio::test]
async fn only_get_leaves_http() {
    let rig = Rig::start(ForwardPolicy::default()).await;
    let ask = "POST /socket HTTP/1.1\r\nHost: x\r\nConnection: close, upgrade\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n";
    let answer = rig.raw(ask).await;
    assert!(answer.starts_with("http/1.1 200") && answer.contains("post /socket\n"), "{answer}");
}

#[tokio::test]
async fn a_websocket_over_http2_is_bridged_to_http1() {
    let rig = Rig::start(ForwardPolicy::default()).await;
    let stream = TcpStream::connect(rig.gateway).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    // The server's settings, which allow it, come with the first answer.
    let first = Request::get("http://x/a").body(Empty::<Bytes>::new()).unwrap();
    sender.send_request(first).await.unwrap().into_body().collect().await.unwrap();
    let mut ask = Request::connect("http://x/socket").body(Empty::<Bytes>::new()).unwrap();
    ask.extensions_mut().insert(Protocol::from_static("websocket"));
    let mut response = sender.send_request(ask).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("sec-websocket-accept"));
    let mut socket = TokioIo::new(hyper::upgrade::on(&mut response).await.unwrap());
    socket.write_all(b"hello").await.unwrap();
    let mut echoed = [0; 5];
    tokio::time::timeout(HANG, socket.read_exact(&mut echoed)).await.expect("it hangs").unwrap();
    assert_eq!(&echoed, b"hello");
}

#[tokio::test]
async fn tunnels_to_elsewhere_are_refused() {
    let rig = Rig::start(ForwardPolicy::default()).await;
    let answer = rig
        .raw("CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("http/1.1 405"), "{answer}");
    assert_eq!(rig.cluster.status().requests, 0);
}
