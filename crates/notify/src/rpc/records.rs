//! The contract of what is held about one person.

use std::sync::Arc;

use denizen_rpc::notify::internal::v1::notify_records_server::NotifyRecords;
use denizen_rpc::privacy::internal::v1::{CollectRequest, CollectResponse, EraseRequest, EraseResponse};
use denizen_rpc::{Reply, decode, serve};
use tonic::Request;

use crate::App;
use crate::ops;

/// What is held about one person.
pub(crate) struct RecordsService(pub(crate) Arc<App>);

#[tonic::async_trait]
impl NotifyRecords for RecordsService {
    async fn collect(&self, request: Request<CollectRequest>) -> Reply<CollectResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(ops::collect_records::collect_records(
                app,
                &cx,
                decode::id(&request.user_id)?,
                &request.cursor,
            )
            .await?)
        })
        .await
    }

    async fn erase(&self, request: Request<EraseRequest>) -> Reply<EraseResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = decode::id(&request.user_id)?;
            app.db
                .run(&cx, || async { Ok(ops::erase_records::erase_records(app, &cx, user_id).await?) })
                .await?;
            Ok(EraseResponse::default())
        })
        .await
    }
}
