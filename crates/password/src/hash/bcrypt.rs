//! bcrypt (Provos and Mazières, USENIX 1999), plain as others made it and over a digest as it is made here.
//!
//! bcrypt looks at 72 bytes, the terminating NUL included when there is room. Imported hashes are compared by exactly
//! that; a password with a NUL inside is none of theirs, for programs differ in whether they cut it there. New hashes
//! are made over a digest of the whole password, so that nothing is cut.

use std::hint::black_box;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD};
use denizen_kit::seal::same_secret;

use super::{Family, Refusal, SALT_LEN, Work};

/// The most rounds that an imported hash may ask for, as a power of two.
const MOST: u32 = 14;

/// Bytes of a hash: the last of 24 is left out.
const OUTPUT: usize = 23;

/// Base 64 of bcrypt. Programs differ in what they leave in the last bits of a salt, which do not count.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&base64::alphabet::BCRYPT, NO_PAD.with_decode_allow_trailing_bits(true));

/// What is put into bcrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// The password.
    Plain,
    /// Its SHA-256 in hexadecimal (Django's `bcrypt_sha256`).
    HexDigest,
    /// Its HMAC-SHA-256 in base64 under the text of the salt (passlib's `bcrypt-sha256`, version 2).
    Keyed,
}

/// A hash as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Bcrypt {
    input: Input,
    cost: u32,
    salt: [u8; SALT_LEN],
    output: [u8; OUTPUT],
}

// === impl Bcrypt ===

impl Bcrypt {
    /// Reads `$2b$12$<salt><hash>`, `$2a$` and `$2y$` too.
    pub(super) fn read(text: &str) -> Option<Self> {
        let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| text.strip_prefix(prefix))?;
        let (cost, rest) = rest.split_once('$')?;
        let (salt, output) = rest.split_at_checked(22)?;
        Self::of_parts(Input::Plain, cost, salt, output)
    }

    /// Reads what follows `bcrypt_sha256$`: Django's hash over a digest.
    pub(super) fn read_django_digest(text: &str) -> Option<Self> {
        Self::read(text).map(|hash| Self { input: Input::HexDigest, ..hash })
    }

    /// Reads what follows `$bcrypt-sha256$`: `v=2,t=2b,r=12$<salt>$<hash>`.
    pub(super) fn read_keyed(rest: &str) -> Option<Self> {
        let mut parts = rest.split('$');
        let (params, salt, output) = (parts.next()?, parts.next()?, parts.next()?);
        let cost = params.strip_prefix("v=2,t=2b,r=").filter(|_| parts.next().is_none())?;
        Self::of_parts(Input::Keyed, cost, salt, output)
    }

    fn of_parts(input: Input, cost: &str, salt: &str, output: &str) -> Option<Self> {
        let cost = cost.parse().ok().filter(|cost| (4..=31).contains(cost))?;
        let salt = decode(salt)?.try_into().ok()?;
        let output = decode(output)?.try_into().ok()?;
        Some(Self { input, cost, salt, output })
    }

    /// Whether an import may bring it.
    pub(super) fn accept(&self) -> Result<(), Refusal> {
        if self.cost > MOST { Err(Refusal::TooCostly("cost 14 of bcrypt")) } else { Ok(()) }
    }

    pub(super) fn work(&self) -> Work {
        Work { family: Family::Bcrypt, steps: 1 << self.cost }
    }

    pub(super) fn is_outdated(&self, cost: u32) -> bool {
        (self.input, self.cost) != (Input::Keyed, cost)
    }

    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        let output = compute(self.input, password, self.cost, self.salt);
        // Computed in any case, so that it costs the same.
        let is_possible = self.input != Input::Plain || !password.contains(&0);
        same_secret(&output, &self.output) && is_possible
    }
}

/// The hash of a password, over a digest of it.
pub(super) fn hash(password: &[u8], salt: &[u8; SALT_LEN], cost: u32) -> String {
    let output = compute(Input::Keyed, password, cost, *salt);
    format!("$bcrypt-sha256$v=2,t=2b,r={cost}${}${}", encode(salt), encode(&output))
}

/// Takes so many steps for nothing.
pub(super) fn burn(steps: u64) {
    for cost in (4..32).filter(|bit| steps >> bit & 1 == 1) {
        // Or the compiler would leave out what nobody looks at.
        black_box(bcrypt::bcrypt(cost, [0; SALT_LEN], &[0]));
    }
}

fn compute(input: Input, password: &[u8], cost: u32, salt: [u8; SALT_LEN]) -> [u8; OUTPUT] {
    let mut key = match input {
        Input::Plain => password.to_vec(),
        Input::HexDigest => hex::encode(digest::digest(&digest::SHA256, password)).into_bytes(),
        Input::Keyed => {
            let mac = hmac::Key::new(hmac::HMAC_SHA256, encode(&salt).as_bytes());
            STANDARD.encode(hmac::sign(&mac, password)).into_bytes()
        }
    };
    key.push(0);
    key.truncate(72);
    let mut output = [0; OUTPUT];
    output.copy_from_slice(&bcrypt::bcrypt(cost, salt, &key)[..OUTPUT]);
    output
}

fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}
