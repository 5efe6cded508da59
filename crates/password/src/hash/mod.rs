//! Hashes of passwords: how they are made, read, compared and counted.

mod argon2;
mod bcrypt;
mod burn;
mod crypt;
mod digest;
mod forms;
mod pbkdf2;
mod pepper;
mod refusal;
mod scrypt;
mod setting;
mod work;

use denizen_kit::seal::same_secret;
use thiserror::Error;

pub use argon2::Cost;
pub use pepper::Peppers;
pub use scrypt::ScryptCost;
pub use setting::Setting;

pub(crate) use argon2::Memory;
pub(crate) use burn::burn;
pub(crate) use refusal::Refusal;
pub(crate) use work::{Bill, Family, Work};

use argon2::Argon;
use bcrypt::Bcrypt;
use crypt::Crypt;
use digest::Digest;
use pbkdf2::Pbkdf2;
use scrypt::Scrypt;

/// Bytes of a salt (RFC 9106 §3.1 recommends 16).
pub(crate) const SALT_LEN: usize = 16;

/// Bytes of the hashes that are made here.
const OUTPUT_LEN: usize = 32;

/// A hash could not be computed.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("Argon2: {0}")]
    Argon2(::argon2::Error),
    #[error("scrypt does not take these parameters")]
    Scrypt,
}

/// A hash as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// Under which pepper the password was mixed.
    pub(crate) pepper: Option<u32>,
    pub(crate) algorithm: Algorithm,
}

/// What it was made with.
#[derive(Clone, Debug)]
pub(crate) enum Algorithm {
    Argon(Argon),
    Bcrypt(Bcrypt),
    Pbkdf2(Pbkdf2),
    Scrypt(Scrypt),
    Crypt(Crypt),
    Digest(Digest),
}

/// A hash that was just made or taken over, and what it costs to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hashed {
    pub(crate) text: String,
    pub(crate) work: Work,
}

// === impl Hashed ===

impl Hashed {
    /// The same, made over a password mixed under this pepper.
    pub(crate) fn under(self, pepper: Option<u32>) -> Self {
        Self { text: pepper::join(pepper, self.text), ..self }
    }
}

// === impl Stored ===

impl Stored {
    /// Reads a hash in one of the forms.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let (pepper, text) = pepper::split(text).ok_or(Refusal::Unsupported)?;
        Ok(Self { pepper, algorithm: forms::parse(text)? })
    }

    /// What a check of it costs.
    pub(crate) fn work(&self) -> Work {
        self.algorithm.work()
    }
}

// === impl Algorithm ===

impl Algorithm {
    /// Whether an import may bring it: within a cost that cannot hurt, and strong enough to be worth keeping.
    pub(crate) fn accept(&self) -> Result<(), Refusal> {
        match self {
            Self::Argon(hash) => hash.accept(),
            Self::Bcrypt(hash) => hash.accept(),
            Self::Pbkdf2(hash) => hash.accept(),
            Self::Scrypt(hash) => hash.accept(),
            Self::Crypt(hash) => hash.accept(),
            Self::Digest(hash) => hash.accept(),
        }
    }

    /// What a check of it costs.
    pub(crate) fn work(&self) -> Work {
        match self {
            Self::Argon(hash) => hash.work(),
            Self::Bcrypt(hash) => hash.work(),
            Self::Pbkdf2(hash) => hash.work(),
            Self::Scrypt(hash) => hash.work(),
            Self::Crypt(hash) => hash.work(),
            Self::Digest(_) => Digest::work(),
        }
    }

    /// Whether a new hash would be made in another way.
    pub(crate) fn is_outdated(&self, setting: &Setting) -> bool {
        match (self, *setting) {
            (Self::Argon(hash), Setting::Argon2id(cost)) => hash.is_outdated(cost),
            (Self::Bcrypt(hash), Setting::Bcrypt(cost)) => hash.is_outdated(cost),
            (Self::Pbkdf2(hash), Setting::Pbkdf2(iterations)) => hash.is_outdated(iterations),
            (Self::Scrypt(hash), Setting::Scrypt(cost)) => hash.is_outdated(cost),
            _ => true,
        }
    }

    /// Whether it is the hash of this password.
    pub(crate) fn is_of(&self, password: &[u8], memory: &mut Memory) -> Result<bool, Failure> {
        match self {
            Self::Argon(hash) => {
                let output = hash.compute(password, memory).map_err(Failure::Argon2)?;
                Ok(same_secret(&output, hash.output()))
            }
            Self::Bcrypt(hash) => Ok(hash.is_of(password)),
            Self::Pbkdf2(hash) => Ok(hash.is_of(password)),
            Self::Scrypt(hash) => hash.is_of(password),
            Self::Crypt(hash) => Ok(hash.is_of(password)),
            Self::Digest(hash) => Ok(hash.is_of(password)),
        }
    }
}
