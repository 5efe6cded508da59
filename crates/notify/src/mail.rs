//! A letter as an e-mail: one recipient, headers that nobody but us writes.

use denizen_kit::time::Timestamp;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};

use crate::model::{Failure, Letter, MessageId};

/// Longest address that a server has to take (RFC 5321 §4.5.3.1.3, erratum 1690), in bytes.
const MAX_ADDRESS: usize = 254;

/// Builds the mail. Trying again gives the same `Message-ID`, so that whoever gets it twice can tell.
pub fn build(
    from: &Mailbox,
    host: &str,
    id: MessageId,
    letter: &Letter,
    now: Timestamp,
) -> Result<Message, Failure> {
    let to = address(&letter.to)?;
    let unusable = Failure::permanent("unusable_mail");
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.clone()]).map_err(|_| unusable)?;
    // Marks it as not written by a person, so that out-of-office programs do not answer (RFC 3834 §5).
    let automatic =
        HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(letter.subject.clone())
        .date(now.into())
        .message_id(Some(format!("<{id}@{host}>")))
        .raw_header(automatic)
        .envelope(envelope)
        .multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone()))
        .map_err(|_| unusable)
}

/// One address, fit for a header and a command: no control characters, no spaces, no brackets; a domain in other
/// letters than ASCII in its ASCII form (RFC 5891), since most servers take no other.
fn address(text: &str) -> Result<Address, Failure> {
    let bad = Failure::permanent("bad_address");
    let unsafe_character = |c: char| c.is_control() || c.is_whitespace() || "<>,;".contains(c);
    if text.len() > MAX_ADDRESS || text.contains(unsafe_character) {
        return Err(bad);
    }
    let (user, domain) = text.rsplit_once('@').ok_or(bad)?;
    let domain =
        if domain.is_ascii() { domain.to_owned() } else { idna::domain_to_ascii(domain).map_err(|_| bad)? };
    Address::new(user, domain).map_err(|_| bad)
}

/// The host of a URL, for people and for message ids; `localhost` when there is none.
pub fn host(url: &str) -> String {
    let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let fit = |host: &String| host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c));
    host.filter(fit).unwrap_or_else(|| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(to: &str) -> Letter {
        Letter {
            to: to.into(),
            subject: "Grüße".into(),
            text: "Hallo\n.\nEnde".into(),
            html: "<p>Hallo</p>".into(),
        }
    }

    fn built(to: &str) -> Result<Message, Failure> {
        let from = "Denizen <no-reply@id.example.test>".parse().unwrap();
        build(&from, "id.example.test", MessageId::nil(), &letter(to), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn headers_are_ours_and_stable() {
        let text = String::from_utf8(built("ada@example.test").unwrap().formatted()).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        for line in [
            "From: Denizen <no-reply@id.example.test>",
            "To: ada@example.test",
            "Message-ID: <00000000-0000-0000-0000-000000000000@id.example.test>",
            "Auto-Submitted: auto-generated",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000",
        ] {
            assert!(head.lines().any(|found| found == line), "{line} in {head}");
        }
        assert!(text.is_ascii(), "no server needs 8BITMIME for it");
    }

    #[test]
    fn an_address_cannot_add_a_recipient_or_a_header() {
        for bad in [
            "\"x\r\nBcc: eve@evil.test\"@example.test",
            "ada@example.test\r\nBcc: eve@evil.test",
            "ada@example.test, eve@evil.test",
            "ada@example.test> RCPT TO:<eve@evil.test",
            "<ada@example.test>",
            "ada example.test",
            "@example.test",
            "ada@",
            "",
            "\0@example.test",
            "\"a b\"@example.test",
        ] {
            assert_eq!(built(bad).unwrap_err(), Failure::permanent("bad_address"), "{bad:?}");
        }
        assert!(built(&format!("{}@example.test", "a".repeat(250))).is_err());
    }

    #[test]
    fn one_recipient_whatever_the_spelling() {
        for (to, expected) in
            [("ada@example.test", "ada@example.test"), ("ada@exämple.test", "ada@xn--exmple-cua.test")]
        {
            let mail = built(to).unwrap();
            assert_eq!(mail.envelope().to(), [expected.parse::<Address>().unwrap()]);
        }
    }

    #[test]
    fn the_host_of_a_link_is_fit_for_a_header() {
        for (url, expected) in [
            ("https://id.example.test:8443/base", "id.example.test"),
            ("http://127.0.0.1:8080", "127.0.0.1"),
            ("http://[::1]:8080", "[::1]"),
            ("nonsense", "localhost"),
            ("", "localhost"),
        ] {
            assert_eq!(host(url), expected, "{url}");
        }
    }
}
