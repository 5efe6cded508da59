//! Peppers: keys that the database does not hold, under which passwords are mixed before they are hashed (NIST
//! SP 800-63B-4 §3.1.1.2). A hash says by which one: `{pepper:2}$argon2id$…`.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Fewest bytes of a pepper.
const LEAST: usize = 16;

/// How a hash over a mixed password begins.
const PREFIX: &str = "{pepper:";

/// The peppers of an installation.
#[derive(Clone, Debug, Default)]
pub struct Peppers {
    present: Option<u32>,
    keys: BTreeMap<u32, hmac::Key>,
}

// === impl Peppers ===

impl Peppers {
    /// Reads `2:<base64>,1:<base64>`: the first is used for new hashes. `none` in its place takes the pepper away at the
    /// next login.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "this must be peppers as <number>:<base64 of {LEAST} bytes or more>, newest first, or none"
            )
        };
        let mut peppers = Self::default();
        for (index, item) in text.split(',').map(str::trim).filter(|item| !item.is_empty()).enumerate() {
            if index == 0 && item == "none" {
                continue;
            }
            let (version, key) = item.split_once(':').ok_or_else(wrong)?;
            let version: u32 = version.parse().map_err(|_| wrong())?;
            let key = Zeroizing::new(STANDARD.decode(key).map_err(|_| wrong())?);
            if key.len() < LEAST || peppers.keys.contains_key(&version) {
                return Err(wrong());
            }
            if index == 0 {
                peppers.present = Some(version);
            }
            peppers.keys.insert(version, hmac::Key::new(hmac::HMAC_SHA256, &key));
        }
        Ok(peppers)
    }

    /// The pepper of new hashes.
    pub(crate) const fn present(&self) -> Option<u32> {
        self.present
    }

    /// Whether hashes under it can be checked.
    pub(crate) fn knows(&self, version: Option<u32>) -> bool {
        version.is_none_or(|version| self.keys.contains_key(&version))
    }

    /// What is hashed in place of the password; none when the pepper is not known.
    pub(crate) fn mix(&self, version: Option<u32>, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let Some(version) = version else { return Some(Zeroizing::new(password.to_vec())) };
        let mixed = hmac::sign(self.keys.get(&version)?, password);
        Some(Zeroizing::new(STANDARD.encode(mixed).into_bytes()))
    }
}

/// The pepper of a kept hash, and the hash.
pub(super) fn split(text: &str) -> Option<(Option<u32>, &str)> {
    let Some(rest) = text.strip_prefix(PREFIX) else { return Some((None, text)) };
    let (version, hash) = rest.split_once('}')?;
    Some((Some(version.parse().ok()?), hash))
}

/// A hash with its pepper's number before it.
pub(super) fn join(version: Option<u32>, hash: String) -> String {
    match version {
        Some(version) => format!("{PREFIX}{version}}}{hash}"),
        None => hash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "1:MDEyMzQ1Njc4OWFiY2RlZg==";
    const NEW: &str = "2:ZmVkY2JhOTg3NjU0MzIxMA==";

    #[test]
    fn the_first_is_present_and_all_are_known() {
        let peppers = Peppers::parse(&format!("{NEW}, {OLD}")).unwrap();
        assert_eq!(peppers.present(), Some(2));
        assert!(peppers.knows(Some(1)) && peppers.knows(None) && !peppers.knows(Some(3)));
        let mixed = |version| peppers.mix(version, b"secret").map(|bytes| bytes.to_vec());
        assert_eq!(mixed(None), Some(b"secret".to_vec()));
        assert!(mixed(Some(1)) != mixed(Some(2)) && mixed(Some(3)).is_none());
        assert_eq!(Peppers::parse(&format!("none,{NEW}")).unwrap().present(), None);
        assert_eq!(Peppers::parse("").unwrap().present(), None);
    }

    #[test]
    fn what_is_no_pepper_is_refused() {
        for bad in ["secret", "1:short", "x:MDEyMzQ1Njc4OWFiY2RlZg==", &format!("{OLD},{OLD}"), "1:MDEy", "1"]
        {
            assert!(Peppers::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_hash_says_its_pepper() {
        assert_eq!(split("{pepper:7}$x"), Some((Some(7), "$x")));
        assert_eq!(split("$x"), Some((None, "$x")));
        assert_eq!(split("{pepper:x}$x"), None);
        assert_eq!(join(Some(7), "$x".to_owned()), "{pepper:7}$x");
    }
}
