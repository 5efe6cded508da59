//! A path with references in its segments.

use denizen_kit::problem::{Code, Problem};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::facts::Facts;
use super::json::Json;
use super::mistake::Mistake;
use super::reference::{Found, Reference, Scope};
use super::template::{Piece, Template};

/// What is encoded in a segment: all but the unreserved characters of RFC 3986 §2.3.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path whose references find parts of segments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PathTemplate(Template);

// === impl PathTemplate ===

impl PathTemplate {
    pub(crate) fn parse(text: &str, scope: Scope<'_>) -> Result<Self, Mistake> {
        if !text.starts_with('/') {
            return Err(Mistake::new(format!("`{text}` is no path; start it with a slash")));
        }
        let template = Template::parse(text, scope)?;
        for piece in template.pieces() {
            if let Piece::Text(plain) = piece
                && !plain.bytes().all(is_plain)
            {
                let hint = "a path has letters, digits, slashes and -._~!$&'()*+,=:@%; write parameters under `query`";
                return Err(Mistake::new(format!("`{text}` is no path; {hint}")));
            }
        }
        Ok(Self(template))
    }

    pub(super) fn reads_body(&self) -> bool {
        self.0.reads_body()
    }

    /// The path. What came in a path stays as it was sent; what came otherwise is one segment.
    pub(crate) fn render(
        &self,
        facts: Facts<'_>,
        mut body: Option<&mut Json<'_>>,
    ) -> Result<String, Problem> {
        let mut path = String::new();
        for piece in self.0.pieces() {
            match piece {
                Piece::Text(plain) => path.push_str(plain),
                Piece::Found(reference) => {
                    let found = reference.find(facts, body.as_deref_mut())?;
                    path.push_str(&segment(reference, found)?);
                }
            }
        }
        Ok(path)
    }
}

fn segment(reference: &Reference, found: Option<Found<'_>>) -> Result<String, Problem> {
    let pointer = reference.pointer();
    let Some(found) = found else {
        return Err(Problem::invalid(&pointer, "required", "this names what the request is about; send it"));
    };
    if let Found::Path { raw, .. } = found {
        return Ok(raw);
    }
    let refused = |detail: &'static str| {
        Problem::new(Code::MalformedRequest, "a value that names a thing cannot be read").with_field(
            &pointer,
            "invalid_format",
            detail,
        )
    };
    let text = found.text().ok_or_else(|| refused("this must be a text or a number"))?;
    let is_plain = !text.contains(['/', '\\', '%', ';', '?', '#']) && !text.chars().any(char::is_control);
    if !is_plain || text == "." || text == ".." {
        return Err(refused("this must be a plain name, without slashes and the like"));
    }
    Ok(utf8_percent_encode(&text, SEGMENT).to_string())
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'/' | b'-'
                | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b'='
                | b':'
                | b'@'
                | b'%'
        )
}
