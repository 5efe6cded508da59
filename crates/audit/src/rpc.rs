//! The contract: decode, do, encode.

use std::sync::Arc;

use denizen_kit::problem::Problem;
use denizen_rpc::audit::v1 as p;
use denizen_rpc::audit::v1::audit_server::{Audit, AuditServer};
use denizen_rpc::{Reply, decode, serve};
use tonic::Request;

use crate::App;
use crate::chain::Broken;
use crate::events::Filters;
use crate::model::{Filter, Key, Position, Range};
use crate::ops::{self, Page, Shown, Verdict, Wanted};

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
        serve(&app.clock, request, async |cx, _| Ok(verdict(ops::verify_chain(app, &cx).await?))).await
    }
}

fn wanted(request: &p::ListEntriesRequest) -> Result<Wanted, Problem> {
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
        _ => {}
    }
    let from = Position::from_cursor(&filter, &request.cursor)?;
    Ok(Wanted { from, limit: decode::limit(request.limit)?, filter, filters })
}

fn page(page: Page) -> p::ListEntriesResponse {
    p::ListEntriesResponse {
        entries: page.entries.into_iter().map(entry).collect(),
        next_cursor: page.next.map(Position::to_cursor).unwrap_or_default(),
    }
}

fn entry(shown: Shown) -> p::Entry {
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

fn verdict(verdict: Verdict) -> p::VerifyChainResponse {
    p::VerifyChainResponse {
        valid: verdict.broken.is_none(),
        entries: verdict.entries,
        head: verdict.head,
        broken_at: verdict.broken.map(|Broken(seq)| seq),
    }
}
