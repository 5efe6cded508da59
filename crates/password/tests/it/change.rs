//! Changing one's own password.

use denizen_kit::problem::Code;
use denizen_rpc::users::v1::Status;

use crate::node::{ADA, BOB, FIRST, Node, SECOND, SESSION, THIRD, field, person};

#[tokio::test(flavor = "multi_thread")]
async fn it_needs_the_present_one_and_ends_the_other_sessions() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        node.put(ADA, FIRST).await.unwrap();
        let wrong = node.change(person(ADA), SECOND, THIRD).await.unwrap_err();
        assert_eq!((wrong.code, field(&wrong)), (Code::ValidationFailed, ("/current_password", "incorrect")));
        assert!(node.peers.world().ended.is_empty());

        node.change(person(ADA), FIRST, SECOND).await.unwrap();
        let ended = (ADA.to_owned(), SESSION.to_owned(), "password_changed".to_owned());
        // Once before the new hash counts, once after it, for those who came in between.
        assert_eq!(node.peers.world().ended, [ended.clone(), ended]);
        assert!(!node.verify(ADA, FIRST).await.unwrap());
        assert!(node.verify(ADA, SECOND).await.unwrap());
        let events = node.events(1).await;
        assert_eq!(
            (events[0].kind.as_str(), events[0].subject),
            ("password.changed", Some(ADA.parse().unwrap()))
        );
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_changes_anothers() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        node.put(ADA, FIRST).await.unwrap();
        let refused = node.change(person(BOB), FIRST, SECOND).await.unwrap_err();
        assert_eq!(refused.code, Code::Forbidden, "not even an administrator");
        let events = node.events(1).await;
        assert_eq!(events[0].kind, "access.refused");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_passwords_cannot_come_back() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        node.put(ADA, FIRST).await.unwrap();
        let mut current = FIRST.to_owned();
        for number in 1..=5 {
            for used in [FIRST, &current] {
                let problem = node.change(person(ADA), &current, used).await.unwrap_err();
                let expected = (Code::WeakPassword, ("/new_password", "reused"));
                assert_eq!((problem.code, field(&problem)), expected, "{number}");
            }
            let next = format!("{SECOND} number {number}");
            node.change(person(ADA), &current, &next).await.unwrap();
            current = next;
            node.clock.advance(std::time::Duration::from_secs(1));
        }
        node.change(person(ADA), &current, FIRST).await.unwrap();
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_new_one_is_refused_with_the_reason() {
    let node = Node::start(crate::node::CHEAP).await;
    node.peers.account(ADA, &["ada"], Status::Active);
    node.put(ADA, FIRST).await.unwrap();
    for (new, code) in [("short", "too_short"), ("lovelace1815", "similar"), ("monkeymonkey", "common")] {
        let problem = node.change(person(ADA), FIRST, new).await.unwrap_err();
        assert_eq!((problem.code, field(&problem)), (Code::WeakPassword, ("/new_password", code)));
    }
    assert!(node.verify(ADA, FIRST).await.unwrap());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_the_present_one_is_guarded() {
    let node = Node::start(crate::node::CHEAP).await;
    node.peers.account(ADA, &["ada"], Status::Active);
    node.put(ADA, FIRST).await.unwrap();
    for _ in 0..5 {
        assert_eq!(node.change(person(ADA), THIRD, SECOND).await.unwrap_err().code, Code::ValidationFailed);
    }
    assert_eq!(node.change(person(ADA), FIRST, SECOND).await.unwrap_err().code, Code::TooManyAttempts);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_at_once_one_takes_place() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        node.put(ADA, FIRST).await.unwrap();
        let (left, right) =
            tokio::join!(node.change(person(ADA), FIRST, SECOND), node.change(person(ADA), FIRST, THIRD));
        assert!(left.is_ok() != right.is_ok());
        let now = if left.is_ok() { SECOND } else { THIRD };
        assert!(node.verify(ADA, now).await.unwrap());
        node.stop().await;
    }
}
