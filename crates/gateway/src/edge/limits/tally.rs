//! How often limits have let pass and refused, for the admin API.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// What a limit has said since the process began.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    allowed: AtomicU64,
    refused: AtomicU64,
    observed: AtomicU64,
}

/// The same in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Within the limit.
    pub(crate) allowed: u64,
    /// Beyond it, and refused.
    pub(crate) refused: u64,
    /// Beyond it, where it only observes.
    pub(crate) observed: u64,
}

/// What the limits at the door have said.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    pub(super) global: Tally,
    pub(super) per_ip: Tally,
    pub(super) per_subnet: Tally,
    pub(super) per_user: Tally,
    pub(super) auth_per_ip: Tally,
    pub(super) auth_per_account: Tally,
}

// === impl Tally ===

impl Tally {
    /// Counts a request of a limit that refuses what is beyond it, or only observes that.
    pub(super) fn count(&self, is_allowed: bool, observes: bool) {
        let count = match (is_allowed, observes) {
            (true, _) => &self.allowed,
            (false, true) => &self.observed,
            (false, false) => &self.refused,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            allowed: self.allowed.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            observed: self.observed.load(Ordering::Relaxed),
        }
    }
}

// === impl Counts ===

impl Counts {
    /// Those of two limits together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            allowed: self.allowed + other.allowed,
            refused: self.refused + other.refused,
            observed: self.observed + other.observed,
        }
    }
}

// === impl Tallies ===

impl Tallies {
    /// The counts of each limit, by its name in the settings.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, Counts> {
        let all = [
            ("global", &self.global),
            ("per_ip", &self.per_ip),
            ("per_subnet", &self.per_subnet),
            ("per_user", &self.per_user),
            ("auth_per_ip", &self.auth_per_ip),
            ("auth_per_account", &self.auth_per_account),
        ];
        all.into_iter().map(|(name, tally)| (name, tally.counts())).collect()
    }
}
