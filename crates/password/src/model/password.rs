//! A password as it is compared: in normal form C, within limits that are checked before anything costs.

use std::fmt;

use unicode_normalization::{UnicodeNormalization, is_nfc};
use zeroize::Zeroizing;

use super::policy::Fault;

/// Most characters of a password, in code points.
pub(crate) const MAX_CHARS: usize = 256;

/// Most bytes of a password in UTF-8.
const MAX_BYTES: usize = 1024;

/// A password in normal form C (NIST SP 800-63B-4 §3.1.1.2). Its memory is wiped when dropped.
#[derive(Clone)]
pub(crate) struct Password(Zeroizing<String>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

// === impl Password ===

impl Password {
    /// Reads a password as typed. It is never cut.
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        if text.len() > MAX_BYTES {
            return Err(Fault::TooLong);
        }
        let normal = if is_nfc(text) { text.to_owned() } else { text.nfc().collect() };
        let password = Self(Zeroizing::new(normal));
        if password.0.len() > MAX_BYTES || password.chars() > MAX_CHARS {
            return Err(Fault::TooLong);
        }
        Ok(password)
    }

    /// Its bytes, for hashing.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Its text, for rating.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Its length in code points.
    pub(crate) fn chars(&self) -> usize {
        self.0.chars().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_however_it_is_typed() {
        let composed = Password::read("caf\u{e9} au lait").unwrap();
        let decomposed = Password::read("cafe\u{301} au lait").unwrap();
        assert_eq!(composed.bytes(), decomposed.bytes());
        assert_eq!(decomposed.chars(), 12);
    }

    #[test]
    fn limits_are_inclusive() {
        assert!(Password::read(&"a".repeat(256)).is_ok());
        assert!(Password::read(&"🦀".repeat(256)).is_ok(), "1,024 bytes");
        for long in ["a".repeat(257), "🦀".repeat(257), "a".repeat(1 << 20)] {
            assert_eq!(Password::read(&long).unwrap_err(), Fault::TooLong);
        }
    }

    #[test]
    fn nothing_is_cut_or_trimmed() {
        assert_eq!(Password::read(" a\0b ").unwrap().bytes(), b" a\0b ");
    }
}
