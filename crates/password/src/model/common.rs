//! The blocklist: words that are tried first, and the ways people dress them up.

use std::collections::HashSet;

use super::strength::rare_repeat;

/// Base words, one a line; lower case.
const LIST: &str = include_str!("../common_passwords.txt");

/// Rows of keyboards and alphabets, of which a part, either way, is no password.
const ROWS: [&str; 7] = [
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "1q2w3e4r5t6y7u8i9o0p",
    "12345678901234567890",
];

/// Fewest characters of a piece that may be repeated, as far as this list goes; zxcvbn counts repetitions too.
const PIECE: usize = 4;

/// Most digits and signs around and between words for them to be decoration.
const DECORATION: usize = 6;

/// The blocklist.
#[derive(Debug)]
pub(super) struct Words(HashSet<&'static str>);

// === impl Words ===

impl Words {
    /// The list that the binary carries.
    pub(super) fn shipped() -> Self {
        Self(LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect())
    }

    /// Whether it is on the list: as it stands, in capitals, with look-alike signs, decorated, two words joined,
    /// repeated; or a sequence.
    pub(super) fn is_common(&self, password: &str) -> bool {
        let folded = password.to_lowercase();
        if is_sequence(&folded) || self.is_repetition(&folded) {
            return true;
        }
        let core = folded.trim_matches(|c: char| !c.is_alphabetic());
        let decoration = folded.chars().count() - core.chars().count();
        let mut forms = vec![folded.clone(), plain(&folded, 'i'), plain(&folded, 'l')];
        if decoration <= DECORATION {
            forms.extend([plain(core, 'i'), plain(core, 'l')]);
        }
        forms.iter().any(|form| self.0.contains(form.as_str()) || self.is_words(form))
    }

    /// Whether it is one or two words of the list with little else.
    fn is_words(&self, text: &str) -> bool {
        let words: Vec<&str> =
            text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect();
        let decoration = text.chars().filter(|c| !c.is_alphabetic()).count();
        (1..=2).contains(&words.len())
            && decoration <= DECORATION
            && words.iter().all(|word| self.is_word(word))
    }

    fn is_word(&self, word: &str) -> bool {
        if self.0.contains(word) {
            return true;
        }
        let mut splits = word.char_indices().map(|(at, _)| word.split_at(at)).skip(1);
        splits.any(|(left, right)| self.0.contains(left) && self.0.contains(right))
    }

    /// Whether it is a piece over and over, and the piece is short or common itself.
    fn is_repetition(&self, text: &str) -> bool {
        if rare_repeat(text).is_some() {
            return false;
        }
        let chars: Vec<char> = text.chars().collect();
        let period =
            (1..=chars.len() / 2).find(|period| chars.iter().zip(&chars[*period..]).all(|(a, b)| a == b));
        let Some(period) = period else { return false };
        period < PIECE || self.is_common(&chars[..period].iter().collect::<String>())
    }
}

/// The text with signs that stand for letters read as those letters; `1` and `!` can be either of two.
fn plain(text: &str, one: char) -> String {
    let letter = |c| match c {
        '0' => 'o',
        '1' | '!' | '|' => one,
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        '9' => 'g',
        other => other,
    };
    text.chars().map(letter).collect()
}

/// Whether each character follows from the one before: up or down the code points, or along a keyboard.
fn is_sequence(text: &str) -> bool {
    let points: Vec<i64> = text.chars().map(|c| i64::from(u32::from(c))).collect();
    if points.len() < 4 {
        return false;
    }
    let step = points[1] - points[0];
    if step.abs() == 1 && points.windows(2).all(|pair| pair[1] - pair[0] == step) {
        return true;
    }
    let backwards: String = text.chars().rev().collect();
    ROWS.iter().any(|row| row.contains(text) || row.contains(&backwards))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_the_form_it_is_compared_in() {
        let words = Words::shipped();
        assert!(words.0.len() >= 300, "{}", words.0.len());
        for word in &words.0 {
            assert_eq!(*word, word.to_lowercase());
            assert_eq!(*word, word.trim());
        }
    }

    #[test]
    fn a_word_is_found_however_dressed() {
        let words = Words::shipped();
        let dressed = [
            "monkey",
            "MoNkEy",
            "m0nk3y",
            "monkey!",
            "monkey2024",
            "2024monkey!",
            "!!monkey99",
            "monkey-dragon",
            "monkey.dragon1",
            "MonkeyDragon7",
            "monkeymonkey",
            "1qaz2wsx",
            "0987654321",
            "poiuytrewq",
            "4321rewq",
            "111111111",
            "abababab",
        ];
        for text in dressed {
            let expected = text != "4321rewq";
            assert_eq!(words.is_common(text), expected, "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_common() {
        let words = Words::shipped();
        for text in
            ["", "mercury lamp", "monkey83749261053", "monkeysandflutes", "a", "vbnqk", "🦀🦀🦀🦀🦀🦀🦀🦀"]
        {
            assert!(!words.is_common(text), "{text}");
        }
    }
}
