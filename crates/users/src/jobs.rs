//! What runs beside the calls: noting logins from auth's log, ending suspensions, sweeping data keys that no account
//! came to.

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
use crate::ops;
use crate::store;

/// How often keys without an account are looked for.
const SWEEP: Duration = Duration::from_secs(3600);

/// How often pictures that no account names are looked for.
const AVATARS: Duration = Duration::from_secs(86_400);

/// How often it is looked for suspensions that have ended.
const SUSPENSIONS: Duration = Duration::from_secs(10);

/// Pause after a failure, before another try.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) fn start(app: &Arc<App>, tasks: &Tasks) {
    tasks.spawn_until_stopped("users.logins", follow_logins(app.clone()));
    tasks.spawn_until_stopped("users.keys", sweep_keys(app.clone()));
    tasks.spawn_until_stopped("users.suspensions", end_suspensions(app.clone()));
    let (node, access) = (tasks.clone(), app.access.clone());
    tasks.spawn("users.access", async move {
        node.stopping().await;
        access.close();
    });
    tasks.spawn_until_stopped("users.avatars", sweep_avatars(app.clone()));
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

/// Notes the suspensions that have ended, and forgets the losses of roles that no token can name any more.
async fn end_suspensions(app: Arc<App>) {
    loop {
        if let Err(error) = end_suspensions_once(&app).await {
            tracing::warn!(%error, "ended suspensions could not be noted; trying again");
        }
        tokio::time::sleep(SUSPENSIONS).await;
    }
}

async fn end_suspensions_once(app: &App) -> Result<()> {
    let cx = Cx::job(Role::Users, &app.clock);
    let over = store::suspensions_over(&mut app.db.single().await?, cx.now()).await?;
    for id in over {
        ops::activate_user::end_suspension(app, &Cx::job(Role::Users, &app.clock), id).await?;
    }
    let forget = || async {
        let mut tx = app.db.write_relaxed("rows that nobody uses any more").await?;
        store::roles::forget_losses(&mut tx, cx.now()).await?;
        Ok(tx.commit().await?)
    };
    Ok(app.db.run(&cx, forget).await?)
}

async fn sweep_keys(app: Arc<App>) {
    let mut swept = (Timestamp::UNIX_EPOCH, UserId::nil());
    loop {
        if let Err(error) = sweep_once(&app, &mut swept).await {
            tracing::warn!(%error, "unused data keys could not be swept; trying again in an hour");
        }
        tokio::time::sleep(SWEEP).await;
    }
}

async fn sweep_avatars(app: Arc<App>) {
    loop {
        let cx = Cx::job(Role::Users, &app.clock);
        if let Err(error) = ops::sweep_avatars::sweep_avatars(&app, &cx).await {
            tracing::warn!(%error, "unused pictures could not be swept; trying again in a day");
        }
        tokio::time::sleep(AVATARS).await;
    }
}

/// Destroys keys older than an hour whose account never came to be. Those up to `swept` have been looked at: whoever had
/// an account then loses it by an erasure only, and that takes the key along.
async fn sweep_once(app: &App, swept: &mut (Timestamp, UserId)) -> Result<()> {
    let cx = Cx::job(Role::Users, &app.clock);
    loop {
        let keys = app.keys.older_than_an_hour(&cx, *swept).await?;
        let Some(last) = keys.last().copied() else { return Ok(()) };
        let ids: Vec<UserId> = keys.into_iter().map(|(_, user_id)| user_id).collect();
        let mut tx = app.db.read().await.map_err(Error::from)?;
        let existing = store::existing(&mut tx, &ids).await?;
        drop(tx);
        for user_id in ids.into_iter().filter(|user_id| !existing.contains(user_id)) {
            app.keys.destroy(user_id).await?;
        }
        *swept = last;
    }
}
