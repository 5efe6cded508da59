//! The stream of revocations, and the clean-up.

use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_rpc::auth::internal::v1::{Revocations, WatchRevocationsRequest};
use denizen_rpc::auth::v1 as p;
use denizen_rpc::problem_from;
use tokio::time::timeout;
use tonic::Streaming;

use crate::support::{House, owner, places};

/// Longer than any message may take, and far shorter than a test may hang.
const LONG: Duration = Duration::from_secs(10);

async fn watch(house: &House) -> Streaming<Revocations> {
    watch_from(house, 0).await
}

async fn watch_from(house: &House, within_ms: u32) -> Streaming<Revocations> {
    let request = WatchRevocationsRequest { within_ms };
    house.sessions(Role::Gateway).watch_revocations(request).await.unwrap().into_inner()
}

async fn next(stream: &mut Streaming<Revocations>) -> Option<Revocations> {
    timeout(LONG, stream.message()).await.expect("a message or the end comes").unwrap()
}

/// The next message that is not a mere heartbeat.
async fn next_item(stream: &mut Streaming<Revocations>) -> Revocations {
    loop {
        let message = next(stream).await.expect("the stream goes on");
        if !message.items.is_empty() {
            return message;
        }
    }
}

#[tokio::test]
async fn the_whole_comes_first_then_each_end_once() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let before = house.log_in("ada").await;
        house.auth(&owner(ada, &before)).logout(p::LogoutRequest { all: false }).await.unwrap();

        let mut stream = watch(&house).await;
        let snapshot = next(&mut stream).await.unwrap();
        assert!(snapshot.snapshot);
        let item = &snapshot.items[0];
        assert_eq!((snapshot.items.len(), item.session_id.as_str()), (1, before.session_id.as_str()));
        assert!(item.until >= 1_800_000_000 + 1800, "as long as a token of it can be valid");

        let after = house.log_in("ada").await;
        house.auth(&owner(ada, &after)).logout(p::LogoutRequest { all: false }).await.unwrap();
        let message = next_item(&mut stream).await;
        assert!(!message.snapshot);
        assert_eq!(message.items.len(), 1);
        assert_eq!(message.items[0].session_id, after.session_id);
        let heartbeat = next(&mut stream).await.unwrap();
        assert_eq!(
            (heartbeat.items.len(), heartbeat.snapshot),
            (0, false),
            "what was sent is not sent again"
        );
    }
}

#[tokio::test]
async fn what_no_token_can_carry_any_more_is_left_out() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let tokens = house.log_in("ada").await;
        house.auth(&owner(ada, &tokens)).logout(p::LogoutRequest { all: false }).await.unwrap();
        house.clock.advance(Duration::from_secs(1800 + 60));
        let mut stream = watch(&house).await;
        assert!(next(&mut stream).await.unwrap().items.is_empty());
    }
}

#[tokio::test]
async fn who_asks_for_the_newest_gets_no_more() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let old = house.log_in("ada").await;
        house.auth(&owner(ada, &old)).logout(p::LogoutRequest { all: false }).await.unwrap();
        house.clock.advance(Duration::from_secs(60));
        let new = house.log_in("ada").await;
        house.auth(&owner(ada, &new)).logout(p::LogoutRequest { all: false }).await.unwrap();

        let mut stream = watch_from(&house, 1_000).await;
        let first = next(&mut stream).await.unwrap();
        assert!(!first.snapshot, "it is not the whole");
        let ids: Vec<&str> = first.items.iter().map(|item| item.session_id.as_str()).collect();
        assert_eq!(ids, [new.session_id.as_str()]);
    }
}

#[tokio::test]
async fn every_way_to_end_a_session_is_streamed() {
    for place in places() {
        let house = House::with(place, |config| config.max_sessions = 1).await;
        let ada = house.world.add("ada");
        let mut stream = watch(&house).await;
        assert!(next(&mut stream).await.unwrap().snapshot);

        let first = house.log_in("ada").await;
        house.clock.advance(Duration::from_secs(1));
        let second = house.log_in("ada").await;
        assert_eq!(next_item(&mut stream).await.items[0].session_id, first.session_id, "the limit");
        house.end_user_sessions(Role::Users, ada, "blocked").await.unwrap();
        assert_eq!(next_item(&mut stream).await.items[0].session_id, second.session_id, "another service");
        let third = house.log_in("ada").await;
        house.refresh(&third.refresh_token).await.unwrap();
        house.clock.advance(Duration::from_secs(60));
        assert!(house.refresh(&third.refresh_token).await.is_err());
        assert_eq!(next_item(&mut stream).await.items[0].session_id, third.session_id, "a token used twice");
    }
}

#[tokio::test]
async fn the_stream_is_for_gateways_and_ends_with_the_node() {
    for place in places() {
        let house = House::new(place).await;
        let request = WatchRevocationsRequest::default();
        let refused = house.sessions(Role::Notify).watch_revocations(request).await.unwrap_err();
        assert_eq!(problem_from(refused).code.as_str(), "forbidden");

        denizen_auth::start_jobs(&house.app, &house.tasks);
        let mut stream = watch(&house).await;
        assert!(next(&mut stream).await.is_some());
        let stopping = house.tasks.clone();
        let stopped = tokio::spawn(async move { stopping.stop().await });
        while next(&mut stream).await.is_some() {}
        timeout(LONG, stopped).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_clean_up_deletes_what_ended_long_ago_and_nothing_else() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let expired = house.log_in("ada").await;
        house.clock.advance(Duration::from_secs(89 * 86_400));
        let ended = house.log_in("ada").await;
        house.auth(&owner(ada, &ended)).logout(p::LogoutRequest { all: false }).await.unwrap();
        house.clock.advance(Duration::from_secs(32 * 86_400));
        let live = house.log_in("ada").await;
        denizen_auth::start_jobs(&house.app, &house.tasks);

        let caller = owner(ada, &live);
        let is_known = async |tokens: &p::Tokens| {
            let request = p::EndSessionRequest { session_id: tokens.session_id.clone() };
            house.auth(&caller).end_session(request).await.is_ok()
        };
        let gone = async {
            while is_known(&expired).await || is_known(&ended).await {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, gone).await.expect("both are deleted");
        assert!(house.is_live(&live.session_id).await);
        house.tasks.stop().await;
    }
}
