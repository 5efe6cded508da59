//! The contract of what is held about one person.

use std::sync::Arc;

use denizen_rpc::auth::internal::v1::auth_records_server::AuthRecords;
use denizen_rpc::privacy::internal::v1::{CollectRequest, CollectResponse, EraseRequest, EraseResponse};
use denizen_rpc::{Reply, decode, serve};
use tonic::Request;

use crate::{App, ops};

/// What is held about one person.
pub(crate) struct RecordsService(pub(crate) Arc<App>);

#[tonic::async_trait]
impl AuthRecords for RecordsService {
    async fn collect(&self, request: Request<CollectRequest>) -> Reply<CollectResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let (user_id, after) = (decode::id(&request.user_id)?, decode::optional_id(&request.cursor)?);
            Ok(ops::collect_records(app, &cx, user_id, after).await?)
        })
        .await
    }

    async fn erase(&self, request: Request<EraseRequest>) -> Reply<EraseResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = decode::id(&request.user_id)?;
            let erase = async || Ok(ops::erase_records(app, &cx, user_id).await?);
            let deleted = app.db.run(&cx, erase).await;
            app.feed.ring();
            Ok(EraseResponse { deleted: i64::try_from(deleted?).unwrap_or(i64::MAX) })
        })
        .await
    }
}
