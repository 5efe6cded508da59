//! Requests that may change something, and what is forgotten after them (RFC 9111 §4.4).

use axum::response::Response;
use http::Uri;
use http::header::{CONTENT_LOCATION, LOCATION};

use super::Store;
use super::key::{Lookup, canonical_host};
use super::purge::Purge;

/// What a request may have changed. Dropped, it is forgotten: also when the client leaves before it is known what came
/// of it.
pub(super) struct Change<'a> {
    store: &'a Store,
    is_https: bool,
    site: String,
    target: Uri,
    paths: Vec<String>,
}

// === impl Change ===

impl<'a> Change<'a> {
    pub(super) fn new(store: &'a Store, lookup: &Lookup, target: &Uri) -> Self {
        Self {
            store,
            is_https: lookup.is_https,
            site: canonical_host(&lookup.host, lookup.is_https).into_string(),
            target: target.clone(),
            paths: vec![target.path().to_owned()],
        }
    }

    /// Takes in what came of it: an error has changed nothing; else what the answer names has changed too, if it is of
    /// the same host.
    pub(super) fn take(&mut self, answer: &Response) {
        if answer.status().is_client_error() || answer.status().is_server_error() {
            self.paths.clear();
            return;
        }
        for name in [LOCATION, CONTENT_LOCATION] {
            let text = answer.headers().get(&name).and_then(|value| value.to_str().ok());
            self.paths.extend(text.and_then(|text| self.path_here(text)));
        }
    }

    /// The path of an address at the same host: a whole address, a path, or one relative to the target.
    fn path_here(&self, text: &str) -> Option<String> {
        if text.starts_with("//") {
            return None;
        }
        if text.contains("://") {
            let uri = text.parse::<Uri>().ok()?;
            let host = canonical_host(uri.authority()?.as_str(), self.is_https);
            return (*host == *self.site).then(|| uri.path().to_owned());
        }
        let bare = text.split(['?', '#']).next().unwrap_or_default();
        if bare.starts_with('/') {
            return Some(bare.to_owned());
        }
        let folder = self.target.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        Some(format!("{folder}/{bare}"))
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        for path in self.paths.drain(..) {
            self.store.purge_soon(Purge::Path(Some(self.site.clone()), path));
        }
    }
}
