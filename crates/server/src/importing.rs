//! A file on its way into the accounts, for the command `import`.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use denizen_gateway::records::{Shape, Splitter};
use denizen_kit::problem::Problem;
use denizen_rpc::users::v1 as wire;
use denizen_rpc::{Links, problem_from};
use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinHandle;

use crate::transfer::call;

/// Records of one call.
const BATCH: usize = 500;

/// Calls under way at a time. What is ready when a commit begins shares the next one.
const AHEAD: usize = 16;

/// Bytes read at once.
const PART: usize = 256 * 1024;

/// How often the progress is told.
const TELL: Duration = Duration::from_secs(1);

/// How far a command has come.
#[derive(Default)]
struct Tally {
    rows: i64,
    created: u64,
    done_before: u64,
    conflicts: u64,
    invalid: u64,
}

/// The rows of a file on their way into the accounts. Several parts are under way at a time: while one is written, the
/// next are made ready.
pub(crate) struct Run {
    links: Links,
    /// What is the same for each call; `first_row` is the number of the first record that waits.
    request: wire::ImportUsersRequest,
    calls: FuturesOrdered<Call>,
    report: Option<std::fs::File>,
    tally: Tally,
    told: Instant,
    started: Instant,
}

/// A call that is under way, whether or not its answer is looked for now.
type Call = JoinHandle<Result<wire::ImportUsersResponse, Problem>>;

// === impl Run ===

impl Run {
    pub(crate) fn new(
        links: Links,
        request: wire::ImportUsersRequest,
        report: Option<std::fs::File>,
    ) -> Self {
        let (calls, now) = (FuturesOrdered::new(), Instant::now());
        Self { links, request, calls, report, tally: Tally::default(), told: now, started: now }
    }

    /// Takes a file.
    pub(crate) async fn take(&mut self, mut file: tokio::fs::File, shape: Shape) -> anyhow::Result<()> {
        let (mut splitter, mut records) = (Splitter::new(shape), Vec::new());
        let mut part = vec![0; PART];
        loop {
            let length = file.read(&mut part).await?;
            if length == 0 {
                break;
            }
            splitter.push(&part[..length], &mut records)?;
            while records.len() >= BATCH {
                let rest = records.split_off(BATCH);
                self.send(std::mem::replace(&mut records, rest)).await?;
            }
        }
        splitter.finish(&mut records)?;
        while !records.is_empty() {
            let rest = records.split_off(records.len().min(BATCH));
            self.send(std::mem::replace(&mut records, rest)).await?;
        }
        while !self.calls.is_empty() {
            self.settle().await?;
        }
        Ok(())
    }

    /// Sends the next records, once few enough are under way.
    async fn send(&mut self, records: Vec<String>) -> anyhow::Result<()> {
        let count = i64::try_from(records.len())?;
        let request = wire::ImportUsersRequest { records, ..self.request.clone() };
        self.request.first_row += count;
        let mut transfer = self.links.transfer(&call());
        self.calls.push_back(tokio::spawn(async move {
            let answer = transfer.import_users(request).await.map_err(problem_from)?;
            Ok(answer.into_inner())
        }));
        if self.calls.len() >= AHEAD {
            self.settle().await?;
        }
        Ok(())
    }

    /// Waits for the oldest call.
    async fn settle(&mut self) -> anyhow::Result<()> {
        let Some(answer) = self.calls.next().await else { return Ok(()) };
        for row in answer??.rows {
            self.note(&row)?;
        }
        self.tell();
        Ok(())
    }

    fn note(&mut self, row: &wire::ImportedRow) -> anyhow::Result<()> {
        self.tally.rows = row.row;
        let (count, outcome) = match row.outcome() {
            wire::Outcome::Created => (&mut self.tally.created, "created"),
            wire::Outcome::DoneBefore => (&mut self.tally.done_before, "done_before"),
            wire::Outcome::Conflict => (&mut self.tally.conflicts, "conflict"),
            wire::Outcome::Invalid | wire::Outcome::Unspecified => (&mut self.tally.invalid, "invalid"),
        };
        *count += 1;
        if let Some(report) = &mut self.report
            && matches!(outcome, "conflict" | "invalid")
        {
            let (pointer, code, detail) = (&row.pointer, &row.code, &row.detail);
            let line = serde_json::json!({
                "row": row.row, "outcome": outcome, "pointer": pointer, "code": code, "detail": detail,
            });
            writeln!(report, "{line}")?;
        }
        Ok(())
    }

    #[expect(clippy::print_stderr, reason = "the progress, for the person at the terminal")]
    fn tell(&mut self) {
        if std::io::stderr().is_terminal() && self.told.elapsed() >= TELL {
            self.told = Instant::now();
            eprint!("\r{} rows, {} a second ", self.tally.rows, self.rate());
        }
    }

    fn rate(&self) -> u128 {
        let rows = u128::try_from(self.tally.rows).unwrap_or(0);
        rows * 1000 / self.started.elapsed().as_millis().max(1)
    }

    /// What became of the rows so far.
    pub(crate) fn summary(&self) -> String {
        let Tally { rows, created, done_before, conflicts, invalid } = &self.tally;
        let verb = if self.request.dry_run { "would be made" } else { "made" };
        format!(
            "{rows} rows: {created} accounts {verb}, {done_before} done before, {conflicts} conflicts, {invalid} invalid; \
             {} rows a second",
            self.rate()
        )
    }
}
