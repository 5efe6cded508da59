//! Records of an import: what other systems give out, read into one form.
//!
//! A reader for each system takes a JSON object apart; what comes out is checked like any other account, by
//! [`Record::account`].

mod account;
mod auth0;
mod denizen;
mod fields;
mod firebase;
mod keycloak;
mod supabase;

use std::collections::BTreeMap;

use denizen_kit::time::Timestamp;
use serde_json::Value;

pub(crate) use account::{Account, Rules};
pub(crate) use fields::Fields;

/// Longest record in bytes of JSON.
const MAX_RECORD: usize = 64 * 1024;

/// Which system the records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Denizen's own form.
    Denizen,
    /// An element of `users` in a realm file.
    Keycloak,
    /// A line of a user export.
    Auth0,
    /// An element of `users` in an `auth:export` file.
    Firebase,
    /// A row of `auth.users`.
    Supabase,
}

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// JSON pointer into the record; empty for the whole.
    pub(crate) pointer: String,
    /// Stable word.
    pub(crate) code: &'static str,
    /// What is wrong and the way out.
    pub(crate) detail: String,
}

/// A record as it was read, not yet checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record {
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) email_verified: bool,
    pub(crate) username: Option<String>,
    pub(crate) mobile: Option<String>,
    pub(crate) mobile_verified: bool,
    pub(crate) status: String,
    pub(crate) status_reason: Option<String>,
    pub(crate) status_until: Option<Timestamp>,
    pub(crate) roles: Vec<String>,
    pub(crate) prefers_email: Option<bool>,
    pub(crate) prefers_push: Option<bool>,
    pub(crate) prefers_sms: Option<bool>,
    pub(crate) locale: Option<String>,
    pub(crate) metadata: Option<Value>,
    pub(crate) push_tokens: BTreeMap<String, String>,
    pub(crate) password_hash: Option<String>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) last_login_at: Option<Timestamp>,
}

// === impl Format ===

impl Format {
    /// Reads one record. The parameters are what the hashes of all records have in common.
    pub(crate) fn read(self, text: &str, parameters: &Fields) -> Result<Record, Fault> {
        if text.len() > MAX_RECORD {
            return Err(Fault::new("", "too_long", "a record has at most 64 KiB of JSON"));
        }
        let fields = Fields::parse(text)?;
        match self {
            Format::Denizen => denizen::read(&fields),
            Format::Keycloak => keycloak::read(&fields),
            Format::Auth0 => auth0::read(&fields),
            Format::Firebase => firebase::read(&fields, parameters),
            Format::Supabase => supabase::read(&fields),
        }
    }
}

// === impl Fault ===

impl Fault {
    /// A fault at a pointer.
    pub(crate) fn new(pointer: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.to_owned(), code, detail: detail.into() }
    }
}

/// The first of the texts that says something.
fn first_of<const N: usize>(texts: [Option<String>; N]) -> Option<String> {
    texts.into_iter().flatten().find(|text| !text.trim().is_empty())
}

/// Standard base64 without its padding, as PHC strings have it.
fn unpadded(base64: &str) -> &str {
    base64.trim_end_matches('=')
}

#[cfg(test)]
mod tests;
