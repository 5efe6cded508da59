//! The second factor of a person, and the challenge of a login that waits for it. No I/O.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::id::{Id, UserId};
use denizen_kit::seal::{Key, same_secret};
use denizen_kit::time::{Timestamp, after};
use denizen_rpc::otp::v1 as otp;
use uuid::Uuid;

/// How long a challenge is open.
pub(crate) const CHALLENGE_TTL: Duration = Duration::from_mins(5);

/// How many codes are tried against one challenge, however many are sent for it.
pub(crate) const CHALLENGE_TRIES: i64 = 5;

/// How long until a code is sent again.
pub(crate) const RESEND_COOLDOWN: Duration = Duration::from_secs(60);

/// How long a channel waits for its proof.
pub(crate) const PENDING_TTL: Duration = Duration::from_mins(10);

/// Marks what it is: no token of ours begins so.
const PREFIX: &str = "dzc_";

/// Bytes of a challenge's id.
const ID: usize = 16;
/// Bytes of an HMAC-SHA256.
const MAC: usize = 32;

/// Names a challenge.
pub(crate) enum ChallengeKind {}
/// Id of a challenge.
pub(crate) type ChallengeId = Id<ChallengeKind>;

/// Names a code as otp knows it.
pub(crate) enum OtpKind {}
/// Id of a code as otp knows it.
pub(crate) type OtpId = Id<OtpKind>;

/// How the codes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// By e-mail.
    Email,
    /// By text message.
    Sms,
}

/// A person's second factor as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Factor {
    /// The channel in force, and since when.
    pub(crate) enabled: Option<(Channel, Timestamp)>,
    /// The channel that waits for its proof.
    pub(crate) pending: Option<Pending>,
}

/// A channel that waits for its proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) channel: Channel,
    pub(crate) otp_id: OtpId,
    pub(crate) since: Timestamp,
}

/// A login that waits for the second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) id: ChallengeId,
    pub(crate) user_id: UserId,
    /// Makes its token unlike that of any other.
    pub(crate) nonce: Vec<u8>,
    /// The person's epoch before the password was checked.
    pub(crate) epoch: i64,
    /// The code that was sent for it.
    pub(crate) otp_id: OtpId,
    pub(crate) sent_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// What a client holds of a challenge: its id and a MAC that only this service can make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChallengeToken {
    pub(crate) id: ChallengeId,
    mac: [u8; MAC],
}

// === impl Channel ===

impl Channel {
    /// The channel's name in tables, events and answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    /// The channel of a name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Email, Self::Sms].into_iter().find(|channel| channel.as_str() == text)
    }

    /// The channel as the contracts write it.
    pub(crate) const fn to_wire(self) -> otp::Channel {
        match self {
            Self::Email => otp::Channel::Email,
            Self::Sms => otp::Channel::Sms,
        }
    }

    /// The channel of a contract's, if it is one.
    pub(crate) const fn from_wire(wire: otp::Channel) -> Option<Self> {
        match wire {
            otp::Channel::Email => Some(Self::Email),
            otp::Channel::Sms => Some(Self::Sms),
            otp::Channel::Unspecified => None,
        }
    }
}

// === impl Factor ===

impl Factor {
    /// The channel in force.
    pub(crate) fn channel(&self) -> Option<Channel> {
        self.enabled.map(|(channel, _)| channel)
    }

    /// The channel that waits for its proof and still can be proved.
    pub(crate) fn open_pending(&self, now: Timestamp) -> Option<Pending> {
        self.pending.filter(|pending| pending.until() > now)
    }
}

// === impl Pending ===

impl Pending {
    /// Until when it can be proved.
    pub(crate) fn until(&self) -> Timestamp {
        after(self.since, PENDING_TTL)
    }
}

// === impl ChallengeToken ===

impl ChallengeToken {
    /// The token of a challenge.
    pub(crate) fn new(key: &Key, id: ChallengeId, nonce: &[u8]) -> Self {
        Self { id, mac: key.mac(&[id.uuid().as_bytes(), nonce]) }
    }

    /// Reads the one form that [`ChallengeToken::to_text`] writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        const TEXT: usize = ((ID + MAC) * 4).div_ceil(3);
        let encoded = text.strip_prefix(PREFIX).filter(|encoded| encoded.len() == TEXT)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let (id, mac) = bytes.split_at_checked(ID)?;
        Some(Self { id: Id::from_uuid(Uuid::from_slice(id).ok()?), mac: mac.try_into().ok()? })
    }

    /// The text that the client keeps.
    pub(crate) fn to_text(&self) -> String {
        let bytes = [self.id.uuid().as_bytes().as_slice(), &self.mac].concat();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whether this service made it for the challenge of this nonce. Takes the same time for every answer.
    pub(crate) fn is_genuine(&self, key: &Key, nonce: &[u8]) -> bool {
        same_secret(&Self::new(key, self.id, nonce).mac, &self.mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_genuine_as_it_was_given_and_in_no_other_form() {
        let (key, nonce) = (Key::from_bytes([1; 32]), [7; 16]);
        let token = ChallengeToken::new(&key, Id::from_uuid(Uuid::from_u128(5)), &nonce);
        let text = token.to_text();
        assert_eq!(ChallengeToken::parse(&text), Some(token.clone()));
        assert!(token.is_genuine(&key, &nonce));
        assert!(!token.is_genuine(&Key::from_bytes([2; 32]), &nonce) && !token.is_genuine(&key, &[8; 16]));
        let bare = text.strip_prefix(PREFIX).unwrap();
        for bad in ["", PREFIX, bare, &text[..text.len() - 1], &format!("{text}A"), &format!("dzr_{bare}")] {
            assert_eq!(ChallengeToken::parse(bad), None, "{bad}");
        }
        for place in PREFIX.len()..text.len() {
            let mut other = text.clone().into_bytes();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            let other = ChallengeToken::parse(&String::from_utf8(other).unwrap());
            assert!(other.is_none_or(|other| !other.is_genuine(&key, &nonce)), "changed at {place}");
        }
    }

    #[test]
    fn a_channel_waits_for_its_proof_for_a_time() {
        let since = Timestamp::UNIX_EPOCH;
        let pending = Pending { channel: Channel::Sms, otp_id: Id::nil(), since };
        let factor = Factor { enabled: None, pending: Some(pending) };
        assert_eq!(factor.open_pending(since), Some(pending));
        assert_eq!(factor.open_pending(after(since, PENDING_TTL)), None);
    }
}
