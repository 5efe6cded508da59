//! Work for nothing, so that who has no hash of a kind costs as much as who has one.

use super::argon2::Cost;
use super::pbkdf2::Prf;
use super::{Failure, Family, Memory, Work, argon2, bcrypt, crypt, pbkdf2, scrypt};

/// Spends as much as a check of this cost would. `blocks` is the memory that a slot keeps.
pub(crate) fn burn(work: Work, password: &[u8], blocks: usize, memory: &mut Memory) -> Result<(), Failure> {
    let steps = work.steps;
    match work.family {
        Family::Argon2 => {
            let memory_kib = u32::try_from(blocks).ok().filter(|blocks| *blocks > 0);
            let memory_kib = memory_kib.unwrap_or(Cost::default().memory_kib);
            argon2::burn(steps, memory_kib, memory).map_err(Failure::Argon2)?;
        }
        Family::Bcrypt => bcrypt::burn(steps),
        Family::Pbkdf2Sha1 => pbkdf2::burn(Prf::Sha1, steps, password),
        Family::Pbkdf2Sha256 => pbkdf2::burn(Prf::Sha256, steps, password),
        Family::Pbkdf2Sha512 => pbkdf2::burn(Prf::Sha512, steps, password),
        Family::Scrypt => scrypt::burn(steps, password)?,
        Family::Sha256Crypt | Family::Sha512Crypt => crypt::burn(work.family, steps, password),
        Family::Digest => {}
    }
    Ok(())
}
