//! What a connection sends: one source for each scenario and connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;
use http::HeaderValue;
use serde_json::json;

use crate::bare;
use crate::http1::{Answer, Outgoing};
use crate::node::PASSWORD;
use crate::people;

/// Requests of one connection, one after another.
pub(crate) trait Source: Send {
    /// The next one; none when there are no more.
    fn next(&mut self) -> Option<Outgoing>;

    /// Takes what the next request needs from the answer to the last one.
    fn learn(&mut self, _answer: &Answer) -> anyhow::Result<()> {
        Ok(())
    }
}

/// One's own account, with one token or many in turn.
#[derive(Debug)]
pub(crate) struct Me {
    requests: Arc<[Outgoing]>,
    at: usize,
}

/// Logins of one account after another.
#[derive(Debug)]
pub(crate) struct Logins {
    next: Arc<AtomicU32>,
    people: u32,
}

/// Refreshes of one session: each takes the token that the one before gave.
#[derive(Debug)]
pub(crate) struct Refreshes {
    token: String,
}

/// Registrations, until there are enough.
#[derive(Debug)]
pub(crate) struct Registrations {
    pub(crate) next: Arc<AtomicU32>,
    pub(crate) end: u32,
    pub(crate) address: fn(u32) -> String,
}

/// Accounts opened by the administrator, with a hash made before, until there are enough.
#[derive(Debug)]
pub(crate) struct Creations {
    pub(crate) next: Arc<AtomicU32>,
    pub(crate) end: u32,
    pub(crate) hash: Arc<str>,
    pub(crate) admin: HeaderValue,
}

/// Pages of 50 of the list, from the first to the last and again.
#[derive(Debug)]
pub(crate) struct Pages {
    admin: HeaderValue,
    cursor: Option<String>,
}

/// First pages of accounts whose name starts so.
#[derive(Debug)]
pub(crate) struct Searches {
    admin: HeaderValue,
    at: usize,
}

// === impl Me ===

impl Me {
    /// The requests of these tokens; those of a connection start at its place.
    pub(crate) fn requests(tokens: &[HeaderValue]) -> anyhow::Result<Arc<[Outgoing]>> {
        tokens.iter().map(|token| Outgoing::get(bare::PATH, Some(token))).collect()
    }

    /// A connection's own way through the requests.
    pub(crate) fn new(requests: &Arc<[Outgoing]>, at: usize) -> Self {
        Self { requests: requests.clone(), at }
    }
}

impl Source for Me {
    fn next(&mut self) -> Option<Outgoing> {
        self.at = (self.at + 1) % self.requests.len().max(1);
        self.requests.get(self.at).cloned()
    }
}

// === impl Logins ===

impl Logins {
    /// Logins of the first so many people; connections share the counter.
    pub(crate) fn new(next: &Arc<AtomicU32>, people: u32) -> Self {
        Self { next: next.clone(), people: people.max(1) }
    }
}

impl Source for Logins {
    fn next(&mut self) -> Option<Outgoing> {
        // From the last person backwards: the first ones' sessions serve other scenarios.
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.people;
        Some(people::login(&people::email(self.people - 1 - turn)))
    }
}

// === impl Refreshes ===

impl Refreshes {
    /// Refreshes that start with this token.
    pub(crate) fn new(token: &str) -> Self {
        Self { token: token.to_owned() }
    }
}

impl Source for Refreshes {
    fn next(&mut self) -> Option<Outgoing> {
        Some(Outgoing::post("/api/v1/auth/refresh", &json!({ "refresh_token": self.token }), 200))
    }

    fn learn(&mut self, answer: &Answer) -> anyhow::Result<()> {
        answer.text("refresh_token").context("no refresh token in the answer")?.clone_into(&mut self.token);
        Ok(())
    }
}

// === impl Registrations ===

impl Source for Registrations {
    fn next(&mut self) -> Option<Outgoing> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number >= self.end {
            return None;
        }
        let body =
            json!({ "name": people::name(number), "email": (self.address)(number), "password": PASSWORD });
        Some(Outgoing::post("/api/v1/users", &body, 201))
    }
}

// === impl Creations ===

impl Source for Creations {
    fn next(&mut self) -> Option<Outgoing> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.end).then(|| people::creation(number, &self.hash, &self.admin))
    }
}

// === impl Pages ===

impl Pages {
    /// Pages as the administrator sees them.
    pub(crate) fn new(admin: &HeaderValue) -> Self {
        Self { admin: admin.clone(), cursor: None }
    }
}

impl Source for Pages {
    fn next(&mut self) -> Option<Outgoing> {
        let target = match &self.cursor {
            Some(cursor) => format!("/api/v1/users?limit=50&cursor={}", encoded(cursor)),
            None => "/api/v1/users?limit=50".to_owned(),
        };
        Outgoing::get(&target, Some(&self.admin)).ok()
    }

    fn learn(&mut self, answer: &Answer) -> anyhow::Result<()> {
        self.cursor = answer.text("next_cursor").map(str::to_owned);
        Ok(())
    }
}

// === impl Searches ===

impl Searches {
    /// Searches as the administrator makes them; those of a connection start at its place.
    pub(crate) fn new(admin: &HeaderValue, at: usize) -> Self {
        Self { admin: admin.clone(), at }
    }
}

impl Source for Searches {
    fn next(&mut self) -> Option<Outgoing> {
        self.at += 1;
        let target = format!("/api/v1/users?limit=50&q={}", encoded(&people::prefix(self.at)));
        Outgoing::get(&target, Some(&self.admin)).ok()
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer(body: &'static str) -> Answer {
        Answer { status: 200, body: Bytes::from_static(body.as_bytes()) }
    }

    fn sent(source: &mut dyn Source) -> String {
        format!("{:?}", source.next())
    }

    #[test]
    fn a_session_goes_on_with_the_token_it_was_given() {
        let mut refreshes = Refreshes::new("first");
        assert!(sent(&mut refreshes).contains("first"));
        refreshes.learn(&answer(r#"{"refresh_token":"second"}"#)).unwrap();
        assert!(sent(&mut refreshes).contains("second"));
        assert!(refreshes.learn(&answer("{}")).is_err());
    }

    #[test]
    fn pages_follow_the_cursor_and_start_again() {
        let mut pages = Pages::new(&HeaderValue::from_static("Bearer a"));
        pages.learn(&answer(r#"{"items":[],"next_cursor":"a+b="}"#)).unwrap();
        assert!(sent(&mut pages).contains("cursor=a%2Bb%3D"), "{}", sent(&mut pages));
        pages.learn(&answer(r#"{"items":[],"next_cursor":null}"#)).unwrap();
        assert!(!sent(&mut pages).contains("cursor"));
    }

    #[test]
    fn creations_end() {
        let admin = HeaderValue::from_static("Bearer a");
        let mut creations = Creations { next: Arc::default(), end: 2, hash: Arc::from("$argon2id$x"), admin };
        assert!(creations.next().is_some() && creations.next().is_some() && creations.next().is_none());
    }
}
