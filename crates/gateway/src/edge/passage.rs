//! The rest of the door for an operation of this system: limits, who comes, body and idempotency key.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use denizen_kit::caller::{Caller, Permissions, Person, Role};
use denizen_kit::cx::{Call, DEFAULT_DEADLINE};
use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::Deadline;
use http::Request;

use super::authenticate::Care;
use super::body::{self, Takes};
use super::request::{self, Visit};
use super::table::Endpoint;
use super::{Arrival, idempotency, limits};
use crate::faces::failure::Failure;
use crate::state::App;

/// One request on its way to an operation.
pub(super) struct Passage<'a> {
    pub(super) app: &'a App,
    pub(super) endpoint: &'a Endpoint,
    pub(super) arrival: &'a Arrival,
    /// Whether the request is counted with those of its person.
    pub(super) counts_person: bool,
    /// What the person may beside what they may anyway.
    pub(super) lent: Permissions,
}

// === impl Passage ===

impl Passage<'_> {
    /// Takes the request through the rest of the door: what comes out carries a [`Visit`] and a whole body.
    pub(super) async fn admit(&self, request: Request<Body>) -> Result<Request<Body>, Failure> {
        let (app, endpoint, arrival) = (self.app, self.endpoint, self.arrival);
        if endpoint.is_counted && !arrival.counted {
            limits::check_request(app, arrival.ip)?;
        }
        let (mut parts, body) = request.into_parts();
        let mut person = None;
        if !endpoint.is_public {
            let care = if endpoint.is_grave { Care::Write } else { Care::Read };
            if let Some(verified) = app.authenticator.authenticate(&parts.headers, care).await? {
                app.authenticator.check_network(&verified, arrival.ip)?;
                if self.counts_person {
                    limits::check_person(app, &verified.limit_key)?;
                }
                person = Some(self.lend_to(&verified.person));
            }
        }
        if endpoint.needs_token && person.is_none() {
            return Err(Problem::of(Code::Unauthenticated).into());
        }
        if endpoint.is_try {
            limits::check_try(app, arrival.ip).await?;
        }
        let (bytes, body) = self.read_body(&parts, body).await?;
        let idempotency = idempotency::read(&parts.headers, &parts.method, parts.uri.path(), &bytes)?;
        let call = Call {
            caller: Caller { service: Role::Gateway, person },
            request_id: arrival.request_id.clone(),
            ip: arrival.ip,
            user_agent: request::user_agent(&parts.headers),
            trace: arrival.trace,
            deadline: Deadline::within(DEFAULT_DEADLINE),
            idempotency,
        };
        parts.extensions.insert(Visit { call: Arc::new(call), peer: arrival.peer });
        Ok(Request::from_parts(parts, body))
    }

    fn lend_to(&self, person: &Arc<Person>) -> Arc<Person> {
        if person.permissions.covers(self.lent) {
            return person.clone();
        }
        let permissions = person.permissions.union(self.lent);
        Arc::new(Person { permissions, ..Person::clone(person) })
    }

    /// The body as the operation gets it, and its bytes where the door has read them.
    async fn read_body(&self, parts: &http::request::Parts, body: Body) -> Result<(Bytes, Body), Failure> {
        if parts.method.is_safe() {
            return Ok((Bytes::new(), Body::empty()));
        }
        let takes = self.endpoint.takes;
        if takes == Takes::Records {
            body::check_media_type(takes, &parts.headers)?;
            return Ok((Bytes::new(), body));
        }
        let bytes = body::read(takes.limit(&self.app.config), &parts.headers, body).await?;
        if !bytes.is_empty() {
            body::check_media_type(takes, &parts.headers)?;
        }
        let body = if bytes.is_empty() { Body::empty() } else { Body::from(bytes.clone()) };
        Ok((bytes, body))
    }
}
