//! A login that asks for the second factor.

use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::auth::v1 as p;
use denizen_rpc::otp::v1::{Channel, Purpose};
use denizen_rpc::problem_from;
use denizen_rpc::users::v1::Status;
use futures::future::join_all;

use crate::factors::{CODE, ada, codes_due, deliver, fresh};
use crate::peers::PASSWORD;
use crate::support::{House, anonymous, owner, places};
use crate::validate::claims_of;

/// Logs in by password; the challenge.
async fn challenge(house: &House, username: &str) -> p::Challenge {
    let by = Some(p::login_request::By::Identifier(username.to_owned()));
    let request = p::LoginRequest { by, password: PASSWORD.to_owned() };
    match house.auth(&anonymous()).login(request).await.unwrap().into_inner().result {
        Some(p::login_response::Result::Challenge(challenge)) => challenge,
        other => panic!("no challenge: {other:?}"),
    }
}

async fn redeem(house: &House, challenge: &str, code: &str) -> Result<p::Tokens, Problem> {
    let of = Some(p::login_with_otp_request::Of::Challenge(challenge.to_owned()));
    let request = p::LoginWithOtpRequest { of, code: code.to_owned() };
    let answer = house.auth(&anonymous()).login_with_otp(request).await.map_err(problem_from)?;
    match answer.into_inner().result {
        Some(p::login_response::Result::Tokens(tokens)) => Ok(tokens),
        other => panic!("no tokens: {other:?}"),
    }
}

#[tokio::test]
async fn a_login_asks_for_the_factor_and_spends_its_code() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, caller, _) = ada(&house).await;
        let open = challenge(&house, "ada").await;
        assert_eq!(open.channels, ["email"]);
        assert!(open.challenge.starts_with("dzc_"));
        assert_eq!(
            house.refresh(&open.challenge).await.unwrap_err().code,
            Code::InvalidCredentials,
            "no token"
        );
        assert!(claims_of(&house, &caller, &open.challenge).await.is_none());
        deliver(&house, ada).await;
        let tokens = redeem(&house, &open.challenge, CODE).await.unwrap();
        let claims = claims_of(&house, &caller, &tokens.access_token).await.unwrap();
        assert_eq!(claims["amr"], serde_json::json!(["pwd", "otp", "mfa"]));
        assert_eq!(redeem(&house, &open.challenge, CODE).await.unwrap_err().code, Code::TokenInvalid, "once");
        let events = house.events().await;
        let started = events.iter().rfind(|(kind, _)| kind == "session.started").unwrap();
        assert_eq!(started.1["method"], "second_factor");
    }
}

#[tokio::test]
async fn five_tries_in_all_and_then_the_right_code_is_wrong() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, _, _) = ada(&house).await;
        let open = challenge(&house, "ada").await;
        for number in 0..5 {
            // A code that is sent again starts no new count.
            if number == 3 {
                house.clock.advance(Duration::from_secs(60));
                let request = p::ResendChallengeRequest { challenge: open.challenge.clone() };
                house.factors(&anonymous()).resend_challenge(request).await.unwrap();
            }
            assert_eq!(redeem(&house, &open.challenge, "000000").await.unwrap_err().code, Code::CodeInvalid);
        }
        deliver(&house, ada).await;
        assert_eq!(redeem(&house, &open.challenge, CODE).await.unwrap_err().code, Code::TokenInvalid);
        let failed = house.events().await.into_iter().filter(|(_, data)| data["method"] == "second_factor");
        assert_eq!(failed.count(), 6);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_at_once_one_opens_a_session() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, _, _) = ada(&house).await;
        let open = challenge(&house, "ada").await;
        deliver(&house, ada).await;
        let tries = join_all((0..20).map(|_| redeem(&house, &open.challenge, CODE))).await;
        assert_eq!(tries.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    }
}

#[tokio::test]
async fn a_recovery_code_takes_its_place_once() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, caller, codes) = ada(&house).await;
        let (one, same) = (challenge(&house, "ada").await, challenge(&house, "ada").await);
        assert_eq!(codes_due(&house).await.len(), 2, "one for the set-up, and one for both logins");
        let typed = codes[3].to_uppercase().replace('-', " ");
        let tokens = redeem(&house, &one.challenge, &typed).await.unwrap();
        let claims = claims_of(&house, &caller, &tokens.access_token).await.unwrap();
        assert_eq!(claims["amr"], serde_json::json!(["pwd", "rec", "mfa"]));
        assert_eq!(redeem(&house, &same.challenge, &codes[4]).await.unwrap_err().code, Code::TokenInvalid);
        let again = challenge(&house, "ada").await;
        assert_eq!(redeem(&house, &again.challenge, &codes[3]).await.unwrap_err().code, Code::CodeInvalid);
        let foreign = "0123-4567-89ab-cdef";
        assert_eq!(redeem(&house, &again.challenge, foreign).await.unwrap_err().code, Code::CodeInvalid);
        let events = house.events().await;
        let used = events.iter().find(|(kind, _)| kind == "second_factor.recovery_code_used").unwrap();
        assert_eq!(used.1["left"], 9);

        // New codes end the old ones.
        let caller = fresh(&house, &owner(ada, &tokens));
        let password = Some(PASSWORD.to_owned());
        let request = p::RenewRecoveryCodesRequest { user_id: ada.to_string(), password };
        let renewed = house.factors(&caller).renew_recovery_codes(request).await.unwrap().into_inner().codes;
        assert_eq!(redeem(&house, &again.challenge, &codes[5]).await.unwrap_err().code, Code::CodeInvalid);
        redeem(&house, &again.challenge, &renewed[0]).await.unwrap();
    }
}

#[tokio::test]
async fn what_happened_since_the_password_counts() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, _, codes) = ada(&house).await;
        let open = challenge(&house, "ada").await;
        house.world.change(ada, |user| user.set_status(Status::Blocked));
        assert_eq!(redeem(&house, &open.challenge, &codes[0]).await.unwrap_err().code, Code::AccountBlocked);
        house.world.change(ada, |user| user.set_status(Status::Active));

        house.end_user_sessions(Role::Password, ada, "password_reset").await.unwrap();
        assert_eq!(redeem(&house, &open.challenge, &codes[0]).await.unwrap_err().code, Code::TokenInvalid);

        let late = challenge(&house, "ada").await;
        house.clock.advance(Duration::from_secs(300));
        assert_eq!(redeem(&house, &late.challenge, &codes[0]).await.unwrap_err().code, Code::TokenInvalid);

        let kept = challenge(&house, "ada").await.challenge;
        let mut forged = kept.clone().into_bytes();
        forged[40] = if forged[40] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        for bad in [forged.as_str(), "", "dzc_", "abc"] {
            assert_eq!(redeem(&house, bad, &codes[0]).await.unwrap_err().code, Code::TokenInvalid, "{bad}");
        }
        redeem(&house, &kept, &codes[0]).await.unwrap();
    }
}

#[tokio::test]
async fn a_code_alone_or_a_password_alone_is_one_factor() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, _, codes) = ada(&house).await;
        house.world.send_code(Purpose::Login, "otp-1", CODE, ada);
        let of = Some(p::login_with_otp_request::Of::OtpId("otp-1".to_owned()));
        let request = p::LoginWithOtpRequest { of, code: CODE.to_owned() };
        let alone = house.auth(&anonymous()).login_with_otp(request).await.map_err(problem_from);
        assert_eq!(alone.unwrap_err().code, Code::MfaRequired);

        let open = challenge(&house, "ada").await;
        let tokens = redeem(&house, &open.challenge, &codes[0]).await.unwrap();
        let caller = owner(ada, &tokens);
        let step_up = async |proof| {
            let request = p::StepUpRequest { proof: Some(proof) };
            house.auth(&caller).step_up(request).await.map_err(problem_from)
        };
        let by_password = step_up(p::step_up_request::Proof::Password(PASSWORD.to_owned())).await;
        assert_eq!(by_password.unwrap_err().code, Code::MfaRequired);
        let by_code = |otp_id: &str| {
            p::step_up_request::Proof::Otp(p::OtpProof { otp_id: otp_id.to_owned(), code: CODE.to_owned() })
        };
        house.world.send_code(Purpose::SensitiveChange, "otp-2", CODE, ada);
        *house.world.channel.lock().unwrap() = Channel::Sms;
        assert_eq!(
            step_up(by_code("otp-2")).await.unwrap_err().code,
            Code::CodeInvalid,
            "not by that channel"
        );
        house.world.send_code(Purpose::SensitiveChange, "otp-3", CODE, ada);
        *house.world.channel.lock().unwrap() = Channel::Email;
        let stepped = step_up(by_code("otp-3")).await.unwrap().into_inner();
        let claims = claims_of(&house, &caller, &stepped.access_token).await.unwrap();
        assert_eq!(claims["amr"], serde_json::json!(["pwd", "rec", "mfa", "otp"]));
    }
}

#[tokio::test]
async fn a_code_is_sent_again_after_a_while() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, _, _) = ada(&house).await;
        let open = challenge(&house, "ada").await;
        let request = p::ResendChallengeRequest { challenge: open.challenge.clone() };
        let resend = async || {
            house.factors(&anonymous()).resend_challenge(request.clone()).await.map_err(problem_from)
        };
        house.clock.advance(Duration::from_secs(20));
        let early = resend().await.unwrap_err();
        assert_eq!((early.code, early.retry_after), (Code::RateLimited, Some(Duration::from_secs(40))));
        house.clock.advance(Duration::from_secs(40));
        let first = codes_due(&house).await.pop().unwrap().0;
        assert_eq!(resend().await.unwrap().into_inner().challenge, open.challenge);
        let second = deliver(&house, ada).await;
        assert_ne!(first, second);
        house.clock.advance(Duration::from_secs(200));
        redeem(&house, &open.challenge, CODE).await.unwrap();
        assert_eq!(resend().await.unwrap_err().code, Code::TokenInvalid);
    }
}
