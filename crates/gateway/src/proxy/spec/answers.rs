//! What a route says beside its upstream's answers: to pages of other origins, and of its own end.

use denizen_kit::time::Timestamp;
use serde::Deserialize;

use super::Fields;
use super::values::{Date, Span, header_name, methods};

/// Which pages may read answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorsSpec {
    pub(crate) origins: Vec<String>,
    #[serde(default)]
    pub(crate) methods: Vec<String>,
    #[serde(default)]
    pub(crate) headers: Vec<String>,
    #[serde(default)]
    pub(crate) expose: Vec<String>,
    #[serde(default)]
    pub(crate) credentials: bool,
    pub(crate) max_age: Option<Span>,
}

/// Since when a route is deprecated (RFC 9745), and when it ends (RFC 8594).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) deprecated: Option<Timestamp>,
    pub(crate) sunset: Option<Timestamp>,
    /// Where people read about it.
    pub(crate) link: Option<String>,
    /// Whether requests after the end are answered 410.
    pub(crate) gone_after_sunset: bool,
}

// === impl CorsSpec ===

impl CorsSpec {
    pub(super) fn check(self) -> Result<Self, String> {
        if self.credentials && self.origins.iter().any(|origin| origin == "*") {
            return Err("with credentials each origin is named; \"*\" does not count there".to_owned());
        }
        methods(&self.methods)?;
        self.headers.iter().chain(&self.expose).try_for_each(|name| header_name(name).map(drop))?;
        let is_origin = |origin: &String| {
            origin == "*"
                || origin.split_once("://").is_some_and(|(_, host)| !host.is_empty() && !host.contains('/'))
        };
        match self.origins.iter().find(|origin| !is_origin(origin)) {
            Some(bad) => Err(format!("origins: {bad:?}: write such as https://app.example")),
            None => Ok(self),
        }
    }
}

// === impl Life ===

impl Life {
    pub(super) fn read(fields: &mut Fields) -> Self {
        let life = Self {
            deprecated: fields.take("deprecated").map(|Date(at)| at),
            sunset: fields.take("sunset").map(|Date(at)| at),
            link: fields.take("deprecation_link"),
            gone_after_sunset: fields.take("gone_after_sunset").unwrap_or_default(),
        };
        if life.gone_after_sunset && life.sunset.is_none() {
            fields.mistake("gone_after_sunset", "say when: sunset = \"2027-01-01\"");
        }
        life
    }
}
