//! Following another service's event log: pull, wait for the bell, pull again.

use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use denizen_kit::time::Clock;
use tokio::time::Instant;
use tonic::Streaming;

use crate::events::internal::v1::{AcknowledgeRequest, Event, EventsRequest, Ring, WatchRequest};
use crate::{Links, problem_from};

/// How long to wait for the bell before looking anyway.
const POLL: Duration = Duration::from_secs(1);

/// How long to wait after the bell was taken away. A stream of the same process that ends at once would otherwise be
/// asked for again and again without ever yielding, and the process could not stop.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the producer is told at most how far its events have taken effect. It only frees rows by that, none
/// younger than a minute, and each word costs it a transaction.
const WORD: Duration = Duration::from_secs(1);

/// How many events to pull at once.
const BATCH: i32 = 500;

/// A consumer's view of one producer's log.
#[derive(Debug)]
pub struct Follower {
    links: Links,
    consumer: Role,
    producer: Role,
    clock: Clock,
    rings: Option<Streaming<Ring>>,
    /// When the producer was told last.
    told: Option<Instant>,
    /// What it has not been told yet.
    untold: Option<i64>,
}

// === impl Follower ===

impl Follower {
    /// Follows the log of `producer` for `consumer`.
    #[expect(clippy::needless_pass_by_value, reason = "each consumer hands over its own copy")]
    pub fn new(links: Links, consumer: Role, producer: Role, clock: Clock) -> Self {
        Self { links: links.of(consumer), consumer, producer, clock, rings: None, told: None, untold: None }
    }

    /// The role whose log this is.
    pub const fn producer(&self) -> Role {
        self.producer
    }

    /// The next events after a place; waits until there are some. A failure is worth another call after a pause.
    pub async fn next(&mut self, after_seq: i64) -> Result<Vec<Event>, Problem> {
        loop {
            let events = self.pull(after_seq).await?;
            if !events.is_empty() {
                return Ok(events);
            }
            self.tell_if_due().await?;
            self.wait().await;
        }
    }

    /// The events after a place, perhaps none.
    pub async fn pull(&self, after_seq: i64) -> Result<Vec<Event>, Problem> {
        let request = EventsRequest { producer: self.producer.to_string(), after_seq, limit: BATCH };
        let cx = Cx::job(self.consumer, &self.clock);
        let answer = self.links.event_log(self.producer, &cx).events(request).await.map_err(problem_from)?;
        Ok(answer.into_inner().events)
    }

    /// Takes note up to where the events have taken effect, durably. The producer is told now or within seconds; what
    /// it was not told is told again after the next events, so a word may be lost.
    pub async fn acknowledge(&mut self, seq: i64) -> Result<(), Problem> {
        self.untold = Some(seq);
        self.tell_if_due().await
    }

    async fn tell_if_due(&mut self) -> Result<(), Problem> {
        let Some(seq) = self.untold else { return Ok(()) };
        if self.told.is_some_and(|told| told.elapsed() < WORD) {
            return Ok(());
        }
        let request = AcknowledgeRequest {
            producer: self.producer.to_string(),
            consumer: self.consumer.to_string(),
            seq,
        };
        let cx = Cx::job(self.consumer, &self.clock);
        self.links.event_log(self.producer, &cx).acknowledge(request).await.map_err(problem_from)?;
        self.told = Some(Instant::now());
        self.untold = None;
        Ok(())
    }

    /// Waits for the bell, or for [`POLL`].
    async fn wait(&mut self) {
        if self.rings.is_none() {
            let cx = Cx::job(self.consumer, &self.clock);
            let request = WatchRequest { producer: self.producer.to_string() };
            // A log that cannot be watched now is polled; the next wait tries again.
            self.rings = self
                .links
                .event_log(self.producer, &cx)
                .watch(request)
                .await
                .ok()
                .map(tonic::Response::into_inner);
            if self.rings.is_some() {
                return;
            }
        }
        let Some(rings) = &mut self.rings else {
            tokio::time::sleep(POLL).await;
            return;
        };
        let rang = tokio::time::timeout(POLL, rings.message()).await;
        if matches!(rang, Ok(Err(_) | Ok(None))) {
            self.rings = None;
            tokio::time::sleep(PAUSE).await;
        }
    }
}
