//! Taking answers away before their time: by tag, by address, by the beginning of an address, by route, or all.
//!
//! A fetch that began before a purge must not bring back what the purge took away: each notes where the list of purges
//! stood when it began, and its answer is not kept if one that meets it has come since.

use std::collections::VecDeque;

use denizen_kit::problem::Problem;
use http::Uri;
use serde::{Deserialize, Serialize};

use super::key::{Key, canonical_host};

/// How many purges are remembered for fetches under way; an older fetch keeps nothing.
const REMEMBERED: usize = 256;

/// What is to be taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purge {
    /// Answers with this tag.
    Tag(String),
    /// Answers to this path, whatever their query, variant or principal.
    Path(Site, String),
    /// Answers to paths that begin so.
    Prefix(Site, String),
    /// Answers of this route.
    Route(String),
    /// All answers.
    All,
}

/// The host of an address; none for every host.
pub(crate) type Site = Option<String>;

/// The purges there were.
#[derive(Debug, Default)]
pub(super) struct Purges {
    /// How many there were.
    count: u64,
    recent: VecDeque<Purge>,
}

// === impl Purge ===

impl Purge {
    /// The purge of an address: `https://shop.example/a`, or `/a` at every host. The query does not count.
    pub(crate) fn url(address: &str) -> Result<Self, Problem> {
        let (site, path) = split(address, "url")?;
        Ok(Self::Path(site, path))
    }

    /// The purge of all addresses that begin so: `https://shop.example/shop/`, or `/shop/` at every host.
    pub(crate) fn prefix(address: &str) -> Result<Self, Problem> {
        let (site, path) = split(address, "prefix")?;
        Ok(Self::Prefix(site, path))
    }

    pub(super) fn meets(&self, key: &Key, tags: &[Box<str>]) -> bool {
        let is_there = |site: &Site| site.as_ref().is_none_or(|site| **site == *key.host);
        match self {
            Self::Tag(tag) => tags.iter().any(|held| **held == **tag),
            Self::Path(site, path) => is_there(site) && **path == *key.path,
            Self::Prefix(site, path) => is_there(site) && key.path.starts_with(&**path),
            Self::Route(route) => **route == *key.route,
            Self::All => true,
        }
    }

    /// Whether it may meet an answer to this key, whose tags are not known yet.
    pub(super) fn may_meet(&self, key: &Key) -> bool {
        matches!(self, Self::Tag(_)) || self.meets(key, &[])
    }
}

/// The host and the path of an address.
fn split(address: &str, name: &str) -> Result<(Site, String), Problem> {
    let shape = format!("{name} is an address such as https://shop.example/a, or a path such as /a");
    let uri = Uri::try_from(address).map_err(|_| Problem::malformed(shape.clone()))?;
    match (uri.scheme_str(), uri.authority()) {
        (None, None) if address.starts_with('/') => Ok((None, uri.path().to_owned())),
        (Some(scheme @ ("http" | "https")), Some(authority)) => {
            let host = canonical_host(authority.as_str(), scheme == "https");
            Ok((Some(host.into_string()), uri.path().to_owned()))
        }
        _ => Err(Problem::malformed(shape)),
    }
}

// === impl Purges ===

impl Purges {
    /// Where the list stands.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn add(&mut self, purge: Purge) {
        self.count += 1;
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(purge);
    }

    /// Whether a purge that came after the list stood there meets such an answer.
    pub(super) fn met_since(&self, count: u64, key: &Key, tags: &[Box<str>]) -> bool {
        let missed = usize::try_from(self.count - count).unwrap_or(usize::MAX);
        missed > self.recent.len()
            || self.recent.iter().rev().take(missed).any(|purge| purge.meets(key, tags))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::cache::key::Lookup;
    use crate::proxy::cache::policy::{CachePolicy, CacheSpec};

    fn key(host: &str, target: &str) -> Key {
        let policy = CachePolicy::compile("orders", &CacheSpec::default()).unwrap();
        let lookup = Lookup { is_https: true, host: host.to_owned(), principal: Some("a".into()) };
        Key::new(&policy, &lookup, &Uri::try_from(target).unwrap())
    }

    #[test]
    fn purges_meet_what_they_name() {
        let key = key("shop.example", "/a/b?page=2");
        let tags = ["one".into()];
        let meets = |purge: Result<Purge, Problem>| purge.unwrap().meets(&key, &tags);
        assert!(meets(Ok(Purge::Tag("one".to_owned()))) && !meets(Ok(Purge::Tag("on".to_owned()))));
        assert!(meets(Ok(Purge::Route("orders".to_owned()))) && meets(Ok(Purge::All)));
        for url in ["https://shop.example/a/b", "https://SHOP.example:443/a/b?page=9", "/a/b"] {
            assert!(meets(Purge::url(url)), "{url}");
        }
        for url in ["https://shop.example/a", "https://other.example/a/b", "https://shop.example:8443/a/b"] {
            assert!(!meets(Purge::url(url)), "{url}");
        }
        for prefix in ["https://shop.example", "https://shop.example/a/", "/a", "/"] {
            assert!(meets(Purge::prefix(prefix)), "{prefix}");
        }
        assert!(!meets(Purge::prefix("/b")));
        for bad in ["", "a/b", "shop.example", "ftp://shop.example/a", "https://", "*"] {
            assert!(Purge::url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_fetch_older_than_what_is_remembered_keeps_nothing() {
        let (mut purges, key) = (Purges::default(), key("h", "/a"));
        let before = purges.count();
        assert!(!purges.met_since(before, &key, &[]));
        purges.add(Purge::url("/b").unwrap());
        assert!(!purges.met_since(before, &key, &[]));
        purges.add(Purge::url("/a").unwrap());
        assert!(purges.met_since(before, &key, &[]));
        assert!(!purges.met_since(purges.count(), &key, &[]));
        let before = purges.count();
        (0..=REMEMBERED).for_each(|_| purges.add(Purge::url("/b").unwrap()));
        assert!(purges.met_since(before, &key, &[]));
    }
}
