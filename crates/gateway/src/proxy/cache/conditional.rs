//! Conditions of requests: a client's, answered here (RFC 9110 §13), and those that ask the upstream whether an entry
//! still holds.

use http::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, TRANSFER_ENCODING,
};
use http::{HeaderMap, StatusCode};

use super::freshness::date;

/// Whether the client has this answer already, and need not get it again.
pub(super) fn is_not_modified(request: &HeaderMap, status: StatusCode, answer: &HeaderMap) -> bool {
    if status != StatusCode::OK {
        return false;
    }
    if request.contains_key(IF_NONE_MATCH) {
        let held = answer.get(ETAG).and_then(|value| read_tag(value.as_bytes()));
        let mut asked = request.get_all(IF_NONE_MATCH).iter().flat_map(|value| tags(value.as_bytes()));
        return asked
            .any(|tag| tag == b"*" || held.as_ref().is_some_and(|held| opaque(held) == opaque(&tag)));
    }
    match (date(request, &IF_MODIFIED_SINCE), date(answer, &LAST_MODIFIED)) {
        (Some(since), Some(modified)) => modified <= since,
        _ => false,
    }
}

/// Leaves of an answer what "not modified" says (RFC 9110 §15.4.5).
pub(super) fn strip_content(headers: &mut HeaderMap) {
    for name in
        [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, TRANSFER_ENCODING]
    {
        headers.remove(name);
    }
    if headers.contains_key(ETAG) {
        headers.remove(LAST_MODIFIED);
    }
}

/// Takes a client's conditions off a request: the cache wants the whole answer, and answers the client by itself.
pub(super) fn strip_conditions(request: &mut HeaderMap) {
    request.remove(IF_NONE_MATCH);
    request.remove(IF_MODIFIED_SINCE);
}

/// Asks the upstream whether an answer with these headers still holds. Whether there is anything to ask by.
pub(super) fn ask_whether_valid(request: &mut HeaderMap, held: &HeaderMap) -> bool {
    let (tag, modified) = (held.get(ETAG), held.get(LAST_MODIFIED));
    if let Some(tag) = tag {
        request.insert(IF_NONE_MATCH, tag.clone());
    }
    if let Some(modified) = modified {
        request.insert(IF_MODIFIED_SINCE, modified.clone());
    }
    tag.is_some() || modified.is_some()
}

/// One entity tag (RFC 9110 §8.8.3).
pub(super) fn read_tag(text: &[u8]) -> Option<Vec<u8>> {
    tags(text).into_iter().next()
}

/// A tag without its mark of weakness: all comparisons here are weak (RFC 9110 §8.8.3.2).
pub(super) fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// The tags of a list; a comma may stand within one. What is no tag is taken as it stands, up to the next comma.
fn tags(text: &[u8]) -> Vec<Vec<u8>> {
    let mut tags = Vec::new();
    let mut rest = text.trim_ascii();
    while !rest.is_empty() {
        let quote = if rest.starts_with(b"W/\"") { Some(3) } else { rest.starts_with(b"\"").then_some(1) };
        let closing = quote
            .and_then(|start| rest[start..].iter().position(|byte| *byte == b'"').map(|at| start + at + 1));
        let comma = || rest.iter().position(|byte| *byte == b',').unwrap_or(rest.len());
        let (tag, after) = rest.split_at(closing.unwrap_or_else(comma));
        if !tag.trim_ascii().is_empty() {
            tags.push(tag.trim_ascii().to_vec());
        }
        rest = after.trim_ascii();
        rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii();
    }
    tags
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn tags_are_compared_weakly_and_may_hold_commas() {
        for (asked, held, has) in [
            ("\"a\"", "\"a\"", true),
            ("W/\"a\"", "\"a\"", true),
            ("\"a\"", "W/\"a\"", true),
            ("\"b\", W/\"a\"", "\"a\"", true),
            ("\"a,b\"", "\"a,b\"", true),
            ("\"a,b\"", "\"b\"", false),
            ("*", "\"a\"", true),
            ("a", "\"a\"", false),
            ("a", "a", true),
            ("\"a", "\"a\"", false),
            ("", "\"a\"", false),
            ("\"A\"", "\"a\"", false),
        ] {
            let (request, answer) = (headers(&[("if-none-match", asked)]), headers(&[("etag", held)]));
            assert_eq!(is_not_modified(&request, StatusCode::OK, &answer), has, "{asked} {held}");
            assert!(!is_not_modified(&request, StatusCode::NOT_FOUND, &answer));
        }
    }

    #[test]
    fn dates_count_where_there_is_no_tag() {
        let (old, new) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT");
        let answer = headers(&[("last-modified", old), ("etag", "\"a\"")]);
        let has =
            |list: &[(&'static str, &'static str)]| is_not_modified(&headers(list), StatusCode::OK, &answer);
        assert!(has(&[("if-modified-since", old)]) && has(&[("if-modified-since", new)]));
        assert!(has(&[("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT")]));
        assert!(!has(&[("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT")]));
        assert!(!has(&[("if-modified-since", "yesterday")]));
        assert!(!has(&[("if-none-match", "\"b\""), ("if-modified-since", new)]), "the tag decides");
    }
}
