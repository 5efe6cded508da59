//! The commands `import` and `export`: many accounts at once, without the detour by HTTP.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use denizen_gateway::records::{Shape, Splitter};
use denizen_kit::caller::{Caller, Role};
use denizen_kit::cx::{Call, DEFAULT_DEADLINE};
use denizen_kit::seal::sha256;
use denizen_kit::time::{Clock, Deadline};
use denizen_rpc::users::v1 as wire;
use denizen_rpc::{Links, problem_from};
use tokio::io::AsyncReadExt as _;

use crate::config::Config;
use crate::node::{Listeners, Node};
use crate::roles::Roles;

/// Records of one call.
const BATCH: usize = 500;

/// Bytes read at once.
const PART: usize = 256 * 1024;

/// How often the progress is told.
const TELL: Duration = Duration::from_secs(1);

/// `denizen import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file; `-` is standard input.
    file: PathBuf,
    /// Which system it comes from.
    #[arg(long, value_enum, default_value = "denizen")]
    format: Format,
    /// Read rows of CSV. Taken as given when the name of the file ends in .csv.
    #[arg(long)]
    csv: bool,
    /// Name of the import; the same name resumes it. Without one it is made from the name of the file.
    #[arg(long)]
    id: Option<String>,
    /// Only say what would happen.
    #[arg(long)]
    dry_run: bool,
    /// Where to write a line of JSON for each row that was not taken.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// JSON file of what Firebase's hashes have in common: `signer_key`, `salt_separator`, rounds, `mem_cost`.
    #[arg(long, value_name = "FILE")]
    hash_parameters: Option<PathBuf>,
}

/// `denizen export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Where to write; without it, to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Leave the hashes of passwords out.
    #[arg(long)]
    without_hashes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Denizen,
    Keycloak,
    Auth0,
    Firebase,
    Supabase,
}

/// How far a command has come.
#[derive(Default)]
struct Tally {
    rows: i64,
    created: u64,
    done_before: u64,
    conflicts: u64,
    invalid: u64,
}

/// What the rows of an import need at hand.
struct Run {
    links: Links,
    request: wire::ImportUsersRequest,
    report: Option<std::fs::File>,
    tally: Tally,
    told: Instant,
    started: Instant,
}

/// Imports a file, and says what became of it.
pub(crate) async fn import(config: Config, command: Import) -> anyhow::Result<()> {
    let request = command.request()?;
    let report = command.report.as_ref().map(std::fs::File::create).transpose().context("the report")?;
    let node = start(config).await?;
    let now = Instant::now();
    let mut run =
        Run { links: node.links.clone(), request, report, tally: Tally::default(), told: now, started: now };
    let done = run.take_file(&command).await;
    node.stop().await;
    let summary = run.summary();
    done.with_context(|| {
        format!(
            "{summary}\nrun the same command again: import {} goes on where it stopped",
            run.request.import_id
        )
    })?;
    crate::cli::say(&summary);
    Ok(())
}

/// Exports all accounts as lines that `import` takes.
pub(crate) async fn export(config: Config, command: Export) -> anyhow::Result<()> {
    let mut out: Box<dyn std::io::Write> = match &command.out {
        Some(path) => Box::new(private_file(path).with_context(|| path.display().to_string())?),
        None => Box::new(std::io::stdout().lock()),
    };
    let node = start(config).await?;
    let mut cursor = String::new();
    loop {
        let with_hashes = !command.without_hashes;
        let request = wire::ExportUsersRequest { limit: 0, cursor, with_hashes };
        let answer = node.links.transfer(&call()).export_users(request).await.map_err(problem_from)?;
        let page = answer.into_inner();
        for record in &page.records {
            writeln!(out, "{record}")?;
        }
        cursor = page.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    out.flush()?;
    node.stop().await;
    Ok(())
}

/// A file that only its owner may read: it holds what must not be known.
fn private_file(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // One that was there before has the mode it had.
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

async fn start(config: Config) -> anyhow::Result<Node> {
    Node::start(Config { roles: Roles::all(), ..config }, Listeners::default(), Clock::System).await
}

/// A call of the operator.
fn call() -> Arc<Call> {
    Arc::new(Call {
        caller: Caller::service(Role::Operator),
        request_id: Arc::from("command-line"),
        ip: None,
        user_agent: None,
        trace: None,
        deadline: Deadline::within(DEFAULT_DEADLINE),
        idempotency: None,
    })
}

// === impl Import ===

impl Import {
    fn request(&self) -> anyhow::Result<wire::ImportUsersRequest> {
        let parameters = self.hash_parameters.as_ref().map(std::fs::read_to_string).transpose();
        let format = match self.format {
            Format::Denizen => wire::Format::Denizen,
            Format::Keycloak => wire::Format::Keycloak,
            Format::Auth0 => wire::Format::Auth0,
            Format::Firebase => wire::Format::Firebase,
            Format::Supabase => wire::Format::Supabase,
        };
        Ok(wire::ImportUsersRequest {
            import_id: self.id.clone().unwrap_or_else(|| self.name()),
            first_row: 1,
            format: format.into(),
            dry_run: self.dry_run,
            records: Vec::new(),
            hash_parameters: parameters.context("the hash parameters")?.unwrap_or_default(),
        })
    }

    /// The same for the same file, and a different one for another path.
    fn name(&self) -> String {
        let path = std::fs::canonicalize(&self.file).unwrap_or_else(|_| self.file.clone());
        let digest = sha256(path.as_os_str().as_encoded_bytes());
        let start = digest.first_chunk::<8>().copied().unwrap_or_default();
        format!("file-{:016x}", u64::from_be_bytes(start))
    }

    fn shape(&self) -> Shape {
        if self.csv || self.file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
            return Shape::Csv;
        }
        match self.format {
            Format::Keycloak | Format::Firebase => Shape::Document,
            Format::Denizen | Format::Auth0 | Format::Supabase => Shape::Lines,
        }
    }

    async fn open(&self) -> anyhow::Result<Box<dyn tokio::io::AsyncRead + Unpin + Send>> {
        let is_standard_input = self.file.as_os_str() == "-";
        let path = if is_standard_input { Path::new("/dev/stdin") } else { &self.file };
        let file = tokio::fs::File::open(path).await;
        Ok(Box::new(file.with_context(|| self.file.display().to_string())?))
    }
}

// === impl Run ===

impl Run {
    async fn take_file(&mut self, command: &Import) -> anyhow::Result<()> {
        let mut file = command.open().await?;
        let (mut splitter, mut records) = (Splitter::new(command.shape()), Vec::new());
        let mut part = vec![0; PART];
        loop {
            let length = file.read(&mut part).await?;
            if length == 0 {
                break;
            }
            splitter.push(&part[..length], &mut records)?;
            while records.len() >= BATCH {
                let rest = records.split_off(BATCH);
                self.take(std::mem::replace(&mut records, rest)).await?;
            }
        }
        splitter.finish(&mut records)?;
        while !records.is_empty() {
            let rest = records.split_off(records.len().min(BATCH));
            self.take(std::mem::replace(&mut records, rest)).await?;
        }
        Ok(())
    }

    /// Has the next records taken.
    async fn take(&mut self, records: Vec<String>) -> anyhow::Result<()> {
        let count = i64::try_from(records.len())?;
        let request = wire::ImportUsersRequest { records, ..self.request.clone() };
        let answer = self.links.transfer(&call()).import_users(request).await.map_err(problem_from)?;
        self.request.first_row += count;
        for row in answer.into_inner().rows {
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

    fn summary(&self) -> String {
        let Tally { rows, created, done_before, conflicts, invalid } = &self.tally;
        let verb = if self.request.dry_run { "would be made" } else { "made" };
        format!(
            "{rows} rows: {created} accounts {verb}, {done_before} done before, {conflicts} conflicts, {invalid} invalid; \
             {} rows a second",
            self.rate()
        )
    }
}
