//! E-mail addresses: kept as typed, compared in canonical form.

use unicode_normalization::UnicodeNormalization;

use super::profile::nfc;

/// Longest address in bytes (RFC 5321 §4.5.3.1.3, without the brackets).
const MAX_LENGTH: usize = 254;

/// Longest part before the at sign in bytes (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL: usize = 64;

/// An e-mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email {
    typed: String,
    canonical: String,
}

// === impl Email ===

impl Email {
    /// Reads an address: one mailbox, no quoted part, no address literal, a domain with a dot. The reason is for
    /// the person who typed it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let typed = nfc(text.trim());
        if typed.len() > MAX_LENGTH {
            return Err("an e-mail address has at most 254 bytes");
        }
        let signs = |text: &str| text.chars().filter(|c| *c == '@').count();
        let folded_signs = || if typed.is_ascii() { 1 } else { signs(&typed.nfkc().collect::<String>()) };
        if signs(&typed) != 1 || folded_signs() != 1 {
            return Err("an e-mail address has exactly one @");
        }
        let (local, domain) = typed.split_once('@').ok_or("an e-mail address has exactly one @")?;
        if !is_local(local) {
            return Err(
                "the part before the @ has letters, digits and . _ % + - ' and the like, no spaces or quotes",
            );
        }
        let domain =
            idna::domain_to_ascii_strict(domain).map_err(|_| "the domain after the @ is not a valid name")?;
        if !domain.contains('.') || domain.ends_with('.') {
            return Err("the domain after the @ needs a dot, such as example.com");
        }
        let canonical = format!("{}@{domain}", nfc(&local.to_lowercase()));
        let is_address = email_address::EmailAddress::is_valid(&canonical);
        if !is_address || canonical.len() > MAX_LENGTH {
            return Err("this is not a valid e-mail address");
        }
        Ok(Self { typed, canonical })
    }

    /// The address as it was stored: parsed before, so only its canonical form is made anew.
    pub(crate) fn stored(typed: &str) -> Option<Self> {
        let (local, domain) = typed.split_once('@')?;
        if typed.is_ascii() {
            return Some(Self { typed: typed.to_owned(), canonical: typed.to_ascii_lowercase() });
        }
        let domain = idna::domain_to_ascii_strict(domain).ok()?;
        let canonical = format!("{}@{domain}", nfc(&local.to_lowercase()));
        Some(Self { typed: typed.to_owned(), canonical })
    }

    /// The address as it was typed.
    pub(crate) fn as_str(&self) -> &str {
        &self.typed
    }

    /// The form in which addresses are compared: lower case, domain in ASCII.
    pub(crate) fn canonical(&self) -> &str {
        &self.canonical
    }

    /// What a code for this address is bound to.
    pub(crate) fn target(&self) -> [u8; 32] {
        denizen_kit::seal::sha256(format!("email:{}", self.typed).as_bytes())
    }
}

/// Whether it is a dot-atom (RFC 5322 §3.2.3), with letters of all scripts (RFC 6531) but no other signs.
fn is_local(local: &str) -> bool {
    let good = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    (1..=MAX_LOCAL).contains(&local.len())
        && local.chars().all(good)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn canonical_forms() {
        for (typed, canonical) in [
            ("Ada@Example.TEST", "ada@example.test"),
            (" ada+x@example.test ", "ada+x@example.test"),
            ("o'brien@example.test", "o'brien@example.test"),
            ("ada@exämple.test", "ada@xn--exmple-cua.test"),
            ("ADA@XN--EXMPLE-CUA.test", "ada@xn--exmple-cua.test"),
            ("ädä@example.test", "ädä@example.test"),
        ] {
            assert_eq!(Email::parse(typed).map(|email| email.canonical), Ok(canonical.to_owned()), "{typed}");
        }
        assert_eq!(Email::parse("Ada@Example.TEST").unwrap().as_str(), "Ada@Example.TEST");
    }

    #[test]
    fn refused() {
        for bad in [
            "",
            "ada",
            "@example.test",
            "ada@",
            "ada@localhost",
            "ada@example.test.",
            "a b@example.test",
            "victim@example.test＠evil.test",
            "ada@evil.test@example.test",
            "\"x\r\nBcc: e@evil.test\"@example.test",
            "ada@[127.0.0.1]",
            "a..b@example.test",
            ".a@example.test",
            "ada@xn--example-.test",
            "ada@exa mple.test",
            "ada\r\n@example.test",
            "ada\u{200b}@example.test",
        ] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Email::parse(&format!("{}@example.test", "a".repeat(65))).is_err());
        assert!(Email::parse(&format!("a@{}.test", "b.".repeat(140))).is_err());
    }

    #[test]
    fn a_dotless_i_is_another_mailbox() {
        assert_ne!(Email::parse("vıctim@example.test").unwrap().canonical, "victim@example.test");
    }

    proptest! {
        #[test]
        fn canonical_is_stable(text in "\\PC{0,40}@\\PC{0,30}") {
            if let Ok(email) = Email::parse(&text) {
                let again = Email::parse(email.canonical()).unwrap();
                prop_assert_eq!(again.canonical(), email.canonical());
                prop_assert!(!email.as_str().contains(['\r', '\n']));
            }
        }
    }
}
