//! Mobile numbers in E.164.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};

/// A mobile number, such as `+4915112345678` (ITU-T E.164).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mobile(String);

// === impl Mobile ===

impl Mobile {
    /// Reads a number; without a country code it is one of the region (ISO 3166-1 alpha-2). A possible number is
    /// enough, unless `strict` asks for an assigned range.
    pub(crate) fn parse(text: &str, region: Region, strict: bool) -> Result<Self, &'static str> {
        const REASON: &str =
            "this is not a phone number; write it with its country code, such as +4915112345678";
        if text.len() > 40 || text.chars().any(char::is_alphabetic) {
            return Err(REASON);
        }
        let number = PHONE_NUMBER_UTIL.parse(text, Some(region)).map_err(|_| REASON)?;
        if !PHONE_NUMBER_UTIL.is_possible_number(&number) {
            return Err(REASON);
        }
        if strict && !PHONE_NUMBER_UTIL.is_valid_number(&number) {
            return Err("this number is in no assigned range");
        }
        Ok(Self(PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned()))
    }

    /// The number as it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The number in E.164.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What a code for this number is bound to.
    pub(crate) fn target(&self) -> [u8; 32] {
        denizen_kit::seal::sha256(format!("mobile:{}", self.0).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn possible_is_enough() {
        let parse = |text| Mobile::parse(text, Region::US, false).map(|mobile| mobile.0);
        assert_eq!(parse("1234567890"), Ok("+11234567890".into()));
        assert_eq!(parse("+49 151 1234-5678"), Ok("+4915112345678".into()));
        for bad in ["", "abc", "12", "+999999999999999999", "+1 800 FLOWERS", "١"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(Mobile::parse("1234567890", Region::US, true).is_err());
    }
}
