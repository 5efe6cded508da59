//! One salted digest, as old directories and old versions of Django kept passwords. Anybody who has them guesses them;
//! they are replaced at the next login.

use aws_lc_rs::digest::{self, Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};
use denizen_kit::seal::same_secret;
use md5::{Digest as _, Md5};

use super::forms::base64;
use super::{Family, Refusal, Work};

/// The function.
#[derive(Clone, Copy, Debug)]
enum Function {
    Md5,
    Sha(&'static Algorithm),
}

/// A hash as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Digest {
    function: Function,
    salt: Vec<u8>,
    /// Whether the salt stands before the password.
    is_salt_first: bool,
    output: Vec<u8>,
}

// === impl Digest ===

impl Digest {
    /// Reads `{SSHA}`, `{SSHA256}` or `{SSHA512}` of LDAP (RFC 2307): base64 of digest and salt.
    pub(super) fn read_ldap(text: &str) -> Option<Self> {
        let schemes = [("{SSHA}", &SHA1_FOR_LEGACY_USE_ONLY), ("{SSHA256}", &SHA256), ("{SSHA512}", &SHA512)];
        let (rest, algorithm) = schemes
            .into_iter()
            .find_map(|(prefix, algorithm)| Some((text.strip_prefix(prefix)?, algorithm)))?;
        let mut output = base64(rest).filter(|bytes| bytes.len() >= algorithm.output_len())?;
        let salt = output.split_off(algorithm.output_len());
        Some(Self { function: Function::Sha(algorithm), salt, is_salt_first: false, output })
    }

    /// Reads Django's `sha1$<salt>$<hex>` or `md5$<salt>$<hex>`.
    pub(super) fn read_django(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('$')?;
        let (function, length) = match name {
            "sha1" => (Function::Sha(&SHA1_FOR_LEGACY_USE_ONLY), 20),
            "md5" => (Function::Md5, 16),
            _ => return None,
        };
        let (salt, output) = rest.split_once('$')?;
        let output = hex::decode(output).ok().filter(|bytes| bytes.len() == length)?;
        Some(Self { function, salt: salt.as_bytes().to_vec(), is_salt_first: true, output })
    }

    /// Whether an import may bring it.
    pub(super) fn accept(&self) -> Result<(), Refusal> {
        if self.salt.is_empty() { Err(Refusal::TooWeak("a salt")) } else { Ok(()) }
    }

    pub(super) const fn work() -> Work {
        Work { family: Family::Digest, steps: 1 }
    }

    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        let (first, second) =
            if self.is_salt_first { (&self.salt[..], password) } else { (password, &self.salt[..]) };
        let input = [first, second].concat();
        match self.function {
            Function::Md5 => same_secret(&Md5::digest(&input), &self.output),
            Function::Sha(algorithm) => same_secret(digest::digest(algorithm, &input).as_ref(), &self.output),
        }
    }
}
