//! Routes of the operator: matched at the door, passed on to this system's own face or to upstreams.
//!
//! What operators write (`spec/`) is compiled into one immutable value (`rules`), which is swapped whole when the files
//! change (`reload`). A request keeps the rules it began with.

pub(crate) mod aggregate;
pub(crate) mod dialects;
pub(crate) mod files;
pub(crate) mod matching;
pub(crate) mod reload;
pub(crate) mod rule;
pub(crate) mod rules;
pub(crate) mod spec;
pub(crate) mod transform;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use denizen_kit::time::Timestamp;

use files::{RouteFiles, Texts};
use rules::Rules;
use spec::Raw;

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Proxy {
    rules: ArcSwap<Rules>,
    /// What they were made from. Held while new ones are made: one at a time.
    texts: Mutex<Texts>,
}

// === impl Proxy ===

impl Proxy {
    /// Compiles the rules for the first time.
    pub(crate) fn new(files: &RouteFiles, now: Timestamp) -> Self {
        let texts = files.texts();
        let (raw, mistakes) = match files.parse(&texts) {
            Ok(parsed) => parsed,
            Err(mistakes) => (Raw { dialects: files.dialects.clone(), ..files.given.clone() }, mistakes),
        };
        let rules = Rules::build(raw, mistakes, now);
        rules.report();
        Self { rules: ArcSwap::from_pointee(rules), texts: Mutex::new(texts) }
    }

    /// The rules in force now.
    pub(crate) fn rules(&self) -> Guard<Arc<Rules>> {
        self.rules.load()
    }

    /// Compiles the rules anew, if what they are made from has changed. A file that cannot be read at all leaves those
    /// in force that are.
    pub(crate) fn reload(&self, files: &RouteFiles, now: Timestamp) {
        let mut held = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let texts = files.texts();
        if *held == texts {
            return;
        }
        let rules = match files.parse(&texts) {
            Ok((raw, mistakes)) => Rules::build(raw, mistakes, now),
            Err(mistakes) => self.rules.load().with_mistakes(mistakes),
        };
        *held = texts;
        rules.report();
        self.rules.store(Arc::new(rules));
    }
}

/// What is wrong with what operators wrote, one line each.
pub(crate) fn check(files: &RouteFiles) -> Vec<String> {
    let mistakes = match files.parse(&files.texts()) {
        Ok((raw, mistakes)) => Rules::build(raw, mistakes, Timestamp::UNIX_EPOCH).mistakes,
        Err(mistakes) => mistakes,
    };
    mistakes.iter().map(ToString::to_string).collect()
}
