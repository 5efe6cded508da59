//! The contracts of IP blocks, and of resets that an administrator starts.

use std::pin::Pin;
use std::sync::Arc;

use denizen_kit::problem::Problem;
use denizen_rpc::password::internal::v1::ip_block_feed_server::IpBlockFeed;
use denizen_rpc::password::internal::v1::{BlockedNetworks, WatchIpBlocksRequest};
use denizen_rpc::password::v1 as p;
use denizen_rpc::password::v1::ip_blocks_server::IpBlocks;
use denizen_rpc::password::v1::password_administration_server::PasswordAdministration;
use denizen_rpc::{Reply, decode, serve};
use futures::Stream;
use tonic::{Request, Status};
use uuid::Uuid;

use crate::App;
use crate::model::Via;
use crate::ops::{self, NewBlock};
use crate::store::blocks::Block;

pub(super) struct IpBlocksService(pub(super) Arc<App>);
pub(super) struct IpBlockFeedService(pub(super) Arc<App>);
pub(super) struct AdministrationService(pub(super) Arc<App>);

#[tonic::async_trait]
impl IpBlocks for IpBlocksService {
    async fn list_ip_blocks(
        &self,
        request: Request<p::ListIpBlocksRequest>,
    ) -> Reply<p::ListIpBlocksResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let limit = decode::limit(request.limit)?;
            let (blocks, next_cursor) = ops::list_ip_blocks(app, &cx, limit, &request.cursor).await?;
            Ok(p::ListIpBlocksResponse { items: blocks.into_iter().map(to_wire).collect(), next_cursor })
        })
        .await
    }

    async fn create_ip_block(&self, request: Request<p::CreateIpBlockRequest>) -> Reply<p::IpBlock> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let until = request.until.as_ref().map(|until| decode::from_wire(until, "/until")).transpose()?;
            let new = NewBlock { cidr: request.cidr, reason: request.reason, until };
            let created = app.db.run_once(&cx, "password.CreateIpBlock", || async {
                Ok(to_wire(ops::create_ip_block(app, &cx, &new).await?))
            });
            let block = created.await?;
            app.blocks_bell.ring();
            Ok(block)
        })
        .await
    }

    async fn delete_ip_block(
        &self,
        request: Request<p::DeleteIpBlockRequest>,
    ) -> Reply<p::DeleteIpBlockResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            // An id that cannot be is one that is not there.
            let id = Uuid::parse_str(&request.id).unwrap_or_default();
            let deleted = app.db.run_once(&cx, "password.DeleteIpBlock", || async {
                ops::delete_ip_block(app, &cx, id).await?;
                Ok(p::DeleteIpBlockResponse {})
            });
            let answer = deleted.await?;
            app.blocks_bell.ring();
            Ok(answer)
        })
        .await
    }
}

#[tonic::async_trait]
impl IpBlockFeed for IpBlockFeedService {
    type WatchIpBlocksStream = Pin<Box<dyn Stream<Item = Result<BlockedNetworks, Status>> + Send>>;

    async fn watch_ip_blocks(
        &self,
        request: Request<WatchIpBlocksRequest>,
    ) -> Reply<Self::WatchIpBlocksStream> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, _| {
            let stream: Self::WatchIpBlocksStream = Box::pin(ops::watch_ip_blocks(app, &cx)?);
            Ok(stream)
        })
        .await
    }
}

#[tonic::async_trait]
impl PasswordAdministration for AdministrationService {
    async fn start_reset(&self, request: Request<p::StartResetRequest>) -> Reply<p::StartResetResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let via = Via::parse(&request.via)
                .ok_or_else(|| Problem::invalid("/via", "unknown", "via is link or otp"))?;
            ops::start_reset(app, &cx, &request.user_id, via).await?;
            Ok(p::StartResetResponse {})
        })
        .await
    }
}

fn to_wire(block: Block) -> p::IpBlock {
    p::IpBlock {
        id: block.id.to_string(),
        cidr: block.cidr,
        reason: block.reason,
        automatic: block.automatic,
        created_by: block.created_by.map(|user_id| user_id.to_string()).unwrap_or_default(),
        created_at: Some(decode::to_wire(block.created_at)),
        until: block.until.map(decode::to_wire),
    }
}
