//! Changes of a JSON body.

use std::collections::BTreeMap;

use serde_json::Value;

use super::case::{Case, convert};
use super::facts::Facts;
use super::json::Json;
use super::mistake::{At as _, Mistake};
use super::open::Ambiguous;
use super::pointer::Pointer;
use super::reference::Scope;
use super::spec::BodySpec;
use super::template::ValueTemplate;

/// The changes, in the order in which they are done.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct BodyRules {
    case: Option<(Case, Vec<Pointer>)>,
    rename: Vec<(Pointer, Pointer)>,
    default: Vec<(Pointer, ValueTemplate)>,
    remove: Vec<Pointer>,
    keep: Option<Vec<Pointer>>,
    add: Vec<(Pointer, ValueTemplate)>,
    nest: Vec<(Pointer, Pointer)>,
    each: Vec<(Pointer, BodyRules)>,
    unwrap: Option<Pointer>,
    wrap: Option<Pointer>,
}

// === impl BodyRules ===

impl BodyRules {
    pub(super) fn compile(spec: &BodySpec, scope: Scope<'_>) -> Result<Self, Mistake> {
        let spared = places(&spec.case_except).at("case_except")?;
        if spec.case.is_none() && !spared.is_empty() {
            return Err(Mistake::new("it has no meaning without `case`; write case = \"snake\" too")
                .below("case_except"));
        }
        Ok(Self {
            case: spec.case.map(|case| (case, spared)),
            rename: moves(&spec.rename).at("rename")?,
            default: values(&spec.default, scope).at("default")?,
            remove: places(&spec.remove).at("remove")?,
            keep: spec.keep.as_deref().map(places).transpose().at("keep")?,
            add: values(&spec.add, scope).at("add")?,
            nest: nests(&spec.nest).at("nest")?,
            each: spec
                .each
                .iter()
                .map(|each| compile_each(each, scope))
                .collect::<Result<_, _>>()
                .at("each")?,
            unwrap: spec.unwrap.as_deref().map(Pointer::below_root).transpose().at("unwrap")?,
            wrap: spec.wrap.as_deref().map(Pointer::below_root).transpose().at("wrap")?,
        })
    }

    /// The part after which references look at the body: names are in their new form, and defaults are in.
    pub(super) fn prepare<'a>(&'a self, body: &mut Json<'a>, facts: Facts<'_>) -> Result<(), Ambiguous> {
        if let Some((case, spared)) = &self.case {
            convert(body, *case, spared)?;
        }
        carry(&self.rename, body)?;
        for (place, template) in &self.default {
            if body.get(place)?.is_none()
                && let Some(value) = template.value(facts, body)?
            {
                body.put(place, value)?;
            }
        }
        Ok(())
    }

    /// The rest.
    pub(super) fn finish<'a>(&'a self, body: &mut Json<'a>, facts: Facts<'_>) -> Result<(), Ambiguous> {
        let mut added = Vec::with_capacity(self.add.len());
        for (place, template) in &self.add {
            added.extend(template.value(facts, body)?.map(|value| (place, value)));
        }
        for place in &self.remove {
            body.take(place)?;
        }
        if let Some(places) = &self.keep {
            keep(body, places)?;
        }
        for (place, value) in added {
            body.put(place, value)?;
        }
        carry(&self.nest, body)?;
        for (place, rules) in &self.each {
            let Some(list) = body.get(place)? else { continue };
            list.open()?;
            let Json::Array(items) = list else { continue };
            for item in items {
                rules.prepare(item, facts)?;
                rules.finish(item, facts)?;
            }
        }
        if let Some(place) = &self.unwrap
            && let Some(inner) = body.take(place)?
        {
            *body = inner;
        }
        if let Some(place) = &self.wrap {
            wrap(body, place)?;
        }
        Ok(())
    }
}

fn compile_each(
    (place, spec): (&String, &BodySpec),
    scope: Scope<'_>,
) -> Result<(Pointer, BodyRules), Mistake> {
    Ok((Pointer::parse(place).at(place)?, BodyRules::compile(spec, scope).at(place)?))
}

fn places(texts: &[String]) -> Result<Vec<Pointer>, Mistake> {
    texts.iter().map(|text| Pointer::below_root(text)).collect()
}

fn moves(table: &BTreeMap<String, String>) -> Result<Vec<(Pointer, Pointer)>, Mistake> {
    let pair = |(from, to): (&String, &String)| Ok((Pointer::below_root(from)?, Pointer::below_root(to)?));
    table.iter().map(pair).collect()
}

fn values(
    table: &BTreeMap<String, Value>,
    scope: Scope<'_>,
) -> Result<Vec<(Pointer, ValueTemplate)>, Mistake> {
    let pair = |(place, value): (&String, &Value)| {
        Ok((Pointer::parse(place)?, ValueTemplate::parse(value, scope).at(place)?))
    };
    table.iter().map(pair).collect()
}

fn nests(table: &BTreeMap<String, Vec<String>>) -> Result<Vec<(Pointer, Pointer)>, Mistake> {
    let mut moves = Vec::new();
    for (target, fields) in table {
        let target = Pointer::below_root(target)?;
        for field in places(fields).at(&target.text())? {
            let place = target.with_last_of(&field);
            moves.push((field, place));
        }
    }
    Ok(moves)
}

/// Moves values. All are taken before the first is put, so that two names can be exchanged.
fn carry(moves: &[(Pointer, Pointer)], body: &mut Json<'_>) -> Result<(), Ambiguous> {
    let mut taken = Vec::new();
    for (from, to) in moves {
        taken.extend(body.take(from)?.map(|value| (to, value)));
    }
    taken.into_iter().try_for_each(|(to, value)| body.put(to, value))
}

/// Keeps these places of an object, in their order.
fn keep(body: &mut Json<'_>, places: &[Pointer]) -> Result<(), Ambiguous> {
    body.open()?;
    if !matches!(body, Json::Object(_)) {
        return Ok(());
    }
    let mut kept = Json::Object(Vec::new());
    for place in places {
        if let Some(value) = body.take(place)? {
            kept.put(place, value)?;
        }
    }
    *body = kept;
    Ok(())
}

/// Puts the whole body below a place of a new one: an array for `-`, else an object.
fn wrap(body: &mut Json<'_>, place: &Pointer) -> Result<(), Ambiguous> {
    let is_array = place.segments().first().is_some_and(|segment| segment == "-");
    let outer = if is_array { Json::Array(Vec::new()) } else { Json::Object(Vec::new()) };
    let inner = std::mem::replace(body, outer);
    body.put(place, inner)
}
