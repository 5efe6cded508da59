//! What references can look at besides the body.

use std::borrow::Cow;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, StatusCode};
use percent_encoding::percent_decode_str;

/// What the pattern of a path captured, as it was sent: percent-encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

/// The head of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'f> {
    pub(crate) params: &'f Params,
    /// The query as it was sent.
    pub(crate) query: &'f str,
    pub(crate) headers: &'f HeaderMap,
    /// Of an answer.
    pub(crate) status: Option<StatusCode>,
}

// === impl Params ===

impl Params {
    /// The part of the path as it was sent.
    pub(super) fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The part of the path without percent-encoding; none when that is no UTF-8.
    pub(super) fn plain(&self, name: &str) -> Option<Cow<'_, str>> {
        percent_decode_str(self.raw(name)?).decode_utf8().ok()
    }
}

impl<N: AsRef<str>, V: Into<String>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value.into())).collect())
    }
}

// === impl Facts ===

impl Facts<'_> {
    /// The first value of a parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// The first value of a header, when it is text.
    pub(super) fn header(&self, name: &HeaderName) -> Option<String> {
        let value = self.headers.get(name)?;
        std::str::from_utf8(value.as_bytes()).ok().map(str::to_owned)
    }

    /// The credential of `Authorization: Bearer`.
    pub(super) fn bearer(&self) -> Option<String> {
        let value = self.header(&AUTHORIZATION)?;
        let (scheme, credential) = value.split_once(' ')?;
        let credential = credential.trim();
        let is_bearer = scheme.eq_ignore_ascii_case("bearer") && !credential.is_empty();
        is_bearer.then(|| credential.to_owned())
    }
}
