//! Which paths are refused before anything looks at them: those that two readers could read differently. A route may
//! take some of them in for an upstream that needs them; what climbs (`..`, however it is written) no route takes.

use std::borrow::Cow;

use denizen_kit::problem::Problem;

/// How often percent-encoding is taken off in the search for what climbs.
const MAX_ROUNDS: usize = 4;

/// What is odd about a path: nothing, for most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Oddities {
    /// Percent-encoding of what separates or disguises segments (`%2F`, `%5C`, `%2E`, `%3B`, `%25`), or of no UTF-8.
    pub(crate) encoded: bool,
    /// Empty segments (`//`).
    pub(crate) empty: bool,
    /// Parameters of segments (`;`).
    pub(crate) parameters: bool,
}

// === impl Oddities ===

impl Oddities {
    /// Whether there are none.
    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }

    /// Whether each of them is allowed.
    pub(crate) fn within(self, allowed: Self) -> bool {
        self.encoded <= allowed.encoded
            && self.empty <= allowed.empty
            && self.parameters <= allowed.parameters
    }
}

/// What is odd about a path; refused is what no route takes: dot segments, backslashes, characters that are none
/// (RFC 3986 §6.2.2; OWASP path confusion).
pub(crate) fn examine(path: &str) -> Result<Oddities, Problem> {
    if !path.starts_with('/') {
        return Err(refused());
    }
    let mut odd = Oddities { empty: path.contains("//"), ..Oddities::default() };
    if climbs(path) {
        return Err(refused());
    }
    if path.bytes().all(is_plain) {
        return Ok(odd);
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            odd.parameters |= byte == b';';
            if !byte.is_ascii_graphic() || byte == b'\\' {
                return Err(refused());
            }
            decoded.push(byte);
            continue;
        }
        let (value, tail) = hexadecimal(tail).ok_or_else(refused)?;
        if value.is_ascii_control() {
            return Err(refused());
        }
        odd.encoded |= matches!(value, b'/' | b'\\' | b'.' | b'%' | b';');
        decoded.push(value);
        rest = tail;
    }
    match std::str::from_utf8(&decoded) {
        Ok(text) if text.chars().any(char::is_control) => return Err(refused()),
        Ok(_) => {}
        Err(_) => odd.encoded = true,
    }
    if (odd.encoded || odd.parameters) && climbs_in_disguise(decoded) { Err(refused()) } else { Ok(odd) }
}

/// Lets a path pass that has one reading only.
pub(crate) fn check(path: &str) -> Result<(), Problem> {
    if examine(path)?.is_none() { Ok(()) } else { Err(refused()) }
}

/// The refusal of a path.
pub(crate) fn refused() -> Problem {
    Problem::malformed(
        "the path has empty or dot segments, or characters that are not accepted; send it plainly",
    )
}

/// The one form of a path that is matched and passed on: what need not be encoded is not, and hexadecimal digits are
/// capitals (RFC 3986 §6.2.2).
pub(crate) fn normal(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        normal.push_str(before);
        rest = after;
        let Some((value, _)) = hexadecimal(after.as_bytes()) else {
            normal.push('%');
            continue;
        };
        rest = &after[2..];
        if value.is_ascii_alphanumeric() || matches!(value, b'-' | b'.' | b'_' | b'~') {
            normal.push(char::from(value));
        } else {
            normal.push('%');
            normal.push_str(&after[..2].to_ascii_uppercase());
        }
    }
    normal.push_str(rest);
    if normal == path { Cow::Borrowed(path) } else { Cow::Owned(normal) }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~' | b'@' | b':' | b'+' | b',')
        || matches!(byte, b'=' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*')
}

/// The byte of two hexadecimal digits, and what follows them.
fn hexadecimal(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, tail) = text.split_at_checked(2)?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = digit(digits[0])? * 16 + digit(digits[1])?;
    Some((u8::try_from(value).ok()?, tail))
}

fn climbs(path: &str) -> bool {
    path.split('/').any(|segment| segment == "." || segment == "..")
}

/// Whether there are dot segments once encoding is taken off, however often it was put on.
fn climbs_in_disguise(mut bytes: Vec<u8>) -> bool {
    for _ in 0..MAX_ROUNDS {
        let is_dots = |segment: &[u8]| {
            let bare = segment.split(|byte| *byte == b';').next().unwrap_or_default();
            bare == b"." || bare == b".."
        };
        if bytes.split(|byte| matches!(byte, b'/' | b'\\')).any(is_dots) {
            return true;
        }
        let mut decoded = Vec::with_capacity(bytes.len());
        let mut rest = bytes.as_slice();
        while let Some((&byte, tail)) = rest.split_first() {
            let hidden = if byte == b'%' { hexadecimal(tail) } else { None };
            let (byte, tail) = hidden.unwrap_or((byte, tail));
            decoded.push(byte);
            rest = tail;
        }
        if decoded.len() == bytes.len() {
            return false;
        }
        bytes = decoded;
    }
    // Whoever wraps a path so often wants it misread.
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reading_only() {
        let refused = [
            "/public/../v1/users",
            "/v1/%2e%2e/v1/users",
            "//v1//users",
            "/v1/users%2f..",
            "/v1/users%2F",
            "/v1/users;x",
            "/v1/users%3bx",
            "/v1/%252e",
            "/v1\\users",
            "/v1%5cusers",
            "/v1/users%00",
            "/v1/./users",
            "/v1/users/..",
            "/v1/%zz",
            "/v1/%4",
            "/v1/%+f",
            "/v1/%ff",
            "/v1/users%0a",
            "*",
            "",
            "/a b",
            "/v1/%c2%80",
        ];
        for path in refused {
            assert!(check(path).is_err(), "{path}");
        }
        for path in
            ["/", "/api/v1/users/", "/.well-known/jwks.json", "/a/%C3%A4", "/a/x%20y", "/...", "/a/b.c"]
        {
            assert!(check(path).is_ok(), "{path}");
        }
    }

    #[test]
    fn what_is_odd_is_named_and_what_climbs_refused() {
        let odd = |path: &str| examine(path).map(|odd| (odd.encoded, odd.empty, odd.parameters)).ok();
        assert_eq!(odd("/a/b"), Some((false, false, false)));
        for encoded in ["/group%2Fproject", "/a%5Cb", "/a%25b", "/a%3Bb", "/a%ff", "/a%2eb"] {
            assert_eq!(odd(encoded), Some((true, false, false)), "{encoded}");
        }
        assert_eq!(odd("/a//b;c"), Some((false, true, true)));
        for climbing in [
            "/a/../b",
            "/a%2f..%2fb",
            "/a/%2e%2e/b",
            "/a%5c..%5cb",
            "/a/%252e%252e/b",
            "/a%252f..%252fb",
            "/a/..%3bx/b",
            "/a/%25252525252e/b",
        ] {
            assert_eq!(odd(climbing), None, "{climbing}");
        }
    }

    #[test]
    fn a_path_has_one_form() {
        assert_eq!(normal("/%61dmin/%c3%a4/%2f%7E"), "/admin/%C3%A4/%2F~");
        assert!(matches!(normal("/plain"), Cow::Borrowed(_)));
        assert!(matches!(normal("/a%20b"), Cow::Borrowed(_)));
    }
}
