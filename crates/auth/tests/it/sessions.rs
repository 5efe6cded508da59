//! Lists of sessions and their end.

use std::time::Duration;

use denizen_kit::caller::{Caller, Permission, Role};
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::auth::v1 as p;
use denizen_rpc::problem_from;

use crate::support::{House, anonymous, owner, person, person_with, places};

async fn list(
    house: &House,
    caller: &Caller,
    user_id: &str,
    limit: i32,
    cursor: &str,
) -> Result<p::ListSessionsResponse, Problem> {
    let request = p::ListSessionsRequest { user_id: user_id.to_owned(), limit, cursor: cursor.to_owned() };
    Ok(house.auth(caller).list_sessions(request).await.map_err(problem_from)?.into_inner())
}

async fn end(house: &House, caller: &Caller, session_id: &str) -> Result<i64, Problem> {
    let request = p::EndSessionRequest { session_id: session_id.to_owned() };
    Ok(house.auth(caller).end_session(request).await.map_err(problem_from)?.into_inner().ended)
}

#[tokio::test]
async fn the_list_shows_live_sessions_newest_first_page_by_page() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let mut ids = Vec::new();
        let mut tokens = p::Tokens::default();
        for _ in 0..5 {
            house.clock.advance(Duration::from_secs(1));
            tokens = house.log_in("ada").await;
            ids.push(tokens.session_id.clone());
        }
        let caller = owner(ada, &tokens);
        end(&house, &caller, &ids[2]).await.unwrap();

        let first = list(&house, &caller, "", 2, "").await.unwrap();
        let second = list(&house, &caller, &ada.to_string(), 2, &first.next_cursor).await.unwrap();
        assert_eq!(second.next_cursor, "");
        let all: Vec<_> = first.sessions.iter().chain(&second.sessions).collect();
        let shown: Vec<_> = all.iter().map(|session| session.id.as_str()).collect();
        assert_eq!(shown, [&ids[4], &ids[3], &ids[1], &ids[0]]);
        assert_eq!(
            all.iter().map(|session| session.current).collect::<Vec<_>>(),
            [true, false, false, false]
        );
        assert_eq!(
            (all[0].ip.as_deref(), all[0].user_agent.as_deref()),
            (Some("192.0.2.7"), Some("Browser/1.0"))
        );
        assert_eq!(
            (all[0].amr.as_slice(), all[0].user_id.as_str()),
            (["pwd".to_owned()].as_slice(), ada.to_string().as_str())
        );
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_list() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, bob) = (house.world.add("ada"), house.world.add("bob"));
        let tokens = house.log_in("ada").await;
        house.log_in("ada").await;
        let cursor = list(&house, &owner(ada, &tokens), "", 1, "").await.unwrap().next_cursor;
        let other = house.log_in("bob").await;
        for bad in [cursor.as_str(), "' OR 1=1--", "AAAA"] {
            let problem = list(&house, &owner(bob, &other), "", 1, bad).await.unwrap_err();
            assert_eq!(problem.code, Code::MalformedRequest, "{bad}");
        }
        let problem = list(&house, &owner(ada, &tokens), "", 201, "").await.unwrap_err();
        assert_eq!(problem.code, Code::ValidationFailed);
    }
}

#[tokio::test]
async fn another_persons_list_needs_the_permission_and_is_recorded() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, bob) = (house.world.add("ada"), house.world.add("bob"));
        house.log_in("ada").await;
        let ada_id = ada.to_string();
        assert_eq!(list(&house, &anonymous(), "", 0, "").await.unwrap_err().code, Code::Unauthenticated);
        assert_eq!(list(&house, &anonymous(), &ada_id, 0, "").await.unwrap_err().code, Code::Unauthenticated);
        let refused = list(&house, &person(bob, None, &["user"]), &ada_id, 0, "").await.unwrap_err();
        assert_eq!(refused.code, Code::Forbidden);
        let shown = list(&house, &person(bob, None, &["support"]), &ada_id, 0, "").await.unwrap();
        assert_eq!(shown.sessions.len(), 1);
        assert!(!shown.sessions[0].current);

        let records = house.records().await;
        let viewed: Vec<_> = records.iter().filter(|record| record.kind == "session.viewed").collect();
        assert_eq!(viewed.len(), 1);
        let refused: Vec<_> = records.iter().filter(|record| record.kind == "access.refused").collect();
        assert_eq!((refused.len(), refused[0].actor.as_str()), (1, bob.to_string().as_str()));
        assert_eq!((viewed[0].subject, viewed[0].actor.as_str()), (Some(ada), bob.to_string().as_str()));
    }
}

#[tokio::test]
async fn one_ends_ones_own_and_anothers_only_by_permission() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, bob) = (house.world.add("ada"), house.world.add("bob"));
        let tokens = house.log_in("ada").await;
        let id = tokens.session_id.as_str();
        assert_eq!(end(&house, &anonymous(), id).await.unwrap_err().code, Code::Unauthenticated);
        let foreign = end(&house, &person(bob, None, &["user"]), id).await.unwrap_err();
        let absent = "0192aa00-0000-7000-8000-0000000000ff";
        let nowhere = end(&house, &person(bob, None, &["user"]), absent).await.unwrap_err();
        assert_eq!(
            (foreign.code, &foreign.detail),
            (Code::NotFound, &nowhere.detail),
            "as if it were not there"
        );
        assert!(house.is_live(id).await);

        assert_eq!(end(&house, &person(bob, None, &["support"]), id).await.unwrap(), 1);
        assert_eq!(end(&house, &owner(ada, &tokens), id).await.unwrap(), 0, "asking twice is not an error");
        assert!(!house.is_live(id).await);
    }
}

#[tokio::test]
async fn the_others_end_and_the_present_one_lives_on() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let bob = house.world.add("bob");
        let others = [house.log_in("ada").await, house.log_in("ada").await];
        let present = house.log_in("ada").await;
        let of_bob = house.log_in("bob").await;
        let request = p::EndOtherSessionsRequest {};
        let answer = house.auth(&owner(ada, &present)).end_other_sessions(request).await.unwrap();
        assert_eq!(answer.into_inner().ended, 2);
        for other in &others {
            assert!(!house.is_live(&other.session_id).await);
        }
        assert!(house.is_live(&present.session_id).await);
        assert!(house.is_live(&of_bob.session_id).await);
        assert_eq!(list(&house, &owner(bob, &of_bob), "", 0, "").await.unwrap().sessions.len(), 1);
    }
}

#[tokio::test]
async fn all_of_a_person_end_by_the_permission_to_end_alone() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, bob) = (house.world.add("ada"), house.world.add("bob"));
        let tokens = [house.log_in("ada").await, house.log_in("ada").await];
        let of_bob = house.log_in("bob").await;
        let end_all = async |caller: &Caller, user_id: &str| {
            let request = p::EndSessionsOfRequest { user_id: user_id.to_owned() };
            let answer = house.auth(caller).end_sessions_of(request).await.map_err(problem_from)?;
            Ok::<_, Problem>(answer.into_inner().ended)
        };
        let ada_id = ada.to_string();
        assert_eq!(end_all(&anonymous(), &ada_id).await.unwrap_err().code, Code::Unauthenticated);
        let user = person(bob, Some(&of_bob.session_id), &["user"]);
        assert_eq!(end_all(&user, &ada_id).await.unwrap_err().code, Code::Forbidden);
        let nobody = "0192aa00-0000-7000-8000-0000000000ff";
        assert_eq!(end_all(&user, nobody).await.unwrap_err().code, Code::Forbidden, "403 before 404");
        assert!(house.is_live(&tokens[0].session_id).await);

        let agent = person_with(bob, &[Permission::SessionsEnd]);
        assert_eq!(end_all(&agent, &ada_id).await.unwrap(), 2, "without sessions:read");
        assert_eq!(end_all(&agent, &ada_id).await.unwrap(), 0, "asking twice is not an error");
        for ended in &tokens {
            assert!(!house.is_live(&ended.session_id).await);
        }
        assert_eq!(end_all(&owner(bob, &of_bob), &bob.to_string()).await.unwrap(), 1, "one's own");

        let records = house.records().await;
        let told: Vec<_> = records.iter().filter(|record| record.kind == "session.all_ended").collect();
        let data: serde_json::Value = serde_json::from_str(&told[0].data).unwrap();
        assert_eq!(data, serde_json::json!({ "count": 2, "reason": "ended_by_admin" }));
        assert_eq!((told[0].subject, told[0].actor.as_str()), (Some(ada), bob.to_string().as_str()));
        let refused = records.iter().filter(|record| record.kind == "access.refused").count();
        assert_eq!(refused, 2);
    }
}

#[tokio::test]
async fn a_login_under_way_does_not_outlive_the_end_of_all() {
    for place in places() {
        let house = std::sync::Arc::new(House::new(place).await);
        let (ada, bob) = (house.world.add("ada"), house.world.add("bob"));
        let ending = house.clone();
        *house.world.after_check.lock().unwrap() = Some(Box::pin(async move {
            let request = p::EndSessionsOfRequest { user_id: ada.to_string() };
            let agent = person_with(bob, &[Permission::SessionsEnd]);
            assert_eq!(ending.auth(&agent).end_sessions_of(request).await.unwrap().into_inner().ended, 0);
        }));
        let problem = house.try_log_in("ada", crate::peers::PASSWORD).await.unwrap_err();
        assert_eq!(problem.code, Code::Unavailable);
        let agent = person(bob, None, &["support"]);
        assert!(list(&house, &agent, &ada.to_string(), 0, "").await.unwrap().sessions.is_empty());
    }
}

#[tokio::test]
async fn logout_ends_this_session_or_all() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let (one, two, three) =
            (house.log_in("ada").await, house.log_in("ada").await, house.log_in("ada").await);
        let logout = async |tokens: &p::Tokens, all: bool| {
            let answer = house.auth(&owner(ada, tokens)).logout(p::LogoutRequest { all }).await.unwrap();
            answer.into_inner().ended
        };
        assert_eq!(logout(&one, false).await, 1);
        assert!(!house.is_live(&one.session_id).await && house.is_live(&two.session_id).await);
        assert_eq!(logout(&one, false).await, 0);
        assert_eq!(logout(&two, true).await, 2);
        assert!(!house.is_live(&three.session_id).await);
        let problem =
            problem_from(house.auth(&anonymous()).logout(p::LogoutRequest { all: true }).await.unwrap_err());
        assert_eq!(problem.code, Code::Unauthenticated);
    }
}

#[tokio::test]
async fn internal_operations_are_for_named_services() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let tokens = house.log_in("ada").await;
        for service in [Role::Gateway, Role::Notify, Role::Audit, Role::Otp] {
            let problem = house.end_user_sessions(service, ada, "blocked").await.unwrap_err();
            assert_eq!(problem.code, Code::Forbidden, "{service}");
        }
        let problem = house.end_user_sessions(Role::Users, ada, "Ada Lovelace, 192.0.2.7").await.unwrap_err();
        assert_eq!(problem.code, Code::ValidationFailed, "the reason is a word, not a text");
        assert!(house.is_live(&tokens.session_id).await);
        assert_eq!(house.end_user_sessions(Role::Operator, ada, "blocked").await.unwrap(), 1);
    }
}

#[tokio::test]
async fn nobody_ends_the_sessions_of_who_may_more() {
    for place in places() {
        let house = House::new(place).await;
        let (ada, bob) = (house.world.add("ada"), house.world.add("bob"));
        let all = async |caller: &Caller| {
            let request = p::EndSessionsOfRequest { user_id: ada.to_string() };
            house.auth(caller).end_sessions_of(request).await.map(drop).map_err(problem_from)
        };
        let support = person(bob, None, &["support"]);
        for roles in [&["user", "admin"][..], &["user", "keeper"]] {
            house
                .world
                .change(ada, |user| user.roles = roles.iter().map(|role| (*role).to_owned()).collect());
            let tokens = house.log_in("ada").await;
            assert_eq!(end(&house, &support, &tokens.session_id).await.unwrap_err().code, Code::Forbidden);
            assert_eq!(all(&support).await.unwrap_err().code, Code::Forbidden);
            assert!(house.is_live(&tokens.session_id).await);
            let own = owner(ada, &tokens);
            assert_eq!(end(&house, &own, &tokens.session_id).await.unwrap(), 1, "one's own");
        }
        let refused = house.records().await.into_iter().filter(|record| record.kind == "access.refused");
        assert_eq!(refused.count(), 4);
        house.world.change(ada, |user| user.roles = vec!["user".to_owned(), "support".to_owned()]);
        house.log_in("ada").await;
        all(&support).await.unwrap();
    }
}

#[tokio::test]
async fn logging_out_everywhere_lets_no_login_under_way_be_completed() {
    for place in places() {
        let house = std::sync::Arc::new(House::new(place).await);
        let ada = house.world.add("ada");
        for all in [true, false] {
            let tokens = house.log_in("ada").await;
            let (inside, caller) = (house.clone(), owner(ada, &tokens));
            *house.world.after_check.lock().unwrap() = Some(Box::pin(async move {
                if all {
                    inside.auth(&caller).logout(p::LogoutRequest { all }).await.unwrap();
                } else {
                    inside.auth(&caller).end_other_sessions(p::EndOtherSessionsRequest {}).await.unwrap();
                }
            }));
            let overtaken = house.try_log_in("ada", crate::peers::PASSWORD).await.unwrap_err();
            assert_eq!(overtaken.code, Code::Unavailable, "all: {all}");
        }
    }
}
