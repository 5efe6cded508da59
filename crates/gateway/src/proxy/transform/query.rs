//! Changes of a query.

use std::collections::BTreeMap;

use super::facts::Facts;
use super::json::Json;
use super::mistake::{At as _, Mistake};
use super::open::Ambiguous;
use super::reference::Scope;
use super::spec::QuerySpec;
use super::template::Template;

/// The changes: what is removed goes first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct QueryRules {
    keep: Option<Vec<String>>,
    remove: Vec<String>,
    rename: BTreeMap<String, String>,
    write: Vec<(How, String, Template)>,
}

/// How a parameter is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Default,
    Set,
    Add,
}

// === impl QueryRules ===

impl QueryRules {
    pub(super) fn compile(spec: &QuerySpec, scope: Scope<'_>) -> Result<Self, Mistake> {
        let mut write = templates(How::Default, &spec.default, scope).at("default")?;
        write.extend(templates(How::Set, &spec.set, scope).at("set")?);
        write.extend(templates(How::Add, &spec.add, scope).at("add")?);
        Ok(Self { keep: spec.keep.clone(), remove: spec.remove.clone(), rename: spec.rename.clone(), write })
    }

    /// A query of its own: these parameters and none of the request's.
    pub(crate) fn of_own(table: &BTreeMap<String, String>, scope: Scope<'_>) -> Result<Self, Mistake> {
        let write = templates(How::Set, table, scope)?;
        Ok(Self { keep: Some(Vec::new()), write, ..Self::default() })
    }

    pub(super) fn reads_body(&self) -> bool {
        self.write.iter().any(|(_, _, template)| template.reads_body())
    }

    fn is_empty(&self) -> bool {
        self.keep.is_none() && self.remove.is_empty() && self.rename.is_empty() && self.write.is_empty()
    }

    /// The new query; none when there is nothing to change. Parameters that no rule names stay as they were sent.
    pub(crate) fn evaluate(
        &self,
        facts: Facts<'_>,
        mut body: Option<&mut Json<'_>>,
    ) -> Result<Option<String>, Ambiguous> {
        if self.is_empty() {
            return Ok(None);
        }
        let mut pairs = pairs(facts.query);
        pairs.retain(|(name, _)| self.lets_stay(name));
        for (name, raw) in &mut pairs {
            if let Some(new) = self.rename.get(name) {
                *raw = format!("{}={}", encoded(new), raw.split_once('=').map_or("", |(_, value)| value));
                name.clone_from(new);
            }
        }
        for (how, name, template) in &self.write {
            let Some(value) = template.text(facts, body.as_deref_mut())? else { continue };
            let is_there = pairs.iter().any(|(known, _)| known == name);
            if *how == How::Default && is_there {
                continue;
            }
            if *how == How::Set {
                pairs.retain(|(known, _)| known != name);
            }
            pairs.push((name.clone(), format!("{}={}", encoded(name), encoded(&value))));
        }
        let raw: Vec<String> = pairs.into_iter().map(|(_, raw)| raw).collect();
        Ok(Some(raw.join("&")))
    }

    fn lets_stay(&self, name: &String) -> bool {
        !self.remove.contains(name) && self.keep.as_ref().is_none_or(|keep| keep.contains(name))
    }
}

fn templates(
    how: How,
    table: &BTreeMap<String, String>,
    scope: Scope<'_>,
) -> Result<Vec<(How, String, Template)>, Mistake> {
    let rule =
        |(name, text): (&String, &String)| Ok((how, name.clone(), Template::parse(text, scope).at(name)?));
    table.iter().map(rule).collect()
}

/// The parameters of a query: their names, and as they were sent.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    let raw = query.split('&').filter(|pair| !pair.is_empty());
    raw.map(|pair| {
        let name = form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned());
        (name.unwrap_or_default(), pair.to_owned())
    })
    .collect()
}

pub(super) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
