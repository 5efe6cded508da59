//! The commands.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use denizen_kit::config::Entry;
use denizen_kit::telemetry::{self, Form};
use denizen_kit::time::Clock;

use crate::audit::Audit;
use crate::config::{self, Config, Mode, Sources};
use crate::first_admin::{self, NewAdmin};
use crate::keys::Keys;
use crate::node::{Listeners, Node};
use crate::roles::Roles;
use crate::{audit, generate, keyring, keys, parts, signing_keys, transfer, welcome};

/// User management for any application, in one binary.
#[derive(Debug, Parser)]
#[command(name = "denizen", version, about, long_about = None)]
struct Cli {
    /// Settings file (TOML). Without it: ./denizen.toml, then denizen.toml in the data folder.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// File of NAME=value lines, read before the environment.
    #[arg(long, global = true, value_name = "FILE")]
    env_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the system, or the roles named (the default command).
    Serve(Serve),
    /// Brings the databases of all services up to date, and stops.
    Migrate,
    /// Administrators.
    #[command(subcommand)]
    Admin(Admin),
    /// Takes accounts from a file: of Denizen, Keycloak, Auth0, Firebase or Supabase.
    Import(transfer::Import),
    /// Writes all accounts as a file that import takes, with the hashes of passwords.
    Export(transfer::Export),
    /// The audit trail.
    #[command(subcommand)]
    Audit(Audit),
    /// The master key: which one opens the system, and how another takes its place.
    #[command(subcommand)]
    Keys(Keys),
    /// Looks at the settings.
    #[command(subcommand)]
    Config(Settings),
    /// Writes the generated documents (OpenAPI, settings, events, permissions) into a folder.
    Generate {
        /// Where to.
        #[arg(default_value = "docs/generated")]
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Serve {
    /// What to run: all, or a list of gateway, users, auth, password, otp, notify, audit.
    #[arg(long, value_name = "LIST")]
    roles: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Admin {
    /// Makes an administrator's account. The password comes from --password-file or standard input.
    Create(CreateAdmin),
    /// Begins a new key for access tokens. Nobody is logged out: the old key is shown until its last token is over.
    RotateKeys,
}

#[derive(Debug, Args)]
struct CreateAdmin {
    /// E-mail address of the account.
    #[arg(long)]
    email: String,
    /// Name of the person.
    #[arg(long, default_value = "Administrator")]
    name: String,
    /// User name, if one is wanted.
    #[arg(long)]
    username: Option<String>,
    /// File that holds the password; without it, the first line of standard input.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Settings {
    /// Says whether the settings are right; every mistake at once.
    Check,
    /// Prints each setting with its value, where it comes from and what it is for.
    Explain,
}

/// Runs the command of the process.
#[expect(clippy::print_stderr, reason = "the one place where a command that failed says so")]
pub fn run() -> ExitCode {
    // A second provider cannot have been installed before the first line of the program.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("denizen: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(dispatch(cli));
    telemetry::flush();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("denizen: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(cli: Cli) -> anyhow::Result<()> {
    let mut sources = Sources { file: cli.config, env_file: cli.env_file, roles: None };
    match cli.command.unwrap_or(Command::Serve(Serve { roles: None })) {
        Command::Serve(serve) => {
            sources.roles = serve.roles;
            serve_until_told(load(&sources).await?).await
        }
        Command::Migrate => migrate(load(&sources).await?).await,
        Command::Admin(Admin::Create(create)) => Box::pin(create_admin(load(&sources).await?, create)).await,
        Command::Admin(Admin::RotateKeys) => Box::pin(signing_keys::rotate(load(&sources).await?)).await,
        Command::Import(import) => Box::pin(transfer::import(load(&sources).await?, import)).await,
        Command::Export(export) => Box::pin(transfer::export(load(&sources).await?, export)).await,
        Command::Audit(command) => audit::run(load(&sources).await?, command).await,
        Command::Config(Settings::Check) => check(&load(&sources).await?),
        Command::Keys(command) => {
            let (config, entries) = load_with_entries(&sources).await?;
            Box::pin(keys::run(config, &entries, command)).await
        }
        Command::Config(Settings::Explain) => explain(&sources).await,
        Command::Generate { folder } => generate::write(&folder),
    }
}

async fn load(sources: &Sources) -> anyhow::Result<Config> {
    Ok(load_with_entries(sources).await?.0)
}

async fn load_with_entries(sources: &Sources) -> anyhow::Result<(Config, Vec<Entry>)> {
    let (config, entries) = config::load(sources).await.map_err(anyhow::Error::msg)?;
    let form = if config.mode == Mode::Production { Form::Json } else { Form::Text };
    telemetry::init(&config.log, form);
    Ok((config, entries))
}

fn check(config: &Config) -> anyhow::Result<()> {
    let mistakes = denizen_gateway::check_routes(&config.gateway);
    if mistakes.is_empty() {
        say("the settings are right");
        return Ok(());
    }
    bail!("the routes have mistakes; what has one is left out:\n  - {}", mistakes.join("\n  - "))
}

async fn serve_until_told(config: Config) -> anyhow::Result<()> {
    let listeners = Listeners::bind(&config).await?;
    let node = Node::start(config.clone(), listeners, Clock::System).await?;
    if let Some(address) = node.address {
        welcome::print(&config, address);
    }
    told_to_stop().await?;
    tracing::info!("stopping: no new requests, those under way are finished");
    node.stop().await;
    Ok(())
}

async fn told_to_stop() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        pressed = tokio::signal::ctrl_c() => Ok(pressed?),
    }
}

async fn migrate(config: Config) -> anyhow::Result<()> {
    // As all roles: nobody else is waited for.
    let config = Config { roles: Roles::all(), ..config };
    let root = keyring::root(&config).await?;
    for (name, _) in parts::databases() {
        let db = parts::connect(&config.db, &root, name)
            .await
            .with_context(|| format!("the database of {name}"))?;
        db.close().await;
        say(&format!("{name}: up to date"));
    }
    Ok(())
}

async fn create_admin(config: Config, create: CreateAdmin) -> anyhow::Result<()> {
    let password = read_password(create.password_file)?;
    let node =
        Node::start(Config { roles: Roles::all(), ..config }, Listeners::default(), Clock::System).await?;
    let admin = NewAdmin { name: create.name, email: create.email, username: create.username, password };
    let made = first_admin::create(&node.links, admin).await;
    node.stop().await;
    let user = made.map_err(|problem| {
        let fields = problem.fields.iter().map(|field| format!("\n  {}: {}", field.pointer, field.detail));
        anyhow::anyhow!("{}{}", problem.detail, fields.collect::<String>())
    })?;
    say(&format!("administrator {} was made", user.id));
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a question to the person at the terminal")]
fn read_password(file: Option<PathBuf>) -> anyhow::Result<String> {
    let text = if let Some(path) = file {
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())?
    } else {
        if std::io::stdin().is_terminal() {
            eprint!("Password (it will show): ");
        }
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        line
    };
    let password = text.lines().next().unwrap_or_default().to_owned();
    if password.is_empty() {
        bail!("no password: give --password-file, or one line on standard input");
    }
    Ok(password)
}

async fn explain(sources: &Sources) -> anyhow::Result<()> {
    let (_, entries) = config::load(sources).await.map_err(anyhow::Error::msg)?;
    for entry in entries {
        let origin = match entry.source {
            denizen_kit::config::Source::Default => "default".to_owned(),
            denizen_kit::config::Source::File => "settings file".to_owned(),
            denizen_kit::config::Source::Variable(name) => name,
            denizen_kit::config::Source::Elsewhere(reference) => reference,
        };
        say(&format!("{} = {}  [{origin}]\n    {}", entry.key, entry.value, entry.meaning));
    }
    Ok(())
}

/// Prints a command's result.
#[expect(clippy::print_stdout, reason = "the result of a command")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
