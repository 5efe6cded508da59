//! The way of one request through the cache.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::Timestamp;
use http::header::{ACCEPT, CONNECTION, IF_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body::Body as _;

use super::Store;
use super::change::Change;
use super::control::RequestControl;
use super::entry::{Entry, Use};
use super::errand::{Errand, Fetch};
use super::fill::{Delivery, cut_off};
use super::flight::{Lead, Outcome, Seat};
use super::key::{Key, Lookup, Place};
use super::policy::CachePolicy;
use super::respond::{from_entry, from_upstream};
use super::status::Served;
use crate::faces::failure::Failure;

/// How often a request looks again after it has waited for a fetch that was for another variant.
const ROUNDS: usize = 3;

/// A request that the cache may answer.
struct Visit {
    store: Store,
    policy: Arc<CachePolicy>,
    key: Arc<Key>,
    asked: Arc<Parts>,
    control: RequestControl,
    fetch: Fetch,
}

// === impl Store ===

impl Store {
    /// Answers a request of a route that has a policy: from what is kept, or by fetching.
    pub(crate) async fn serve(
        &self,
        policy: &Arc<CachePolicy>,
        lookup: &Lookup,
        request: Request<Body>,
        fetch: Fetch,
    ) -> Result<Response, Failure> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return self.change(lookup, request, &fetch).await;
        }
        let control = RequestControl::read(request.headers());
        let control = if policy.clients_may_revalidate { control } else { control.without_force() };
        if control.no_store || is_not_for_caches(&request) {
            return self.pass(request, &fetch, "fwd=bypass").await;
        }
        let (parts, _) = request.into_parts();
        let visit = Visit {
            store: self.clone(),
            policy: policy.clone(),
            key: Arc::new(Key::new(policy, lookup, &parts.uri)),
            asked: Arc::new(parts),
            control,
            fetch,
        };
        visit.serve().await
    }

    /// Passes a request on as it is.
    async fn pass(&self, request: Request<Body>, fetch: &Fetch, status: &str) -> Result<Response, Failure> {
        self.0.tally.count(Served::Bypass);
        let (parts, body) = request.into_parts();
        let response = fetch(Request::from_parts(parts.clone(), body)).await?;
        Ok(from_upstream(response, &parts, false, status))
    }

    /// Passes a request on that may change something, and forgets what it may have changed (RFC 9111 §4.4).
    async fn change(
        &self,
        lookup: &Lookup,
        request: Request<Body>,
        fetch: &Fetch,
    ) -> Result<Response, Failure> {
        if request.method().is_safe() {
            return self.pass(request, fetch, "fwd=method").await;
        }
        let mut change = Change::new(self, lookup, request.uri());
        let response = self.pass(request, fetch, "fwd=method").await?;
        change.take(&response);
        Ok(response)
    }
}

/// Requests that go on as they are: parts, conditions on what is there, other protocols, streams, bodies.
fn is_not_for_caches(request: &Request<Body>) -> bool {
    let headers = request.headers();
    let has_any = [RANGE, IF_RANGE, IF_MATCH, IF_UNMODIFIED_SINCE, UPGRADE]
        .iter()
        .any(|name| headers.contains_key(name));
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let wants_stream =
        accepts.into_iter().any(|value| value.to_ascii_lowercase().contains("text/event-stream"));
    has_any || wants_stream || nominates(headers) || !request.body().is_end_stream()
}

/// Whether `Connection` names headers beside its own: they do not reach the upstream, so they must not choose a variant.
fn nominates(headers: &HeaderMap) -> bool {
    const USUAL: [&str; 5] = ["", "close", "keep-alive", "te", "upgrade"];
    let is_usual = |name: &str| USUAL.iter().any(|known| name.eq_ignore_ascii_case(known));
    let all_usual =
        |value: &HeaderValue| value.to_str().is_ok_and(|names| names.split(',').map(str::trim).all(is_usual));
    !headers.get_all(CONNECTION).iter().all(all_usual)
}

// === impl Visit ===

impl Visit {
    async fn serve(self) -> Result<Response, Failure> {
        let mut is_collapsed = false;
        for _ in 0..ROUNDS {
            let (place, found) = self.store.find(&self.key, &self.asked.headers).await;
            let held = found.filter(|entry| self.suits(entry));
            let now = self.store.now();
            let usage = held.as_ref().map(|entry| (entry.clone(), entry.usage(&self.control, now)));
            match usage {
                Some((entry, Use::Fresh)) => {
                    let served = if is_collapsed { Served::Collapsed } else { Served::Hit };
                    return Ok(self.send(&entry, now, served));
                }
                Some((entry, Use::AcceptedStale)) => return Ok(self.send(&entry, now, Served::Stale)),
                Some((entry, Use::WhileRevalidating)) => {
                    self.refresh(&place, &entry);
                    return Ok(self.send(&entry, now, Served::Stale));
                }
                Some((_, Use::AfterValidation)) | None => {}
            }
            if self.control.only_if_cached {
                let detail = "only-if-cached was asked for and nothing fresh is kept; ask without it";
                return Err(Problem::new(Code::Timeout, detail).into());
            }
            if self.asked.method == Method::HEAD {
                return self.pass_head().await;
            }
            match self.board(&place) {
                Seat::Alone => {
                    let mut errand = self.errand(place, held.clone());
                    errand.passes_conditions = held.is_none();
                    return self.take(errand.alone().await, held.as_ref());
                }
                Seat::Lead(lead) => return self.lead(lead, held).await,
                Seat::Wait(wait) => match wait.outcome().await {
                    Outcome::Answer(entry) if self.suits(&entry) => {
                        return Ok(self.send(&entry, self.store.now(), Served::Collapsed));
                    }
                    Outcome::Answer(_) => is_collapsed = true,
                    Outcome::NotShared => return self.alone(place, held).await,
                    Outcome::Failed(failure) => {
                        if let Some(response) = self.hide_error(held.as_ref()) {
                            return Ok(response);
                        }
                        match failure {
                            Some(failure) => return Err(failure),
                            None => return self.alone(place, held).await,
                        }
                    }
                },
            }
        }
        let (place, found) = self.store.find(&self.key, &self.asked.headers).await;
        let held = found.filter(|entry| self.suits(entry));
        self.alone(place, held).await
    }

    fn suits(&self, entry: &Entry) -> bool {
        entry.suits(&self.asked.headers, &self.policy, self.key.principal.is_some())
    }

    /// Who asks for a new answer must not get one that was asked for before.
    fn board(&self, place: &Place) -> Seat {
        let wants_new = self.control.no_cache || self.control.max_age.is_some_and(|most| most.is_zero());
        if wants_new { Seat::Alone } else { self.store.flights().board(place) }
    }

    fn errand(&self, place: Place, held: Option<Arc<Entry>>) -> Errand {
        Errand {
            store: self.store.clone(),
            policy: self.policy.clone(),
            key: self.key.clone(),
            place,
            asked: self.asked.clone(),
            control: self.control,
            fetch: self.fetch.clone(),
            held,
            passes_conditions: false,
        }
    }

    async fn alone(&self, place: Place, held: Option<Arc<Entry>>) -> Result<Response, Failure> {
        let delivery = self.errand(place, held.clone()).alone().await;
        self.take(delivery, held.as_ref())
    }

    async fn lead(&self, lead: Lead, held: Option<Arc<Entry>>) -> Result<Response, Failure> {
        let errand = self.errand(lead.place().clone(), held.clone());
        let delivery = errand.lead(lead).await.unwrap_or_else(|_| Delivery::Failed(cut_off()));
        self.take(delivery, held.as_ref())
    }

    /// Fetches a new answer while the old one is sent.
    fn refresh(&self, place: &Place, held: &Arc<Entry>) {
        if let Seat::Lead(lead) = self.store.flights().board(place) {
            drop(self.errand(place.clone(), Some(held.clone())).lead(lead));
        }
    }

    /// The client's answer from what an errand has brought.
    fn take(&self, delivery: Delivery, held: Option<&Arc<Entry>>) -> Result<Response, Failure> {
        match delivery {
            Delivery::Confirmed(entry) => Ok(self.send(&entry, self.store.now(), Served::Revalidated)),
            Delivery::Answer(response, is_kept) => Ok(self.pass_on(response, held.is_some(), is_kept)),
            Delivery::Error(response) => {
                Ok(self.hide_error(held).unwrap_or_else(|| self.pass_on(response, held.is_some(), false)))
            }
            Delivery::Failed(failure) => self.hide_error(held).ok_or(failure),
        }
    }

    /// What is held, in place of an error of the upstream, if it may be.
    fn hide_error(&self, held: Option<&Arc<Entry>>) -> Option<Response> {
        let now = self.store.now();
        let held = held.filter(|held| held.may_hide_error(&self.control, now))?;
        Some(self.send(held, now, Served::Stale))
    }

    fn send(&self, entry: &Entry, now: Timestamp, served: Served) -> Response {
        self.store.0.tally.count(served);
        let ttl = entry.ttl(now);
        let status = match served {
            Served::Revalidated => format!("fwd=stale; fwd-status=304; stored; ttl={ttl}"),
            Served::Collapsed => format!("fwd=uri-miss; collapsed; ttl={ttl}"),
            Served::Hit | Served::Stale | Served::Miss | Served::Bypass => format!("hit; ttl={ttl}"),
        };
        from_entry(entry, &self.asked, now, &status)
    }

    fn pass_on(&self, response: Response, was_held: bool, is_kept: bool) -> Response {
        self.store.0.tally.count(Served::Miss);
        let why = if was_held { "stale" } else { "uri-miss" };
        let stored = if is_kept { "; stored" } else { "" };
        let status = format!("fwd={why}; fwd-status={}{stored}", response.status().as_u16());
        from_upstream(response, &self.asked, true, &status)
    }

    /// HEAD is answered from what GET has brought; nothing is kept of its own answer.
    async fn pass_head(self) -> Result<Response, Failure> {
        let request = Request::from_parts(Parts::clone(&self.asked), Body::empty());
        self.store.0.tally.count(Served::Miss);
        let response = (self.fetch)(request).await?;
        Ok(from_upstream(response, &self.asked, false, "fwd=uri-miss"))
    }
}
