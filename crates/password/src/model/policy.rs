//! What a good password is (NIST SP 800-63B-4 §3.1.1.2), and how a refusal says the way out.

use super::common::Words;
use super::password::{MAX_CHARS, Password};
use super::similar::is_similar;
use super::strength::{Rating, rate};

/// Most things about an account that are looked at, and most characters of each.
const MAX_CONTEXT: (usize, usize) = (20, 320);

/// Why a password is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Fewer characters than this.
    TooShort(usize),
    /// Beyond 256 characters or 1,024 bytes.
    TooLong,
    /// On the blocklist, dressed up or not.
    Common,
    /// Like the account's own data.
    Similar,
    /// Guessed too soon; what would help.
    TooWeak(String),
    /// One of so many last ones.
    Reused(usize),
}

// === impl Fault ===

impl Fault {
    /// Its stable word.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::TooShort(_) => "too_short",
            Self::TooLong => "too_long",
            Self::Common => "common",
            Self::Similar => "similar",
            Self::TooWeak(_) => "too_weak",
            Self::Reused(_) => "reused",
        }
    }

    /// What is wrong, and what to do.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::TooShort(least) => {
                format!("use at least {least} characters; a few words are easy to remember")
            }
            Self::TooLong => format!("use at most {MAX_CHARS} characters and 1,024 bytes"),
            Self::Common => {
                "many people use this, and it is tried first; use a few unrelated words".to_owned()
            }
            Self::Similar => {
                "this is too much like your name or address; use words that have nothing to do with you"
                    .to_owned()
            }
            Self::TooWeak(advice) if advice.is_empty() => {
                "this is guessed too soon; use a few more words".to_owned()
            }
            Self::TooWeak(advice) => format!("this is guessed too soon. {advice}"),
            Self::Reused(1) => "this is the present password; use another".to_owned(),
            Self::Reused(last) => format!("this was one of your last {last} passwords; use another"),
        }
    }
}

/// What a good password is.
#[derive(Debug)]
pub struct Policy {
    min_length: usize,
    min_score: u8,
    words: Words,
}

// === impl Policy ===

impl Policy {
    /// The policy with the blocklist that the binary carries. `min_length` is in code points, `min_score` 0 to 4.
    pub fn new(min_length: usize, min_score: u8) -> Self {
        Self { min_length, min_score, words: Words::shipped() }
    }

    /// Rates a password and says everything that is wrong with it, the most telling first. Slow: some milliseconds
    /// for a long one.
    pub(crate) fn check(&self, password: &Password, context: &[String]) -> (Rating, Vec<Fault>) {
        let (most, longest) = MAX_CONTEXT;
        let context: Vec<String> =
            context.iter().take(most).map(|item| item.chars().take(longest).collect()).collect();
        let rating = rate(password.text(), &context);
        let mut faults = Vec::new();
        if password.chars() < self.min_length {
            faults.push(Fault::TooShort(self.min_length));
        }
        if self.words.is_common(password.text()) {
            faults.push(Fault::Common);
        }
        if is_similar(password.text(), &context) {
            faults.push(Fault::Similar);
        }
        if rating.score < self.min_score {
            faults.push(Fault::TooWeak(rating.advice()));
        }
        (rating, faults)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn codes(text: &str, context: &[&str]) -> Vec<&'static str> {
        let context: Vec<String> = context.iter().map(|item| (*item).to_owned()).collect();
        let (_, faults) = Policy::new(8, 2).check(&Password::read(text).unwrap(), &context);
        faults.iter().map(Fault::code).collect()
    }

    #[test]
    fn good_passwords_are_taken() {
        let good = [
            "correct horse battery staple",
            "qmzpfhwnxkvjtrbylsdg",
            "Tr0ub4dor&3-plus",
            "mehr Licht am Ofen",
            "снег идёт по лесу",
            "k9#mQz2!",
            &"🦀".repeat(64),
            &"word and space ".repeat(4),
        ];
        for text in good {
            assert_eq!(codes(text, &["Ada Lovelace", "ada@example.test"]), [""; 0], "{text}");
        }
    }

    #[test]
    fn what_is_tried_first_is_refused_with_a_reason() {
        let table: [(&str, &str); 16] = [
            ("passwort", "common"),
            ("password", "common"),
            ("P@ssw0rd", "common"),
            ("Password123!", "common"),
            ("passwordpassword", "common"),
            ("aaaaaaaaaaaaaaa", "common"),
            ("abcabcabcabc", "common"),
            ("abcdefgh", "common"),
            ("987654321", "common"),
            ("qwertyuiop", "common"),
            ("dragonmonkey", "common"),
            ("denizen2026denizen", "common"),
            ("ada.lovelace1815", "similar"),
            ("lovelacelovelace", "similar"),
            ("k9#mQz", "too_short"),
            ("zebra12345", "too_weak"),
        ];
        for (text, code) in table {
            let found = codes(text, &["Ada Lovelace", "ada@analytical.test"]);
            assert!(found.contains(&code), "{text}: {found:?}");
        }
    }

    #[test]
    fn every_refusal_says_what_to_do() {
        let faults = [
            Fault::TooShort(8),
            Fault::TooLong,
            Fault::Common,
            Fault::Similar,
            Fault::TooWeak(String::new()),
            Fault::Reused(1),
            Fault::Reused(5),
        ];
        for fault in faults {
            assert!(fault.detail().contains("use "), "{fault:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_text_breaks_the_policy(text in "\\PC{0,40}", name in "\\PC{0,20}") {
            let (rating, _) = Policy::new(8, 2).check(&Password::read(&text).unwrap(), &[name]);
            prop_assert!(rating.score <= 4);
        }
    }
}
