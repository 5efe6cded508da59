//! Values as operators write them: durations, sizes, dates, one or several.

use std::time::Duration;

use denizen_kit::config::{parse_duration, parse_size};
use denizen_kit::time::Timestamp;
use http::{HeaderName, Method};
use serde::{Deserialize, Deserializer, de};

/// A duration such as `"30m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// A size in bytes such as `"64KiB"`, or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

/// A day, from its start in UTC, such as `"2027-01-01"`, or a moment such as `"2027-01-01T12:00:00Z"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date(pub(crate) Timestamp);

/// One value or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Count(u64),
    Text(String),
}

// === impl OneOrMany ===

impl<T> OneOrMany<T> {
    pub(crate) fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(value) => vec![value],
            Self::Many(values) => values,
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        parse_duration(&text).map(Self).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        match Number::deserialize(input).map_err(|_| de::Error::custom("a size is such as \"64KiB\""))? {
            Number::Count(count) => Ok(Self(count)),
            Number::Text(text) => parse_size(&text).map(Self).map_err(de::Error::custom),
        }
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        let at = if text.len() == "2027-01-01".len() { format!("{text}T00:00:00Z") } else { text.clone() };
        let wrong = || de::Error::custom(format!("{text:?}: write a day such as 2027-01-01"));
        at.parse().map(Self).map_err(|_| wrong())
    }
}

/// Methods by name.
pub(crate) fn methods(names: &[String]) -> Result<Vec<Method>, String> {
    names.iter().map(|name| method(name)).collect()
}

/// A method by name, in capitals (RFC 9110 §9.1 has them case-sensitive).
pub(crate) fn method(name: &str) -> Result<Method, String> {
    let wrong = || format!("{name:?}: write a method in capitals, such as GET");
    let is_plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    if !is_plain || name == "CONNECT" {
        return Err(wrong());
    }
    Method::from_bytes(name.as_bytes()).map_err(|_| wrong())
}

/// A header by name.
pub(crate) fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::try_from(name).map_err(|_| format!("{name:?} is no name of a header"))
}

/// A path without a pattern, query or fragment, such as `/shop`.
pub(crate) fn plain_path(text: String) -> Result<String, String> {
    let is_plain =
        text.starts_with('/') && !text.bytes().any(|byte| matches!(byte, b'{' | b'}' | b'?' | b'#'));
    let is_whole = crate::edge::path::check(&text).is_ok();
    if is_plain && is_whole { Ok(text) } else { Err(format!("{text:?}: write a path such as /shop")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
        let value = format!("value = {text}").parse::<toml::Table>().unwrap().remove("value").unwrap();
        T::deserialize(value).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_read_as_they_are_written() {
        assert_eq!(read("\"30m\""), Ok(Span(Duration::from_secs(1800))));
        assert_eq!(read("\"64KiB\""), Ok(Size(65_536)));
        assert_eq!(read("1024"), Ok(Size(1024)));
        let day: Date = read("\"2027-01-01\"").unwrap();
        assert_eq!(day.0.to_string(), "2027-01-01T00:00:00Z");
        assert_eq!(
            read::<Date>("\"2027-01-01T12:00:00+01:00\"").unwrap().0.to_string(),
            "2027-01-01T11:00:00Z"
        );
        assert_eq!(read::<OneOrMany<String>>("\"a\"").unwrap().into_vec(), ["a"]);
        assert_eq!(read::<OneOrMany<String>>("[\"a\", \"b\"]").unwrap().into_vec(), ["a", "b"]);
        assert_eq!(methods(&["GET".to_owned(), "PROPFIND".to_owned()]).unwrap().len(), 2);
        assert_eq!(plain_path("/shop".to_owned()).unwrap(), "/shop");
    }

    #[test]
    fn what_cannot_be_read_says_what_to_write() {
        assert!(read::<Span>("30").is_err());
        assert!(read::<Size>("\"64 kB\"").unwrap_err().contains("KiB"));
        assert!(read::<Date>("\"soon\"").unwrap_err().contains("2027-01-01"));
        for bad in ["get", "", "G T", "CONNECT"] {
            assert!(method(bad).is_err(), "{bad}");
        }
        for bad in ["shop", "/a?b", "/{id}", "/a/../b", "//a"] {
            assert!(plain_path(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
