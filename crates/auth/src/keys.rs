//! The secret keys of the service.

use denizen_kit::seal::{Key, Root};
use denizen_rpc::{KeyRing, Links};

use crate::ring::Holder;

/// The secret keys of the service.
pub struct Keys {
    /// Makes the MACs of refresh tokens.
    pub(crate) refresh: Key,
    /// Makes the MACs of challenges.
    pub(crate) challenge: Key,
    /// Makes the digests of recovery codes.
    pub(crate) recovery: Key,
    /// Makes the MACs of cursors.
    pub(crate) cursor: Key,
    /// Makes the digests of client secrets.
    pub(crate) client_secrets: Key,
    /// Makes what ties sessions to networks.
    pub(crate) networks: Key,
    /// Makes the digests of known devices.
    pub(crate) devices: Key,
    /// Seals the signing keys at rest.
    pub(crate) sealing: Key,
    /// The keys that sign access tokens, once they were read.
    pub(crate) signing: Holder,
    /// The data keys of people.
    pub(crate) people: KeyRing,
}

impl Keys {
    /// The keys that follow from the root; people's keys come from users over the links.
    pub fn new(root: &Root, links: &Links) -> Self {
        Self {
            refresh: root.service("auth/refresh"),
            challenge: root.service("auth/challenges"),
            recovery: root.service("auth/recovery-codes"),
            cursor: root.service("auth/cursor"),
            client_secrets: root.service("auth/client-secrets"),
            networks: root.networks(),
            devices: root.service("auth/devices"),
            sealing: root.service("auth/signing-keys"),
            signing: Holder::default(),
            people: KeyRing::new(links.clone()),
        }
    }
}
