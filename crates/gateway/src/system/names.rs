//! [`Names`]: for gauges of things that come and go.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The names of things that had a gauge when they were measured last.
///
/// A recorder forgets no series: one whose thing has gone would show its last value for ever. Set to NaN it shows
/// nothing, and no comparison of an alert holds for it.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<BTreeSet<String>>);

// === impl Names ===

impl Names {
    /// Takes over the names of now. Gives back those that were there before and are not any more.
    pub(crate) fn replace(&self, now: BTreeSet<String>) -> BTreeSet<String> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = &*names - &now;
        *names = now;
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_has_gone_is_told_once() {
        let names = Names::default();
        assert_eq!(names.replace(set(&["a", "b"])), set(&[]));
        assert_eq!(names.replace(set(&["b", "c"])), set(&["a"]));
        assert_eq!(names.replace(set(&["b", "c"])), set(&[]));
        assert_eq!(names.replace(set(&["a"])), set(&["b", "c"]), "and again when it has come back");
        assert_eq!(names.replace(set(&[])), set(&["a"]));
    }
}
