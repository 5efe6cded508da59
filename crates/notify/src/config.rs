//! Settings of notify, and what the server adds to them.

use std::time::Duration;

use denizen_kit::config::{Settings, parse_duration};
use lettre::message::Mailbox;

use crate::breaker::Rule;
use crate::smtp::SmtpUrl;

/// Most retries that can be set.
const MAX_DELAYS: usize = 20;

/// How notify works.
#[derive(Clone, Debug)]
pub struct Config {
    /// The mail server; none: the mailbox in development, waiting in production.
    pub smtp_url: Option<SmtpUrl>,
    /// Who the mails come from.
    pub smtp_from: Mailbox,
    /// How long one mail may take from connecting to the server's last answer.
    pub smtp_timeout: Duration,
    /// How long to wait before each retry after a temporary failure; after the last one the message is dead.
    pub retry_delays: Vec<Duration>,
    /// How many messages of a channel are sent at the same time.
    pub concurrency: usize,
    /// When a provider is taken to be down, and how often it is tried then.
    pub breaker: Rule,
    /// Where people reach this system, without a slash at the end: the start of every link. Set by the server.
    pub public_url: String,
    /// Development mode: what has no provider goes to the mailbox, and the mailbox can be read. Set by the server.
    pub mailbox: bool,
}

// === impl Config ===

impl Config {
    /// Reads the settings. `public_url` and `mailbox` are left for the server.
    pub fn read(settings: &mut Settings) -> Self {
        let smtp_url = read_smtp_url(settings);
        let smtp_from = settings.parse(
            "notify.smtp.from",
            "Denizen <no-reply@localhost>",
            "Who mails come from: an address, or a name and an address in angle brackets.",
            |text| text.parse().map_err(|_| "write it as name@host or Name <name@host>".to_owned()),
        );
        let smtp_timeout = settings.duration(
            "notify.smtp.timeout",
            "10s",
            "How long sending one mail may take before it counts as failed.",
        );
        let _only_one: SmsProvider = settings.value(
            "notify.sms.provider",
            "mailbox",
            "Who sends text messages: mailbox keeps them for reading in development mode; in production they wait.",
        );
        let retry_delays = settings.parse(
            "notify.retry.delays",
            "5s,1m,10m",
            "How long to wait before each retry of a message after a temporary failure; after the last one it is dead.",
            read_delays,
        );
        let concurrency = settings.parse(
            "notify.concurrency",
            "4",
            "How many messages of each channel are sent at the same time, 1 to 64.",
            |text| {
                let count = text.parse().ok().filter(|count| (1..=64).contains(count));
                count.ok_or_else(|| "write a number from 1 to 64".to_owned())
            },
        );
        Self {
            smtp_url,
            smtp_from,
            smtp_timeout,
            retry_delays,
            concurrency,
            breaker: read_breaker(settings),
            public_url: String::new(),
            mailbox: false,
        }
    }
}

/// The address is a secret because it holds a password, so a mistake in it is told without it.
fn read_smtp_url(settings: &mut Settings) -> Option<SmtpUrl> {
    let meaning = "The mail server, smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host:465 (TLS). \
                   Without TLS only to a loopback host or with ?tls=none.";
    let text = settings.secret("notify.smtp.url", meaning)?;
    match text.parse() {
        Ok(url) => Some(url),
        Err(reason) => {
            settings.mistake(format!("notify.smtp.url: {reason}"));
            None
        }
    }
}

fn read_breaker(settings: &mut Settings) -> Rule {
    let failures = settings.parse(
        "notify.breaker.failures",
        "5",
        "How many failures in a row make a provider count as down, 1 to 1000: messages then wait and use up no tries.",
        |text| {
            let count = text.parse().ok().filter(|count| (1..=1_000).contains(count));
            count.ok_or_else(|| "write a number from 1 to 1000".to_owned())
        },
    );
    let meaning = "How long a provider that is down is left alone before one message tries it again.";
    Rule { failures, pause: settings.duration("notify.breaker.pause", "10s", meaning) }
}

fn read_delays(text: &str) -> Result<Vec<Duration>, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let delays = items.map(parse_duration).collect::<Result<Vec<_>, _>>()?;
    if delays.len() > MAX_DELAYS {
        return Err(format!("at most {MAX_DELAYS} retries"));
    }
    Ok(delays)
}

/// Who sends text messages.
struct SmsProvider;

impl std::str::FromStr for SmsProvider {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "mailbox" { Ok(Self) } else { Err("the only provider is mailbox") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> (Config, Result<(), String>) {
        let mut settings = Settings::load(toml, []);
        let config = Config::read(&mut settings);
        (config, settings.finish().map(drop))
    }

    #[test]
    fn defaults_are_those_of_the_page() {
        let (config, mistakes) = read("");
        assert_eq!(mistakes, Ok(()));
        assert!(config.smtp_url.is_none());
        assert_eq!(config.smtp_from.email.to_string(), "no-reply@localhost");
        assert_eq!(config.retry_delays, [5, 60, 600].map(Duration::from_secs));
        assert_eq!((config.concurrency, config.smtp_timeout), (4, Duration::from_secs(10)));
        assert_eq!(config.breaker, Rule { failures: 5, pause: Duration::from_secs(10) });
    }

    #[test]
    fn all_mistakes_are_told_and_none_tells_the_password() {
        let (_, mistakes) = read(
            "[notify]\nconcurrency = 0\nretry.delays = [\"soon\"]\nsms.provider = \"pigeon\"\nbreaker.failures = 0\n\
             [notify.smtp]\nurl = \"ftp://user:hunter2@host\"\nfrom = \"nobody\"",
        );
        let text = mistakes.unwrap_err();
        for key in
            ["concurrency", "retry.delays", "sms.provider", "breaker.failures", "smtp.url", "smtp.from"]
        {
            assert!(text.contains(&format!("notify.{key}:")), "{key} in {text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    }
}
