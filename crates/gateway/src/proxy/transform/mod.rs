//! Transformation of requests and answers, declared in a route.
//!
//! A specification is compiled once, when the route is read; what is wrong in it is told with the key and what to
//! write. Applied, a rule that finds nothing to change changes nothing: an odd body is passed on as it came, and at
//! worst a request is refused with 4xx. See `docs/transform.md` for the language.

mod body;
mod case;
mod facts;
mod headers;
mod json;
mod links;
mod mistake;
mod open;
mod path;
mod pointer;
mod query;
mod read;
mod reference;
mod request;
mod response;
mod spec;
mod template;
mod when;

#[cfg(test)]
mod tests;

pub(crate) use facts::{Facts, Params};
pub(crate) use json::Json;
pub(crate) use mistake::{At, Mistake};
pub(crate) use path::PathTemplate;
pub(crate) use pointer::Pointer;
pub(crate) use query::QueryRules;
pub(crate) use read::is_json;
pub(crate) use reference::{Message, Scope};
pub(crate) use request::RequestTransform;
pub(crate) use response::{Incoming, ResponseTransform};
pub(crate) use spec::{RequestSpec, ResponseSpec};
