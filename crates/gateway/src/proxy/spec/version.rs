//! `version` of a route: which version of an interface it is, and by which header clients ask for it.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::values::header_name;

/// The header by which versions are asked for when a route names none.
const HEADER: &str = "api-version";

/// A version as it is written: `"2"`, or `{ name = "2", header = "api-version", default = true }`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum VersionSpec {
    Name(String),
    Whole(Whole),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whole {
    name: String,
    header: Option<String>,
    #[serde(default)]
    default: bool,
}

/// A version, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    name: HeaderValue,
    header: HeaderName,
    /// Whether it is meant by those who ask for none.
    is_default: bool,
}

// === impl Version ===

impl Version {
    pub(super) fn read(spec: VersionSpec) -> Result<Self, String> {
        let whole = match spec {
            VersionSpec::Name(name) => Whole { name, header: None, default: false },
            VersionSpec::Whole(whole) => whole,
        };
        let is_plain = !whole.name.is_empty() && whole.name.bytes().all(|byte| byte.is_ascii_graphic());
        let name = HeaderValue::from_str(&whole.name).ok().filter(|_| is_plain);
        Ok(Self {
            name: name.ok_or_else(|| {
                format!("{:?}: write a version such as \"2\" or \"2026-01-01\"", whole.name)
            })?,
            header: header_name(whole.header.as_deref().unwrap_or(HEADER))?,
            is_default: whole.default,
        })
    }

    /// Whether the request asks for it.
    pub(crate) fn is_asked_for(&self, headers: &HeaderMap) -> bool {
        headers.get(&self.header).map_or(self.is_default, |asked| *asked == self.name)
    }

    /// Says in an answer which version it is, and that the answer depends on the header.
    pub(crate) fn add_to(&self, map: &mut HeaderMap) {
        map.insert(self.header.clone(), self.name.clone());
        map.append(http::header::VARY, HeaderValue::from_name(self.header.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_asked_for_by_its_header_or_by_none() {
        let whole = |name: &str, default| Whole { name: name.to_owned(), header: None, default };
        let first = Version::read(VersionSpec::Whole(whole("1", true))).unwrap();
        let second = Version::read(VersionSpec::Name("2".to_owned())).unwrap();
        let mut headers = HeaderMap::new();
        assert!(first.is_asked_for(&headers) && !second.is_asked_for(&headers));
        headers.insert("api-version", HeaderValue::from_static("2"));
        assert!(!first.is_asked_for(&headers) && second.is_asked_for(&headers));
        assert!(Version::read(VersionSpec::Name(String::new())).is_err());
        assert!(Version::read(VersionSpec::Name("a b".to_owned())).is_err());
    }
}
