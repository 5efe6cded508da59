//! What is wrong with a specification, and where.

use std::fmt;

/// A mistake in a specification: where it stands and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The keys that lead to it, such as `request.body.rename`; empty while nobody has said.
    at: String,
    said: String,
}

// === impl Mistake ===

impl Mistake {
    pub(crate) fn new(said: impl Into<String>) -> Self {
        Self { at: String::new(), said: said.into() }
    }

    /// The same mistake below a key.
    pub(crate) fn below(mut self, key: &str) -> Self {
        self.at = match self.at.as_str() {
            "" => key.to_owned(),
            inner if inner.starts_with('[') => format!("{key}{inner}"),
            inner => format!("{key}.{inner}"),
        };
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at.is_empty() {
            return f.write_str(&self.said);
        }
        write!(f, "{}: {}", self.at, self.said)
    }
}

impl std::error::Error for Mistake {}

/// Says below which key a mistake stands.
pub(crate) trait At<T> {
    /// The same outcome, its mistake below a key.
    fn at(self, key: &str) -> Result<T, Mistake>;
}

impl<T> At<T> for Result<T, Mistake> {
    fn at(self, key: &str) -> Self {
        self.map_err(|mistake| mistake.below(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_mistake_is_told() {
        let mistake = Mistake::new("write a number").below("status").below("[1]").below("response");
        assert_eq!(mistake.to_string(), "response[1].status: write a number");
    }
}
