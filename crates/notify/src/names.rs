//! What may stand in a message of what people call themselves, and in which language it is written.

/// Most characters of a name in a greeting.
const MAX_NAME: usize = 64;

/// The language of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English, when nothing else fits.
    English,
    /// German.
    German,
}

// === impl Language ===

impl Language {
    /// All languages.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// The language's tag (BCP 47); also the folder of its templates.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The language for a locale such as `de-AT`.
    pub fn of(locale: &str) -> Self {
        let primary = locale.split(['-', '_']).next().unwrap_or_default();
        let known = Self::ALL.into_iter().find(|language| language.as_str().eq_ignore_ascii_case(primary));
        known.unwrap_or(Self::English)
    }
}

/// A name fit for a greeting: one line, no invisible characters, nothing that a mail program would make a link of.
/// Strangers can register anybody's address, so the name is theirs, not the reader's.
pub fn greeting(name: &str) -> String {
    let mut spaced = String::with_capacity(name.len());
    let mut rest = name.chars().filter(|c| !is_invisible(*c)).peekable();
    while let Some(c) = rest.next() {
        let before_more = rest.peek().is_some_and(|next| !next.is_whitespace());
        match c {
            '/' | '\\' | '@' | '＠' | '／' | '⁄' | '∕' => spaced.push(' '),
            '.' | ':' | '。' | '．' | '｡' | '：' if before_more => {
                spaced.push(c);
                spaced.push(' ');
            }
            c if c.is_control() || c.is_whitespace() => spaced.push(' '),
            c => spaced.push(c),
        }
    }
    let words = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = words.chars().take(MAX_NAME).collect();
    cut.trim_end().to_owned()
}

/// Characters without a shape of their own: joiners, direction marks, fillers, tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_fall_back_to_english() {
        for (locale, language) in [
            ("de", Language::German),
            ("de-AT", Language::German),
            ("DE_ch", Language::German),
            ("en-GB", Language::English),
            ("fr", Language::English),
            ("deu", Language::English),
            ("", Language::English),
            ("../de", Language::English),
        ] {
            assert_eq!(Language::of(locale), language, "{locale}");
        }
    }

    #[test]
    fn ordinary_names_stay() {
        for name in ["Ada Lovelace", "Zoë O’Neil-Müller", "李小龍", "A<b>", "{{7*7}}", "Dr. Strange"] {
            assert_eq!(greeting(name), name);
        }
        assert_eq!(greeting("J.R.R. Tolkien"), "J. R. R. Tolkien");
        assert_eq!(greeting(&"x".repeat(500)).chars().count(), MAX_NAME);
        assert_eq!(greeting(" \r\n "), "");
    }

    #[test]
    fn nothing_in_a_name_becomes_a_line_a_link_or_a_trick() {
        assert_eq!(greeting("Ada\r\nBcc: eve@evil.test"), "Ada Bcc: eve evil. test");
        assert_eq!(greeting("Log in at https://evil.test/x"), "Log in at https: evil. test x");
        assert_eq!(greeting("www.evil.test"), "www. evil. test");
        assert_eq!(greeting("Ada\u{202e}\u{200b}\u{feff}"), "Ada");
        assert_eq!(greeting("a\u{2028}b\u{85}c\0d"), "a b c d");
        assert_eq!(greeting("evil\u{200b}.\u{200b}test"), "evil. test");
    }
}
