//! Which sessions have ended while their access tokens still run, as auth tells it in a stream.
//!
//! The set is looked at on every use of a token, never only when one is first seen: a token verified just before its
//! session ended is dead with the next request. While the stream is silent, each token is asked about.

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
}

// === impl Revocations ===

impl Revocations {
    pub(crate) fn new() -> Self {
        let shards = std::array::from_fn(|_| RwLock::new(HashMap::new()));
        Self { shards, started: Instant::now(), heard: AtomicU64::new(0), reached: AtomicU64::new(0) }
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

    /// Takes in one message of the stream.
    pub(crate) fn take(&self, message: &Message, now: i64) {
        let items = message.items.iter().filter(|item| item.until > now);
        let items = items.filter_map(|item| Some((item.session_id.parse::<SessionId>().ok()?, item.until)));
        if message.snapshot {
            self.replace(items);
        } else {
            for (session_id, until) in items {
                self.shard(session_id)
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(session_id, until);
            }
        }
        self.heard.store(self.elapsed() + 1, Ordering::Release);
    }

    /// Notes that auth answered.
    pub(crate) fn note_reached(&self) {
        self.reached.store(self.elapsed() + 1, Ordering::Release);
    }

    /// Drops what no living token can carry any more.
    pub(crate) fn sweep(&self, now: i64) {
        for shard in &self.shards {
            shard.write().unwrap_or_else(PoisonError::into_inner).retain(|_, until| *until > now);
        }
    }

    fn replace(&self, items: impl Iterator<Item = (SessionId, i64)>) {
        let mut fresh: [HashMap<SessionId, i64>; SHARDS] = std::array::from_fn(|_| HashMap::new());
        for (session_id, until) in items {
            fresh[shard_of(session_id)].insert(session_id, until);
        }
        for (shard, content) in self.shards.iter().zip(fresh) {
            *shard.write().unwrap_or_else(PoisonError::into_inner) = content;
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
        match links.sessions(&cx).watch_revocations(WatchRevocationsRequest {}).await {
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
mod tests {
    use denizen_rpc::auth::internal::v1::Revocation;

    use super::*;

    const FIRST: &str = "0192aa00-0000-7000-8000-000000000001";
    const SECOND: &str = "0192aa00-0000-7000-8000-000000000002";

    fn message(snapshot: bool, items: &[(&str, i64)]) -> Message {
        let items =
            items.iter().map(|(id, until)| Revocation { session_id: (*id).to_owned(), until: *until });
        Message { items: items.collect(), snapshot }
    }

    fn has(revocations: &Revocations, id: &str) -> bool {
        revocations.has(id.parse().unwrap())
    }

    #[tokio::test]
    async fn items_add_and_a_snapshot_replaces() {
        let revocations = Revocations::new();
        revocations.take(&message(true, &[(FIRST, 100)]), 10);
        revocations.take(&message(false, &[(SECOND, 100)]), 10);
        assert!(has(&revocations, FIRST) && has(&revocations, SECOND));
        revocations.take(&message(false, &[]), 10);
        assert!(has(&revocations, FIRST), "a heartbeat changes nothing");
        revocations.take(&message(true, &[(SECOND, 100)]), 10);
        assert!(!has(&revocations, FIRST) && has(&revocations, SECOND));
    }

    #[tokio::test]
    async fn what_has_lapsed_goes() {
        let revocations = Revocations::new();
        revocations.take(&message(false, &[(FIRST, 100), (SECOND, 200)]), 10);
        revocations.sweep(150);
        assert!(!has(&revocations, FIRST) && has(&revocations, SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_noticed() {
        let revocations = Revocations::new();
        assert_eq!(revocations.trust(), Trust::Stale, "nothing has been heard yet");
        revocations.take(&message(true, &[]), 10);
        assert_eq!(revocations.trust(), Trust::Fresh);
        tokio::time::advance(Duration::from_millis(1_100)).await;
        assert_eq!(revocations.trust(), Trust::Stale);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(revocations.trust(), Trust::Blind);
        revocations.note_reached();
        assert_eq!(revocations.trust(), Trust::Stale);
    }
}
