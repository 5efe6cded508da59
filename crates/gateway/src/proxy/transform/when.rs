//! When a step is done.

use http::StatusCode;

use super::facts::Facts;
use super::json::Json;
use super::mistake::{At as _, Mistake};
use super::open::Ambiguous;
use super::reference::{Message, Reference, Scope};
use super::spec::WhenSpec;

/// Conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct When {
    statuses: Option<Vec<Statuses>>,
    has: Vec<Reference>,
    lacks: Vec<Reference>,
}

/// Some statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Statuses {
    One(u16),
    /// The hundreds.
    Class(u16),
    Any,
}

// === impl When ===

impl When {
    pub(super) fn compile(spec: &WhenSpec, scope: Scope<'_>) -> Result<Self, Mistake> {
        if spec.status.is_some() && scope.of != Message::Response {
            return Err(Mistake::new("only an answer has a status; leave it out").below("status"));
        }
        let statuses =
            spec.status.as_ref().map(|list| list.iter().map(|text| Statuses::parse(text)).collect());
        let references = |list: &[String]| -> Result<Vec<Reference>, Mistake> {
            list.iter().map(|text| Reference::parse(text, scope)).collect()
        };
        Ok(Self {
            statuses: statuses.transpose().at("status")?,
            has: references(&spec.has).at("has")?,
            lacks: references(&spec.lacks).at("lacks")?,
        })
    }

    pub(super) fn reads_body(&self) -> bool {
        self.has.iter().chain(&self.lacks).any(Reference::reads_body)
    }

    /// Whether it names the statuses it is for.
    pub(super) const fn names_statuses(&self) -> bool {
        self.statuses.is_some()
    }

    pub(super) fn holds(&self, facts: Facts<'_>, mut body: Option<&mut Json<'_>>) -> Result<bool, Ambiguous> {
        if let (Some(statuses), Some(status)) = (&self.statuses, facts.status)
            && !statuses.iter().any(|statuses| statuses.contain(status))
        {
            return Ok(false);
        }
        for (references, wanted) in [(&self.has, true), (&self.lacks, false)] {
            for reference in references {
                if reference.find(facts, body.as_deref_mut())?.is_some() != wanted {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

// === impl Statuses ===

impl Statuses {
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let said =
            || Mistake::new(format!("`{text}` is no status; write one such as \"404\", \"4xx\" or \"any\""));
        if text == "any" {
            return Ok(Self::Any);
        }
        let class = text.strip_suffix("xx").and_then(|class| class.parse().ok());
        match (class, text.parse()) {
            (Some(class @ 1..=5), _) => Ok(Self::Class(class)),
            (_, Ok(status @ 100..=599)) => Ok(Self::One(status)),
            _ => Err(said()),
        }
    }

    pub(super) fn contain(self, status: StatusCode) -> bool {
        match self {
            Self::One(one) => status.as_u16() == one,
            Self::Class(class) => status.as_u16() / 100 == class,
            Self::Any => true,
        }
    }
}
