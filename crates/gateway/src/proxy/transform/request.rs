//! A request on its way to an upstream.

use bytes::Bytes;
use denizen_kit::problem::Problem;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Uri};

use super::body::BodyRules;
use super::facts::{Facts, Params};
use super::headers::HeaderRules;
use super::mistake::{At as _, Mistake};
use super::path::PathTemplate;
use super::query::QueryRules;
use super::read::{Document, request_text};
use super::reference::{Message, Scope};
use super::spec::{RequestSpec, RequestStepSpec};
use super::when::When;

/// Headers that tell of the bytes of a body (RFC 9530, RFC 1864), and are wrong about other bytes.
pub(super) const DIGESTS: [&str; 4] = ["content-md5", "digest", "content-digest", "repr-digest"];

/// What a route changes in a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RequestTransform {
    steps: Vec<Step>,
    needs_body: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Step {
    when: When,
    method: Option<Method>,
    path: Option<PathTemplate>,
    query: QueryRules,
    headers: HeaderRules,
    body: Option<BodyRules>,
}

// === impl RequestTransform ===

impl RequestTransform {
    /// Compiles a specification; `captured` are the names in the pattern of the route's path.
    pub(crate) fn compile(spec: &RequestSpec, captured: &[String]) -> Result<Self, Mistake> {
        let scope = Scope { of: Message::Request, captured };
        let step = |(place, step)| {
            let compiled = Step::compile(step, scope);
            if spec.0.len() == 1 { compiled } else { compiled.at(&format!("[{place}]")) }
        };
        let steps = spec.0.iter().enumerate().map(step).collect::<Result<Vec<_>, _>>().at("request")?;
        let needs_body = steps.iter().any(Step::reads_body);
        Ok(Self { steps, needs_body })
    }

    /// Whether the body must be given whole; if not, [`Self::apply`] takes and gives an empty one, and the body of the
    /// request can be streamed.
    pub(crate) const fn needs_body(&self) -> bool {
        self.needs_body
    }

    /// The first key by which it changes or reads more than headers and query, if there is one.
    pub(crate) fn beyond_head(&self) -> Option<&'static str> {
        self.steps.iter().find_map(Step::beyond_head)
    }

    /// Whether it may give a request another method.
    pub(crate) fn changes_method(&self) -> bool {
        self.steps.iter().any(|step| step.method.is_some())
    }

    /// Changes a request. A body that must be read and cannot be is 400, or 415 when it is compressed; a value that
    /// the path needs and that is not there is 422.
    pub(crate) fn apply(&self, parts: &mut Parts, params: &Params, body: Bytes) -> Result<Bytes, Problem> {
        let text = self.needs_body.then(|| request_text(&parts.headers, &body));
        let mut document = match &text {
            Some(Ok(text)) => Document::of_request(text),
            Some(Err(problem)) => Err(problem.clone()),
            None => Err(Problem::malformed("the body was not read")),
        };
        let (mut is_rewritten, mut is_other_method) = (false, false);
        for step in &self.steps {
            let Some(done) = step.apply(parts, params, &mut document)? else { continue };
            is_rewritten |= done;
            is_other_method |= step.method.is_some();
        }
        if is_other_method && parts.method.is_safe() {
            describe(&mut parts.headers, &Bytes::new());
            return Ok(Bytes::new());
        }
        match document {
            Ok(document) if is_rewritten => {
                let bytes = document.bytes();
                describe(&mut parts.headers, &bytes);
                Ok(bytes)
            }
            _ => Ok(body),
        }
    }
}

// === impl Step ===

impl Step {
    fn compile(spec: &RequestStepSpec, scope: Scope<'_>) -> Result<Self, Mistake> {
        let path = spec.path.as_deref().map(|text| PathTemplate::parse(text, scope));
        Ok(Self {
            when: When::compile(&spec.when, scope).at("when")?,
            method: spec.method.as_deref().map(verb).transpose().at("method")?,
            path: path.transpose().at("path")?,
            query: QueryRules::compile(&spec.query, scope).at("query")?,
            headers: HeaderRules::compile(&spec.headers, scope).at("headers")?,
            body: spec.body.as_ref().map(|body| BodyRules::compile(body, scope)).transpose().at("body")?,
        })
    }

    fn reads_body(&self) -> bool {
        self.body.is_some()
            || self.when.reads_body()
            || self.path.as_ref().is_some_and(PathTemplate::reads_body)
            || self.query.reads_body()
            || self.headers.reads_body()
    }

    fn beyond_head(&self) -> Option<&'static str> {
        let keys =
            [("method", self.method.is_some()), ("path", self.path.is_some()), ("body", self.reads_body())];
        keys.into_iter().find_map(|(key, is_there)| is_there.then_some(key))
    }

    /// Does the step: whether it has rewritten the body; none when it is not for this request.
    fn apply<'a>(
        &'a self,
        parts: &mut Parts,
        params: &Params,
        document: &mut Result<Document<'a>, Problem>,
    ) -> Result<Option<bool>, Problem> {
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let facts = Facts { params, query: &query, headers: &parts.headers, status: None };
        if !self.when.holds(facts, document.as_mut().ok().map(|document| &mut document.json))? {
            return Ok(None);
        }
        if let Some(rules) = &self.body {
            let document = document.as_mut().map_err(|problem| problem.clone())?;
            rules.prepare(&mut document.json, facts)?;
        }
        let mut json = document.as_mut().ok().map(|document| &mut document.json);
        let path = self.path.as_ref().map(|path| path.render(facts, json.as_deref_mut())).transpose()?;
        let new_query = self.query.evaluate(facts, json.as_deref_mut())?;
        let edits = self.headers.evaluate(facts, json.as_deref_mut())?;
        if let (Some(rules), Some(json)) = (&self.body, json) {
            rules.finish(json, facts)?;
        }
        if path.is_some() || new_query.is_some() {
            let path = path.unwrap_or_else(|| parts.uri.path().to_owned());
            parts.uri = target(&parts.uri, &path, &new_query.unwrap_or(query))?;
        }
        edits.apply(&mut parts.headers);
        if let Some(method) = &self.method {
            parts.method = method.clone();
        }
        Ok(Some(self.body.is_some()))
    }
}

fn verb(text: &str) -> Result<Method, Mistake> {
    let said = || Mistake::new(format!("`{text}` is no method; write one such as \"PATCH\""));
    let is_upper = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
    text.parse().ok().filter(|_| is_upper).ok_or_else(said)
}

/// The same target with another path and query.
fn target(uri: &Uri, path: &str, query: &str) -> Result<Uri, Problem> {
    let text = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    let unreadable = || Problem::malformed("the path or the query has characters that are not accepted");
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).map_err(|_| unreadable())?);
    Uri::from_parts(parts).map_err(|_| unreadable())
}

/// Says of a body in the headers what is true of it: JSON of this length.
pub(super) fn describe(headers: &mut HeaderMap, body: &Bytes) {
    for name in DIGESTS {
        headers.remove(name);
    }
    headers.remove(CONTENT_ENCODING);
    if body.is_empty() {
        headers.remove(CONTENT_TYPE);
        headers.remove(CONTENT_LENGTH);
        return;
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
}
