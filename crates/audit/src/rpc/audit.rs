//! Lists, and whether the chain holds.

use std::sync::Arc;

use denizen_kit::problem::Problem;
use denizen_rpc::audit::v1 as p;
use denizen_rpc::audit::v1::audit_server::{Audit, AuditServer};
use denizen_rpc::{Reply, decode, serve};
use tonic::Request;

use crate::App;
use crate::events::Filters;
use crate::model::{Filter, Key, Position, Range};
use crate::ops::{self, Asked, Lag, Page, Shown, Walked, Wanted};
use crate::verification::Verdict;

/// The service as a tower service.
pub(crate) fn server(app: &Arc<App>) -> AuditServer<impl Audit> {
    AuditServer::new(AuditService(app.clone()))
}

struct AuditService(Arc<App>);

#[tonic::async_trait]
impl Audit for AuditService {
    async fn list_entries(&self, request: Request<p::ListEntriesRequest>) -> Reply<p::ListEntriesResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let wanted = wanted(&request)?;
            Ok(page(ops::list_entries(app, &cx, &wanted).await?))
        })
        .await
    }

    async fn verify_chain(&self, request: Request<p::VerifyChainRequest>) -> Reply<p::VerifyChainResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let asked = Asked { full: request.full, cursor: request.cursor };
            Ok(match ops::verify_chain(app, &cx, &asked).await? {
                Walked::Through(found, lags) => verdict(found, &lags),
                Walked::Partly(entries, next_cursor) => {
                    p::VerifyChainResponse { valid: true, entries, next_cursor, ..Default::default() }
                }
            })
        })
        .await
    }
}

fn wanted(request: &p::ListEntriesRequest) -> Result<Wanted, Problem> {
    let limit = decode::limit(request.limit)?;
    let (filter, filters) = filter_of(request)?;
    let from = Position::from_cursor(&filter, &request.cursor)?;
    Ok(Wanted { filter, from, limit, filters })
}

/// Which entries are asked for, and how the record of the reading says it.
pub(crate) fn filter_of(request: &p::ListEntriesRequest) -> Result<(Filter, Filters), Problem> {
    let keys = [
        request.action.as_deref().map(Key::action).transpose()?,
        request.actor.as_deref().map(Key::actor).transpose()?,
        request.subject.as_deref().map(Key::subject).transpose()?,
        request.result.as_deref().map(Key::result).transpose()?,
    ];
    let created_after = match &request.created_after {
        Some(at) => Some(decode::from_wire(at, "/created_after")?),
        None => None,
    };
    let created_before = match &request.created_before {
        Some(at) => Some(decode::from_wire(at, "/created_before")?),
        None => None,
    };
    let filter = Filter::new(keys.into_iter().flatten(), Range::between(created_after, created_before))?;
    let mut filters = Filters { created_after, created_before, ..Filters::default() };
    match &filter.key {
        Some(Key::Subject(person)) => filters.subject = Some(*person),
        Some(key @ Key::Actor(_)) => filters.actor = key.person(),
        Some(Key::Action(action)) => filters.action = Some(action.clone()),
        Some(Key::Result(result)) => filters.result = Some(result.as_str()),
        None => {}
    }
    Ok((filter, filters))
}

fn page(page: Page) -> p::ListEntriesResponse {
    p::ListEntriesResponse {
        entries: page.entries.into_iter().map(entry).collect(),
        next_cursor: page.next.map(Position::to_cursor).unwrap_or_default(),
    }
}

/// An entry on the wire.
pub(crate) fn entry(shown: Shown) -> p::Entry {
    let content = shown.entry.content;
    p::Entry {
        id: content.id.to_string(),
        seq: shown.entry.seq,
        at: Some(decode::to_wire(content.at)),
        action: content.action,
        actor: content.actor,
        subject: content.subject.map(|person| person.to_string()).unwrap_or_default(),
        ip: shown.ip,
        request_id: content.request_id,
        result: content.result,
        details: content.details,
        hash: shown.entry.hash,
    }
}

fn verdict(found: Verdict, lags: &[Lag]) -> p::VerifyChainResponse {
    let (broken_at, reason) = match found.broken {
        Some(broken) => (Some(broken.seq), broken.fault.to_string()),
        None => (None, String::new()),
    };
    p::VerifyChainResponse {
        valid: broken_at.is_none(),
        entries: found.entries,
        head: found.head,
        broken_at,
        from: found.from,
        next_cursor: String::new(),
        reason,
        checkpoints: found.checkpoints,
        removed: found.removed,
        producers: lags.iter().map(producer).collect(),
    }
}

fn producer(lag: &Lag) -> p::Producer {
    p::Producer { name: lag.producer.to_string(), position: lag.position, waiting: lag.waiting }
}
