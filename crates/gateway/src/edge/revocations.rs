//! Which sessions have ended while their access tokens still run, as auth tells it in a stream.
//!
//! The set is looked at on every use of a token, never only when one is first seen: a token verified just before its
//! session ended is dead with the next request. While the stream is silent, each token is asked about. What an operation
//! ended that this node answers, it asks for before the answer goes out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::SessionId;
use denizen_kit::problem::Problem;
use denizen_kit::time::Clock;
use denizen_rpc::auth::internal::v1::{CheckSessionRequest, Revocations as Message, WatchRevocationsRequest};
use denizen_rpc::{Links, problem_from};
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::Streaming;

/// How long the stream may be silent before it is not relied on; auth sends a heartbeat every 300 ms.
const FRESH: Duration = Duration::from_secs(1);

/// How long writes go on without any word from auth.
const BLIND: Duration = Duration::from_secs(10);

/// How long to wait before the stream is opened again.
const PAUSE: Duration = Duration::from_millis(200);

/// Parts of the set, each with its own lock.
const SHARDS: usize = 16;

/// How many messages pass between two sweeps of what has lapsed.
const SWEEP_EVERY: u32 = 200;

/// How long a question for the newest revocations is thought to take.
const MARGIN: Duration = Duration::from_millis(20);

/// How long ends are gathered before who waits for one looks, so that many who wait cost little where many end.
const GATHERED: Duration = Duration::from_millis(100);

type Shard = RwLock<HashMap<SessionId, i64>>;

/// How much the set can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It is complete but for the last second.
    Fresh,
    /// It may lack something: ask about each session.
    Stale,
    /// Auth has not been heard of for long: only reads may go on.
    Blind,
}

/// The sessions that have ended, and when auth was last heard of.
#[derive(Debug)]
pub(crate) struct Revocations {
    shards: [Shard; SHARDS],
    started: Instant,
    /// Milliseconds after `started`, plus one; 0 for never.
    heard: AtomicU64,
    /// The same, of any answer of auth.
    reached: AtomicU64,
    /// Rung when something has come in.
    told: watch::Sender<()>,
}

// === impl Revocations ===

impl Revocations {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| RwLock::new(HashMap::new())),
            started: Instant::now(),
            heard: AtomicU64::new(0),
            reached: AtomicU64::new(0),
            told: watch::Sender::new(()),
        }
    }

    /// Whether the session has ended.
    pub(crate) fn has(&self, session_id: SessionId) -> bool {
        self.shard(session_id).read().unwrap_or_else(PoisonError::into_inner).contains_key(&session_id)
    }

    /// How much the set can be relied on now.
    pub(crate) fn trust(&self) -> Trust {
        let now = self.elapsed();
        let since = |mark: &AtomicU64| now.saturating_sub(mark.load(Ordering::Acquire).saturating_sub(1));
        if self.heard.load(Ordering::Acquire) > 0 && since(&self.heard) <= millis(FRESH) {
            return Trust::Fresh;
        }
        if since(&self.reached).min(since(&self.heard)) <= millis(BLIND) {
            Trust::Stale
        } else {
            Trust::Blind
        }
    }

    /// Waits until the session has ended.
    pub(crate) async fn ended(&self, session_id: SessionId) {
        let mut told = self.told.subscribe();
        while !self.has(session_id) {
            // The bell hangs in this very set, so the wait ends with a ring only.
            let _ = told.changed().await;
            tokio::time::sleep(GATHERED).await;
        }
    }

    /// Takes in one message of the stream.
    pub(crate) fn take(&self, message: &Message, now: i64) {
        self.add(message, now);
        self.heard.store(self.elapsed() + 1, Ordering::Release);
    }

    /// Adds what a message lists. Nothing goes but by its time: no session begins again, and a list of all may have been
    /// read before something that is known here already.
    fn add(&self, message: &Message, now: i64) {
        for item in message.items.iter().filter(|item| item.until > now) {
            let Ok(session_id) = item.session_id.parse::<SessionId>() else { continue };
            let mut shard = self.shard(session_id).write().unwrap_or_else(PoisonError::into_inner);
            shard.insert(session_id, item.until);
        }
        if !message.items.is_empty() {
            self.told.send_replace(());
        }
    }

    /// Notes that auth answered.
    pub(crate) fn note_reached(&self) {
        self.reached.store(self.elapsed() + 1, Ordering::Release);
    }

    /// Relies on nothing but questions until the stream is heard again.
    pub(crate) fn doubt(&self) {
        let heard = self.heard.swap(0, Ordering::AcqRel);
        self.reached.fetch_max(heard, Ordering::AcqRel);
    }

    /// Drops what no living token can carry any more.
    pub(crate) fn sweep(&self, now: i64) {
        for shard in &self.shards {
            shard.write().unwrap_or_else(PoisonError::into_inner).retain(|_, until| *until > now);
        }
    }

    fn shard(&self, session_id: SessionId) -> &Shard {
        &self.shards[shard_of(session_id)]
    }

    fn elapsed(&self) -> u64 {
        millis(self.started.elapsed())
    }
}

/// The last byte of a UUIDv7 is random.
fn shard_of(session_id: SessionId) -> usize {
    usize::from(session_id.uuid().as_bytes()[15]) % SHARDS
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Asks auth whether a session lives.
pub(crate) async fn check_session(
    links: &Links,
    clock: &Clock,
    session_id: SessionId,
) -> Result<bool, Problem> {
    let cx = Cx::job(Role::Gateway, clock);
    let request = CheckSessionRequest { session_id: session_id.to_string() };
    let answer = links.sessions(&cx).check_session(request).await.map_err(problem_from)?;
    Ok(answer.into_inner().live)
}

/// Follows the stream until the node stops; opens it again whenever it breaks or falls silent.
pub(crate) async fn follow(links: &Links, clock: &Clock, revocations: &Revocations) {
    let mut was_up = true;
    loop {
        let cx = Cx::job(Role::Gateway, clock);
        match links.sessions(&cx).watch_revocations(WatchRevocationsRequest::default()).await {
            Ok(stream) => {
                was_up = true;
                read(stream.into_inner(), clock, revocations).await;
                tracing::debug!("the stream of revocations ended and is opened again");
            }
            Err(status) if was_up => {
                was_up = false;
                tracing::warn!(
                    detail = status.message(),
                    "revocations cannot be followed; tokens are checked one by one"
                );
            }
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Learns what was revoked since an operation began; says whether it could.
pub(crate) async fn catch_up(
    links: &Links,
    clock: &Clock,
    revocations: &Revocations,
    began: Instant,
) -> bool {
    let mut margin = MARGIN;
    loop {
        let asked = Instant::now();
        let Some(message) = newest(links, clock, began.elapsed() + margin).await else { return false };
        // What came before it may be unknown here, so this is not taken for a word of the stream that is followed.
        revocations.add(&message, clock.now().as_second());
        revocations.note_reached();
        // Auth counts back from when it looked; if that was later than was thought, it looked back too little.
        let took = asked.elapsed();
        if took <= margin {
            return true;
        }
        margin = 2 * took;
    }
}

/// What was revoked within a time up to now.
async fn newest(links: &Links, clock: &Clock, within: Duration) -> Option<Message> {
    let cx = Cx::job(Role::Gateway, clock);
    // Rounded up: not a moment is left out.
    let within_ms = u32::try_from(within.as_millis()).unwrap_or(u32::MAX).saturating_add(1);
    let request = WatchRevocationsRequest { within_ms };
    let stream = links.sessions(&cx).watch_revocations(request).await.ok()?;
    stream.into_inner().message().await.ok()?
}

async fn read(mut stream: Streaming<Message>, clock: &Clock, revocations: &Revocations) {
    let mut count: u32 = 0;
    while let Ok(Ok(Some(message))) = tokio::time::timeout(2 * FRESH, stream.message()).await {
        let now = clock.now().as_second();
        revocations.take(&message, now);
        count = count.wrapping_add(1);
        if count.is_multiple_of(SWEEP_EVERY) {
            revocations.sweep(now);
        }
    }
}

#[cfg(test)]
#[path = "revocations_tests.rs"]
mod tests;
