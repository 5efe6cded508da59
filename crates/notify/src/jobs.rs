//! The work between calls: following the other services' events, sending, cleaning up.

use std::sync::Arc;
use std::time::Duration;

use denizen_db::cursor;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use denizen_kit::task::Tasks;
use denizen_kit::time::elapsed;
use denizen_rpc::Follower;
use tokio::task::JoinSet;

use crate::App;
use crate::draft::PRODUCERS;
use crate::error::Result;
use crate::model::Channel;
use crate::ops::claim_due::claim_due;
use crate::ops::deliver::deliver;
use crate::ops::sweep::sweep;
use crate::ops::take_events::take_events;
use crate::store;

/// How long the sender waits at most before it looks again.
const POLL: Duration = Duration::from_secs(1);

/// How often is cleaned up.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long messages that are being sent may take when the process stops.
const DRAIN: Duration = Duration::from_secs(15);

/// A pause that grows while things fail.
struct Pause(Duration);

impl Pause {
    const FIRST: Duration = Duration::from_millis(100);

    fn next(&mut self) -> Duration {
        let now = self.0;
        self.0 = (now * 2).min(LONGEST_PAUSE);
        now
    }

    fn reset(&mut self) {
        self.0 = Self::FIRST;
    }
}

/// Starts following, sending and cleaning.
pub(crate) fn start(app: &Arc<App>, tasks: &Tasks) {
    for producer in PRODUCERS {
        tasks.spawn_until_stopped("notify.follow", follow(app.clone(), producer));
    }
    // Each channel has places of its own, so that a slow one holds up no other.
    for channel in Channel::ALL {
        tasks.spawn("notify.send", send(app.clone(), channel, tasks.clone()));
    }
    tasks.spawn_until_stopped("notify.sweep", clean(app.clone()));
}

// === following ===

async fn follow(app: Arc<App>, producer: Role) {
    let mut follower = Follower::new(app.links.clone(), Role::Notify, producer, app.clock.clone());
    let mut pause = Pause(Pause::FIRST);
    loop {
        match follow_once(&app, &mut follower).await {
            Ok(()) => pause.reset(),
            Err(error) => {
                tracing::warn!(%producer, %error, "the events of a service cannot be taken now");
                tokio::time::sleep(pause.next()).await;
            }
        }
    }
}

async fn follow_once(app: &App, follower: &mut Follower) -> Result<()> {
    let producer = follower.producer();
    let position = cursor::position(&mut app.db.single().await?, producer.as_str()).await?;
    let events = follower.next(position).await?;
    let Some(last) = events.last() else { return Ok(()) };
    take_events(app, &Cx::job(Role::Notify, &app.clock), producer, &events).await?;
    follower.acknowledge(last.seq).await?;
    Ok(())
}

// === sending ===

async fn send(app: Arc<App>, channel: Channel, tasks: Tasks) {
    let mut running = JoinSet::new();
    let mut pause = Pause(Pause::FIRST);
    let mut recovered = false;
    while !tasks.is_stopping() {
        let wait = match start_due(&app, channel, &mut running, &mut recovered).await {
            Ok(wait) => {
                pause.reset();
                wait
            }
            Err(error) => {
                tracing::warn!(channel = channel.as_str(), %error, "the queue of messages cannot be read now");
                pause.next()
            }
        };
        tokio::select! {
            () = tasks.stopping() => break,
            () = app.bell(channel).notified() => {}
            Some(done) = running.join_next() => log(done),
            () = tokio::time::sleep(wait) => {}
        }
    }
    let drained = async {
        while let Some(done) = running.join_next().await {
            log(done);
        }
    };
    // What is cut off here is sent again after its lease, under the same id.
    let _ = tokio::time::timeout(DRAIN, drained).await;
}

/// Starts as many due messages of a channel as may be; how long there is nothing more to start.
async fn start_due(
    app: &Arc<App>,
    channel: Channel,
    running: &mut JoinSet<Result<()>>,
    recovered: &mut bool,
) -> Result<Duration> {
    if !*recovered {
        recover(app, channel).await?;
        *recovered = true;
    }
    while let Some(done) = running.try_join_next() {
        log(done);
    }
    let now = app.clock.now();
    let due = store::next_due(&mut app.db.single().await?, channel).await?;
    let age = due.map_or(Duration::ZERO, |due| elapsed(due, now));
    metrics::gauge!("denizen_notifications_queue_age_seconds", "channel" => channel.as_str())
        .set(age.as_secs_f64());
    let Some(due) = due else { return Ok(POLL) };
    if due > now {
        return Ok(elapsed(now, due).min(POLL));
    }
    let room = match app.room(channel, running.len()) {
        Ok(0) => return Ok(POLL),
        Ok(room) => room,
        Err(wait) => return Ok(wait.min(POLL)),
    };
    for message in claim_due(app, &Cx::job(Role::Notify, &app.clock), channel, room).await? {
        let app = app.clone();
        running.spawn(async move { deliver(&app, &message).await });
    }
    Ok(Duration::ZERO)
}

/// Puts right what an earlier run left in a channel: leases that nobody holds, messages that have a provider by now.
async fn recover(app: &App, channel: Channel) -> Result<()> {
    let cx = Cx::job(Role::Notify, &app.clock);
    app.db
        .run(&cx, || async {
            let mut tx = app.db.write().await?;
            // SQLite has one process, so each lease is of one that has ended. On PostgreSQL others may hold theirs.
            if app.db.engine() == "sqlite" {
                store::release(&mut tx, channel, cx.now()).await?;
            }
            if app.way(channel).is_some() {
                store::revive(&mut tx, channel, cx.now()).await?;
            }
            Ok(tx.commit().await?)
        })
        .await?;
    if store::waits(&mut app.db.single().await?, channel).await? {
        app.note_waiting(channel);
    }
    Ok(())
}

fn log(done: Result<Result<()>, tokio::task::JoinError>) {
    match done {
        Ok(Ok(())) => {}
        // Its lease ends, then it is tried again.
        Ok(Err(error)) => {
            tracing::warn!(error = %Problem::from(error), "how a message went could not be written down");
        }
        Err(panicked) => tracing::error!(%panicked, "sending a message broke off"),
    }
}

// === cleaning ===

async fn clean(app: Arc<App>) {
    loop {
        let cx = Cx::job(Role::Notify, &app.clock);
        match sweep(&app, &cx).await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => tokio::time::sleep(SWEEP_EVERY).await,
            Err(error) => {
                tracing::warn!(%error, "old messages cannot be deleted now");
                tokio::time::sleep(SWEEP_EVERY).await;
            }
        }
    }
}
