//! One trip to the upstream: what is asked, what the answer means for the cache.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use denizen_kit::problem::{Code, Kind, Problem};
use denizen_kit::time::{Timestamp, elapsed};
use futures::future::BoxFuture;
use http::header::{CONTENT_LENGTH, COOKIE};
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use tokio::time::timeout;

use super::Store;
use super::conditional::{ask_whether_valid, strip_conditions};
use super::control::RequestControl;
use super::entry::{Entry, storable_headers, tags};
use super::freshness::{Circumstances, Terms, initial_age, terms, vary_names};
use super::key::{Key, Place, counted_query, variant};
use super::policy::CachePolicy;
use crate::faces::failure::Failure;

/// Sends a request to the upstream.
pub(crate) type Fetch =
    Arc<dyn Fn(Request<Body>) -> BoxFuture<'static, Result<Response, Failure>> + Send + Sync>;

/// How long a fetch for several may take to its answer's head, beside what the route itself allows.
const LONGEST: Duration = Duration::from_mins(5);

/// Headers that some upstreams take for another path, method, host or scheme. They are not in the key, so an answer that
/// they have changed must not be kept for others. Host and scheme are said anew on the way, as they are in the key: what a
/// trusted proxy says of them may be what its client said.
const UNKEYED: [&str; 14] = [
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-forwarded-prefix",
    "x-forwarded-path",
    "x-host",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-server",
];

/// A trip to the upstream for a request.
pub(super) struct Errand {
    pub(super) store: Store,
    pub(super) policy: Arc<CachePolicy>,
    pub(super) key: Arc<Key>,
    pub(super) place: Place,
    pub(super) asked: Arc<Parts>,
    pub(super) control: RequestControl,
    pub(super) fetch: Fetch,
    /// What is kept already and may still hold.
    pub(super) held: Option<Arc<Entry>>,
    /// Whether the client's own conditions go to the upstream: where nothing is to be kept, they spare it the body.
    pub(super) passes_conditions: bool,
}

/// What came back.
pub(super) enum Brought {
    /// An answer that is to be kept once its body is there.
    Keep(Response, Box<Intake>),
    /// An answer that is not kept, and why.
    Pass(Response, &'static str),
    /// What was kept still holds; whether it is kept on.
    Confirmed(Arc<Entry>, bool),
    /// An error of the upstream.
    Error(Response),
    Failed(Failure),
}

/// What is known of an answer before its body.
pub(super) struct Intake {
    terms: Terms,
    status: StatusCode,
    headers: HeaderMap,
    asked: Timestamp,
    received: Timestamp,
    tags: Vec<Box<str>>,
    vary: Vec<http::HeaderName>,
    /// Where the list of purges stood when the request went out.
    purges: u64,
}

// === impl Errand ===

impl Errand {
    /// Goes, for as long as a fetch for several may take.
    pub(super) async fn go_in_time(&self) -> Brought {
        match timeout(LONGEST, self.go()).await {
            Ok(brought) => brought,
            Err(_) => Brought::Failed(Problem::of(Code::Timeout).into()),
        }
    }

    /// Goes; once more if the upstream confirms something that is not what is held.
    pub(super) async fn go(&self) -> Brought {
        let brought = self.go_once(self.held.as_ref()).await;
        match brought {
            Ok(brought) => brought,
            Err(_unconfirmed) => {
                let again = self.go_once(None).await;
                again.unwrap_or_else(|response| Brought::Pass(response, "it is no whole answer"))
            }
        }
    }

    async fn go_once(&self, held: Option<&Arc<Entry>>) -> Result<Brought, Response> {
        let purges = self.store.purge_count();
        let asked = self.store.now();
        let answer = (self.fetch)(self.outgoing(held)).await;
        let received = self.store.now();
        let response = match answer {
            Ok(response) => response,
            Err(failure) => return Ok(Brought::Failed(failure)),
        };
        if response.status() == StatusCode::NOT_MODIFIED
            && let Some(held) = held
        {
            let confirmed = self.confirm(held, response.headers(), (asked, received, purges));
            return confirmed.ok_or(response);
        }
        if is_error(response.status()) {
            let intake = self.intake(&response, (asked, received, purges));
            let may_hide =
                self.held.as_ref().is_some_and(|held| held.may_hide_error(&self.control, received));
            return Ok(match intake {
                Ok(intake) if !may_hide => Brought::Keep(response, Box::new(intake)),
                _ => Brought::Error(response),
            });
        }
        Ok(match self.intake(&response, (asked, received, purges)) {
            Ok(intake) => Brought::Keep(response, Box::new(intake)),
            Err(why) => {
                // What the upstream says now is not to be kept, and what it said before is no longer so.
                self.store.remove(&self.place);
                Brought::Pass(response, why)
            }
        })
    }

    /// The request that goes to the upstream.
    fn outgoing(&self, held: Option<&Arc<Entry>>) -> Request<Body> {
        let mut parts = Parts::clone(&self.asked);
        parts.method = Method::GET;
        if !self.passes_conditions {
            strip_conditions(&mut parts.headers);
        }
        for name in UNKEYED.iter().filter(|name| !self.policy.vary.iter().any(|vary| vary == **name)) {
            parts.headers.remove(*name);
        }
        if self.policy.strip_cookies {
            parts.headers.remove(COOKIE);
        }
        if let Some(held) = held {
            ask_whether_valid(&mut parts.headers, &held.headers);
        }
        if let Some(uri) = self.counted_uri(&parts.uri) {
            parts.uri = uri;
        }
        Request::from_parts(parts, Body::empty())
    }

    /// The address without what does not count in its query; none if all does.
    fn counted_uri(&self, uri: &Uri) -> Option<Uri> {
        let named = self.policy.query.as_deref()?;
        let query = counted_query(uri.query()?, Some(named));
        let target = if query.is_empty() { uri.path().to_owned() } else { format!("{}?{query}", uri.path()) };
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(target.try_into().ok()?);
        Uri::from_parts(parts).ok()
    }

    fn intake(
        &self,
        response: &Response,
        (asked, received, purges): (Timestamp, Timestamp, u64),
    ) -> Result<Intake, &'static str> {
        let terms = terms(&self.circumstances(received), response.status(), response.headers())?;
        let tags = tags(response.headers()).ok_or("it has too many tags")?;
        let mut vary = vary_names(response.headers()).ok_or("vary")?;
        vary.extend(self.policy.vary.iter().cloned());
        vary.sort_by(|left, right| left.as_str().cmp(right.as_str()));
        vary.dedup();
        if content_length(response.headers()).is_some_and(|length| length > self.store.max_entry()) {
            return Err("it is too large");
        }
        let headers = storable_headers(response.headers(), received);
        Ok(Intake { terms, status: response.status(), headers, asked, received, tags, vary, purges })
    }

    fn circumstances(&self, received: Timestamp) -> Circumstances<'_> {
        Circumstances {
            policy: &self.policy,
            request: &self.asked.headers,
            control: self.control,
            has_principal: self.key.principal.is_some(),
            received,
        }
    }

    /// Takes in that what is held still holds; none if the answer is about something else.
    fn confirm(
        &self,
        held: &Arc<Entry>,
        answer: &HeaderMap,
        (asked, received, purges): (Timestamp, Timestamp, u64),
    ) -> Option<Brought> {
        if !held.is_confirmed_by(answer) {
            return None;
        }
        let mut headers = held.merged_headers(answer, received);
        let tags = tags(answer).filter(|tags| !tags.is_empty()).unwrap_or_else(|| held.tags.clone());
        let terms = terms(&self.circumstances(received), held.status, &headers);
        let initial_age = initial_age(&headers, received, elapsed(asked, received));
        headers.remove(http::header::AGE);
        let entry = Arc::new(Entry {
            headers,
            terms: terms.unwrap_or_default(),
            asked,
            received,
            initial_age,
            tags,
            ..Entry::clone(held)
        });
        let is_kept = terms.is_ok() && self.store.keep(&self.key, &entry, purges);
        if terms.is_err() {
            // Not modified, and not to be kept any more: good for this request alone.
            self.store.remove(&self.place);
        }
        Some(Brought::Confirmed(entry, is_kept))
    }

    /// The answer that the intake and a body make; none if the body is not what the head said.
    pub(super) fn entry(&self, intake: Intake, body: &[u8]) -> Option<Entry> {
        let Intake { terms, status, headers, asked, received, tags, vary, .. } = intake;
        if content_length(&headers).is_some_and(|length| length != body.len()) {
            return None;
        }
        let vary = self.store.names(&self.key, vary);
        Some(Entry {
            initial_age: initial_age(&headers, received, elapsed(asked, received)),
            variant: variant(&vary, &self.asked.headers),
            status,
            headers,
            body: bytes::Bytes::copy_from_slice(body),
            terms,
            asked,
            received,
            vary,
            tags,
        })
    }
}

// === impl Intake ===

impl Intake {
    pub(super) fn purges(&self) -> u64 {
        self.purges
    }
}

/// The statuses that a stale answer may stand in for (RFC 5861 §4).
fn is_error(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// Whether others who ask for the same would fail likewise.
pub(super) fn is_for_all(failure: &Failure) -> bool {
    matches!(failure.code().kind(), Kind::Timeout | Kind::Unavailable | Kind::Internal)
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
