//! Under which key an answer is kept: everything that decides who may get it.
//!
//! A key has its parts side by side, not one text made of them, so that no part can run into the next.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, Uri};

use super::policy::CachePolicy;

/// Who asks, and for which site.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    /// Whether the client came by HTTPS.
    pub(crate) is_https: bool,
    /// The host that the client asked for, with the port if it named one.
    pub(crate) host: String,
    /// Who asks, if the request was authorised: one text for each person or service account and what they may.
    pub(crate) principal: Option<Arc<str>>,
}

/// The key of an answer; its method is always GET, which serves HEAD too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) route: Arc<str>,
    pub(super) principal: Option<Arc<str>>,
    pub(super) is_https: bool,
    pub(super) host: Box<str>,
    pub(super) path: Box<str>,
    pub(super) query: Box<str>,
}

/// Where one answer is kept: a key, and what the headers that it depends on say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) key: Arc<Key>,
    pub(super) variant: Box<[u8]>,
}

// === impl Key ===

impl Key {
    pub(super) fn new(policy: &CachePolicy, lookup: &Lookup, uri: &Uri) -> Self {
        Self {
            route: policy.route.clone(),
            principal: lookup.principal.clone(),
            is_https: lookup.is_https,
            host: canonical_host(&lookup.host, lookup.is_https),
            path: uri.path().into(),
            query: sorted_query(uri.query().unwrap_or_default(), policy.query.as_deref()).into(),
        }
    }

    /// What the key takes in memory, in bytes.
    pub(super) fn weight(&self) -> usize {
        let principal = self.principal.as_ref().map_or(0, |principal| principal.len());
        size_of::<Self>() + principal + self.host.len() + self.path.len() + self.query.len()
    }
}

/// The host in lower case, without the port that the scheme has anyway and without the dot of the root.
pub(super) fn canonical_host(host: &str, is_https: bool) -> Box<str> {
    let host = host.to_ascii_lowercase();
    let default_port = if is_https { ":443" } else { ":80" };
    let host = host.strip_suffix(default_port).unwrap_or(&host);
    host.strip_suffix('.').unwrap_or(host).into()
}

/// The query in the order of its names; values of one name stay in theirs. With `named`, those names only.
fn sorted_query(query: &str, named: Option<&[String]>) -> String {
    let mut items: Vec<&str> = counted_items(query, named).collect();
    items.sort_by_key(|item| name_of(item));
    items.join("&")
}

/// The query that goes to the upstream: what does not count in the key must not change the answer.
pub(super) fn counted_query(query: &str, named: Option<&[String]>) -> String {
    counted_items(query, named).collect::<Vec<_>>().join("&")
}

fn counted_items<'a>(query: &'a str, named: Option<&'a [String]>) -> impl Iterator<Item = &'a str> {
    let items = query.split('&').filter(|item| !item.is_empty());
    items.filter(move |item| named.is_none_or(|named| named.iter().any(|name| name == name_of(item))))
}

fn name_of(item: &str) -> &str {
    item.split_once('=').map_or(item, |(name, _)| name)
}

/// What the request says in these headers, which are in order. Names and values cannot hold a 0.
pub(super) fn variant(names: &[HeaderName], headers: &HeaderMap) -> Box<[u8]> {
    let mut text = Vec::new();
    for name in names {
        text.extend_from_slice(name.as_str().as_bytes());
        text.push(0);
        // A header that is not there differs from an empty one; several are one list (RFC 9110 §5.3).
        for (index, value) in headers.get_all(name).iter().enumerate() {
            text.extend_from_slice(if index == 0 { b"=" } else { b", " });
            text.extend_from_slice(value.as_bytes().trim_ascii());
        }
        text.push(0);
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::proxy::cache::policy::CacheSpec;

    fn key(route: &str, lookup: &Lookup, target: &str) -> Key {
        let policy = CachePolicy::compile(route, &CacheSpec::default()).unwrap();
        Key::new(&policy, lookup, &Uri::try_from(target).unwrap())
    }

    fn lookup(host: &str, principal: Option<&str>) -> Lookup {
        Lookup { is_https: true, host: host.to_owned(), principal: principal.map(Into::into) }
    }

    #[test]
    fn one_site_has_one_name_and_the_order_of_a_query_does_not_count() {
        let plain = key("r", &lookup("shop.example", None), "/a?b=2&a=1");
        assert_eq!(plain, key("r", &lookup("SHOP.example:443", None), "/a?a=1&b=2"));
        assert_eq!(plain, key("r", &lookup("shop.example.", None), "/a?a=1&&b=2"));
        for other in ["/a?a=1", "/a?a=1&b=3", "/A?a=1&b=2", "/a/?a=1&b=2", "/a?a=1&B=2", "/a?b=2&a=1&a=0"] {
            assert_ne!(plain, key("r", &lookup("shop.example", None), other), "{other}");
        }
        let values = |target| key("r", &lookup("h", None), target);
        assert_ne!(values("/?a=1&a=2"), values("/?a=2&a=1"), "values of one name have an order");
        let http = Lookup { is_https: false, ..lookup("shop.example", None) };
        assert_ne!(plain, key("r", &http, "/a?a=1&b=2"));
        assert_ne!(plain, key("other", &lookup("shop.example", None), "/a?a=1&b=2"));
    }

    #[test]
    fn only_the_named_keys_of_a_query_count_and_only_they_go_on() {
        let named = Some(vec!["page".to_owned(), "size".to_owned()]);
        let named = named.as_deref();
        assert_eq!(sorted_query("utm=1&size=9&page=2&pages=3", named), "page=2&size=9");
        assert_eq!(counted_query("utm=1&size=9&page=2&pages=3", named), "size=9&page=2");
        assert_eq!(counted_query("b=1&a", None), "b=1&a");
        assert_eq!(sorted_query("x=1", Some(&[])), "");
    }

    #[test]
    fn variants_differ_where_headers_do() {
        let of = |list: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in list {
                headers.append(*name, HeaderValue::from_static(value));
            }
            variant(&[HeaderName::from_static("a"), HeaderName::from_static("b")], &headers)
        };
        assert_eq!(of(&[("a", "1"), ("a", "2")]), of(&[("a", "1, 2")]));
        assert_eq!(of(&[("a", " 1")]), of(&[("a", "1"), ("c", "9")]));
        let all =
            [of(&[]), of(&[("a", "")]), of(&[("a", "1")]), of(&[("b", "1")]), of(&[("a", "b"), ("b", "")])];
        for (index, one) in all.iter().enumerate() {
            assert!(all[index + 1..].iter().all(|other| other != one), "{index}");
        }
    }

    proptest! {
        /// Two requests share a key only if all that may decide the answer is the same: above all, who asks.
        #[test]
        fn keys_are_the_same_only_for_the_same_site_query_and_principal(
            left in ask(), right in ask(),
        ) {
            let same_key = left.key() == right.key();
            prop_assert_eq!(same_key, left.meaning() == right.meaning());
            if left.principal != right.principal {
                prop_assert!(!same_key);
            }
        }
    }

    #[derive(Clone, Debug)]
    struct Ask {
        route: String,
        principal: Option<String>,
        host: String,
        path: String,
        query: Vec<(String, String)>,
    }

    type Meaning = (String, Option<String>, String, String, BTreeMap<String, Vec<String>>);

    impl Ask {
        fn key(&self) -> Key {
            let query: Vec<String> =
                self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let target = format!("{}?{}", self.path, query.join("&"));
            key(&self.route, &lookup(&self.host, self.principal.as_deref()), &target)
        }

        fn meaning(&self) -> Meaning {
            let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (name, value) in &self.query {
                query.entry(name.clone()).or_default().push(value.clone());
            }
            let host = self.host.to_ascii_lowercase();
            (self.route.clone(), self.principal.clone(), host, self.path.clone(), query)
        }
    }

    /// Requests that are often nearly the same, with texts that look like separators of a key.
    fn ask() -> impl Strategy<Value = Ask> {
        let word = "[ab=]{0,2}";
        let principal = proptest::option::of("[a/?:|b]{0,3}");
        let query = proptest::collection::vec(("[ab]{1,2}", word), 0..3);
        ("[rs]", principal, "[abA]{1,2}", "/[ab/|]{0,2}", query)
            .prop_map(|(route, principal, host, path, query)| Ask { route, principal, host, path, query })
    }
}
