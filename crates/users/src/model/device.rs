//! The devices of a person that take push messages.

use std::collections::BTreeMap;

/// Most devices of a person.
pub(crate) const MAX_DEVICES: usize = 20;

/// Most bytes of a push token.
const MAX_TOKEN: usize = 4096;

/// The name of a device, as the application chose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device(String);

// === impl Device ===

impl Device {
    /// Reads a name: 1 to 64 letters, digits and `. _ - :`.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':');
        if (1..=64).contains(&text.len()) && text.bytes().all(is_plain) {
            return Ok(Self(text.to_owned()));
        }
        Err("a device is named by 1 to 64 letters, digits and . _ - :")
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a push service gave a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PushToken(String);

// === impl PushToken ===

impl PushToken {
    /// Reads a token: 1 to 4096 bytes on one line. A Web Push subscription is JSON.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if (1..=MAX_TOKEN).contains(&text.len()) && !text.chars().any(char::is_control) {
            return Ok(Self(text.to_owned()));
        }
        Err("a push token has 1 to 4096 bytes without line breaks")
    }
}

/// Puts the token of a device, unless there are too many; whether something changed.
pub(crate) fn put(
    tokens: &mut BTreeMap<String, String>,
    device: &Device,
    token: &PushToken,
) -> Result<bool, &'static str> {
    if !tokens.contains_key(device.as_str()) && tokens.len() >= MAX_DEVICES {
        return Err("an account has at most 20 devices; remove one first");
    }
    let before = tokens.insert(device.as_str().to_owned(), token.0.clone());
    Ok(before.as_deref() != Some(&token.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tokens_are_bounded() {
        for good in ["default", "iPhone-15_a.b:c", "x"] {
            assert!(Device::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "ä", "a\n", &"x".repeat(65)] {
            assert!(Device::parse(bad).is_err(), "{bad:?}");
        }
        assert!(PushToken::parse(&"x".repeat(4096)).is_ok());
        for bad in ["", "a\nb", &"x".repeat(4097)] {
            assert!(PushToken::parse(bad).is_err());
        }
    }

    #[test]
    fn the_device_too_many_is_refused_and_known_ones_change() {
        let token = |text: &str| PushToken::parse(text).unwrap();
        let device = |number: usize| Device::parse(&format!("d{number}")).unwrap();
        let mut tokens = BTreeMap::new();
        for number in 0..MAX_DEVICES {
            assert_eq!(put(&mut tokens, &device(number), &token("a")), Ok(true));
        }
        assert!(put(&mut tokens, &device(MAX_DEVICES), &token("a")).is_err());
        assert_eq!(put(&mut tokens, &device(0), &token("b")), Ok(true));
        assert_eq!(put(&mut tokens, &device(0), &token("b")), Ok(false));
        assert_eq!((tokens.len(), tokens["d0"].as_str()), (MAX_DEVICES, "b"));
    }
}
