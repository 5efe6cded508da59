//! The settings of the service.

use std::time::Duration;

use denizen_kit::config::Settings;

/// How many entries one transaction can be set to append at most: beyond it the lock on the head is held too long.
const MOST_ENTRIES: usize = 5_000;

/// The settings of the service.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many entries one transaction appends at most.
    pub batch_entries: usize,
    /// How long one transaction appends before it commits what it has.
    pub batch_time: Duration,
}

// === impl Config ===

impl Config {
    /// Reads the service's keys.
    pub fn read(settings: &mut Settings) -> Self {
        Self {
            batch_entries: settings.parse(
                "audit.batch_entries",
                "1000",
                "How many entries one transaction appends to the audit trail at most.",
                read_entries,
            ),
            batch_time: settings.duration(
                "audit.batch_time",
                "50ms",
                "How long one transaction appends to the audit trail before it commits what it has.",
            ),
        }
    }
}

fn read_entries(text: &str) -> Result<usize, String> {
    let entries = text.parse().ok().filter(|entries| (1..=MOST_ENTRIES).contains(entries));
    entries.ok_or_else(|| format!("a number from 1 to {MOST_ENTRIES}"))
}
