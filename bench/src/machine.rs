//! The machine, the commit and the build a run was made on.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::stats::figure;
use crate::{Options, process};

/// What is known of where a run was made.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Day in UTC.
    pub(crate) date: String,
    /// Short hash of the commit.
    pub(crate) commit: String,
    /// Lines of the report: name and value.
    pub(crate) facts: Vec<(&'static str, String)>,
}

// === impl Machine ===

impl Machine {
    /// Looks around.
    pub(crate) fn look(options: &Options) -> anyhow::Result<Self> {
        let date = output("date", &["-u", "+%F"])?;
        let commit =
            output("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(|_| "unknown".to_owned());
        let changed = output("git", &["status", "--porcelain", "--untracked-files=no"])
            .is_ok_and(|text| !text.is_empty());
        let commit_line =
            if changed { format!("{commit}, with changes not committed") } else { commit.clone() };
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let model = line_of(&read("/proc/cpuinfo"), "model name");
        let memory = gibibytes(&line_of(&read("/proc/meminfo"), "MemTotal"));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let all_cores =
            read("/proc/cpuinfo").lines().filter(|line| line.starts_with("processor")).count().max(cores);
        let facts = vec![
            ("date", date.clone()),
            ("commit", commit_line),
            (
                "command",
                std::env::args().map(|argument| without_secret(&argument)).collect::<Vec<_>>().join(" "),
            ),
            ("machine", format!("{all_cores} cores, {model}, {memory}")),
            ("kernel", read("/proc/sys/kernel/osrelease")),
            ("compiler", output("rustc", &["-V"]).unwrap_or_else(|_| "unknown".to_owned())),
            ("build", build(&options.server)),
            ("pinned", format!("server and limits on core 0, generator on {}", process::own_cores())),
            ("disk", disk(&options.scratch)?),
            ("binary", binary(&options.server)?),
            ("dependencies", dependencies()),
            ("load before", read("/proc/loadavg")),
        ];
        Ok(Self { date, commit, facts })
    }
}

fn output(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).output().with_context(|| program.to_owned())?;
    anyhow::ensure!(output.status.success(), "{program} failed");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn line_of(text: &str, name: &str) -> String {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_prefix(':'));
    value.unwrap_or("unknown").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An argument as it may stand in a file: the password of an address is left out.
fn without_secret(argument: &str) -> String {
    match (argument.split_once("://"), argument.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, place))) => format!("{scheme}://…@{place}"),
        _ => argument.to_owned(),
    }
}

/// Kibibytes of `/proc/meminfo` in GiB.
fn gibibytes(memory: &str) -> String {
    let kibibytes = memory.trim_end_matches("kB").trim().parse::<u32>();
    kibibytes.map_or_else(
        |_| memory.to_owned(),
        |kibibytes| format!("{} GiB", figure(f64::from(kibibytes) / 1_048_576.0)),
    )
}

/// How the two programs were built, as far as one can tell: by the folder that cargo put the server into.
fn build(server: &Path) -> String {
    let folder = server.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let profile = format!("server from the folder {}", folder.as_deref().unwrap_or("."));
    if cfg!(debug_assertions) {
        return format!(
            "{profile}; **generator and bare route are a debug build: these figures mean nothing**"
        );
    }
    format!("{profile}; no target CPU in the repository; RUSTFLAGS {}", rustflags())
}

#[expect(clippy::disallowed_methods, reason = "how it was built is part of the figures, not a setting")]
fn rustflags() -> String {
    std::env::var("RUSTFLAGS").unwrap_or_else(|_| "unset".to_owned())
}

/// The file system of the databases, and how often a second it makes a write durable.
fn disk(folder: &Path) -> anyhow::Result<String> {
    let table = output("df", &["--output=fstype", &folder.to_string_lossy()]).unwrap_or_default();
    let kind = table.lines().last().unwrap_or("unknown");
    Ok(format!("{kind}, {} fdatasync/s of 4 KiB by one writer", figure(syncs(folder)?)))
}

fn syncs(folder: &Path) -> anyhow::Result<f64> {
    let file = tempfile::NamedTempFile::new_in(folder)?;
    let mut writer: &File = file.as_file();
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < Duration::from_millis(500) {
        writer.write_all(&[0; 4096])?;
        writer.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

fn binary(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::metadata(path).with_context(|| path.display().to_string())?.len();
    let kibibytes = u32::try_from(bytes / 1_024)?;
    Ok(format!("{} MiB", figure(crate::stats::mebibytes(kibibytes))))
}

/// How many crates are in the binary, our own not counted.
fn dependencies() -> String {
    let tree = output(
        "cargo",
        &[
            "tree",
            "--locked",
            "--offline",
            "-p",
            "denizen-server",
            "-e",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ],
    );
    let Ok(tree) = tree else { return "unknown".to_owned() };
    let mut crates: Vec<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    crates.sort_unstable();
    crates.dedup();
    let (own, others): (Vec<&str>, Vec<&str>) =
        crates.into_iter().partition(|name| name.starts_with("denizen-"));
    format!("{} crates of others, {} of our own", others.len(), own.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_secrets() {
        assert_eq!(line_of("a: b\nmodel name\t: Some   CPU\n", "model name"), "Some CPU");
        assert_eq!(without_secret("postgres://user:word@host/db"), "postgres://…@host/db");
        assert_eq!(without_secret("--users"), "--users");
        assert_eq!(gibibytes("24682416 kB"), "23.5 GiB");
    }

    #[test]
    fn a_disk_syncs() {
        assert!(syncs(&std::env::temp_dir()).unwrap() > 0.0);
    }
}
