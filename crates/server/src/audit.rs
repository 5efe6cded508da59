//! `denizen audit verify`: proves the audit trail from its database alone, whether the system runs or not.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use denizen_audit::{Kept, Notary, Verdict, Verification};

use crate::cli::say;
use crate::config::Config;
use crate::{keyring, parts};

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The audit trail.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Walks the audit trail and says whether it holds; exit status 1 when it does not. It needs the database, the
    /// keyring and the master key, not a running system.
    Verify(Verify),
}

/// What is verified, and how the result is told.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Prints the result as JSON: valid, entries, head, and `broken_at` when it does not hold.
    #[arg(long)]
    json: bool,
    /// Walks the last entries only, from a signed checkpoint on: this many at least.
    #[arg(long, value_name = "ENTRIES")]
    last: Option<i64>,
    /// Holds the trail against checkpoints that were kept elsewhere, so that an old copy of it that was put back is found:
    /// a saved answer of GET /api/v1/admin/audit/checkpoints, or several in one file.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

/// Runs a command on the audit trail.
pub(crate) async fn run(config: Config, command: Audit) -> anyhow::Result<()> {
    let Audit::Verify(wanted) = command;
    let verdict = verify(&config, &wanted).await?;
    if wanted.json {
        say(&verdict.report().to_string());
    } else {
        say(&in_words(&verdict));
    }
    match verdict.broken {
        Some(broken) => bail!("the audit trail does not hold at entry {}: {}", broken.seq, broken.fault),
        None => Ok(()),
    }
}

async fn verify(config: &Config, wanted: &Verify) -> anyhow::Result<Verdict> {
    let root = keyring::root(config).await?;
    let notary = Notary::new(&root);
    let kept = wanted.checkpoint.as_deref().map(|file| read_kept(file, &notary)).transpose()?;
    let db = parts::connect(&config.db, &root, "audit").await.context("the database of audit")?;
    let walk = match wanted.last {
        Some(entries) => Verification::late(&db, &notary, entries).await?,
        None => Verification::full(),
    };
    let mut walk = walk.against(kept.unwrap_or_default());
    let mut told = Instant::now();
    let verdict = loop {
        if let Some(verdict) = walk.advance(&db, &notary).await? {
            break verdict;
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            tell(walk.reached());
        }
    };
    db.close().await;
    Ok(verdict)
}

fn read_kept(file: &Path, notary: &Notary) -> anyhow::Result<Kept> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Kept::read(&text, notary).with_context(|| file.display().to_string())
}

#[expect(clippy::print_stderr, reason = "progress of a command that may take long")]
fn tell(reached: i64) {
    eprintln!("{reached} entries hold so far");
}

fn in_words(verdict: &Verdict) -> String {
    let Verdict { entries, from, checkpoints, compared, removed, .. } = verdict;
    let mut seen = format!(
        "from entry {from}, with {checkpoints} signed checkpoints and {removed} entries past their time"
    );
    if *compared > 0 {
        seen = format!("{seen}; it agrees with {compared} checkpoints kept elsewhere");
    }
    match &verdict.broken {
        None => format!("the audit trail holds: {entries} entries, walked {seen}"),
        Some(_) => format!("the audit trail holds up to entry {entries}, walked {seen}"),
    }
}
