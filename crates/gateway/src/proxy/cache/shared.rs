//! The second level: answers on the server that nodes share, for what is not in a node's own memory.
//!
//! Only answers that anybody may get are there: what is for one person stays in the memory of the node that fetched it.
//! A purge leaves a mark with its time, and an answer that was asked for before the mark's time is not taken: so an
//! answer that was on its way to the server when the purge came is refused too, whichever node it came from.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use denizen_cache::Cache;
use denizen_kit::seal::sha256;
use denizen_kit::time::{Timestamp, before, from_micros};
use futures::future::join_all;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::entry::Entry;
use super::freshness::Terms;
use super::key::{Key, variant};
use super::purge::Purge;

/// The largest answer on the server, in bytes: a longer one would keep limits waiting that share the connection.
const LARGEST: usize = 128 << 10;

/// The longest that an answer stays on the server, and a mark at least as long.
const LONGEST: Duration = Duration::from_hours(1);

/// How far apart the clocks of nodes may be.
const SKEW: Duration = Duration::from_secs(2);

/// How many purges wait for a server that is away; with more, all answers are void when it is back.
const MOST_PENDING: usize = 256;

/// What stands before each kind of value.
const NAMES: u8 = b'N';
const ANSWER: u8 = b'A';

/// Answers on the server.
#[derive(Debug)]
pub(super) struct Shared {
    cache: Cache,
    /// Purges that the server has not been told of.
    pending: Mutex<Vec<(Purge, Timestamp)>>,
}

/// All of an answer but its body.
#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
    /// Seconds: lifetime, stale-while-revalidate, stale-if-error.
    spans: [u64; 3],
    /// `always_validate`, `never_stale`, `is_open`.
    flags: [bool; 3],
    /// Unix microseconds: asked, received.
    times: [i64; 2],
    initial_age_ms: u64,
    vary: Vec<String>,
    tags: Vec<Box<str>>,
}

// === impl Shared ===

impl Shared {
    /// None when nothing is shared: the cache is this process's memory.
    pub(super) fn new(cache: &Cache) -> Option<Self> {
        (cache.kind() != "memory").then(|| Self { cache: cache.clone(), pending: Mutex::default() })
    }

    /// The answer to a request like this, if it is there and no purge has met it.
    pub(super) async fn find(&self, key: &Key, request: &HeaderMap) -> Option<Entry> {
        if key.principal.is_some() || !self.is_usable() {
            return None;
        }
        let plain = digest(key, &[]);
        let mut value = self.cache.get(&plain).await?;
        let mut names = Vec::new();
        if value.first() == Some(&NAMES) {
            names = read_names(&value)?;
            value = self.cache.get(&digest(key, &variant(&names, request))).await?;
        }
        let entry = decode(&value, request)?;
        let is_meant = entry.vary == names;
        (is_meant && !self.is_purged(key, &entry).await).then_some(entry)
    }

    /// Keeps an answer, if it may be there. Whether it may.
    pub(super) async fn put(&self, key: &Key, entry: &Entry, now: Timestamp) -> bool {
        let span = entry.useful_for(now).min(LONGEST);
        if key.principal.is_some() || entry.weight() > LARGEST || span.is_zero() || !self.is_usable() {
            return false;
        }
        let Some(value) = encode(entry) else { return false };
        if !entry.vary.is_empty() {
            let names: Vec<&str> = entry.vary.iter().map(HeaderName::as_str).collect();
            let text = [&[NAMES], names.join(",").as_bytes()].concat();
            self.cache.set(&digest(key, &[]), &text, LONGEST).await;
        }
        self.cache.set(&digest(key, &entry.variant), &value, span).await;
        true
    }

    /// Tells the server of a purge, or remembers to.
    pub(super) async fn mark(&self, purge: &Purge, at: Timestamp) {
        self.cache.set(&mark_of(purge), at.as_microsecond().to_string().as_bytes(), 2 * LONGEST).await;
        if self.cache.healthy() {
            return;
        }
        let mut pending = self.pending();
        if pending.len() >= MOST_PENDING {
            *pending = vec![(Purge::All, at)];
        } else {
            pending.push((purge.clone(), at));
        }
    }

    /// The purges that the server could not be told of, if it can be told now.
    pub(super) fn take_pending(&self) -> Vec<(Purge, Timestamp)> {
        if self.cache.healthy() { std::mem::take(&mut *self.pending()) } else { Vec::new() }
    }

    /// Whether the server is there and has been told of all purges.
    pub(super) fn is_usable(&self) -> bool {
        self.cache.healthy() && self.pending().is_empty()
    }

    async fn is_purged(&self, key: &Key, entry: &Entry) -> bool {
        let tags = entry.tags.iter().map(|tag| Purge::Tag(tag.clone().into_string()));
        let path = Purge::Path(Some(key.host.clone().into_string()), key.path.clone().into_string());
        let marks: Vec<String> = tags.chain([path, Purge::All]).map(|purge| mark_of(&purge)).collect();
        let times = join_all(marks.iter().map(|mark| self.cache.get(mark))).await;
        let read = |time: Vec<u8>| String::from_utf8(time).ok()?.parse().ok().map(from_micros);
        // A mark that cannot be read is a mark all the same.
        let mut times = times.into_iter().flatten().map(|time| read(time).unwrap_or(Timestamp::MAX));
        times.any(|purged| before(entry.asked, SKEW) <= purged)
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Vec<(Purge, Timestamp)>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of an answer on the server: it says nothing of what was asked for.
fn digest(key: &Key, variant: &[u8]) -> String {
    let scheme: &[u8] = if key.is_https { b"https" } else { b"http" };
    let parts =
        [key.route.as_bytes(), scheme, key.host.as_bytes(), key.path.as_bytes(), key.query.as_bytes()];
    format!("gateway:answer:{}", hex::encode(&hash(parts.into_iter().chain([variant]))[..16]))
}

/// The name of a purge's mark. What a list of all answers would be needed for makes all of them void.
fn mark_of(purge: &Purge) -> String {
    let (kind, parts): (_, [&[u8]; 2]) = match purge {
        Purge::Tag(tag) => ("tag", [tag.as_bytes(), b""]),
        Purge::Path(Some(site), path) => ("path", [site.as_bytes(), path.as_bytes()]),
        Purge::Path(None, _) | Purge::Prefix(..) | Purge::Route(_) | Purge::All => ("all", [b"", b""]),
    };
    format!("gateway:purged:{kind}:{}", hex::encode(&hash(parts)[..16]))
}

/// A digest of parts that cannot run into each other.
fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut text = Vec::new();
    for part in parts {
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part);
    }
    sha256(&text)
}

fn encode(entry: &Entry) -> Option<Vec<u8>> {
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).ok();
    let headers = entry.headers.iter().map(|(name, value)| Some((name.as_str().to_owned(), text(value)?)));
    let Terms { lifetime, stale_while_revalidate, stale_if_error, always_validate, never_stale, is_open } =
        entry.terms;
    let head = Head {
        status: entry.status.as_u16(),
        headers: headers.collect::<Option<_>>()?,
        spans: [lifetime, stale_while_revalidate, stale_if_error].map(|span| span.as_secs()),
        flags: [always_validate, never_stale, is_open],
        times: [entry.asked, entry.received].map(Timestamp::as_microsecond),
        initial_age_ms: u64::try_from(entry.initial_age.as_millis()).ok()?,
        vary: entry.vary.iter().map(|name| name.as_str().to_owned()).collect(),
        tags: entry.tags.clone(),
    };
    let head = serde_json::to_vec(&head).ok()?;
    let length = u32::try_from(head.len()).ok()?;
    Some([&[ANSWER], &length.to_be_bytes()[..], &head, &entry.body].concat())
}

fn decode(value: &[u8], request: &HeaderMap) -> Option<Entry> {
    let rest = value.strip_prefix(&[ANSWER])?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (head, body) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    let mut headers = HeaderMap::with_capacity(head.headers.len());
    for (name, value) in head.headers {
        headers.append(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
    }
    let vary: Vec<HeaderName> =
        head.vary.iter().map(|name| HeaderName::try_from(name).ok()).collect::<Option<_>>()?;
    let [lifetime, stale_while_revalidate, stale_if_error] = head.spans.map(Duration::from_secs);
    let [always_validate, never_stale, is_open] = head.flags;
    let [asked, received] = head.times.map(from_micros);
    Some(Entry {
        status: StatusCode::from_u16(head.status).ok()?,
        headers,
        body: Bytes::copy_from_slice(body),
        terms: Terms {
            lifetime,
            stale_while_revalidate,
            stale_if_error,
            always_validate,
            never_stale,
            is_open,
        },
        asked,
        received,
        initial_age: Duration::from_millis(head.initial_age_ms),
        variant: variant(&vary, request),
        vary,
        tags: head.tags,
    })
}

fn read_names(value: &[u8]) -> Option<Vec<HeaderName>> {
    let text = std::str::from_utf8(value.strip_prefix(&[NAMES])?).ok()?;
    text.split(',').map(|name| HeaderName::try_from(name).ok()).collect()
}
