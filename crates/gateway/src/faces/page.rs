//! Lists: items, where the next page starts, and the link to it (RFC 8288).

use axum::response::{IntoResponse, Response};
use http::header::LINK;
use http::{HeaderValue, Uri};
use serde::Serialize;
use utoipa::ToSchema;

use super::json::json;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The items.
    items: Vec<T>,
    /// Where the next page starts; null on the last.
    next_cursor: Option<String>,
    /// How many there are in all, if `total=true` asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    total: Option<i64>,
}

/// The answer of a list; an empty cursor is that of the last page.
pub(crate) fn page<T: Serialize>(
    uri: &Uri,
    items: Vec<T>,
    next_cursor: String,
    total: Option<i64>,
) -> Response {
    let next_cursor = Some(next_cursor).filter(|cursor| !cursor.is_empty());
    let page = Page { items, next_cursor, total };
    linked(uri, page.next_cursor.as_deref(), json(&page))
}

/// An answer with the link to its next page, if there is one.
pub(crate) fn linked(uri: &Uri, next_cursor: Option<&str>, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    let link = next_cursor.and_then(|cursor| HeaderValue::try_from(next_link(uri, cursor)).ok());
    if let Some(link) = link {
        response.headers_mut().insert(LINK, link);
    }
    response
}

/// The same target with another cursor; without an origin, for clients reach us by names that only they know.
fn next_link(uri: &Uri, cursor: &str) -> String {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs.filter(|(name, _)| name != "cursor"));
    query.append_pair("cursor", cursor);
    format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_keeps_the_query_and_replaces_the_cursor() {
        let uri = Uri::from_static("/api/v1/users?q=a%20b&cursor=old&limit=2");
        assert_eq!(next_link(&uri, "n/w="), "</api/v1/users?q=a+b&limit=2&cursor=n%2Fw%3D>; rel=\"next\"");
    }

    #[test]
    fn the_last_page_has_no_link() {
        let response = page(&Uri::from_static("/x"), Vec::<i32>::new(), String::new(), None);
        assert!(!response.headers().contains_key(LINK));
    }
}
