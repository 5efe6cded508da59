//! Logs: structured, to standard error, without personal data.
//!
//! The lines of requests are many and wait for one another: they are written together, in the order in which they
//! came, after 50 ms at the latest. All other lines are written at once, and what waits is written before them.

use std::io::{self, IsTerminal as _, Stderr, Write};
use std::num::NonZeroU128;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::time::Timestamp;

/// How long the line of a request waits for others at most.
const AGE: Duration = Duration::from_millis(50);

/// How many bytes wait at most before they are written, however young.
const BATCH: usize = 64 << 10;

/// How many bytes wait at most while standard error takes none. Lines beyond are dropped and counted.
const MOST: usize = 1 << 20;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line, for machines.
    Json,
    /// Text, for people.
    Text,
}

/// A request that was answered. Nothing in it is of a person.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// When it was answered.
    pub at: Timestamp,
    /// Its method: a token of HTTP, so without quotes.
    pub method: &'a str,
    /// The template of its route, never its path.
    pub route: &'a str,
    /// HTTP status of the answer.
    pub status: u16,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// Its id: letters, digits, `.`, `_` and `-`.
    pub request_id: &'a str,
    /// Its trace, if it is in one.
    pub trace_id: Option<NonZeroU128>,
    /// Whether a limit that only observes would have refused it.
    pub is_observed: bool,
}

/// The log of the process: like the subscriber of `tracing`, one for all nodes that run in it.
static LOG: OnceLock<(Form, Arc<Lines<Stderr>>)> = OnceLock::new();

/// Starts logging; a second call changes nothing. `filter` is a level or a list of `target=level`.
pub fn init(filter: &str, form: Form) {
    LOG.get_or_init(|| {
        let lines = Arc::new(Lines::new(io::stderr()));
        // Each applied migration step is told by the library; a first start would begin with fifty lines of it.
        let filter = format!("refinery_core=warn,{filter}");
        let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
        let base =
            tracing_subscriber::fmt().with_env_filter(filter).with_writer(AtOnce(lines.clone()));
        match form {
            Form::Json => {
                base.json().flatten_event(true).with_current_span(true).with_span_list(false).init();
            }
            Form::Text => base.with_target(false).with_ansi(io::stderr().is_terminal()).compact().init(),
        }
        let writer = lines.clone();
        let thread = std::thread::Builder::new().name("log".to_owned());
        if let Err(error) = thread.spawn(move || writer.write_for_ever()) {
            tracing::error!(%error, "no thread for the lines of requests; they are written with other lines only");
        }
        (form, lines)
    });
}

/// Logs a request, with the target `access`. Never waits for standard error.
pub fn log_request(request: &Request<'_>) {
    if !tracing::enabled!(target: "access", Level::INFO) {
        return;
    }
    if let Some((form, lines)) = LOG.get() {
        lines.add(|text| request.write(*form, text));
    }
}

/// Logs a request by a line that is made already, with the target `access`. Never waits for standard error.
pub fn log_line(line: &str) {
    if !tracing::enabled!(target: "access", Level::INFO) {
        return;
    }
    if let Some((_, lines)) = LOG.get() {
        lines.add(|text| {
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
        });
    }
}

/// Writes the lines that wait: for the end of the process.
pub fn flush() {
    if let Some((_, lines)) = LOG.get() {
        // Nobody is left to be told.
        let _ = lines.flush();
    }
}

// === impl Request ===

impl Request<'_> {
    fn write(&self, form: Form, text: &mut Vec<u8>) {
        // Writing to memory cannot fail.
        let _ = match form {
            Form::Json => self.write_json(text),
            Form::Text => self.write_text(text),
        };
    }

    fn write_json(&self, text: &mut Vec<u8>) -> io::Result<()> {
        let Request { at, method, route, status, micros, request_id, trace_id, is_observed } = self;
        write!(
            text,
            "{{\"timestamp\":\"{at:.6}\",\"level\":\"INFO\",\"message\":\"request\",\"method\":\"{method}\",\
             \"route\":\"{route}\",\"status\":{status},\"us\":{micros},\"request_id\":\"{request_id}\","
        )?;
        if let Some(trace_id) = trace_id {
            write!(text, "\"trace_id\":\"{trace_id:032x}\",")?;
        }
        if *is_observed {
            text.write_all(b"\"limited\":\"observed\",")?;
        }
        text.write_all(b"\"target\":\"access\"}\n")
    }

    fn write_text(&self, text: &mut Vec<u8>) -> io::Result<()> {
        let Request { at, method, route, status, micros, request_id, trace_id, is_observed } = self;
        write!(
            text,
            "{at:.6}  INFO request method=\"{method}\" route=\"{route}\" status={status} us={micros} \
             request_id=\"{request_id}\""
        )?;
        if let Some(trace_id) = trace_id {
            write!(text, " trace_id=\"{trace_id:032x}\"")?;
        }
        if *is_observed {
            text.write_all(b" limited=\"observed\"")?;
        }
        text.write_all(b"\n")
    }
}

/// Lines on their way out.
struct Lines<W> {
    waiting: Mutex<Vec<u8>>,
    /// Told when the first line waits, and when a batch is full.
    news: Condvar,
    dropped: AtomicU64,
    sink: Mutex<Sink<W>>,
}

/// Where lines go, and a buffer to swap for the one that is written.
struct Sink<W> {
    out: W,
    spare: Vec<u8>,
}

// === impl Lines ===

impl<W: Write> Lines<W> {
    fn new(out: W) -> Self {
        Self {
            waiting: Mutex::default(),
            news: Condvar::new(),
            dropped: AtomicU64::new(0),
            sink: Mutex::new(Sink { out, spare: Vec::new() }),
        }
    }

    /// Lets a line wait for its batch.
    fn add(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut waiting = lock(&self.waiting);
        let before = waiting.len();
        if before >= MOST {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        write(&mut waiting);
        let is_first = before == 0;
        let fills_batch = before < BATCH && waiting.len() >= BATCH;
        drop(waiting);
        if is_first || fills_batch {
            self.news.notify_one();
        }
    }

    fn flush(&self) -> io::Result<()> {
        lock(&self.sink).write_waiting(self)
    }

    /// Writes what waits, and then this.
    fn write_at_once(&self, line: &[u8]) -> io::Result<()> {
        let mut sink = lock(&self.sink);
        sink.write_waiting(self)?;
        sink.out.write_all(line)
    }

    /// Waits for lines and writes them in batches, as long as the process lives.
    fn write_for_ever(&self) {
        loop {
            let waiting = self.news.wait_while(lock(&self.waiting), |waiting| waiting.is_empty());
            let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
            drop(self.news.wait_timeout_while(waiting, AGE, |waiting| waiting.len() < BATCH));
            // There is no other place to tell it.
            let _ = self.flush();
        }
    }
}

// === impl Sink ===

impl<W: Write> Sink<W> {
    fn write_waiting(&mut self, lines: &Lines<W>) -> io::Result<()> {
        std::mem::swap(&mut *lock(&lines.waiting), &mut self.spare);
        let written = self.out.write_all(&self.spare);
        self.spare.clear();
        self.spare.shrink_to(2 * BATCH);
        written?;
        match lines.dropped.swap(0, Ordering::Relaxed) {
            0 => Ok(()),
            count => {
                metrics::counter!("denizen_log_lines_dropped_total").increment(count);
                writeln!(
                    self.out,
                    "{{\"level\":\"WARN\",\"message\":\"lines of requests were dropped\",\"count\":{count}}}"
                )
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes each line at once.
struct AtOnce(Arc<Lines<Stderr>>);

impl<'a> MakeWriter<'a> for AtOnce {
    type Writer = &'a AtOnce;

    fn make_writer(&'a self) -> &'a AtOnce {
        self
    }
}

impl Write for &AtOnce {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_at_once(line).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
#[path = "telemetry_tests.rs"]
mod tests;
