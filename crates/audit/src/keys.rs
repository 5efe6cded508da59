//! The keys that open and seal addresses of callers.

use std::collections::HashMap;

use denizen_db::SOURCE_PLACE;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::seal::{Key, Root};
use denizen_rpc::events::internal::v1::Event;
use denizen_rpc::{KeyRing, Links, place};

use crate::model::{Content, SealedIp, ip_owners};

/// What a caller's address is in an entry.
const IP: &str = "audit/ip";

/// The keys that open and seal addresses of callers.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Opens what rides in events.
    events: Key,
    /// Seals addresses that belong to no known person.
    own: Key,
    /// The data keys of people.
    people: KeyRing,
}

// === impl Keys ===

impl Keys {
    /// The keys of this service.
    pub fn new(root: &Root, links: &Links) -> Self {
        Self {
            events: root.events(),
            own: root.service("audit/ip"),
            people: KeyRing::new(links.of(Role::Audit)),
        }
    }

    /// Seals the caller's address of each event anew: for the subject, else the actor, else the service. An address
    /// whose people are all erased is left out.
    pub(crate) async fn reseal(&self, cx: &Cx, events: &[Event]) -> Result<Vec<Option<SealedIp>>, Problem> {
        self.forget_erased(events);
        let with_source = || events.iter().filter(|event| !event.source.is_empty());
        let owners: Vec<UserId> = with_source().flat_map(ip_owners).collect();
        let keys = self.people.get_many(cx, &owners).await?;
        Ok(events.iter().map(|event| self.reseal_one(event, &keys)).collect())
    }

    /// Drops the keys of people who were erased, sooner than their lease ends.
    fn forget_erased(&self, events: &[Event]) {
        let erased = events.iter().filter(|event| event.r#type == "user.erased");
        erased.filter_map(|event| event.subject.parse().ok()).for_each(|person| self.people.forget(person));
    }

    fn reseal_one(&self, event: &Event, keys: &HashMap<UserId, Key>) -> Option<SealedIp> {
        if event.source.is_empty() {
            return None;
        }
        let Ok(address) = self.events.open_text(SOURCE_PLACE, &event.source) else {
            tracing::warn!(
                event = event.id,
                "the caller's address of an event does not open; it is left out"
            );
            return None;
        };
        let mut owners = ip_owners(event).peekable();
        if owners.peek().is_none() {
            return Some(SealedIp { owner: None, sealed: self.own.seal_text(&nobodys_place(), &address) });
        }
        let (owner, key) = owners.find_map(|owner| keys.get(&owner).map(|key| (owner, key)))?;
        Some(SealedIp { owner: Some(owner), sealed: key.seal_text(&place(owner, IP), &address) })
    }

    /// The caller's address of each entry, where the key that seals it still exists.
    pub(crate) async fn open(&self, cx: &Cx, contents: &[&Content]) -> Result<Vec<Option<String>>, Problem> {
        let owners: Vec<UserId> = contents.iter().filter_map(|content| content.ip_owner).collect();
        let keys = self.people.get_many(cx, &owners).await?;
        Ok(contents.iter().map(|content| self.open_one(content, &keys)).collect())
    }

    fn open_one(&self, content: &Content, keys: &HashMap<UserId, Key>) -> Option<String> {
        let sealed = content.ip.as_deref()?;
        match content.ip_owner {
            Some(owner) => keys.get(&owner)?.open_text(&place(owner, IP), sealed).ok(),
            None => self.own.open_text(&nobodys_place(), sealed).ok(),
        }
    }
}

fn nobodys_place() -> Vec<u8> {
    place(UserId::nil(), IP)
}
