//! A server that speaks as much S3 as the store needs, refuses what is not signed right, and fails when told to.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};

use crate::sigv4::{Account, check};

pub(crate) const BUCKET: &str = "test-bucket";

pub(crate) const ACCOUNT: Account =
    Account { key_id: "AKIATEST", secret: "wJalrXUtnFEMI/K7MDENG", region: "eu-test-1", service: "s3" };

/// How the next request is answered instead of well.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    /// With this status and the error code that belongs to it.
    Error(StatusCode, &'static str),
    /// Not at all.
    Silent,
    /// With a body that breaks off.
    Cut,
}

#[derive(Default)]
struct Inner {
    objects: BTreeMap<String, Bytes>,
    moods: VecDeque<Mood>,
    seen: Vec<String>,
}

/// The server.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<Inner>>);

impl Fake {
    /// Starts it; its address.
    pub(crate) async fn start() -> (Self, SocketAddr) {
        let fake = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = axum::Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (fake, address)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// Answers the next requests so.
    pub(crate) fn will(&self, moods: &[Mood]) {
        self.inner().moods.extend(moods);
    }

    /// The names in the bucket.
    pub(crate) fn names(&self) -> Vec<String> {
        self.inner().objects.keys().cloned().collect()
    }

    /// Method and target of each request since the last look.
    pub(crate) fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.inner().seen)
    }
}

fn error(status: StatusCode, code: &str) -> Response {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>");
    (status, [("content-type", "application/xml")], body).into_response()
}

async fn answer(State(fake): State<Fake>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    fake.inner().seen.push(format!("{} {}", parts.method, parts.uri));
    if let Err(reason) = check(&ACCOUNT, &parts.method, &parts.uri, &parts.headers, &body) {
        return error(StatusCode::FORBIDDEN, &reason);
    }
    let mood = fake.inner().moods.pop_front();
    match mood {
        Some(Mood::Error(status, code)) => return error(status, code),
        Some(Mood::Silent) => return std::future::pending().await,
        Some(Mood::Cut) => {
            let broken =
                futures::stream::iter([Ok(Bytes::from_static(b"ha")), Err(std::io::Error::other("cut"))]);
            return ([("content-length", "4"), ("last-modified", MODIFIED)], Body::from_stream(broken))
                .into_response();
        }
        None => {}
    }
    let path = parts.uri.path();
    let Some(name) = path.strip_prefix(&format!("/{BUCKET}")).map(|rest| rest.trim_start_matches('/')) else {
        return error(StatusCode::NOT_FOUND, "NoSuchBucket");
    };
    if name.is_empty() {
        return list(&fake, parts.uri.query().unwrap_or_default());
    }
    object(&fake, &parts.method, name, body)
}

/// When every object was put.
const MODIFIED: &str = "Sat, 21 Nov 2026 10:00:00 GMT";

fn object(fake: &Fake, method: &Method, name: &str, body: Bytes) -> Response {
    let mut inner = fake.inner();
    if *method == Method::PUT {
        inner.objects.insert(name.to_owned(), body);
        return ([("etag", "\"e\"")], StatusCode::OK).into_response();
    }
    if *method == Method::DELETE {
        inner.objects.remove(name);
        return StatusCode::NO_CONTENT.into_response();
    }
    match inner.objects.get(name) {
        Some(content) => ([("etag", "\"e\""), ("last-modified", MODIFIED)], content.clone()).into_response(),
        None => error(StatusCode::NOT_FOUND, "NoSuchKey"),
    }
}

/// `ListObjectsV2`, two names a page.
fn list(fake: &Fake, query: &str) -> Response {
    let decoded = |text: &str| text.replace("%2F", "/");
    let value = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(known, _)| *known == name).map(|(_, value)| decoded(value)).next()
    };
    let prefix = value("prefix").unwrap_or_default();
    let after = value("continuation-token").or(value("start-after")).unwrap_or_default();
    let inner = fake.inner();
    let mut found = inner.objects.iter().filter(|(name, _)| name.starts_with(&prefix) && **name > after);
    let page: Vec<_> = found.by_ref().take(2).collect();
    let more = found.next().is_some();
    let mut body = format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>");
    for (name, content) in &page {
        let _ = write!(
            body,
            "<Contents><Key>{name}</Key><Size>{}</Size><LastModified>2026-11-21T10:00:00.000Z</LastModified><ETag>\"e\"</ETag></Contents>",
            content.len()
        );
    }
    if let (true, Some((last, _))) = (more, page.last()) {
        let _ = write!(body, "<NextContinuationToken>{last}</NextContinuationToken>");
    }
    body += "</ListBucketResult>";
    ([("content-type", "application/xml")], body).into_response()
}
