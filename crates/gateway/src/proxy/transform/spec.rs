//! Transformations as they stand in a route: `request = {…}` and `response = {…}`, each one table or a list of them.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::case::Case;

/// What a route changes in a request: steps, done one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RequestSpec(pub(super) Vec<RequestStepSpec>);

/// What a route changes in an answer: steps, done one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ResponseSpec(pub(super) Vec<ResponseStepSpec>);

/// One step of a request.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RequestStepSpec {
    pub(super) when: WhenSpec,
    pub(super) method: Option<String>,
    pub(super) path: Option<String>,
    pub(super) query: QuerySpec,
    pub(super) headers: HeadersSpec,
    pub(super) body: Option<BodySpec>,
}

/// One step of an answer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ResponseStepSpec {
    pub(super) when: WhenSpec,
    pub(super) status: Option<StatusSpec>,
    pub(super) headers: HeadersSpec,
    pub(super) body: Option<BodySpec>,
    pub(super) links: bool,
}

/// When a step is done: all of it must hold.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WhenSpec {
    /// Any of these statuses: `200`, `2xx` or `any`.
    pub(super) status: Option<Vec<String>>,
    /// References that all find something.
    pub(super) has: Vec<String>,
    /// References that all find nothing.
    pub(super) lacks: Vec<String>,
}

/// One status for all answers, or a table from statuses to statuses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StatusSpec {
    All(u16),
    Table(BTreeMap<String, u16>),
}

/// Changes of headers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HeadersSpec {
    pub(super) remove: Vec<String>,
    pub(super) rename: BTreeMap<String, String>,
    pub(super) default: BTreeMap<String, String>,
    pub(super) set: BTreeMap<String, String>,
    pub(super) add: BTreeMap<String, String>,
}

/// Changes of the query.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct QuerySpec {
    pub(super) keep: Option<Vec<String>>,
    pub(super) remove: Vec<String>,
    pub(super) rename: BTreeMap<String, String>,
    pub(super) default: BTreeMap<String, String>,
    pub(super) set: BTreeMap<String, String>,
    pub(super) add: BTreeMap<String, String>,
}

/// Changes of a JSON body, done in the order of these fields.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BodySpec {
    pub(super) case: Option<Case>,
    pub(super) case_except: Vec<String>,
    pub(super) rename: BTreeMap<String, String>,
    pub(super) default: BTreeMap<String, Value>,
    pub(super) remove: Vec<String>,
    pub(super) keep: Option<Vec<String>>,
    pub(super) add: BTreeMap<String, Value>,
    pub(super) nest: BTreeMap<String, Vec<String>>,
    pub(super) each: BTreeMap<String, BodySpec>,
    pub(super) unwrap: Option<String>,
    pub(super) wrap: Option<String>,
}

impl<'de> Deserialize<'de> for RequestSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Steps(PhantomData)).map(Self)
    }
}

impl<'de> Deserialize<'de> for ResponseSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Steps(PhantomData)).map(Self)
    }
}

/// A table or a list of tables; unlike an untagged enum it names the key that is wrong.
struct Steps<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Steps<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of changes, or a list of such tables")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|step| vec![step])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list))
    }
}

impl<'de> Deserialize<'de> for StatusSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StatusVisitor)
    }
}

struct StatusVisitor;

impl<'de> Visitor<'de> for StatusVisitor {
    type Value = StatusSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status such as 200, or a table such as { 204 = 200 }")
    }

    fn visit_i64<E: serde::de::Error>(self, status: i64) -> Result<StatusSpec, E> {
        let out_of_range = || E::invalid_value(serde::de::Unexpected::Signed(status), &self);
        u16::try_from(status).map(StatusSpec::All).map_err(|_| out_of_range())
    }

    fn visit_u64<E: serde::de::Error>(self, status: u64) -> Result<StatusSpec, E> {
        let out_of_range = || E::invalid_value(serde::de::Unexpected::Unsigned(status), &self);
        u16::try_from(status).map(StatusSpec::All).map_err(|_| out_of_range())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StatusSpec, A::Error> {
        BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(StatusSpec::Table)
    }
}
