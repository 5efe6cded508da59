//! The settings of the service.

use std::time::Duration;

use denizen_kit::config::Settings;

use crate::model::Class;

/// How many entries one transaction can be set to append at most: beyond it the lock on the head is held too long.
const MOST_ENTRIES: usize = 5_000;

/// The settings of the service.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many entries one transaction appends at most.
    pub batch_entries: usize,
    /// How long one transaction appends before it commits what it has.
    pub batch_time: Duration,
    /// After how many entries the trail is signed.
    pub checkpoint_entries: i64,
    /// After how long it is signed when something came.
    pub checkpoint_time: Duration,
    /// How many of the last entries a verification looks at, when not all are asked for.
    pub verify_entries: i64,
    /// How long entries of each class are kept; zero is for ever.
    pub retention: Retention,
}

/// How long entries of each class are kept; zero is for ever.
#[derive(Clone, Debug)]
pub struct Retention {
    /// Changes of accounts, rights and passwords; what failed and what was refused.
    pub security: Duration,
    /// Sessions, views, what the edge refused.
    pub access: Duration,
    /// What became of messages.
    pub delivery: Duration,
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
            checkpoint_entries: settings.parse(
                "audit.checkpoint_entries",
                "10000",
                "After how many entries the audit trail is signed.",
                read_positive,
            ),
            checkpoint_time: settings.duration(
                "audit.checkpoint_time",
                "5m",
                "After how long the audit trail is signed when something came since the last time.",
            ),
            verify_entries: settings.parse(
                "audit.verify_entries",
                "100000",
                "How many of the last entries GET /admin/audit/verify looks at; ?full=true takes all.",
                read_positive,
            ),
            retention: Retention::read(settings),
        }
    }

    /// How long entries of a class are kept; zero is for ever.
    pub(crate) const fn retention(&self, class: Class) -> Duration {
        match class {
            Class::Security => self.retention.security,
            Class::Access => self.retention.access,
            Class::Delivery => self.retention.delivery,
        }
    }
}

// === impl Retention ===

impl Retention {
    fn read(settings: &mut Settings) -> Self {
        Self {
            security: settings.duration(
                "audit.retention.security",
                "400d",
                "How long audit entries on changes, failures and refusals keep their contents; 0s for ever.",
            ),
            access: settings.duration(
                "audit.retention.access",
                "90d",
                "How long audit entries on sessions and views, and what the edge refused, keep their contents; 0s for ever.",
            ),
            delivery: settings.duration(
                "audit.retention.delivery",
                "90d",
                "How long audit entries on messages keep their contents; 0s for ever.",
            ),
        }
    }
}

fn read_entries(text: &str) -> Result<usize, String> {
    let entries = text.parse().ok().filter(|entries| (1..=MOST_ENTRIES).contains(entries));
    entries.ok_or_else(|| format!("a number from 1 to {MOST_ENTRIES}"))
}

fn read_positive(text: &str) -> Result<i64, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "a number from 1 on".to_owned())
}
