//! What the service does by itself: makes its first key, follows what becomes of accounts, tidies its tables, lets its
//! streams end with the node.

use std::sync::Arc;
use std::time::Duration;

use denizen_db::{Tx, cursor};
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use denizen_kit::task::Tasks;
use denizen_kit::time::{Timestamp, before};
use denizen_rpc::Follower;
use tokio::time::sleep;

use crate::error::Result;
use crate::model::{CLOCK_SKEW, FAILURES_KEPT};
use crate::{App, ops, store};

/// How long between two clean-ups.
const CLEAN_UP_EVERY: Duration = Duration::from_secs(10 * 60);

/// How long an ended or expired session is kept.
const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// How long a device is known that is not seen.
const DEVICES_KEPT: Duration = Duration::from_secs(180 * 86_400);

/// How many rows one transaction deletes at most, so that nobody waits for it.
const CHUNK: i64 = 500;

/// How long between two looks at the age of the signing key.
const KEY_LOOKED_AT_EVERY: Duration = Duration::from_secs(60);

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
    tasks.spawn_until_stopped("auth.signing_key", async move { keep_signing_key(&first).await });
    let following = app.clone();
    tasks.spawn_until_stopped("auth.users", async move { follow_users(&following).await });
    let cleaning = app.clone();
    tasks.spawn_until_stopped("auth.clean_up", async move { clean_up_forever(&cleaning).await });
}

/// Makes or reads the signing key before the first login needs it, and replaces it when it is old, or at the start
/// when another is asked for.
async fn keep_signing_key(app: &App) {
    let mut at_start = true;
    let mut pause = Duration::from_millis(100);
    loop {
        let cx = Cx::job(Role::Auth, &app.clock);
        match ops::renew_signing_key(app, &cx, at_start).await {
            Ok(()) => {
                at_start = false;
                sleep(KEY_LOOKED_AT_EVERY).await;
            }
            Err(error) => {
                tracing::warn!(%error, "the signing key cannot be read or renewed now");
                sleep(pause).await;
                pause = (pause * 2).min(MAX_PAUSE);
            }
        }
    }
}

// --- accounts

async fn follow_users(app: &App) {
    let mut follower = Follower::new(app.links.clone(), Role::Auth, Role::Users, app.clock.clone());
    let mut pause = Duration::from_millis(100);
    loop {
        match follow_once(app, &mut follower).await {
            Ok(()) => pause = Duration::from_millis(100),
            Err(problem) => {
                tracing::warn!(%problem, "accounts cannot be followed now; it goes on after a pause");
                sleep(pause).await;
                pause = (pause * 2).min(MAX_PAUSE);
            }
        }
    }
}

/// Takes in the next events, those that close an account in a transaction each.
async fn follow_once(app: &App, follower: &mut Follower) -> Result<(), Problem> {
    let producer = follower.producer().as_str();
    let mut tx = app.db.single().await?;
    let after = cursor::position(&mut tx, producer).await?;
    drop(tx);
    let events = follower.next(after).await?;
    let Some(last) = events.last() else { return Ok(()) };
    let closing = events.iter().filter(|event| ops::closes_account(&event.r#type));
    for event in closing.filter(|event| event.seq != last.seq).chain([last]) {
        let cx = Cx::job(Role::Auth, &app.clock);
        app.db.run(&cx, || async { Ok(ops::close_account(app, &cx, event).await?) }).await?;
        app.feed.ring();
    }
    follower.acknowledge(last.seq).await
}

// --- clean-up

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
    /// Challenges that have expired.
    Challenges,
    /// Sessions that ended long ago.
    Ended,
    /// Client secrets that ended so long ago that no token made with them can be valid.
    Secrets,
    /// Counts of wrong client secrets that are over.
    Failures,
    /// Devices that were not seen for long.
    Devices,
    /// Signing keys that have been of no use for long.
    SigningKeys,
}

impl Waste {
    const ALL: [Self; 7] = [
        Self::Revocations,
        Self::Challenges,
        Self::Ended,
        Self::Secrets,
        Self::Failures,
        Self::Devices,
        Self::SigningKeys,
    ];
}

/// Ends what has expired and deletes what is of no use any more, chunk by chunk.
async fn clean_up(app: &App) -> Result<()> {
    while expire_chunk(app).await? == usize::try_from(CHUNK).unwrap_or_default() {}
    for waste in Waste::ALL {
        while delete_chunk(app, waste).await? == CHUNK.unsigned_abs() {}
    }
    Ok(())
}

async fn expire_chunk(app: &App) -> Result<usize> {
    let cx = Cx::job(Role::Auth, &app.clock);
    Ok(app.db.run(&cx, || async { Ok(ops::expire_sessions(app, &cx, CHUNK).await?) }).await?)
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
        Waste::Challenges => store::delete_challenges(tx, now, CHUNK).await,
        Waste::Ended => store::delete_ended(tx, before(now, KEPT), CHUNK).await,
        Waste::Secrets => {
            let token_life = app.config.access_token_ttl + CLOCK_SKEW;
            store::delete_secrets(tx, before(now, token_life), CHUNK).await
        }
        Waste::Failures => store::delete_failures(tx, before(now, FAILURES_KEPT), CHUNK).await,
        Waste::SigningKeys => store::delete_signing_keys(tx, before(now, KEPT)).await,
        Waste::Devices => store::delete_devices(tx, before(now, DEVICES_KEPT), CHUNK).await,
    }
}
