//! The index of routes: hosts, and for each a tree of segments.

use std::collections::HashMap;

use super::host::HostPattern;
use super::pattern::{Pattern, Segment};

/// What a candidate is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The one.
    Take,
    /// Another may be.
    Next,
}

/// Routes by host and path.
#[derive(Debug, Default)]
pub(crate) struct Index {
    exact: HashMap<String, Node>,
    /// The longest first.
    below: Vec<(String, Node)>,
    any: Node,
}

/// A place in a tree: the routes that end here, those that take everything from here on, and the places below.
#[derive(Debug, Default)]
struct Node {
    literals: HashMap<Box<str>, Node>,
    one: Option<Box<Node>>,
    here: Vec<usize>,
    rest: Vec<usize>,
}

// === impl Index ===

impl Index {
    /// Adds a route. Of routes with the same host and path the one that was added first is looked at first.
    pub(crate) fn add(&mut self, hosts: &[HostPattern], pattern: &Pattern, route: usize) {
        if hosts.is_empty() {
            self.any.add(&pattern.segments, route);
        }
        for host in hosts {
            let node = match host {
                HostPattern::Exactly(name) => self.exact.entry(name.clone()).or_default(),
                HostPattern::Below(suffix) => self.below(suffix),
            };
            node.add(&pattern.segments, route);
        }
    }

    /// Whether some routes are for hosts that they name.
    pub(crate) fn names_hosts(&self) -> bool {
        !self.exact.is_empty() || !self.below.is_empty()
    }

    fn below(&mut self, suffix: &str) -> &mut Node {
        let place = self.below.iter().position(|(known, _)| known == suffix).unwrap_or_else(|| {
            let place = self.below.partition_point(|(known, _)| known.len() >= suffix.len());
            self.below.insert(place, (suffix.to_owned(), Node::default()));
            place
        });
        &mut self.below[place].1
    }

    /// Shows the candidates for a host and a path, the most specific first, until one is taken.
    pub(crate) fn find(
        &self,
        host: &str,
        path: &str,
        look: &mut dyn FnMut(usize) -> Verdict,
    ) -> Option<usize> {
        let rest = path.strip_prefix('/')?;
        let exact = self.exact.get(host).into_iter();
        let below = self.below.iter().filter(|(suffix, _)| is_below(host, suffix)).map(|(_, node)| node);
        let mut trees = exact.chain(below).chain([&self.any]);
        trees.find_map(|tree| tree.find(Some(rest), look))
    }
}

fn is_below(host: &str, suffix: &str) -> bool {
    host.len() > suffix.len() && host.ends_with(suffix)
}

// === impl Node ===

impl Node {
    fn add(&mut self, segments: &[Segment], route: usize) {
        match segments.split_first() {
            None => self.here.push(route),
            Some((Segment::Rest(_), _)) => self.rest.push(route),
            Some((Segment::Literal(text), below)) => {
                self.literals.entry(text.clone()).or_default().add(below, route);
            }
            Some((Segment::One(_), below)) => self.one.get_or_insert_default().add(below, route),
        }
    }

    /// Looks below a place. Each place is visited once at most.
    fn find(&self, rest: Option<&str>, look: &mut dyn FnMut(usize) -> Verdict) -> Option<usize> {
        let taken = |list: &[usize], look: &mut dyn FnMut(usize) -> Verdict| {
            list.iter().copied().find(|route| look(*route) == Verdict::Take)
        };
        let Some(rest) = rest else {
            return taken(&self.here, look).or_else(|| taken(&self.rest, look));
        };
        let (segment, tail) = rest.split_once('/').map_or((rest, None), |(part, tail)| (part, Some(tail)));
        let by_name = self.literals.get(segment).and_then(|node| node.find(tail, look));
        let one = self.one.as_deref().filter(|_| !segment.is_empty());
        by_name.or_else(|| one.and_then(|node| node.find(tail, look))).or_else(|| taken(&self.rest, look))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The routes that are shown for a host and a path, in their order.
    fn order(routes: &[(&str, &str)], host: &str, path: &str) -> Vec<usize> {
        let mut index = Index::default();
        for (place, (host, path)) in routes.iter().enumerate() {
            let hosts: Vec<HostPattern> =
                host.split_whitespace().map(|host| HostPattern::parse(host).unwrap()).collect();
            index.add(&hosts, &Pattern::parse(path).unwrap(), place);
        }
        let mut seen = Vec::new();
        let found = index.find(host, path, &mut |route| {
            seen.push(route);
            Verdict::Next
        });
        assert_eq!(found, None);
        seen
    }

    #[test]
    fn the_more_specific_path_is_looked_at_first() {
        let routes = [
            ("", "/{*rest}"),
            ("", "/shop/{*rest}"),
            ("", "/shop/{id}"),
            ("", "/shop/new"),
            ("", "/{a}/new"),
            ("", "/shop/{id}"),
        ];
        assert_eq!(order(&routes, "", "/shop/new"), [3, 2, 5, 1, 4, 0]);
        assert_eq!(order(&routes, "", "/shop/7"), [2, 5, 1, 0]);
        assert_eq!(order(&routes, "", "/shop/7/x"), [1, 0]);
        assert_eq!(order(&routes, "", "/shop"), [1, 0], "a route of all below a path takes the path itself");
        assert_eq!(order(&routes, "", "/shop/"), [1, 0], "an empty segment is no {{id}}");
        assert_eq!(order(&routes, "", "/"), [0]);
        assert_eq!(order(&routes, "", "/shopping/new"), [4, 0]);
    }

    #[test]
    fn the_host_counts_before_the_path() {
        let routes = [
            ("", "/a"),
            ("*.example", "/{*rest}"),
            ("*.shop.example", "/a"),
            ("a.shop.example", "/{*rest}"),
            ("a.shop.example b.example", "/a"),
        ];
        assert_eq!(order(&routes, "a.shop.example", "/a"), [4, 3, 2, 1, 0]);
        assert_eq!(order(&routes, "b.example", "/a"), [4, 1, 0]);
        assert_eq!(order(&routes, "example", "/a"), [0], "a name is not below itself");
        assert_eq!(order(&routes, "evilshop.example", "/a"), [1, 0]);
    }
}
