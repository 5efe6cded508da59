//! How a forgotten password is replaced: requests, channels, tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// By what somebody names their account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    Identifier,
    Email,
    Username,
    Mobile,
}

/// What the message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Via {
    Link,
    Otp,
}

// === impl Via ===

impl Via {
    /// The way of this name; a link when nothing is said.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "link" => Some(Self::Link),
            "otp" => Some(Self::Otp),
            _ => None,
        }
    }
}

/// How the message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Channel {
    Email,
    Sms,
}

/// A request for a reset. It is kept sealed until it is looked up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResetRequest {
    pub(crate) by: By,
    pub(crate) identifier: String,
    pub(crate) via: Via,
}

/// Fewest digits by which a number is told from a user name.
const NUMBER: usize = 6;

/// The channel of the answer: a text message when it was the mobile number that was given, else e-mail. `mobile` and
/// `username` are the account's.
pub(crate) fn channel_for(request: &ResetRequest, mobile: &str, username: &str) -> Channel {
    let identifier = request.identifier.trim();
    match request.by {
        By::Mobile => Channel::Sms,
        By::Email | By::Username => Channel::Email,
        By::Identifier if identifier.contains('@') || identifier.eq_ignore_ascii_case(username) => {
            Channel::Email
        }
        By::Identifier => {
            let digits = digits(identifier);
            // A number may have been typed in its national form: without country code, with a leading 0.
            let national = digits.trim_start_matches('0');
            let is_mobile = national.len() >= NUMBER && self::digits(mobile).ends_with(national);
            if is_mobile { Channel::Sms } else { Channel::Email }
        }
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// A reset token: base64url of the issue's id and its proof.
pub(crate) fn encode_token(issue_id: Uuid, proof: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode([issue_id.as_bytes().as_slice(), proof].concat())
}

/// The id and the proof of a reset token, if it has the form of one.
pub(crate) fn decode_token(text: &str) -> Option<(Uuid, [u8; 32])> {
    // The length is looked at first, so that a huge text costs nothing.
    if text.len() != 64 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (id, proof) = bytes.split_first_chunk::<16>()?;
    Some((Uuid::from_bytes(*id), proof.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(by: By, identifier: &str) -> ResetRequest {
        ResetRequest { by, identifier: identifier.to_owned(), via: Via::Link }
    }

    #[test]
    fn the_answer_goes_where_the_identifier_points() {
        let table = [
            (By::Mobile, "0176 12345678", Channel::Sms),
            (By::Email, "ada@example.test", Channel::Email),
            (By::Username, "17612345678", Channel::Email),
            (By::Identifier, "+49 176 12345678", Channel::Sms),
            (By::Identifier, "(0176) 123-45678", Channel::Sms),
            (By::Identifier, "ada@example.test", Channel::Email),
            (By::Identifier, "17612345678@example.test", Channel::Email),
            (By::Identifier, "ada", Channel::Email),
            (By::Identifier, "5678", Channel::Email),
            (By::Identifier, "", Channel::Email),
        ];
        for (by, identifier, channel) in table {
            assert_eq!(
                channel_for(&request(by, identifier), "+4917612345678", "ada"),
                channel,
                "{identifier}"
            );
        }
        let numeric_name = request(By::Identifier, "17612345678");
        assert_eq!(channel_for(&numeric_name, "+4917612345678", "17612345678"), Channel::Email);
        assert_eq!(channel_for(&request(By::Identifier, "123456"), "", "ada"), Channel::Email);
    }

    #[test]
    fn a_token_has_one_form() {
        let id = Uuid::from_bytes([9; 16]);
        let token = encode_token(id, &[0xfe; 32]);
        assert_eq!(decode_token(&token), Some((id, [0xfe; 32])));
        for bad in
            ["", "x", &token[..63], &format!("{token}A"), &token.replace('_', "/"), &token.replace('_', "=")]
        {
            assert_eq!(decode_token(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_link_unless_otherwise_said() {
        assert_eq!(Via::parse(""), Some(Via::Link));
        assert_eq!(Via::parse("otp"), Some(Via::Otp));
        assert_eq!(Via::parse("sms"), None);
    }
}
