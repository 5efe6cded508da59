//! The tasks: one follower of each producer's log, and the one appender of this process that they hand entries to.
//!
//! A follower opens and seals before it hands over, so that a peer that is away holds up its own log at most.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use denizen_db::cursor;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use denizen_kit::task::Tasks;
use denizen_rpc::Follower;
use denizen_rpc::events::internal::v1::Event;
use tokio::sync::{mpsc, oneshot};

use crate::App;
use crate::error::{Error, Result};
use crate::model::{Class, Draft, PRODUCERS};
use crate::ops::{self, Batch};

/// First pause after a failure.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// Longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long to wait at most before looking whether a checkpoint is due.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How often to look for entries whose time is over.
const RETAIN_EVERY: Duration = Duration::from_secs(60 * 60);

/// How often accounts and sessions are told to the metrics.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// A batch, and where to say how far its producer's log is taken in.
struct Job {
    batch: Batch,
    done: oneshot::Sender<Result<i64, Problem>>,
}

/// Starts the appender and the followers.
pub(crate) fn start(app: &Arc<App>, tasks: &Tasks) {
    let (sender, inbox) = mpsc::channel(PRODUCERS.len());
    tasks.spawn_until_stopped("audit.append", append_all(app.clone(), inbox));
    tasks.spawn_until_stopped("audit.retain", retain_for_ever(app.clone()));
    tasks.spawn_until_stopped("audit.checkpoint", checkpoint_all(app.clone()));
    tasks.spawn_until_stopped("audit.measure", measure_all(app.clone()));
    for producer in PRODUCERS {
        tasks.spawn_until_stopped("audit.follow", follow(app.clone(), producer, sender.clone()));
    }
}

/// A step of retention.
#[derive(Clone, Copy, Debug)]
enum Step {
    Contents(Class),
    Links,
}

/// Takes what is older than the settings say, step by step.
pub(crate) async fn retain_all(app: &App) -> Result<(), Problem> {
    for what in Class::ALL.map(Step::Contents).into_iter().chain([Step::Links]) {
        while step(app, what).await? {
            // Others write between two steps.
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// Does one step; whether there may be more.
async fn step(app: &App, what: Step) -> Result<bool, Problem> {
    let cx = Cx::job(Role::Audit, &app.clock);
    let op = || async {
        Ok(match what {
            Step::Contents(class) => ops::retain(app, &cx, class).await?,
            Step::Links => ops::cut(app, &cx).await?,
        })
    };
    Box::pin(app.db.run(&cx, op)).await
}

async fn retain_for_ever(app: Arc<App>) {
    loop {
        if let Err(error) = retain_all(&app).await {
            tracing::warn!(%error, "old audit entries could not be taken away; trying again later");
        }
        tokio::time::sleep(RETAIN_EVERY).await;
    }
}

/// Signs the head after a time, when something came.
async fn checkpoint_all(app: Arc<App>) {
    let pause = app.config.checkpoint_time.min(LONGEST_WAIT);
    loop {
        tokio::time::sleep(pause).await;
        let cx = Cx::job(Role::Audit, &app.clock);
        let signed = app.db.run(&cx, || async { Ok(ops::checkpoint(&app, &cx).await?) });
        if let Err(error) = Box::pin(signed).await {
            tracing::warn!(%error, "the audit trail could not be signed now; trying again");
        }
    }
}

async fn measure_all(app: Arc<App>) {
    loop {
        if let Err(error) = measure(&app).await {
            tracing::debug!(%error, "how many accounts and sessions there are is not known");
        }
        tokio::time::sleep(MEASURE_EVERY).await;
    }
}

/// Tells the metrics how many accounts and sessions there are, as they were counted.
async fn measure(app: &App) -> Result<()> {
    let (accounts, sessions) = ops::read_present(&mut app.db.read().await?).await?;
    let count = |number: i64| u32::try_from(number.max(0)).unwrap_or(u32::MAX);
    for (status, number) in accounts {
        metrics::gauge!("denizen_accounts", "status" => status).set(count(number));
    }
    metrics::gauge!("denizen_sessions").set(count(sessions));
    Ok(())
}

/// Appends what the followers hand over; what one transaction does not take stays in front.
async fn append_all(app: Arc<App>, mut inbox: mpsc::Receiver<Job>) {
    let mut waiting = VecDeque::new();
    loop {
        if waiting.is_empty() {
            let Some(job) = inbox.recv().await else { return };
            waiting.push_back(job);
        }
        while let Ok(job) = inbox.try_recv() {
            waiting.push_back(job);
        }
        match append_once(&app, &waiting).await {
            Ok(positions) => waiting = settle(waiting, &positions),
            Err(problem) => waiting.drain(..).for_each(|job| answer(job.done, Err(problem.clone()))),
        }
    }
}

async fn append_once(app: &App, waiting: &VecDeque<Job>) -> Result<Vec<i64>, Problem> {
    let batches: Vec<&Batch> = waiting.iter().map(|job| &job.batch).collect();
    let cx = Cx::job(Role::Audit, &app.clock);
    Box::pin(app.db.run(&cx, || async { Ok(ops::append(app, &cx, &batches).await?) })).await
}

/// Answers the jobs that are done and returns the others.
fn settle(waiting: VecDeque<Job>, positions: &[i64]) -> VecDeque<Job> {
    let mut left = VecDeque::new();
    for (job, position) in waiting.into_iter().zip(positions) {
        if *position >= job.batch.end() {
            answer(job.done, Ok(*position));
        } else {
            left.push_back(job);
        }
    }
    left
}

/// A follower that is gone needs no answer: its position is in the database.
fn answer(done: oneshot::Sender<Result<i64, Problem>>, outcome: Result<i64, Problem>) {
    let _ = done.send(outcome);
}

/// Follows one producer's log for ever.
async fn follow(app: Arc<App>, producer: Role, appender: mpsc::Sender<Job>) {
    let mut follower = Follower::new(app.links.clone(), Role::Audit, producer, app.clock.clone());
    let mut is_known = false;
    let mut pause = SHORTEST_PAUSE;
    loop {
        let outcome = if is_known {
            follow_once(&app, &mut follower, &appender).await
        } else {
            register(&app, &mut follower).await
        };
        let Err(error) = outcome else {
            is_known = true;
            pause = SHORTEST_PAUSE;
            continue;
        };
        tracing::warn!(%producer, %error, "events cannot be taken into the audit trail now; trying again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Tells the producer that audit reads its log, so that it keeps what audit has not seen.
async fn register(app: &App, follower: &mut Follower) -> Result<()> {
    let position = position(app, follower.producer()).await?;
    follower.acknowledge(position).await?;
    Ok(())
}

/// Waits for events and sees them into the trail.
async fn follow_once(app: &App, follower: &mut Follower, appender: &mpsc::Sender<Job>) -> Result<()> {
    let after = position(app, follower.producer()).await?;
    let events = follower.next(after).await?;
    watch_for_gap(follower.producer(), after, &events);

    let cx = Cx::job(Role::Audit, &app.clock);
    let addresses = app.keys.reseal(&cx, &events).await?;
    let drafts = events.iter().zip(addresses).map(|(event, ip)| Draft::of(event, ip)).collect();
    let (done, outcome) = oneshot::channel();
    let job = Job { batch: Batch { producer: follower.producer(), drafts }, done };
    appender.send(job).await.map_err(|_| Error::Stopped)?;
    let position = outcome.await.map_err(|_| Error::Stopped)??;

    count(follower.producer(), events.len());
    follower.acknowledge(position).await?;
    Ok(())
}

async fn position(app: &App, producer: Role) -> Result<i64> {
    let mut tx = app.db.read().await?;
    Ok(cursor::position(&mut tx, producer.as_str()).await?)
}

/// Says aloud what `VerifyChain` will find: events are gone that were never taken in.
fn watch_for_gap(producer: Role, after: i64, events: &[Event]) {
    let Some(first) = events.first() else { return };
    if after > 0 && first.seq > after + 1 {
        tracing::error!(%producer, after, next = first.seq, "events are missing from a log; the audit trail has a gap");
    }
}

fn count(producer: Role, events: usize) {
    metrics::counter!("denizen_audit_events_total", "producer" => producer.as_str()).increment(events as u64);
}
