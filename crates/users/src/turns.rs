//! Whose turn it is: the parts of an import come at once, are made ready side by side and are written one after another.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use denizen_kit::id::UserId;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The imports that are under way in this process.
#[derive(Debug, Default)]
pub struct Turns {
    imports: Mutex<HashMap<String, Import>>,
    moved: Notify,
}

/// An import whose parts are here.
#[derive(Debug, Default)]
struct Import {
    /// The first rows of its parts.
    parts: BTreeSet<i64>,
    /// Up to which row parts have asked for the right to write.
    asked: i64,
    /// Ids of accounts that its parts bring and have not written yet.
    brought: HashSet<UserId>,
}

/// A part of an import, as long as it is here.
pub(crate) struct Part<'a> {
    turns: &'a Turns,
    import_id: &'a str,
    first_row: i64,
    brought: HashSet<UserId>,
}

// === impl Turns ===

impl Turns {
    /// Notes that a part has come.
    pub(crate) fn enter<'a>(&'a self, import_id: &'a str, first_row: i64) -> Part<'a> {
        self.imports().entry(import_id.to_owned()).or_default().parts.insert(first_row);
        Part { turns: self, import_id, first_row, brought: HashSet::new() }
    }

    fn imports(&self) -> MutexGuard<'_, HashMap<String, Import>> {
        self.imports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Part ===

impl Part<'_> {
    /// Takes an id that a record brings; false when a record before, or one of a part that is here, has it.
    pub(crate) fn takes(&mut self, id: UserId) -> bool {
        let mut imports = self.turns.imports();
        let is_free = imports.get_mut(self.import_id).is_some_and(|import| import.brought.insert(id));
        if is_free {
            self.brought.insert(id);
        }
        is_free
    }

    /// Ends when another part has moved on after this was called.
    pub(crate) fn moved(&self) -> Notified<'_> {
        self.turns.moved.notified()
    }

    /// Whether all rows before have asked to be written: who asks now comes after them.
    pub(crate) fn is_next(&self) -> bool {
        self.turns.imports().get(self.import_id).is_some_and(|import| import.asked + 1 >= self.first_row)
    }

    /// Whether parts with rows before are here.
    pub(crate) fn has_earlier(&self) -> bool {
        let imports = self.turns.imports();
        imports.get(self.import_id).is_some_and(|import| import.parts.first() < Some(&self.first_row))
    }

    /// Notes that the rows up to this one have asked to be written.
    pub(crate) fn asked(&self, last_row: i64) {
        if let Some(import) = self.turns.imports().get_mut(self.import_id) {
            import.asked = import.asked.max(last_row);
        }
        self.turns.moved.notify_waiters();
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        let mut imports = self.turns.imports();
        if let Some(import) = imports.get_mut(self.import_id) {
            import.parts.remove(&self.first_row);
            import.brought.retain(|id| !self.brought.contains(id));
            if import.parts.is_empty() {
                imports.remove(self.import_id);
            }
        }
        drop(imports);
        self.turns.moved.notify_waiters();
    }
}
