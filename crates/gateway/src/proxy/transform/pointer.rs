//! Places in a JSON document, named as RFC 6901 says.

use super::mistake::Mistake;

/// Most segments of a pointer.
const MOST_SEGMENTS: usize = 16;

/// A JSON pointer (RFC 6901). A name without a slash is a member of the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer(Vec<String>);

// === impl Pointer ===

impl Pointer {
    /// Reads a pointer, or the name of a member of the root.
    pub(crate) fn parse(text: &str) -> Result<Self, Mistake> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let Some(tail) = text.strip_prefix('/') else {
            return if text.contains('/') {
                Err(Mistake::new(format!("`{text}` has a slash inside; write `/{text}` for a JSON pointer")))
            } else {
                Ok(Self(vec![text.to_owned()]))
            };
        };
        let segments: Vec<String> = tail.split('/').map(unescape).collect::<Result<_, _>>()?;
        if segments.len() > MOST_SEGMENTS {
            return Err(Mistake::new(format!("`{text}` is too deep; name at most {MOST_SEGMENTS} segments")));
        }
        Ok(Self(segments))
    }

    /// Reads a pointer to a place below the root.
    pub(crate) fn below_root(text: &str) -> Result<Self, Mistake> {
        if text.is_empty() {
            return Err(Mistake::new("the whole body cannot be meant here; name a member, such as `/name`"));
        }
        Self::parse(text)
    }

    pub(super) fn segments(&self) -> &[String] {
        &self.0
    }

    /// The place of a member below this one, named as the last segment of another.
    pub(super) fn with_last_of(&self, other: &Self) -> Self {
        let mut segments = self.0.clone();
        segments.extend(other.0.last().cloned());
        Self(segments)
    }

    /// The pointer as text.
    pub(super) fn text(&self) -> String {
        let escaped = self.0.iter().map(|segment| segment.replace('~', "~0").replace('/', "~1"));
        escaped.fold(String::new(), |text, segment| text + "/" + &segment)
    }
}

fn unescape(segment: &str) -> Result<String, Mistake> {
    let mut plain = String::with_capacity(segment.len());
    let mut rest = segment.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '~' => match rest.next() {
                Some('0') => plain.push('~'),
                Some('1') => plain.push('/'),
                _ => {
                    return Err(Mistake::new(format!(
                        "`{segment}` has a bare `~`; write ~0 for ~ and ~1 for /"
                    )));
                }
            },
            _ => plain.push(letter),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_read_as_rfc_6901_says() {
        let segments = |text: &str| Pointer::parse(text).unwrap().0;
        assert_eq!(segments(""), Vec::<String>::new());
        assert_eq!(segments("/"), [""]);
        assert_eq!(segments("/a~1b/m~0n/0"), ["a/b", "m~n", "0"]);
        assert_eq!(segments("userName"), ["userName"]);
        assert_eq!(Pointer::parse("/a~1b/m~0n").unwrap().text(), "/a~1b/m~0n");
    }

    #[test]
    fn a_mistake_says_what_to_write() {
        let said = |text: &str| Pointer::parse(text).unwrap_err().to_string();
        assert_eq!(said("/a~2"), "`a~2` has a bare `~`; write ~0 for ~ and ~1 for /");
        assert_eq!(said("a/b"), "`a/b` has a slash inside; write `/a/b` for a JSON pointer");
        assert!(said(&"/a".repeat(17)).contains("at most 16"));
        assert!(Pointer::below_root("").is_err());
    }
}
