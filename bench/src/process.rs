//! What Linux says of a process: processor time and memory (proc(5)).

use std::time::Duration;

use anyhow::Context as _;

/// Length of a tick of `utime` and `stime`: user space sees 100 a second on every platform we run on (proc(5), `sysconf(_SC_CLK_TCK)`).
const TICK: Duration = Duration::from_millis(10);

/// Memory of a process, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Resident now (`VmRSS`).
    pub(crate) resident: u32,
    /// The most that was resident so far (`VmHWM`).
    pub(crate) peak: u32,
}

/// What a process did until it fell quiet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    /// How long that took.
    pub(crate) after: Duration,
    /// Processor time meanwhile.
    pub(crate) cpu: Duration,
    /// Whether it did fall quiet.
    pub(crate) quiet: bool,
}

/// Processor time of a process so far, all threads, user and system, to 10 ms.
pub(crate) fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the process has ended")?;
    let ticks = ticks(&stat).context("/proc/<pid>/stat is not as expected")?;
    Ok(TICK * ticks)
}

/// `utime` plus `stime`, fields 14 and 15; the name in field 2 may hold spaces and brackets.
fn ticks(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

/// Memory of a process.
pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the process has ended")?;
    let field = |name| {
        status_field(&status, name)
            .and_then(|text| text.trim_end_matches("kB").trim().parse().ok())
            .context(name)
    };
    Ok(Memory { resident: field("VmRSS")?, peak: field("VmHWM")? })
}

/// The cores that this process may run on, as `taskset` names them.
pub(crate) fn own_cores() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status_field(&status, "Cpus_allowed_list").unwrap_or("unknown").to_owned()
}

fn status_field<'a>(status: &'a str, name: &'static str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim())
}

/// Waits until a process uses less than a twentieth of a core, half a minute at most: what a load leaves behind
/// (events, mails) must not cost the next one.
pub(crate) async fn settle(pid: u32) -> anyhow::Result<Settled> {
    const LOOK: Duration = Duration::from_millis(250);
    const LOOKS: u32 = 120;
    let start = cpu(pid)?;
    let mut before = start;
    for looks in 0..LOOKS {
        tokio::time::sleep(LOOK).await;
        let now = cpu(pid)?;
        if now.saturating_sub(before) <= TICK {
            return Ok(Settled { after: LOOK * looks, cpu: now.saturating_sub(start), quiet: true });
        }
        before = now;
    }
    Ok(Settled { after: LOOK * LOOKS, cpu: before.saturating_sub(start), quiet: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let line = "42 (a (b) c) S 1 42 42 0 -1 4194304 2417 0 3 0 125 75 0 0 20 0 4 0 7 1 2 3";
        assert_eq!(ticks(line), Some(200));
        assert_eq!(ticks("42 (denizen) S 1"), None);
    }

    #[test]
    fn this_process_has_memory() {
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.resident > 100 && memory.peak >= memory.resident, "{memory:?}");
        assert!(cpu(std::process::id()).is_ok());
        assert_ne!(own_cores(), "unknown");
    }
}
