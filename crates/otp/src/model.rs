//! What a one-time password is: purposes, codes, link tokens. Pure rules.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::id::{Id, UserId};
use denizen_kit::time::{Timestamp, after};
use serde::Serialize;
use uuid::Uuid;

use crate::config::Config;

/// Most characters of a login identifier: the longest address (RFC 5321 §4.5.3.1).
pub(crate) const MAX_IDENTIFIER: usize = 320;

/// How many wrong tries an account takes over all its codes that anybody can ask for, and as many over the others.
pub(crate) const MAX_WRONG_TRIES: i64 = 30;

/// How long an account must go without a wrong try for them to be forgotten.
pub(crate) const TRIES_WINDOW: Duration = Duration::from_secs(3600);

/// Id of a one-time password.
pub(crate) type OtpId = Id<Otp>;

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    Login,
    PasswordReset,
    VerifyEmail,
    VerifyMobile,
    SensitiveChange,
    SecondFactor,
}

// === impl Purpose ===

impl Purpose {
    /// All purposes.
    pub(crate) const ALL: [Purpose; 6] = [
        Self::Login,
        Self::PasswordReset,
        Self::VerifyEmail,
        Self::VerifyMobile,
        Self::SensitiveChange,
        Self::SecondFactor,
    ];

    /// Its name in the table and in events.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::PasswordReset => "password_reset",
            Self::VerifyEmail => "verify_email",
            Self::VerifyMobile => "verify_mobile",
            Self::SensitiveChange => "sensitive_change",
            Self::SecondFactor => "second_factor",
        }
    }

    /// The purpose of this name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }

    /// Whether its messages hold a link beside the code. The link of a reset is password's.
    pub(crate) const fn has_link(self) -> bool {
        matches!(self, Self::VerifyEmail)
    }

    /// Whether somebody who is not logged in may ask for a code, by an identifier.
    pub(crate) const fn is_public(self) -> bool {
        matches!(self, Self::Login | Self::PasswordReset)
    }

    /// Whether a code for it can be asked for. The second factor's is auth's to ask for, at a login.
    pub(crate) const fn can_be_asked_for(self) -> bool {
        !matches!(self, Self::SecondFactor)
    }

    /// The only channel that can prove it, if it is bound to one.
    pub(crate) const fn bound_to(self) -> Option<Channel> {
        match self {
            Self::VerifyEmail => Some(Channel::Email),
            Self::VerifyMobile => Some(Channel::Sms),
            _ => None,
        }
    }
}

/// How a code travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Channel {
    Email,
    Sms,
}

// === impl Channel ===

impl Channel {
    /// Its name in the table and in events.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    /// The channel of this name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Email, Self::Sms].into_iter().find(|channel| channel.as_str() == text)
    }

    /// The channel for an identifier when none was asked for: what looks like a number gets a text message.
    pub(crate) fn of_identifier(identifier: &str) -> Self {
        let digits = identifier.chars().filter(char::is_ascii_digit).count();
        let only_number = identifier.chars().all(|c| c.is_ascii_digit() || " +()-./".contains(c));
        if only_number && digits >= 6 { Self::Sms } else { Self::Email }
    }
}

/// A one-time password as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Otp {
    pub(crate) id: OtpId,
    /// Whose it is; none until an identifier has been looked up.
    pub(crate) user_id: Option<UserId>,
    pub(crate) identifier_sealed: Option<Vec<u8>>,
    pub(crate) purpose: Purpose,
    pub(crate) channel: Channel,
    /// What is being proved: a digest of an address, or empty.
    pub(crate) target: Vec<u8>,
    pub(crate) nonce: Vec<u8>,
    pub(crate) created_at: Timestamp,
    /// When notify first asked for the code.
    pub(crate) issued_at: Option<Timestamp>,
    pub(crate) code_expires_at: Timestamp,
    /// When link and row end, and with them the right to ask for the code again.
    pub(crate) ends_at: Timestamp,
    pub(crate) used_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
}

// === impl Otp ===

impl Otp {
    /// A row for `SendOtp`, not issued yet. It lives as long as its code, or as its link if it has one.
    pub(crate) fn requested(
        id: OtpId,
        purpose: Purpose,
        channel: Channel,
        now: Timestamp,
        config: &Config,
    ) -> Self {
        let code_expires_at = after(now, config.ttl);
        let ends_at = if purpose.has_link() { after(now, config.link_ttl) } else { code_expires_at };
        Self {
            id,
            user_id: None,
            identifier_sealed: None,
            purpose,
            channel,
            target: Vec::new(),
            nonce: Vec::new(),
            created_at: now,
            issued_at: None,
            code_expires_at,
            ends_at,
            used_at: None,
            ended_at: None,
        }
    }

    /// A row for a message that carries a code of its own: it outlives the code, so that a message that is sent late
    /// still gets one.
    pub(crate) fn for_message(
        (id, purpose, channel): (OtpId, Purpose, Option<Channel>),
        now: Timestamp,
        config: &Config,
    ) -> Self {
        let channel = purpose.bound_to().or(channel).unwrap_or(Channel::Email);
        let ends_at = after(now, config.link_ttl);
        Self { issued_at: Some(now), ends_at, ..Self::requested(id, purpose, channel, now, config) }
    }

    /// Whether it can prove nothing any more.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.used_at.is_some() || self.ended_at.is_some() || self.ends_at <= now
    }

    /// When the code ends that is given out now.
    pub(crate) fn code_end(&self, now: Timestamp, config: &Config) -> Timestamp {
        after(now, config.ttl).min(self.ends_at)
    }
}

/// Dynamic truncation of an HMAC to a decimal code (RFC 4226 §5.3).
///
/// # Panics
/// When the MAC is shorter than 20 bytes, which no HMAC in use is.
pub(crate) fn truncate(mac: &[u8], digits: u32) -> String {
    let offset = usize::from(mac[mac.len() - 1] & 0x0f);
    let word = [mac[offset] & 0x7f, mac[offset + 1], mac[offset + 2], mac[offset + 3]];
    let number = u64::from(u32::from_be_bytes(word)) % 10_u64.pow(digits);
    format!("{number:0width$}", width = digits as usize)
}

/// Reads a code as typed: spaces around it are dropped, then it is exactly so many ASCII digits, or none.
pub(crate) fn parse_code(text: &str, digits: u32) -> Option<&str> {
    let code = text.trim_matches(' ');
    let well_formed = code.len() == digits as usize && code.bytes().all(|byte| byte.is_ascii_digit());
    well_formed.then_some(code)
}

/// A link token: base64url of the id and its proof.
pub(crate) fn encode_token(id: OtpId, proof: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode([id.uuid().as_bytes().as_slice(), proof].concat())
}

/// The id and the proof of a link token, if it has the form of one.
pub(crate) fn decode_token(text: &str) -> Option<(OtpId, [u8; 32])> {
    // The length is looked at first, so that a huge text costs nothing.
    if text.len() != 64 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (id, proof) = bytes.split_first_chunk::<16>()?;
    Some((Id::from_uuid(Uuid::from_bytes(*id)), proof.try_into().ok()?))
}

#[cfg(test)]
mod tests;
