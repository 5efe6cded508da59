//! What operators write: `[[gateway.upstreams]]`, `[[gateway.routes]]` and `[[gateway.grants]]`, read key by key, so
//! that every mistake of an object is told at once. An object with a mistake is left out; the others count.

pub(crate) mod access;
pub(crate) mod answers;
pub(crate) mod grant;
mod matches;
mod read;
pub(crate) mod route;
pub(crate) mod upstream;
pub(crate) mod values;
pub(crate) mod version;

use std::fmt;

use serde::Serialize;

pub(crate) use matches::RESERVED;
pub(crate) use read::Fields;

/// The objects as they stand in files, not yet read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Raw {
    pub(crate) upstreams: Vec<toml::Table>,
    pub(crate) routes: Vec<toml::Table>,
    pub(crate) grants: Vec<toml::Table>,
}

/// What is wrong with one key of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Mistake {
    /// Which object: `route orders`, `upstream shop`, or a file.
    pub(crate) object: String,
    /// The key, such as `rate_limit.per`; empty for the whole object.
    pub(crate) key: String,
    /// What is wrong and what to write instead.
    pub(crate) detail: String,
}

// === impl Raw ===

impl Raw {
    /// Adds the objects of another source.
    pub(crate) fn add(&mut self, other: Raw) {
        self.upstreams.extend(other.upstreams);
        self.routes.extend(other.routes);
        self.grants.extend(other.grants);
    }
}

// === impl Mistake ===

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, key, detail } = self;
        if key.is_empty() { write!(f, "{object}: {detail}") } else { write!(f, "{object}: {key}: {detail}") }
    }
}
