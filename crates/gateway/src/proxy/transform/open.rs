//! Reading one level of a JSON text.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json::Json;

/// An object that two readers could read differently: it has a name twice, or one that is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

/// The index that a segment stands for (RFC 6901 §4): digits without a leading zero.
pub(super) fn index(segment: &str) -> Option<usize> {
    let is_plain = segment.bytes().all(|byte| byte.is_ascii_digit());
    let has_leading_zero = segment.len() > 1 && segment.starts_with('0');
    if is_plain && !has_leading_zero { segment.parse().ok() } else { None }
}

/// The level below a text; none for a scalar, and for what a lenient reader cannot open.
pub(super) fn opened(text: &str, strict: bool) -> Result<Option<Json<'_>>, Ambiguous> {
    match text.as_bytes().first() {
        Some(b'{') => match serde_json::from_str::<Members<'_>>(text) {
            Ok(Members(members)) => named(members, strict).map(Some),
            Err(_) if strict => Err(Ambiguous),
            Err(_) => Ok(None),
        },
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            Ok(Some(Json::Array(items.into_iter().map(|raw| below(raw, strict)).collect())))
        }
        _ => Ok(None),
    }
}

fn below(raw: &RawValue, strict: bool) -> Json<'_> {
    Json::closed(Cow::Borrowed(raw.get()), strict)
}

/// Members of an object, each name once: of twins the last.
fn named(mut members: Vec<(String, &RawValue)>, strict: bool) -> Result<Json<'_>, Ambiguous> {
    let names: HashSet<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    let is_unique = names.len() == members.len();
    if !is_unique && strict {
        return Err(Ambiguous);
    }
    if !is_unique {
        let mut kept = HashSet::new();
        members.reverse();
        members.retain(|(name, _)| kept.insert(name.clone()));
        members.reverse();
    }
    Ok(Json::Object(members.into_iter().map(|(name, raw)| (name, below(raw, strict))).collect()))
}

/// The members of an object, their values unread.
struct Members<'t>(Vec<(String, &'t RawValue)>);

impl<'de: 't, 't> Deserialize<'de> for Members<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor).map(Members)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = entries.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}
