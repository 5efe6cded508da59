//! Texts and values with references in braces.

use serde_json::Value;

use super::facts::Facts;
use super::json::Json;
use super::mistake::{At as _, Mistake};
use super::open::Ambiguous;
use super::reference::{Found, Reference, Scope};

/// A text with references, such as `Bearer {/access_token}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it stands.
    Text(String),
    /// What a reference finds.
    Found(Reference),
}

/// A value with references in its texts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ValueTemplate {
    /// The text of a value without references.
    Constant(String),
    /// One reference: the value itself, a number stays a number.
    Found(Reference),
    Text(Template),
    Array(Vec<ValueTemplate>),
    Object(Vec<(String, ValueTemplate)>),
}

// === impl Template ===

impl Template {
    /// Reads a text; `{{` and `}}` are braces.
    pub(super) fn parse(text: &str, scope: Scope<'_>) -> Result<Self, Mistake> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(place) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(place);
            plain.push_str(before);
            let brace = &after[..1];
            if after[1..].starts_with(brace) {
                plain.push_str(brace);
                rest = &after[2..];
                continue;
            }
            let Some((reference, tail)) = after.strip_prefix('{').and_then(|after| after.split_once('}'))
            else {
                return Err(Mistake::new(format!(
                    "`{text}` has a lone brace; write {{{{ or }}}} for a plain one"
                )));
            };
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Found(Reference::parse(reference, scope)?));
            rest = tail;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// Whether it looks into the body.
    pub(super) fn reads_body(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Found(reference) if reference.reads_body()))
    }

    /// The text; none when a reference finds nothing, or an object or array.
    pub(super) fn text(
        &self,
        facts: Facts<'_>,
        mut body: Option<&mut Json<'_>>,
    ) -> Result<Option<String>, Ambiguous> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Found(reference) => {
                    let found = reference.find(facts, body.as_deref_mut())?;
                    match found.as_ref().and_then(Found::text) {
                        Some(found) => text.push_str(&found),
                        None => return Ok(None),
                    }
                }
            }
        }
        Ok(Some(text))
    }
}

// === impl ValueTemplate ===

impl ValueTemplate {
    /// Reads a value whose texts may have references.
    pub(super) fn parse(value: &Value, scope: Scope<'_>) -> Result<Self, Mistake> {
        let read = match value {
            Value::String(text) => Self::of_text(Template::parse(text, scope)?),
            Value::Array(items) => {
                let item = |(place, item)| Self::parse(item, scope).at(&format!("[{place}]"));
                Self::Array(items.iter().enumerate().map(item).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let member =
                    |(name, value): (&String, _)| Ok((name.clone(), Self::parse(value, scope).at(name)?));
                Self::Object(members.iter().map(member).collect::<Result<_, Mistake>>()?)
            }
            _ => Self::Constant(value.to_string()),
        };
        Ok(if read.is_constant() { Self::Constant(plain(value).to_string()) } else { read })
    }

    fn of_text(template: Template) -> Self {
        match template.0.as_slice() {
            [Piece::Found(reference)] => Self::Found(reference.clone()),
            _ => Self::Text(template),
        }
    }

    fn is_constant(&self) -> bool {
        match self {
            Self::Constant(_) => true,
            Self::Found(_) => false,
            Self::Text(template) => template.0.iter().all(|piece| matches!(piece, Piece::Text(_))),
            Self::Array(items) => items.iter().all(Self::is_constant),
            Self::Object(members) => members.iter().all(|(_, value)| value.is_constant()),
        }
    }

    /// The value. Entries whose reference finds nothing are left out; none when nothing is left.
    pub(super) fn value<'a>(
        &'a self,
        facts: Facts<'_>,
        body: &mut Json<'a>,
    ) -> Result<Option<Json<'a>>, Ambiguous> {
        match self {
            Self::Constant(text) => Ok(Some(Json::constant(text))),
            Self::Found(reference) => Ok(reference.find(facts, Some(body))?.map(Found::into_value)),
            Self::Text(template) => {
                Ok(template.text(facts, Some(body))?.map(|text| Json::of(&Value::from(text))))
            }
            Self::Array(templates) => {
                let mut items = Vec::with_capacity(templates.len());
                for template in templates {
                    items.extend(template.value(facts, body)?);
                }
                Ok((!items.is_empty()).then_some(Json::Array(items)))
            }
            Self::Object(templates) => {
                let mut members = Vec::with_capacity(templates.len());
                for (name, template) in templates {
                    members.extend(template.value(facts, body)?.map(|value| (name.clone(), value)));
                }
                Ok((!members.is_empty()).then_some(Json::Object(members)))
            }
        }
    }
}

/// A value without references, its doubled braces made plain.
fn plain(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(text.replace("{{", "{").replace("}}", "}")),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), plain(value))).collect())
        }
        other => other.clone(),
    }
}
