//! The commands `import` and `export`: many accounts at once, without the detour by HTTP.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use denizen_gateway::records::Shape;
use denizen_kit::caller::{Caller, Role};
use denizen_kit::cx::Call;
use denizen_kit::seal::sha256;
use denizen_kit::time::{Clock, Deadline};
use denizen_rpc::problem_from;
use denizen_rpc::users::v1 as wire;

use crate::config::Config;
use crate::importing::Run;
use crate::node::{Listeners, Node};
use crate::roles::Roles;

/// How long one call may take.
const PATIENCE: Duration = Duration::from_mins(1);

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

/// Imports a file, and says what became of it.
pub(crate) async fn import(config: Config, command: Import) -> anyhow::Result<()> {
    let request = command.request()?;
    let import_id = request.import_id.clone();
    let report = command.report.as_ref().map(std::fs::File::create).transpose().context("the report")?;
    let db = denizen_db::Config { bulk: true, ..config.db.clone() };
    let node = start(Config { db, ..config }).await?;
    let mut run = Run::new(node.links.clone(), request, report);
    let done = run.take(command.open().await?, command.shape()).await;
    node.stop().await;
    let summary = run.summary();
    done.with_context(|| {
        format!("{summary}\nrun the same command again: import {import_id} goes on where it stopped")
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

/// A call of the operator, who waits longer than the edge.
pub(crate) fn call() -> Arc<Call> {
    Arc::new(Call {
        caller: Caller::service(Role::Operator),
        request_id: Arc::from("command-line"),
        ip: None,
        user_agent: None,
        trace: None,
        deadline: Deadline::within(PATIENCE),
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

    async fn open(&self) -> anyhow::Result<tokio::fs::File> {
        let is_standard_input = self.file.as_os_str() == "-";
        let path = if is_standard_input { Path::new("/dev/stdin") } else { &self.file };
        let file = tokio::fs::File::open(path).await;
        file.with_context(|| self.file.display().to_string())
    }
}
