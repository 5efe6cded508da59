//! Trailers on their way: the fields behind a body, which are headers to those who merge them (RFC 9110 §6.5).
//!
//! Of requests only gRPC's go on: others make use of none, and an upstream that merges them would take for the gateway's
//! what a client has put there. What the head may not say the trailers may not either, and `Trailer` announces no more
//! than what comes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::TRAILER;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};

use super::headers::{
    is_grpc, is_hop_by_hop, is_ours, is_protected, is_twin, leads_elsewhere, names_in, remove_where,
};

/// Which trailers go on, by their names.
pub(super) type Passes = fn(&str) -> bool;

/// A body of whose trailers only some go on.
pub(super) struct Sifted<B> {
    body: B,
    passes: Passes,
}

/// Which trailers of a request go on. Makes its head announce these only.
pub(super) fn of_request(head: &mut HeaderMap) -> Passes {
    let passes: Passes = if is_grpc(head) { may_follow_request } else { |_| false };
    announce(head, passes);
    passes
}

/// Which trailers of an answer go on. Makes its head announce these only.
pub(super) fn of_answer(head: &mut HeaderMap) -> Passes {
    announce(head, may_follow_answer);
    may_follow_answer
}

fn may_follow_request(name: &str) -> bool {
    // Whoever is trusted to say where a request comes from says it in the head.
    let is_said_ahead = is_ours(name, false) || is_protected(name) || is_twin(name);
    !is_said_ahead && !is_hop_by_hop(name)
}

fn may_follow_answer(name: &str) -> bool {
    !is_hop_by_hop(name) && !leads_elsewhere(name) && !frames(name)
}

/// Whether it says how a body is framed or read: too late behind it.
fn frames(name: &str) -> bool {
    matches!(name, "content-length" | "content-type" | "content-encoding" | "content-range" | "trailer")
}

fn announce(head: &mut HeaderMap, passes: Passes) {
    if !head.contains_key(TRAILER) {
        return;
    }
    let names: Vec<&str> =
        names_in(head, &TRAILER).filter(|name| passes(&name.to_ascii_lowercase())).collect();
    let left = HeaderValue::try_from(names.join(", ")).ok().filter(|left| !left.is_empty());
    match left {
        Some(left) => drop(head.insert(TRAILER, left)),
        None => drop(head.remove(TRAILER)),
    }
}

// === impl Sifted ===

impl<B> Sifted<B> {
    pub(super) fn new(body: B, passes: Passes) -> Self {
        Self { body, passes }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Sifted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        loop {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            let mut trailers = match frame.into_trailers() {
                Ok(trailers) => trailers,
                Err(data) => return Poll::Ready(Some(Ok(data))),
            };
            remove_where(&mut trailers, |name| !(self.passes)(name));
            // Where none is left the body is read on, so that it is known to have ended.
            if !trailers.is_empty() {
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    fn head(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    /// The names of the trailers that go on, of some behind a body.
    async fn passed(names: &[&'static str], passes: Passes) -> Vec<String> {
        let trailers = head(&names.iter().map(|name| (*name, "x")).collect::<Vec<_>>());
        let frames =
            [Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"body"))), Ok(Frame::trailers(trailers))];
        let body = Sifted::new(StreamBody::new(futures::stream::iter(frames)), passes);
        let whole = body.collect().await.unwrap();
        let left = whole.trailers().cloned().unwrap_or_default();
        assert_eq!(whole.to_bytes(), "body");
        left.keys().map(ToString::to_string).collect()
    }

    const SPOOFED: [&str; 9] = [
        "x-denizen-user",
        "x_denizen_roles",
        "x-forwarded-for",
        "forwarded",
        "authorization",
        "content-length",
        "transfer-encoding",
        "connection",
        "host",
    ];

    #[tokio::test]
    async fn only_grpc_has_trailers_of_requests_and_says_nothing_of_ours_in_them() {
        let names = [&SPOOFED[..], &["x-sum"]].concat();
        let mut plain = head(&[("content-type", "text/plain"), ("trailer", "x-sum")]);
        let passes = of_request(&mut plain);
        assert!(!plain.contains_key("trailer"));
        assert_eq!(passed(&names, passes).await, Vec::<String>::new());
        let mut grpc = head(&[
            ("content-type", "application/grpc+proto"),
            ("trailer", "X-Denizen-User, X-Sum"),
            ("trailer", "Host"),
        ]);
        let passes = of_request(&mut grpc);
        assert_eq!(grpc["trailer"], "X-Sum");
        assert_eq!(grpc.get_all("trailer").iter().count(), 1);
        assert_eq!(passed(&names, passes).await, ["x-sum"]);
    }

    #[tokio::test]
    async fn trailers_of_answers_frame_nothing_and_lead_nowhere() {
        let mut answer = head(&[("trailer", "grpc-status, alt-svc, content-length")]);
        let passes = of_answer(&mut answer);
        assert_eq!(answer["trailer"], "grpc-status");
        let names = ["grpc-status", "grpc-message", "alt-svc", "content-length", "connection", "trailer"];
        let mut left = passed(&names, passes).await;
        left.sort();
        assert_eq!(left, ["grpc-message", "grpc-status"]);
    }
}
