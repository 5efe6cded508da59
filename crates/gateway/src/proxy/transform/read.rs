//! A body as the text of a JSON document.

use std::borrow::Cow;

use bytes::Bytes;
use denizen_kit::problem::{Code, Problem};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Map, Value};

use super::json::Json;
use super::open::Ambiguous;
use crate::faces::form::is_form;

/// A document on its way through the steps.
#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) json: Json<'a>,
    /// Whether there was none: an object without members stands for it.
    was_empty: bool,
}

// === impl Document ===

impl<'a> Document<'a> {
    /// The document of a request, whatever its content type says.
    pub(super) fn of_request(text: &'a str) -> Result<Self, Problem> {
        if text.is_empty() {
            return Ok(Self::empty());
        }
        let json = Json::strict(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Problem::malformed(format!(
                "the body is no JSON (line {line}, column {column}); send a JSON object or a form"
            ))
        })?;
        Ok(Self { json, was_empty: false })
    }

    /// The document of an answer; none when it is no JSON.
    pub(super) fn of_answer(text: &'a str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::empty());
        }
        Some(Self { json: Json::lenient(text).ok()?, was_empty: false })
    }

    const fn empty() -> Self {
        Self { json: Json::Object(Vec::new()), was_empty: true }
    }

    /// Its text: nothing when there was nothing, and nothing was added.
    pub(super) fn bytes(&self) -> Bytes {
        let is_empty = matches!(&self.json, Json::Object(members) if members.is_empty());
        if self.was_empty && is_empty { Bytes::new() } else { self.json.bytes() }
    }
}

impl From<Ambiguous> for Problem {
    fn from(_: Ambiguous) -> Self {
        Self::malformed("an object of the body has a key twice, or one that is no text; send each key once")
    }
}

/// The text of a request's body: JSON whatever its content type says, a form as the object of its fields.
pub(super) fn request_text<'b>(headers: &HeaderMap, body: &'b Bytes) -> Result<Cow<'b, str>, Problem> {
    if !is_plain(headers) {
        return Err(Problem::new(Code::UnsupportedMediaType, "send the body without Content-Encoding"));
    }
    let text = std::str::from_utf8(body).map_err(|_| Problem::malformed("the body must be UTF-8"))?;
    // RFC 8259 §8.1: a reader may pass over a byte order mark.
    let text = text.trim_start_matches('\u{feff}').trim();
    if is_form(headers) && !text.is_empty() && !text.starts_with(['{', '[']) {
        return Ok(Cow::Owned(form(text)));
    }
    Ok(Cow::Borrowed(text))
}

/// The fields of a form as an object of texts; a name that is given several times is an array.
fn form(text: &str) -> String {
    let mut fields: Map<String, Value> = Map::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let value = Value::from(value.into_owned());
        match fields.get_mut(name.as_ref()) {
            None => drop(fields.insert(name.into_owned(), value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Value::Object(fields).to_string()
}

/// Whether the body of an answer is a whole JSON document, as far as its head says; one without a content type has none.
pub(super) fn is_readable(method: &Method, status: StatusCode, headers: &HeaderMap) -> bool {
    let is_whole = status != StatusCode::PARTIAL_CONTENT && status != StatusCode::NOT_MODIFIED;
    let is_read = is_json(headers) || !headers.contains_key(CONTENT_TYPE);
    *method != Method::HEAD && is_whole && is_plain(headers) && is_read
}

/// Whether the body is not compressed.
fn is_plain(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Whether the content type is `application/json`, or one that ends in `+json`.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}
