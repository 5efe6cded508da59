//! The headers that every answer carries, whoever gave it.

use axum::response::Response;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};

use super::locate::Place;
use super::request::{self, REQUEST_ID};
use super::table::{Found, Group};

/// What every answer says. What an upstream says of its own answer counts, where it may.
pub(super) fn put(response: &mut Response, place: &Place<'_>, request_id: &str) {
    let map = response.headers_mut();
    map.insert(REQUEST_ID, request::id_header(request_id));
    if let Place::Routed(rule, _) = place {
        map.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
        map.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
        rule.notices.add_to(map);
        if let Some(version) = &rule.spec.version {
            version.add_to(map);
        }
        return;
    }
    map.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    map.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Who answers with something that may be kept says so, and says by whom.
    let may_say = matches!(place, Place::Own(Found::Endpoint(_, endpoint)) if endpoint.group != Group::Probe);
    if !may_say || !map.contains_key(CACHE_CONTROL) {
        map.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
