//! Guessing: however many try, however they try, no more are compared than may be.

use std::time::Duration;

use denizen_rpc::otp::internal::v1::consume_request::Proof;
use denizen_rpc::otp::internal::v1::{CodeOfUser, IssueRequest};
use denizen_rpc::otp::v1::Purpose;
use denizen_rpc::users::v1::Status;
use futures::future::join_all;

use crate::support::{ADA, Node, other};

async fn login_code(node: &Node) -> (String, String) {
    node.clock.advance(Duration::from_secs(60));
    let otp_id = node.send("ada").await.otp_id;
    let code = node.issue(&otp_id).await.code;
    assert_eq!(code.len(), 6);
    (otp_id, code)
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tries_burn_a_code() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        let (otp_id, code) = login_code(&node).await;
        for malformed in ["", "12345", "１２３４５６", "not a code"] {
            assert!(!node.login(&otp_id, malformed).await);
        }
        for _ in 0..5 {
            assert!(!node.login(&otp_id, &other(&code)).await);
        }
        assert!(!node.login(&otp_id, &code).await, "burnt");
        let events = node.events(2).await;
        assert_eq!(events[1].kind, "otp.burnt");
        assert_eq!(events[1].subject, Some(ADA.parse().unwrap()));
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_try_may_be_right() {
    let node = Node::start().await;
    node.peers.account(ADA, &["ada"], Status::Active);
    let (otp_id, code) = login_code(&node).await;
    for _ in 0..4 {
        assert!(!node.login(&otp_id, &other(&code)).await);
    }
    assert!(node.login(&otp_id, &code).await);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_at_once_one_is_right() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        let (otp_id, code) = login_code(&node).await;
        let tries = join_all((0..20).map(|_| node.login(&otp_id, &code))).await;
        assert_eq!(tries.iter().filter(|valid| **valid).count(), 1);
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_once_no_more_are_compared_than_one_after_another() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        let (otp_id, code) = login_code(&node).await;
        let wrong = other(&code);
        let tries = join_all((0..30).map(|_| node.login(&otp_id, &wrong))).await;
        assert!(!tries.contains(&true));
        assert!(!node.login(&otp_id, &code).await, "burnt by those five that were compared");
        node.clock.advance(Duration::from_secs(60));
        node.send("ada").await;
        let events = node.events(3).await;
        assert_eq!(
            events.iter().filter(|event| event.kind == "otp.burnt").count(),
            1,
            "by the fifth, and no other"
        );
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_takes_thirty_wrong_tries_over_all_its_codes() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        for _ in 0..6 {
            let (otp_id, code) = login_code(&node).await;
            for _ in 0..5 {
                assert!(!node.login(&otp_id, &other(&code)).await);
            }
        }
        let (otp_id, code) = login_code(&node).await;
        assert!(!node.login(&otp_id, &code).await, "the thirty are spent");
        let message = IssueRequest {
            issue_id: "0192aa00-0000-7000-8000-0000000000e1".to_owned(),
            user_id: ADA.to_owned(),
            purpose: Purpose::PasswordReset.into(),
            ..IssueRequest::default()
        };
        let reset = node.issue_with(message).await;
        let proof =
            |code: &str| Proof::UserCode(CodeOfUser { user_id: ADA.to_owned(), code: code.to_owned() });
        assert!(!node.consume(Purpose::PasswordReset, proof(&reset.code)).await.valid, "for every purpose");

        node.clock.advance(Duration::from_secs(3600));
        denizen_otp::sweep(&node.app).await.unwrap();
        let (otp_id, code) = login_code(&node).await;
        assert!(node.login(&otp_id, &code).await, "an hour later");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_knows_an_identifier_only_spends_the_tries_of_its_owner() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        for _ in 0..6 {
            let (otp_id, code) = login_code(&node).await;
            for _ in 0..5 {
                assert!(!node.login(&otp_id, &other(&code)).await);
            }
        }
        let (otp_id, code) = login_code(&node).await;
        assert!(!node.login(&otp_id, &code).await, "all that anybody can try is spent");

        for (number, purpose) in [(1, Purpose::SecondFactor), (2, Purpose::VerifyEmail)] {
            let message = IssueRequest {
                issue_id: format!("0192aa00-0000-7000-8000-0000000000f{number}"),
                user_id: ADA.to_owned(),
                purpose: purpose.into(),
                ..IssueRequest::default()
            };
            let own = node.issue_with(message).await;
            let proof = Proof::UserCode(CodeOfUser { user_id: ADA.to_owned(), code: own.code });
            assert!(
                node.consume(purpose, proof).await.valid,
                "{purpose:?}: a password or a session was shown"
            );
        }
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_have_shown_a_password_have_thirty_tries_too() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        let factor = async |number: u32| {
            let message = IssueRequest {
                issue_id: format!("0192aa00-0000-7000-8000-0000000000f{number}"),
                user_id: ADA.to_owned(),
                purpose: Purpose::SecondFactor.into(),
                ..IssueRequest::default()
            };
            node.issue_with(message).await.code
        };
        let redeem = async |code: String| {
            let proof = Proof::UserCode(CodeOfUser { user_id: ADA.to_owned(), code });
            node.consume(Purpose::SecondFactor, proof).await.valid
        };
        for number in 0..6 {
            let code = factor(number).await;
            for _ in 0..5 {
                assert!(!redeem(other(&code)).await);
            }
        }
        let code = factor(7).await;
        assert!(!redeem(code).await);
        node.stop().await;
    }
}
