//! Whom a request is for, as upstreams are told: in headers, and in a short-lived token that they can verify by this
//! system's key set.
//!
//! The token is signed with a key that follows from the master key, so all gateways of a system sign alike and nobody
//! is asked (decision 0023). It is no access token: its type and audience are others, and its key is not among those
//! that access tokens are verified with.

use std::borrow::Cow;
use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::caller::Person;
use denizen_kit::seal::{Key, sha256};
use http::HeaderValue;
use serde::Serialize;
use serde_json::{Value, json};

use super::headers::Identity;

/// How long a token is good, in seconds.
const LIFE: i64 = 60;

/// How long a token is given out again, in seconds: whoever gets it last still has half of its life.
const REUSED_FOR: i64 = 30;

/// How many tokens are kept for that.
const KEPT: usize = 10_000;

/// Makes and keeps the tokens.
#[derive(Debug)]
pub(crate) struct Identities {
    pair: Ed25519KeyPair,
    jwk: Value,
    /// The first part of every token.
    header: String,
    issuer: String,
    /// By digest of whom they name and for whom they are.
    made: quick_cache::sync::Cache<[u8; 32], Made>,
}

#[derive(Clone, Debug)]
struct Made {
    identity: Arc<Identity>,
    /// Unix seconds.
    at: i64,
}

/// Whom a request is for.
#[derive(Clone, Debug)]
pub(crate) struct Subject<'a> {
    /// What upstreams know them by.
    pub(crate) user: Cow<'a, str>,
    pub(crate) session: Option<String>,
    pub(crate) roles: &'a [String],
    /// How they proved who they are (RFC 8176).
    pub(crate) amr: &'a [String],
    /// When they did, in Unix seconds.
    pub(crate) auth_time: Option<i64>,
    /// When their token ends, in Unix seconds.
    pub(crate) expires: i64,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    roles: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
}

// === impl Identities ===

impl Identities {
    /// With the key that tokens are signed with, and the name of this system.
    ///
    /// # Panics
    /// Never: every 32 bytes are a seed of Ed25519 (RFC 8032 §5.1.5).
    pub(crate) fn new(key: &Key, issuer: &str) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(key.expose()).expect("32 bytes are a seed");
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        // RFC 7638 and RFC 8037, appendix A.3.
        let thumbprint = sha256(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#).as_bytes());
        let kid = URL_SAFE_NO_PAD.encode(thumbprint);
        let header = json!({ "alg": "EdDSA", "typ": "identity+jwt", "kid": kid }).to_string();
        Self {
            jwk: json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x }),
            header: URL_SAFE_NO_PAD.encode(header),
            issuer: issuer.to_owned(),
            made: quick_cache::sync::Cache::new(KEPT),
            pair,
        }
    }

    /// The public key, for the key set.
    pub(crate) fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// What an upstream of this name is told of somebody.
    pub(crate) fn of(&self, subject: &Subject<'_>, upstream: &str, now: i64) -> Arc<Identity> {
        let place = digest(subject, upstream);
        if let Some(made) = self.made.get(&place)
            && (made.at..made.at + REUSED_FOR).contains(&now)
            && subject.expires >= made.at + LIFE
        {
            return made.identity;
        }
        let identity = Arc::new(self.make(subject, upstream, now));
        self.made.insert(place, Made { identity: identity.clone(), at: now });
        identity
    }

    fn make(&self, subject: &Subject<'_>, upstream: &str, now: i64) -> Identity {
        let claims = Claims {
            iss: &self.issuer,
            sub: &subject.user,
            aud: upstream,
            iat: now,
            // It ends with the token that it stands for.
            exp: (now + LIFE).min(subject.expires),
            sid: subject.session.as_deref(),
            roles: subject.roles,
            amr: subject.amr,
            auth_time: subject.auth_time,
        };
        let value = |text: &str| HeaderValue::from_str(text).ok();
        let token = serde_json::to_vec(&claims).ok().map(|claims| {
            let message = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
            let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes()).as_ref());
            format!("{message}.{signature}")
        });
        Identity {
            user: value(&subject.user),
            roles: value(&subject.roles.join(",")),
            session: subject.session.as_deref().and_then(value),
            token: token.as_deref().and_then(value),
        }
    }
}

// === impl Subject ===

impl<'a> Subject<'a> {
    /// A person of this system whose token was good just now.
    pub(crate) fn of_person(person: &'a Person, now: i64) -> Self {
        Self {
            user: Cow::Owned(person.user_id.to_string()),
            session: person.session_id.map(|id| id.to_string()),
            roles: &person.roles,
            amr: &person.amr,
            auth_time: Some(person.auth_time.as_second()),
            expires: now + LIFE,
        }
    }
}

/// A name for what a token says and to whom, each part with its length before it.
fn digest(subject: &Subject<'_>, upstream: &str) -> [u8; 32] {
    let (session, roles) = (subject.session.as_deref().unwrap_or_default(), subject.roles.join(","));
    let amr = subject.amr.join(",");
    let mut text = Vec::with_capacity(256);
    for part in [upstream, &subject.user, session, &roles, &amr] {
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    text.extend_from_slice(&subject.auth_time.unwrap_or_default().to_be_bytes());
    sha256(&text)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn subject(roles: &[String], expires: i64) -> Subject<'_> {
        let (user, session) = (Cow::Borrowed("u-1"), Some("s-1".to_owned()));
        Subject { user, session, roles, amr: &[], auth_time: Some(NOW - 5), expires }
    }

    fn claims(identities: &Identities, identity: &Identity) -> Value {
        let token = identity.token.as_ref().unwrap().to_str().unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        let x = decode(identities.jwk()["x"].as_str().unwrap());
        UnparsedPublicKey::new(&ED25519, x).verify(message.as_bytes(), &decode(signature)).unwrap();
        let (header, payload) = message.split_once('.').unwrap();
        let header: Value = serde_json::from_slice(&decode(header)).unwrap();
        assert_eq!((&header["alg"], &header["kid"]), (&json!("EdDSA"), &identities.jwk()["kid"]));
        assert_ne!(header["typ"], "at+jwt", "it must not pass for an access token");
        serde_json::from_slice(&decode(payload)).unwrap()
    }

    #[test]
    fn a_token_says_who_comes_to_one_upstream_for_a_minute() {
        let identities = Identities::new(&Key::from_bytes([7; 32]), "https://id.example");
        let roles = ["user".to_owned(), "support".to_owned()];
        let identity = identities.of(&subject(&roles, NOW + 1800), "shop", NOW);
        assert_eq!(identity.roles.as_ref().unwrap(), "user,support");
        let claims = claims(&identities, &identity);
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!("https://id.example"), &json!("shop")));
        assert_eq!((&claims["sub"], &claims["sid"]), (&json!("u-1"), &json!("s-1")));
        assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW), &json!(NOW + 60)));
        assert_eq!(claims["roles"], json!(["user", "support"]));
    }

    #[test]
    fn a_token_is_given_out_again_for_half_its_life_and_to_nobody_else() {
        let identities = Identities::new(&Key::from_bytes([7; 32]), "https://id.example");
        let roles = ["user".to_owned()];
        let token =
            |subject: &Subject<'_>, upstream, now| identities.of(subject, upstream, now).token.clone();
        let first = token(&subject(&roles, NOW + 1800), "shop", NOW);
        assert_eq!(token(&subject(&roles, NOW + 1800), "shop", NOW + 29), first);
        assert_ne!(token(&subject(&roles, NOW + 1800), "shop", NOW + 30), first);
        assert_ne!(token(&subject(&roles, NOW + 1800), "till", NOW), first);
        assert_ne!(token(&subject(&[], NOW + 1800), "shop", NOW), first, "a role that was lost is not in it");
        let late = identities.of(&subject(&roles, NOW + 40), "bank", NOW);
        assert_eq!(claims(&identities, &late)["exp"], json!(NOW + 40), "it ends with the access token");
    }
}
