//! The access token: a JWT of type `at+jwt` (RFC 9068), its claims, and how it is verified.

use denizen_kit::id::{SessionId, UserId};
use denizen_kit::time::Timestamp;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::signing_key::VerifyingKey;
use crate::config::Algorithm;

/// The `typ` of access tokens (RFC 9068 §2.1): no other token of ours has it.
pub(super) const TYPE: &str = "at+jwt";

/// The `aud` of access tokens: whatever fronts this system.
pub(crate) const AUDIENCE: &str = "denizen";

/// Longest token that is looked at, in bytes; ours have about 700.
const MAX_LENGTH: usize = 8 * 1024;

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// Who made it: the public address.
    pub(crate) iss: String,
    /// Whose it is.
    pub(crate) sub: UserId,
    /// For whom it is: [`AUDIENCE`].
    pub(crate) aud: String,
    /// When it ends, in Unix seconds.
    pub(crate) exp: i64,
    /// When it was made, in Unix seconds.
    pub(crate) iat: i64,
    /// Its own id.
    pub(crate) jti: Uuid,
    /// The session it belongs to.
    pub(crate) sid: SessionId,
    /// Names of the person's roles.
    pub(crate) roles: Vec<String>,
    /// All that a service account may do, whatever its roles allow; none for a person, whose roles say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) permissions: Option<Vec<String>>,
    /// What ties its session to the network in which it was begun, in base64url; none for one that counts anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) net: Option<String>,
    /// How they proved who they are (RFC 8176); `client` for a service account.
    pub(crate) amr: Vec<String>,
    /// When they last did, in Unix seconds.
    pub(crate) auth_time: i64,
}

/// The claims of a token that is ours, genuine and not expired.
///
/// The key and the algorithm are ours to choose: the header only picks one of the keys by name, and a header that
/// asks for more (`crit`) is refused (RFC 8725 §3.1, §3.11).
pub(crate) fn verify(token: &str, keys: &[VerifyingKey], issuer: &str, now: Timestamp) -> Option<Claims> {
    if token.len() > MAX_LENGTH {
        return None;
    }
    let header = decode_header(token).ok()?;
    if header.typ.as_deref() != Some(TYPE) || header.crit.is_some() {
        return None;
    }
    let kid = header.kid?;
    let key = keys.iter().find(|key| key.kid == kid)?;
    let mut validation = Validation::new(library_name(key.algorithm));
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[AUDIENCE]);
    // Time is checked below by the clock that is handed in.
    validation.validate_exp = false;
    let claims = decode::<Claims>(token, &key.decoding()?, &validation).ok()?.claims;
    (claims.exp > now.as_second()).then_some(claims)
}

/// The algorithm as the library that verifies calls it.
const fn library_name(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use denizen_kit::id::Id;
    use denizen_kit::seal::Key;
    use jsonwebtoken::DecodingKey;
    use serde_json::{Value, json};

    use super::super::signing_key::{SigningKey, StoredKey};
    use super::*;

    const ISSUER: &str = "https://id.example.test";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key_of(algorithm: Algorithm) -> (SigningKey, VerifyingKey) {
        let sealing = Key::from_bytes([1; 32]);
        let stored = StoredKey::new(&sealing, algorithm, None, (at(0), at(0))).unwrap();
        (stored.open(&sealing).unwrap(), stored.verifying(&sealing).unwrap())
    }

    fn key() -> (SigningKey, VerifyingKey) {
        key_of(Algorithm::EdDsa)
    }

    fn claims() -> Claims {
        Claims {
            iss: ISSUER.to_owned(),
            sub: Id::nil(),
            aud: AUDIENCE.to_owned(),
            exp: 2000,
            iat: 200,
            jti: Uuid::nil(),
            sid: Id::nil(),
            roles: vec!["user".to_owned(), "support".to_owned()],
            permissions: None,
            net: None,
            amr: vec!["pwd".to_owned()],
            auth_time: 200,
        }
    }

    /// A token whose header and claims are changed, signed anew by the right key.
    fn forge(signing: &SigningKey, public: &VerifyingKey, change: impl Fn(&mut Value, &mut Value)) -> String {
        let mut header = json!({ "typ": TYPE, "alg": "EdDSA", "kid": public.kid });
        let mut body = serde_json::to_value(claims()).unwrap();
        change(&mut header, &mut body);
        signing.sign_parts(&header.to_string(), &body.to_string())
    }

    #[test]
    fn the_token_is_read_by_an_independent_library() {
        let (signing, public) = key();
        let token = signing.sign(&claims()).unwrap();
        let header = decode_header(&token).unwrap();
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
        assert_eq!(header.alg, jsonwebtoken::Algorithm::EdDSA);
        assert_eq!(header.kid.as_deref(), Some(public.kid.as_str()));

        let x = URL_SAFE_NO_PAD.encode(&public.material);
        let mut validation = Validation::new(jsonwebtoken::Algorithm::EdDSA);
        validation.set_audience(&["denizen"]);
        validation.validate_exp = false;
        let read =
            decode::<Value>(&token, &DecodingKey::from_ed_components(&x).unwrap(), &validation).unwrap();
        let names: Vec<_> = read.claims.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["amr", "aud", "auth_time", "exp", "iat", "iss", "jti", "roles", "sid", "sub"]);
        assert!(read.claims["exp"].is_i64() && read.claims["iat"].is_i64());
    }

    #[test]
    fn verifies_its_own_until_it_expires() {
        let (signing, public) = key();
        let token = signing.sign(&claims()).unwrap();
        let keys = [public];
        assert_eq!(verify(&token, &keys, ISSUER, at(1999)), Some(claims()));
        assert_eq!(verify(&token, &keys, ISSUER, at(2000)), None, "expired");
        assert_eq!(verify(&token, &keys, "https://other.test", at(1000)), None, "other issuer");
        assert_eq!(verify(&token, &[key().1], ISSUER, at(1000)), None, "other key");
        assert_eq!(verify(&token, &[], ISSUER, at(1000)), None, "no key");
    }

    #[test]
    fn refuses_other_headers() {
        let (signing, public) = key();
        let keys = [public.clone()];
        let is_good = |token: &str| verify(token, &keys, ISSUER, at(1000)).is_some();
        assert!(is_good(&forge(&signing, &public, |_, _| {})), "the unchanged one is good");
        for alg in ["none", "None", "HS256", "ES256", ""] {
            assert!(!is_good(&forge(&signing, &public, |header, _| header["alg"] = json!(alg))), "alg {alg}");
        }
        for typ in [json!("JWT"), json!("jwt"), json!("dpop+jwt"), Value::Null] {
            assert!(
                !is_good(&forge(&signing, &public, |header, _| header["typ"] = typ.clone())),
                "typ {typ}"
            );
        }
        for kid in [json!("../../dev/null"), json!("' OR 1=1--"), json!(""), json!(7), Value::Null] {
            assert!(
                !is_good(&forge(&signing, &public, |header, _| header["kid"] = kid.clone())),
                "kid {kid}"
            );
        }
        assert!(!is_good(&forge(&signing, &public, |header, _| header["crit"] = json!(["x"]))), "crit");
    }

    #[test]
    fn refuses_other_types_of_claims() {
        let (signing, public) = key();
        let keys = [public.clone()];
        let is_good = |token: &str| verify(token, &keys, ISSUER, at(1000)).is_some();
        let wrong = [
            ("exp", json!("9999999999")),
            ("exp", json!(-1)),
            ("exp", json!(2000.5)),
            ("exp", Value::Null),
            ("aud", json!("other")),
            ("aud", json!(7)),
            ("aud", Value::Null),
            ("iss", json!(ISSUER.to_uppercase())),
            ("sub", json!("admin")),
            ("sid", Value::Null),
        ];
        for (name, value) in wrong {
            let token = forge(&signing, &public, |_, claims| claims[name] = value.clone());
            assert!(!is_good(&token), "{name}: {value}");
        }
        let header = json!({ "typ": TYPE, "alg": "EdDSA", "kid": public.kid }).to_string();
        let body = serde_json::to_string(&claims()).unwrap();
        assert!(is_good(&signing.sign_parts(&header, &body)));
        let endless = body.replace(r#""exp":2000"#, r#""exp":1e400"#);
        assert_ne!(endless, body);
        assert!(!is_good(&signing.sign_parts(&header, &endless)), "exp beyond all numbers");
    }

    #[test]
    fn a_key_of_any_algorithm_verifies_its_own_tokens_under_its_own_algorithm_only() {
        let pairs = Algorithm::ALL.map(key_of);
        for (signing, own) in &pairs {
            let token = signing.sign(&claims()).unwrap();
            assert_eq!(
                verify(&token, std::slice::from_ref(own), ISSUER, at(1000)),
                Some(claims()),
                "{own:?}"
            );
            for (_, other) in pairs.iter().filter(|(_, other)| other.algorithm != own.algorithm) {
                // The other key under this one's name: the header's algorithm is not that of the key.
                let renamed = VerifyingKey { kid: own.kid.clone(), ..other.clone() };
                assert_eq!(verify(&token, &[renamed], ISSUER, at(1000)), None, "{own:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_public_key_is_no_shared_key() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
            let (_, public) = key_of(algorithm);
            let header = json!({ "typ": TYPE, "alg": "HS256", "kid": public.kid }).to_string();
            let body = serde_json::to_string(&claims()).unwrap();
            let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(body));
            for secret in [public.material.as_slice(), b""] {
                let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
                let tag = aws_lc_rs::hmac::sign(&key, message.as_bytes());
                let forged = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
                let keys = std::slice::from_ref(&public);
                assert_eq!(verify(&forged, keys, ISSUER, at(1000)), None, "{algorithm:?}");
            }
        }
    }

    #[test]
    fn refuses_what_is_no_token() {
        let (signing, public) = key();
        let token = signing.sign(&claims()).unwrap();
        let keys = [public];
        let changed = token.replace('.', "A.");
        for bad in ["", ".", "..", "dzr_AAAA", &".".repeat(100_000), &token[..token.len() - 1], &changed] {
            assert_eq!(verify(bad, &keys, ISSUER, at(1000)), None);
        }
    }
}
