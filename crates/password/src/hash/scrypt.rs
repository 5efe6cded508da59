//! scrypt (RFC 7914), as a PHC string, in Django's form, and as Firebase changed it.

use std::hint::black_box;

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use denizen_kit::seal::same_secret;
use scrypt::Params;

use super::forms::{base64, to_base64};
use super::{Failure, Family, OUTPUT_LEN, Refusal, SALT_LEN, Work};

/// The most steps that an imported hash may ask for: `N · r · p`.
const MOST_STEPS: u64 = 1 << 21;

/// The most memory, in bytes: `128 · N · r`.
const MOST_MEMORY: u64 = 128 << 20;

/// Longest output of an imported hash, in bytes.
const LONGEST: usize = 128;

/// What scrypt costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScryptCost {
    /// Memory and time, as a power of two (`ln`).
    pub log_n: u8,
    /// Size of a block (`r`).
    pub block: u32,
    /// Lanes, one after another (`p`).
    pub parallelism: u32,
}

/// A hash as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Scrypt {
    cost: ScryptCost,
    salt: Vec<u8>,
    output: Vec<u8>,
    /// What Firebase encrypts with the derived key.
    signer: Option<Vec<u8>>,
}

// === impl ScryptCost ===

impl ScryptCost {
    fn params(self) -> Option<Params> {
        Params::new(self.log_n, self.block, self.parallelism).ok()
    }

    /// Steps of a hash of this cost.
    pub(super) const fn work(self) -> Work {
        let steps = (self.block as u64).saturating_mul(self.parallelism as u64).saturating_mul(self.n());
        Work { family: Family::Scrypt, steps }
    }

    const fn n(self) -> u64 {
        if self.log_n < 64 { 1 << self.log_n } else { u64::MAX }
    }

    const fn memory(self) -> u64 {
        self.n().saturating_mul(self.block as u64).saturating_mul(128)
    }
}

// === impl Scrypt ===

impl Scrypt {
    /// Reads what follows `$scrypt$`: `ln=16,r=8,p=1$<salt>$<hash>`.
    pub(super) fn read(rest: &str) -> Option<Self> {
        let mut parts = rest.split('$');
        let (params, salt, output) = (parts.next()?, parts.next()?, parts.next()?);
        let output = base64(output).filter(|_| parts.next().is_none())?;
        let [log_n, block, parallelism] = values(params, ["ln", "r", "p"])?;
        let cost = cost(log_n.parse().ok()?, block, parallelism)?;
        Some(Self { cost, salt: base64(salt)?, output, signer: None })
    }

    /// Reads what follows Django's `scrypt$`: `16384$<salt>$8$1$<hash>`: the salt is text, the hash base64.
    pub(super) fn read_django(rest: &str) -> Option<Self> {
        let mut parts = rest.split('$');
        let (n, salt, block) = (parts.next()?, parts.next()?, parts.next()?);
        let (parallelism, output) = (parts.next()?, parts.next()?);
        let output = base64(output).filter(|_| parts.next().is_none())?;
        let n: u64 = n.parse().ok().filter(|n: &u64| n.is_power_of_two())?;
        let cost = cost(u8::try_from(n.trailing_zeros()).ok()?, block, parallelism)?;
        Some(Self { cost, salt: salt.as_bytes().to_vec(), output, signer: None })
    }

    /// Reads what follows `$fbscrypt$`: `v=1,n=14,r=8,p=1,ss=<separator>,sk=<signer key>$<salt>$<hash>`.
    pub(super) fn read_firebase(rest: &str) -> Option<Self> {
        let mut parts = rest.split('$');
        let (params, salt, output) = (parts.next()?, parts.next()?, parts.next()?);
        let output = base64(output).filter(|_| parts.next().is_none())?;
        let params = params.strip_prefix("v=1,")?;
        let [log_n, block, parallelism, separator, signer] = values(params, ["n", "r", "p", "ss", "sk"])?;
        let cost = cost(log_n.parse().ok()?, block, parallelism)?;
        let salt = [base64(salt)?, base64(separator)?].concat();
        Some(Self { cost, salt, output, signer: Some(base64(signer)?) })
    }

    /// Whether an import may bring it.
    pub(super) fn accept(&self) -> Result<(), Refusal> {
        let is_cheap_enough = self.cost.work().steps <= MOST_STEPS
            && self.cost.memory() <= MOST_MEMORY
            && self.output.len() <= LONGEST;
        if !is_cheap_enough {
            return Err(Refusal::TooCostly("128 MiB and 2,097,152 steps (N times r times p) of scrypt"));
        }
        if self.salt.is_empty() || self.output.len() < 16 {
            return Err(Refusal::TooWeak("a salt and 16 bytes of hash"));
        }
        Ok(())
    }

    pub(super) fn work(&self) -> Work {
        self.cost.work()
    }

    pub(super) fn is_outdated(&self, cost: ScryptCost) -> bool {
        (self.cost, self.output.len(), self.signer.is_some()) != (cost, OUTPUT_LEN, false)
    }

    pub(super) fn is_of(&self, password: &[u8]) -> Result<bool, Failure> {
        let output = match &self.signer {
            None => compute(password, &self.salt, self.cost, self.output.len())?,
            Some(signer) => encrypt(&compute(password, &self.salt, self.cost, 32)?, signer)?,
        };
        Ok(same_secret(&output, &self.output))
    }
}

/// The PHC string of a password.
pub(super) fn hash(password: &[u8], salt: &[u8; SALT_LEN], cost: ScryptCost) -> Result<String, Failure> {
    let output = compute(password, salt, cost, OUTPUT_LEN)?;
    let ScryptCost { log_n, block, parallelism } = cost;
    let (salt, output) = (to_base64(salt), to_base64(&output));
    Ok(format!("$scrypt$ln={log_n},r={block},p={parallelism}${salt}${output}"))
}

/// Takes so many steps for nothing.
pub(super) fn burn(steps: u64, password: &[u8]) -> Result<(), Failure> {
    const BLOCK: u32 = 8;
    // Largest first, so that the memory of the largest is the most there is.
    for log_n in (1..=20_u8).rev().filter(|bit| (steps / u64::from(BLOCK)) >> bit & 1 == 1) {
        let cost = ScryptCost { log_n, block: BLOCK, parallelism: 1 };
        black_box(compute(password, &[0; SALT_LEN], cost, OUTPUT_LEN)?);
    }
    Ok(())
}

fn compute(password: &[u8], salt: &[u8], cost: ScryptCost, length: usize) -> Result<Vec<u8>, Failure> {
    let params = cost.params().ok_or(Failure::Scrypt)?;
    let mut output = vec![0; length];
    scrypt::scrypt(password, salt, &params, &mut output).map_err(|_| Failure::Scrypt)?;
    Ok(output)
}

/// The signer's key in AES-256-CTR from zero, under the derived key: Firebase's last step.
fn encrypt(key: &[u8], signer: &[u8]) -> Result<Vec<u8>, Failure> {
    let key = UnboundCipherKey::new(&AES_256, key).map_err(|_| Failure::Scrypt)?;
    let key = EncryptingKey::ctr(key).map_err(|_| Failure::Scrypt)?;
    let mut bytes = signer.to_vec();
    let start = EncryptionContext::Iv128(FixedLength::from([0; 16]));
    key.less_safe_encrypt(&mut bytes, start).map_err(|_| Failure::Scrypt)?;
    Ok(bytes)
}

fn cost(log_n: u8, block: &str, parallelism: &str) -> Option<ScryptCost> {
    let cost = ScryptCost { log_n, block: block.parse().ok()?, parallelism: parallelism.parse().ok()? };
    cost.params().filter(|_| log_n > 0)?;
    Some(cost)
}

/// The values of `a=1,b=2` in this order.
fn values<'a, const N: usize>(text: &'a str, names: [&str; N]) -> Option<[&'a str; N]> {
    let mut found = [""; N];
    let mut items = text.split(',');
    for (place, name) in found.iter_mut().zip(names) {
        *place = items.next()?.strip_prefix(name)?.strip_prefix('=')?;
    }
    items.next().is_none().then_some(found)
}
