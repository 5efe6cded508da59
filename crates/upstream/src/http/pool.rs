//! [`Pool`]: the connections to one target that can be used again.
//!
//! Idle HTTP/1 connections lie in shards, so that threads seldom wait for each other; the one used last is taken first,
//! so that those that are not needed grow old and go. HTTP/2 connections are shared: a request goes to the first with
//! room, and when none has any, another is opened.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::connect::{Connector, Fresh};
use super::error::ConnectError;
use super::line::Line;
use super::origin::Origin;
use super::spec::PoolSpec;
use super::streams::{Place, Streams};

/// More shards than this gain nothing.
const MAX_SHARDS: usize = 16;

/// The connections to one target.
pub(crate) struct Pool {
    spec: PoolSpec,
    shards: Box<[Mutex<VecDeque<Idle>>]>,
    turn: AtomicUsize,
    streams: Mutex<Vec<Held>>,
    /// One HTTP/2 connection is opened at a time: those that wait may find room on it.
    opening: tokio::sync::Mutex<()>,
    /// How often none could be opened: who waited meanwhile fails with it, and does not wait for the same again.
    failures: AtomicUsize,
    /// Whether the target turned out to speak HTTP/1: there is nothing to wait for.
    is_http1: AtomicBool,
    is_closed: AtomicBool,
}

struct Idle {
    line: Box<Line>,
    since: Instant,
}

struct Held {
    streams: Arc<Streams>,
    /// Since when no request has been seen on it.
    idle_since: Option<Instant>,
}

/// A way to send one request.
pub(crate) enum Way {
    Line(Box<Line>),
    Place(Place),
}

// === impl Pool ===

impl Pool {
    /// No connections yet. `threads` is how many may ask at once.
    pub(crate) fn new(spec: PoolSpec, threads: usize) -> Self {
        let shards = threads.clamp(1, MAX_SHARDS);
        Self {
            spec,
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            turn: AtomicUsize::new(0),
            streams: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            failures: AtomicUsize::new(0),
            is_http1: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        }
    }

    /// A way that is open already.
    pub(crate) fn reuse(&self) -> Option<Way> {
        if let Some(place) = self.place() {
            return Some(Way::Place(place));
        }
        // From the shard that was filled last backwards.
        let last = self.turn.load(Ordering::Relaxed).wrapping_sub(1);
        (0..self.shards.len()).find_map(|step| {
            let line = self.take(&self.shards[last.wrapping_sub(step) % self.shards.len()])?;
            Some(Way::Line(line))
        })
    }

    /// A new connection.
    pub(crate) async fn open(&self, connector: &Connector, origin: &Origin) -> Result<Way, ConnectError> {
        if !connector.may_share(origin) || self.is_http1.load(Ordering::Relaxed) {
            return self.connect(connector, origin).await;
        }
        let failures = self.failures.load(Ordering::Relaxed);
        let _one_at_a_time = self.opening.lock().await;
        if let Some(place) = self.place() {
            return Ok(Way::Place(place));
        }
        if self.failures.load(Ordering::Relaxed) != failures {
            return Err(ConnectError::WithAnother);
        }
        let made = self.connect(connector, origin).await;
        if made.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        made
    }

    async fn connect(&self, connector: &Connector, origin: &Origin) -> Result<Way, ConnectError> {
        match connector.connect(origin, false).await? {
            Fresh::Line(line) => {
                self.is_http1.store(true, Ordering::Relaxed);
                Ok(Way::Line(line))
            }
            Fresh::Streams(streams) => {
                self.is_http1.store(false, Ordering::Relaxed);
                let place = streams.place();
                if !self.is_closed.load(Ordering::Relaxed) {
                    lock(&self.streams).push(Held { streams, idle_since: None });
                }
                Ok(Way::Place(place))
            }
        }
    }

    /// Keeps a connection for the next request.
    pub(crate) fn give_back(&self, line: Box<Line>) {
        if self.is_closed.load(Ordering::Relaxed) {
            return;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let most = self.spec.max_idle.div_ceil(self.shards.len());
        let mut shard = lock(&self.shards[turn % self.shards.len()]);
        if shard.len() >= most {
            shard.pop_front();
        }
        if most > 0 {
            shard.push_back(Idle { line, since: Instant::now() });
        }
    }

    /// Closes what has been idle for too long.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        let limit = self.spec.idle_timeout;
        for shard in &self.shards {
            let mut shard = lock(shard);
            let old = shard.iter().take_while(|idle| now.duration_since(idle.since) >= limit).count();
            shard.drain(..old);
        }
        lock(&self.streams).retain_mut(|held| {
            if held.streams.is_closed() {
                return false;
            }
            if held.streams.active() > 0 {
                held.idle_since = None;
                return true;
            }
            now.duration_since(*held.idle_since.get_or_insert(now)) < limit
        });
    }

    /// Closes what is idle, and keeps nothing any more: the target has gone.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.clear();
    }

    /// Closes what is idle: its target does not answer.
    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            lock(shard).clear();
        }
        lock(&self.streams).clear();
    }

    /// How many HTTP/1 connections are idle, and how many HTTP/2 connections are open.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.shards.iter().map(|shard| lock(shard).len()).sum(), lock(&self.streams).len())
    }

    /// A place on an open HTTP/2 connection: where there is room, or if no more may be opened, where there is the least
    /// in the way.
    fn place(&self) -> Option<Place> {
        let mut streams = lock(&self.streams);
        streams.retain(|held| !held.streams.is_closed());
        let with_room = streams.iter().find(|held| held.streams.has_room());
        let chosen = match with_room {
            Some(held) => held,
            None if streams.len() < self.spec.max_http2.max(1) => return None,
            None => streams.iter().min_by_key(|held| held.streams.active())?,
        };
        Some(chosen.streams.place())
    }

    fn take(&self, shard: &Mutex<VecDeque<Idle>>) -> Option<Box<Line>> {
        let mut shard = lock(shard);
        let idle = shard.pop_back()?;
        if idle.since.elapsed() < self.spec.idle_timeout {
            return Some(idle.line);
        }
        // Those below it are older still.
        shard.clear();
        None
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
