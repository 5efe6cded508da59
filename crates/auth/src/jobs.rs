//! What the service does by itself: makes its first key, tidies its tables, lets its streams end with the node.

use std::sync::Arc;
use std::time::Duration;

use denizen_db::Tx;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::{Id, SessionId, uuid_v7};
use denizen_kit::problem::Problem;
use denizen_kit::task::Tasks;
use denizen_kit::time::{Timestamp, before};
use tokio::time::sleep;

use crate::error::Result;
use crate::{App, ops, store};

/// How long between two clean-ups.
const CLEAN_UP_EVERY: Duration = Duration::from_secs(10 * 60);

/// How long an ended or expired session is kept.
const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// How many rows one transaction deletes at most, so that nobody waits for it.
const CHUNK: i64 = 500;

/// Longest pause after a failure.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Starts the jobs.
pub(crate) fn start(app: &Arc<App>, tasks: &Tasks) {
    let node = tasks.clone();
    let closing = app.clone();
    tasks.spawn("auth.feed", async move {
        node.stopping().await;
        closing.feed.close();
    });
    let first = app.clone();
    tasks.spawn_until_stopped("auth.signing_key", async move { make_first_key(&first).await });
    let cleaning = app.clone();
    tasks.spawn_until_stopped("auth.clean_up", async move { clean_up_forever(&cleaning).await });
}

/// Makes or reads the signing key before the first login needs it.
async fn make_first_key(app: &App) {
    let mut pause = Duration::from_millis(100);
    loop {
        let cx = Cx::job(Role::Auth, &app.clock);
        let Err(error) = ops::load_signing_key(app, &cx).await else { return };
        tracing::warn!(%error, "the signing key cannot be read yet");
        sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

async fn clean_up_forever(app: &App) {
    loop {
        if let Err(error) = clean_up(app).await {
            tracing::warn!(%error, "the clean-up failed and is done again later");
        }
        sleep(CLEAN_UP_EVERY).await;
    }
}

/// What is deleted.
#[derive(Clone, Copy, Debug)]
enum Waste {
    /// Revocations of tokens that have expired.
    Revocations,
    /// Sessions that ended long ago.
    Ended,
    /// Sessions that expired long ago. They are found by their ids, which tell their greatest possible age, so that
    /// no index has to follow each refresh.
    Expired,
}

/// Deletes what is of no use any more, chunk by chunk.
async fn clean_up(app: &App) -> Result<()> {
    for waste in [Waste::Revocations, Waste::Ended, Waste::Expired] {
        while delete_chunk(app, waste).await? == CHUNK.unsigned_abs() {}
    }
    Ok(())
}

async fn delete_chunk(app: &App, waste: Waste) -> Result<u64> {
    let cx = Cx::job(Role::Auth, &app.clock);
    let deleted = app
        .db
        .run(&cx, || async {
            let reason = "rows that nobody uses any more; each is deleted once, whoever does it";
            let mut tx = app.db.write_relaxed(reason).await?;
            let deleted = delete(app, &mut tx, waste, cx.now()).await?;
            tx.commit().await?;
            Ok::<u64, Problem>(deleted)
        })
        .await?;
    Ok(deleted)
}

async fn delete(app: &App, tx: &mut Tx, waste: Waste, now: Timestamp) -> Result<u64> {
    match waste {
        Waste::Revocations => store::delete_revocations(tx, now, CHUNK).await,
        Waste::Ended => store::delete_ended(tx, before(now, KEPT), CHUNK).await,
        Waste::Expired => {
            let oldest = before(before(now, KEPT), app.config.session_max_age);
            store::delete_expired(tx, first_id_of(oldest), before(now, KEPT), CHUNK).await
        }
    }
}

/// The smallest id that a session made at this time can have.
fn first_id_of(at: Timestamp) -> SessionId {
    Id::from_uuid(uuid_v7(at, [0; 10]))
}
