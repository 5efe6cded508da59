//! Why something was done to an account, in the words of who did it.

/// Most characters of a reason.
const MAX_LENGTH: usize = 500;

/// A reason: 1 to 500 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason(String);

// === impl Reason ===

impl Reason {
    /// Reads a reason.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > MAX_LENGTH {
            return Err("a reason has 1 to 500 characters");
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err("a reason has no control characters");
        }
        Ok(Self(text.to_owned()))
    }

    /// The reason as it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The reason as it was typed.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        assert_eq!(Reason::parse(" spam\n").map(|reason| reason.0), Ok("spam".into()));
        assert!(Reason::parse(&"ä".repeat(500)).is_ok());
        for bad in ["", "  ", "a\u{0}b", "a\u{1b}[31m", &"a".repeat(501)] {
            assert!(Reason::parse(bad).is_err(), "{bad:?}");
        }
    }
}
