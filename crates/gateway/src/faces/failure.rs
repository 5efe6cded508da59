//! A [`Problem`] on its way out of the gateway, as RFC 9457 JSON.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use denizen_kit::problem::{Code, Kind, Problem};
use denizen_rpc::problem_from;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

/// A failure of a handler or of the door. The edge renders it: it knows the request's id.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Arc<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    problem: Problem,
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// A failure, as RFC 9457 says.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Where the code is explained.
    #[serde(rename = "type")]
    kind: String,
    /// The code in words.
    title: String,
    /// HTTP status.
    status: u16,
    /// What is wrong and what to do.
    detail: &'a str,
    /// Stable code.
    code: &'static str,
    /// What is wrong with which field.
    errors: Vec<ProblemField<'a>>,
    /// Id of the request, as in `X-Request-Id`.
    request_id: &'a str,
}

/// What is wrong with one field.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemField<'a> {
    /// JSON pointer into the request (RFC 6901).
    pointer: &'a str,
    /// Stable word: `required`, `invalid_type`, `too_long` …
    code: &'a str,
    /// What is wrong and the way out.
    detail: &'a str,
}

// === impl Failure ===

impl Failure {
    /// The same failure under another status.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.status = status;
        Self(Arc::new(inner))
    }

    /// The same failure with a header of its answer, beside others of the name that it was given.
    pub(crate) fn with_header(self, name: HeaderName, value: HeaderValue) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.headers.push((name, value));
        Self(Arc::new(inner))
    }

    /// What happened.
    pub(crate) fn code(&self) -> Code {
        self.0.problem.code
    }

    /// Whether it asks for other credentials.
    pub(crate) fn is_unauthorized(&self) -> bool {
        self.0.status == StatusCode::UNAUTHORIZED
    }

    /// Its answer.
    pub(crate) fn render(&self, public_url: &str, request_id: &str) -> Response {
        let Inner { problem, status, headers } = &*self.0;
        log(problem, request_id);
        let fields = problem.fields.iter();
        let body = ProblemBody {
            kind: format!("{public_url}/problems/{}", problem.code.as_str()),
            title: title(problem.code),
            status: status.as_u16(),
            detail: &problem.detail,
            code: problem.code.as_str(),
            errors: fields
                .map(|field| ProblemField {
                    pointer: &field.pointer,
                    code: &field.code,
                    detail: &field.detail,
                })
                .collect(),
            request_id,
        };
        let mut response = Response::new(Body::from(serde_json::to_vec(&body).unwrap_or_default()));
        *response.status_mut() = *status;
        let map = response.headers_mut();
        map.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        map.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if *status == StatusCode::UNAUTHORIZED {
            map.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"denizen\""));
        }
        if let Some(wait) = problem.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            map.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        for (place, (name, value)) in headers.iter().enumerate() {
            let is_first = headers[..place].iter().all(|(earlier, _)| earlier != name);
            if is_first {
                map.remove(name);
            }
            map.append(name.clone(), value.clone());
        }
        response
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let status = status_of(problem.code, problem.kind);
        Self(Arc::new(Inner { problem, status, headers: Vec::new() }))
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        problem_from(status).into()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.status;
        response.extensions_mut().insert(self);
        response
    }
}

/// The HTTP status of a failure: by its kind, but for the few that HTTP has a status of its own for.
pub(crate) const fn status_of(code: Code, kind: Kind) -> StatusCode {
    match code {
        Code::PayloadTooLarge => return StatusCode::PAYLOAD_TOO_LARGE,
        Code::UnsupportedMediaType => return StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::MethodNotAllowed => return StatusCode::METHOD_NOT_ALLOWED,
        _ => {}
    }
    match kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Stale => StatusCode::PRECONDITION_FAILED,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The code in words: `stale_version` is "Stale version".
pub(crate) fn title(code: Code) -> String {
    let mut words = code.as_str().replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// Logs what arose here; what a service answered has been logged there, and comes without its cause.
fn log(problem: &Problem, request_id: &str) {
    let Some(cause) = &problem.cause else { return };
    tracing::error!(request_id, code = problem.code.as_str(), cause = %cause, "a request failed: {}", problem.detail);
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_problem_is_rendered_as_rfc_9457_says() {
        let problem = Problem::invalid("/email", "invalid_format", "write it as name@example.com");
        let response = Failure::from(problem).render("https://id.example", "r-1");
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["type"], "https://id.example/problems/validation_failed");
        assert_eq!(body["title"], "Validation failed");
        assert_eq!(body["errors"][0]["pointer"], "/email");
        assert_eq!(body["request_id"], "r-1");
    }

    #[test]
    fn a_cause_is_never_sent_and_waits_are_whole_seconds() {
        let problem = Problem::unavailable("later")
            .caused_by(std::io::Error::other("secret"))
            .retry_in(std::time::Duration::from_millis(1_200));
        let response = Failure::from(problem).render("", "");
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert!(!format!("{response:?}").contains("secret"));
    }

    #[test]
    fn a_header_stands_beside_others_that_were_given_and_for_the_usual_one() {
        let given = [(RETRY_AFTER, "7"), (CACHE_CONTROL, "private"), (CACHE_CONTROL, "max-age=1")];
        let failure =
            Failure::from(Problem::unavailable("later").retry_in(std::time::Duration::from_secs(1)));
        let failure = given.into_iter().fold(failure, |failure, (name, value)| {
            failure.with_header(name, HeaderValue::from_static(value))
        });
        let response = failure.render("", "");
        let values = |name| response.headers().get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(values(RETRY_AFTER), ["7"]);
        assert_eq!(values(CACHE_CONTROL), ["private", "max-age=1"]);
    }

    #[test]
    fn every_code_has_its_status() {
        let of = |code: Code| status_of(code, code.kind()).as_u16();
        assert_eq!(of(Code::PayloadTooLarge), 413);
        assert_eq!(of(Code::UnsupportedMediaType), 415);
        assert_eq!(of(Code::MethodNotAllowed), 405);
        assert_eq!(of(Code::StaleVersion), 412);
        assert_eq!(of(Code::TokenExpired), 401);
        assert_eq!(of(Code::TokenInvalid), 422);
        assert_eq!(of(Code::TooManyAttempts), 429);
    }
}
