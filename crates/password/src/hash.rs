//! Argon2id (RFC 9106) and its PHC strings, with the memory handed in.

use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use denizen_kit::seal::same_secret;

/// Bytes of a salt (RFC 9106 §3.1 recommends 16).
pub(crate) const SALT_LEN: usize = 16;

/// Bytes of a hash.
const OUTPUT_LEN: usize = 32;

/// Memory that one computation works in; kept between computations.
pub(crate) type Memory = Vec<Block>;

/// What a hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB (`m`).
    pub memory_kib: u32,
    /// Passes over the memory (`t`).
    pub iterations: u32,
    /// Lanes (`p`).
    pub parallelism: u32,
}

impl Default for Cost {
    /// OWASP's recommendation for Argon2id: 19 MiB, two passes, one lane.
    fn default() -> Self {
        Self { memory_kib: 19_456, iterations: 2, parallelism: 1 }
    }
}

// === impl Cost ===

impl Cost {
    fn params(self) -> argon2::Result<Params> {
        Params::new(self.memory_kib, self.iterations, self.parallelism, Some(OUTPUT_LEN))
    }

    /// Blocks of memory that a hash of this cost needs.
    pub(crate) fn blocks(self) -> usize {
        self.params().map_or(0, |params| params.block_count())
    }
}

/// A hash as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

/// The largest cost that an imported hash may ask for: the memory of RFC 9106's second recommended option.
const MOST: Cost = Cost { memory_kib: 65_536, iterations: 16, parallelism: 16 };

// === impl Stored ===

impl Stored {
    /// Reads a PHC string of Argon2id, version 19, with salt and hash.
    pub(crate) fn parse(phc: &str) -> Option<Self> {
        let hash = PasswordHash::new(phc).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let plain = params.keyid().is_empty() && params.data().is_empty();
        let version = hash.version.unwrap_or(u32::from(Version::V0x10));
        if hash.algorithm != Algorithm::Argon2id.ident() || version != u32::from(Version::V0x13) || !plain {
            return None;
        }
        Some(Self { params, salt: hash.salt?.as_ref().to_vec(), output: hash.hash?.as_bytes().to_vec() })
    }

    /// What stands in for the hash of nobody: it costs the same and no password has it.
    pub(crate) fn dummy(cost: Cost) -> argon2::Result<Self> {
        Ok(Self { params: cost.params()?, salt: vec![0; SALT_LEN], output: vec![0; OUTPUT_LEN] })
    }

    /// Whether an import may bring it: within a cost that cannot hurt, and strong enough to be worth keeping.
    pub(crate) fn is_acceptable(&self) -> bool {
        let cheap_enough = self.params.m_cost() <= MOST.memory_kib
            && self.params.t_cost() <= MOST.iterations
            && self.params.p_cost() <= MOST.parallelism;
        cheap_enough && self.salt.len() >= 8 && self.output.len() >= 16
    }

    /// Whether it was made at another cost than this.
    pub(crate) fn is_outdated(&self, cost: Cost) -> bool {
        let made_at = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost(), self.output.len());
        made_at != (cost.memory_kib, cost.iterations, cost.parallelism, OUTPUT_LEN)
    }

    /// Whether it is the hash of this password.
    pub(crate) fn is_of(&self, password: &[u8], memory: &mut Memory) -> argon2::Result<bool> {
        let mut output = vec![0; self.output.len()];
        compute(&self.params, password, &self.salt, &mut output, memory)?;
        Ok(same_secret(&output, &self.output))
    }
}

/// The PHC string of a password.
pub(crate) fn hash(
    password: &[u8],
    salt: &[u8; SALT_LEN],
    cost: Cost,
    memory: &mut Memory,
) -> argon2::Result<String> {
    let params = cost.params()?;
    let mut output = [0; OUTPUT_LEN];
    compute(&params, password, salt, &mut output, memory)?;
    let phc = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(|_| argon2::Error::AlgorithmInvalid)?,
        salt: Some(Salt::new(salt).map_err(|_| argon2::Error::SaltTooShort)?),
        hash: Some(Output::new(&output).map_err(|_| argon2::Error::OutputTooLong)?),
    };
    Ok(phc.to_string())
}

fn compute(
    params: &Params,
    password: &[u8],
    salt: &[u8],
    output: &mut [u8],
    memory: &mut Memory,
) -> argon2::Result<()> {
    if memory.len() < params.block_count() {
        memory.resize(params.block_count(), Block::new());
    }
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    argon.hash_password_into_with_memory(password, salt, output, memory.as_mut_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 32, iterations: 1, parallelism: 1 };

    #[test]
    fn a_hash_is_of_its_password_only() {
        let mut memory = Memory::new();
        let phc = hash(b"correct horse", &[7; SALT_LEN], CHEAP, &mut memory).unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=32,t=1,p=1$"), "{phc}");
        let stored = Stored::parse(&phc).unwrap();
        assert!(stored.is_of(b"correct horse", &mut memory).unwrap());
        assert!(!stored.is_of(b"correct horsf", &mut memory).unwrap());
        assert!(!stored.is_outdated(CHEAP));
        assert!(stored.is_outdated(Cost::default()));
    }

    #[test]
    fn memory_that_was_used_changes_no_hash() {
        let mut used = Memory::new();
        hash(b"something larger before", &[1; SALT_LEN], Cost { memory_kib: 64, ..CHEAP }, &mut used)
            .unwrap();
        let again = hash(b"secret", &[2; SALT_LEN], CHEAP, &mut used).unwrap();
        assert_eq!(again, hash(b"secret", &[2; SALT_LEN], CHEAP, &mut Memory::new()).unwrap());
    }

    /// Test vector of the reference implementation (phc-winner-argon2, `src/test.c`): m = 2^16, t = 2, p = 1.
    #[test]
    fn it_is_argon2id() {
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let stored = Stored::parse(phc).unwrap();
        assert!(stored.is_acceptable());
        let mut memory = Memory::new();
        assert!(stored.is_of(b"password", &mut memory).unwrap());
        assert!(!stored.is_of(b"differentpassword", &mut memory).unwrap());
    }

    #[test]
    fn nobody_has_no_password() {
        let dummy = Stored::dummy(CHEAP).unwrap();
        assert!(!dummy.is_outdated(CHEAP));
        assert!(!dummy.is_of(b"", &mut Memory::new()).unwrap());
    }

    #[test]
    fn only_plain_argon2id_is_read() {
        let salt_and_hash = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let others = [
            String::new(),
            "hunter2".to_owned(),
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned(),
            format!("$argon2i$v=19$m=65536,t=2,p=1${salt_and_hash}"),
            format!("$argon2id$v=16$m=65536,t=2,p=1${salt_and_hash}"),
            format!("$argon2id$m=65536,t=2,p=1${salt_and_hash}"),
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ".to_owned(),
            format!("$argon2id$v=19$m=65536,t=2,p=0${salt_and_hash}"),
        ];
        for other in others {
            assert!(Stored::parse(&other).is_none(), "{other}");
        }
        let huge = Stored::parse(&format!("$argon2id$v=19$m=4194304,t=2,p=1${salt_and_hash}")).unwrap();
        assert!(!huge.is_acceptable());
    }
}
