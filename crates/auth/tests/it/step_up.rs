//! Step-up: a fresh proof within a session.

use std::time::Duration;

use denizen_db::Record;
use denizen_kit::caller::Caller;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::auth::v1 as p;
use denizen_rpc::auth::v1::step_up_request::Proof;
use denizen_rpc::otp::v1::Purpose;
use denizen_rpc::problem_from;
use denizen_rpc::users::v1::Status;

use crate::peers::PASSWORD;
use crate::support::{House, anonymous, owner, places};
use crate::validate::claims_of;

async fn step_up(house: &House, caller: &Caller, proof: Proof) -> Result<p::Tokens, Problem> {
    let request = p::StepUpRequest { proof: Some(proof) };
    Ok(house.auth(caller).step_up(request).await.map_err(problem_from)?.into_inner())
}

fn by_code(otp_id: &str) -> Proof {
    Proof::Otp(p::OtpProof { otp_id: otp_id.to_owned(), code: "123456".to_owned() })
}

#[tokio::test]
async fn a_proof_makes_a_fresh_access_token_and_no_refresh_token() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let tokens = house.log_in("ada").await;
        let caller = owner(ada, &tokens);
        house.clock.advance(Duration::from_secs(1000));
        let stepped = step_up(&house, &caller, Proof::Password(PASSWORD.to_owned())).await.unwrap();
        assert_eq!((stepped.refresh_token.as_str(), stepped.refresh_expires_in), ("", 0));
        let claims = claims_of(&house, &caller, &stepped.access_token).await.unwrap();
        assert_eq!(claims["auth_time"], 1_800_001_000_i64);
        assert_eq!(claims["amr"], serde_json::json!(["pwd"]));

        house.world.send_code(Purpose::SensitiveChange, "otp-1", "123456", ada);
        let stepped = step_up(&house, &caller, by_code("otp-1")).await.unwrap();
        let claims = claims_of(&house, &caller, &stepped.access_token).await.unwrap();
        assert_eq!(claims["amr"], serde_json::json!(["pwd", "otp"]));

        let refreshed = house.refresh(&tokens.refresh_token).await.unwrap();
        let claims = claims_of(&house, &caller, &refreshed.access_token).await.unwrap();
        assert_eq!(claims["auth_time"], 1_800_001_000_i64, "the session keeps the proof");
        let check = house.world.checks.lock().unwrap().last().cloned().unwrap();
        assert_eq!((check.user_id, check.identifier_key), (ada.to_string(), Vec::new()));
    }
}

#[tokio::test]
async fn wrong_and_foreign_proofs_are_refused() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, bob) = (house.world.add("ada"), house.world.add("bob"));
        let tokens = house.log_in("ada").await;
        let caller = owner(ada, &tokens);
        let wrong = step_up(&house, &caller, Proof::Password("wrong".to_owned())).await.unwrap_err();
        assert_eq!(wrong.code, Code::InvalidCredentials);
        house.world.send_code(Purpose::SensitiveChange, "otp-1", "123456", bob);
        assert_eq!(step_up(&house, &caller, by_code("otp-1")).await.unwrap_err().code, Code::CodeInvalid);
        house.world.send_code(Purpose::Login, "otp-2", "123456", ada);
        assert_eq!(step_up(&house, &caller, by_code("otp-2")).await.unwrap_err().code, Code::CodeInvalid);
        let nobody = step_up(&house, &anonymous(), Proof::Password(PASSWORD.to_owned())).await.unwrap_err();
        assert_eq!(nobody.code, Code::Unauthenticated);
        let events = house.events().await;
        assert_eq!(events.iter().filter(|(_, data)| data["method"] == "step_up").count(), 3);
    }
}

#[tokio::test]
async fn a_session_that_has_ended_cannot_step_up() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let tokens = house.log_in("ada").await;
        let caller = owner(ada, &tokens);
        house.auth(&caller).logout(p::LogoutRequest { all: false }).await.unwrap();
        let problem = step_up(&house, &caller, Proof::Password(PASSWORD.to_owned())).await.unwrap_err();
        assert_eq!(problem.code, Code::Unauthenticated);
        *house.world.guarded.lock().unwrap() = true;
        let problem = step_up(&house, &caller, Proof::Password(PASSWORD.to_owned())).await.unwrap_err();
        assert_eq!(problem.code, Code::TooManyAttempts);
        *house.world.guarded.lock().unwrap() = false;
        let again = house.log_in("ada").await;
        house.world.change(ada, |user| user.set_status(Status::Blocked));
        let problem =
            step_up(&house, &owner(ada, &again), Proof::Password(PASSWORD.to_owned())).await.unwrap_err();
        assert_eq!(problem.code, Code::AccountBlocked);

        let records = house.records().await;
        let failed: Vec<_> = records.iter().filter(|record| record.kind == "auth.login_failed").collect();
        assert!(failed.iter().all(|record| record.subject == Some(ada) && record.actor == ada.to_string()));
        let reason = |record: &Record| {
            serde_json::from_str::<serde_json::Value>(&record.data).unwrap()["reason"].clone()
        };
        let reasons: Vec<_> = failed.iter().map(|record| reason(record)).collect();
        assert_eq!(reasons, ["session_ended", "too_many_attempts", "account_blocked"]);
    }
}
