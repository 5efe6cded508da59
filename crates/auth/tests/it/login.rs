//! Log in by password and by code.

use denizen_auth::LimitPolicy;
use denizen_kit::caller::Role;
use denizen_kit::problem::{Code, Kind};
use denizen_rpc::auth::v1 as p;
use denizen_rpc::otp::v1::Purpose;
use denizen_rpc::problem_from;
use denizen_rpc::users::v1::Status;

use crate::peers::PASSWORD;
use crate::support::{House, anonymous, owner, places};

#[tokio::test]
async fn the_right_password_opens_a_session() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let tokens = house.log_in("ada").await;
        assert_eq!(tokens.expires_in, 1800);
        assert_eq!(tokens.refresh_expires_in, 30 * 86_400);
        assert!(tokens.refresh_token.starts_with("dzr_"));
        let user = tokens.user.unwrap();
        assert_eq!(user.id, ada.to_string());
        assert_eq!(user.last_login_at.unwrap().seconds, 1_800_000_000);
        assert!(house.is_live(&tokens.session_id).await);

        let events = house.records().await;
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].kind.as_str(), events[0].subject), ("session.started", Some(ada)));
        let data: serde_json::Value = serde_json::from_str(&events[0].data).unwrap();
        let expected =
            serde_json::json!({ "session_id": tokens.session_id, "amr": ["pwd"], "method": "password" });
        assert_eq!(data, expected);
    }
}

#[tokio::test]
async fn unknown_and_wrong_are_one_answer_at_one_cost() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let wrong = house.try_log_in("ada", "wrong").await.unwrap_err();
        let unknown = house.try_log_in("nobody", PASSWORD).await.unwrap_err();
        assert_eq!((wrong.kind, wrong.code), (Kind::Unauthenticated, Code::InvalidCredentials));
        assert_eq!(
            (wrong.code, &wrong.detail, &wrong.fields),
            (unknown.code, &unknown.detail, &unknown.fields)
        );

        let checks = house.world.checks.lock().unwrap().clone();
        assert_eq!(checks.len(), 2, "one check of a password each");
        assert_eq!(checks[0].source, "192.0.2.7");
        assert_eq!(
            (checks[1].user_id.as_str(), checks[1].identifier_key.as_slice()),
            ("", b"nobody".as_slice())
        );
        let events = house.records().await;
        let subjects: Vec<_> = events.iter().map(|event| (event.kind.as_str(), event.subject)).collect();
        assert_eq!(subjects, [("auth.login_failed", Some(ada)), ("auth.login_failed", None)]);
    }
}

#[tokio::test]
async fn the_state_of_the_account_is_told_after_the_right_password_only() {
    for place in places() {
        let states = [
            (Status::Blocked, Code::AccountBlocked),
            (Status::Suspended, Code::AccountSuspended),
            (Status::Deleted, Code::AccountDeleted),
            (Status::Pending, Code::AccountPending),
        ];
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        for (status, code) in states {
            house.world.change(ada, |user| user.set_status(status));
            assert_eq!(house.try_log_in("ada", "wrong").await.unwrap_err().code, Code::InvalidCredentials);
            let problem = house.try_log_in("ada", PASSWORD).await.unwrap_err();
            assert_eq!((problem.kind, problem.code), (Kind::Forbidden, code));
        }
        let events = house.events().await;
        let failed = |reason: &str| events.iter().filter(|(_, data)| data["reason"] == reason).count();
        assert_eq!(
            (failed("invalid_credentials"), failed("account_blocked"), failed("account_pending")),
            (4, 1, 1)
        );
        assert!(!events.iter().any(|(kind, _)| kind == "session.started"));
    }
}

#[tokio::test]
async fn the_guard_is_passed_on() {
    for place in places() {
        let house = House::new(place).await;
        house.world.add("ada");
        *house.world.guarded.lock().unwrap() = true;
        let problem = house.try_log_in("ada", PASSWORD).await.unwrap_err();
        assert_eq!((problem.code, problem.retry_after.unwrap().as_secs()), (Code::TooManyAttempts, 7));
    }
}

#[tokio::test]
async fn bad_fields_are_refused_before_any_password_is_checked() {
    for place in places() {
        let house = House::new(place).await;
        let request = p::LoginRequest { by: None, password: "x".repeat(1025) };
        let problem = problem_from(house.auth(&anonymous()).login(request).await.unwrap_err());
        assert_eq!((problem.kind, problem.code), (Kind::Invalid, Code::ValidationFailed));
        let pointers: Vec<_> = problem.fields.iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(pointers, ["/identifier", "/password"]);
        assert!(house.world.checks.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_password_that_was_replaced_meanwhile_opens_nothing() {
    for place in places() {
        let house = std::sync::Arc::new(House::new(place).await);
        let ada = house.world.add("ada");
        let reset = house.clone();
        *house.world.after_check.lock().unwrap() = Some(Box::pin(async move {
            reset.end_user_sessions(Role::Password, ada, "password_reset").await.unwrap();
        }));
        let problem = house.try_log_in("ada", PASSWORD).await.unwrap_err();
        assert_eq!(problem.code, Code::Unavailable, "{problem:?}");
        assert!(!house.events().await.iter().any(|(kind, _)| kind == "session.started"));
        house.log_in("ada").await;
    }
}

#[tokio::test]
async fn who_is_blocked_meanwhile_gets_no_token() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let world = house.world.clone();
        let block = async move { world.change(ada, |user| user.set_status(Status::Blocked)) };
        *house.world.at_lookup.lock().unwrap() = Some((2, Box::pin(block)));
        let problem = house.try_log_in("ada", PASSWORD).await.unwrap_err();
        assert_eq!(problem.code, Code::AccountBlocked);
        let events = house.events().await;
        let kinds: Vec<_> = events.iter().map(|(kind, _)| kind.as_str()).collect();
        assert!(kinds.contains(&"session.ended") && kinds.contains(&"auth.login_failed"), "{kinds:?}");
        let started = events.iter().find(|(kind, _)| kind == "session.started").unwrap();
        assert!(!house.is_live(started.1["session_id"].as_str().unwrap()).await);
    }
}

#[tokio::test]
async fn the_oldest_session_makes_room() {
    for place in places() {
        let house = House::with(place, |config| config.max_sessions = 2).await;
        house.world.add("ada");
        let mut all = Vec::new();
        for _ in 0..4 {
            house.clock.advance(std::time::Duration::from_secs(1));
            all.push(house.log_in("ada").await.session_id);
        }
        let mut live = Vec::new();
        for id in &all {
            live.push(house.is_live(id).await);
        }
        assert_eq!(live, [false, false, true, true]);
        let ended =
            house.events().await.into_iter().filter(|(kind, _)| kind == "session.ended").collect::<Vec<_>>();
        assert_eq!(ended.len(), 2);
        assert_eq!(ended[0].1, serde_json::json!({ "session_id": all[0], "reason": "session_limit" }));
    }
}

#[tokio::test]
async fn parallel_logins_keep_the_limit() {
    for place in places() {
        let house = House::with(place, |config| config.max_sessions = 3).await;
        let ada = house.world.add("ada");
        futures::future::join_all((0..12).map(|_| house.log_in("ada"))).await;
        let tokens = house.log_in("ada").await;
        let list =
            house.auth(&owner(ada, &tokens)).list_sessions(p::ListSessionsRequest::default()).await.unwrap();
        assert_eq!(list.into_inner().sessions.len(), 3);
    }
}

#[tokio::test]
async fn a_login_beyond_the_limit_can_be_refused() {
    for place in places() {
        let house = House::with(place, |config| {
            config.max_sessions = 1;
            config.session_limit_policy = LimitPolicy::Refuse;
        })
        .await;
        house.world.add("ada");
        let first = house.log_in("ada").await;
        let problem = house.try_log_in("ada", PASSWORD).await.unwrap_err();
        assert_eq!((problem.kind, problem.code), (Kind::Conflict, Code::TooManySessions));
        assert!(problem.detail.contains("end one"), "{}", problem.detail);
        assert!(house.is_live(&first.session_id).await);
    }
}

async fn log_in_by_code(
    house: &House,
    otp_id: &str,
    code: &str,
) -> Result<p::Tokens, denizen_kit::problem::Problem> {
    let of = Some(p::login_with_otp_request::Of::OtpId(otp_id.to_owned()));
    let request = p::LoginWithOtpRequest { of, code: code.to_owned() };
    let answer = house.auth(&anonymous()).login_with_otp(request).await.map_err(problem_from)?;
    match answer.into_inner().result {
        Some(p::login_response::Result::Tokens(tokens)) => Ok(tokens),
        other => panic!("no tokens: {other:?}"),
    }
}

#[tokio::test]
async fn a_code_opens_one_session() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        house.world.send_code(Purpose::Login, "otp-1", "123456", ada);
        house.world.send_code(Purpose::PasswordReset, "otp-2", "123456", ada);
        let tries =
            futures::future::join_all((0..20).map(|_| log_in_by_code(&house, "otp-1", "123456"))).await;
        assert_eq!(tries.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert!(
            tries
                .iter()
                .filter_map(|answer| answer.as_ref().err())
                .all(|problem| problem.code == Code::CodeInvalid)
        );
        let foreign = log_in_by_code(&house, "otp-2", "123456").await.unwrap_err();
        assert_eq!(
            (foreign.kind, foreign.code),
            (Kind::Invalid, Code::CodeInvalid),
            "made for something else"
        );
    }
}

#[tokio::test]
async fn a_code_is_not_enough_for_a_blocked_account() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        house.world.send_code(Purpose::Login, "otp-1", "123456", ada);
        house.world.change(ada, |user| user.set_status(Status::Blocked));
        assert_eq!(log_in_by_code(&house, "otp-1", "123456").await.unwrap_err().code, Code::AccountBlocked);
    }
}

#[tokio::test]
async fn login_by_code_can_be_switched_off() {
    for place in places() {
        let house = House::with(place, |config| config.otp_login = false).await;
        let ada = house.world.add("ada");
        house.world.send_code(Purpose::Login, "otp-1", "123456", ada);
        assert_eq!(log_in_by_code(&house, "otp-1", "123456").await.unwrap_err().code, Code::Forbidden);
    }
}
