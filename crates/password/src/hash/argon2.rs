//! Argon2 (RFC 9106) and its PHC strings, with the memory handed in.

use std::hint::black_box;

use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};

use super::{Family, OUTPUT_LEN, Refusal, SALT_LEN, Work};

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

    /// Steps that a hash of this cost takes.
    pub(super) const fn work(self) -> Work {
        Work { family: Family::Argon2, steps: self.memory_kib as u64 * self.iterations as u64 }
    }

    /// Blocks of memory that a hash of this cost needs.
    pub(super) fn blocks(self) -> usize {
        self.params().map_or(0, |params| params.block_count())
    }
}

/// A hash as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Argon {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

/// The largest cost that an imported hash may ask for: the memory of RFC 9106's second recommended option.
const MOST: Cost = Cost { memory_kib: 65_536, iterations: 16, parallelism: 16 };

// === impl Argon ===

impl Argon {
    /// Reads a PHC string with salt and hash. Without a version it is 16, as in the first strings there were.
    pub(super) fn read(phc: &str) -> Option<Self> {
        let hash = PasswordHash::new(phc).ok()?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = Version::try_from(hash.version.unwrap_or(Version::V0x10.into())).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let is_plain = params.keyid().is_empty() && params.data().is_empty();
        let (salt, output) = (hash.salt?.as_ref().to_vec(), hash.hash?.as_bytes().to_vec());
        is_plain.then_some(Self { algorithm, version, params, salt, output })
    }

    /// Whether an import may bring it.
    pub(super) fn accept(&self) -> Result<(), Refusal> {
        let is_cheap_enough = self.params.m_cost() <= MOST.memory_kib
            && self.params.t_cost() <= MOST.iterations
            && self.params.p_cost() <= MOST.parallelism;
        if !is_cheap_enough {
            return Err(Refusal::TooCostly("64 MiB, 16 passes and 16 lanes of Argon2"));
        }
        if self.salt.len() < 8 || self.output.len() < 16 {
            return Err(Refusal::TooWeak("8 bytes of salt and 16 bytes of hash"));
        }
        Ok(())
    }

    /// Steps that a check takes.
    pub(super) fn work(&self) -> Work {
        let steps = u64::from(self.params.m_cost()) * u64::from(self.params.t_cost());
        Work { family: Family::Argon2, steps }
    }

    /// Whether it was made at another cost than this, or by another variant.
    pub(super) fn is_outdated(&self, cost: Cost) -> bool {
        if (self.algorithm, self.version) != (Algorithm::Argon2id, Version::V0x13) {
            return true;
        }
        let made_at = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost(), self.output.len());
        made_at != (cost.memory_kib, cost.iterations, cost.parallelism, OUTPUT_LEN)
    }

    /// The output that it has.
    pub(super) fn output(&self) -> &[u8] {
        &self.output
    }

    /// The output that a password would have.
    pub(super) fn compute(&self, password: &[u8], memory: &mut Memory) -> argon2::Result<Vec<u8>> {
        let argon = Argon2::new(self.algorithm, self.version, self.params.clone());
        let mut output = vec![0; self.output.len()];
        compute(&argon, (password, &self.salt), &mut output, memory)?;
        Ok(output)
    }
}

/// Takes so many steps for nothing, in at most `memory_kib` of memory.
pub(super) fn burn(steps: u64, memory_kib: u32, memory: &mut Memory) -> argon2::Result<()> {
    let (passes, left) = (steps / u64::from(memory_kib), steps % u64::from(memory_kib));
    // Less than the least memory is less than anybody can measure.
    for (memory_kib, passes) in [(u64::from(memory_kib), passes), (left, u64::from(passes_of(left)))] {
        let (Ok(memory_kib), Ok(passes)) = (u32::try_from(memory_kib), u32::try_from(passes)) else {
            continue;
        };
        if passes > 0 {
            let params = Params::new(memory_kib, passes, 1, Some(OUTPUT_LEN))?;
            let mut output = [0; OUTPUT_LEN];
            compute(&ours(params), (b"", &[0; SALT_LEN]), &mut output, memory)?;
            black_box(output);
        }
    }
    Ok(())
}

/// One pass over what is left, if that is enough for a pass.
const fn passes_of(left: u64) -> u32 {
    if left >= Params::MIN_M_COST as u64 { 1 } else { 0 }
}

/// The PHC string of a password.
pub(super) fn hash(
    password: &[u8],
    salt: &[u8; SALT_LEN],
    cost: Cost,
    memory: &mut Memory,
) -> argon2::Result<String> {
    let params = cost.params()?;
    let mut output = [0; OUTPUT_LEN];
    compute(&ours(params.clone()), (password, salt), &mut output, memory)?;
    let phc = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(|_| argon2::Error::AlgorithmInvalid)?,
        salt: Some(Salt::new(salt).map_err(|_| argon2::Error::SaltTooShort)?),
        hash: Some(Output::new(&output).map_err(|_| argon2::Error::OutputTooLong)?),
    };
    Ok(phc.to_string())
}

/// The variant that is made here.
fn ours(params: Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn compute(
    argon: &Argon2<'_>,
    (password, salt): (&[u8], &[u8]),
    output: &mut [u8],
    memory: &mut Memory,
) -> argon2::Result<()> {
    let blocks = argon.params().block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::new());
    }
    argon.hash_password_into_with_memory(password, salt, output, memory.as_mut_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 32, iterations: 1, parallelism: 1 };

    fn is_of(phc: &str, password: &[u8]) -> bool {
        let stored = Argon::read(phc).unwrap();
        stored.compute(password, &mut Memory::new()).unwrap() == stored.output()
    }

    #[test]
    fn a_hash_is_of_its_password_only() {
        let phc = hash(b"correct horse", &[7; SALT_LEN], CHEAP, &mut Memory::new()).unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=32,t=1,p=1$"), "{phc}");
        assert!(is_of(&phc, b"correct horse"));
        assert!(!is_of(&phc, b"correct horsf"));
        let stored = Argon::read(&phc).unwrap();
        assert!(!stored.is_outdated(CHEAP));
        assert!(stored.is_outdated(Cost::default()));
        assert_eq!(stored.work(), CHEAP.work());
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
        assert_eq!(Argon::read(phc).unwrap().accept(), Ok(()));
        assert!(is_of(phc, b"password"));
        assert!(!is_of(phc, b"differentpassword"));
    }

    #[test]
    fn burning_stays_within_the_memory() {
        for steps in [0, 7, 8, 31, 32, 33, 64, 100, 1_000] {
            let mut memory = Memory::new();
            burn(steps, 32, &mut memory).unwrap();
            assert!(memory.len() <= 32, "{steps}");
            assert_eq!(memory.is_empty(), steps < 8, "{steps}");
        }
    }

    #[test]
    fn what_is_no_whole_hash_is_not_read() {
        let salt_and_hash = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let others = [
            String::new(),
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned(),
            format!("$argon2x$v=19$m=65536,t=2,p=1${salt_and_hash}"),
            format!("$argon2id$v=18$m=65536,t=2,p=1${salt_and_hash}"),
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ".to_owned(),
            format!("$argon2id$v=19$m=65536,t=2,p=0${salt_and_hash}"),
        ];
        for other in others {
            assert!(Argon::read(&other).is_none(), "{other}");
        }
        let huge = Argon::read(&format!("$argon2id$v=19$m=4194304,t=2,p=1${salt_and_hash}")).unwrap();
        assert!(matches!(huge.accept(), Err(Refusal::TooCostly(_))));
        let older = Argon::read(&format!("$argon2id$m=32,t=1,p=1${salt_and_hash}")).unwrap();
        assert!(older.is_outdated(CHEAP), "version 16");
    }
}
