//! The secrets of password: names of the guard's counters, sealed requests, reset tokens.

use denizen_kit::id::UserId;
use denizen_kit::seal::{Error, Key, Root, same_secret};
use uuid::Uuid;

use crate::model::{GuardName, encode_token};

/// The service's own keys.
#[derive(Clone, Debug)]
pub struct Keys {
    guard: Key,
    requests: Key,
    resets: Key,
}

// === impl Keys ===

impl Keys {
    /// The keys that follow from the root.
    pub fn new(root: &Root) -> Self {
        Self {
            guard: root.service("password/guard"),
            requests: root.service("password/requests"),
            resets: root.service("password/resets"),
        }
    }

    /// Under which the failures of a name from a source are counted.
    pub(crate) fn guard_pair(&self, name: &GuardName, source: &str) -> Vec<u8> {
        let (kind, name) = name.parts();
        self.guard.mac(&[b"pair", kind, name, source.as_bytes()]).to_vec()
    }

    /// Under which the failures of a name from anywhere are counted.
    pub(crate) fn guard_day(&self, name: &GuardName) -> Vec<u8> {
        let (kind, name) = name.parts();
        self.guard.mac(&[b"day", kind, name]).to_vec()
    }

    /// Under which the failures of an account by all its names are counted; those of a name that nobody has by itself.
    pub(crate) fn guard_account(&self, user_id: Option<UserId>, name: &GuardName) -> Vec<u8> {
        let nobodys = name.parts();
        let (kind, name) = match &user_id {
            Some(user_id) => (b"user".as_slice(), user_id.uuid().as_bytes().to_vec()),
            None => (nobodys.0, nobodys.1.to_vec()),
        };
        self.guard.mac(&[b"account", kind, &name]).to_vec()
    }

    /// Under which the failures from a network are counted.
    pub(crate) fn guard_source(&self, network: &str) -> Vec<u8> {
        self.guard.mac(&[b"source", network.as_bytes()]).to_vec()
    }

    /// Seals a request for a reset.
    pub(crate) fn seal_request(&self, id: Uuid, request: &[u8]) -> Vec<u8> {
        self.requests.seal(id.as_bytes(), request)
    }

    /// Opens a request for a reset.
    pub(crate) fn open_request(&self, id: Uuid, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        self.requests.open(id.as_bytes(), sealed)
    }

    /// The token of a reset.
    pub(crate) fn reset_token(&self, issue_id: Uuid, user_id: UserId) -> String {
        encode_token(issue_id, &self.reset_proof(issue_id, user_id))
    }

    /// Whether a token's proof belongs to the reset.
    pub(crate) fn is_reset_proof(&self, proof: &[u8; 32], issue_id: Uuid, user_id: UserId) -> bool {
        same_secret(proof, &self.reset_proof(issue_id, user_id))
    }

    fn reset_proof(&self, issue_id: Uuid, user_id: UserId) -> [u8; 32] {
        self.resets.mac(&[b"token", issue_id.as_bytes(), user_id.uuid().as_bytes()])
    }

    /// The digest under which a code that was proved is remembered.
    pub(crate) fn code_mac(&self, user_id: UserId, code: &str) -> Vec<u8> {
        self.resets.mac(&[b"code", user_id.uuid().as_bytes(), code.trim_matches(' ').as_bytes()]).to_vec()
    }
}
