//! Refresh tokens: rotation, grace, reuse, and what ends them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::problem::{Code, Kind};
use denizen_rpc::auth::v1 as p;
use denizen_rpc::users::v1::Status;

use crate::support::{House, owner, places};

#[tokio::test]
async fn a_refresh_gives_a_new_pair_with_the_roles_of_now() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let first = house.log_in("ada").await;
        house.world.change(ada, |user| user.roles = vec!["user".to_owned(), "support".to_owned()]);
        house.clock.advance(Duration::from_secs(60));
        let second = house.refresh(&first.refresh_token).await.unwrap();
        assert_eq!(second.session_id, first.session_id);
        assert_ne!(second.refresh_token, first.refresh_token);
        assert_ne!(second.access_token, first.access_token);
        assert_eq!(second.user.unwrap().roles, ["user", "support"]);
        house.clock.advance(Duration::from_secs(60));
        assert!(house.refresh(&second.refresh_token).await.is_ok());
    }
}

#[tokio::test]
async fn twenty_at_once_have_one_successor() {
    for place in places() {
        let house = House::new(place).await;
        house.world.add("ada");
        let first = house.log_in("ada").await;
        let answers = futures::future::join_all((0..20).map(|_| house.refresh(&first.refresh_token))).await;
        let successors: HashSet<_> =
            answers.into_iter().map(|answer| answer.unwrap().refresh_token).collect();
        assert_eq!(successors.len(), 1);
        assert!(!successors.contains(&first.refresh_token));
        assert!(house.is_live(&first.session_id).await);
    }
}

#[tokio::test]
async fn the_token_before_is_answered_during_the_grace_and_ends_the_session_after_it() {
    for place in places() {
        let house = House::new(place).await;
        house.world.add("ada");
        let first = house.log_in("ada").await;
        let second = house.refresh(&first.refresh_token).await.unwrap();
        house.clock.advance(Duration::from_secs(10));
        let again = house.refresh(&first.refresh_token).await.unwrap();
        assert_eq!(again.refresh_token, second.refresh_token, "the same successor");

        house.clock.advance(Duration::from_secs(1));
        let problem = house.refresh(&first.refresh_token).await.unwrap_err();
        assert_eq!((problem.kind, problem.code), (Kind::Unauthenticated, Code::InvalidCredentials));
        assert!(!house.is_live(&first.session_id).await);
        assert!(house.refresh(&second.refresh_token).await.is_err(), "the whole session has ended");
        let events = house.events().await;
        let (kind, data) = events.last().unwrap();
        assert_eq!((kind.as_str(), data["reason"].as_str()), ("session.ended", Some("refresh_reuse")));
    }
}

#[tokio::test]
async fn a_token_two_generations_old_ends_the_session_even_at_once() {
    for place in places() {
        let house = House::new(place).await;
        house.world.add("ada");
        let first = house.log_in("ada").await;
        let second = house.refresh(&first.refresh_token).await.unwrap();
        house.refresh(&second.refresh_token).await.unwrap();
        assert!(house.refresh(&first.refresh_token).await.is_err());
        assert!(!house.is_live(&first.session_id).await);
    }
}

#[tokio::test]
async fn forged_and_foreign_tokens_change_nothing() {
    for place in places() {
        let house = House::new(place).await;
        house.world.add("ada");
        let tokens = house.log_in("ada").await;
        let good = &tokens.refresh_token;
        let swapped = if good.ends_with('A') { 'B' } else { 'A' };
        let forged = format!("{}{swapped}{}", &good[..good.len() - 2], &good[good.len() - 1..]);
        for bad in [forged.as_str(), &tokens.access_token, "dzr_", "x", &good[4..]] {
            let problem = house.refresh(bad).await.unwrap_err();
            assert_eq!(problem.code, Code::InvalidCredentials, "{bad}");
        }
        assert_eq!(house.refresh("").await.unwrap_err().code, Code::ValidationFailed);
        assert!(house.refresh(good).await.is_ok(), "the session lives on");
    }
}

#[tokio::test]
async fn a_blocked_account_gets_no_tokens_and_its_session_ends() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        for (status, code) in
            [(Status::Blocked, Code::AccountBlocked), (Status::Deleted, Code::AccountDeleted)]
        {
            house.world.change(ada, |user| user.set_status(Status::Active));
            let tokens = house.log_in("ada").await;
            house.world.change(ada, |user| user.set_status(status));
            let problem = house.refresh(&tokens.refresh_token).await.unwrap_err();
            assert_eq!((problem.kind, problem.code), (Kind::Forbidden, code));
            assert!(!house.is_live(&tokens.session_id).await);
        }
    }
}

#[tokio::test]
async fn an_account_that_is_gone_gets_no_tokens() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let tokens = house.log_in("ada").await;
        house.world.remove(ada);
        assert_eq!(house.refresh(&tokens.refresh_token).await.unwrap_err().code, Code::InvalidCredentials);
        assert!(!house.is_live(&tokens.session_id).await);
    }
}

#[tokio::test]
async fn a_session_ends_by_disuse_and_by_age() {
    for place in places() {
        let house = House::with(place, |config| {
            config.refresh_token_ttl = Duration::from_secs(100);
            config.session_max_age = Duration::from_secs(150);
            config.access_token_ttl = Duration::from_secs(80);
        })
        .await;
        house.world.add("ada");
        let unused = house.log_in("ada").await;
        let used = house.log_in("ada").await;
        house.clock.advance(Duration::from_secs(90));
        let used = house.refresh(&used.refresh_token).await.unwrap();
        assert_eq!(used.refresh_expires_in, 60, "no longer than the session may last");
        assert_eq!(used.expires_in, 60, "and no access token outlives it");
        house.clock.advance(Duration::from_secs(10));
        assert!(house.refresh(&unused.refresh_token).await.is_err(), "not used for too long");
        house.clock.advance(Duration::from_secs(50));
        assert!(house.refresh(&used.refresh_token).await.is_err(), "too old");
        assert!(!house.is_live(&used.session_id).await);
    }
}

#[tokio::test]
async fn the_end_wins_over_refreshes_at_the_same_time() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        for round in 0..30 {
            let tokens = house.log_in("ada").await;
            let caller = owner(ada, &tokens);
            let mut client = house.auth(&caller);
            let end = client.logout(p::LogoutRequest { all: round % 2 == 0 });
            let (refreshed, ended) = futures::join!(house.refresh(&tokens.refresh_token), end);
            ended.unwrap();
            assert!(!house.is_live(&tokens.session_id).await);
            if let Ok(successor) = refreshed {
                assert!(house.refresh(&successor.refresh_token).await.is_err());
            }
        }
    }
}

#[tokio::test]
async fn a_session_that_ends_in_the_middle_of_a_refresh_gives_no_tokens() {
    for place in places() {
        let house = Arc::new(House::new(place).await);
        let ada = house.world.add("ada");
        let tokens = house.log_in("ada").await;
        let (ending, caller) = (house.clone(), owner(ada, &tokens));
        let end = async move {
            ending.auth(&caller).logout(p::LogoutRequest { all: false }).await.unwrap();
        };
        *house.world.at_lookup.lock().unwrap() = Some((1, Box::pin(end)));
        let problem = house.refresh(&tokens.refresh_token).await.unwrap_err();
        assert_eq!(problem.code, Code::InvalidCredentials);
    }
}

#[tokio::test]
async fn a_reset_ends_all_refresh_tokens() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let (one, two) = (house.log_in("ada").await, house.log_in("ada").await);
        assert_eq!(house.end_user_sessions(Role::Password, ada, "password_reset").await.unwrap(), 2);
        assert_eq!(
            house.end_user_sessions(Role::Password, ada, "password_reset").await.unwrap(),
            0,
            "asking twice"
        );
        assert!(house.refresh(&one.refresh_token).await.is_err());
        assert!(house.refresh(&two.refresh_token).await.is_err());
    }
}
