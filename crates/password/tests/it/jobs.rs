//! What runs beside the calls.

use std::time::Duration;

use denizen_kit::problem::Code;
use denizen_rpc::events::internal::v1::Event;
use denizen_rpc::password::v1::ForgotPasswordRequest;
use denizen_rpc::password::v1::forgot_password_request::By;
use denizen_rpc::problem_from;
use denizen_rpc::users::v1::Status;

use crate::node::{ADA, BOB, FIRST, Node, SECOND, field};

async fn forgot(node: &Node, by: By, via: &str) {
    let request = ForgotPasswordRequest { by: Some(by), via: via.to_owned() };
    node.passwords(None).forgot_password(request).await.unwrap();
}

fn identifier(text: &str) -> By {
    By::Identifier(text.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_falls_due_for_those_who_have_an_account() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada", "+4917612345678"], Status::Active);
        node.peers.account(BOB, &["bob"], Status::Blocked);
        node.start_jobs();
        forgot(&node, identifier("nobody"), "").await;
        forgot(&node, identifier("bob"), "").await;
        forgot(&node, identifier(" ada "), "").await;
        forgot(&node, By::Mobile("+4917612345678".to_owned()), "otp").await;
        let mut told = Vec::new();
        for event in node.events(2).await {
            assert_eq!(
                (event.kind.as_str(), event.subject),
                ("password.reset_due", Some(ADA.parse().unwrap()))
            );
            let data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
            told.push(format!("{} {}", data["via"], data["channel"]));
        }
        told.sort();
        assert_eq!(told, [r#""link" "email""#, r#""otp" "sms""#]);
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_floods_a_mailbox() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        node.peers.account(BOB, &["bob"], Status::Active);
        node.start_jobs();
        for _ in 0..9 {
            forgot(&node, identifier("ada"), "").await;
        }
        // Requests are taken in order, so when this one has fallen due, all before it have been looked at.
        node.clock.advance(Duration::from_millis(1));
        forgot(&node, identifier("bob"), "").await;
        let events = node.events(6).await;
        let of = |id: &str| events.iter().filter(|event| event.subject == Some(id.parse().unwrap())).count();
        assert_eq!((of(ADA), of(BOB)), (5, 1));
        node.clock.advance(Duration::from_secs(3600));
        forgot(&node, identifier("ada"), "").await;
        assert_eq!(node.events(7).await[6].subject, Some(ADA.parse().unwrap()));
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_cannot_be_is_refused() {
    let node = Node::start(crate::node::CHEAP).await;
    let table = [
        (Some(By::Email(String::new())), "", "/email"),
        (Some(By::Username("a".repeat(321))), "", "/username"),
        (Some(identifier("ada")), "pigeon", "/via"),
        (None, "", "/email"),
    ];
    for (by, via, pointer) in table {
        let request = ForgotPasswordRequest { by, via: via.to_owned() };
        let problem = problem_from(node.passwords(None).forgot_password(request).await.unwrap_err());
        assert_eq!((problem.code, field(&problem).0), (Code::ValidationFailed, pointer));
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_account_claimed_goes_after_an_hour() {
    for node in Node::all().await {
        node.put(ADA, FIRST).await.unwrap();
        node.put(BOB, SECOND).await.unwrap();
        // Ada's account exists, though its event has not come yet.
        node.peers.account(ADA, &["ada"], Status::Active);
        node.clock.advance(Duration::from_secs(3600));
        denizen_password::sweep(&node.app).await.unwrap();
        assert!(node.verify(BOB, SECOND).await.unwrap(), "within the hour");
        node.clock.advance(Duration::from_secs(1));
        denizen_password::sweep(&node.app).await.unwrap();
        assert!(!node.verify(BOB, SECOND).await.unwrap());
        assert!(node.verify(ADA, FIRST).await.unwrap());
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_followed() {
    let event = |seq: i64, kind: &str, subject: &str| Event {
        seq,
        r#type: kind.to_owned(),
        subject: subject.to_owned(),
        ..Event::default()
    };
    for node in Node::all().await {
        node.put(ADA, FIRST).await.unwrap();
        node.put(BOB, SECOND).await.unwrap();
        let events =
            [event(1, "user.created", ADA), event(2, "user.updated", ADA), event(3, "user.erased", BOB)];
        node.peers.world().events.extend(events);
        node.start_jobs();
        while node.peers.world().acknowledged < 3 {
            tokio::task::yield_now().await;
        }
        assert!(!node.verify(BOB, SECOND).await.unwrap(), "erased");
        node.clock.advance(Duration::from_secs(2 * 3600));
        denizen_password::sweep(&node.app).await.unwrap();
        assert!(node.verify(ADA, FIRST).await.unwrap(), "claimed by its event, so users was not asked");
        node.stop().await;
    }
}
