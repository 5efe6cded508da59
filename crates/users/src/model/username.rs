//! User names: 3 to 32 characters of one script, unique without regard to case and look.

use unicode_normalization::UnicodeNormalization;
use unicode_security::MixedScript;
use unicode_security::confusable_detection::skeleton;

use super::profile::nfc;

/// Names that people could take for the system's own.
const RESERVED: [&str; 24] = [
    "admin",
    "administrator",
    "anonymous",
    "api",
    "audit",
    "auth",
    "console",
    "denizen",
    "everyone",
    "help",
    "info",
    "mail",
    "me",
    "nobody",
    "null",
    "operator",
    "postmaster",
    "root",
    "security",
    "service",
    "support",
    "system",
    "undefined",
    "webmaster",
];

/// A user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Username {
    typed: String,
    sort: String,
    key: String,
}

// === impl Username ===

impl Username {
    /// Reads a name that somebody wants: [`Username::parse_any`], and not reserved.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let username = Self::parse_any(text)?;
        if username.is_reserved() {
            return Err("this user name is reserved; choose another");
        }
        Ok(username)
    }

    /// Reads a name that somebody has.
    pub(crate) fn parse_any(text: &str) -> Result<Self, &'static str> {
        let typed: String = if text.is_ascii() { text.to_owned() } else { text.nfkc().collect() };
        let length = typed.chars().count();
        if !(3..=32).contains(&length) {
            return Err("a user name has 3 to 32 characters");
        }
        if !typed.chars().all(|c| c.is_alphanumeric() || "._-".contains(c)) {
            return Err("a user name has letters, digits and . _ - only");
        }
        if !typed.starts_with(char::is_alphanumeric) || !typed.ends_with(char::is_alphanumeric) {
            return Err("a user name starts and ends with a letter or digit");
        }
        if !typed.contains(char::is_alphabetic) {
            return Err("a user name needs a letter");
        }
        if !typed.is_ascii() && !typed.is_single_script() {
            return Err("the letters of a user name are of one script");
        }
        let sort = nfc(&typed.to_lowercase());
        let key = look(&sort);
        Ok(Self { typed, sort, key })
    }

    /// Whether it looks like a name that people could take for the system's own.
    pub(crate) fn is_reserved(&self) -> bool {
        RESERVED.iter().any(|reserved| look(reserved) == self.key)
    }

    /// The name as it was stored, with the forms made when it was parsed.
    pub(crate) const fn stored(typed: String, sort: String, key: String) -> Self {
        Self { typed, sort, key }
    }

    /// The name as it was typed, in NFKC.
    pub(crate) fn as_str(&self) -> &str {
        &self.typed
    }

    /// The form by which names are sorted and searched: lower case.
    pub(crate) fn sort(&self) -> &str {
        &self.sort
    }

    /// The form in which names are compared: what they look like (UTS #39 §4, skeleton of the lower case).
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

fn look(lower: &str) -> String {
    skeleton(lower).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_are_one_name() {
        let key = |text: &str| Username::parse_any(text).unwrap().key;
        assert_eq!(key("Ada"), key("ada"));
        assert_eq!(key("ａｄａ"), key("ada"));
        assert_ne!(key("ada"), key("adb"));
    }

    #[test]
    fn refused() {
        for bad in [
            "ab",
            " ada",
            "ada ",
            "a b c",
            "ada\u{200b}",
            "admin",
            "ADMIN",
            "ａｄｍｉｎ",
            "аdmin",
            "123456",
            "ada@x",
            "-ada",
            "ada-",
            "../admin",
            "ada\n",
            "a\u{0}da",
        ] {
            assert!(Username::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Username::parse(&"a".repeat(33)).is_err());
    }

    #[test]
    fn taken() {
        for good in ["ada", "Ada_Lovelace", "ada.l-1", "ада", "李小龙"] {
            assert!(Username::parse(good).is_ok(), "{good}");
        }
    }
}
