//! An entry, what an event becomes as one, and what a list can be asked for.

use denizen_kit::caller::Role;
use denizen_kit::id::UserId;
use denizen_kit::time::{Timestamp, from_micros};
use denizen_rpc::events::internal::v1::Event;
use serde::de::IgnoredAny;
use uuid::Uuid;

use crate::error::{Error, Result};

mod class;
mod filter;
mod position;
mod tally;

pub(crate) use class::Class;
pub(crate) use filter::{Filter, Key, Range};
pub(crate) use position::Position;
pub(crate) use tally::{
    DEAD, DELIVERED, FAILED_LOGINS, LIVE, LOGINS, REGISTRATIONS, ROLE, SESSIONS, STATUS, Tally, day_of,
};

/// The services whose events become entries; audit is one of them.
pub const PRODUCERS: [Role; 6] =
    [Role::Users, Role::Auth, Role::Password, Role::Otp, Role::Notify, Role::Audit];

/// What an entry says, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Id of the entry, which is the id of its event.
    pub id: Uuid,
    /// When it happened, in whole microseconds, not before 1970.
    pub at: Timestamp,
    /// What happened: `noun.verb_past`.
    pub action: String,
    /// Who did it: a user id, `service:<name>`, or empty for an anonymous caller.
    pub actor: String,
    /// The person it is about.
    pub subject: Option<UserId>,
    /// Whose data key seals the address; without one it is the service's own key.
    pub ip_owner: Option<UserId>,
    /// Address of the caller, sealed.
    pub ip: Option<Vec<u8>>,
    /// Id of the request.
    pub request_id: String,
    /// `ok`, `failed` or `refused`.
    pub result: String,
    /// A JSON object; personal data in it is sealed.
    pub details: String,
}

/// An entry that has no place in the chain yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    /// Its event's place in the producer's log.
    pub(crate) producer_seq: i64,
    /// What it says.
    pub(crate) content: Content,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done.
    Ok,
    /// It was tried and did not succeed.
    Failed,
    /// It was not allowed.
    Refused,
}

// === impl Outcome ===

impl Outcome {
    /// The outcome's word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }

    /// The outcome of a word.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let known =
            [Self::Ok, Self::Failed, Self::Refused].into_iter().find(|outcome| outcome.as_str() == text);
        known.ok_or_else(|| Error::Field {
            pointer: "/result",
            code: "invalid",
            detail: "result is ok, failed or refused".to_owned(),
        })
    }

    /// The outcome that a type of event tells.
    pub(crate) fn of(kind: &str) -> Self {
        match kind.rsplit(['.', '_']).next() {
            Some("failed") => Self::Failed,
            Some("refused") => Self::Refused,
            _ => Self::Ok,
        }
    }
}

// === impl Draft ===

impl Draft {
    /// The entry of an event, with the caller's address sealed anew, or without it.
    ///
    /// Every event gives an entry, even one that is not well formed: a log that stood still at a bad event would
    /// record nothing after it.
    pub(crate) fn of(event: &Event, ip: Option<SealedIp>) -> Self {
        let (ip_owner, ip) = ip.map_or((None, None), |ip| (ip.owner, Some(ip.sealed)));
        let content = Content {
            id: event.id.parse().unwrap_or_default(),
            at: from_micros(event.at.max(0)),
            action: storable(action_of(&event.r#type)),
            actor: storable(&event.actor),
            subject: event.subject.parse().ok(),
            ip_owner,
            ip,
            request_id: storable(&event.request_id),
            result: Outcome::of(&event.r#type).as_str().to_owned(),
            details: details_of(&event.data),
        };
        Self { producer_seq: event.seq, content }
    }
}

/// An address of a caller, sealed for the trail.
#[derive(Clone, Debug)]
pub(crate) struct SealedIp {
    /// Whose data key seals it; the service's own without one.
    pub(crate) owner: Option<UserId>,
    /// The sealed bytes.
    pub(crate) sealed: Vec<u8>,
}

/// The action that a type of event stands for.
fn action_of(kind: &str) -> &str {
    match kind {
        "session.started" => "auth.login",
        "session.ended" => "auth.logout",
        other => other,
    }
}

/// The text without NUL, which not every engine can store.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The event's data, byte by byte, if it is a JSON object, and else an object that holds it as text.
fn details_of(data: &str) -> String {
    let is_object = data.starts_with('{') && serde_json::from_str::<IgnoredAny>(data).is_ok();
    if is_object { data.to_owned() } else { serde_json::json!({ "data": data }).to_string() }
}

/// Whose data keys may seal the caller's address, best first: the actor's, whose address it is, then the subject's,
/// for one who has yet to log in.
pub(crate) fn ip_owners(event: &Event) -> impl Iterator<Item = UserId> {
    [&event.actor, &event.subject].into_iter().filter_map(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, data: &str) -> Event {
        Event {
            seq: 7,
            id: "0192aa00-0000-7000-8000-000000000001".to_owned(),
            r#type: kind.to_owned(),
            version: 1,
            at: 1_700_000_000_000_001,
            subject: "0192aa00-0000-7000-8000-00000000000a".to_owned(),
            actor: "service:auth".to_owned(),
            request_id: "request-1".to_owned(),
            source: Vec::new(),
            data: data.to_owned(),
        }
    }

    #[test]
    fn actions_and_results() {
        let told = |kind: &str| {
            let content = Draft::of(&event(kind, "{}"), None).content;
            (content.action, content.result)
        };
        for (kind, action, result) in [
            ("session.started", "auth.login", "ok"),
            ("session.ended", "auth.logout", "ok"),
            ("auth.login_failed", "auth.login_failed", "failed"),
            ("access.refused", "access.refused", "refused"),
            ("user.created", "user.created", "ok"),
            ("audit.read", "audit.read", "ok"),
        ] {
            assert_eq!(told(kind), (action.to_owned(), result.to_owned()), "{kind}");
        }
    }

    #[test]
    fn details_keep_their_bytes() {
        let data = "{ \"reason\" : \"logout\", \"b\":1,\"a\":2 }";
        assert_eq!(Draft::of(&event("session.ended", data), None).content.details, data);
    }

    #[test]
    fn a_bad_event_still_gives_an_entry() {
        for data in ["", "[1]", "{", "\"text\"", "\0"] {
            let details = Draft::of(&event("x.done", data), None).content.details;
            let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&details).unwrap();
            assert_eq!(object["data"], data);
            assert!(!details.contains('\0'));
        }
        let broken = Event {
            id: "?".into(),
            at: i64::MIN,
            subject: "?".into(),
            actor: "a\0b".into(),
            ..event("x", "{}")
        };
        let content = Draft::of(&broken, None).content;
        assert_eq!((content.id, content.subject), (Uuid::nil(), None));
        assert_eq!((content.at, content.actor.as_str()), (Timestamp::UNIX_EPOCH, "a\u{fffd}b"));
    }

    #[test]
    fn the_address_is_the_actors_before_the_subjects() {
        let actor = "0192aa00-0000-7000-8000-00000000000b";
        let both = Event { actor: actor.to_owned(), ..event("user.blocked", "{}") };
        let owners: Vec<String> = ip_owners(&both).map(|id| id.to_string()).collect();
        assert_eq!(owners, [actor, "0192aa00-0000-7000-8000-00000000000a"]);
        let nobody =
            Event { subject: String::new(), actor: String::new(), ..event("auth.login_failed", "{}") };
        assert_eq!(ip_owners(&nobody).count(), 0);
    }
}
