//! The report: measured, printed and written to a file.

use std::fmt::Write as _;

use anyhow::Context as _;

use crate::bars::{self, Judged};
use crate::engine::Engine;
use crate::machine::Machine;
use crate::process::Memory;
use crate::rounds::{self, Run};
use crate::scenarios::{Kind, Scenario};
use crate::stats::{Spread, figure, in_millis, mebibytes, millis};
use crate::{Options, hash, say, tell};

/// Measures on each engine that there is, and writes down what came out, also of an engine that failed.
pub(crate) async fn measure_and_write(options: &Options) -> anyhow::Result<()> {
    let machine = Machine::look(options)?;
    let mut text = head(&machine, options)?;
    let mut failed = Vec::new();
    for engine in Engine::wanted(options) {
        match rounds::measure(options, &engine).await {
            Ok(run) => text += &section(&run)?,
            Err(error) => {
                writeln!(text, "## {}\n\nNot measured: {error:#}\n", engine.name())?;
                failed.push(format!("{}: {error:#}", engine.name()));
            }
        }
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    writeln!(text, "Load average after the run: {}", load.trim())?;
    say(&text);
    std::fs::create_dir_all(&options.results)?;
    let path = options.results.join(format!("{}-{}.md", machine.date, machine.commit));
    std::fs::write(&path, &text).with_context(|| path.display().to_string())?;
    tell(&format!("written to {}", path.display()));
    anyhow::ensure!(failed.is_empty(), "not measured: {}", failed.join("; "));
    Ok(())
}

fn head(machine: &Machine, options: &Options) -> anyhow::Result<String> {
    let mut text = format!("# Figures of {}, commit {}\n\n| | |\n|---|---|\n", machine.date, machine.commit);
    for (name, value) in &machine.facts {
        writeln!(text, "| {name} | {} |", value.replace('|', "\\|"))?;
    }
    writeln!(text, "| hash | Argon2id {} (the default), memory reused |", hash::parameters())?;
    let (rounds, seconds, connections) = (options.rounds, options.seconds, options.connections);
    writeln!(
        text,
        "| method | {rounds} interleaved rounds of {seconds} s after 0.5 s of warm-up, {connections} connections kept alive with one \
         request under way each, loopback, no TLS; median (min–max); ratios are taken round by round |\n"
    )?;
    Ok(text)
}

fn section(run: &Run) -> anyhow::Result<String> {
    let mut text = format!("## {}\n\nCommits: {}. ", run.engine.name(), run.engine.durability());
    writeln!(text, "{}", accounts(run))?;
    text += "\n| what | requests/s | CPU µs a request (and later) | server busy, of a core | p50 / p99 ms at full rate | at half rate | ratio to its limit | bar | verdict |\n";
    text += "|---|---|---|---|---|---|---|---|---|\n";
    for scenario in &run.scenarios {
        text += &row(run, scenario);
    }
    if !run.people.creations.is_empty() {
        text += &row(run, &creations(run));
    }
    for (name, hashes) in [
        ("bare Argon2id on core 0, one thread", &run.hashes),
        ("bare Argon2id on cores 0 and 1, two threads", &run.hashes_on_two),
    ] {
        let rate = Spread::of(hashes.iter().copied()).map_or_else(|| "–".to_owned(), |rate| rate.written());
        writeln!(text, "| {name} | {rate} | – | – | – | – | 1 | – | – |")?;
    }
    text += &failures(run);
    text += &life(run)?;
    text += "\nSettings of the server (access log to a file and metrics are on by default; the password and addresses with one are left out):\n\n```text\n";
    for (name, value) in &run.settings {
        writeln!(text, "{name}={value}")?;
    }
    text += "```\n\n";
    Ok(text)
}

fn accounts(run: &Run) -> String {
    let count = figure(run.people.count.into());
    match &run.people.refused {
        Some(what) => format!(
            "{count} accounts, registered one by one because `POST /api/v1/admin/users` answered {what}."
        ),
        None => format!("{count} accounts, opened by `POST /api/v1/admin/users` with a hash made before."),
    }
}

/// The rounds in which accounts were opened, as a scenario.
fn creations(run: &Run) -> Scenario {
    let mut scenario = Scenario::new(Kind::Create, []);
    scenario.rounds.clone_from(&run.people.creations);
    scenario
}

fn row(run: &Run, scenario: &Scenario) -> String {
    let dash = || "–".to_owned();
    let title = scenario.kind.title(run.tokens);
    let rate = scenario.rate().map_or_else(dash, |rate| rate.written());
    let mut cpu = scenario.cpu_micros().map_or_else(dash, |cpu| figure(cpu.median));
    if let Some(later) = scenario.cpu_micros_later() {
        let _ = write!(cpu, " (+ {})", figure(later));
    }
    let busy = scenario.busy().map_or_else(dash, |busy| format!("{:.0} %", busy * 100.0));
    let latency = |pair: Option<(u32, u32)>| {
        pair.map_or_else(dash, |(p50, p99)| format!("{} / {}", millis(p50), millis(p99)))
    };
    let (full, half) = (latency(scenario.latencies()), latency(scenario.paced_latencies()));
    let Judged { ratio, bar, verdict } = Judged::of(run, scenario);
    format!("| {title} | {rate} | {cpu} | {busy} | {full} | {half} | {ratio} | {bar} | {verdict} |\n")
}

fn failures(run: &Run) -> String {
    let mut text = String::new();
    for scenario in &run.scenarios {
        let (count, what) = scenario.failures();
        if count > 0 {
            let title = scenario.kind.title(run.tokens);
            let _ = write!(
                text,
                "\n{title}: {count} requests failed, the first with {}; they are in no rate.\n",
                what.unwrap_or("no answer")
            );
        }
        if scenario.settled.iter().any(|settled| !settled.quiet) {
            let title = scenario.kind.title(run.tokens);
            let _ = write!(
                text,
                "\n{title}: what it left to do was not done after 30 s, so the next scenario shared the core with it.\n"
            );
        }
    }
    text
}

/// Starts and memory.
fn life(run: &Run) -> anyhow::Result<String> {
    let life = &run.life;
    let on_sqlite = run.engine == Engine::Sqlite;
    let mut text = "\n| what | figure | bar | verdict |\n|---|---|---|---|\n".to_owned();
    let mut line = |what: &str, value: String, bar: &str, is_met: bool| {
        let (bar, verdict) = if on_sqlite { (bar, bars::met(is_met)) } else { ("–", "–".to_owned()) };
        writeln!(text, "| {what} | {value} | {bar} | {verdict} |")
    };
    let first = in_millis(life.first_start);
    line(
        "first start to 200 on `/health/ready`",
        format!("{} ms", figure(first)),
        "≤ 1 s",
        first <= 1_000.0,
    )?;
    if let Some(later) = Spread::of(life.later_starts.iter().map(|start| in_millis(*start))) {
        line(
            "start on an existing database",
            format!("{} ms", later.written()),
            "≤ 200 ms",
            later.median <= 200.0,
        )?;
    }
    let resident = |memory: Memory| {
        format!("{} MiB (peak {})", figure(mebibytes(memory.resident)), figure(mebibytes(memory.peak)))
    };
    let is_small = |memory: Memory| mebibytes(memory.resident) <= 40.0;
    line("RSS idle after a later start", resident(life.idle), "≤ 40 MiB", is_small(life.idle))?;
    line(
        "RSS idle after the first start, which hashed once",
        resident(life.idle_first),
        "≤ 40 MiB",
        is_small(life.idle_first),
    )?;
    if let Some(loaded) = life.loaded {
        let verdict = if on_sqlite {
            bars::memory_under_load(mebibytes(loaded.resident), run.people.count)
        } else {
            "–".to_owned()
        };
        let bar = "≤ 150 MiB with 1 million users, hashing memory apart";
        writeln!(
            text,
            "| RSS after the load, 19 MiB of hashing memory included | {} | {bar} | {verdict} |",
            resident(loaded)
        )?;
    }
    if let Some(drained) = run.people.drained {
        let took = format!("{} s", figure(drained.after.as_secs_f64()));
        let (bar, verdict) = if on_sqlite {
            ("≤ 2 s", bars::met(drained.quiet && drained.after.as_secs() < 2))
        } else {
            ("–", "–".to_owned())
        };
        writeln!(
            text,
            "| events drained after the last accounts were opened (server quiet) | {took} | {bar} | {verdict} |"
        )?;
    }
    Ok(text)
}
