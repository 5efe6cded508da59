//! How new hashes are made.

use std::num::NonZeroU32;

use super::argon2::{self, Cost};
use super::scrypt::{self, ScryptCost};
use super::{Failure, Family, Hashed, Memory, SALT_LEN, Work, bcrypt, pbkdf2};

/// How new hashes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Argon2id (RFC 9106).
    Argon2id(Cost),
    /// bcrypt over a digest of the password; its rounds as a power of two.
    Bcrypt(u32),
    /// PBKDF2 with HMAC-SHA-256; its iterations.
    Pbkdf2(NonZeroU32),
    /// scrypt (RFC 7914).
    Scrypt(ScryptCost),
}

// === impl Setting ===

impl Setting {
    /// What a hash made like this costs.
    pub(crate) fn work(&self) -> Work {
        match self {
            Self::Argon2id(cost) => cost.work(),
            Self::Bcrypt(cost) => Work { family: Family::Bcrypt, steps: 1 << cost },
            Self::Pbkdf2(iterations) => {
                Work { family: Family::Pbkdf2Sha256, steps: u64::from(iterations.get()) }
            }
            Self::Scrypt(cost) => cost.work(),
        }
    }

    /// Blocks of memory that a slot keeps between computations.
    pub(crate) fn blocks(&self) -> usize {
        match self {
            Self::Argon2id(cost) => cost.blocks(),
            Self::Bcrypt(_) | Self::Pbkdf2(_) | Self::Scrypt(_) => 0,
        }
    }

    /// The hash of a password.
    pub(crate) fn hash(
        &self,
        password: &[u8],
        salt: &[u8; SALT_LEN],
        memory: &mut Memory,
    ) -> Result<Hashed, Failure> {
        let text = match self {
            Self::Argon2id(cost) => argon2::hash(password, salt, *cost, memory).map_err(Failure::Argon2)?,
            Self::Bcrypt(cost) => bcrypt::hash(password, salt, *cost),
            Self::Pbkdf2(iterations) => pbkdf2::hash(password, salt, *iterations),
            Self::Scrypt(cost) => scrypt::hash(password, salt, *cost)?,
        };
        Ok(Hashed { text, work: self.work() })
    }
}
