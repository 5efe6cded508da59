//! Merges the answers of parts into one.

use axum::body::Body;
use axum::response::Response;
use denizen_kit::problem::Problem;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::super::transform::{Json, is_json};
use super::{MISSING, Part, PartAnswer};
use crate::faces::failure::status_of;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// How long and for whom an answer may be kept: the strictest of what its parts say (RFC 9111 §5.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a directive of the field")]
struct Freshness {
    may_be_kept: bool,
    /// Also for those who come with credentials.
    is_public: bool,
    is_private: bool,
    must_be_asked: bool,
    never_stale: bool,
    /// Seconds, when all parts say how many.
    max_age: Option<u64>,
}

/// Whether the body of a success can be merged: JSON, or none.
pub(super) fn is_readable((_, headers, body): &PartAnswer) -> bool {
    let text = || std::str::from_utf8(body).ok();
    let is_whole = !headers.contains_key("content-encoding");
    body.is_empty() || is_whole && is_json(headers) && text().is_some_and(|text| Json::lenient(text).is_ok())
}

/// The answer of the whole.
pub(super) fn merge(answers: &[(&Part, Result<PartAnswer, Problem>)]) -> Response {
    let mut root = Json::Object(Vec::new());
    let (mut errors, mut missing) = (Vec::new(), Vec::new());
    let mut response = Response::new(Body::empty());
    let mut freshness = Vec::with_capacity(answers.len());
    for (part, answer) in answers {
        match answer {
            Ok((status, headers, body)) => {
                place(&mut root, part, std::str::from_utf8(body).unwrap_or_default());
                if part.leads {
                    *response.status_mut() = leading(*status);
                }
                pass_on(part, headers, response.headers_mut());
                freshness.push(Freshness::of(headers));
            }
            Err(problem) => {
                if !part.is_merged {
                    put(&mut root, &part.name, Json::constant("null"));
                }
                let status = status_of(problem.code, problem.kind).as_u16();
                let (code, detail) = (problem.code.as_str(), problem.detail.as_ref());
                errors.push(json!({ "part": part.name, "status": status, "code": code, "detail": detail }));
                missing.push(part.name.as_str());
            }
        }
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(control) = cache_control(&freshness, missing.is_empty()) {
        headers.insert(CACHE_CONTROL, control);
    }
    if !missing.is_empty() {
        put(&mut root, "errors", Json::of(&errors.into()));
        let names = HeaderValue::try_from(missing.join(", "));
        headers.insert(MISSING, names.unwrap_or(HeaderValue::from_static("?")));
    }
    *response.body_mut() = Body::from(root.bytes());
    response
}

/// Puts what a part answered at its place; what cannot be read as meant is null.
fn place<'a>(root: &mut Json<'a>, part: &Part, text: &'a str) {
    let null = || Json::constant("null");
    let mut value = Json::lenient(text).unwrap_or_else(|_| null());
    if let Some(pointer) = &part.pick {
        value = value.get(pointer).ok().flatten().map_or_else(null, |picked| picked.clone());
    }
    if !part.is_merged {
        return put(root, &part.name, value);
    }
    // An answer is read leniently: opening does not fail.
    let _ = value.open();
    match value {
        Json::Object(members) => members.into_iter().for_each(|(name, value)| put(root, &name, value)),
        other => put(root, &part.name, other),
    }
}

fn put<'a>(root: &mut Json<'a>, name: &str, value: Json<'a>) {
    let Json::Object(members) = root else { return };
    match members.iter_mut().find(|(known, _)| known == name) {
        Some((_, old)) => *old = value,
        None => members.push((name.to_owned(), value)),
    }
}

/// The status of the whole: one that has a body.
fn leading(status: StatusCode) -> StatusCode {
    if matches!(status.as_u16(), 204..=206) { StatusCode::OK } else { status }
}

/// The headers that the part gives to the whole, and what its answer varies by.
fn pass_on(part: &Part, from: &HeaderMap, to: &mut HeaderMap) {
    for name in &part.headers {
        for value in from.get_all(name) {
            to.append(name.clone(), value.clone());
        }
    }
    for value in from.get_all(VARY) {
        if to.get_all(VARY).iter().all(|known| known != value) {
            to.append(VARY, value.clone());
        }
    }
}

/// What caches may do with the whole. One with a part missing is not kept. None when no part forbids anything but not
/// all say how long: a route may have a time of its own, and for others the gateway says `no-store`.
fn cache_control(parts: &[Freshness], is_complete: bool) -> Option<HeaderValue> {
    let strictest = parts.iter().copied().reduce(Freshness::and);
    let Some(strictest) = strictest.filter(|strictest| is_complete && strictest.may_be_kept) else {
        return Some(NO_STORE);
    };
    match strictest.max_age {
        Some(max_age) => Some(strictest.field(max_age)),
        None if strictest.is_private || strictest.must_be_asked || strictest.never_stale => Some(NO_STORE),
        None => None,
    }
}

// === impl Freshness ===

impl Freshness {
    /// Of one answer, whose age is already gone by (RFC 9111 §5.1).
    fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
        let directives: Vec<String> =
            values.flat_map(|value| value.split(',')).map(|part| part.trim().to_ascii_lowercase()).collect();
        let has = |name: &str| {
            directives.iter().any(|known| known == name || known.starts_with(&format!("{name}=")))
        };
        let seconds = |name: &str| {
            let value = directives.iter().find_map(|known| known.strip_prefix(name)?.strip_prefix('='));
            value.and_then(|value| value.trim_matches('"').parse::<u64>().ok())
        };
        let age = headers.get("age").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
        let max_age = seconds("s-maxage").into_iter().chain(seconds("max-age")).min();
        let varies_by_all = headers.get_all(VARY).iter().any(|value| value == "*");
        Self {
            may_be_kept: !has("no-store") && !varies_by_all,
            is_public: !has("private") && (has("public") || has("s-maxage")),
            is_private: has("private"),
            must_be_asked: has("no-cache"),
            never_stale: has("must-revalidate") || has("proxy-revalidate"),
            max_age: max_age.map(|seconds| seconds.saturating_sub(age)),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            may_be_kept: self.may_be_kept && other.may_be_kept,
            is_public: self.is_public && other.is_public,
            is_private: self.is_private || other.is_private,
            must_be_asked: self.must_be_asked || other.must_be_asked,
            never_stale: self.never_stale || other.never_stale,
            max_age: self.max_age.zip(other.max_age).map(|(one, two)| one.min(two)),
        }
    }

    /// What is said of an answer that is fresh for so long.
    fn field(self, max_age: u64) -> HeaderValue {
        let words = [
            (self.is_private, "private"),
            (self.is_public, "public"),
            (self.must_be_asked, "no-cache"),
            (self.never_stale, "must-revalidate"),
        ];
        let said = words.into_iter().filter(|(holds, _)| *holds);
        let text = said.fold(format!("max-age={max_age}"), |text, (_, word)| format!("{word}, {text}"));
        HeaderValue::try_from(text).unwrap_or(NO_STORE)
    }
}
