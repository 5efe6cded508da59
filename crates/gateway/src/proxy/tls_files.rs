//! The files of certificates and keys that upstreams name. They are renewed where they are, so what they hold counts as
//! what the settings say does.

use std::collections::BTreeMap;

use denizen_upstream::http::{ClusterSpec, TlsSpec};

/// The files of each upstream that names some, as they were when they were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles(BTreeMap<String, Looked>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Looked {
    tls: TlsSpec,
    digest: [u8; 32],
    /// Whether a cluster could be made with them.
    are_good: bool,
}

// === impl TlsFiles ===

impl TlsFiles {
    /// Looks at those of an upstream.
    pub(super) fn look(&mut self, spec: &ClusterSpec) {
        if let Some(tls) = &spec.tls {
            self.0.insert(spec.name.clone(), Looked::now(tls, true));
        }
    }

    /// Notes that no cluster can be made with those of an upstream.
    pub(super) fn spoil(&mut self, upstream: &str) {
        if let Some(looked) = self.0.get_mut(upstream) {
            looked.are_good = false;
        }
    }

    /// The same files as they are now.
    pub(super) fn now(&self) -> Self {
        let files = self.0.iter();
        Self(files.map(|(name, before)| (name.clone(), Looked::now(&before.tls, before.are_good))).collect())
    }

    /// Whether an upstream has the same here and there.
    pub(super) fn agree(&self, other: &Self, upstream: &str) -> bool {
        self.0.get(upstream) == other.0.get(upstream)
    }
}

// === impl Looked ===

impl Looked {
    fn now(tls: &TlsSpec, are_good: bool) -> Self {
        Self { tls: tls.clone(), digest: tls.digest(), are_good }
    }
}
