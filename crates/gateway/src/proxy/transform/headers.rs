//! Changes of headers.

use std::collections::BTreeMap;

use http::header::{CONNECTION, CONTENT_LENGTH, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::facts::Facts;
use super::json::Json;
use super::mistake::{At as _, Mistake};
use super::open::Ambiguous;
use super::reference::{Scope, header_name};
use super::spec::HeadersSpec;
use super::template::Template;

/// The changes: what is removed goes first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct HeaderRules {
    remove: Vec<HeaderName>,
    rename: Vec<(HeaderName, HeaderName)>,
    write: Vec<(How, HeaderName, Template)>,
}

/// How a header is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Default,
    Set,
    Add,
}

/// The changes with their values.
#[derive(Debug)]
pub(super) struct HeaderEdits<'r> {
    rules: &'r HeaderRules,
    values: Vec<(How, HeaderName, HeaderValue)>,
}

// === impl HeaderRules ===

impl HeaderRules {
    pub(super) fn compile(spec: &HeadersSpec, scope: Scope<'_>) -> Result<Self, Mistake> {
        let mut write = templates(How::Default, &spec.default, scope).at("default")?;
        write.extend(templates(How::Set, &spec.set, scope).at("set")?);
        write.extend(templates(How::Add, &spec.add, scope).at("add")?);
        let pair = |(from, to): (&String, &String)| Ok((ours_to_change(from)?, ours_to_change(to)?));
        Ok(Self {
            remove: spec
                .remove
                .iter()
                .map(|name| ours_to_change(name))
                .collect::<Result<_, _>>()
                .at("remove")?,
            rename: spec.rename.iter().map(pair).collect::<Result<_, _>>().at("rename")?,
            write,
        })
    }

    pub(super) fn reads_body(&self) -> bool {
        self.write.iter().any(|(_, _, template)| template.reads_body())
    }

    /// The changes with the values that their references find; what finds nothing, or what no header can hold, is
    /// left out.
    pub(super) fn evaluate(
        &self,
        facts: Facts<'_>,
        mut body: Option<&mut Json<'_>>,
    ) -> Result<HeaderEdits<'_>, Ambiguous> {
        let mut values = Vec::with_capacity(self.write.len());
        for (how, name, template) in &self.write {
            let text = template.text(facts, body.as_deref_mut())?;
            let value = text.and_then(|text| HeaderValue::try_from(text).ok());
            values.extend(value.map(|value| (*how, name.clone(), value)));
        }
        Ok(HeaderEdits { rules: self, values })
    }
}

// === impl HeaderEdits ===

impl HeaderEdits<'_> {
    pub(super) fn apply(self, headers: &mut HeaderMap) {
        for name in &self.rules.remove {
            headers.remove(name);
        }
        let moved: Vec<(&HeaderName, Vec<HeaderValue>)> = self
            .rules
            .rename
            .iter()
            .map(|(from, to)| (to, taken(headers, from)))
            .filter(|(_, values)| !values.is_empty())
            .collect();
        for (name, values) in moved {
            headers.remove(name);
            for value in values {
                headers.append(name.clone(), value);
            }
        }
        for (how, name, value) in self.values {
            match how {
                How::Default if headers.contains_key(&name) => {}
                How::Default | How::Set => drop(headers.insert(name, value)),
                How::Add => drop(headers.append(name, value)),
            }
        }
    }
}

fn taken(headers: &mut HeaderMap, name: &HeaderName) -> Vec<HeaderValue> {
    let values = headers.get_all(name).iter().cloned().collect();
    headers.remove(name);
    values
}

fn templates(
    how: How,
    table: &BTreeMap<String, String>,
    scope: Scope<'_>,
) -> Result<Vec<(How, HeaderName, Template)>, Mistake> {
    let rule = |(name, text): (&String, &String)| {
        Ok((how, ours_to_change(name)?, Template::parse(text, scope).at(name)?))
    };
    table.iter().map(rule).collect()
}

/// A header that a route may change: not those of one connection or of the length (RFC 9110 §7.6.1), and not those by
/// which the gateway vouches for the caller.
fn ours_to_change(text: &str) -> Result<HeaderName, Mistake> {
    let name = header_name(text)?;
    let of_connection =
        [CONNECTION, CONTENT_LENGTH, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    let others = ["keep-alive", "proxy-connection", "proxy-authorization"];
    if of_connection.contains(&name) || others.contains(&name.as_str()) {
        return Err(Mistake::new(format!(
            "`{name}` belongs to the connection and is the gateway's own; leave it out"
        )));
    }
    if name.as_str().starts_with("x-denizen-") {
        return Err(Mistake::new(format!(
            "`{name}` vouches for the caller and is the gateway's own; use another name"
        )));
    }
    Ok(name)
}
