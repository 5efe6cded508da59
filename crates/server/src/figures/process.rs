//! What the kernel says of this process, under the names that Prometheus' own clients use. On Linux; elsewhere there is
//! no `/proc`, and none of these figures.

use std::fs::{metadata, read_dir, read_to_string};
use std::sync::LazyLock;

/// Ticks of the kernel's clock in a second, as `/proc` counts them (`USER_HZ`).
const TICKS: u64 = 100;

/// The process as a whole.
const STAT: &str = "/proc/self/stat";

/// One entry for each open file.
const FILES: &str = "/proc/self/fd";

/// When the process began, in Unix seconds. It does not change, and asking is dear where there are many processors.
static BEGAN: LazyLock<Option<f64>> = LazyLock::new(|| {
    let machine = read_to_string("/proc/stat").ok()?;
    began(&read_to_string(STAT).ok()?, &machine)
});

/// Asks the kernel. What cannot be read is left as it is.
pub(super) fn measure() {
    if let Some(seconds) = read_to_string(STAT).ok().and_then(|stat| cpu_seconds(&stat)) {
        metrics::counter!("process_cpu_seconds_total").absolute(seconds);
    }
    if let Some(began) = *BEGAN {
        metrics::gauge!("process_start_time_seconds").set(began);
    }
    if let Ok(status) = read_to_string("/proc/self/status") {
        if let Some(kib) = number_after(&status, "VmRSS:") {
            metrics::gauge!("process_resident_memory_bytes").set(float(kib * 1024));
        }
        if let Some(kib) = number_after(&status, "VmSize:") {
            metrics::gauge!("process_virtual_memory_bytes").set(float(kib * 1024));
        }
        if let Some(threads) = number_after(&status, "Threads:") {
            metrics::gauge!("process_threads").set(float(threads));
        }
    }
    if let Some(open) = open_files() {
        metrics::gauge!("process_open_fds").set(float(open));
    }
    let limits = read_to_string("/proc/self/limits").unwrap_or_default();
    if let Some(most) = number_after(&limits, "Max open files") {
        metrics::gauge!("process_max_fds").set(float(most));
    }
}

/// How many files are open. Since Linux 6.2 that is the size of the folder; before, it has to be read.
fn open_files() -> Option<u64> {
    match metadata(FILES).ok()?.len() {
        // The folder itself is open while it is read.
        0 => Some((read_dir(FILES).ok()?.count() as u64).saturating_sub(1)),
        count => Some(count),
    }
}

/// Whole seconds on processors, by the process and by the kernel for it.
fn cpu_seconds(stat: &str) -> Option<u64> {
    Some((field(stat, 14)? + field(stat, 15)?) / TICKS)
}

/// When a process began, in Unix seconds.
fn began(stat: &str, machine: &str) -> Option<f64> {
    let boot = number_after(machine, "btime ")?;
    Some(float(boot) + float(field(stat, 22)?) / float(TICKS))
}

/// A field of `stat` by its number in proc(5). The second is the program's name, which may hold anything.
fn field(stat: &str, number: usize) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

/// The number behind a word that begins a line.
fn number_after(text: &str, word: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(word))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "no process has so much of anything")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    /// With a name that tries to look like more fields.
    const STAT_LINE: &str =
        "42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 1234 566 7 8 20 0 9 0 98765 1000000 250 rest";

    #[test]
    fn fields_are_counted_behind_the_name() {
        assert_eq!(cpu_seconds(STAT_LINE), Some(18));
        let machine = "cpu  1 2 3\nintr 5\nbtime 1700000000\nprocesses 7\n";
        assert_eq!(began(STAT_LINE, machine), Some(1_700_000_987.65));
        assert_eq!(cpu_seconds("42 (a) S 1"), None);
        assert_eq!(began(STAT_LINE, "cpu 1\n"), None);
    }

    #[test]
    fn numbers_are_found_by_the_word_before_them() {
        let status = "Name:\tdenizen\nVmPeak:\t  99 kB\nVmRSS:\t  20480 kB\nThreads:\t12\n";
        assert_eq!(number_after(status, "VmRSS:"), Some(20_480));
        assert_eq!(number_after(status, "Threads:"), Some(12));
        assert_eq!(number_after(status, "VmSize:"), None);
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(number_after(limits, "Max open files"), Some(1_024));
        assert_eq!(number_after("Max open files unlimited unlimited files", "Max open files"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_measured() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, measure);
        let text = recorder.handle().render();
        let value = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
            line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
        };
        assert!(value("process_cpu_seconds_total") >= 0.0);
        assert!(value("process_resident_memory_bytes") > 100_000.0);
        assert!(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
        assert!(value("process_threads") >= 1.0);
        let open = value("process_open_fds");
        assert!(open >= 3.0 && open <= value("process_max_fds"), "{text}");
        let began = value("process_start_time_seconds");
        assert!(began > 1_600_000_000.0, "{began}");
    }
}
