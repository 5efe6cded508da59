//! What runs beside the calls: noting logins from auth's log, sweeping data keys that no account came to.

use std::sync::Arc;
use std::time::Duration;

use denizen_db::cursor;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::task::Tasks;
use denizen_kit::time::{Timestamp, from_micros};
use denizen_rpc::Follower;
use denizen_rpc::events::internal::v1::Event;

use crate::App;
use crate::error::{Error, Result};
use crate::store;

/// How often keys without an account are looked for.
const SWEEP: Duration = Duration::from_secs(3600);

/// Pause after a failure, before another try.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) fn start(app: &Arc<App>, tasks: &Tasks) {
    tasks.spawn_until_stopped("users.logins", follow_logins(app.clone()));
    tasks.spawn_until_stopped("users.keys", sweep_keys(app.clone()));
}

async fn follow_logins(app: Arc<App>) {
    let mut follower = Follower::new(app.links.clone(), Role::Users, Role::Auth, app.clock.clone());
    loop {
        if let Err(problem) = note_logins(&app, &mut follower).await {
            tracing::debug!(%problem, "logins could not be noted; trying again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn note_logins(app: &App, follower: &mut Follower) -> Result<(), Problem> {
    let producer = follower.producer().as_str();
    let after = position(app, producer).await?;
    let events = follower.next(after).await?;
    let Some(last) = events.last().map(|event| event.seq) else { return Ok(()) };
    let cx = Cx::job(Role::Users, &app.clock);
    app.db.run(&cx, || async { Ok(record(app, producer, &events, last).await?) }).await?;
    follower.acknowledge(last).await
}

async fn position(app: &App, producer: &str) -> Result<i64> {
    let mut tx = app.db.single().await?;
    Ok(cursor::position(&mut tx, producer).await?)
}

async fn record(app: &App, producer: &str, events: &[Event], last: i64) -> Result<()> {
    let mut tx = app.db.write().await?;
    for event in events.iter().filter(|event| event.r#type == "session.started") {
        if let Ok(user_id) = event.subject.parse::<UserId>() {
            store::record_login(&mut tx, user_id, from_micros(event.at)).await?;
        }
    }
    cursor::advance(&mut tx, producer, last).await?;
    tx.commit().await?;
    Ok(())
}

async fn sweep_keys(app: Arc<App>) {
    loop {
        if let Err(error) = sweep_once(&app).await {
            tracing::warn!(%error, "unused data keys could not be swept; trying again in an hour");
        }
        tokio::time::sleep(SWEEP).await;
    }
}

/// Destroys keys older than an hour whose account never came to be.
async fn sweep_once(app: &App) -> Result<()> {
    let cx = Cx::job(Role::Users, &app.clock);
    let mut after = (Timestamp::UNIX_EPOCH, UserId::nil());
    loop {
        let keys = app.keys.older_than_an_hour(&cx, after).await?;
        let Some((created_at, last)) = keys.last().copied() else { return Ok(()) };
        for (_, user_id) in keys {
            let mut tx = app.db.single().await.map_err(Error::from)?;
            let exists = store::exists(&mut tx, user_id).await?;
            drop(tx);
            if !exists {
                app.keys.destroy(user_id).await?;
            }
        }
        after = (created_at, last);
    }
}
