//! Finds heads of HTTP/1 that give two lengths for one body, a sign of request smuggling.
//!
//! hyper takes Transfer-Encoding and drops Content-Length without a word (RFC 9112 §6.1 allows that), so nobody behind it
//! can tell. Here the bytes are looked at as lines, without any idea of where bodies end: a head has no empty line in it,
//! so both headers of one head are always seen together. A body that holds such a text can raise a false alarm; it counts
//! only for a request that itself has Transfer-Encoding.

/// Longest beginning of a line that is looked at: `transfer-encoding:`.
const NAME: usize = 18;

/// The lines of a connection so far.
#[derive(Debug, Default)]
pub(super) struct Heads {
    line: Vec<u8>,
    has_length: bool,
    has_coding: bool,
}

// === impl Heads ===

impl Heads {
    /// Looks at the next bytes; whether they complete a pair of lines that belong to no one head.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> bool {
        let mut found = false;
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.keep(&rest[..end]);
            found |= self.end_line();
            rest = &rest[end + 1..];
        }
        self.keep(rest);
        found
    }

    fn keep(&mut self, part: &[u8]) {
        let room = NAME.saturating_sub(self.line.len());
        self.line.extend_from_slice(&part[..part.len().min(room)]);
    }

    fn end_line(&mut self) -> bool {
        let is_named = |name: &str| {
            self.line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        };
        let is_empty = self.line.is_empty() || self.line == b"\r";
        if is_empty {
            (self.has_length, self.has_coding) = (false, false);
        } else {
            let (length, coding) = (is_named("content-length:"), is_named("transfer-encoding:"));
            self.has_length |= length;
            self.has_coding |= coding;
        }
        self.line.clear();
        self.has_length && self.has_coding
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_lengths_in_one_head_are_seen_however_they_come() {
        for (text, expected) in [
            ("POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", true),
            ("POST / HTTP/1.1\ntransfer-ENCODING:chunked\nA: b\ncontent-length:0\n\n", true),
            (
                "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                false,
            ),
            ("POST / HTTP/1.1\r\nX-Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", false),
        ] {
            assert_eq!(Heads::default().feed(text.as_bytes()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_size_of_reads_makes_no_difference(before in "[a-z\r\n:-]{0,60}", cut in 0usize..120) {
            let text = format!("{before}\nContent-Length: 3\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
            let (first, second) = text.as_bytes().split_at(cut.min(text.len()));
            let mut heads = Heads::default();
            let early = heads.feed(first);
            prop_assert!(heads.feed(second) || early);
        }
    }
}
