//! Reading an access token (RFC 9068 in a JWS of RFC 7515): shape, signature, claims. Nothing is believed before the
//! signature holds, and no key is taken from the token itself.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::caller::{Permission, Permissions, Person};
use denizen_kit::id::SessionId;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::keys::VerifyingKey;

/// Longest token that is looked at, in bytes.
pub(crate) const MAX_TOKEN: usize = 8 * 1024;

/// Longest key id that is looked up, in bytes.
const MAX_KID: usize = 128;

/// How far in the future a token may have been issued, for clocks that differ, in seconds.
pub(super) const CLOCK_SKEW: i64 = 30;

/// For whom access tokens are.
pub(crate) const AUDIENCE: &str = "denizen";

/// A token taken apart, not yet believed.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    message: &'a [u8],
    payload: &'a str,
    signature: Vec<u8>,
    algorithm: String,
    pub(crate) kid: String,
}

/// Whom a verified token names, and until when.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) person: Arc<Person>,
    pub(crate) session_id: SessionId,
    /// Unix seconds.
    pub(crate) expires: i64,
    /// Name under which the person's requests are counted.
    pub(crate) limit_key: Box<str>,
    /// What ties the session to a network; none for one that counts anywhere.
    pub(crate) tie: Option<Box<[u8]>>,
    /// When its use was last gathered, in Unix seconds.
    pub(crate) seen: AtomicI64,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    typ: Option<Cow<'a, str>>,
    #[serde(borrow)]
    kid: Option<Cow<'a, str>>,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    sid: String,
    #[serde(default)]
    roles: Vec<String>,
    /// What a service account may do, whatever its roles allow.
    permissions: Option<Vec<String>>,
    /// What ties the session to a network, in base64url.
    net: Option<String>,
    #[serde(default)]
    amr: Vec<String>,
    auth_time: Option<i64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// The answer to every token that does not hold: which rule it broke is nobody's business.
pub(crate) fn refused() -> Problem {
    Problem::new(Code::Unauthenticated, "the access token is not valid here; log in and send the new one")
}

// === impl Verified ===

impl Verified {
    /// The same token for what its person may do now.
    pub(crate) fn for_person(&self, person: Person) -> Self {
        Self {
            person: Arc::new(person),
            session_id: self.session_id,
            expires: self.expires,
            limit_key: self.limit_key.clone(),
            tie: self.tie.clone(),
            seen: AtomicI64::new(self.seen.load(Ordering::Relaxed)),
        }
    }
}

// === impl Parts ===

impl<'a> Parts<'a> {
    /// Takes a token apart.
    pub(crate) fn read(token: &'a str) -> Result<Self, Problem> {
        let (parts, typ) = Self::split(token)?;
        let is_access_token =
            typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt");
        if is_access_token && !parts.kid.is_empty() { Ok(parts) } else { Err(refused()) }
    }

    /// Takes a token of another issuer apart: it may be of another type, and name no key where there is but one.
    pub(crate) fn read_foreign(token: &'a str) -> Result<Self, Problem> {
        Self::split(token).map(|(parts, _)| parts)
    }

    /// The parts of a token, and its type.
    fn split(token: &'a str) -> Result<(Self, String), Problem> {
        if token.len() > MAX_TOKEN {
            return Err(refused());
        }
        let (message, signature) = token.rsplit_once('.').ok_or_else(refused)?;
        let (header, payload) = message.split_once('.').ok_or_else(refused)?;
        if payload.contains('.') {
            return Err(refused());
        }
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| refused())?;
        let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| refused())?;
        let typ = header.typ.unwrap_or_default().into_owned();
        let kid = header.kid.unwrap_or_default();
        if header.crit.is_some() || kid.len() > MAX_KID {
            return Err(refused());
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| refused())?;
        let message = message.as_bytes();
        let (algorithm, kid) = (header.alg.into_owned(), kid.into_owned());
        Ok((Self { message, payload, signature, algorithm, kid }, typ))
    }

    /// What the token says, once its signature holds.
    pub(crate) fn claims<T: DeserializeOwned>(&self, key: &VerifyingKey) -> Result<T, Problem> {
        if !key.verifies(&self.algorithm, self.message, &self.signature) {
            return Err(refused());
        }
        let payload = URL_SAFE_NO_PAD.decode(self.payload).map_err(|_| refused())?;
        serde_json::from_slice(&payload).map_err(|_| refused())
    }

    /// Verifies the token by its key and reads whom it names.
    pub(crate) fn verify(
        &self,
        key: &VerifyingKey,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Verified, Problem> {
        let claims: Claims = self.claims(key)?;
        let now = now.as_second();
        let for_us = match &claims.aud {
            Audience::One(audience) => audience == AUDIENCE,
            Audience::Several(list) => list.iter().any(|audience| audience == AUDIENCE),
        };
        let early = claims.iat > now + CLOCK_SKEW || claims.nbf.is_some_and(|start| start > now + CLOCK_SKEW);
        if claims.iss != issuer || !for_us || early || claims.exp < 0 {
            return Err(refused());
        }
        if claims.exp <= now {
            return Err(Problem::of(Code::TokenExpired));
        }
        read_claims(claims).ok_or_else(refused)
    }
}

fn read_claims(claims: Claims) -> Option<Verified> {
    let session_id: SessionId = claims.sid.parse().ok()?;
    let tie = match &claims.net {
        Some(text) => Some(URL_SAFE_NO_PAD.decode(text).ok()?.into_boxed_slice()),
        None => None,
    };
    let seen = AtomicI64::new(claims.iat);
    let person = Person {
        user_id: claims.sub.parse().ok()?,
        session_id: Some(session_id),
        permissions: permissions(&claims),
        roles: claims.roles,
        auth_time: Timestamp::from_second(claims.auth_time.unwrap_or(claims.iat)).ok()?,
        amr: claims.amr,
    };
    let limit_key = format!("limit:user:{}", person.user_id).into();
    Some(Verified { person: Arc::new(person), session_id, expires: claims.exp, limit_key, tie, seen })
}

/// What the token allows: what it lists, or else what its roles allow. A name that is not known here allows nothing.
fn permissions(claims: &Claims) -> Permissions {
    let Some(listed) = &claims.permissions else { return Permissions::of_roles(&claims.roles) };
    let known: Vec<_> = listed.iter().filter_map(|name| Permission::parse(name)).collect();
    Permissions::of(&known)
}

#[cfg(test)]
impl Verified {
    /// A token that was issued at a time, in Unix seconds, and counts anywhere.
    pub(crate) fn for_test(person: Person, session_id: SessionId, issued: i64) -> Self {
        let (person, seen) = (Arc::new(person), AtomicI64::new(issued));
        Self { person, session_id, expires: issued + 1800, limit_key: "".into(), tie: None, seen }
    }
}
