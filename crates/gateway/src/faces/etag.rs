//! Entity tags: the version of a resource in quotes, strong (RFC 9110 §8.8.3), and the conditions on it.

use axum::extract::FromRequestParts;
use denizen_kit::problem::{Code, Problem};
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::failure::Failure;

/// The tag of a version.
pub(crate) fn etag(version: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// `If-Match`: the version that a change is meant for; none when any will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IfMatch(pub(crate) Option<i64>);

/// `If-None-Match`: the tags that the client has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IfNoneMatch(Vec<Tag>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    Any,
    Strong(i64),
    Weak(i64),
    /// Well-formed, but none of ours.
    Foreign,
}

// === impl IfMatch ===

impl IfMatch {
    fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        match tags(headers, &IF_MATCH)?.as_slice() {
            [] | [Tag::Any] => Ok(Self(None)),
            [Tag::Strong(version)] => Ok(Self(Some(*version))),
            // The comparison is strong (RFC 9110 §13.1.1): a weak tag never matches.
            [Tag::Weak(_) | Tag::Foreign] => Err(Problem::of(Code::StaleVersion)),
            _ => Err(Problem::malformed("If-Match takes one entity tag, or *")),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self::read(&parts.headers)?)
    }
}

// === impl IfNoneMatch ===

impl IfNoneMatch {
    /// The versions that the client names.
    pub(crate) fn versions(&self) -> Vec<i64> {
        let version = |tag: &Tag| match tag {
            Tag::Strong(held) | Tag::Weak(held) => Some(*held),
            Tag::Any | Tag::Foreign => None,
        };
        self.0.iter().filter_map(version).collect()
    }

    /// Whether the client has this version already. The comparison is weak (RFC 9110 §13.1.2).
    pub(crate) fn has(&self, version: i64) -> bool {
        self.0.iter().any(|tag| match tag {
            Tag::Any => true,
            Tag::Strong(held) | Tag::Weak(held) => *held == version,
            Tag::Foreign => false,
        })
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self(tags(&parts.headers, &IF_NONE_MATCH)?))
    }
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Vec<Tag>, Problem> {
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| malformed(name))?;
        for item in text.split(',') {
            tags.push(read_tag(item.trim()).ok_or_else(|| malformed(name))?);
        }
    }
    Ok(tags)
}

fn read_tag(item: &str) -> Option<Tag> {
    if item == "*" {
        return Some(Tag::Any);
    }
    let (is_weak, opaque) = item.strip_prefix("W/").map_or((false, item), |opaque| (true, opaque));
    let opaque = opaque.strip_prefix('"')?.strip_suffix('"').filter(|opaque| !opaque.contains('"'))?;
    let version = opaque.parse::<i64>().ok().filter(|version| version.to_string() == opaque);
    Some(match (version, is_weak) {
        (Some(version), false) => Tag::Strong(version),
        (Some(version), true) => Tag::Weak(version),
        (None, _) => Tag::Foreign,
    })
}

fn malformed(name: &HeaderName) -> Problem {
    Problem::malformed(format!("{name} is an entity tag such as \"7\", or *"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn if_match_compares_strongly() {
        let read =
            |value| IfMatch::read(&headers(IF_MATCH, value)).map(|tag| tag.0).map_err(|problem| problem.code);
        assert_eq!(read("\"7\""), Ok(Some(7)));
        assert_eq!(read("*"), Ok(None));
        assert_eq!(read("W/\"7\""), Err(Code::StaleVersion));
        assert_eq!(read("\"abc\""), Err(Code::StaleVersion));
        assert_eq!(read("\"07\""), Err(Code::StaleVersion));
        for bad in ["7", "\"7", "", "\"7\", \"8\"", "\"a\"b\""] {
            assert_eq!(read(bad), Err(Code::MalformedRequest), "{bad}");
        }
        assert_eq!(IfMatch::read(&HeaderMap::new()).unwrap(), IfMatch(None));
    }

    #[test]
    fn if_none_match_compares_weakly() {
        let has = |value, version| {
            IfNoneMatch(tags(&headers(IF_NONE_MATCH, value), &IF_NONE_MATCH).unwrap()).has(version)
        };
        assert!(has("\"7\"", 7) && has("W/\"7\"", 7) && has("*", 7) && has("\"a\", \"7\"", 7));
        assert!(!has("\"8\"", 7) && !has("\"a\"", 7));
    }
}
