//! The chain: the bytes that are hashed, how an entry is linked, how a walk finds what does not hold.
//!
//! The README states the form byte by byte. SHA-256 is FIPS 180-4.

use std::collections::BTreeMap;

use denizen_kit::id::UserId;
use denizen_kit::seal::sha256;
use thiserror::Error;

use crate::model::{Content, Draft};
use crate::notary::Place;

/// The form of the hashed bytes; the first byte of each.
const FORM: u8 = 1;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// What stands before the first entry: 32 zero bytes.
pub const GENESIS: Hash = [0; 32];

/// One link, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Place in the chain, from 1.
    pub seq: i64,
    /// Role of the service whose event it is.
    pub producer: String,
    /// Place of the event in that service's log.
    pub producer_seq: i64,
    /// [`digest`] of the contents.
    pub digest: Vec<u8>,
    /// [`hash`] of the link.
    pub hash: Vec<u8>,
}

/// The end of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Seq of the last entry; 0 when there is none.
    pub seq: i64,
    /// Hash of the last entry; [`GENESIS`] when there is none.
    pub hash: Vec<u8>,
}

/// The contents of an entry in canonical form.
pub fn canonical(content: &Content) -> Vec<u8> {
    let mut out = Vec::with_capacity(192 + content.details.len());
    out.push(FORM);
    out.extend_from_slice(content.id.as_bytes());
    out.extend_from_slice(&content.at.as_microsecond().to_be_bytes());
    put(&mut out, content.action.as_bytes());
    put(&mut out, content.actor.as_bytes());
    put_optional(&mut out, content.subject.map(UserId::uuid).as_ref().map(|id| id.as_bytes().as_slice()));
    put_optional(&mut out, content.ip_owner.map(UserId::uuid).as_ref().map(|id| id.as_bytes().as_slice()));
    put_optional(&mut out, content.ip.as_deref());
    put(&mut out, content.request_id.as_bytes());
    put(&mut out, content.result.as_bytes());
    put(&mut out, content.details.as_bytes());
    out
}

/// SHA-256 over the canonical form of the contents.
pub fn digest(content: &Content) -> Hash {
    sha256(&canonical(content))
}

/// SHA-256 over the hash before and the link's own fields.
pub fn hash(previous: &[u8], link: &Link) -> Hash {
    let mut bytes = Vec::with_capacity(128);
    bytes.extend_from_slice(previous);
    bytes.push(FORM);
    bytes.extend_from_slice(&link.seq.to_be_bytes());
    put(&mut bytes, link.producer.as_bytes());
    bytes.extend_from_slice(&link.producer_seq.to_be_bytes());
    bytes.extend_from_slice(&link.digest);
    sha256(&bytes)
}

/// The bytes with their length before them.
fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// 0, or 1 and the bytes with their length before them.
fn put_optional(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    out.push(u8::from(bytes.is_some()));
    if let Some(bytes) = bytes {
        put(out, bytes);
    }
}

// === impl Head ===

impl Default for Head {
    fn default() -> Self {
        Self { seq: 0, hash: GENESIS.to_vec() }
    }
}

impl Head {
    /// Links an entry to the chain.
    pub(crate) fn append(&mut self, producer: &str, draft: &Draft) -> Link {
        let mut link = Link {
            seq: self.seq + 1,
            producer: producer.to_owned(),
            producer_seq: draft.producer_seq,
            digest: digest(&draft.content).to_vec(),
            hash: Vec::new(),
        };
        link.hash = hash(&self.hash, &link).to_vec();
        *self = Self { seq: link.seq, hash: link.hash.clone() };
        link
    }
}

/// The first entry that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its seq.
    pub seq: i64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// A link is not there, or stands where another belongs.
    #[error("the entry is missing or stands in the wrong place")]
    Order,
    /// The contents are gone, and no signed statement says that retention took them.
    #[error("its contents are missing, and retention did not take them")]
    ContentsGone,
    /// The contents do not have their digest.
    #[error("its contents are not those that were recorded")]
    ContentsChanged,
    /// The link does not have its hash.
    #[error("its link was changed, or does not follow from the entry before")]
    Link,
    /// The producer's log has a gap before it.
    #[error("events of {producer} are missing before it: {after} is followed by {found}")]
    Gap {
        /// Whose log.
        producer: String,
        /// Place of the last event before the gap.
        after: i64,
        /// Place of the first event after it.
        found: i64,
    },
    /// The chain ends before its head, or before a signed checkpoint.
    #[error("the trail ends before it, though it was longer")]
    Short,
    /// The head does not have the hash of the last entry.
    #[error("the head of the trail is not this entry")]
    Head,
    /// The chain has fewer or more events of a producer than were taken in.
    #[error("the trail does not end where the log of {producer} was taken in")]
    Position {
        /// Whose log.
        producer: String,
    },
    /// The head does not have the signature of this installation.
    #[error("the trail was rewritten from here on or later: its end is not signed, or under another key")]
    Unsigned,
    /// Something is stored outside the chain.
    #[error("it is stored outside the trail")]
    Stray,
    /// A statement does not have the signature of this installation.
    #[error("a signed statement about it is not genuine, or was made under another key")]
    Statement,
    /// The chain is not the one that was signed.
    #[error(
        "the trail was rewritten from here on or later: it is not the one that was signed at {checkpoint}"
    )]
    Rewritten {
        /// Seq of the checkpoint.
        checkpoint: i64,
    },
    /// A checkpoint was taken away.
    #[error("a signed checkpoint before the one at this entry is missing")]
    CheckpointGone,
}

/// A walk along the chain from its beginning, or from a place that is known to hold.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    reached: Head,
    producers: BTreeMap<String, i64>,
}

// === impl Walk ===

impl Walk {
    /// A walk from a place on.
    pub(crate) fn from(place: &Place) -> Self {
        let hash = hex::decode(&place.hash).unwrap_or_default();
        let reached = if place.seq == 0 { Head::default() } else { Head { seq: place.seq, hash } };
        Self { reached, producers: place.positions.clone() }
    }

    /// The last entry that holds.
    pub fn reached(&self) -> &Head {
        &self.reached
    }

    /// Where the walk is.
    pub(crate) fn place(&self) -> Place {
        place(&self.reached, self.producers.clone())
    }

    /// Goes to the next link. It must hang on the one before, its contents must be there and be the ones that were
    /// hashed, unless they were removed, and no event of its producer may be left out.
    pub fn step(&mut self, link: &Link, content: Option<&Content>, is_removed: bool) -> Result<(), Broken> {
        let expected = self.reached.seq + 1;
        let broken = |fault| Err(Broken { seq: link.seq, fault });
        if link.seq != expected {
            return Err(Broken { seq: link.seq.min(expected), fault: Fault::Order });
        }
        match content {
            None if !is_removed => return broken(Fault::ContentsGone),
            Some(content) if digest(content).as_slice() != link.digest => {
                return broken(Fault::ContentsChanged);
            }
            _ => {}
        }
        if hash(&self.reached.hash, link).as_slice() != link.hash {
            return broken(Fault::Link);
        }
        match self.producers.get_mut(&link.producer) {
            Some(after) if link.producer_seq != *after + 1 => {
                let (producer, found) = (link.producer.clone(), link.producer_seq);
                return broken(Fault::Gap { producer, after: *after, found });
            }
            Some(position) => *position = link.producer_seq,
            None => drop(self.producers.insert(link.producer.clone(), link.producer_seq)),
        }
        self.reached = Head { seq: link.seq, hash: link.hash.clone() };
        Ok(())
    }

    /// Ends at the head. The walk must have reached it, and each producer's last event must be the one up to which
    /// its log was taken in: else the chain was cut short.
    pub fn finish(&self, head: &Head, positions: &BTreeMap<String, i64>) -> Result<(), Broken> {
        let next = self.reached.seq + 1;
        if self.reached.seq != head.seq {
            return Err(Broken { seq: next, fault: Fault::Short });
        }
        if self.reached.hash != head.hash {
            return Err(Broken { seq: head.seq, fault: Fault::Head });
        }
        let of = |positions: &BTreeMap<String, i64>, producer| positions.get(producer).copied().unwrap_or(0);
        for producer in self.producers.keys().chain(positions.keys()) {
            if of(&self.producers, producer) != of(positions, producer) {
                return Err(Broken { seq: next, fault: Fault::Position { producer: producer.clone() } });
            }
        }
        Ok(())
    }
}

/// The place of a head.
pub(crate) fn place(head: &Head, positions: BTreeMap<String, i64>) -> Place {
    Place { seq: head.seq, hash: hex::encode(&head.hash), positions }
}

#[cfg(test)]
mod tests;
