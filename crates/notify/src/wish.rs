//! What a service wants said, read and checked: to whom, how, in which words.

use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::Channel;

/// The template that services can fill: a greeting, a text and perhaps a link.
const NOTICE: &str = "notice";

/// Most characters of a subject, of a body, and of a text message (ten parts of 153, 3GPP TS 23.040).
const MAX_SUBJECT: usize = 200;
const MAX_BODY: usize = 20_000;
const MAX_SMS: usize = 1_530;

/// Longest token of a device, in bytes.
const MAX_TOKEN: usize = 4_096;

/// To whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The account of this id, at the address that it has when the message is written.
    Account(UserId),
    /// An address, a number or the token of a device.
    Address(String),
}

/// The words of a message, as they wait sealed in the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The address that was named; empty for the account's own.
    pub to: String,
    /// Subject; empty in a text message.
    pub subject: String,
    /// Text.
    pub body: String,
    /// A link below it; empty for none.
    #[serde(default)]
    pub link: String,
    /// Whether the reader is greeted by name.
    #[serde(default)]
    pub greets: bool,
}

/// A message to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// How it travels.
    pub channel: Channel,
    /// To whom.
    pub recipient: Recipient,
    /// The words.
    pub content: Content,
}

/// The fields of a wish, as they came.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    /// `email`, `sms` or `push`.
    pub channel: String,
    /// An address; empty for none.
    pub to: String,
    /// Id of an account; empty for none.
    pub user_id: String,
    /// Name of a template; empty for none.
    pub template: String,
    /// Subject; empty for none.
    pub subject: String,
    /// Body; empty for none.
    pub body: String,
    /// A JSON object; empty for none.
    pub data: String,
}

// === impl Wish ===

impl Wish {
    /// Reads the fields. Errors are 422 and name the field and the way out.
    pub fn read(fields: &Fields) -> Result<Self, Problem> {
        let unknown = || Problem::invalid("/channel", "unknown", "the channel is email, sms or push");
        let channel = Channel::parse(&fields.channel).ok_or_else(unknown)?;
        let recipient = recipient(channel, fields)?;
        let data = data(&fields.data)?;
        let content = match fields.template.as_str() {
            "" => free(fields, &data)?,
            NOTICE if fields.body.is_empty() && fields.subject.is_empty() => notice(&data)?,
            NOTICE => return Err(invalid("/body", "conflict", "give a template or a body, not both")),
            _ => {
                return Err(invalid(
                    "/template",
                    "unknown",
                    "the template is notice; or give subject and body",
                ));
            }
        };
        let to = match &recipient {
            Recipient::Address(address) => address.clone(),
            Recipient::Account(_) => String::new(),
        };
        let content = Content { to, ..content };
        check_lengths(channel, &content)?;
        Ok(Self { channel, recipient, content })
    }
}

fn invalid(pointer: &'static str, code: &'static str, detail: &'static str) -> Problem {
    Problem::invalid(pointer, code, detail)
}

fn recipient(channel: Channel, fields: &Fields) -> Result<Recipient, Problem> {
    match (fields.to.trim(), fields.user_id.as_str()) {
        ("", "") => Err(invalid("/to", "required", "say to whom: to (an address) or user_id")),
        ("", id) => {
            let unreadable = |_| invalid("/user_id", "invalid_format", "user_id is the id of an account");
            Ok(Recipient::Account(id.parse().map_err(unreadable)?))
        }
        (_, id) if !id.is_empty() => Err(invalid("/to", "conflict", "give to or user_id, not both")),
        (address, _) => Ok(Recipient::Address(checked_address(channel, address)?)),
    }
}

fn checked_address(channel: Channel, address: &str) -> Result<String, Problem> {
    let fits = match channel {
        Channel::Email => address.parse::<lettre::Address>().is_ok(),
        Channel::Sms => is_number(address),
        Channel::Push => address.len() <= MAX_TOKEN && address.bytes().all(|byte| byte.is_ascii_graphic()),
    };
    let problem = match channel {
        Channel::Email => {
            invalid("/to", "invalid_format", "give one e-mail address, such as ada@example.com")
        }
        Channel::Sms => {
            invalid("/to", "invalid_format", "give a number with its country, such as +4915112345678")
        }
        Channel::Push => invalid("/to", "invalid_format", "give the token of one device"),
    };
    if fits { Ok(address.to_owned()) } else { Err(problem) }
}

/// Whether it could be a number: 5 to 15 digits (ITU-T E.164), as people write them.
fn is_number(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let rest = text.strip_prefix('+').unwrap_or(text);
    (5..=15).contains(&digits) && rest.chars().all(|c| c.is_ascii_digit() || " -()./".contains(c))
}

fn data(text: &str) -> Result<Map<String, Value>, Problem> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_str(text).map_err(|_| invalid("/data", "invalid_type", "data is a JSON object"))
}

/// Words of the sender's own, with data in the places of `{{name}}`.
fn free(fields: &Fields, data: &Map<String, Value>) -> Result<Content, Problem> {
    if fields.body.trim().is_empty() {
        return Err(invalid("/body", "required", "give a body, or a template with its data"));
    }
    let subject = fill("/subject", &fields.subject, data)?;
    Ok(Content { subject, body: fill("/body", &fields.body, data)?, ..Content::default() })
}

/// The notice: `title`, `text` and, if there is something to open, `link`.
fn notice(data: &Map<String, Value>) -> Result<Content, Problem> {
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let content = Content {
        subject: text("title"),
        body: text("text"),
        link: text("link"),
        greets: true,
        to: String::new(),
    };
    if content.body.is_empty() {
        return Err(invalid("/data/text", "required", "the notice needs a text"));
    }
    let is_web =
        |link: &str| url::Url::parse(link).is_ok_and(|link| matches!(link.scheme(), "https" | "http"));
    if !content.link.is_empty() && !is_web(&content.link) {
        return Err(invalid("/data/link", "invalid_format", "the link starts with https://"));
    }
    Ok(content)
}

/// A text with the members of `data` in the places of `{{name}}`. Nothing in a value is a place again.
fn fill(pointer: &'static str, text: &str, data: &Map<String, Value>) -> Result<String, Problem> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let open = || invalid(pointer, "invalid_format", "a place is written {{name}}; this one has no end");
        let (name, after) = after.split_once("}}").ok_or_else(open)?;
        filled.push_str(before);
        match data.get(name.trim()) {
            Some(Value::String(value)) => filled.push_str(value),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => filled.push_str(&value.to_string()),
            _ => {
                let detail = "a place {{name}} needs a text or a number of that name in data";
                return Err(invalid(pointer, "missing_data", detail));
            }
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn check_lengths(channel: Channel, content: &Content) -> Result<(), Problem> {
    if channel == Channel::Email && content.subject.trim().is_empty() {
        return Err(invalid("/subject", "required", "a mail needs a subject"));
    }
    if content.subject.chars().count() > MAX_SUBJECT {
        return Err(invalid("/subject", "too_long", "a subject has at most 200 characters"));
    }
    let most = if channel == Channel::Sms { MAX_SMS } else { MAX_BODY };
    if content.body.chars().count() + content.link.chars().count() > most {
        let detail = format!("this is too long: at most {most} characters go this way");
        return Err(Problem::new(Code::ValidationFailed, "the message is too long")
            .with_field("/body", "too_long", detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(channel: &str, to: &str) -> Fields {
        let (subject, body) = ("Order {{id}}".to_owned(), "{{ name }}, it is on its way.".to_owned());
        let data = r#"{"id": 7, "name": "{{id}}"}"#.to_owned();
        Fields { channel: channel.to_owned(), to: to.to_owned(), subject, body, data, ..Fields::default() }
    }

    fn pointer(fields: &Fields) -> String {
        Wish::read(fields).unwrap_err().fields[0].pointer.clone()
    }

    #[test]
    fn data_takes_its_places_once() {
        let wish = Wish::read(&fields("email", "ada@example.test")).unwrap();
        assert_eq!(
            (wish.content.subject.as_str(), wish.content.body.as_str()),
            ("Order 7", "{{id}}, it is on its way.")
        );
        assert_eq!(wish.recipient, Recipient::Address("ada@example.test".to_owned()));
    }

    #[test]
    fn every_field_that_does_not_fit_is_named() {
        let good = fields("email", "ada@example.test");
        for (bad, at) in [
            (Fields { channel: "pigeon".into(), ..good.clone() }, "/channel"),
            (Fields { to: String::new(), ..good.clone() }, "/to"),
            (Fields { to: "ada@example.test, eve@example.test".into(), ..good.clone() }, "/to"),
            (Fields { user_id: "x".into(), ..good.clone() }, "/to"),
            (Fields { to: String::new(), user_id: "x".into(), ..good.clone() }, "/user_id"),
            (Fields { data: "[]".into(), ..good.clone() }, "/data"),
            (Fields { data: "{}".into(), ..good.clone() }, "/subject"),
            (Fields { subject: String::new(), ..good.clone() }, "/subject"),
            (Fields { subject: "x".repeat(201), ..good.clone() }, "/subject"),
            (Fields { body: " ".into(), ..good.clone() }, "/body"),
            (Fields { body: "{{id".into(), ..good.clone() }, "/body"),
            (Fields { body: "x".repeat(20_001), ..good.clone() }, "/body"),
            (Fields { template: "welcome".into(), ..good.clone() }, "/template"),
            (Fields { template: "notice".into(), ..good.clone() }, "/body"),
            (Fields { body: "x".repeat(1_531), ..fields("sms", "+4915112345678") }, "/body"),
            (fields("sms", "ada@example.test"), "/to"),
            (fields("push", "two tokens"), "/to"),
        ] {
            assert_eq!(pointer(&bad), at, "{bad:?}");
        }
    }

    #[test]
    fn a_notice_is_filled_by_its_data() {
        let notice = |data: &str| Fields {
            subject: String::new(),
            body: String::new(),
            template: "notice".into(),
            data: data.into(),
            ..fields("email", "ada@example.test")
        };
        let wish =
            Wish::read(&notice(r#"{"title": "News", "text": "Look.", "link": "https://shop.test/7"}"#))
                .unwrap();
        assert!(wish.content.greets && wish.content.link == "https://shop.test/7");
        assert_eq!(pointer(&notice(r#"{"title": "News"}"#)), "/data/text");
        assert_eq!(pointer(&notice(r#"{"title": "x", "text": "x", "link": "javascript:x"}"#)), "/data/link");
    }
}
