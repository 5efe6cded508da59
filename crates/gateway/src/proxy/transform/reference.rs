//! References: `/email`, `body`, `path.id`, `query.limit`, `header.x-total`, `bearer`, `status`, `null` and `'a text'`, with
//! alternatives between bars: the first that finds something counts.

use std::borrow::Cow;

use http::HeaderName;
use serde_json::Value;

use super::facts::Facts;
use super::json::Json;
use super::mistake::Mistake;
use super::open::Ambiguous;
use super::pointer::Pointer;

/// What references of a specification may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'s> {
    /// Of which message they are.
    pub(crate) of: Message,
    /// The names that the pattern of the route's path captures.
    pub(crate) captured: &'s [String],
}

/// Of which message a reference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A request with its body.
    Request,
    /// An answer with its body; path and query are those of the request.
    Response,
    /// A request whose body nobody reads.
    Head,
}

/// Where to look, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference(Vec<Source>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Body(Pointer),
    Path(String),
    Query(String),
    Header(HeaderName),
    Bearer,
    Status,
    Null,
    Text(String),
}

/// What a reference found.
#[derive(Clone, Debug)]
pub(super) enum Found<'a> {
    /// A value of the body.
    Value(Json<'a>),
    /// A text from elsewhere.
    Text(String),
    /// A number from elsewhere.
    Number(u16),
    /// A part of the path as it was sent, and without percent-encoding.
    Path { raw: String, plain: String },
}

// === impl Reference ===

impl Reference {
    /// Reads what stands between the braces.
    pub(super) fn parse(text: &str, scope: Scope<'_>) -> Result<Self, Mistake> {
        let sources = text.split('|').map(|source| Source::parse(source.trim(), scope));
        Ok(Self(sources.collect::<Result<_, _>>()?))
    }

    /// Whether it looks into the body.
    pub(super) fn reads_body(&self) -> bool {
        self.0.iter().any(|source| matches!(source, Source::Body(_)))
    }

    /// What is found first; null and an empty text count as nothing found.
    pub(super) fn find<'a>(
        &self,
        facts: Facts<'_>,
        body: Option<&mut Json<'a>>,
    ) -> Result<Option<Found<'a>>, Ambiguous> {
        let mut body = body;
        for source in &self.0 {
            if let Some(found) = source.find(facts, body.as_deref_mut())? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The place of the request to name when nothing was found: as a field of a problem.
    pub(super) fn pointer(&self) -> String {
        match self.0.first() {
            Some(Source::Body(pointer)) => pointer.text(),
            Some(Source::Path(name) | Source::Query(name)) => format!("/{name}"),
            Some(Source::Header(name)) => format!("/{name}"),
            _ => String::new(),
        }
    }
}

// === impl Source ===

impl Source {
    fn parse(text: &str, scope: Scope<'_>) -> Result<Self, Mistake> {
        let quoted = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        if let Some(quoted) = quoted {
            return Ok(Self::Text(quoted.to_owned()));
        }
        let source = match text.split_once('.') {
            _ if text.starts_with('/') => Self::Body(Pointer::parse(text)?),
            Some(("path", name)) => Self::captured(name, scope)?,
            Some(("query", name)) if !name.is_empty() => Self::Query(name.to_owned()),
            Some(("header", name)) => Self::Header(header_name(name)?),
            None if text == "body" => Self::Body(Pointer::parse("")?),
            None if text == "null" => Self::Null,
            None if text == "bearer" && scope.of != Message::Response => Self::Bearer,
            None if text == "status" && scope.of == Message::Response => Self::Status,
            _ => return Err(Self::unknown(text, scope)),
        };
        if scope.of == Message::Head && matches!(source, Self::Body(_)) {
            return Err(Self::unknown(text, scope));
        }
        Ok(source)
    }

    fn captured(name: &str, scope: Scope<'_>) -> Result<Self, Mistake> {
        if scope.captured.iter().any(|known| known == name) {
            return Ok(Self::Path(name.to_owned()));
        }
        let said = if scope.captured.is_empty() {
            format!(
                "`path.{name}` names nothing, for the route's path captures nothing; write {{{name}}} there"
            )
        } else {
            format!("`path.{name}` names nothing; the route's path captures {}", scope.captured.join(", "))
        };
        Err(Mistake::new(said))
    }

    fn unknown(text: &str, scope: Scope<'_>) -> Mistake {
        let known = match scope.of {
            Message::Request => "/member, body, path.name, query.name, header.name, bearer, null or 'a text'",
            Message::Response => {
                "/member, body, path.name, query.name, header.name, status, null or 'a text'"
            }
            Message::Head => "path.name, query.name, header.name, bearer, null or 'a text'",
        };
        Mistake::new(format!(
            "`{{{text}}}` is no reference here; write {known} between the braces, or {{{{ for a brace"
        ))
    }

    fn find<'a>(
        &self,
        facts: Facts<'_>,
        body: Option<&mut Json<'a>>,
    ) -> Result<Option<Found<'a>>, Ambiguous> {
        let found = match self {
            Self::Body(pointer) => {
                let Some(body) = body else { return Ok(None) };
                body.get(pointer)?.map(|value| Found::Value(value.clone()))
            }
            Self::Path(name) => facts
                .params
                .raw(name)
                .zip(facts.params.plain(name))
                .map(|(raw, plain)| Found::Path { raw: raw.to_owned(), plain: plain.into_owned() }),
            Self::Query(name) => facts.query(name).map(Found::Text),
            Self::Header(name) => facts.header(name).map(Found::Text),
            Self::Bearer => facts.bearer().map(Found::Text),
            Self::Status => facts.status.map(|status| Found::Number(status.as_u16())),
            Self::Null => return Ok(Some(Found::Value(Json::constant("null")))),
            Self::Text(text) => return Ok(Some(Found::Text(text.clone()))),
        };
        Ok(found.filter(|found| !found.is_empty()))
    }
}

// === impl Found ===

impl<'a> Found<'a> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Value(json) => json.is_null() || json.scalar().is_some_and(|text| text.is_empty()),
            Self::Text(text) => text.is_empty(),
            Self::Path { raw, .. } => raw.is_empty(),
            Self::Number(_) => false,
        }
    }

    /// As a value of a body.
    pub(super) fn into_value(self) -> Json<'a> {
        match self {
            Self::Value(json) => json,
            Self::Text(text) | Self::Path { plain: text, .. } => Json::of(&Value::from(text)),
            Self::Number(number) => Json::of(&Value::from(number)),
        }
    }

    /// As text; none when it is an object or an array.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Value(json) => json.scalar(),
            Self::Text(text) | Self::Path { plain: text, .. } => Some(Cow::Borrowed(text)),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
        }
    }
}

/// A header's name.
pub(super) fn header_name(text: &str) -> Result<HeaderName, Mistake> {
    let said =
        || Mistake::new(format!("`{text}` is no name of a header; write one such as x-request-source"));
    text.parse().map_err(|_| said())
}
