//! Stream the blocks in force, for gateways: all, then all again whenever they changed, with a heartbeat.
//!
//! What this process changed wakes the stream at once; what another one changed is found by looking again every
//! [`PERIOD`]. A stream that cannot look ends with the problem.

use std::sync::Arc;
use std::time::Duration;

use denizen_kit::bell::Listener;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::time::Timestamp;
use denizen_rpc::password::internal::v1::{BlockedNetwork, BlockedNetworks};
use denizen_rpc::status_from;
use futures::Stream;
use futures::stream::unfold;
use tokio::time::timeout;
use tonic::Status;

use crate::App;
use crate::error::Result;
use crate::store::blocks::{self, Barrier};

/// How long after one message the next one comes at the latest, with room for the look at the table within the promised
/// 300 ms.
const PERIOD: Duration = Duration::from_millis(250);

/// One gateway's stream.
struct Watch {
    app: Arc<App>,
    listener: Listener,
    /// The version of the list that was sent last.
    sent: Option<i64>,
    failed: bool,
}

/// The stream of blocks.
pub(crate) fn watch_ip_blocks(
    app: &Arc<App>,
    cx: &Cx,
) -> Result<impl Stream<Item = Result<BlockedNetworks, Status>> + Send + use<>> {
    cx.require_service(&[Role::Gateway])?;
    let watch = Watch { app: app.clone(), listener: app.blocks_bell.listen(), sent: None, failed: false };
    Ok(unfold(watch, |mut watch| async move {
        let message = watch.next().await?;
        Some((message, watch))
    }))
}

// === impl Watch ===

impl Watch {
    /// The next message; none when the stream is over.
    async fn next(&mut self) -> Option<Result<BlockedNetworks, Status>> {
        if self.sent.is_some() {
            // Whether it rang or the time is up, the next step is the same: look.
            let _ = timeout(PERIOD, self.listener.heard()).await;
        }
        if self.failed || self.listener.is_closed() {
            return None;
        }
        let message = self.look().await.map_err(|error| status_from(error.into()));
        self.failed = message.is_err();
        Some(message)
    }

    async fn look(&mut self) -> Result<BlockedNetworks> {
        // The version first: what changes between the two looks is sent again, never left out.
        let version = blocks::version(&mut self.app.db.single().await?).await?;
        if self.sent == Some(version) {
            return Ok(BlockedNetworks::default());
        }
        let now = self.app.clock.now();
        let barriers = blocks::barriers(&mut self.app.db.single().await?, now).await?;
        self.sent = Some(version);
        Ok(BlockedNetworks { changed: true, items: barriers.into_iter().map(to_wire).collect() })
    }
}

fn to_wire((id, cidr, until): Barrier) -> BlockedNetwork {
    BlockedNetwork { id: id.to_string(), cidr, until: until.map_or(0, Timestamp::as_second) }
}
