//! What a hash costs, counted in the steps of its own kind.
//!
//! A failed login pays the same bill for everybody: for each family of hashes that is kept, as many steps as the
//! costliest hash of it. Who has such a hash pays a part of that by its own check, the rest is burnt on nobody's.

use super::Setting;

/// A kind of hash with a step of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Family {
    /// A step is one block of 1 KiB in one pass: `m · t`.
    Argon2,
    /// A step is one round: two to the power of the cost.
    Bcrypt,
    /// A step is one iteration for one block of output.
    Pbkdf2Sha1,
    /// As for SHA-1.
    Pbkdf2Sha256,
    /// As for SHA-1.
    Pbkdf2Sha512,
    /// A step is one block of one lane: `N · r · p`.
    Scrypt,
    /// A step is one round.
    Sha256Crypt,
    /// A step is one round.
    Sha512Crypt,
    /// At most a thousand plain digests: less than the network's jitter, so nobody pays for it.
    Digest,
}

/// So many steps of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) family: Family,
    pub(crate) steps: u64,
}

/// What every failed check costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bill(Vec<Work>);

// === impl Family ===

impl Family {
    /// Those that a bill is about.
    pub(crate) const BILLED: [Self; 8] = [
        Self::Argon2,
        Self::Bcrypt,
        Self::Pbkdf2Sha1,
        Self::Pbkdf2Sha256,
        Self::Pbkdf2Sha512,
        Self::Scrypt,
        Self::Sha256Crypt,
        Self::Sha512Crypt,
    ];

    /// Its name in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Argon2 => "argon2",
            Self::Bcrypt => "bcrypt",
            Self::Pbkdf2Sha1 => "pbkdf2-sha1",
            Self::Pbkdf2Sha256 => "pbkdf2-sha256",
            Self::Pbkdf2Sha512 => "pbkdf2-sha512",
            Self::Scrypt => "scrypt",
            Self::Sha256Crypt => "sha256-crypt",
            Self::Sha512Crypt => "sha512-crypt",
            Self::Digest => "digest",
        }
    }
}

// === impl Bill ===

impl Bill {
    /// The bill where these are the costliest hashes of each family that are kept, and new ones are made as `setting`
    /// says.
    pub(crate) fn new(setting: &Setting, costliest: &[Work]) -> Self {
        let mut works: Vec<Work> = Vec::new();
        for work in costliest.iter().copied().chain([setting.work()]) {
            match works.iter_mut().find(|known| known.family == work.family) {
                Some(known) => known.steps = known.steps.max(work.steps),
                None => works.push(work),
            }
        }
        Self(works)
    }

    /// What is left to pay when a hash of this cost has been checked.
    pub(crate) fn rest(&self, paid: Option<Work>) -> Vec<Work> {
        let steps_left = |due: &Work| {
            let paid = paid.filter(|paid| paid.family == due.family).map_or(0, |paid| paid.steps);
            Work { family: due.family, steps: due.steps.saturating_sub(paid) }
        };
        self.0.iter().map(steps_left).filter(|work| work.steps > 0).collect()
    }
}
