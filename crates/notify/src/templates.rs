//! The words of every message, in every language, from files that are part of the binary.

use denizen_kit::time::{Timestamp, elapsed};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use crate::model::{Channel, Letter, Template};
use crate::names::{Language, greeting};
use crate::sources::SOURCES;
use crate::wish::Content;

/// What the words of a message depend on.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// The person's name, as they gave it.
    pub name: String,
    /// Code; empty for none.
    pub code: String,
    /// Link; empty for none.
    pub link: String,
    /// How long code or link is good for, in minutes; 0 when nothing is to be said.
    pub minutes: u64,
    /// When and from where that came which is told.
    pub origin: Origin,
    /// Host of this system, so that people know where the message is from.
    pub host: String,
}

/// When and from where something came; each is empty when nothing is to be said.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// When, in UTC.
    pub when: String,
    /// From which address.
    pub ip: String,
    /// What the client calls itself.
    pub device: String,
}

/// The templates, read once.
#[derive(Debug)]
pub struct Templates(Environment<'static>);

/// What a file of a template holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Subject,
    Text,
    Html,
    Sms,
}

// === impl Part ===

impl Part {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Text => "txt",
            Self::Html => "html",
            Self::Sms => "sms",
        }
    }
}

// === impl Templates ===

impl Templates {
    /// Reads all templates.
    pub fn new() -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        // By what the part is, never by what a file happens to be called: a name is text to a reader of HTML.
        environment.set_auto_escape_callback(|name| match name.rsplit_once('.') {
            Some((_, "html")) => AutoEscape::Html,
            _ => AutoEscape::None,
        });
        for (name, source) in SOURCES {
            environment.add_template(name, source)?;
        }
        Ok(Self(environment))
    }

    /// Writes a message. The address is for the envelope only and never becomes part of the words.
    pub fn write(
        &self,
        template: Template,
        channel: Channel,
        language: Language,
        words: &Words,
    ) -> Result<Letter, minijinja::Error> {
        let letter = match channel {
            Channel::Email => Letter {
                to: String::new(),
                subject: one_line(&self.part(template, Part::Subject, language, words)?),
                text: self.part(template, Part::Text, language, words)?,
                html: self.part(template, Part::Html, language, words)?,
            },
            Channel::Sms | Channel::Push => Letter {
                to: String::new(),
                subject: String::new(),
                text: self.part(template, Part::Sms, language, words)?.trim().to_owned(),
                html: String::new(),
            },
        };
        Ok(letter)
    }

    /// Writes what a service wants said, in its own words. `about` is the reader's name, and the host of this system.
    pub(crate) fn write_custom(
        &self,
        channel: Channel,
        language: Language,
        content: &Content,
        about: (&str, &str),
    ) -> Result<Letter, minijinja::Error> {
        let (name, host) = about;
        let hello = if content.greets { hello(language, name) } else { String::new() };
        let parts = [hello.as_str(), content.body.trim(), content.link.as_str()];
        let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
        if channel != Channel::Email {
            let subject = if channel == Channel::Push { one_line(&content.subject) } else { String::new() };
            return Ok(Letter { to: String::new(), subject, text, html: String::new() });
        }
        let paragraphs = [hello.as_str()].into_iter().chain(content.body.split("\n\n")).map(str::trim);
        let paragraphs: Vec<String> = paragraphs.filter(|it| !it.is_empty()).map(str::to_owned).collect();
        let subject = one_line(&content.subject);
        let html = self.0.get_template("custom.html")?.render(context! {
            lang => language.as_str(),
            title => subject.clone(),
            paragraphs => paragraphs,
            link => link(&content.link),
            host => host,
        })?;
        Ok(Letter { to: String::new(), subject, text, html })
    }

    fn part(
        &self,
        template: Template,
        part: Part,
        language: Language,
        words: &Words,
    ) -> Result<String, minijinja::Error> {
        let name = format!("{}/{}.{}", language.as_str(), template.as_str(), part.suffix());
        self.0.get_template(&name)?.render(context! {
            lang => language.as_str(),
            name => greeting(&words.name),
            code => &words.code,
            link => link(&words.link),
            minutes => words.minutes,
            when => &words.origin.when,
            ip => &words.origin.ip,
            device => greeting(&words.origin.device),
            host => &words.host,
        })
    }
}

/// The greeting of a notice.
fn hello(language: Language, name: &str) -> String {
    let word = match language {
        Language::English => "Hello",
        Language::German => "Guten Tag",
    };
    match greeting(name).as_str() {
        "" => format!("{word},"),
        name => format!("{word} {name},"),
    }
}

/// A link without any character that means something in HTML needs no escaping, and is easier on mail programs.
fn link(link: &str) -> Value {
    let plain = link.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/?=%[]".contains(c));
    if plain { Value::from_safe_string(link.to_owned()) } else { Value::from(link) }
}

/// A header's text: one line without control characters.
fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How long until then, in whole minutes, rounded up; 0 when it is over or longer than two hours, which nobody
/// counts in minutes.
pub fn minutes_until(end: Option<&prost_types::Timestamp>, now: Timestamp) -> u64 {
    let Some(end) = end.and_then(|end| Timestamp::new(end.seconds, end.nanos).ok()) else { return 0 };
    let minutes = elapsed(now, end).as_secs().div_ceil(60);
    if minutes <= 120 { minutes } else { 0 }
}

#[cfg(test)]
#[path = "templates_tests.rs"]
mod tests;
