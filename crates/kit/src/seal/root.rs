//! The root, from which all keys of an installation follow, and the master key, which wraps it and can be changed.

use super::{Error, Key};

/// What a wrapped root is bound to.
const PLACE: &[u8] = b"root/v1";

/// The key that the operator holds. It wraps the root and makes nothing else, so that another can take its place.
#[derive(Clone, Debug)]
pub struct Master(Key);

/// The key from which all others of an installation follow. It never changes and is stored wrapped only.
#[derive(Clone, Debug)]
pub struct Root(Key);

// === impl Master ===

impl Master {
    /// The master key of these 32 bytes.
    pub const fn new(key: Key) -> Self {
        Self(key)
    }

    /// What the key is called: 16 hexadecimal digits that follow from it and tell nothing about it.
    pub fn name(&self) -> String {
        let digest = self.0.derive("master-name/v1").mac(&[b"name"]);
        let digits = digest[..8].iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
    }

    /// Wraps a root: AES-256-GCM under a key that is made for this alone.
    pub fn wrap(&self, root: &Root) -> Vec<u8> {
        self.wrapping().seal(PLACE, root.0.expose())
    }

    /// Unwraps a root.
    ///
    /// # Errors
    /// [`Error::Broken`] when another master key has wrapped it.
    pub fn unwrap(&self, wrapped: &[u8]) -> Result<Root, Error> {
        Ok(Root(Key::from_slice(&self.wrapping().open(PLACE, wrapped)?)?))
    }

    /// The root of an installation from before roots were made: its master key itself.
    pub fn as_root(&self) -> Root {
        Root(self.0.clone())
    }

    fn wrapping(&self) -> Key {
        self.0.derive("root-wrapping/v1")
    }
}

// === impl Root ===

impl Root {
    /// The root of these 32 bytes.
    pub const fn new(key: Key) -> Self {
        Self(key)
    }

    /// A new random root.
    pub fn generate() -> Self {
        Self(Key::generate())
    }

    /// Tells this root from others and nothing about it. Each database keeps the mark of the root that it belongs to.
    pub fn mark(&self) -> Vec<u8> {
        self.0.derive("root-mark/v1").mac(&[b"mark"]).to_vec()
    }

    /// Wraps people's data keys.
    pub fn wrapping(&self) -> Key {
        self.0.derive("data-keys/v1")
    }

    /// Ties sessions to networks; auth makes the ties and gateways check them.
    pub fn networks(&self) -> Key {
        self.0.derive("networks/v1")
    }

    /// Makes blind indexes of addresses.
    pub fn index(&self) -> Key {
        self.0.derive("blind-index/v1")
    }

    /// Seals what rides in events before it reaches its keeper.
    pub fn events(&self) -> Key {
        self.0.derive("events/v1")
    }

    /// Signs callers between processes, unless `services.shared_key` names another.
    pub fn callers(&self) -> Key {
        self.0.derive("callers/v1")
    }

    /// A service's own secrets: token MACs, signing keys at rest.
    pub fn service(&self, purpose: &str) -> Key {
        self.0.derive(&format!("service/{purpose}/v1"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(byte: u8) -> Master {
        Master::new(Key::from_bytes([byte; 32]))
    }

    #[test]
    fn a_root_opens_under_each_master_key_that_wrapped_it_and_no_other() {
        let root = Root::generate();
        let (first, second) = (master(1).wrap(&root), master(2).wrap(&root));
        for (key, wrapped) in [(master(1), &first), (master(2), &second)] {
            assert_eq!(key.unwrap(wrapped).unwrap().mark(), root.mark());
        }
        assert!(master(1).unwrap(&second).is_err());
        assert!(master(1).unwrap(&first[..first.len() - 1]).is_err());
        assert!(!first.windows(8).any(|window| window == &root.0.expose()[..8]));
    }

    #[test]
    fn names_and_marks_tell_keys_apart() {
        assert_eq!(master(1).name(), master(1).name());
        assert_eq!(master(1).name().len(), 16);
        assert_ne!(master(1).name(), master(2).name());
        assert_ne!(master(1).as_root().mark(), master(2).as_root().mark());
    }

    #[test]
    fn what_was_sealed_before_there_were_roots_still_opens() {
        // The data keys of installations from before were wrapped so.
        let before = Key::from_bytes([7; 32]).derive("data-keys/v1");
        let sealed = before.seal(b"place", b"value");
        assert_eq!(master(7).as_root().wrapping().open(b"place", &sealed).unwrap(), b"value");
        let kept = master(9).unwrap(&master(9).wrap(&master(7).as_root())).unwrap();
        assert_eq!(kept.wrapping().open(b"place", &sealed).unwrap(), b"value");
    }
}
