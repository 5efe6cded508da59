//! Settings of password.

use std::ops::RangeInclusive;
use std::time::Duration;

use denizen_kit::config::Settings;

use crate::hash::Cost;
use crate::model::MAX_CHARS;

/// Least characters that may be asked for: the minimum of a password beside a second factor (NIST SP 800-63B-4
/// §3.1.1.2) is 8; a test installation may go lower.
const LENGTHS: RangeInclusive<usize> = 1..=MAX_CHARS;

/// Most old passwords that may be compared: each costs a hash.
const HISTORIES: RangeInclusive<usize> = 0..=24;

/// Settings of password.
#[derive(Clone, Debug)]
pub struct Config {
    /// Least characters of a password, in code points.
    pub min_length: usize,
    /// Least strength, 0 to 4 of zxcvbn.
    pub min_score: u8,
    /// How many of the last passwords cannot be used again, the present one included.
    pub history: usize,
    /// Cost of a hash.
    pub cost: Cost,
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
        settings.parse(
            "password.hash",
            "argon2id",
            "How passwords are hashed: argon2id",
            |text| match text {
                "argon2id" => Ok(()),
                _ => Err("only argon2id is possible".to_owned()),
            },
        );
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
            cost: cost(settings),
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
        assert_eq!(Config::read(&mut settings).cost, Cost::default());
        let text = settings.finish().unwrap_err();
        for part in ["only argon2id is possible", "from 0 to 4", "8 times"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
