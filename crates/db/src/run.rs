//! [`Db::run`]: runs an operation, again if its transaction met another one, and answers only when it is durable.

use std::future::Future;
use std::time::Duration;

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Kind, Problem};
use serde::Serialize;
use tokio::time::sleep;

use crate::error::{Error, Result};
use crate::once::Slot;
use crate::outbox::Event;
use crate::scope::Scope;
use crate::{Db, Tx};

/// The first wait before a rerun; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(4);

/// The longest wait before a rerun.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// An operation was refused to somebody.
#[derive(Debug, Serialize)]
pub struct AccessRefused {
    /// The code of the refusal, such as `forbidden` or `step_up_required`.
    pub code: &'static str,
    /// The person who was refused.
    #[serde(skip)]
    pub person: Option<UserId>,
}

impl Event for AccessRefused {
    const TYPE: &'static str = "access.refused";

    fn subject(&self) -> Option<UserId> {
        self.person
    }
}

/// How one run of an operation ended.
pub(crate) enum Outcome<T> {
    /// With this answer, which may be given.
    Answer(Result<T, Problem>),
    /// It met another one.
    Again,
}

/// What is kept of the answer, in the operation's own transaction.
pub(crate) struct Keep<'a, T> {
    pub(crate) slot: &'a Slot,
    pub(crate) encode: fn(&T) -> Vec<u8>,
}

// === impl Db ===

impl Db {
    /// Runs an operation and commits the write that it finished last.
    ///
    /// - `Tx::commit` within it parks the transaction; it is committed when the operation has ended with `Ok`, or
    ///   when it opens another read or write, and rolled back when it ends with an error.
    /// - When a transaction met another one, the operation runs again, with the same draws from `cx`, until the
    ///   deadline; so it must have no effect outside its transactions. Peers are called and passwords hashed before.
    /// - No answer is given, early returns and errors included, before everything it has seen is durable.
    /// - A write is held at most 1 s (PostgreSQL: 5 s).
    /// - An end with [`Kind::Forbidden`] is told by the event `access.refused`.
    pub async fn run<T, F, Fut>(&self, cx: &Cx, op: F) -> Result<T, Problem>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, Problem>> + Send,
        T: Send,
    {
        let mut tries = 0;
        cx.mark();
        loop {
            // On the heap: the futures of ops are large, and callers hold this one inside their own.
            match Box::pin(self.attempt(cx, &op, None)).await {
                Outcome::Answer(answer) => return answer,
                Outcome::Again => self.back_off(cx, &mut tries).await?,
            }
        }
    }

    /// Runs an operation once.
    pub(crate) async fn attempt<T, F, Fut>(&self, cx: &Cx, op: &F, keep: Option<Keep<'_, T>>) -> Outcome<T>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, Problem>> + Send,
        T: Send,
    {
        if denizen_kit::task::write_is_open() {
            return Outcome::Answer(Err(Error::Nested.into()));
        }
        let scope = Scope::new(self.identity(), self.hold());
        let ended = scope.run(Box::pin(op())).await.unwrap_or_else(|| Err(Error::Overdue.into()));
        let parked = scope.take_parked();
        let answer = match ended {
            Ok(value) => {
                let kept = keep.map(|keep| (keep.slot, (keep.encode)(&value)));
                let concluded = self.conclude(cx, &scope, parked, kept).await;
                concluded.map(|()| value).map_err(Problem::from)
            }
            Err(problem) => {
                if let Some(tx) = parked {
                    scope.discard(tx);
                }
                Err(problem)
            }
        };
        let durable = scope.durable().await;
        if answer.is_err() && scope.wants_retry() {
            return Outcome::Again;
        }
        let answer = durable.map_err(Problem::from).and(answer);
        if let Err(problem) = &answer
            && problem.kind == Kind::Forbidden
        {
            self.tell_refusal(cx, problem).await;
        }
        Outcome::Answer(answer)
    }

    /// Keeps the reply and commits what was parked.
    async fn conclude(
        &self,
        cx: &Cx,
        scope: &Scope,
        parked: Option<Tx>,
        kept: Option<(&Slot, Vec<u8>)>,
    ) -> Result<()> {
        let mut open = parked;
        if let Some((slot, reply)) = kept {
            let mut tx = match open.take() {
                Some(tx) => tx,
                None => self.write_relaxed("keeps the reply of an operation that wrote nothing").await?,
            };
            if let Err(error) = slot.keep(cx, &self.shared().secrets.replies, &mut tx, &reply).await {
                scope.note(&error);
                scope.discard(tx);
                return Err(error);
            }
            open = Some(tx);
        }
        let Some(tx) = open else { return Ok(()) };
        let finished = tx.finish().await;
        if let Err(error) = &finished {
            scope.note(error);
        }
        finished
    }

    /// Waits before a rerun, longer each time, with jitter; an error when the deadline would pass.
    pub(crate) async fn back_off(&self, cx: &Cx, tries: &mut u32) -> Result<(), Problem> {
        let full = FIRST_WAIT.saturating_mul(1 << (*tries).min(16)).min(LONGEST_WAIT);
        *tries += 1;
        let [random] = cx.random::<1>();
        let wait = full.mul_f64(0.5 + f64::from(random) / 510.0);
        cx.rewind();
        if cx.call().deadline.remaining() <= wait {
            return Err(Error::Retry.into());
        }
        metrics::counter!("denizen_db_reruns_total", "service" => self.service()).increment(1);
        sleep(wait).await;
        Ok(())
    }

    async fn tell_refusal(&self, cx: &Cx, problem: &Problem) {
        let event =
            AccessRefused { code: problem.code.as_str(), person: cx.person().map(|person| person.user_id) };
        let told = async {
            let mut tx = self.write_relaxed("writes an event only").await?;
            tx.emit(cx, event);
            tx.commit().await
        };
        if let Err(error) = told.await {
            tracing::warn!(service = self.service(), %error, "a refusal could not be recorded");
        }
    }
}
