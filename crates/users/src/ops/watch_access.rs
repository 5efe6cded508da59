//! Stream what roles allow and who has lost one, for gateways: first the whole, the whole again with each change, and a
//! heartbeat.
//!
//! A message says that the table was looked at: what this process changed wakes the stream at once, what another replica
//! changed is found by looking again every [`PERIOD`]. A stream that cannot look ends with the problem, so that a gateway
//! never takes silence for good news.

use std::sync::Arc;
use std::time::Duration;

use denizen_kit::bell::Listener;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::status_from;
use denizen_rpc::users::internal::v1 as wire;
use futures::Stream;
use futures::stream::unfold;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::Status;

use super::reach::permissions_of;
use crate::App;
use crate::error::Result;
use crate::store::{self, roles};

/// How long after one message the next one comes at the latest, with room for the look at the table within the
/// promised 300 ms.
const PERIOD: Duration = Duration::from_millis(250);

/// How long after one look at the table the next one comes at the earliest, however much changes.
const PAUSE: Duration = Duration::from_millis(10);

/// One gateway's stream.
struct Watch {
    app: Arc<App>,
    listener: Listener,
    /// When the table was last looked at, and its version then.
    looked: Option<(Instant, i64)>,
    failed: bool,
}

/// The stream.
pub(crate) fn watch_access(
    app: &Arc<App>,
    cx: &Cx,
) -> Result<impl Stream<Item = Result<wire::AccessState, Status>> + Send + use<>> {
    cx.require_service(&[Role::Gateway])?;
    let watch = Watch { app: app.clone(), listener: app.access.listen(), looked: None, failed: false };
    Ok(unfold(watch, |mut watch| async move {
        let message = watch.next().await?;
        Some((message, watch))
    }))
}

// === impl Watch ===

impl Watch {
    /// The next message; none when the stream is over.
    async fn next(&mut self) -> Option<Result<wire::AccessState, Status>> {
        self.wait().await;
        if self.failed || self.listener.is_closed() {
            return None;
        }
        let message = self.look().await.map_err(|error| status_from(error.into()));
        self.failed = message.is_err();
        Some(message)
    }

    /// Waits for the bell or for [`PERIOD`], but for [`PAUSE`] at least. The first message is not waited for.
    async fn wait(&mut self) {
        let Some((looked, _)) = self.looked else { return };
        // Whether it rang or the time is up, the next step is the same: look.
        let _ = timeout_at(looked + PERIOD, self.listener.heard()).await;
        sleep_until(looked + PAUSE).await;
    }

    async fn look(&mut self) -> Result<wire::AccessState> {
        let looked = Instant::now();
        let version = roles::version(&mut self.app.db.single().await?).await?;
        if self.looked.replace((looked, version)).is_some_and(|(_, seen)| seen == version) {
            return Ok(wire::AccessState { version, ..wire::AccessState::default() });
        }
        let mut tx = self.app.db.read().await?;
        let made = roles::roles(&mut tx).await?;
        let losses = roles::losses(&mut tx, self.app.clock.now()).await?;
        let permissions = |role: crate::model::role::Role| wire::RolePermissions {
            name: role.name,
            permissions: role.permissions.bits(),
        };
        let loss = |(id, roles): (UserId, Vec<String>)| wire::Loss { user_id: id.to_string(), roles };
        Ok(wire::AccessState {
            changed: true,
            version,
            roles: made.into_iter().map(permissions).collect(),
            losses: losses.into_iter().map(loss).collect(),
        })
    }
}

/// What an account may do now; nothing is said of one that is not there.
pub(crate) async fn check_access(app: &App, cx: &Cx, id: UserId) -> Result<wire::CheckAccessResponse> {
    cx.require_service(&[Role::Gateway, Role::Auth, Role::Password])?;
    let mut tx = app.db.read().await?;
    let Some(names) = store::roles_of(&mut tx, id).await? else {
        return Ok(wire::CheckAccessResponse::default());
    };
    let permissions = permissions_of(&mut tx, &names).await?.bits();
    Ok(wire::CheckAccessResponse { roles: names, permissions })
}
