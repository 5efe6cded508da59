//! PBKDF2 (RFC 8018 §5.2) with HMAC-SHA-1, -256 or -512.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;

use super::forms::{base64, to_base64};
use super::{Family, OUTPUT_LEN, Refusal, SALT_LEN, Work};

/// The most iterations that an imported hash may ask for.
const MOST: u32 = 2_000_000;

/// Longest output of an imported hash, in bytes.
const LONGEST: usize = 128;

/// The function that is iterated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prf {
    Sha1,
    Sha256,
    Sha512,
}

/// A hash as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Pbkdf2 {
    pub(super) prf: Prf,
    pub(super) iterations: NonZeroU32,
    pub(super) salt: Vec<u8>,
    pub(super) output: Vec<u8>,
}

// === impl Prf ===

impl Prf {
    const fn algorithm(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }

    /// Bytes that one run over the iterations gives.
    const fn block(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    pub(super) const fn family(self) -> Family {
        match self {
            Self::Sha1 => Family::Pbkdf2Sha1,
            Self::Sha256 => Family::Pbkdf2Sha256,
            Self::Sha512 => Family::Pbkdf2Sha512,
        }
    }

    /// The function by what follows `pbkdf2` in the names of several programs.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "-sha1" | "_sha1" => Some(Self::Sha1),
            "-sha256" | "_sha256" => Some(Self::Sha256),
            "-sha512" | "_sha512" => Some(Self::Sha512),
            _ => None,
        }
    }
}

// === impl Pbkdf2 ===

impl Pbkdf2 {
    /// Reads `i=29000,l=32$<salt>$<hash>` (PHC) or `29000$<salt>$<hash>` (passlib), both in base64.
    pub(super) fn read(prf: Prf, rest: &str) -> Option<Self> {
        let mut parts = rest.split('$');
        let (params, salt, output) = (parts.next()?, parts.next()?, parts.next()?);
        let output = base64(output).filter(|_| parts.next().is_none())?;
        let iterations = match params.strip_prefix("i=") {
            Some(params) => {
                let (iterations, length) =
                    params.split_once(",l=").map_or((params, None), |(i, l)| (i, Some(l)));
                length.is_none_or(|length| length.parse() == Ok(output.len())).then_some(iterations)?
            }
            None => params,
        };
        Some(Self { prf, iterations: iterations.parse().ok()?, salt: base64(salt)?, output })
    }

    /// Reads Django's `260000$<salt>$<hash>`: the salt is text, the hash base64.
    pub(super) fn read_django(prf: Prf, rest: &str) -> Option<Self> {
        let mut parts = rest.split('$');
        let (iterations, salt, output) = (parts.next()?, parts.next()?, parts.next()?);
        let output = base64(output).filter(|_| parts.next().is_none())?;
        Some(Self { prf, iterations: iterations.parse().ok()?, salt: salt.as_bytes().to_vec(), output })
    }

    /// Whether an import may bring it.
    pub(super) fn accept(&self) -> Result<(), Refusal> {
        if self.iterations.get() > MOST || self.output.len() > LONGEST {
            return Err(Refusal::TooCostly("2,000,000 iterations and 128 bytes of PBKDF2"));
        }
        if self.salt.is_empty() || self.output.len() < 16 {
            return Err(Refusal::TooWeak("a salt and 16 bytes of hash"));
        }
        Ok(())
    }

    pub(super) fn work(&self) -> Work {
        let blocks = self.output.len().div_ceil(self.prf.block()) as u64;
        Work { family: self.prf.family(), steps: u64::from(self.iterations.get()) * blocks }
    }

    pub(super) fn is_outdated(&self, iterations: NonZeroU32) -> bool {
        (self.prf, self.iterations, self.output.len()) != (Prf::Sha256, iterations, OUTPUT_LEN)
    }

    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        pbkdf2::verify(self.prf.algorithm(), self.iterations, &self.salt, password, &self.output).is_ok()
    }
}

/// The PHC string of a password.
pub(super) fn hash(password: &[u8], salt: &[u8; SALT_LEN], iterations: NonZeroU32) -> String {
    let mut output = [0; OUTPUT_LEN];
    pbkdf2::derive(Prf::Sha256.algorithm(), iterations, salt, password, &mut output);
    format!("$pbkdf2-sha256$i={iterations},l={OUTPUT_LEN}${}${}", to_base64(salt), to_base64(&output))
}

/// Takes so many steps for nothing.
pub(super) fn burn(prf: Prf, steps: u64, password: &[u8]) {
    if let Some(iterations) = u32::try_from(steps).ok().and_then(NonZeroU32::new) {
        pbkdf2::derive(prf.algorithm(), iterations, &[0; SALT_LEN], password, &mut [0; 16]);
    }
}
