//! A JSON document that is opened only where a rule looks.
//!
//! What no rule touches stays the text that came, byte for byte: numbers of any size keep every digit, and the cost
//! grows with what is opened. Opening a level reads the text below it once, so a pointer of n segments costs n
//! readings at most; nothing here recurses deeper than what has been opened.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::open::{Ambiguous, index, opened};
use super::pointer::Pointer;

/// A value: closed text, or opened.
#[derive(Clone, Debug)]
pub(crate) enum Json<'a> {
    /// The text of a value, or of a scalar.
    Closed(Closed<'a>),
    /// An object, in the order it came; each name once.
    Object(Vec<(String, Json<'a>)>),
    /// An array.
    Array(Vec<Json<'a>>),
}

/// The text of a value, known to be JSON.
#[derive(Clone, Debug)]
pub(crate) struct Closed<'a> {
    text: Cow<'a, str>,
    strict: bool,
}

// === impl Json ===

impl<'a> Json<'a> {
    /// Takes the text of a request: an opened object that is ambiguous is an error.
    pub(super) fn strict(text: &'a str) -> Result<Self, serde_json::Error> {
        Self::read(text, true)
    }

    /// Takes the text of an answer: of a name given twice the last counts.
    pub(crate) fn lenient(text: &'a str) -> Result<Self, serde_json::Error> {
        Self::read(text, false)
    }

    fn read(text: &'a str, strict: bool) -> Result<Self, serde_json::Error> {
        let raw: &RawValue = serde_json::from_str(text)?;
        Ok(Self::closed(Cow::Borrowed(raw.get()), strict))
    }

    /// A value as text that is known to be JSON.
    pub(crate) fn constant(text: &'a str) -> Self {
        Self::closed(Cow::Borrowed(text), false)
    }

    pub(crate) fn of(value: &Value) -> Self {
        Self::closed(Cow::Owned(value.to_string()), false)
    }

    pub(super) fn closed(text: Cow<'a, str>, strict: bool) -> Self {
        Self::Closed(Closed { text, strict })
    }

    /// The scalar as text: a string without its quotes, a number as it was written. None for null and containers.
    pub(super) fn scalar(&self) -> Option<Cow<'_, str>> {
        let Self::Closed(closed) = self else { return None };
        match closed.text.as_bytes().first() {
            Some(b'"') => serde_json::from_str::<String>(&closed.text).ok().map(Cow::Owned),
            Some(b'{' | b'[' | b'n') | None => None,
            Some(_) => Some(Cow::Borrowed(&closed.text)),
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Closed(closed) if closed.text == "null")
    }

    /// Opens the outermost level of an object or array; a scalar stays what it is.
    pub(crate) fn open(&mut self) -> Result<(), Ambiguous> {
        let Self::Closed(closed) = self else { return Ok(()) };
        *self = match &closed.text {
            Cow::Borrowed(text) => match opened(text, closed.strict)? {
                Some(opened) => opened,
                None => return Ok(()),
            },
            Cow::Owned(text) => match opened(text, closed.strict)? {
                Some(opened) => opened.into_owned(),
                None => return Ok(()),
            },
        };
        Ok(())
    }

    /// The value at a place.
    pub(crate) fn get(&mut self, pointer: &Pointer) -> Result<Option<&mut Self>, Ambiguous> {
        self.descend(pointer.segments())
    }

    fn descend(&mut self, segments: &[String]) -> Result<Option<&mut Self>, Ambiguous> {
        let mut place = self;
        for segment in segments {
            place.open()?;
            let below = match place {
                Self::Object(members) => {
                    members.iter_mut().find(|(name, _)| name == segment).map(|(_, value)| value)
                }
                Self::Array(items) => index(segment).and_then(|index| items.get_mut(index)),
                Self::Closed(_) => None,
            };
            let Some(below) = below else { return Ok(None) };
            place = below;
        }
        Ok(Some(place))
    }

    /// Takes the value at a place below the root out.
    pub(super) fn take(&mut self, pointer: &Pointer) -> Result<Option<Self>, Ambiguous> {
        let Some((last, parents)) = pointer.segments().split_last() else { return Ok(None) };
        let Some(parent) = self.descend(parents)? else { return Ok(None) };
        parent.open()?;
        Ok(match parent {
            Self::Object(members) => {
                let found = members.iter().position(|(name, _)| name == last);
                found.map(|place| members.remove(place).1)
            }
            Self::Array(items) => {
                index(last).filter(|index| *index < items.len()).map(|index| items.remove(index))
            }
            Self::Closed(_) => None,
        })
    }

    /// Puts a value at a place, as `add` of RFC 6902 does: a member is replaced, an item is inserted, `-` appends.
    /// Missing parents are made: objects, or an array for `-`. Nothing happens when something else is in the way.
    pub(crate) fn put(&mut self, pointer: &Pointer, value: Self) -> Result<(), Ambiguous> {
        let Some((last, parents)) = pointer.segments().split_last() else {
            *self = value;
            return Ok(());
        };
        let mut place = self;
        for (depth, segment) in parents.iter().enumerate() {
            let next = parents.get(depth + 1).unwrap_or(last);
            let Some(below) = place.step(segment, next)? else { return Ok(()) };
            place = below;
        }
        place.open()?;
        match place {
            Self::Object(members) => match members.iter_mut().find(|(name, _)| name == last) {
                Some((_, old)) => *old = value,
                None => members.push((last.clone(), value)),
            },
            Self::Array(items) if last == "-" => items.push(value),
            Self::Array(items) => {
                if let Some(index) = index(last).filter(|index| *index <= items.len()) {
                    items.insert(index, value);
                }
            }
            Self::Closed(_) => {}
        }
        Ok(())
    }

    /// The value below this one, made when it is missing; none when something else is in the way.
    fn step(&mut self, segment: &str, next: &str) -> Result<Option<&mut Self>, Ambiguous> {
        self.open()?;
        let fresh = || if next == "-" { Self::Array(Vec::new()) } else { Self::Object(Vec::new()) };
        Ok(match self {
            Self::Object(members) => {
                let found = members.iter().position(|(name, _)| name == segment);
                let place = found.unwrap_or_else(|| {
                    members.push((segment.to_owned(), fresh()));
                    members.len() - 1
                });
                members.get_mut(place).map(|(_, value)| value)
            }
            Self::Array(items) => {
                if segment == "-" {
                    items.push(fresh());
                }
                let last = items.len().checked_sub(1).filter(|_| segment == "-");
                last.or_else(|| index(segment)).and_then(|place| items.get_mut(place))
            }
            Self::Closed(_) => None,
        })
    }

    /// Writes it as text.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Closed(closed) => out.extend_from_slice(closed.text.as_bytes()),
            Self::Object(members) => {
                out.push(b'{');
                for (place, (name, value)) in members.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(Value::from(name.as_str()).to_string().as_bytes());
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
            Self::Array(items) => {
                out.push(b'[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
        }
    }

    /// Its text.
    pub(crate) fn bytes(&self) -> bytes::Bytes {
        let mut out = Vec::new();
        self.write(&mut out);
        out.into()
    }

    fn into_owned(self) -> Json<'static> {
        match self {
            Self::Closed(Closed { text, strict }) => Json::closed(Cow::Owned(text.into_owned()), strict),
            Self::Object(members) => {
                Json::Object(members.into_iter().map(|(name, value)| (name, value.into_owned())).collect())
            }
            Self::Array(items) => Json::Array(items.into_iter().map(Json::into_owned).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Pointer {
        Pointer::parse(text).unwrap()
    }

    fn text(json: &Json<'_>) -> String {
        String::from_utf8(json.bytes().to_vec()).unwrap()
    }

    #[test]
    fn what_is_not_touched_stays_byte_for_byte() {
        let body = r#"{ "big": 123456789012345678901234567890.00, "x": {"a" : [1e400, -0.0]}, "n":null}"#;
        let mut json = Json::strict(body).unwrap();
        json.put(&at("/y"), Json::of(&Value::from(1))).unwrap();
        assert_eq!(
            text(&json),
            r#"{"big":123456789012345678901234567890.00,"x":{"a" : [1e400, -0.0]},"n":null,"y":1}"#
        );
        assert_eq!(
            json.get(&at("/big")).unwrap().unwrap().scalar().unwrap(),
            "123456789012345678901234567890.00"
        );
    }

    #[test]
    fn values_are_taken_and_put() {
        let mut json = Json::strict(r#"{"a":{"b":[1,2,3]},"s":"x"}"#).unwrap();
        assert_eq!(text(&json.take(&at("/a/b/1")).unwrap().unwrap()), "2");
        json.put(&at("/a/b/0"), Json::constant("0")).unwrap();
        json.put(&at("/a/b/-"), Json::constant("4")).unwrap();
        json.put(&at("/n/-/m"), Json::constant("true")).unwrap();
        json.put(&at("/s/x"), Json::constant("5")).unwrap();
        json.put(&at("/a/b/9"), Json::constant("9")).unwrap();
        json.put(&at("/a/b/01"), Json::constant("9")).unwrap();
        assert_eq!(text(&json), r#"{"a":{"b":[0,1,3,4]},"s":"x","n":[{"m":true}]}"#);
        assert!(json.take(&at("/a/b/4")).unwrap().is_none());
        assert!(json.take(&at("/missing/deep")).unwrap().is_none());
    }

    #[test]
    fn twins_are_refused_in_requests_and_the_last_counts_in_answers() {
        let body = r#"{"a":1,"b":2,"a":3}"#;
        assert_eq!(Json::strict(body).unwrap().open(), Err(Ambiguous));
        assert_eq!(Json::strict(r#"{"\ud800":1}"#).unwrap().open(), Err(Ambiguous));
        let mut json = Json::lenient(body).unwrap();
        json.open().unwrap();
        assert_eq!(text(&json), r#"{"b":2,"a":3}"#);
    }

    #[test]
    fn scalars_as_text() {
        let scalar = |text: &str| Json::strict(text).unwrap().scalar().map(Cow::into_owned);
        assert_eq!(scalar(r#""a\nb""#).as_deref(), Some("a\nb"));
        assert_eq!(scalar("1.50").as_deref(), Some("1.50"));
        assert_eq!(scalar("true").as_deref(), Some("true"));
        for none in ["null", "[]", "{}", r#""\ud800""#] {
            assert_eq!(scalar(none), None, "{none}");
        }
    }
}
