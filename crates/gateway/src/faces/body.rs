//! The JSON body of a request as a type: strict in syntax, generous with fields that nobody asked for.
//!
//! A body that cannot be read (syntax, an object key twice, a field of the wrong type) is 400 and says where. A field
//! that is missing is 422, and all of them are told at once: the types have optional fields only, and [`Missing`]
//! takes them out.

use std::fmt::{self, Write as _};

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use denizen_kit::problem::{Code, FieldError, Problem};
use http_body_util::BodyExt;
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use super::failure::Failure;

/// A body that must be there.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

/// A body that may be left out: then every field of it is missing.
#[derive(Debug)]
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let bytes = bytes(request).await?;
        if bytes.is_empty() {
            return Err(Problem::malformed("the body is empty; send a JSON object").into());
        }
        Ok(Self(read(&bytes)?))
    }
}

impl<T: DeserializeOwned + Default, S: Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let bytes = bytes(request).await?;
        Ok(Self(if bytes.is_empty() { T::default() } else { read(&bytes)? }))
    }
}

/// The body, whose size the door has bounded.
async fn bytes(request: Request) -> Result<Bytes, Problem> {
    let unread = |_| Problem::malformed("the body of the request broke off");
    Ok(request.into_body().collect().await.map_err(unread)?.to_bytes())
}

/// Reads an object.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let Strict(value) = serde_json::from_slice(bytes).map_err(|error| syntax(&error))?;
    if !value.is_object() {
        return Err(Problem::malformed("the body must be a JSON object"));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        // What serde says ends in what it expected; before that stands the value, which is not repeated.
        let said = error.inner().to_string();
        let expected = said.rsplit_once("expected ").map_or("of another type", |(_, expected)| expected);
        let detail = format!("this must be {expected}");
        Problem::malformed("a field has the wrong type").with_field(
            &pointer(error.path()),
            "invalid_type",
            detail,
        )
    })
}

/// The value of bytes that are JSON in which no object has a key twice; null of any others.
pub(crate) fn unambiguous(bytes: &[u8]) -> Value {
    serde_json::from_slice::<Strict>(bytes).map_or(Value::Null, |Strict(value)| value)
}

fn syntax(error: &serde_json::Error) -> Problem {
    let place = format!("line {}, column {}", error.line(), error.column());
    if error.is_data() {
        return Problem::malformed(format!("a key appears twice in an object ({place})"));
    }
    Problem::malformed(format!("the body is no JSON ({place})"))
}

/// The JSON pointer (RFC 6901) of a path.
fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                let _ = write!(pointer, "/{index}");
            }
            Segment::Map { key } => {
                let _ = write!(pointer, "/{}", key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// A JSON value without an object that has a key twice: two readers would see two different things.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(value)) = items.next_element()? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if map.insert(key, value).is_some() {
                return Err(A::Error::custom("a key appears twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

/// Takes required fields out of a body and remembers which are missing.
#[derive(Debug, Default)]
pub(crate) struct Missing(Vec<FieldError>);

// === impl Missing ===

impl Missing {
    /// The field, or its type's default and a note.
    pub(crate) fn take<T: Default>(&mut self, pointer: &str, value: Option<T>) -> T {
        value.unwrap_or_else(|| {
            let detail = "this field is required".to_owned();
            self.0.push(FieldError { pointer: pointer.to_owned(), code: "required".to_owned(), detail });
            T::default()
        })
    }

    /// 422 with every field that is missing, if any is.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut problem = Problem::new(Code::ValidationFailed, "fields are missing; see errors");
        problem.fields = self.0;
        Err(problem)
    }
}

/// A field that is there, perhaps as null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given<T> {
    /// As null.
    Null,
    /// With a value.
    Value(T),
}

/// Reads a field so that null is told from absent.
pub(crate) fn given<'de, D, T>(deserializer: D) -> Result<Option<Given<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let value = Option::deserialize(deserializer)?;
    Ok(Some(value.map_or(Given::Null, Given::Value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[expect(dead_code, reason = "read by its type only")]
        push: Option<bool>,
    }

    #[derive(Debug, Deserialize)]
    struct Form {
        email: Option<String>,
        #[expect(dead_code, reason = "read by its type only")]
        preferences: Option<Inner>,
        #[serde(default, deserialize_with = "given")]
        metadata: Option<Given<Map<String, Value>>>,
    }

    fn pointer_of(body: &str) -> (Code, Option<String>) {
        let problem = read::<Form>(body.as_bytes()).unwrap_err();
        (problem.code, problem.fields.first().map(|field| field.pointer.clone()))
    }

    #[test]
    fn a_wrong_type_says_where() {
        let at = |pointer: &str| (Code::MalformedRequest, Some(pointer.to_owned()));
        assert_eq!(pointer_of(r#"{"email":["v@x","evil@x"]}"#), at("/email"));
        assert_eq!(pointer_of(r#"{"email":7}"#), at("/email"));
        assert_eq!(pointer_of(r#"{"preferences":{"push":"yes"}}"#), at("/preferences/push"));
        assert_eq!(pointer_of(r#"{"metadata":[]}"#), at("/metadata"));
    }

    #[test]
    fn the_value_is_not_repeated() {
        let problem = read::<Form>(br#"{"preferences":{"push":"hunter2, expected x"}}"#).unwrap_err();
        assert_eq!(problem.fields[0].detail, "this must be a boolean");
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let deep = format!("{}{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
        for body in [
            r#"{"email":"a","email":"b"}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            "[]",
            "\"x\"",
            "null",
            "{",
            "{} {}",
            r#"{"a":1e400}"#,
            "{'a':1}",
            deep.as_str(),
        ] {
            assert_eq!(pointer_of(body), (Code::MalformedRequest, None), "{}", &body[..body.len().min(40)]);
        }
    }

    #[test]
    fn unknown_fields_are_ignored_and_null_is_told_from_absent() {
        let form: Form = read(br#"{"email":null,"status":"x","metadata":null}"#).unwrap();
        assert_eq!((form.email, form.metadata), (None, Some(Given::Null)));
        assert_eq!(read::<Form>(b"{}").unwrap().metadata, None);
    }

    #[test]
    fn all_missing_fields_are_told_at_once() {
        let mut missing = Missing::default();
        assert_eq!(missing.take::<String>("/name", None), "");
        assert_eq!(missing.take("/email", Some("a".to_owned())), "a");
        missing.take::<String>("/password", None);
        let problem = missing.finish().unwrap_err();
        let pointers: Vec<_> = problem.fields.iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!((problem.code, pointers), (Code::ValidationFailed, vec!["/name", "/password"]));
    }
}
