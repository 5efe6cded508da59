//! A connection that is kept alive, one request at a time (HTTP/1.1).

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// How long an answer may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(15);

/// A request to send.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    method: Method,
    target: Uri,
    bearer: Option<HeaderValue>,
    body: Bytes,
    /// The status that counts as success.
    pub(crate) expected: u16,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The whole body.
    pub(crate) body: Bytes,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    host: HeaderValue,
    sender: SendRequest<Full<Bytes>>,
}

// === impl Outgoing ===

impl Outgoing {
    /// A GET that expects 200.
    pub(crate) fn get(target: &str, bearer: Option<&HeaderValue>) -> anyhow::Result<Self> {
        let target = target.parse().context("a request target")?;
        Ok(Self { method: Method::GET, target, bearer: bearer.cloned(), body: Bytes::new(), expected: 200 })
    }

    /// A POST of JSON that expects this status.
    pub(crate) fn post(path: &'static str, body: &Value, expected: u16) -> Self {
        let (target, body) = (Uri::from_static(path), Bytes::from(body.to_string()));
        Self { method: Method::POST, target, bearer: None, body, expected }
    }

    /// The same with a token.
    pub(crate) fn with_bearer(self, bearer: &HeaderValue) -> Self {
        Self { bearer: Some(bearer.clone()), ..self }
    }

    fn request(&self, host: &HeaderValue) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, host.clone());
        if let Some(bearer) = &self.bearer {
            headers.insert(AUTHORIZATION, bearer.clone());
        }
        if !self.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        request
    }
}

// === impl Answer ===

impl Answer {
    /// The last text of this name in the JSON, found without reading the whole: the generator's time is scarce. Only for
    /// values without escapes (tokens, cursors, codes).
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let key = format!("\"{name}\":\"");
        let place = self.body.windows(key.len()).rposition(|window| window == key.as_bytes())?;
        let rest = self.body.get(place + key.len()..)?;
        let end = rest.iter().position(|byte| *byte == b'"')?;
        std::str::from_utf8(rest.get(..end)?).ok()
    }

    /// Status and problem code, for a report; nothing of a person.
    pub(crate) fn what(&self) -> String {
        format!("{} {}", self.status, self.text("code").unwrap_or_default())
    }
}

// === impl Connection ===

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let host = HeaderValue::try_from(address.to_string())?;
        Ok(Self { address, host, sender: connect(address).await? })
    }

    /// Sends one request and reads its answer; connects again first if the server has hung up.
    pub(crate) async fn send(&mut self, outgoing: &Outgoing) -> anyhow::Result<Answer> {
        if self.sender.ready().await.is_err() {
            self.sender = connect(self.address).await?;
            self.sender.ready().await?;
        }
        let request = outgoing.request(&self.host);
        let exchange = tokio::time::timeout(PATIENCE, async {
            let response = self.sender.send_request(request).await?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await?.to_bytes();
            anyhow::Ok(Answer { status, body })
        });
        exchange.await.context("no answer in time")?
    }

    /// Sends one request whose answer must have the expected status.
    pub(crate) async fn call(&mut self, outgoing: &Outgoing) -> anyhow::Result<Answer> {
        let answer = self.send(outgoing).await?;
        let path = outgoing.target.path();
        anyhow::ensure!(
            answer.status == outgoing.expected,
            "{} {path} answered {}",
            outgoing.method,
            answer.what()
        );
        Ok(answer)
    }
}

async fn connect(address: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // Its end shows at the sender.
        let _ = connection.await;
    });
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_from_the_end() {
        let body = Bytes::from_static(br#"{"user":{"code":"inner"},"code":"outer","next_cursor":null}"#);
        let answer = Answer { status: 409, body };
        assert_eq!(answer.text("code"), Some("outer"));
        assert_eq!(answer.text("next_cursor"), None);
        assert_eq!(answer.what(), "409 outer");
    }

    #[test]
    fn a_request_says_what_it_carries() {
        let bearer = HeaderValue::from_static("Bearer t");
        let host = HeaderValue::from_static("127.0.0.1:1");
        let post =
            Outgoing::post("/x", &serde_json::json!({"a": 1}), 201).with_bearer(&bearer).request(&host);
        assert_eq!(post.headers()[CONTENT_TYPE], "application/json");
        assert_eq!((&post.headers()[AUTHORIZATION], &post.headers()[HOST]), (&bearer, &host));
        let get = Outgoing::get("/x?q=a%20b", None).unwrap().request(&host);
        assert!(!get.headers().contains_key(CONTENT_TYPE) && !get.headers().contains_key(AUTHORIZATION));
    }
}
