//! Accounts that were closed, as users tells it in its log.

use std::time::Duration;

use denizen_kit::time::before;
use tokio::time::timeout;

use crate::support::{House, places};

/// Longer than anything may take, and far shorter than a test may hang.
const LONG: Duration = Duration::from_secs(10);

/// Waits until auth has taken in the log up to a place.
async fn taken_in(house: &House, place: i64) {
    let mut taken = house.world.taken.subscribe();
    timeout(LONG, taken.wait_for(|taken| *taken >= place)).await.expect("the log is followed").unwrap();
}

#[tokio::test]
async fn sessions_of_a_closed_account_end_though_nobody_asked_for_it() {
    for place in places() {
        let house = House::new(place).await;
        denizen_auth::start_jobs(&house.app, &house.tasks);
        let kinds = [
            ("user.blocked", "account_blocked"),
            ("user.suspended", "account_suspended"),
            ("user.deleted", "account_deleted"),
            ("user.erased", "account_erased"),
        ];
        for (kind, reason) in kinds {
            let name = kind.replace('.', "_");
            let user_id = house.world.add(&name);
            let tokens = house.log_in(&name).await;
            house.world.tell("user.updated", user_id, house.clock.now());
            let place = house.world.tell(kind, user_id, house.clock.now());
            taken_in(&house, place).await;
            assert!(!house.is_live(&tokens.session_id).await, "{kind}");
            let events = house.events().await;
            let ended = events.iter().filter(|(_, data)| data["session_id"] == tokens.session_id);
            let reasons: Vec<_> = ended.filter_map(|(_, data)| data["reason"].as_str()).collect();
            assert_eq!(reasons, [reason], "told once");
        }
        house.tasks.stop().await;
    }
}

#[tokio::test]
async fn who_logged_in_after_the_account_was_opened_again_stays() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let before_it = house.log_in("ada").await;
        house.clock.advance(Duration::from_secs(1));
        let closed = house.clock.now();
        house.clock.advance(Duration::from_secs(1));
        let after_it = house.log_in("ada").await;
        let place = house.world.tell("user.blocked", ada, closed);
        denizen_auth::start_jobs(&house.app, &house.tasks);
        taken_in(&house, place).await;
        assert!(!house.is_live(&before_it.session_id).await);
        assert!(house.is_live(&after_it.session_id).await);
        house.tasks.stop().await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_does_not_hold_up_the_log() {
    for place in places() {
        let house = House::new(place).await;
        let ada = house.world.add("ada");
        let tokens = house.log_in("ada").await;
        let now = house.clock.now();
        house.world.log.send_modify(|log| {
            let odd = denizen_rpc::events::internal::v1::Event {
                seq: 1,
                r#type: "user.blocked".to_owned(),
                subject: "nobody".to_owned(),
                ..Default::default()
            };
            log.push(odd);
        });
        house.world.tell("user.blocked", ada, before(now, Duration::from_secs(60)));
        let last = house.world.tell("user.updated", ada, now);
        denizen_auth::start_jobs(&house.app, &house.tasks);
        taken_in(&house, last).await;
        assert!(house.is_live(&tokens.session_id).await, "it began after that");
        house.tasks.stop().await;
    }
}
