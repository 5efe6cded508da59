//! The mail server: its address, connections to it that are used again, and what its refusals mean.
//!
//! Connections are kept here and not in lettre's pool: one that a time limit cut in the middle of a command must
//! never be used again, or each answer would be taken for the next command's.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lettre::Message;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Severity;
use url::Url;

use crate::model::Failure;

/// How long an unused connection is kept; servers commonly close them after minutes.
const IDLE: Duration = Duration::from_secs(30);

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte (RFC 8314).
    Wrapped,
    /// By STARTTLS, or not at all (RFC 3207).
    Required,
    /// By STARTTLS if the server offers it.
    Offered,
    /// Not.
    None,
}

/// The address of a mail server with all that is needed to use it.
#[derive(Clone)]
pub struct SmtpUrl {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
}

/// Sends mails to one server.
pub struct Smtp {
    url: SmtpUrl,
    hello: ClientId,
    limit: Duration,
    capacity: usize,
    idle: Mutex<Vec<(Instant, AsyncSmtpConnection)>>,
}

// === impl SmtpUrl ===

impl SmtpUrl {
    /// How connections are encrypted.
    pub const fn tls(&self) -> Tls {
        self.tls
    }
}

impl std::fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SmtpUrl({}:{}, {:?})", self.host, self.port, self.tls)
    }
}

impl FromStr for SmtpUrl {
    type Err = String;

    /// Reads `smtp[s]://user:password@host:port?tls=required|opportunistic|none`. The reasons never hold the text.
    fn from_str(text: &str) -> Result<Self, String> {
        let form = "write it as smtp://user:password@host:587 or smtps://user:password@host:465";
        let url = Url::parse(text).map_err(|error| format!("{error}; {form}"))?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| form.to_owned())?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let asked = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
        let (tls, port) = match (url.scheme(), asked.as_deref()) {
            ("smtps", None | Some("required")) => (Tls::Wrapped, 465),
            ("smtp", None) if is_loopback(&host) => (Tls::None, 25),
            ("smtp", None | Some("required")) => (Tls::Required, 587),
            ("smtp", Some("opportunistic")) => (Tls::Offered, 587),
            ("smtp", Some("none")) => (Tls::None, 25),
            ("smtp" | "smtps", Some(_)) => {
                return Err("tls is required, opportunistic or none (smtp only)".into());
            }
            _ => return Err(form.into()),
        };
        let credentials = match url.password() {
            Some(password) => Some(Credentials::new(decode(url.username())?, decode(password)?)),
            None => None,
        };
        Ok(Self { host, port: url.port().unwrap_or(port), tls, credentials })
    }
}

/// Whether a connection to the host stays on this machine.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Undoes percent-encoding (RFC 3986 §2.1).
fn decode(text: &str) -> Result<String, String> {
    let wrong = || "user and password must be percent-encoded UTF-8".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            bytes.push(byte);
            rest = after;
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(wrong)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

// === impl Smtp ===

impl Smtp {
    /// A way to a server; connects when there is something to send. One mail takes `limit` at most; `capacity`
    /// connections are kept.
    pub fn new(url: SmtpUrl, limit: Duration, capacity: usize) -> Self {
        Self { url, hello: ClientId::default(), limit, capacity, idle: Mutex::default() }
    }

    /// Sends a mail. Done when the server has taken it over.
    pub async fn send(&self, mail: &Message) -> Result<(), Failure> {
        let sent = tokio::time::timeout(self.limit, self.send_unlimited(mail)).await;
        sent.unwrap_or(Err(Failure::temporary("smtp_timeout")))
    }

    async fn send_unlimited(&self, mail: &Message) -> Result<(), Failure> {
        let mut connection = match self.take_idle().await {
            Some(connection) => connection,
            None => self.connect().await.map_err(|error| connecting_failed(&error))?,
        };
        connection.send(mail.envelope(), &mail.formatted()).await.map_err(|error| sending_failed(&error))?;
        self.keep(connection);
        Ok(())
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, lettre::transport::smtp::Error> {
        let SmtpUrl { host, port, tls, credentials } = &self.url;
        let parameters = match tls {
            Tls::None => None,
            _ => Some(TlsParameters::new(host.clone())?),
        };
        let wrapped = parameters.clone().filter(|_| *tls == Tls::Wrapped);
        let server = (host.as_str(), *port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(self.limit), &self.hello, wrapped, None).await?;
        let upgrade = *tls == Tls::Required || (*tls == Tls::Offered && connection.can_starttls());
        if let Some(parameters) = parameters.filter(|_| upgrade) {
            connection.starttls(parameters, &self.hello).await?;
        }
        if let Some(credentials) = credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }

    /// A kept connection that still answers. Taken out before it is used: cut off, it is closed and not put back.
    async fn take_idle(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let (since, mut connection) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if since.elapsed() < IDLE && connection.test_connected().await {
                return Some(connection);
            }
        }
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        if connection.has_broken() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(since, _)| since.elapsed() < IDLE);
        if idle.len() < self.capacity {
            idle.push((Instant::now(), connection));
        }
    }
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Smtp({:?})", self.url)
    }
}

/// What a failure before the mail was offered means: no mail is to blame, so none dies of it at once.
fn connecting_failed(error: &lettre::transport::smtp::Error) -> Failure {
    if error.status().is_some() {
        // The server's words may name the account: only the number is logged.
        tracing::warn!(
            status = error.status().map(u16::from),
            "the mail server refuses us; look at notify.smtp.url"
        );
        return Failure::temporary("smtp_login");
    }
    tracing::warn!(%error, "the mail server cannot be used; look at notify.smtp.url");
    let code = match () {
        () if error.is_tls() => "smtp_tls",
        () if error.is_client() => "smtp_setup",
        () => "smtp_unreachable",
    };
    Failure::temporary(code)
}

/// What a failure while the mail was offered means (RFC 5321 §4.2.1: 4yz is worth another try, 5yz is not).
fn sending_failed(error: &lettre::transport::smtp::Error) -> Failure {
    let Some(status) = error.status() else {
        // The only thing lettre itself refuses here is an address the server has no way to take (RFC 6531).
        return if error.is_client() {
            Failure::permanent("smtp_utf8")
        } else {
            Failure::temporary("smtp_broken")
        };
    };
    tracing::debug!(status = u16::from(status), "the mail server refused a mail");
    match (u16::from(status), status.severity) {
        (530 | 534 | 535 | 538, _) => Failure::temporary("smtp_login"),
        (_, Severity::PermanentNegativeCompletion) => Failure::permanent("smtp_refused"),
        _ => Failure::temporary("smtp_busy"),
    }
}

#[cfg(test)]
#[path = "smtp_tests.rs"]
mod tests;
