//! Sessions and where they are used from: networks they are bound to, devices that are known, when they were last
//! seen, and their end by time.

use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::auth::internal::v1::{NoteSeenRequest, SeenSession};
use denizen_rpc::auth::v1 as p;
use denizen_rpc::problem_from;
use tokio::time::timeout;

use crate::peers::PASSWORD;
use crate::support::{House, anonymous, owner, places};
use crate::validate::claims_of;

/// Longer than anything may take, and far shorter than a test may hang.
const LONG: Duration = Duration::from_secs(10);

/// Where somebody is, and by which program.
struct Place {
    ip: &'static str,
    agent: &'static str,
}

const fn from(ip: &'static str, agent: &'static str) -> Place {
    Place { ip, agent }
}

async fn log_in(house: &House, username: &str, at: &Place) -> p::Tokens {
    let by = Some(p::login_request::By::Identifier(username.to_owned()));
    let request = p::LoginRequest { by, password: PASSWORD.to_owned() };
    let answer = house.auth_from(at.ip, at.agent).login(request).await.unwrap().into_inner();
    match answer.result {
        Some(p::login_response::Result::Tokens(tokens)) => tokens,
        other => panic!("no tokens: {other:?}"),
    }
}

async fn refresh(house: &House, token: &str, at: &Place) -> Result<p::Tokens, Problem> {
    let request = p::RefreshRequest { refresh_token: token.to_owned() };
    let answer = house.auth_from(at.ip, at.agent).refresh(request).await.map_err(problem_from)?;
    Ok(answer.into_inner())
}

#[tokio::test]
async fn a_bound_session_is_refreshed_in_its_network_only() {
    for place in places() {
        let house = House::with(place, |config| config.bind_ip = true).await;
        let ada = house.world.add("ada");
        let home = from("2001:db8:1:2::1", "Browser/1.0");
        let tokens = log_in(&house, "ada", &home).await;
        let claims = claims_of(&house, &anonymous(), &tokens.access_token).await.unwrap();
        assert_eq!(claims["net"].as_str().unwrap().len(), 22);
        assert!(!tokens.access_token.contains("2001"));

        let away = from("2001:db8:1:3::1", "Browser/1.0");
        let problem = refresh(&house, &tokens.refresh_token, &away).await.unwrap_err();
        assert_eq!(problem.code, Code::Unauthenticated);
        assert!(house.is_live(&tokens.session_id).await, "who is elsewhere cannot end it");
        let near = from("2001:db8:1:2:ffff::7", "Browser/1.0");
        let tokens = refresh(&house, &tokens.refresh_token, &near).await.unwrap();
        let claims = claims_of(&house, &owner(ada, &tokens), &tokens.access_token).await.unwrap();
        assert!(claims["net"].is_string());
        let events = house.events().await;
        let refused: Vec<_> = events.iter().filter(|(kind, _)| kind == "auth.login_failed").collect();
        assert_eq!((refused.len(), &refused[0].1["reason"]), (1, &"other_network".into()));
    }
}

#[tokio::test]
async fn by_default_a_session_counts_anywhere() {
    for place in places() {
        let house = House::new(place).await;
        house.world.add("ada");
        let tokens = log_in(&house, "ada", &from("192.0.2.1", "Browser/1.0")).await;
        let claims = claims_of(&house, &anonymous(), &tokens.access_token).await.unwrap();
        assert!(claims.get("net").is_none());
        assert!(refresh(&house, &tokens.refresh_token, &from("198.51.100.1", "x")).await.is_ok());
    }
}

#[tokio::test]
async fn a_new_device_is_told_and_the_first_is_not() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, bob) = (house.world.add("ada"), house.world.add("bob"));
        let logins = [
            ("ada", from("192.0.2.1", "Mozilla/5.0 (X11; Linux) Firefox/120.0"), false),
            ("ada", from("192.0.2.99", "Mozilla/5.0 (X11; Linux) Firefox/121.0"), false),
            ("ada", from("198.51.100.1", "Mozilla/5.0 (X11; Linux) Firefox/121.0"), true),
            ("ada", from("192.0.2.1", "Mozilla/5.0 (iPhone) Safari/604.1"), true),
            ("bob", from("203.0.113.1", "curl/8.0"), false),
            ("ada", from("192.0.2.1", "Mozilla/5.0 (iPhone) Safari/605.1"), false),
        ];
        let mut told = Vec::new();
        for (name, place, is_new) in &logins {
            let tokens = log_in(&house, name, place).await;
            if *is_new {
                told.push(tokens.session_id);
            }
        }
        let records = house.records().await;
        let events: Vec<_> = records.iter().filter(|record| record.kind == "session.new_device").collect();
        let data: Vec<serde_json::Value> =
            events.iter().map(|event| serde_json::from_str(&event.data).unwrap()).collect();
        let sessions: Vec<_> = data.iter().map(|data| data["session_id"].as_str().unwrap()).collect();
        assert_eq!(sessions, told);
        assert!(events.iter().all(|event| event.subject == Some(ada)), "bob has but one, {bob}");
        let is_sealed = |data: &serde_json::Value| {
            let text = data.to_string();
            data["ip_sealed"].is_string()
                && data["user_agent_sealed"].is_string()
                && !text.contains("Mozilla")
        };
        assert!(data.iter().all(is_sealed));
    }
}

#[tokio::test]
async fn alerts_can_be_switched_off() {
    for place in places() {
        let house = House::with(place, |config| config.login_alerts = false).await;
        house.world.add("ada");
        log_in(&house, "ada", &from("192.0.2.1", "a/1")).await;
        log_in(&house, "ada", &from("198.51.100.1", "b/1")).await;
        assert!(!house.events().await.iter().any(|(kind, _)| kind == "session.new_device"));
    }
}

#[tokio::test]
async fn the_use_of_a_session_is_noted_once_a_minute() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let tokens = house.log_in("ada").await;
        let note = async |after: i64| {
            let seen = |session_id: &str| SeenSession {
                session_id: session_id.to_owned(),
                at: 1_800_000_000 + after,
            };
            let sessions =
                vec![seen("?"), seen(&tokens.session_id), seen("0192aa00-0000-7000-8000-0000000000ff")];
            house.activity(Role::Gateway).note_seen(NoteSeenRequest { sessions }).await.unwrap();
        };
        let last_seen = async || {
            let request = p::ListSessionsRequest::default();
            let listed = house.auth(&owner(ada, &tokens)).list_sessions(request).await.unwrap().into_inner();
            listed.sessions[0].last_seen_at.unwrap().seconds - 1_800_000_000
        };
        house.clock.advance(Duration::from_secs(200));
        for (used, noted) in [(30, 0), (60, 60), (119, 60), (100, 60), (150, 150), (9_999, 150)] {
            note(used).await;
            assert_eq!(last_seen().await, noted, "{used}");
        }
        house.clock.advance(Duration::from_secs(100));
        note(9_999).await;
        assert_eq!(last_seen().await, 300, "never in the future");
        let refused = house.activity(Role::Users).note_seen(NoteSeenRequest::default()).await.unwrap_err();
        assert_eq!(problem_from(refused).code, Code::Forbidden);
    }
}

#[tokio::test]
async fn a_session_whose_time_is_over_is_told_as_ended_once() {
    for place in places() {
        let house = House::new(place).await;
        house.world.add("ada");
        let old = house.log_in("ada").await;
        house.clock.advance(Duration::from_secs(29 * 86_400));
        let live = house.log_in("ada").await;
        house.clock.advance(Duration::from_secs(2 * 86_400));
        denizen_auth::start_jobs(&house.app, &house.tasks);
        let told = async {
            loop {
                house.app.db.sequence().await.unwrap();
                let records = house.app.db.events_after(0, 1000).await.unwrap();
                let ended: Vec<_> =
                    records.into_iter().filter(|record| record.kind == "session.ended").collect();
                if !ended.is_empty() {
                    return ended;
                }
                tokio::task::yield_now().await;
            }
        };
        let ended = timeout(LONG, told).await.expect("its end is told");
        assert_eq!(ended.len(), 1);
        let data: serde_json::Value = serde_json::from_str(&ended[0].data).unwrap();
        assert_eq!(data, serde_json::json!({ "session_id": old.session_id, "reason": "expired" }));
        assert!(house.is_live(&live.session_id).await);
        house.tasks.stop().await;
    }
}
