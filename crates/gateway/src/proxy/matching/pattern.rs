//! Patterns of paths: `/shop/{id}/items`, `/shop/{*rest}`; and templates that are filled with what they captured.

use std::sync::Arc;

use crate::edge::path;

/// One part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(Box<str>),
    /// One segment that is not empty.
    One(Arc<str>),
    /// Everything from here on, be it nothing. Only at the end.
    Rest(Arc<str>),
}

/// A segment that stands for any: none of the system's own paths has it.
const ANY: &str = "~";

/// More segments than any of the system's own paths has.
const DEEP: usize = 32;

/// The pattern of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: Arc<str>,
    pub(super) segments: Vec<Segment>,
}

/// What a pattern captured of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Captures {
    /// The pattern, as it was written.
    pub(crate) pattern: Arc<str>,
    values: Vec<(Arc<str>, String)>,
}

/// A path with places for captures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Captured(Box<str>),
}

// === impl Pattern ===

impl Pattern {
    /// Reads a pattern.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("{text:?}: {why}"));
        let Some(rest) = text.strip_prefix('/') else { return wrong("a path begins with /") };
        let mut segments: Vec<Segment> = Vec::new();
        let count = rest.split('/').count();
        for (place, part) in rest.split('/').enumerate() {
            let segment = Segment::parse(part).map_err(|why| format!("{text:?}: {why}"))?;
            let is_last = place + 1 == count;
            if matches!(segment, Segment::Rest(_)) && !is_last {
                return wrong("{*…} stands at the end only");
            }
            if segment == Segment::Literal("".into()) && !is_last {
                return wrong("a segment is empty");
            }
            if let Some(name) = segment.name()
                && segments.iter().any(|earlier| earlier.name() == Some(name))
            {
                return wrong("a name stands twice");
            }
            segments.push(segment);
        }
        Ok(Self { text: text.into(), segments })
    }

    /// The pattern as it was written.
    pub(crate) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The names of what it captures.
    pub(crate) fn names(&self) -> Vec<String> {
        self.segments.iter().filter_map(Segment::name).map(str::to_owned).collect()
    }

    /// The first segment, if it says one thing only.
    pub(crate) fn first(&self) -> Option<&str> {
        match self.segments.first() {
            Some(Segment::Literal(text)) => Some(text),
            _ => None,
        }
    }

    /// Paths that stand for all that match, where paths are told apart by their literals and their length: `{name}` is
    /// a segment that no literal is, and `{*rest}` nothing, an empty segment, one, and very many.
    pub(crate) fn samples(&self) -> Vec<String> {
        let (is_open, fixed) = match self.segments.split_last() {
            Some((Segment::Rest(_), fixed)) => (true, fixed),
            _ => (false, self.segments.as_slice()),
        };
        let mut base = String::new();
        for segment in fixed {
            base.push('/');
            match segment {
                Segment::Literal(text) => base.push_str(text),
                Segment::One(_) | Segment::Rest(_) => base.push_str(ANY),
            }
        }
        if !is_open {
            return vec![base];
        }
        let nothing = if base.is_empty() { "/".to_owned() } else { base.clone() };
        let many = base.clone() + &["/", ANY].concat().repeat(DEEP);
        vec![nothing, format!("{base}/"), format!("{base}/{ANY}"), many]
    }

    /// What a path that matches has in the places of the names.
    pub(crate) fn capture(&self, path: &str) -> Captures {
        let mut values = Vec::new();
        let mut rest = Some(path.strip_prefix('/').unwrap_or(path));
        for segment in &self.segments {
            let here = rest.unwrap_or_default();
            let (part, tail) = here.split_once('/').map_or((here, None), |(part, tail)| (part, Some(tail)));
            match segment {
                Segment::Literal(_) => {}
                Segment::One(name) => values.push((name.clone(), part.to_owned())),
                Segment::Rest(name) => values.push((name.clone(), here.to_owned())),
            }
            rest = tail;
        }
        Captures { pattern: self.text.clone(), values }
    }
}

// === impl Captures ===

impl Captures {
    /// What was captured, by name, as it was sent.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (&**name, value.as_str()))
    }
}

// === impl Segment ===

impl Segment {
    fn parse(part: &str) -> Result<Self, String> {
        let Some(inner) = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            if part.contains(['{', '}']) {
                return Err("{…} stands for a whole segment".to_owned());
            }
            return literal(part);
        };
        let (name, is_rest) = inner.strip_prefix('*').map_or((inner, false), |name| (name, true));
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_plain) {
            return Err(format!("{part:?}: a name has letters, digits and '_'"));
        }
        Ok(if is_rest { Self::Rest(name.into()) } else { Self::One(name.into()) })
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::One(name) | Self::Rest(name) => Some(name),
        }
    }
}

/// A segment as requests have it: encoded where it must be, and nowhere else.
fn literal(part: &str) -> Result<Segment, String> {
    let mut encoded = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'?' | b'#' | b'\\' | b'^' | b'|')
        {
            encoded.push(char::from(byte));
        } else if byte.is_ascii() {
            return Err(format!("{part:?}: write such characters percent-encoded"));
        } else {
            encoded.push_str(percent_encoding::percent_encode_byte(byte));
        }
    }
    let encoded = path::normal(&encoded).into_owned();
    if path::examine(&format!("/{encoded}")).is_err() {
        return Err(format!("{part:?}: no request may have such a segment"));
    }
    Ok(Segment::Literal(encoded.into()))
}

// === impl Template ===

impl Template {
    /// Reads a template such as `/api/v1/users/{id}`; each name must be one that the pattern captures.
    pub(crate) fn parse(text: &str, pattern: &Pattern) -> Result<Self, String> {
        if !text.starts_with('/') || text.contains(['?', '#']) {
            return Err(format!("{text:?}: write a path that begins with /, without a query"));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, tail) =
                after.split_once('}').ok_or_else(|| format!("{text:?}: a {{ is not closed"))?;
            if !pattern.names().iter().any(|known| known == name) {
                return Err(format!("{text:?}: {name:?} is not captured by {}", pattern.text));
            }
            pieces.push(Piece::Text(before.into()));
            pieces.push(Piece::Captured(name.into()));
            rest = tail;
        }
        pieces.push(Piece::Text(rest.into()));
        Ok(Self(pieces))
    }

    /// The path with the captures in it.
    pub(crate) fn fill(&self, captures: &Captures) -> String {
        let value = |name: &str| captures.pairs().find(|(known, _)| *known == name).map(|(_, value)| value);
        self.0.iter().fold(String::new(), |path, piece| match piece {
            Piece::Text(text) => path + text,
            Piece::Captured(name) => path + value(name).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_capture_what_they_name() {
        let pattern = Pattern::parse("/shop/{id}/{*rest}").unwrap();
        let captures = pattern.capture("/shop/a%20b/c/d/");
        assert_eq!(captures.pairs().collect::<Vec<_>>(), [("id", "a%20b"), ("rest", "c/d/")]);
        assert_eq!(pattern.capture("/shop/a").pairs().last(), Some(("rest", "")));
        let template = Template::parse("/v2/{rest}/of/{id}", &pattern).unwrap();
        assert_eq!(template.fill(&captures), "/v2/c/d//of/a%20b");
    }

    #[test]
    fn samples_stand_for_all_that_match() {
        let samples = |text: &str| Pattern::parse(text).unwrap().samples();
        assert_eq!(samples("/"), ["/"]);
        assert_eq!(samples("/shop/{id}/"), ["/shop/~/"]);
        let many = "/~".repeat(DEEP);
        assert_eq!(samples("/{*rest}"), ["/", "/", "/~", &many]);
        assert_eq!(samples("/a/{*rest}"), ["/a", "/a/", "/a/~", &format!("/a{many}")]);
    }

    #[test]
    fn what_could_not_match_is_a_mistake() {
        for bad in [
            "",
            "shop",
            "/a//b",
            "/{*rest}/b",
            "/{}",
            "/{a}{b}",
            "/x{a}",
            "/{a}/{a}",
            "/..",
            "/a b",
            "/a?b",
            "/{a-b}",
        ] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
        for good in ["/", "/a/", "/{*rest}", "/a/{b}/c", "/café", "/users:batch"] {
            assert!(Pattern::parse(good).is_ok(), "{good}");
        }
        let pattern = Pattern::parse("/{id}").unwrap();
        for bad in ["x", "/{other}", "/{id", "/a?b={id}"] {
            assert!(Template::parse(bad, &pattern).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_literal_is_in_the_form_of_requests() {
        let pattern = Pattern::parse("/café/%61").unwrap();
        assert_eq!(pattern.segments[0], Segment::Literal("caf%C3%A9".into()));
        assert_eq!(pattern.segments[1], Segment::Literal("a".into()));
    }
}
