//! Signing keys: each algorithm, and the change of keys while tokens are in use.

use std::time::Duration;

use denizen_auth::Algorithm;
use denizen_kit::caller::{Caller, Role};
use denizen_kit::problem::Code;
use denizen_rpc::auth::internal::v1::{
    RotateSigningKeyRequest, VerificationKeysRequest, VerificationKeysResponse,
};
use denizen_rpc::auth::v1 as p;
use denizen_rpc::problem_from;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use crate::support::{House, anonymous, owner, places};
use crate::validate::claims_of;

async fn key_set(house: &House) -> JwkSet {
    let answer = house.auth(&anonymous()).get_jwks(p::GetJwksRequest {}).await.unwrap().into_inner();
    serde_json::from_str(&answer.keys).unwrap()
}

async fn verification_keys(house: &House) -> VerificationKeysResponse {
    let keys = house.signing(Role::Gateway).verification_keys(VerificationKeysRequest {}).await;
    keys.unwrap().into_inner()
}

async fn rotate(house: &House) -> String {
    let rotated = house.signing(Role::Operator).rotate_signing_key(RotateSigningKeyRequest {}).await;
    rotated.unwrap().into_inner().kid
}

fn kid(token: &str) -> String {
    decode_header(token).unwrap().kid.unwrap()
}

/// Whose the token is, as a stranger reads it with this key.
fn read(token: &str, key: &DecodingKey, algorithm: jsonwebtoken::Algorithm) -> Value {
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&["denizen"]);
    validation.validate_exp = false;
    decode::<Value>(token, key, &validation).unwrap().claims["sub"].clone()
}

#[tokio::test]
async fn each_algorithm_signs_what_strangers_verify() {
    use jsonwebtoken::Algorithm as Name;
    for place in places() {
        let algorithms = [
            (Algorithm::EdDsa, Name::EdDSA),
            (Algorithm::Es256, Name::ES256),
            (Algorithm::Rs256, Name::RS256),
        ];
        for (algorithm, name) in algorithms {
            let house = House::with(place.clone(), |config| config.algorithm = algorithm).await;
            let ada = house.world.add("ada");
            let tokens = house.log_in("ada").await;
            let set = key_set(&house).await;
            let jwk = set.find(&kid(&tokens.access_token)).unwrap();
            assert_eq!(set.keys.len(), 1);
            let key = DecodingKey::from_jwk(jwk).unwrap();
            assert_eq!(read(&tokens.access_token, &key, name), ada.to_string(), "{algorithm:?}");
            let claims = claims_of(&house, &owner(ada, &tokens), &tokens.access_token).await.unwrap();
            assert_eq!(claims["sid"], tokens.session_id);
            assert!(verification_keys(&house).await.shared_keys.is_empty());
        }
    }
}

#[tokio::test]
async fn a_shared_key_is_told_to_gateways_and_shown_to_nobody() {
    const SECRET: &str = "a secret that two services share, 43 bytes";
    for place in places() {
        let house = House::with(place, |config| {
            config.algorithm = Algorithm::Hs256;
            config.secret_key = Some(SECRET.to_owned());
        })
        .await;
        let ada = house.world.add("ada");
        let tokens = house.log_in("ada").await;
        let key = DecodingKey::from_secret(SECRET.as_bytes());
        assert_eq!(read(&tokens.access_token, &key, jsonwebtoken::Algorithm::HS256), ada.to_string());
        assert!(claims_of(&house, &anonymous(), &tokens.access_token).await.is_some());

        assert!(key_set(&house).await.keys.is_empty());
        let keys = verification_keys(&house).await;
        let shared: Vec<_> = keys.shared_keys.iter().map(|key| (&key.kid, key.key.as_slice())).collect();
        assert_eq!(shared, [(&kid(&tokens.access_token), SECRET.as_bytes())]);
        for caller in [Role::Users, Role::Notify, Role::Password] {
            let refused = house.signing(caller).verification_keys(VerificationKeysRequest {}).await;
            assert_eq!(problem_from(refused.unwrap_err()).code, Code::Forbidden, "{caller}");
        }
        assert_eq!(rotate(&house).await, kid(&tokens.access_token), "it changes where it was given");
        let by_itself = house.twin(|config| config.secret_key = None).await;
        assert!(claims_of(&by_itself, &anonymous(), &tokens.access_token).await.is_some());
    }
}

#[tokio::test]
async fn a_new_key_is_shown_before_it_signs_and_the_old_one_until_its_tokens_are_over() {
    for place in places() {
        let house = House::new(place).await;
        let other = house.twin(|_| {}).await;
        let ada = house.world.add("ada");
        let (here, there) = (house.log_in("ada").await, other.log_in("ada").await);
        let old = kid(&here.access_token);
        assert_eq!(old, kid(&there.access_token), "replicas share their keys");

        let new = rotate(&house).await;
        assert_ne!(new, old);
        assert_eq!(rotate(&other).await, new, "one waits already");
        for replica in [&house, &other] {
            let shown: Vec<_> =
                key_set(replica).await.keys.into_iter().map(|key| key.common.key_id).collect();
            assert_eq!(shown, [Some(new.clone()), Some(old.clone())]);
            assert_eq!(kid(&replica.log_in("ada").await.access_token), old, "it is only shown");
        }
        house.clock.advance(Duration::from_secs(120));
        for replica in [&house, &other] {
            assert_eq!(kid(&replica.log_in("ada").await.access_token), new);
            for tokens in [&here, &there] {
                let caller: Caller = owner(ada, tokens);
                assert!(claims_of(replica, &caller, &tokens.access_token).await.is_some(), "still good");
            }
        }
        house.clock.advance(Duration::from_secs(1800 + 59));
        assert_eq!(key_set(&other).await.keys.len(), 2, "for clocks that differ");
        house.clock.advance(Duration::from_secs(1));
        assert_eq!(key_set(&other).await.keys.len(), 1);
        let told = house.events().await.into_iter().filter(|(kind, _)| kind == "signing_key.rotated");
        let told: Vec<_> = told.map(|(_, data)| data).collect();
        assert_eq!(told, [serde_json::json!({ "kid": new, "algorithm": "EdDSA" })]);
    }
}

#[tokio::test]
async fn only_the_operator_begins_a_key() {
    for place in places() {
        let house = House::new(place).await;
        for caller in [Role::Gateway, Role::Users] {
            let refused = house.signing(caller).rotate_signing_key(RotateSigningKeyRequest {}).await;
            assert_eq!(problem_from(refused.unwrap_err()).code, Code::Forbidden, "{caller}");
        }
    }
}

#[tokio::test]
async fn an_old_key_is_replaced_and_another_algorithm_taken_at_a_start() {
    for place in places() {
        let house = House::new(place).await;
        house.world.add("ada");
        let first = kid(&house.log_in("ada").await.access_token);
        house.clock.advance(Duration::from_secs(90 * 86_400));
        denizen_auth::start_jobs(&house.app, &house.tasks);
        let two_keys = async |house: &House| {
            while key_set(house).await.keys.len() < 2 {
                tokio::task::yield_now().await;
            }
        };
        let long = Duration::from_secs(10);
        tokio::time::timeout(long, two_keys(&house)).await.expect("another takes its place");
        house.clock.advance(Duration::from_secs(120));
        let second = kid(&house.log_in("ada").await.access_token);
        assert_ne!(second, first);
        house.tasks.stop().await;

        house.clock.advance(Duration::from_secs(3600));
        let other = house.twin(|config| config.algorithm = Algorithm::Es256).await;
        denizen_auth::start_jobs(&other.app, &other.tasks);
        tokio::time::timeout(long, two_keys(&other)).await.expect("the algorithm that is set");
        let third = other.log_in("ada").await.access_token;
        assert_eq!(decode_header(&third).unwrap().alg, jsonwebtoken::Algorithm::ES256);
        assert!(claims_of(&house, &anonymous(), &third).await.is_some(), "the other replica knows it");
        other.tasks.stop().await;
    }
}
