#![doc = include_str!("../README.md")]

mod bare;
mod bars;
mod engine;
mod hash;
mod http1;
mod load;
mod machine;
mod node;
mod pace;
mod people;
mod process;
mod report;
mod rounds;
mod scenarios;
mod sources;
mod stats;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Measures a Denizen server beside the limits of the machine it runs on, and writes the figures down.
#[derive(Debug, Parser)]
#[command(name = "denizen-bench", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves a file as the answer of one axum route: the limit of a request.
    Bare {
        /// Where to serve.
        #[arg(long)]
        listen: SocketAddr,
        /// The file.
        #[arg(long)]
        body: PathBuf,
    },
    /// Computes hashes for a while and prints how many a second: the limit of a login.
    Hash {
        /// For how long, in seconds.
        #[arg(long, default_value_t = 3)]
        seconds: u32,
        /// How many threads.
        #[arg(long, default_value_t = 1)]
        threads: u32,
    },
    /// Asks a server for the same thing at an even pace and prints a line of JSON.
    Pace(pace::Options),
}

/// What to measure, and how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// The server's binary.
    #[arg(long, default_value = "target/release/denizen")]
    server: PathBuf,
    /// The folder that the figures are written to.
    #[arg(long, default_value = "bench/results")]
    results: PathBuf,
    /// The folder for databases while it runs; it decides what an fsync costs.
    #[arg(long, default_value = "target")]
    scratch: PathBuf,
    /// An empty PostgreSQL database, to measure on it too.
    #[arg(long)]
    database_url: Option<String>,
    /// What is known of that database: version, fsync, where it runs.
    #[arg(long, default_value = "PostgreSQL, settings unknown")]
    database_note: String,
    /// A Redis or Valkey, for the node on PostgreSQL.
    #[arg(long)]
    cache_url: Option<String>,
    /// Accounts in the database before the rounds.
    #[arg(long, default_value_t = 5000)]
    users: u32,
    /// Tokens of different users in the scenario of many tokens.
    #[arg(long, default_value_t = 1000)]
    tokens: u32,
    /// Rounds; all scenarios take turns in each.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Seconds that a scenario is measured in a round, after half a second to warm up.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Connections, each with one request under way.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=64))]
    connections: u32,
}

// === impl Options ===

impl Options {
    /// How long a scenario is measured in a round.
    fn length(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }
}

#[expect(clippy::print_stderr, reason = "the one place where a command that failed says so")]
fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("denizen-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    if let Some(Command::Hash { seconds, threads }) = cli.command {
        say(&hash::rate(Duration::from_secs(seconds.into()), threads)?.to_string());
        return Ok(());
    }
    // One thread: the generator shall not take more than its core, nor the bare server more than its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match cli.command {
        Some(Command::Bare { listen, body }) => runtime.block_on(bare::serve(listen, &body)),
        Some(Command::Pace(options)) => {
            say(&runtime.block_on(pace::measure(&options))?);
            Ok(())
        }
        _ => runtime.block_on(report::measure_and_write(&cli.options)),
    }
}

/// Prints a line of the result.
#[expect(clippy::print_stdout, reason = "the result of a command")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Tells whoever waits what is being done.
#[expect(clippy::print_stderr, reason = "a run takes minutes")]
pub(crate) fn tell(line: &str) {
    eprintln!("{line}");
}
