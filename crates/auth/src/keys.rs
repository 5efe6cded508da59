//! The secret keys of the service.

use denizen_kit::seal::{Key, Master};
use denizen_rpc::{KeyRing, Links};
use tokio::sync::OnceCell;

use crate::model::SigningKey;

/// The secret keys of the service.
pub struct Keys {
    /// Makes the MACs of refresh tokens.
    pub(crate) refresh: Key,
    /// Makes the MACs of cursors.
    pub(crate) cursor: Key,
    /// Seals the signing keys at rest.
    pub(crate) sealing: Key,
    /// The key that signs access tokens, once it was read.
    pub(crate) signing: OnceCell<SigningKey>,
    /// The data keys of people.
    pub(crate) people: KeyRing,
}

impl Keys {
    /// The keys that follow from the master key; people's keys come from users over the links.
    pub fn new(master: &Master, links: &Links) -> Self {
        Self {
            refresh: master.service("auth/refresh"),
            cursor: master.service("auth/cursor"),
            sealing: master.service("auth/signing-keys"),
            signing: OnceCell::new(),
            people: KeyRing::new(links.clone()),
        }
    }
}
