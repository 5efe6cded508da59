//! The keys that verify access tokens, fetched from auth: public ones as a JSON Web Key Set (RFC 7517), and shared ones.
//!
//! A token with an unknown key makes the set be fetched again, but one fetch serves all who wait, at most one starts
//! a second, and a key that auth does not know either is remembered as unknown for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use denizen_kit::time::Clock;
use denizen_rpc::auth::internal::v1::{VerificationKeysRequest, VerificationKeysResponse};
use denizen_rpc::{Links, problem_from};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Least time between two fetches.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a key that auth does not know stays unknown.
const UNKNOWN_FOR: Duration = Duration::from_secs(10);

/// How many unknown key ids are remembered.
const UNKNOWN_KIDS: usize = 1_000;

/// How long the set is used before it is fetched again.
const REFRESH: Duration = Duration::from_secs(60);

/// A public key and the one algorithm it is for.
#[derive(Debug)]
pub(crate) struct VerifyingKey {
    algorithm: &'static str,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Parsed(ParsedPublicKey),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// Of a key that auth shares with gateways and publishes nowhere.
    Shared(Box<hmac::Key>),
}

#[derive(Debug)]
struct KeySet {
    keys: HashMap<String, Arc<VerifyingKey>>,
    text: String,
}

/// The keys as they are known now.
#[derive(Debug)]
pub(crate) struct Keys {
    links: Links,
    clock: Clock,
    set: ArcSwapOption<KeySet>,
    fetched: Mutex<Option<Instant>>,
    unknown: quick_cache::sync::Cache<Box<str>, Instant>,
}

// === impl Keys ===

impl Keys {
    pub(crate) fn new(links: Links, clock: Clock) -> Self {
        let unknown = quick_cache::sync::Cache::new(UNKNOWN_KIDS);
        Self { links, clock, set: ArcSwapOption::empty(), fetched: Mutex::new(None), unknown }
    }

    /// The key of this id; none when auth has no such key.
    pub(crate) async fn get(&self, kid: &str) -> Result<Option<Arc<VerifyingKey>>, Problem> {
        if let Some(key) = self.known(kid) {
            return Ok(Some(key));
        }
        if self.unknown.get(kid).is_some_and(|since| since.elapsed() < UNKNOWN_FOR) {
            return Ok(None);
        }
        let fetched = self.fetch_unless_recent(kid).await?;
        let key = self.known(kid);
        if key.is_none() && fetched {
            self.unknown.insert(kid.into(), Instant::now());
        }
        Ok(key)
    }

    /// The set as JSON, for other verifiers.
    pub(crate) async fn text(&self) -> Result<String, Problem> {
        if self.set.load().is_none() {
            self.refresh().await?;
        }
        Ok(self.set.load().as_ref().map(|set| set.text.clone()).unwrap_or_default())
    }

    /// Takes a set that was not fetched.
    #[cfg(test)]
    pub(crate) fn load(&self, text: &str) {
        self.set.store(Some(Arc::new(KeySet { keys: parse(text).expect("a set"), text: text.to_owned() })));
    }

    /// Fetches the set.
    pub(crate) async fn refresh(&self) -> Result<(), Problem> {
        let mut fetched = self.fetched.lock().await;
        self.fetch(&mut fetched).await
    }

    fn known(&self, kid: &str) -> Option<Arc<VerifyingKey>> {
        self.set.load().as_ref()?.keys.get(kid).cloned()
    }

    /// Fetches the set, unless somebody did so just now; says whether it did.
    async fn fetch_unless_recent(&self, kid: &str) -> Result<bool, Problem> {
        let mut fetched = self.fetched.lock().await;
        if self.known(kid).is_some() {
            return Ok(false);
        }
        // While no set is held nobody can be let in: whoever comes tries again, one at a time.
        if self.set.load().is_none() || fetched.is_none_or(|at| at.elapsed() >= PAUSE) {
            return self.fetch(&mut fetched).await.map(|()| true);
        }
        Ok(false)
    }

    async fn fetch(&self, fetched: &mut Option<Instant>) -> Result<(), Problem> {
        *fetched = Some(Instant::now());
        let cx = Cx::job(Role::Gateway, &self.clock);
        let request = VerificationKeysRequest {};
        let answer = self.links.signing(&cx).verification_keys(request).await.map_err(problem_from)?;
        let VerificationKeysResponse { public_keys: text, shared_keys } = answer.into_inner();
        let mut keys = parse(&text)?;
        keys.extend(shared_keys.into_iter().map(|key| (key.kid, Arc::new(VerifyingKey::shared(&key.key)))));
        self.set.store(Some(Arc::new(KeySet { keys, text })));
        Ok(())
    }
}

// === impl VerifyingKey ===

impl VerifyingKey {
    fn shared(key: &[u8]) -> Self {
        Self {
            algorithm: "HS256",
            material: Material::Shared(Box::new(hmac::Key::new(hmac::HMAC_SHA256, key))),
        }
    }

    /// Whether the signature is this key's over the message, made with the algorithm that the token names.
    pub(crate) fn verifies(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        if algorithm != self.algorithm {
            return false;
        }
        match &self.material {
            Material::Parsed(key) => key.verify_sig(message, signature).is_ok(),
            Material::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok(),
            Material::Shared(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }
}

/// Fetches the set now and then until the node stops, so that new keys are known before their first token comes.
pub(crate) async fn refresh(keys: &Keys) {
    let mut was_up = true;
    loop {
        let wait = match keys.refresh().await {
            Ok(()) => {
                was_up = true;
                REFRESH
            }
            Err(problem) => {
                if was_up {
                    tracing::warn!(detail = %problem.detail, "the keys of access tokens cannot be fetched");
                }
                was_up = false;
                PAUSE
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// A JSON Web Key, as far as it is used.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

/// The keys of a set. A key of a kind that is not known here is left out.
pub(crate) fn parse(text: &str) -> Result<HashMap<String, Arc<VerifyingKey>>, Problem> {
    let set: Jwks = serde_json::from_str(text).map_err(Problem::internal)?;
    let named = set.keys.into_iter().filter_map(|jwk| {
        let kid = jwk.kid.clone()?;
        read_key(&jwk).map(|key| (kid, Arc::new(key)))
    });
    Ok(named.collect())
}

fn read_key(jwk: &Jwk) -> Option<VerifyingKey> {
    let bytes = |part: &Option<String>| URL_SAFE_NO_PAD.decode(part.as_deref()?).ok();
    let (algorithm, material) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("OKP", Some("Ed25519")) => {
            ("EdDSA", Material::Parsed(ParsedPublicKey::new(&ED25519, bytes(&jwk.x)?).ok()?))
        }
        ("EC", Some("P-256")) => {
            // Uncompressed point (SEC 1 §2.3.3).
            let point = [&[4_u8], bytes(&jwk.x)?.as_slice(), bytes(&jwk.y)?.as_slice()].concat();
            ("ES256", Material::Parsed(ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()?))
        }
        ("RSA", _) => {
            ("RS256", Material::Rsa(RsaPublicKeyComponents { n: bytes(&jwk.n)?, e: bytes(&jwk.e)? }))
        }
        _ => return None,
    };
    // A key that says it is for another algorithm is for no use here.
    if jwk.alg.as_deref().is_some_and(|named| named != algorithm) {
        None
    } else {
        Some(VerifyingKey { algorithm, material })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_for_one_algorithm() {
        // The key of RFC 8037, appendix A.2.
        let text = r#"{"keys":[
            {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            {"kty":"OKP","crv":"Ed25519","kid":"b","alg":"ES256","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            {"kty":"oct","kid":"c"},
            {"kty":"OKP","crv":"Ed25519","kid":"d","x":"AAAA"}
        ]}"#;
        let keys = parse(text).unwrap();
        assert_eq!(keys.keys().collect::<Vec<_>>(), ["a"]);
        // RFC 8037, appendix A.4.
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = URL_SAFE_NO_PAD
            .decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
            .unwrap();
        assert!(keys["a"].verifies("EdDSA", message, &signature));
        assert!(!keys["a"].verifies("EdDSA", b"another", &signature));
        for algorithm in ["HS256", "none", "None", "", "ES256"] {
            assert!(!keys["a"].verifies(algorithm, message, &signature), "{algorithm}");
        }
    }

    #[test]
    fn a_shared_key_is_for_its_algorithm() {
        let key = VerifyingKey::shared(&[7; 32]);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]), b"message");
        assert!(key.verifies("HS256", b"message", tag.as_ref()));
        assert!(!key.verifies("HS256", b"another", tag.as_ref()));
        assert!(!key.verifies("HS256", b"message", &tag.as_ref()[..16]), "cut short");
        assert!(!key.verifies("EdDSA", b"message", tag.as_ref()));
    }

    #[test]
    fn a_broken_set_is_an_error() {
        assert!(parse("[]").is_err());
        assert!(parse("").is_err());
    }
}
