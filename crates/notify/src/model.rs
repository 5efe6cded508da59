//! Messages and the rules of their life: which address, when again, when never.

use std::time::Duration;

use denizen_kit::id::{Id, UserId};
use denizen_kit::seal::sha256;
use denizen_kit::time::{Timestamp, after, elapsed};
use denizen_rpc::otp::v1::Purpose;

pub use crate::kinds::{AddressKind, Channel, Template};

/// Names a message.
pub enum MessageKind {}
/// Id of a message; also what its code is issued for, so that writing it twice gives the same code.
pub type MessageId = Id<MessageKind>;

/// A message as it lies in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Whom it is to; none while only otp can tell.
    pub user_id: Option<UserId>,
    /// How it travels.
    pub channel: Channel,
    /// What it says.
    pub template: Template,
    /// What the owner of the code is asked with.
    pub context: serde_json::Value,
    /// Which address.
    pub address: AddressKind,
    /// The old address, sealed to the person.
    pub old_address: Option<Vec<u8>>,
    /// What a service wants said, sealed.
    pub content: Option<Vec<u8>>,
    /// Tries so far, the present one included.
    pub attempts: i64,
    /// When it came to be.
    pub created_at: Timestamp,
}

/// What is written to a person.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Letter {
    /// Address or number, as typed.
    pub to: String,
    /// Subject; empty in a text message.
    pub subject: String,
    /// Text.
    pub text: String,
    /// The same as HTML; empty in a text message.
    pub html: String,
}

/// Why a try failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Stable word for metrics, logs and the dead-letter list. Never personal.
    pub code: &'static str,
    /// Whether another try would fail alike.
    pub permanent: bool,
}

/// How a try ended without a letter on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// There is nothing to say any more: an unknown identifier, a code that has ended, an address already proved.
    NotDue,
    /// No provider is set for the channel.
    NoProvider,
    /// A service that is needed cannot answer now; the try does not count.
    Postponed(Duration),
    /// The reader does not want to be told, or may not be.
    Declined,
    /// It failed.
    Failed(Failure),
}

/// What becomes of a message after a try that sent nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is taken out.
    Dropped,
    /// It waits for a provider.
    Waiting,
    /// It is kept unsent: its reader does not want it.
    Declined,
    /// It is tried again.
    Again {
        /// When.
        at: Timestamp,
        /// Tries that count.
        attempts: i64,
        /// Why.
        code: &'static str,
    },
    /// It is never tried again by itself.
    Dead(&'static str),
}

/// Tries beyond the schedule that a message gets when a process ended during one.
const SPARE_TRIES: i64 = 3;

/// How long a message with a code or link is worth sending.
const MOOT_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Shortest pause when a service cannot answer.
const SHORTEST_PAUSE: Duration = Duration::from_secs(5);

/// Longest pause when a service says when to come again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

// === impl Failure ===

impl Failure {
    /// One that another try may mend.
    pub const fn temporary(code: &'static str) -> Self {
        Self { code, permanent: false }
    }

    /// One that stays.
    pub const fn permanent(code: &'static str) -> Self {
        Self { code, permanent: true }
    }

    /// Whether it says that the provider is down or refuses us, whatever the message.
    pub fn is_of_provider(self) -> bool {
        const CODES: [&str; 6] =
            ["smtp_unreachable", "smtp_timeout", "smtp_broken", "smtp_tls", "smtp_setup", "smtp_login"];
        CODES.contains(&self.code)
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

// === impl Message ===

impl Message {
    /// Until when it is worth sending, if its event says so.
    pub fn until(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.context.get("until")?.as_i64()?).ok()
    }

    /// When that happened which it tells, if its event says so.
    pub fn happened_at(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.context.get("at")?.as_i64()?).ok()
    }

    /// Why it should not be tried at all, if it should not: it is moot, or it was begun too often without an end.
    pub fn hopeless(&self, delays: &[Duration], now: Timestamp) -> Option<Failure> {
        if self.template.carries_secret() && elapsed(self.created_at, now) > MOOT_AFTER {
            return Some(Failure::permanent("expired"));
        }
        (self.attempts > tries(delays) + SPARE_TRIES).then_some(Failure::permanent("interrupted"))
    }

    /// What becomes of it after a try that sent nothing. `jitter` is any random number.
    pub fn fate(&self, halt: Halt, delays: &[Duration], now: Timestamp, jitter: u64) -> Fate {
        match halt {
            Halt::NotDue => Fate::Dropped,
            Halt::NoProvider => Fate::Waiting,
            Halt::Declined => Fate::Declined,
            Halt::Postponed(wait) => {
                let wait = wait.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
                Fate::Again {
                    at: after(now, jittered(wait, jitter)),
                    attempts: self.attempts - 1,
                    code: "postponed",
                }
            }
            Halt::Failed(failure) if failure.permanent => Fate::Dead(failure.code),
            Halt::Failed(failure) => match delay(delays, self.attempts) {
                Some(wait) => Fate::Again {
                    at: after(now, jittered(wait, jitter)),
                    attempts: self.attempts,
                    code: failure.code,
                },
                None => Fate::Dead(failure.code),
            },
        }
    }
}

/// How often a message is tried: once, and once after each delay.
fn tries(delays: &[Duration]) -> i64 {
    i64::try_from(delays.len()).unwrap_or(i64::MAX - SPARE_TRIES - 1) + 1
}

/// The delay after the n-th try, counted from 1.
fn delay(delays: &[Duration], attempts: i64) -> Option<Duration> {
    let index = usize::try_from(attempts.max(1) - 1).ok()?;
    delays.get(index).copied()
}

/// The wait, up to a tenth longer: what failed together does not come again together.
fn jittered(wait: Duration, jitter: u64) -> Duration {
    let tenth = u64::try_from(wait.as_micros() / 10).unwrap_or(u64::MAX - 1);
    wait.saturating_add(Duration::from_micros(jitter % (tenth + 1)))
}

/// What a code proves: the digest of the address it is sent to, as users makes it again when it is confirmed.
pub fn target(channel: Channel, address: &str) -> Vec<u8> {
    let field = match channel {
        Channel::Email => "email",
        Channel::Sms => "mobile",
        Channel::Push => "push",
    };
    sha256(format!("{field}:{address}").as_bytes()).to_vec()
}

/// The purpose of a name, with or without the contract's prefix, in either case.
pub fn parse_purpose(text: &str) -> Option<Purpose> {
    let name = text.to_ascii_uppercase();
    let full = if name.starts_with("PURPOSE_") { name } else { format!("PURPOSE_{name}") };
    Purpose::from_str_name(&full).filter(|purpose| *purpose != Purpose::Unspecified)
}

/// The owner of what is kept for addresses that belong to no account.
pub fn nobody() -> UserId {
    UserId::from_uuid(uuid::Uuid::nil())
}

/// The canonical form of an address for looking it up in the mailbox: numbers without their punctuation.
pub fn mailbox_key(address: &str) -> String {
    let lower = address.trim().to_lowercase();
    let is_number = lower.chars().all(|c| c.is_ascii_digit() || "+ -()./".contains(c));
    if is_number { lower.chars().filter(char::is_ascii_digit).collect() } else { lower }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
