//! `match` of a route: which requests it takes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::values::{OneOrMany, header_name, methods};
use crate::proxy::matching::{Conditions, HostPattern, Pattern, Want};

/// First segments of paths that no route can have: probes, figures and well-known places are the system's own.
pub(crate) const RESERVED: [&str; 3] = ["health", ".well-known", "metrics"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MatchSpec {
    path: OneOrMany<String>,
    host: Option<OneOrMany<String>>,
    methods: Option<OneOrMany<String>>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    query: BTreeMap<String, String>,
    content_type: Option<OneOrMany<String>>,
    #[serde(default)]
    body: BTreeMap<String, serde_json::Value>,
}

/// The same, checked.
pub(super) struct Matched {
    pub(super) hosts: Vec<HostPattern>,
    /// One at least.
    pub(super) patterns: Vec<Pattern>,
    pub(super) conditions: Conditions,
}

// === impl Matched ===

impl Matched {
    pub(super) fn read(spec: MatchSpec) -> Result<Self, String> {
        let paths = spec.path.into_vec();
        let patterns: Result<Vec<_>, _> = paths.iter().map(|path| read_path(path)).collect();
        let patterns = patterns.map_err(|detail| format!("path: {detail}"))?;
        if patterns.is_empty() {
            return Err("path: the list is empty; write one such as \"/shop/{*rest}\"".to_owned());
        }
        let hosts = spec.host.map(OneOrMany::into_vec).unwrap_or_default();
        let hosts: Result<Vec<_>, _> = hosts.iter().map(|host| HostPattern::parse(host)).collect();
        let header = |(name, value): (&String, &String)| Ok((header_name(name)?, Want::parse(value)));
        let headers: Result<Vec<_>, String> = spec.headers.iter().map(header).collect();
        let methods = methods(&spec.methods.map(OneOrMany::into_vec).unwrap_or_default());
        let types = spec.content_type.map(OneOrMany::into_vec).unwrap_or_default();
        let query = spec.query.iter().map(|(name, value)| (name.clone(), Want::parse(value))).collect();
        let conditions = Conditions {
            methods: methods.map_err(|detail| format!("methods: {detail}"))?,
            headers: headers.map_err(|detail| format!("headers: {detail}"))?,
            query,
            content_types: types.iter().map(|text| text.to_ascii_lowercase()).collect(),
            body: spec.body.into_iter().map(read_member).collect::<Result<_, _>>()?,
        };
        Ok(Self { hosts: hosts.map_err(|detail| format!("host: {detail}"))?, patterns, conditions })
    }
}

/// The pattern of a path that a route may have.
fn read_path(text: &str) -> Result<Pattern, String> {
    let pattern = Pattern::parse(text)?;
    if pattern.first().is_some_and(|first| RESERVED.contains(&first)) {
        return Err(format!("{text}: /health, /.well-known and /metrics are the system's own"));
    }
    Ok(pattern)
}

/// A member of the body: a JSON pointer (RFC 6901), and the scalar that must stand there.
fn read_member((pointer, value): (String, serde_json::Value)) -> Result<(String, serde_json::Value), String> {
    if !pointer.starts_with('/') {
        return Err(format!("body: {pointer:?}: write a JSON pointer such as \"/kind\""));
    }
    if value.is_array() || value.is_object() {
        return Err(format!("body: {pointer:?}: compare with a text, a number, true or false"));
    }
    Ok((pointer, value))
}
