//! When and how a request is sent again.

use std::time::Duration;

use http::{HeaderMap, Method, Request, StatusCode, Uri};
use tokio::time::{Instant, sleep_until};

use super::body::{Body, Outgoing};
use super::breaker::Breaker;
use super::error::SendError;
use super::replay::Kept;
use super::send::{Journey, Missed};

/// The pause before a target is tried again, doubled each time and shortened at random.
const PAUSE: Duration = Duration::from_millis(25);

/// The longest `Retry-After` that is waited for.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// What is needed to send the request again.
pub(super) struct Spare {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: SpareBody,
    is_idempotent: bool,
}

enum SpareBody {
    Whole(bytes::Bytes),
    Kept(Kept),
}

// === impl Journey ===

impl Journey<'_> {
    /// The request as it is sent first, with what is needed to send it again set aside.
    pub(super) fn pack(&mut self, request: Request<Body>) -> Request<Outgoing> {
        let (parts, body) = request.into_parts();
        let is_idempotent = self.ask.idempotent || parts.method.is_idempotent();
        // HTTP/2 can tell that a stream was not worked on: then any method is sent again.
        let may_be_refused = self.targets.iter().any(|target| self.inner.connector.may_share(&target.origin));
        let may_repeat = is_idempotent || may_be_refused;
        if self.retries == 0 || !may_repeat || self.ask.upgrade {
            return Request::from_parts(parts, Outgoing::once(body));
        }
        self.inner.budget.deposit(Instant::now());
        let kept = body
            .into_whole()
            .map(SpareBody::Whole)
            .or_else(|stream| Kept::new(stream, self.ask.replay_limit).map(SpareBody::Kept));
        let body = match kept {
            Ok(body) => body,
            Err(too_large) => return Request::from_parts(parts, Outgoing::once(too_large)),
        };
        let outgoing = body.outgoing();
        self.spare = Some(Spare {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            body,
            is_idempotent,
        });
        Request::from_parts(parts, outgoing)
    }

    /// The request for another try after an answer that says that the target cannot work now.
    pub(super) async fn after_answer(
        &mut self,
        index: usize,
        status: StatusCode,
        wait: Option<Duration>,
    ) -> Option<Request<Outgoing>> {
        if !matches!(status.as_u16(), 502..=504) || !self.may_repeat(false) {
            return None;
        }
        self.tried.push(index);
        self.pause(wait).await?;
        self.spend().then(|| self.unpack()).flatten()
    }

    /// The request for another try after none, or why there is no other.
    pub(super) async fn after_miss(
        &mut self,
        index: usize,
        missed: Missed,
    ) -> Result<Request<Outgoing>, SendError> {
        self.tried.push(index);
        let (error, is_untouched) = match missed {
            Missed::Unsent(request, error) => {
                self.unreached.push(index);
                if self.failovers > 0 && self.choice().is_next_untried(&self.targets) {
                    self.failovers -= 1;
                    return Ok(*request);
                }
                if self.retries == 0 || self.pause(None).await.is_none() || !self.spend() {
                    return Err(error);
                }
                return Ok(*request);
            }
            Missed::Client(error) => return Err(error),
            Missed::Refused(error) => (error, true),
            Missed::Lost(error) => (error, false),
        };
        if !self.may_repeat(is_untouched) || self.pause(None).await.is_none() || !self.spend() {
            return Err(error);
        }
        self.unpack().ok_or(error)
    }

    /// Whether the request can be sent again, and may be.
    fn may_repeat(&self, is_untouched: bool) -> bool {
        let Some(spare) = &self.spare else { return false };
        let is_open = self.inner.breaker.as_ref().is_some_and(Breaker::is_open);
        self.retries > 0 && !is_open && (spare.is_idempotent || is_untouched) && spare.body.can_run()
    }

    /// Waits before the next try: not at all if another target is there, else a little, or as long as was asked for.
    /// None when that is too long.
    async fn pause(&self, asked: Option<Duration>) -> Option<()> {
        let now = Instant::now();
        let is_past = |at: Instant| self.ask.deadline.is_some_and(|deadline| at >= deadline);
        if self.choice().has_another(&self.targets) {
            return (!is_past(now)).then_some(());
        }
        let turns = u32::try_from(self.tried.len()).unwrap_or(u32::MAX).clamp(1, 5);
        let wait = asked.unwrap_or_else(|| (PAUSE * (1 << (turns - 1))).mul_f64(self.inner.dice.unit()));
        if wait > MAX_WAIT || is_past(now + wait) {
            return None;
        }
        sleep_until(now + wait).await;
        Some(())
    }

    /// Takes one retry from the request's and from everybody's.
    fn spend(&mut self) -> bool {
        if !self.inner.budget.withdraw(Instant::now()) {
            self.inner.counters.retries_denied.add();
            return false;
        }
        self.inner.counters.retries.add();
        self.retries -= 1;
        true
    }

    fn unpack(&self) -> Option<Request<Outgoing>> {
        let spare = self.spare.as_ref()?;
        let mut request = Request::new(spare.body.outgoing());
        *request.method_mut() = spare.method.clone();
        *request.uri_mut() = spare.uri.clone();
        *request.headers_mut() = spare.headers.clone();
        Some(request)
    }
}

// === impl SpareBody ===

impl SpareBody {
    fn outgoing(&self) -> Outgoing {
        match self {
            Self::Whole(bytes) => Outgoing::Whole(bytes.clone()),
            Self::Kept(kept) => Outgoing::again(kept.run()),
        }
    }

    fn can_run(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Kept(kept) => kept.can_run(),
        }
    }
}
