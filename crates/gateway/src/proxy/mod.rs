//! Routes of the operator: matched at the door, passed on to this system's own face or to upstreams.
//!
//! What operators write (`spec/`) is compiled (`build`) into one immutable value (`rules`), which is swapped whole when
//! the files change (`reload`). A request keeps the rules it began with.

pub(crate) mod aggregate;
mod build;
pub(crate) mod cache;
mod deadline;
pub(crate) mod dialects;
pub(crate) mod files;
pub(crate) mod forward;
mod forward_errors;
pub(crate) mod headers;
pub(crate) mod identity;
pub(crate) mod issuers;
pub(crate) mod matching;
pub(crate) mod reload;
pub(crate) mod rule;
pub(crate) mod rules;
pub(crate) mod spec;
mod tls_files;
mod trailers;
pub(crate) mod transform;
mod upgrade;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use denizen_kit::task::Tasks;
use denizen_kit::time::Timestamp;

use crate::config::Config;
use crate::edge::table::Table;
use build::Maker;
use dialects::Dialects;
use files::{RouteFiles, Texts};
use identity::Identities;
use issuers::Issuers;
use rules::Rules;
use tls_files::TlsFiles;

/// The rules in force, and what they share over time.
#[derive(Debug)]
pub(crate) struct Proxy {
    rules: ArcSwap<Rules>,
    /// What they were made from. Held while new ones are made: one at a time.
    seen: Mutex<(Texts, TlsFiles)>,
    tasks: Tasks,
    issuers: Issuers,
    dialects: Dialects,
    /// The paths that this process serves itself.
    own: Table,
    pub(crate) identities: Identities,
}

// === impl Proxy ===

impl Proxy {
    /// Compiles the rules for the first time. Must be called within a Tokio runtime when there are upstreams.
    pub(crate) fn new(config: &Config, tasks: &Tasks, identities: Identities, now: Timestamp) -> Self {
        let (files, dialects) = (&config.routes, config.dialects.clone());
        let texts = files.texts();
        let (raw, mistakes) = match files.parse(&texts) {
            Ok(parsed) => parsed,
            Err(mistakes) => (files.given.clone(), mistakes),
        };
        let (issuers, own) = (Issuers::new(), crate::own_paths(config));
        let maker = Maker { tasks, now, before: None, issuers: &issuers, dialects: &dialects, own: &own };
        let rules = maker.build(raw, mistakes);
        rules.report();
        let seen = Mutex::new((texts, rules.tls_files.clone()));
        let rules = ArcSwap::from_pointee(rules);
        Self { rules, seen, tasks: tasks.clone(), issuers, dialects, own, identities }
    }

    /// The rules in force now.
    pub(crate) fn rules(&self) -> Guard<Arc<Rules>> {
        self.rules.load()
    }

    /// Compiles the rules anew, if what they are made from has changed. A file that cannot be read at all leaves those
    /// in force that are.
    pub(crate) fn reload(&self, files: &RouteFiles, now: Timestamp) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.rules.load_full();
        let (texts, tls_files) = (files.texts(), before.tls_files.now());
        if seen.0 == texts && seen.1 == tls_files {
            return;
        }
        let (rules, tls_files) = match files.parse(&texts) {
            Ok((raw, mistakes)) => {
                let (tasks, issuers, dialects) = (&self.tasks, &self.issuers, &self.dialects);
                let own = &self.own;
                let maker = Maker { tasks, now, before: Some(&before), issuers, dialects, own };
                let rules = maker.build(raw, mistakes);
                let tls_files = rules.tls_files.clone();
                (rules, tls_files)
            }
            Err(mistakes) => (before.with_mistakes(mistakes), tls_files),
        };
        *seen = (texts, tls_files);
        rules.report();
        self.rules.store(Arc::new(rules));
    }
}

/// What is wrong with what operators wrote, one line each. Must be called within a Tokio runtime.
pub(crate) fn check(config: &Config) -> Vec<String> {
    let files = &config.routes;
    let mistakes = match files.parse(&files.texts()) {
        Ok((raw, mistakes)) => {
            let (tasks, issuers) = (Tasks::new(), Issuers::new());
            let (now, dialects, own) = (Timestamp::UNIX_EPOCH, &config.dialects, crate::own_paths(config));
            let maker = Maker { tasks: &tasks, now, before: None, issuers: &issuers, dialects, own: &own };
            maker.build(raw, mistakes).mistakes
        }
        Err(mistakes) => mistakes,
    };
    mistakes.iter().map(ToString::to_string).collect()
}
