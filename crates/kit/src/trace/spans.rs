//! Spans: work that is recorded, and where it waits until it is sent.

use std::borrow::Cow;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

use super::{Share, TraceContext};
use crate::id::Numbers;
use crate::time::{Clock, Timestamp};

/// How many spans are sent together.
pub const BATCH: usize = 512;

/// How many spans wait at most. Those beyond are dropped and counted.
const MOST: usize = 2_048;

/// Begins spans. One that is off begins none, and costs a look at that.
#[derive(Clone, Debug, Default)]
pub struct Tracer(Option<Arc<Recorder>>);

/// The spans of a [`Tracer`] that have ended, for whoever sends them.
#[derive(Debug)]
pub struct Records(Arc<Recorder>);

/// Work under way. It ends when this is dropped, whatever became of it.
#[derive(Debug)]
pub struct Span {
    recorder: Arc<Recorder>,
    context: TraceContext,
    /// None once it has ended.
    record: Option<Box<Record>>,
}

/// Which side of a request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The one that answers.
    Server,
    /// The one that asks.
    Client,
}

/// What an attribute says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
}

/// A span that has ended.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its ids.
    pub context: TraceContext,
    /// The span that it is a part of; none of the first one of a trace.
    pub parent: Option<NonZeroU64>,
    /// Which side of a request it is.
    pub kind: Kind,
    /// What it is called, with as few names as there are operations.
    pub name: Cow<'static, str>,
    /// What is known of it, by the names of OpenTelemetry's semantic conventions.
    pub attributes: Vec<(&'static str, Value)>,
    /// Whether it failed.
    pub is_error: bool,
    /// When it began.
    pub began: Timestamp,
    /// How long it took.
    pub took: Duration,
    since: Instant,
}

#[derive(Debug)]
struct Recorder {
    share: Share,
    clock: Clock,
    numbers: Numbers,
    waiting: Mutex<Vec<Record>>,
    /// Told when a batch is full.
    full: Notify,
}

// === impl Tracer ===

impl Tracer {
    /// One that is on, and the spans that it will have recorded.
    pub fn new(share: Share, clock: Clock) -> (Self, Records) {
        let recorder = Arc::new(Recorder {
            share,
            clock,
            numbers: Numbers::default(),
            waiting: Mutex::default(),
            full: Notify::new(),
        });
        (Self(Some(recorder.clone())), Records(recorder))
    }

    /// One that begins no spans and no traces.
    pub const fn off() -> Self {
        Self(None)
    }

    /// Whether it begins any.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Where a request from outside is in its trace, and its span if that is recorded. A trace that came goes on, with the
    /// flag that it has; else one begins. Of those flagged by somebody who is not believed, only the share is recorded.
    /// Off, it stays as it came.
    pub fn enter(
        &self,
        came: Option<TraceContext>,
        is_believed: bool,
    ) -> (Option<TraceContext>, Option<Span>) {
        let Some(recorder) = &self.0 else { return (came, None) };
        let context = match came {
            Some(came) if is_believed => came.next(&recorder.numbers),
            Some(came) => came.next_within(&recorder.numbers, recorder.share),
            None => TraceContext::begin(&recorder.numbers, recorder.share),
        };
        let span = context.is_sampled().then(|| Span::begin(recorder, Kind::Server, (context, came)));
        (Some(context), span)
    }

    /// The span of a part of something; none where the trace is not recorded.
    pub fn child(&self, kind: Kind, parent: Option<TraceContext>) -> Option<Span> {
        let recorder = self.0.as_ref()?;
        let parent = parent.filter(|parent| parent.is_sampled())?;
        Some(Span::begin(recorder, kind, (parent.next(&recorder.numbers), Some(parent))))
    }
}

// === impl Records ===

impl Records {
    /// The next spans to be sent: once [`BATCH`] wait, or after this time. Perhaps none. Whoever stops waiting loses none.
    pub async fn batch(&self, within: Duration) -> Vec<Record> {
        if self.0.waiting().len() < BATCH {
            let _ = timeout(within, self.0.full.notified()).await;
        }
        self.take()
    }

    /// The same without waiting.
    pub fn take(&self) -> Vec<Record> {
        let mut waiting = self.0.waiting();
        let count = waiting.len().min(BATCH);
        waiting.drain(..count).collect()
    }
}

/// Counts spans that nobody will see.
pub fn count_dropped(count: usize) {
    metrics::counter!("denizen_spans_dropped_total").increment(count as u64);
}

// === impl Recorder ===

impl Recorder {
    fn waiting(&self) -> MutexGuard<'_, Vec<Record>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, record: Record) {
        let mut waiting = self.waiting();
        let before = waiting.len();
        if before < MOST {
            waiting.push(record);
        }
        drop(waiting);
        if before >= MOST {
            count_dropped(1);
        } else if before + 1 == BATCH {
            self.full.notify_one();
        }
    }
}

// === impl Span ===

impl Span {
    fn begin(
        recorder: &Arc<Recorder>,
        kind: Kind,
        (context, parent): (TraceContext, Option<TraceContext>),
    ) -> Self {
        let record = Record {
            context,
            parent: parent.map(TraceContext::span_id),
            kind,
            name: Cow::Borrowed(""),
            attributes: Vec::new(),
            is_error: false,
            began: recorder.clock.now(),
            took: Duration::ZERO,
            since: Instant::now(),
        };
        Self { recorder: recorder.clone(), context, record: Some(Box::new(record)) }
    }

    /// Its ids, for those who are asked within it.
    pub const fn context(&self) -> TraceContext {
        self.context
    }

    /// Calls it so.
    pub fn name(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(record) = &mut self.record {
            record.name = name.into();
        }
    }

    /// Says something about it. Nothing of a person.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(record) = &mut self.record {
            record.attributes.push((key, value.into()));
        }
    }

    /// Says that it failed.
    pub fn fail(&mut self) {
        if let Some(record) = &mut self.record {
            record.is_error = true;
        }
    }

    /// Lets it go unrecorded.
    pub fn forget(mut self) {
        self.record = None;
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(mut record) = self.record.take() {
            record.took = record.since.elapsed();
            self.recorder.add(*record);
        }
    }
}

// === impl Value ===

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

#[cfg(test)]
#[path = "spans_tests.rs"]
mod tests;
