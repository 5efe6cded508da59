//! The contract of what is held about one person.

use std::sync::Arc;

use denizen_rpc::audit::internal::v1::audit_records_server::{AuditRecords, AuditRecordsServer};
use denizen_rpc::privacy::internal::v1::{CollectRequest, CollectResponse};
use denizen_rpc::{Reply, decode, serve};
use tonic::Request;

use crate::App;
use crate::ops;

/// The service as a tower service.
pub(crate) fn server(app: &Arc<App>) -> AuditRecordsServer<impl AuditRecords> {
    AuditRecordsServer::new(RecordsService(app.clone()))
}

struct RecordsService(Arc<App>);

#[tonic::async_trait]
impl AuditRecords for RecordsService {
    async fn collect(&self, request: Request<CollectRequest>) -> Reply<CollectResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(ops::collect_records(app, &cx, decode::id(&request.user_id)?, &request.cursor).await?)
        })
        .await
    }
}
