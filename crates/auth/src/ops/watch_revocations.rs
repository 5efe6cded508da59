//! Stream what has been revoked: first the whole, then each as it happens, with a heartbeat.
//!
//! A message says that the table was looked at: what this process ended wakes the stream at once, what another
//! replica ended is found by looking again every [`PERIOD`]. A stream that cannot look ends with the problem, so that
//! a gateway never takes silence for good news.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use denizen_kit::bell::Listener;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::SessionId;
use denizen_kit::time::{Timestamp, before};
use denizen_rpc::auth::internal::v1 as p;
use denizen_rpc::status_from;
use futures::Stream;
use futures::stream::unfold;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::Status;

use crate::App;
use crate::error::Result;
use crate::store::{self, Revocation};

/// How long after one message the next one comes at the latest, with room for the look at the table within the
/// promised 300 ms.
const PERIOD: Duration = Duration::from_millis(250);

/// How long after one look at the table the next one comes at the earliest, however many sessions end.
const PAUSE: Duration = Duration::from_millis(10);

/// How far back each look at the table goes: longer than a row may take from its time to its commit, and than the
/// clocks of replicas may differ.
const OVERLAP: Duration = Duration::from_secs(5);

/// How far the clocks of replicas may differ where a gateway asks for the newest revocations alone. It is asked after
/// each operation that may end sessions, so it must be few rows; what it misses, streams tell.
const SKEW: Duration = Duration::from_secs(1);

/// One gateway's stream.
struct Watch {
    app: Arc<App>,
    listener: Listener,
    /// How far back it begins; none for all that matters.
    within: Option<Duration>,
    /// What was sent, by the time of its end, as far back as the next look goes.
    sent: HashMap<SessionId, Timestamp>,
    /// When the table was last looked at: by the service's clock and by the monotonic one.
    looked: Option<(Timestamp, Instant)>,
    failed: bool,
}

/// The stream of revocations, for gateways: from all that matters on, or from what was revoked within a time.
pub(crate) fn watch_revocations(
    app: &Arc<App>,
    cx: &Cx,
    within: Option<Duration>,
) -> Result<impl Stream<Item = Result<p::Revocations, Status>> + Send + use<>> {
    cx.require_service(&[Role::Gateway])?;
    let listener = app.feed.listen();
    let watch =
        Watch { app: app.clone(), listener, within, sent: HashMap::new(), looked: None, failed: false };
    Ok(unfold(watch, |mut watch| async move {
        let message = watch.next().await?;
        Some((message, watch))
    }))
}

// === impl Watch ===

impl Watch {
    /// The next message; none when the stream is over.
    async fn next(&mut self) -> Option<Result<p::Revocations, Status>> {
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
        let Some((_, looked)) = self.looked else { return };
        // Whether it rang or the time is up, the next step is the same: look.
        let _ = timeout_at(looked + PERIOD, self.listener.heard()).await;
        sleep_until(looked + PAUSE).await;
    }

    async fn look(&mut self) -> Result<p::Revocations> {
        let now = self.app.clock.now();
        let mut tx = self.app.db.single().await?;
        let rows = match (self.looked, self.within) {
            (Some((looked, _)), _) => store::revocations_since(&mut tx, before(looked, OVERLAP)).await?,
            (None, Some(within)) => {
                let since = before(now, within + self.skew());
                store::revocations_since(&mut tx, since).await?
            }
            (None, None) => store::revocations(&mut tx, now).await?,
        };
        let snapshot = self.looked.is_none() && self.within.is_none();
        self.looked = Some((now, Instant::now()));
        let fresh =
            rows.into_iter().filter(|row| !self.sent.contains_key(&row.session_id)).collect::<Vec<_>>();
        self.sent.extend(fresh.iter().map(|row| (row.session_id, row.ended_at)));
        let horizon = before(now, OVERLAP);
        self.sent.retain(|_, ended_at| *ended_at > horizon);
        Ok(p::Revocations { items: fresh.iter().map(to_wire).collect(), snapshot })
    }

    /// On SQLite there are no replicas: whoever ended a session had this clock.
    fn skew(&self) -> Duration {
        if self.app.db.engine() == "sqlite" { Duration::ZERO } else { SKEW }
    }
}

fn to_wire(revocation: &Revocation) -> p::Revocation {
    // Rounded up: the last second counts as a whole.
    let until = revocation.valid_until.as_second() + 1;
    p::Revocation { session_id: revocation.session_id.to_string(), until }
}
