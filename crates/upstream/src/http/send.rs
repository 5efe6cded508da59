//! [`Journey`]: one request through a cluster: which target, which connection, and when it is sent again.
//!
//! What was never sent goes to another target whatever its method. What may have been seen is repeated only if it is
//! idempotent (RFC 9110 §9.2.2) or said to be, within the budget, and not once the client has got a byte: a
//! journey ends with the head of an answer.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::answer::answer;
use super::balance::Choice;
use super::body::{Body, Outgoing, Progress};
use super::breaker::Pass;
use super::error::{ConnectError, SendError};
use super::exchange::{self, Lost};
use super::flight::{Flight, Outcome, retry_after};
use super::inner::Inner;
use super::pool::Way;
use super::retry::Spare;
use super::target::{Target, TargetSet};
use super::upgrade;

/// To how many other targets a request goes that could not be sent, beyond its retries: that costs nobody anything.
const FAILOVERS: u32 = 2;

/// Writes into the headers of a request how long its target has.
pub type Tell = fn(&mut HeaderMap, Duration);

/// What one request asks of a cluster.
#[derive(Clone, Debug)]
pub struct Ask {
    /// How often it may be sent again.
    pub retries: u32,
    /// How much of its body is kept for that, in bytes.
    pub replay_limit: usize,
    /// How long one try may take from the end of the request to the head of the answer, instead of the cluster's limit.
    pub try_timeout: Option<Duration>,
    /// Until when the head of the answer must have come, over all tries.
    pub deadline: Option<Instant>,
    /// Tells a target how long it has for each try: its limit, or what is left until the deadline; none: nobody is told.
    pub tell: Option<Tell>,
    /// What consistent hashing goes by.
    pub hash_key: Option<u64>,
    /// Whether it may be repeated though its method says nothing of the kind, since it has an idempotency key.
    pub idempotent: bool,
    /// Whether it asks for another protocol (`Upgrade`): it gets an HTTP/1 connection of its own.
    pub upgrade: bool,
}

/// One request on its way.
pub(crate) struct Journey<'a> {
    pub(crate) inner: &'a Arc<Inner>,
    pub(crate) ask: &'a Ask,
    pub(super) pass: Pass,
    pub(super) targets: Arc<TargetSet>,
    pub(super) tried: Vec<usize>,
    /// Those of them that could not be connected to.
    pub(super) unreached: Vec<usize>,
    pub(super) retries: u32,
    pub(super) failovers: u32,
    pub(super) spare: Option<Spare>,
}

/// Why a try brought no answer.
pub(crate) enum Missed {
    /// The target has not got it; here it is again.
    Unsent(Box<Request<Outgoing>>, SendError),
    /// The target surely did nothing.
    Refused(SendError),
    /// The target may have done it.
    Lost(SendError),
    /// It is the client's fault.
    Client(SendError),
}

// === impl Ask ===

impl Default for Ask {
    fn default() -> Self {
        Self {
            retries: 1,
            replay_limit: 64 * 1024,
            try_timeout: None,
            deadline: None,
            tell: None,
            hash_key: None,
            idempotent: false,
            upgrade: false,
        }
    }
}

// === impl Journey ===

impl<'a> Journey<'a> {
    pub(crate) fn new(inner: &'a Arc<Inner>, ask: &'a Ask, pass: Pass) -> Self {
        Self {
            inner,
            ask,
            pass,
            targets: inner.targets.load_full(),
            tried: Vec::new(),
            unreached: Vec::new(),
            retries: if pass == Pass::Probe { 0 } else { ask.retries },
            failovers: FAILOVERS,
            spare: None,
        }
    }

    /// Goes from target to target until there is an answer or no way on.
    pub(crate) async fn run(mut self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        let mut request = self.pack(request);
        // An answer that was not good enough, for when no better one comes.
        let mut last = None;
        loop {
            let Some(index) = self.choice().pick(&self.targets) else {
                self.inner.release(self.pass);
                return last.ok_or_else(|| self.nobody());
            };
            let target = self.targets.get(index).clone();
            request = match self.attempt(&target, request).await {
                Ok(response) => {
                    let (status, wait) = (response.status(), retry_after(response.headers()));
                    let Some(again) = self.after_answer(index, status, wait).await else {
                        return Ok(response);
                    };
                    last = Some(response);
                    again
                }
                Err(missed) => match self.after_miss(index, missed).await {
                    Ok(again) => again,
                    Err(error) => return last.ok_or(error),
                },
            };
        }
    }

    pub(super) fn choice(&self) -> Choice<'_> {
        Choice {
            balance: self.inner.spec.balance,
            now: Instant::now(),
            key: self.ask.hash_key,
            tried: &self.tried,
            unreached: &self.unreached,
            dice: &self.inner.dice,
        }
    }

    fn nobody(&self) -> SendError {
        if self.targets.is_empty() {
            return SendError::NoTarget;
        }
        let interval = self.inner.spec.health.as_ref().map(|health| health.interval);
        SendError::AllDown { retry_after: interval.unwrap_or(Duration::from_secs(1)) }
    }

    /// One try at one target.
    async fn attempt(
        &self,
        target: &Arc<Target>,
        mut request: Request<Outgoing>,
    ) -> Result<Response<Body>, Missed> {
        let mut flight = Flight::begin(self.inner, target, self.pass, Instant::now());
        if self.ask.upgrade {
            return Box::pin(upgrade::attempt(self, flight, request)).await;
        }
        let mut reused = target.pool.reuse();
        loop {
            let is_reused = reused.is_some();
            let way = match reused.take() {
                Some(way) => way,
                None => match Box::pin(self.open(target)).await {
                    Ok(way) => way,
                    Err(error) => {
                        flight.tell(Outcome::Failed(None));
                        return Err(Missed::Unsent(Box::new(request), error.into()));
                    }
                },
            };
            let progress = request.body().progress();
            self.tell(request.headers_mut());
            match self.in_time(exchange::run(way, target, request), progress.as_deref()).await {
                Ok(Ok((response, _))) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                    // What follows is no HTTP: the connection ends here.
                    return Err(Missed::of(Lost::Broken(SendError::Unasked), flight));
                }
                Ok(Ok((response, drive))) => {
                    flight.tell(Outcome::of(response.status(), response.headers()));
                    return Ok(answer(response, drive, flight, self.inner.spec.timeouts.idle));
                }
                // It was closed while it was idle: that is nobody's fault, and a fresh one is made.
                Ok(Err(Lost::Unsent(again, _))) if is_reused => request = *again,
                Ok(Err(lost)) => return Err(Missed::of(lost, flight)),
                Err(missed) => {
                    self.note_late(flight, progress.as_deref());
                    return Err(missed);
                }
            }
        }
    }

    pub(crate) async fn open(&self, target: &Target) -> Result<Way, ConnectError> {
        let opened = target.pool.open(&self.inner.connector, &target.origin);
        match self.ask.deadline {
            Some(deadline) => timeout_at(deadline, opened).await.unwrap_or(Err(ConnectError::Timeout)),
            None => opened.await,
        }
    }

    /// How long one try may take.
    fn limit(&self) -> Duration {
        self.ask.try_timeout.unwrap_or(self.inner.spec.timeouts.head)
    }

    /// Tells the target how long it has from now on.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let Some(tell) = self.ask.tell else { return };
        let left = self.ask.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        tell(headers, left.map_or(self.limit(), |left| left.min(self.limit())));
    }

    /// Waits for the head of an answer. The time does not run while the client has not sent its request.
    pub(crate) async fn in_time<T>(
        &self,
        exchange: impl Future<Output = T>,
        progress: Option<&Progress>,
    ) -> Result<T, Missed> {
        let limit = self.limit();
        let mut exchange = pin!(exchange);
        let mut mark = progress.map_or(0, Progress::mark);
        loop {
            let now = Instant::now();
            let due = self.ask.deadline.map_or(now + limit, |deadline| deadline.min(now + limit));
            if let Ok(ended) = timeout_at(due, exchange.as_mut()).await {
                return Ok(ended);
            }
            let is_past = self.ask.deadline.is_some_and(|deadline| due >= deadline);
            let goes_on =
                progress.filter(|progress| progress.is_waiting_for_client() || progress.mark() != mark);
            match goes_on {
                Some(progress) if !is_past => mark = progress.mark(),
                _ => return Err(Missed::Lost(SendError::Timeout)),
            }
        }
    }

    pub(super) fn note_late(&self, mut flight: Flight, progress: Option<&Progress>) {
        self.inner.counters.timeouts.add();
        if progress.is_some_and(Progress::is_waiting_for_client) {
            flight.forget();
        } else {
            flight.tell(Outcome::Failed(None));
        }
    }
}

// === impl Missed ===

impl Missed {
    pub(crate) fn of(lost: Lost, mut flight: Flight) -> Self {
        match lost {
            Lost::Client(error) => {
                flight.forget();
                Self::Client(error)
            }
            Lost::Unsent(request, error) => {
                flight.tell(Outcome::Failed(None));
                Self::Unsent(request, error)
            }
            Lost::Refused(error) => {
                flight.tell(Outcome::Refused(None));
                Self::Refused(error)
            }
            Lost::Broken(error) => {
                flight.tell(Outcome::Failed(None));
                Self::Lost(error)
            }
        }
    }
}
