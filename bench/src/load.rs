//! The generator: so many connections, each with one request under way, for so long.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::http1::{Connection, Outgoing};
use crate::process;
use crate::sources::Source;

/// A connection that fails so often in a row gives up.
const MOST_FAILURES: u32 = 20;

/// Whom to load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Where it answers.
    pub(crate) address: SocketAddr,
    /// Its process.
    pub(crate) pid: u32,
}

/// For how long and how fast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// What is sent in this time is not measured.
    pub(crate) warm_up: Duration,
    /// How long is measured.
    pub(crate) length: Duration,
    /// Requests a second of all connections together; none means as fast as they are answered.
    pub(crate) pace: Option<f64>,
}

/// What was measured in a window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    /// Answers with the expected status.
    pub(crate) requests: u32,
    /// All others.
    pub(crate) failures: u32,
    /// What the first of them was.
    pub(crate) failure: Option<String>,
    /// How long was measured.
    pub(crate) took: Duration,
    /// Processor time of the target.
    pub(crate) cpu: Duration,
    /// Microseconds of each request, sorted. When paced, from the moment it was due, so that a stall counts for all that it held up.
    pub(crate) latencies: Vec<u32>,
}

/// What one connection did.
#[derive(Debug, Default)]
struct Tally {
    latencies: Vec<u32>,
    failures: u32,
    failure: Option<String>,
}

/// When one connection sends.
#[derive(Clone, Copy, Debug)]
struct Timetable {
    from: Instant,
    until: Instant,
    /// When the first is due and the time between two, if there is a pace.
    pace: Option<(Instant, Duration)>,
}

type Sources = Vec<Box<dyn Source>>;

// === impl Round ===

impl Round {
    /// Requests a second.
    pub(crate) fn rate(&self) -> f64 {
        f64::from(self.requests) / self.took.as_secs_f64().max(f64::EPSILON)
    }

    /// Microseconds of the target's processor time a request.
    pub(crate) fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / f64::from(self.requests.max(1))
    }

    /// How much of one core the target used.
    pub(crate) fn busy(&self) -> f64 {
        self.cpu.as_secs_f64() / self.took.as_secs_f64().max(f64::EPSILON)
    }

    fn add(&mut self, tally: Tally) {
        self.requests += u32::try_from(tally.latencies.len()).unwrap_or(u32::MAX);
        self.latencies.extend(tally.latencies);
        self.failures += tally.failures;
        self.failure = self.failure.take().or(tally.failure);
    }
}

/// Loads a target, a connection for each source, until the window or the sources end. Gives the sources back as they are
/// then.
pub(crate) async fn drive(
    target: Target,
    sources: Sources,
    window: Window,
) -> anyhow::Result<(Round, Sources)> {
    let mut connections = Vec::new();
    for _ in &sources {
        connections.push(Connection::open(target.address).await.context("a connection of the load")?);
    }
    let timetables = timetables(&sources, window);
    let (from, until) =
        timetables.first().map_or((Instant::now(), Instant::now()), |first| (first.from, first.until));
    let mut tasks = JoinSet::new();
    for (place, ((source, connection), timetable)) in
        sources.into_iter().zip(connections).zip(timetables).enumerate()
    {
        tasks.spawn(async move { (place, serve(connection, source, timetable).await) });
    }

    tokio::time::sleep_until(from).await;
    let (started, cpu_before) = (Instant::now(), process::cpu(target.pid)?);
    let mut ended = Vec::new();
    let all = async {
        while let Some(task) = tasks.join_next().await {
            ended.push(task);
        }
    };
    // Sources that end make it shorter; then all tasks are done.
    let _ = tokio::time::timeout_at(until, all).await;
    let (took, cpu) = (started.elapsed(), process::cpu(target.pid)?.saturating_sub(cpu_before));
    while let Some(task) = tasks.join_next().await {
        ended.push(task);
    }

    let mut round = Round { took, cpu, ..Round::default() };
    let mut returned = Vec::new();
    for task in ended {
        let (place, (tally, source)) = task.context("a connection of the load")?;
        round.add(tally);
        returned.push((place, source));
    }
    round.latencies.sort_unstable();
    returned.sort_by_key(|(place, _)| *place);
    Ok((round, returned.into_iter().map(|(_, source)| source).collect()))
}

/// The connections of a paced load are due one after another, evenly.
fn timetables(sources: &Sources, window: Window) -> Vec<Timetable> {
    let start = Instant::now();
    let (from, until) = (start + window.warm_up, start + window.warm_up + window.length);
    let count = u32::try_from(sources.len()).unwrap_or(u32::MAX);
    let step = window.pace.map(|rate| Duration::from_secs_f64(f64::from(count) / rate.max(1.0)));
    let pace = |place: u32| step.map(|step| (start + step * place / count.max(1), step));
    (0..count).map(|place| Timetable { from, until, pace: pace(place) }).collect()
}

async fn serve(
    mut connection: Connection,
    mut source: Box<dyn Source>,
    mut timetable: Timetable,
) -> (Tally, Box<dyn Source>) {
    let mut tally = Tally::default();
    let mut failed_in_a_row = 0;
    while Instant::now() < timetable.until && failed_in_a_row < MOST_FAILURES {
        let Some(outgoing) = source.next() else { break };
        let Some(due) = timetable.wait().await else { break };
        let failure = exchange(&mut connection, &outgoing, source.as_mut()).await;
        let now = Instant::now();
        failed_in_a_row = if failure.is_some() { failed_in_a_row + 1 } else { 0 };
        if now < timetable.from || now > timetable.until {
            // A failure outside the window is a failure all the same.
            tally.failures += u32::from(failure.is_some());
            tally.failure = tally.failure.or(failure);
            continue;
        }
        tally.note(now - due, failure);
    }
    (tally, source)
}

/// One request and its answer; what was wrong with it, if anything.
async fn exchange(
    connection: &mut Connection,
    outgoing: &Outgoing,
    source: &mut dyn Source,
) -> Option<String> {
    match connection.send(outgoing).await {
        Ok(answer) if answer.status == outgoing.expected => {
            source.learn(&answer).err().map(|error| error.to_string())
        }
        Ok(answer) => Some(answer.what()),
        Err(error) => Some(format!("{error:#}")),
    }
}

// === impl Timetable ===

impl Timetable {
    /// Waits until the next request is due; none when that is after the end.
    async fn wait(&mut self) -> Option<Instant> {
        let Some((due, step)) = self.pace else { return Some(Instant::now()) };
        if due >= self.until {
            return None;
        }
        self.pace = Some((due + step, step));
        tokio::time::sleep_until(due).await;
        Some(due)
    }
}

// === impl Tally ===

impl Tally {
    fn note(&mut self, latency: Duration, failure: Option<String>) {
        if failure.is_some() {
            self.failures += 1;
            self.failure = self.failure.take().or(failure);
            return;
        }
        self.latencies.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bare;

    struct Finite(u32);

    impl Source for Finite {
        fn next(&mut self) -> Option<Outgoing> {
            self.0 = self.0.checked_sub(1)?;
            Outgoing::get(bare::PATH, None).ok()
        }
    }

    /// A server of this process that answers every third request 503.
    async fn flaky() -> Target {
        use axum::http::StatusCode;
        let count = std::sync::atomic::AtomicU32::new(0);
        let answer = move || {
            let third = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 3 == 2;
            std::future::ready(if third { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK })
        };
        let answer = std::sync::Arc::new(answer);
        let router = axum::Router::new().route(bare::PATH, axum::routing::get(move || answer()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Target { address, pid: std::process::id() }
    }

    fn finite(count: u32) -> Sources {
        vec![Box::new(Finite(count)), Box::new(Finite(count))]
    }

    #[tokio::test]
    async fn refusals_are_no_requests_and_sources_end_the_window() {
        let window = Window { warm_up: Duration::ZERO, length: Duration::from_secs(60), pace: None };
        let (round, sources) = drive(flaky().await, finite(50), window).await.unwrap();
        assert_eq!((round.requests, round.failures, round.latencies.len()), (67, 33, 67));
        assert_eq!(round.failure.as_deref(), Some("503 "));
        assert!(round.took < Duration::from_secs(30), "the window ends with its sources");
        assert_eq!(sources.len(), 2);
    }

    #[test]
    fn a_pace_is_shared_out_evenly() {
        let window = Window { warm_up: Duration::ZERO, length: Duration::from_secs(1), pace: Some(100.0) };
        let tables = timetables(&finite(1), window);
        let (first, step) = tables[0].pace.unwrap();
        let (second, _) = tables[1].pace.unwrap();
        assert_eq!((step, second - first), (Duration::from_millis(20), Duration::from_millis(10)));
    }
}
