//! Aggregation: one route asks several parts at once and answers one JSON object of what they said.
//!
//! A part that must answer and does not decides the answer: its 4xx is passed on, anything else is 502. One that is
//! `optional` leaves null at its place, an entry in `errors`, and its name in `X-Denizen-Missing`; such an answer is
//! never kept by a cache.

mod merge;
mod spec;

#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use denizen_kit::problem::{Code, Kind, Problem};
use futures::future::{BoxFuture, join_all};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::transform::{Facts, Params, PathTemplate, Pointer, QueryRules};
use crate::faces::failure::{Failure, status_of};
pub(crate) use spec::AggregateSpec;

/// Names the parts that are missing in an answer.
const MISSING: HeaderName = HeaderName::from_static("x-denizen-missing");

/// The parts of a route that aggregates, in the order in which they were declared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Aggregate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    name: String,
    upstream: String,
    method: Method,
    path: PathTemplate,
    query: QueryRules,
    timeout: Duration,
    /// Whether the answer goes out without it.
    is_optional: bool,
    /// Where in its answer the value is.
    pick: Option<Pointer>,
    /// Whether the members of its value go to the root instead of below its name.
    is_merged: bool,
    /// Whether its status is the status of the whole.
    leads: bool,
    /// Headers of its answer that are headers of the whole.
    headers: Vec<HeaderName>,
}

/// One request to an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartCall {
    /// The name of the part.
    pub(crate) name: String,
    /// The name of the upstream, or `denizen`.
    pub(crate) upstream: String,
    /// Its method.
    pub(crate) method: Method,
    /// Its path and query.
    pub(crate) target: PathAndQuery,
    /// How long it may take; [`Aggregate::run`] sees to it.
    pub(crate) timeout: Duration,
}

/// The request that is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'r> {
    /// Its method.
    pub(crate) method: &'r Method,
    /// Its query as it was sent.
    pub(crate) query: &'r str,
    /// Its headers.
    pub(crate) headers: &'r HeaderMap,
    /// What the pattern of the route's path captured.
    pub(crate) params: &'r Params,
}

/// The whole answer of a part.
pub(crate) type PartAnswer = (StatusCode, HeaderMap, Bytes);

/// What became of a part.
#[derive(Debug)]
enum Outcome {
    /// A success.
    Good(PartAnswer),
    /// The upstream refused.
    Refused(PartAnswer),
    /// There is no answer.
    Failed(Problem),
}

// === impl Aggregate ===

impl Aggregate {
    /// The names of the upstreams it asks.
    pub(crate) fn upstreams(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| part.upstream.as_str())
    }

    /// Asks all parts at once and merges what they answer. The calls that are left are dropped with the future.
    pub(crate) async fn run(
        &self,
        asked: Asked<'_>,
        call: impl Fn(PartCall) -> BoxFuture<'static, Result<PartAnswer, Problem>>,
    ) -> Result<Response, Failure> {
        if !matches!(*asked.method, Method::GET | Method::HEAD) {
            let refused = Failure::from(Problem::of(Code::MethodNotAllowed));
            return Err(refused.with_header(ALLOW, HeaderValue::from_static("GET, HEAD")));
        }
        let mut running = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            running.push(part.run(call(part.call(asked)?)));
        }
        let outcomes = join_all(running).await;
        self.answer(outcomes)
    }

    fn answer(&self, outcomes: Vec<Outcome>) -> Result<Response, Failure> {
        let mut answers = Vec::with_capacity(outcomes.len());
        for (part, outcome) in self.parts.iter().zip(outcomes) {
            match outcome {
                Outcome::Good(answer) => answers.push((part, Ok(answer))),
                Outcome::Refused((status, ..)) if part.is_optional => {
                    answers.push((part, Err(refusal(status))));
                }
                Outcome::Failed(problem) if part.is_optional => answers.push((part, Err(problem))),
                Outcome::Refused(answer) if answer.0.is_client_error() => return Ok(passed_on(answer)),
                Outcome::Refused((status, ..)) => return Err(bad_gateway(part, refusal(status))),
                Outcome::Failed(problem) => return Err(bad_gateway(part, problem)),
            }
        }
        Ok(merge::merge(&answers))
    }
}

// === impl Part ===

impl Part {
    fn call(&self, asked: Asked<'_>) -> Result<PartCall, Problem> {
        let Asked { params, query, headers, .. } = asked;
        let facts = Facts { params, query, headers, status: None };
        let path = self.path.render(facts, None)?;
        // A part starts with no parameters of its own: it has those that its rules write.
        let query = self.query.evaluate(facts, None)?.unwrap_or_default();
        let target = if query.is_empty() { path } else { format!("{path}?{query}") };
        let target = PathAndQuery::try_from(target)
            .map_err(|_| Problem::malformed("the path or the query has characters that are not accepted"))?;
        let Self { name, upstream, method, timeout, .. } = self.clone();
        Ok(PartCall { name, upstream, method, target, timeout })
    }

    async fn run(&self, call: BoxFuture<'static, Result<PartAnswer, Problem>>) -> Outcome {
        match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(answer)) if answer.0.is_success() && merge::is_readable(&answer) => Outcome::Good(answer),
            Ok(Ok((status, ..))) if status.is_success() => {
                Outcome::Failed(Problem::unavailable("a part answered with something that is no JSON"))
            }
            Ok(Ok(answer)) => Outcome::Refused(answer),
            Ok(Err(problem)) => Outcome::Failed(problem),
            Err(_elapsed) => Outcome::Failed(Problem::new(Code::Timeout, "a part did not answer in time")),
        }
    }
}

fn refusal(status: StatusCode) -> Problem {
    let code = match status.as_u16() {
        401 => Code::Unauthenticated,
        403 => Code::Forbidden,
        404 => Code::NotFound,
        429 => Code::RateLimited,
        400..500 => Code::MalformedRequest,
        _ => Code::Unavailable,
    };
    Problem::new(code, format!("a part answered {}", status.as_u16()))
}

/// What a part that must answer failed with: a refusal of the caller as it is, all else as 502.
fn bad_gateway(part: &Part, problem: Problem) -> Failure {
    let status = status_of(problem.code, problem.kind);
    if status.is_client_error() && problem.kind != Kind::Unavailable {
        return problem.into();
    }
    let detail =
        format!("the part `{}` of the answer cannot be had now; repeat the request later", part.name);
    let wait = problem.retry_after.unwrap_or(Duration::from_secs(1));
    let mut whole = Problem::unavailable(detail).retry_in(wait);
    whole.cause = problem.cause;
    Failure::from(whole).with_status(StatusCode::BAD_GATEWAY)
}

/// The refusal of a part as the answer of the whole.
fn passed_on((status, mut headers, body): PartAnswer) -> Response {
    headers.remove(CONTENT_LENGTH);
    headers.remove(TRANSFER_ENCODING);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
