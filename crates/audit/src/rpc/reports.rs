//! What the edge refused and forgot.

use std::net::IpAddr;
use std::sync::Arc;

use denizen_kit::problem::{Code, Problem};
use denizen_rpc::audit::internal::v1 as p;
use denizen_rpc::audit::internal::v1::reports_server::{Reports, ReportsServer};
use denizen_rpc::{Reply, decode, serve};
use tonic::Request;

use crate::App;
use crate::events::EdgePurged;
use crate::ops::{self, MOST, Refusal};

/// The service as a tower service.
pub(crate) fn server(app: &Arc<App>) -> ReportsServer<impl Reports> {
    ReportsServer::new(ReportsService(app.clone()))
}

struct ReportsService(Arc<App>);

#[tonic::async_trait]
impl Reports for ReportsService {
    async fn report_refusals(
        &self,
        request: Request<p::ReportRefusalsRequest>,
    ) -> Reply<p::ReportRefusalsResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let refusals = refusals(&request)?;
            let report = || async {
                ops::report_refusals(app, &cx, &refusals).await?;
                Ok(p::ReportRefusalsResponse {})
            };
            app.db.run_once(&cx, "ReportRefusals", report).await
        })
        .await
    }

    async fn report_purge(&self, request: Request<p::ReportPurgeRequest>) -> Reply<p::ReportPurgeResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let purged = purged(&request)?;
            let report = || async {
                ops::report_purge(app, &cx, purged).await?;
                Ok(p::ReportPurgeResponse {})
            };
            app.db.run_once(&cx, "ReportPurge", report).await
        })
        .await
    }
}

fn purged(request: &p::ReportPurgeRequest) -> Result<EdgePurged, Problem> {
    let by = ["url", "prefix", "tag"].into_iter().find(|by| *by == request.by);
    let by = by.ok_or_else(|| Problem::invalid("/by", "unknown", "by is url, prefix or tag"))?;
    Ok(EdgePurged { by, count: request.count.max(0) })
}

fn refusals(request: &p::ReportRefusalsRequest) -> Result<Vec<Refusal>, Problem> {
    if request.refusals.len() > MOST {
        let detail = format!("send at most {MOST} counts at once");
        return Err(Problem::invalid("/refusals", "too_many", detail));
    }
    request.refusals.iter().map(refusal).collect()
}

fn refusal(told: &p::Refusal) -> Result<Refusal, Problem> {
    let invalid = |pointer, detail: &'static str| Problem::invalid(pointer, "invalid", detail);
    let code = Code::parse(&told.code).ok_or_else(|| invalid("/refusals/code", "this is no code"))?;
    let ip: Option<IpAddr> = match told.ip.as_str() {
        "" => None,
        ip => Some(ip.parse().map_err(|_| invalid("/refusals/ip", "this is no address"))?),
    };
    if told.count < 1 {
        return Err(invalid("/refusals/count", "a count is 1 or more"));
    }
    let minute = told.minute.unwrap_or_default();
    Ok(Refusal { code, ip, count: told.count, minute: decode::from_wire(&minute, "/refusals/minute")? })
}
