//! Settings of otp.

use std::ops::RangeInclusive;
use std::time::Duration;

use denizen_kit::config::Settings;

/// How many digits a code may have: below six it can be guessed (NIST SP 800-63B-4 §3.1.3.2), above ten the 31 bits
/// of RFC 4226 add nothing.
const LENGTHS: RangeInclusive<u32> = 6..=10;

/// How many tries a code may take.
const ATTEMPTS: RangeInclusive<i64> = 1..=100;

/// Settings of otp.
#[derive(Clone, Debug)]
pub struct Config {
    /// Digits of a code.
    pub length: u32,
    /// How long a code is good for.
    pub ttl: Duration,
    /// How many tries a code takes before it is burnt.
    pub max_attempts: i64,
    /// How long until the next code for the same purpose can be sent.
    pub resend_cooldown: Duration,
    /// How long a verification link is good for, and how long a message may ask for its code again.
    pub link_ttl: Duration,
}

// === impl Config ===

impl Config {
    /// Reads the settings.
    pub fn read(settings: &mut Settings) -> Self {
        let config = Self {
            length: settings.parse(
                "otp.length",
                "6",
                "How many digits a one-time code has, 6 to 10",
                |text| in_range(text, &LENGTHS),
            ),
            ttl: settings.duration("otp.ttl", "5m", "How long a one-time code is good for"),
            max_attempts: settings.parse(
                "otp.max_attempts",
                "5",
                "How many tries a one-time code takes before it is burnt, 1 to 100",
                |text| in_range(text, &ATTEMPTS),
            ),
            resend_cooldown: settings.duration(
                "otp.resend_cooldown",
                "60s",
                "How long somebody waits until the next one-time code for the same purpose is sent",
            ),
            link_ttl: settings.duration(
                "otp.link_ttl",
                "24h",
                "How long the link of a verification message is good for",
            ),
        };
        if config.link_ttl < config.ttl {
            settings.mistake("otp.link_ttl must not be shorter than otp.ttl");
        }
        config
    }
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
    fn defaults_are_good_and_mistakes_are_told() {
        let mut settings = Settings::default();
        assert_eq!(Config::read(&mut settings).length, 6);
        assert!(settings.finish().is_ok());

        let mut settings = Settings::load("otp.length = 4\notp.link_ttl = \"1m\"\notp.max_attempts = 0", []);
        let _ = Config::read(&mut settings);
        let text = settings.finish().unwrap_err();
        for part in ["otp.length", "6 to 10", "otp.link_ttl", "otp.max_attempts"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
