//! The secrets that codes, link tokens and sealed identifiers follow from.

use denizen_kit::id::UserId;
use denizen_kit::seal::{Error, Key, Root, same_secret};

use crate::model::{Otp, OtpId, Purpose, encode_token, truncate};

/// The service's own keys.
#[derive(Clone, Debug)]
pub struct Keys {
    codes: Key,
    identifiers: Key,
    cooldowns: Key,
}

// === impl Keys ===

impl Keys {
    /// The keys that follow from the root.
    pub fn new(root: &Root) -> Self {
        Self {
            codes: root.service("otp/codes"),
            identifiers: root.service("otp/identifiers"),
            cooldowns: root.service("otp/cooldowns"),
        }
    }

    /// The code of a row.
    pub(crate) fn code(&self, otp: &Otp, digits: u32) -> String {
        truncate(&self.mac(b"code", otp), digits)
    }

    /// The link token of a row.
    pub(crate) fn token(&self, otp: &Otp) -> String {
        encode_token(otp.id, &self.mac(b"link", otp))
    }

    /// Whether a token's proof belongs to the row.
    pub(crate) fn is_token_of(&self, otp: &Otp, proof: &[u8; 32]) -> bool {
        same_secret(proof, &self.mac(b"link", otp))
    }

    fn mac(&self, label: &[u8], otp: &Otp) -> [u8; 32] {
        self.codes.mac(&[label, otp.id.uuid().as_bytes(), &otp.nonce])
    }

    /// Seals the identifier that a code was asked for.
    pub(crate) fn seal_identifier(&self, id: OtpId, identifier: &str) -> Vec<u8> {
        self.identifiers.seal_text(id.uuid().as_bytes(), identifier)
    }

    /// Opens the identifier that a code was asked for.
    pub(crate) fn open_identifier(&self, id: OtpId, sealed: &[u8]) -> Result<String, Error> {
        self.identifiers.open_text(id.uuid().as_bytes(), sealed)
    }

    /// The name under which a person's cool-down for a purpose is kept.
    pub(crate) fn cooldown_of_user(&self, user_id: UserId, purpose: Purpose) -> Vec<u8> {
        self.cooldowns.mac(&[b"user", user_id.uuid().as_bytes(), purpose.as_str().as_bytes()]).to_vec()
    }

    /// The name under which an identifier's cool-down for a purpose is kept.
    pub(crate) fn cooldown_of_identifier(&self, identifier: &str, purpose: Purpose) -> Vec<u8> {
        let folded = identifier.to_lowercase();
        self.cooldowns.mac(&[b"identifier", folded.as_bytes(), purpose.as_str().as_bytes()]).to_vec()
    }
}
