//! How soon a password is guessed: zxcvbn (Wheeler, USENIX Security 2016), with one correction.

use zxcvbn::zxcvbn;

/// Characters outside the basic plane that Unicode 16 assigns, about. zxcvbn takes every character for one of ten,
/// which is right for what keyboards have and wrong for these.
const RARE_CHARACTERS: u64 = 91_000;

/// Guesses below which a score is 0, 1, 2, 3 (zxcvbn's).
const THRESHOLDS: [u64; 4] = [1_005, 1_000_005, 100_000_005, 10_000_000_005];

/// How strong a password is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rating {
    /// 0 (worst) to 4 (best).
    pub(crate) score: u8,
    /// What is wrong, or empty.
    pub(crate) warning: String,
    /// What would help.
    pub(crate) suggestions: Vec<String>,
}

// === impl Rating ===

impl Rating {
    /// Warning and suggestions in one text.
    pub(crate) fn advice(&self) -> String {
        let parts = std::iter::once(&self.warning).chain(&self.suggestions);
        parts.filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// Rates a password, knowing the account's own data.
pub(crate) fn rate(password: &str, context: &[String]) -> Rating {
    if let Some(count) = rare_repeat(password) {
        return Rating {
            score: score(RARE_CHARACTERS.saturating_mul(count)),
            warning: String::new(),
            suggestions: Vec::new(),
        };
    }
    let inputs: Vec<&str> = context.iter().map(String::as_str).collect();
    let entropy = zxcvbn(password, &inputs);
    let feedback = entropy.feedback();
    Rating {
        score: entropy.score().into(),
        warning: feedback
            .and_then(zxcvbn::feedback::Feedback::warning)
            .map(|text| text.to_string())
            .unwrap_or_default(),
        suggestions: feedback
            .map(|feedback| feedback.suggestions().iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
    }
}

/// How often a character outside the basic plane is repeated, if that is all there is.
pub(super) fn rare_repeat(password: &str) -> Option<u64> {
    let first = password.chars().next().filter(|c| u32::from(*c) > 0xffff)?;
    password.chars().all(|c| c == first).then(|| password.chars().count() as u64)
}

fn score(guesses: u64) -> u8 {
    THRESHOLDS.iter().map(|threshold| u8::from(guesses >= *threshold)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_data_makes_it_weaker() {
        let context = ["Qmzpfhwnxk".to_owned()];
        assert!(rate("qmzpfhwnxk77", &context).score < rate("qmzpfhwnxk77", &[]).score);
    }

    #[test]
    fn a_rare_character_must_be_repeated_often() {
        assert_eq!(rate(&"🦀".repeat(64), &[]).score, 2);
        assert_eq!(rate(&"🦀".repeat(8), &[]).score, 1);
        assert_eq!(rate(&"a".repeat(64), &[]).score, 0);
    }

    #[test]
    fn a_weak_one_comes_with_advice() {
        assert!(!rate("zebra12345", &[]).advice().is_empty());
        assert!(rate("", &[]).score == 0);
    }
}
