//! What the contracts say of each method.

/// One method of a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// `/package.Service/Method`.
    pub path: &'static str,
    /// Whether it changes nothing (`idempotency_level = NO_SIDE_EFFECTS`): it may be cut short and tried again.
    pub reads: bool,
    /// Whether it answers with a stream.
    pub streams: bool,
    /// Whether it is in a public package.
    pub public: bool,
}

/// All methods, sorted by path.
pub const METHODS: &[Method] = include!(concat!(env!("OUT_DIR"), "/methods.rs"));

impl Method {
    /// The place of a path in [`METHODS`].
    pub fn index(path: &str) -> Option<usize> {
        METHODS.binary_search_by(|method| method.path.cmp(path)).ok()
    }

    /// The method of a path.
    pub fn of(path: &str) -> Option<&'static Method> {
        Self::index(path).map(|index| &METHODS[index])
    }
}
