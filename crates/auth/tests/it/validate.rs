//! Validation of access tokens, and the key set.

use std::time::Duration;

use denizen_kit::caller::Caller;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::auth::v1 as p;
use denizen_rpc::problem_from;
use serde_json::Value;

use crate::support::{House, ISSUER, anonymous, owner, person, places};

async fn validate(house: &House, caller: &Caller, token: &str) -> Result<p::ValidateTokenResponse, Problem> {
    let request = p::ValidateTokenRequest { token: token.to_owned() };
    Ok(house.auth(caller).validate_token(request).await.map_err(problem_from)?.into_inner())
}

/// The claims of a token that is active.
pub(crate) async fn claims_of(house: &House, caller: &Caller, token: &str) -> Option<Value> {
    let answer = validate(house, caller, token).await.unwrap();
    answer.active.then(|| serde_json::from_str(&answer.claims).unwrap())
}

#[tokio::test]
async fn ones_own_token_is_active_until_it_expires_or_its_session_ends() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let tokens = house.log_in("ada").await;
        let caller = owner(ada, &tokens);
        let claims = claims_of(&house, &caller, &tokens.access_token).await.unwrap();
        assert_eq!(claims["sub"], ada.to_string());
        assert_eq!(claims["sid"], tokens.session_id);
        assert_eq!((&claims["iss"], &claims["aud"]), (&Value::from(ISSUER), &Value::from("denizen")));
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 1800);

        for bad in ["", "x", "a.b.c", &tokens.refresh_token, &tokens.access_token.replace('.', "A.")] {
            assert!(!validate(&house, &caller, bad).await.unwrap().active, "{bad}");
        }
        let ended = house.log_in("ada").await;
        house.auth(&owner(ada, &ended)).logout(p::LogoutRequest { all: false }).await.unwrap();
        assert!(
            !validate(&house, &caller, &ended.access_token).await.unwrap().active,
            "its session has ended"
        );
        house.clock.advance(Duration::from_secs(1800));
        assert!(!validate(&house, &caller, &tokens.access_token).await.unwrap().active, "expired");
    }
}

#[tokio::test]
async fn anothers_token_is_for_services() {
    for place in places() {
        let house = House::new(place).await;
        house.world.add("ada");
        let bob = house.world.add("bob");
        let tokens = house.log_in("ada").await;
        let token = tokens.access_token.as_str();
        for roles in [["user"], ["support"]] {
            let refused = validate(&house, &person(bob, None, &roles), token).await.unwrap_err();
            assert_eq!(refused.code, Code::Forbidden, "{roles:?}");
        }
        for roles in [["service"], ["admin"]] {
            assert!(validate(&house, &person(bob, None, &roles), token).await.unwrap().active, "{roles:?}");
        }
        let records = house.records().await;
        let refused: Vec<_> = records.iter().filter(|record| record.kind == "access.refused").collect();
        assert_eq!(refused.len(), 2, "each refusal is recorded");
        assert!(refused.iter().all(|record| record.actor == bob.to_string()));
        assert!(refused.iter().all(|record| !record.data.contains(token)));
    }
}

#[tokio::test]
async fn ones_own_token_is_its_own_proof() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let (one, other) = (house.log_in("ada").await, house.log_in("ada").await);
        let claims = claims_of(&house, &anonymous(), &one.access_token).await.unwrap();
        assert_eq!(claims["sid"], one.session_id);
        let of_other = claims_of(&house, &owner(ada, &one), &other.access_token).await.unwrap();
        assert_eq!(of_other["sid"], other.session_id, "of another session of one's own");
        assert!(!validate(&house, &anonymous(), "a.b.c").await.unwrap().active);
        house.auth(&owner(ada, &one)).logout(p::LogoutRequest { all: false }).await.unwrap();
        assert!(!validate(&house, &anonymous(), &one.access_token).await.unwrap().active);
    }
}

#[tokio::test]
async fn the_key_set_verifies_what_was_signed() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let keys =
            async || house.auth(&anonymous()).get_jwks(p::GetJwksRequest {}).await.unwrap().into_inner().keys;
        let sets = futures::future::join_all((0..8).map(|_| keys())).await;
        assert!(sets.iter().all(|set| *set == sets[0]), "one first key, however many ask at once");
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&sets[0]).unwrap();
        assert_eq!(set.keys.len(), 1);

        let tokens = house.log_in("ada").await;
        let header = jsonwebtoken::decode_header(&tokens.access_token).unwrap();
        let jwk = set.find(header.kid.as_deref().unwrap()).unwrap();
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
        validation.set_audience(&["denizen"]);
        validation.validate_exp = false;
        let key = jsonwebtoken::DecodingKey::from_jwk(jwk).unwrap();
        let read = jsonwebtoken::decode::<Value>(&tokens.access_token, &key, &validation).unwrap();
        assert_eq!(read.claims["sub"], ada.to_string());
    }
}
