//! What runs beside the calls: looks up requests for a reset, follows what happens to accounts, cleans up.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use denizen_db::cursor;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Kind, Problem};
use denizen_kit::task::Tasks;
use denizen_kit::time::{elapsed, from_micros};
use denizen_rpc::events::internal::v1::Event;
use denizen_rpc::users::internal::v1::{LookupRequest, lookup_request};
use denizen_rpc::users::v1::{Status, User};
use denizen_rpc::{Follower, problem_from};

use crate::App;
use crate::error::Result;
use crate::events::ResetDue;
use crate::model::{By, ResetRequest, channel_for};
use crate::store;
use crate::store::reset::Waiting;

/// How long until requests are looked at without having been told of one.
const POLL: Duration = Duration::from_secs(1);

/// How long between two clean-ups.
const EVERY: Duration = Duration::from_secs(60);

/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a request waits while accounts cannot be looked up.
const STALE: Duration = Duration::from_secs(3600);

/// Rows that one sweep deletes at most from a table.
const CHUNK: u64 = 500;

/// Starts the jobs.
pub(crate) fn start(app: &Arc<App>, tasks: &Tasks) {
    let this = app.clone();
    tasks.spawn_until_stopped("password resets", async move { for_ever(&this, look_up_requests).await });
    let this = app.clone();
    tasks.spawn_until_stopped("password clean-up", async move { for_ever(&this, clean_up).await });
    let (bell, stopping) = (app.blocks_bell.clone(), tasks.clone());
    tasks.spawn("password streams", async move {
        stopping.stopping().await;
        bell.close();
    });
    let this = app.clone();
    tasks.spawn_until_stopped("password follows users", async move { follow(&this).await });
}

/// Repeats a round of work. After a failure it waits, longer each time, and goes on.
async fn for_ever<'a, Fut>(app: &'a App, round: impl Fn(&'a App) -> Fut)
where
    Fut: Future<Output = Result<()>>,
{
    let mut pause = Duration::ZERO;
    loop {
        match round(app).await {
            Ok(()) => pause = Duration::ZERO,
            Err(error) => {
                let problem = Problem::from(error);
                tracing::warn!(%problem, "a job of password failed; it goes on after a pause");
                pause = next_pause(pause);
                tokio::time::sleep(pause).await;
            }
        }
    }
}

fn next_pause(pause: Duration) -> Duration {
    (pause * 2).clamp(Duration::from_millis(100), LONGEST_PAUSE)
}

// --- resets

async fn look_up_requests(app: &App) -> Result<()> {
    let waiting = store::reset::requests(&mut app.db.single().await?).await?;
    if waiting.is_empty() {
        let _ = tokio::time::timeout(POLL, app.requested.notified()).await;
        return Ok(());
    }
    for request in &waiting {
        let Err(error) = look_up(app, request).await else { continue };
        let problem = Problem::from(error);
        if problem.kind != Kind::Internal {
            return Err(problem.into());
        }
        // One that fails on our side must not hold up the others; it is tried again until it is too old.
        tracing::error!(%problem, "a request for a password reset could not be looked up");
    }
    Ok(())
}

/// Looks one request up and takes it, with its effect. One that cannot be read, or is too old, goes without.
async fn look_up(app: &App, waiting: &Waiting) -> Result<()> {
    let cx = Cx::job(Role::Password, &app.clock);
    let stale = elapsed(waiting.created_at, cx.now()) > STALE;
    let due = match open(app, waiting) {
        Some(request) if !stale => due(app, &cx, &request).await?,
        _ => {
            tracing::warn!(
                "a request for a password reset was dropped: too old, or sealed under another key"
            );
            None
        }
    };
    let write = || async { Ok(take(app, &cx, waiting, due.as_ref()).await?) };
    Ok(app.db.run(&cx, write).await?)
}

fn open(app: &App, waiting: &Waiting) -> Option<ResetRequest> {
    let bytes = app.keys.open_request(waiting.id, &waiting.sealed).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// What falls due for a request; none for an unknown account, or one that is closed to its owner.
async fn due(app: &App, cx: &Cx, request: &ResetRequest) -> Result<Option<(UserId, ResetDue)>> {
    let identifier = request.identifier.clone();
    let by = match request.by {
        By::Identifier => lookup_request::By::Identifier(identifier),
        By::Email => lookup_request::By::Email(identifier),
        By::Username => lookup_request::By::Username(identifier),
        By::Mobile => lookup_request::By::Mobile(identifier),
    };
    let found = match look_up_account(app, cx, by).await {
        // An identifier that users cannot read belongs to nobody.
        Err(problem) if matches!(problem.kind, Kind::Invalid | Kind::Malformed | Kind::NotFound) => None,
        found => found?,
    };
    let Some(user) = found else { return Ok(None) };
    if matches!(user.status(), Status::Blocked | Status::Deleted) {
        return Ok(None);
    }
    let user_id = denizen_rpc::decode::id(&user.id)?;
    let (mobile, username) = (user.mobile.unwrap_or_default(), user.username.unwrap_or_default());
    let channel = channel_for(request, &mobile, &username);
    Ok(Some((user_id, ResetDue { user_id, via: request.via, channel })))
}

async fn take(app: &App, cx: &Cx, waiting: &Waiting, due: Option<&(UserId, ResetDue)>) -> Result<()> {
    let mut tx = app.db.write().await?;
    if !store::reset::take_request(&mut tx, waiting.id).await? {
        return Ok(());
    }
    if let Some((user_id, event)) = due
        && store::reset::dues(&mut tx, *user_id, cx.now()).await? < store::reset::MOST_DUE
    {
        store::reset::insert_due(&mut tx, cx, *user_id).await?;
        tx.emit(cx, ResetDue { ..*event });
    }
    tx.commit().await?;
    Ok(())
}

async fn look_up_account(app: &App, cx: &Cx, by: lookup_request::By) -> Result<Option<User>, Problem> {
    let request = LookupRequest { by: Some(by) };
    Ok(app.links.directory(cx).lookup(request).await.map_err(problem_from)?.into_inner().user)
}

// --- accounts

async fn follow(app: &App) {
    let producer = Role::Users.as_str();
    let mut follower = Follower::new(app.links.clone(), Role::Password, Role::Users, app.clock.clone());
    let mut pause = Duration::ZERO;
    loop {
        match follow_once(app, &mut follower, producer).await {
            Ok(()) => pause = Duration::ZERO,
            Err(problem) => {
                tracing::warn!(%problem, "following users failed; it goes on after a pause");
                pause = next_pause(pause);
                tokio::time::sleep(pause).await;
            }
        }
    }
}

async fn follow_once(app: &App, follower: &mut Follower, producer: &str) -> Result<(), Problem> {
    let after = cursor::position(&mut app.db.single().await?, producer).await?;
    let events = follower.next(after).await?;
    let Some(last) = events.last().map(|event| event.seq) else { return Ok(()) };
    let cx = Cx::job(Role::Password, &app.clock);
    let take_effect = || async {
        let mut tx = app.db.write().await?;
        for event in &events {
            apply(&mut tx, &cx, event).await?;
        }
        cursor::advance(&mut tx, producer, last).await?;
        tx.commit().await?;
        Ok(())
    };
    app.db.run(&cx, take_effect).await?;
    follower.acknowledge(last).await
}

async fn apply(tx: &mut denizen_db::Tx, cx: &Cx, event: &Event) -> Result<()> {
    let Ok(user_id) = event.subject.parse() else { return Ok(()) };
    match event.r#type.as_str() {
        "user.created" => store::confirm(tx, user_id, cx.now()).await,
        "user.erased" | "user.purged" => store::erase(tx, user_id).await,
        // What was sent to an address that is theirs no more opens nothing.
        "user.email_changed" | "user.mobile_changed" => {
            store::reset::end_sent(tx, user_id, from_micros(event.at), cx.now()).await
        }
        _ => Ok(()),
    }
}

// --- clean-up

async fn clean_up(app: &App) -> Result<()> {
    tokio::time::sleep(EVERY).await;
    sweep(app).await
}

/// Cleans up once.
pub(crate) async fn sweep(app: &App) -> Result<()> {
    sweep_unclaimed(app).await?;
    loop {
        let cx = Cx::job(Role::Password, &app.clock);
        let sweep = || async {
            let mut tx = app.db.write_relaxed("deletes rows that nothing reads any more").await?;
            let guards = store::guard::sweep(&mut tx, cx.now()).await?;
            let resets = store::reset::sweep(&mut tx, cx.now()).await?;
            let blocks = store::blocks::sweep(&mut tx, cx.now(), app.config.sources.window).await?;
            tx.commit().await?;
            Ok(guards.max(resets).max(blocks))
        };
        if app.db.run(&cx, sweep).await? < CHUNK {
            return Ok(());
        }
    }
}

/// Deletes credentials that no account claimed. users is asked first: that its events come late must cost nobody
/// their password.
async fn sweep_unclaimed(app: &App) -> Result<()> {
    let unclaimed = store::unconfirmed(&mut app.db.single().await?, app.clock.now()).await?;
    for user_id in unclaimed {
        let cx = Cx::job(Role::Password, &app.clock);
        let by = lookup_request::By::UserId(user_id.to_string());
        let exists = look_up_account(app, &cx, by).await?.is_some();
        let settle = || async {
            let mut tx = app.db.write().await?;
            if exists {
                store::confirm(&mut tx, user_id, cx.now()).await?;
            } else {
                store::delete_unconfirmed(&mut tx, user_id, cx.now()).await?;
            }
            tx.commit().await?;
            Ok(())
        };
        app.db.run(&cx, settle).await?;
    }
    Ok(())
}
