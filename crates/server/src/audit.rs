//! `denizen audit verify`: proves the audit trail from its database alone, whether the system runs or not.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use denizen_audit::{Notary, Verdict, Verification};

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
}

/// Runs a command on the audit trail.
pub(crate) async fn run(config: Config, command: Audit) -> anyhow::Result<()> {
    let Audit::Verify(wanted) = command;
    let verdict = verify(&config, wanted.last).await?;
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

async fn verify(config: &Config, last: Option<i64>) -> anyhow::Result<Verdict> {
    let root = keyring::root(config).await?;
    let notary = Notary::new(&root);
    let db = parts::connect(&config.db, &root, "audit").await.context("the database of audit")?;
    let mut walk = match last {
        Some(entries) => Verification::late(&db, &notary, entries).await?,
        None => Verification::full(),
    };
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

#[expect(clippy::print_stderr, reason = "progress of a command that may take long")]
fn tell(reached: i64) {
    eprintln!("{reached} entries hold so far");
}

fn in_words(verdict: &Verdict) -> String {
    let Verdict { entries, from, checkpoints, removed, .. } = verdict;
    let seen = format!(
        "from entry {from}, with {checkpoints} signed checkpoints and {removed} entries past their time"
    );
    match &verdict.broken {
        None => format!("the audit trail holds: {entries} entries, walked {seen}"),
        Some(_) => format!("the audit trail holds up to entry {entries}, walked {seen}"),
    }
}
