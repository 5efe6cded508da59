//! What a person agrees to.

use denizen_kit::time::Timestamp;

/// Longest name of a purpose and of a version of its text.
const MAX_LENGTH: usize = 64;

/// What somebody says about one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// For what: a word such as `marketing` or `analytics.web`.
    pub(crate) purpose: String,
    pub(crate) granted: bool,
    /// Which version of the text was agreed to; empty when nobody said.
    pub(crate) version: String,
}

/// A consent, or the lack of one, since a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Consent {
    pub(crate) wish: Wish,
    pub(crate) at: Timestamp,
}

// === impl Wish ===

impl Wish {
    /// Reads what somebody says.
    pub(crate) fn parse(purpose: &str, granted: bool, version: &str) -> Result<Self, &'static str> {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte);
        let starts_well = purpose.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts_well || purpose.len() > MAX_LENGTH || !purpose.bytes().all(is_word) {
            return Err("a purpose has 1 to 64 of a-z, 0-9, dot, dash and underscore, a letter first");
        }
        if version.len() > MAX_LENGTH || !version.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a version has at most 64 visible ASCII characters");
        }
        Ok(Self { purpose: purpose.to_owned(), granted, version: version.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        assert!(Wish::parse("analytics.web-2", true, "2026-01").is_ok());
        assert!(Wish::parse("a", false, "").is_ok());
        for bad in ["", "1a", "A", "a b", "ä", &"a".repeat(65), "a\n"] {
            assert!(Wish::parse(bad, true, "").is_err(), "{bad:?}");
        }
        for bad in ["a b", "ä", &"1".repeat(65), "\n"] {
            assert!(Wish::parse("a", true, bad).is_err(), "{bad:?}");
        }
    }
}
