//! Whether a password is made of what everybody can know of the account: its name, user name, addresses.

use unicode_normalization::UnicodeNormalization;

/// Fewest characters of a part that counts.
const PART: usize = 3;

/// Fewest letters that must be left when the account's own data is taken out.
const LETTERS_LEFT: usize = 4;

/// Most digits that are decoration.
const DIGITS: usize = 6;

/// Whether the password is the account's own data, or that and little else; forwards or backwards.
pub(super) fn is_similar(password: &str, context: &[String]) -> bool {
    let parts = parts(context);
    let text = fold(password);
    let backwards: String = text.chars().rev().collect();
    [text, backwards].iter().any(|text| is_made_of(text, &parts))
}

fn is_made_of(text: &str, parts: &[String]) -> bool {
    if text.chars().count() > PART && parts.iter().any(|part| part.contains(text)) {
        return true;
    }
    let mut rest = text.to_owned();
    for part in parts {
        rest = rest.replace(part.as_str(), "");
    }
    let letters = rest.chars().filter(|c| c.is_alphabetic()).count();
    let digits = rest.chars().count() - letters;
    rest != text && letters < LETTERS_LEFT && digits <= DIGITS
}

/// The parts of the account's data, the longest first: each whole, and its words.
fn parts(context: &[String]) -> Vec<String> {
    let mut parts = Vec::new();
    for item in context {
        parts.push(fold(item));
        let local = item.split('@').next().unwrap_or_default();
        parts.push(fold(local));
        parts.extend(item.split(|c: char| !c.is_alphanumeric()).map(fold));
    }
    parts.retain(|part| part.chars().count() >= PART);
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    parts.dedup();
    parts
}

/// Lower case, compatibility forms, letters and digits only.
fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Vec<String> {
        ["Ada Lovelace", "countess_ada", "ada.lovelace@analytical.test", "+4917612345678"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn own_data_is_similar() {
        let own = [
            "Ada Lovelace",
            "AdaLovelace!",
            "lovelace1815",
            "ecalevol",
            "ADA-lovelace-ada",
            "countess_ada",
            "countess99",
            "ada.lovelace@analytical.test",
            "analytical2026",
            "17612345678",
            "017612345678!",
            "ａｄａｌｏｖｅｌａｃｅ",
        ];
        for text in own {
            let expected = text != "017612345678!";
            assert_eq!(is_similar(text, &ada()), expected, "{text}");
        }
    }

    #[test]
    fn a_word_among_others_is_not() {
        for text in ["lovelace wrote programs", "mechanical weaving", "", "!!!!!!!!", "ada93847561029"] {
            assert!(!is_similar(text, &ada()), "{text}");
        }
        assert!(!is_similar("anything", &[]));
        assert!(!is_similar("bo is my cat", &["Bo".to_owned()]));
    }
}
