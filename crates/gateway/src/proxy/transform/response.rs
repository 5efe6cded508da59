//! An answer on its way from an upstream to the client.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use super::body::BodyRules;
use super::facts::{Facts, Params};
use super::headers::HeaderRules;
use super::links;
use super::mistake::{At as _, Mistake};
use super::open::Ambiguous;
use super::read::{Document, is_readable};
use super::reference::{Message, Scope};
use super::request::DIGESTS;
use super::spec::{ResponseSpec, ResponseStepSpec, StatusSpec};
use super::when::{Statuses, When};

/// What a route changes in an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ResponseTransform {
    steps: Vec<Step>,
    needs_body: bool,
}

/// The request that an answer is for.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    /// The method by which the client came.
    pub(crate) method: Method,
    /// The target as the client sent it.
    pub(crate) uri: Uri,
    /// The target that the upstream was asked for.
    pub(crate) sent: Uri,
    /// What the pattern of the route's path captured.
    pub(crate) params: Params,
}

#[derive(Clone, Debug, PartialEq)]
struct Step {
    when: When,
    status: Vec<(Statuses, StatusCode)>,
    headers: HeaderRules,
    body: Option<BodyRules>,
    links: bool,
}

/// What a step works on.
struct Answer<'w, 'a> {
    status: &'w mut StatusCode,
    headers: &'w mut HeaderMap,
    document: &'w mut Option<Document<'a>>,
}

// === impl ResponseTransform ===

impl ResponseTransform {
    /// Compiles a specification; `captured` are the names in the pattern of the route's path.
    pub(crate) fn compile(spec: &ResponseSpec, captured: &[String]) -> Result<Self, Mistake> {
        let scope = Scope { of: Message::Response, captured };
        let step = |(place, step)| {
            let compiled = Step::compile(step, scope);
            if spec.0.len() == 1 { compiled } else { compiled.at(&format!("[{place}]")) }
        };
        let steps = spec.0.iter().enumerate().map(step).collect::<Result<Vec<_>, _>>().at("response")?;
        let needs_body = steps.iter().any(Step::reads_body);
        Ok(Self { steps, needs_body })
    }

    /// Whether the body of an answer with this head must be given whole. If not it can be streamed: one that no rule
    /// reads, or that is no plain JSON.
    pub(crate) fn reads(&self, incoming: &Incoming, status: StatusCode, headers: &HeaderMap) -> bool {
        self.needs_body && is_readable(&incoming.method, status, headers)
    }

    /// Makes a request ask for an answer that can be changed: whole, and not compressed.
    pub(crate) fn prepare(&self, headers: &mut HeaderMap) {
        if self.needs_body {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            headers.remove(RANGE);
            headers.remove(IF_RANGE);
        }
    }

    /// Changes an answer: its new body, or none when the one that was not given goes on as it comes. A body that is no
    /// JSON, or not whole, stays as it is. So does one of a status from 400 on, unless a step names the statuses that it
    /// is for.
    pub(crate) fn apply(
        &self,
        incoming: &Incoming,
        status: &mut StatusCode,
        headers: &mut HeaderMap,
        body: Option<Bytes>,
    ) -> Option<Bytes> {
        let readable = body.as_ref().filter(|_| self.reads(incoming, *status, headers));
        let text = readable.and_then(|body| std::str::from_utf8(body).ok());
        let mut document = text.and_then(Document::of_answer);
        let mut is_rewritten = false;
        for step in &self.steps {
            let answer = Answer { status, headers, document: &mut document };
            // An answer is read leniently, so that nothing in it is ambiguous.
            is_rewritten |= step.apply(incoming, answer).unwrap_or_default();
        }
        if has_no_body(*status) {
            headers.remove(CONTENT_TYPE);
            headers.remove(CONTENT_LENGTH);
            return Some(Bytes::new());
        }
        match document {
            Some(document) if is_rewritten => {
                let bytes = document.bytes();
                describe(headers, &bytes);
                Some(bytes)
            }
            _ => body,
        }
    }
}

// === impl Step ===

impl Step {
    fn compile(spec: &ResponseStepSpec, scope: Scope<'_>) -> Result<Self, Mistake> {
        Ok(Self {
            when: When::compile(&spec.when, scope).at("when")?,
            status: spec.status.as_ref().map_or(Ok(Vec::new()), statuses).at("status")?,
            headers: HeaderRules::compile(&spec.headers, scope).at("headers")?,
            body: spec.body.as_ref().map(|body| BodyRules::compile(body, scope)).transpose().at("body")?,
            links: spec.links,
        })
    }

    fn reads_body(&self) -> bool {
        self.body.is_some() || self.when.reads_body() || self.headers.reads_body()
    }

    /// Does the step, if it is for this answer: whether it has rewritten the body.
    fn apply<'a>(&'a self, incoming: &Incoming, answer: Answer<'_, 'a>) -> Result<bool, Ambiguous> {
        let Answer { status, headers, document } = answer;
        let query = incoming.uri.query().unwrap_or_default();
        let facts = Facts { params: &incoming.params, query, headers, status: Some(*status) };
        let mut json = document.as_mut().map(|document| &mut document.json);
        if !self.when.holds(facts, json.as_deref_mut())? {
            return Ok(false);
        }
        let is_for_body = status.as_u16() < 400 || self.when.names_statuses();
        let rules = self.body.as_ref().filter(|_| is_for_body && json.is_some());
        if let (Some(rules), Some(json)) = (rules, json.as_deref_mut()) {
            rules.prepare(json, facts)?;
        }
        let edits = self.headers.evaluate(facts, json.as_deref_mut())?;
        if let (Some(rules), Some(json)) = (rules, json) {
            rules.finish(json, facts)?;
        }
        edits.apply(headers);
        if self.links {
            links::rewrite(headers, &incoming.uri, &incoming.sent);
        }
        let mapped = self.status.iter().find(|(from, _)| from.contain(*status));
        if let Some((_, to)) = mapped {
            *status = *to;
        }
        Ok(rules.is_some())
    }
}

/// The statuses to change, single ones before classes.
fn statuses(spec: &StatusSpec) -> Result<Vec<(Statuses, StatusCode)>, Mistake> {
    let table = match spec {
        StatusSpec::All(status) => &BTreeMap::from([("any".to_owned(), *status)]),
        StatusSpec::Table(table) => table,
    };
    let mut statuses = Vec::with_capacity(table.len());
    for (from, to) in table {
        let said = || Mistake::new(format!("{to} is no status of an answer; write one from 200 to 599"));
        let to = StatusCode::from_u16(*to).ok().filter(|to| (200..600).contains(&to.as_u16()));
        statuses.push((Statuses::parse(from)?, to.ok_or_else(said)?));
    }
    statuses.sort_by_key(|(from, _)| *from);
    Ok(statuses)
}

/// Whether an answer of the status has no content (RFC 9110 §6.4.1, §15.3.6).
fn has_no_body(status: StatusCode) -> bool {
    status.is_informational() || matches!(status.as_u16(), 204 | 205 | 304)
}

/// Says of a body in the headers what is true of it.
fn describe(headers: &mut HeaderMap, body: &Bytes) {
    for name in DIGESTS {
        headers.remove(name);
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    if body.is_empty() {
        headers.remove(CONTENT_TYPE);
    } else if !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
}
