//! A token of an issuer elsewhere (RFC 7519): verified like an own one, and taken for whom it names there.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::seal::sha256;
use denizen_kit::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::keys::VerifyingKey;
use super::token::{CLOCK_SKEW, Parts};
use super::who::Foreign;
use crate::proxy::spec::access::IssuerSpec;

pub(crate) use super::token::refused;

/// Longest subject, in bytes.
const MAX_SUBJECT: usize = 255;

/// Most roles and permissions of a token.
const MOST: usize = 100;

/// Only what says whose token it is: not believed before it is verified.
#[derive(Deserialize)]
struct Claimed<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
}

/// Whose token it says it is; none when that cannot be read.
pub(crate) fn claimed_issuer(token: &str) -> Option<String> {
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claimed: Claimed<'_> = serde_json::from_slice(&payload).ok()?;
    Some(claimed.iss.into_owned())
}

/// Takes a token apart.
pub(crate) fn take_apart(token: &str) -> Result<Parts<'_>, Problem> {
    Parts::read_foreign(token)
}

/// A name for a token as one issuer's: where its keys are is part of it.
pub(crate) fn digest(issuer: &IssuerSpec, token: &str) -> [u8; 32] {
    let claim = issuer.roles_claim.as_deref().unwrap_or_default();
    let audiences = issuer.audiences.join("\n");
    let mut text = Vec::with_capacity(token.len() + 256);
    for part in [&issuer.issuer, &issuer.jwks_url, claim, &audiences, token] {
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    sha256(&text)
}

/// Verifies a token by its issuer's key and reads whom it names. Claims of another type than they should be are no
/// claims that are not there: the token is refused.
pub(crate) fn verify(
    parts: &Parts<'_>,
    key: &VerifyingKey,
    issuer: &IssuerSpec,
    now: Timestamp,
) -> Result<Foreign, Problem> {
    let claims: serde_json::Map<String, Value> = parts.claims(key)?;
    let now = now.as_second();
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let number = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().map(seconds).map(Some).ok_or_else(refused),
    };
    let audiences = texts(claims.get("aud"));
    let is_for_us = audiences.iter().any(|audience| issuer.audiences.contains(audience));
    let expires = number("exp")?.ok_or_else(refused)?;
    let starts = number("nbf")?.unwrap_or_default().max(number("iat")?.unwrap_or_default());
    let subject = text("sub").filter(|subject| is_nameable(subject));
    let (Some(subject), true) = (subject, text("iss") == Some(&issuer.issuer)) else { return Err(refused()) };
    if !is_for_us || starts > now + CLOCK_SKEW {
        return Err(refused());
    }
    if expires <= now {
        return Err(Problem::of(Code::TokenExpired));
    }
    let roles = roles(&claims, issuer.roles_claim.as_deref().unwrap_or("roles"));
    let mut permissions = texts(claims.get("permissions"));
    permissions.extend(text("scope").unwrap_or_default().split(' ').map(str::to_owned));
    permissions.retain(|permission| !permission.is_empty());
    permissions.truncate(MOST);
    let user = format!("{}|{subject}", issuer.issuer);
    let limit_key = format!("limit:user:{user}").into();
    Ok(Foreign { user, roles, permissions, expires, limit_key })
}

/// Whether a subject can go into a header as it is: ASCII, as `OpenID` Connect Core §2 has it. A reader takes the space off
/// the end of a header (RFC 9110 §5.5), and would take it for the subject without one.
fn is_nameable(subject: &str) -> bool {
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte);
    !subject.is_empty()
        && subject.len() <= MAX_SUBJECT
        && subject.bytes().all(is_plain)
        && !subject.ends_with(' ')
}

#[expect(clippy::cast_possible_truncation, reason = "a time beyond the calendar is its end")]
fn seconds(number: f64) -> i64 {
    number as i64
}

/// The roles in a claim; dots lead into objects, as in `realm_access.roles`.
fn roles(claims: &serde_json::Map<String, Value>, claim: &str) -> Vec<String> {
    let direct = claims.get(claim);
    let value = direct.or_else(|| {
        let mut names = claim.split('.');
        let first = claims.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    });
    let mut roles = texts(value);
    // A role goes into a header, between commas.
    roles.retain(|role| !role.is_empty() && role.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','));
    roles.truncate(MOST);
    roles
}

/// A text, or a list of them.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
