//! The chain: the bytes that are hashed, how an entry is linked, how a walk finds what does not hold.
//!
//! The README states the form byte by byte. SHA-256 is FIPS 180-4.

use std::collections::HashMap;

use denizen_kit::id::UserId;
use denizen_kit::seal::sha256;

use crate::model::{Content, Draft};

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

/// The seq of the first entry that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken(pub i64);

/// A walk along the chain from its beginning.
#[derive(Debug, Default)]
pub struct Walk {
    reached: Head,
    producers: HashMap<String, i64>,
}

// === impl Walk ===

impl Walk {
    /// The last entry that holds.
    pub fn reached(&self) -> &Head {
        &self.reached
    }

    /// Goes to the next link. It must hang on the one before, its contents must be there and be the ones that were
    /// hashed, and no event of its producer may be left out.
    pub fn step(&mut self, link: &Link, content: Option<&Content>) -> Result<(), Broken> {
        let expected = self.reached.seq + 1;
        if link.seq != expected {
            return Err(Broken(link.seq.min(expected)));
        }
        let follows = self.producers.get(&link.producer).is_none_or(|last| link.producer_seq == last + 1);
        let has_contents = content.is_some_and(|content| digest(content).as_slice() == link.digest);
        let hangs = hash(&self.reached.hash, link).as_slice() == link.hash;
        if !(follows && has_contents && hangs) {
            return Err(Broken(link.seq));
        }
        self.producers.insert(link.producer.clone(), link.producer_seq);
        self.reached = Head { seq: link.seq, hash: link.hash.clone() };
        Ok(())
    }

    /// Ends at the head. The walk must have reached it, and each producer's last event must be the one up to which
    /// its log was taken in: else the chain was cut short.
    pub fn finish(&self, head: &Head, positions: &[(&str, i64)]) -> Result<(), Broken> {
        let next = Broken(self.reached.seq + 1);
        if self.reached.seq != head.seq {
            return Err(next);
        }
        if self.reached.hash != head.hash {
            return Err(Broken(head.seq));
        }
        for (producer, position) in positions {
            if self.producers.get(*producer).copied().unwrap_or(0) != *position {
                return Err(next);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
