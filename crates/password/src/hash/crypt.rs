//! Hashes of `crypt(3)`: SHA-256-crypt and SHA-512-crypt (Drepper 2007) and MD5-crypt (Kamp 1994).

use std::hint::black_box;

use denizen_kit::seal::same_secret;
use md5::{Digest, Md5};
use sha_crypt::password_hash::PasswordVerifier;
use sha_crypt::{Params, ShaCrypt, sha256_crypt, sha512_crypt};

use super::{Family, Refusal, SALT_LEN, Work};

/// The most rounds that an imported hash may ask for.
const MOST: u32 = 1_000_000;

/// Longest password that is compared, in bytes. Each round runs over all of it, so that a long one would cost many
/// times what the rounds say.
const LONGEST: usize = 128;

/// Rounds of MD5-crypt.
const MD5_ROUNDS: u32 = 1_000;

/// The digits of base 64 in `crypt(3)`.
const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A hash as it is kept.
#[derive(Clone, Debug)]
pub(crate) enum Crypt {
    /// `$5$` and `$6$`: the text, its family and its rounds.
    Sha { text: String, family: Family, rounds: u32 },
    /// `$1$`.
    Md5 { salt: String, output: String },
}

// === impl Crypt ===

impl Crypt {
    /// Reads `$5$`, `$6$` with or without rounds, or `$1$`.
    pub(super) fn read(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("$1$") {
            let (salt, output) = rest.split_once('$')?;
            let is_good = salt.len() <= 8 && is_base64(salt, salt.len()) && is_base64(output, 22);
            return is_good.then(|| Self::Md5 { salt: salt.to_owned(), output: output.to_owned() });
        }
        let (family, length) =
            if text.starts_with("$5$") { (Family::Sha256Crypt, 43) } else { (Family::Sha512Crypt, 86) };
        let rest = text.strip_prefix("$5$").or_else(|| text.strip_prefix("$6$"))?;
        let (rounds, rest) = match rest.strip_prefix("rounds=") {
            Some(rest) => rest.split_once('$').map(|(rounds, rest)| (rounds.parse().ok(), rest))?,
            None => (Some(Params::RECOMMENDED_ROUNDS), rest),
        };
        let (salt, output) = rest.split_once('$')?;
        let is_good = !salt.is_empty() && salt.len() <= 16 && is_base64(output, length);
        let rounds = rounds.filter(|rounds| is_good && Params::new(*rounds).is_ok())?;
        Some(Self::Sha { text: text.to_owned(), family, rounds })
    }

    /// Whether an import may bring it.
    pub(super) fn accept(&self) -> Result<(), Refusal> {
        match self {
            Self::Sha { rounds, .. } if *rounds > MOST => {
                Err(Refusal::TooCostly("1,000,000 rounds of SHA-crypt"))
            }
            Self::Md5 { salt, .. } if salt.is_empty() => Err(Refusal::TooWeak("a salt")),
            Self::Sha { .. } | Self::Md5 { .. } => Ok(()),
        }
    }

    pub(super) fn work(&self) -> Work {
        match self {
            Self::Sha { family, rounds, .. } => Work { family: *family, steps: u64::from(*rounds) },
            Self::Md5 { .. } => Work { family: Family::Digest, steps: u64::from(MD5_ROUNDS) },
        }
    }

    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        // crypt(3) ends a password at its first NUL: one with a NUL inside is none of its own.
        self.matches(password) && !password.contains(&0)
    }

    fn matches(&self, password: &[u8]) -> bool {
        match self {
            Self::Sha { text, family, rounds } => {
                if password.len() > LONGEST {
                    burn(*family, u64::from(*rounds), password);
                    return false;
                }
                ShaCrypt::default().verify_password(password, text.as_str()).is_ok()
            }
            Self::Md5 { salt, output } => {
                let computed = md5_crypt(password, salt.as_bytes());
                same_secret(computed.as_bytes(), output.as_bytes())
            }
        }
    }
}

/// Takes so many steps for nothing, over as much of a password as is compared.
pub(super) fn burn(family: Family, steps: u64, password: &[u8]) {
    // Less than the least rounds is less than anybody can measure.
    let Some(params) = u32::try_from(steps).ok().and_then(|steps| Params::new(steps).ok()) else { return };
    let password = &password[..password.len().min(LONGEST)];
    if family == Family::Sha256Crypt {
        black_box(sha256_crypt(password, &[b'.'; SALT_LEN], params));
    } else {
        black_box(sha512_crypt(password, &[b'.'; SALT_LEN], params));
    }
}

fn is_base64(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| DIGITS.contains(&byte))
}

/// MD5-crypt, in the steps of its first implementation (FreeBSD, `crypt-md5.c`).
fn md5_crypt(password: &[u8], salt: &[u8]) -> String {
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    let mut start = Md5::new().chain_update(password).chain_update(b"$1$").chain_update(salt);
    start.update(inner.iter().cycle().take(password.len()).copied().collect::<Vec<u8>>());
    let mut bits = password.len();
    while bits > 0 {
        start.update(if bits & 1 == 1 { b"\0" } else { password.get(..1).unwrap_or_default() });
        bits >>= 1;
    }
    let mut digest = start.finalize();
    for round in 0..MD5_ROUNDS {
        let is_odd = round % 2 == 1;
        let mut next = Md5::new();
        next.update(if is_odd { password } else { &digest });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if is_odd { &digest[..] } else { password });
        digest = next.finalize();
    }
    encode_md5(&digest)
}

/// Base 64 of `crypt(3)`, least digit first, over the bytes in MD5-crypt's own order.
fn encode_md5(digest: &[u8]) -> String {
    const ORDER: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
    let mut text = String::new();
    let mut push = |mut value: u32, digits: usize| {
        for _ in 0..digits {
            text.push(char::from(DIGITS[(value & 63) as usize]));
            value >>= 6;
        }
    };
    for [high, middle, low] in ORDER {
        push(u32::from_be_bytes([0, digest[high], digest[middle], digest[low]]), 4);
    }
    push(u32::from(digest[11]), 2);
    text
}
