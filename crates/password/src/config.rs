//! Settings of password.

use std::ops::RangeInclusive;
use std::time::Duration;

use denizen_kit::config::Settings;

use crate::hash::{Cost, Peppers, ScryptCost, Setting};
use crate::model::MAX_CHARS;

/// Least characters that may be asked for: the minimum of a password beside a second factor (NIST SP 800-63B-4
/// §3.1.1.2) is 8; a test installation may go lower.
const LENGTHS: RangeInclusive<usize> = 1..=MAX_CHARS;

/// Most old passwords that may be compared: each costs a hash.
const HISTORIES: RangeInclusive<usize> = 0..=24;

/// When the guard shuts a source out by itself.
#[derive(Clone, Copy, Debug)]
pub struct Sources {
    /// Failures of one client that do; 0 for never.
    pub client_failures: i64,
    /// Failures of one subnet that do; 0 for never.
    pub subnet_failures: i64,
    /// Within which time they are counted.
    pub window: Duration,
    /// For how long the source is shut out.
    pub block_for: Duration,
}

/// Settings of password.
#[derive(Clone, Debug)]
pub struct Config {
    /// Least characters of a password, in code points.
    pub min_length: usize,
    /// Least strength, 0 to 4 of zxcvbn.
    pub min_score: u8,
    /// How many of the last passwords cannot be used again, the present one included.
    pub history: usize,
    /// How passwords are hashed.
    pub hash: Setting,
    /// Keys that passwords are mixed with before.
    pub peppers: Peppers,
    /// Whether a failed login costs as much as the costliest imported hashes.
    pub hide_imports: bool,
    /// When the guard shuts a source out.
    pub sources: Sources,
    /// How many hashes run at once.
    pub slots: usize,
    /// How many callers wait for a hash.
    pub queue: usize,
    /// How long the link of a reset is good for.
    pub reset_ttl: Duration,
}

// === impl Config ===

impl Config {
    /// Reads the settings.
    pub fn read(settings: &mut Settings) -> Self {
        Self {
            min_length: settings.parse(
                "password.min_length",
                "8",
                "Least length of a password in characters; 15 where it is the only factor",
                |text| in_range(text, &LENGTHS),
            ),
            min_score: settings.parse(
                "password.min_score",
                "2",
                "Least strength of a password by zxcvbn, 0 (any) to 4 (very strong)",
                |text| in_range(text, &(0..=4)),
            ),
            history: settings.parse(
                "password.history",
                "5",
                "How many of the last passwords cannot be used again, the present one included; 0 allows all",
                |text| in_range(text, &HISTORIES),
            ),
            hash: hash(settings),
            peppers: peppers(settings),
            hide_imports: settings.value(
                "password.hide_imports",
                "true",
                "Whether a failed login costs as much as the costliest imported hashes that are still kept, so that its time tells nothing of an account; false saves work",
            ),
            sources: sources(settings),
            slots: settings.parse(
                "password.pool.slots",
                "0",
                "How many hashes are computed at once; 0 means one a core",
                |text| in_range(text, &(0..=1024)).map(slots),
            ),
            queue: settings.parse(
                "password.pool.queue",
                "64",
                "How many callers may wait for a hash; the next one is answered 503",
                |text| in_range(text, &(0..=100_000)),
            ),
            reset_ttl: settings.duration(
                "password.reset_ttl",
                "30m",
                "How long the link of a password reset is good for",
            ),
        }
    }
}

fn hash(settings: &mut Settings) -> Setting {
    let argon2 = Setting::Argon2id(cost(settings));
    let bcrypt = settings.parse(
        "password.bcrypt.cost",
        "12",
        "Rounds of bcrypt, as a power of two; the password goes in as a digest, so that nothing is cut",
        |text| in_range(text, &(4..=16)).map(Setting::Bcrypt),
    );
    let pbkdf2 = settings.parse(
        "password.pbkdf2.iterations",
        "600000",
        "Iterations of PBKDF2 with HMAC-SHA-256",
        |text| {
            in_range(text, &(1..=10_000_000)).map(|count: u32| {
                Setting::Pbkdf2(std::num::NonZeroU32::new(count).unwrap_or(std::num::NonZeroU32::MIN))
            })
        },
    );
    let scrypt = scrypt(settings);
    settings.parse(
        "password.hash",
        "argon2id",
        "How new hashes are made: argon2id, bcrypt, pbkdf2-sha256 or scrypt; others are replaced at the next login",
        |text| match text {
            "argon2id" => Ok(argon2),
            "bcrypt" => Ok(bcrypt),
            "pbkdf2-sha256" => Ok(pbkdf2),
            "scrypt" => Ok(scrypt),
            _ => Err("this is argon2id, bcrypt, pbkdf2-sha256 or scrypt".to_owned()),
        },
    )
}

fn scrypt(settings: &mut Settings) -> Setting {
    Setting::Scrypt(ScryptCost {
        log_n: settings.parse(
            "password.scrypt.log_n",
            "16",
            "Memory and time of scrypt, as a power of two (parameter ln); 16 with r=8 is 64 MiB a hash",
            |text| in_range(text, &(1..=20)),
        ),
        block: settings.parse("password.scrypt.r", "8", "Size of a block of scrypt (parameter r)", |text| {
            in_range(text, &(1..=32))
        }),
        parallelism: settings.parse(
            "password.scrypt.p",
            "2",
            "Lanes of scrypt, one after another (parameter p)",
            |text| in_range(text, &(1..=16)),
        ),
    })
}

fn peppers(settings: &mut Settings) -> Peppers {
    let text = settings.secret(
        "password.pepper",
        "Keys that passwords are mixed with before they are hashed, as <number>:<base64>, newest first, comma-separated; none first takes the pepper away at the next login",
    );
    match Peppers::parse(text.as_deref().unwrap_or_default()) {
        Ok(peppers) => peppers,
        Err(wrong) => {
            settings.mistake(format!("password.pepper: {wrong}"));
            Peppers::default()
        }
    }
}

fn sources(settings: &mut Settings) -> Sources {
    Sources {
        client_failures: settings.parse(
            "password.guard.ip_failures",
            "100",
            "Failed tries from one address (one /64 of IPv6), of whatever accounts, that shut it out; 0 for never",
            |text| in_range(text, &(0..=1_000_000)),
        ),
        subnet_failures: settings.parse(
            "password.guard.subnet_failures",
            "1000",
            "Failed tries from one subnet (/24 of IPv4, /56 of IPv6) that shut it out; 0 for never",
            |text| in_range(text, &(0..=1_000_000)),
        ),
        window: settings.duration(
            "password.guard.window",
            "1h",
            "Within which time the failed tries of an address or a subnet are counted",
        ),
        block_for: settings.duration(
            "password.guard.block_for",
            "1h",
            "For how long the guard shuts an address or a subnet out",
        ),
    }
}

fn cost(settings: &mut Settings) -> Cost {
    let cost = Cost {
        memory_kib: settings.parse(
            "password.argon2.memory_kib",
            "19456",
            "Memory of one hash in KiB (Argon2id parameter m)",
            |text| in_range(text, &(8..=4_194_304)),
        ),
        iterations: settings.parse(
            "password.argon2.iterations",
            "2",
            "Passes of one hash over its memory (Argon2id parameter t)",
            |text| in_range(text, &(1..=1000)),
        ),
        parallelism: settings.parse(
            "password.argon2.parallelism",
            "1",
            "Lanes of one hash (Argon2id parameter p)",
            |text| in_range(text, &(1..=64)),
        ),
    };
    if cost.memory_kib < 8 * cost.parallelism {
        settings.mistake("password.argon2.memory_kib must be at least 8 times password.argon2.parallelism");
        return Cost::default();
    }
    cost
}

fn slots(wanted: usize) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if wanted == 0 { cores() } else { wanted }
}

fn in_range<T: std::str::FromStr + PartialOrd + std::fmt::Display>(
    text: &str,
    range: &RangeInclusive<T>,
) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("this must be a whole number from {} to {}", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_good() {
        let mut settings = Settings::default();
        let config = Config::read(&mut settings);
        assert_eq!((config.min_length, config.min_score, config.history), (8, 2, 5));
        assert!(config.slots >= 1);
        assert!(settings.finish().is_ok());
    }

    #[test]
    fn mistakes_say_what_is_possible() {
        let text =
            "[password]\nhash = \"md5\"\nmin_score = 5\n[password.argon2]\nmemory_kib = 16\nparallelism = 4";
        let mut settings = Settings::load(text, []);
        assert_eq!(Config::read(&mut settings).hash, Setting::Argon2id(Cost::default()));
        let text = settings.finish().unwrap_err();
        for part in ["this is argon2id, bcrypt", "from 0 to 4", "8 times"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
