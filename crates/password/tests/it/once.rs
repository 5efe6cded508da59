//! What is sent again under the same idempotency key takes effect once and is answered as before.

use denizen_kit::problem::Code;
use denizen_rpc::password::v1::reset_password_request::Proof;
use denizen_rpc::password::v1::{
    ChangePasswordRequest, ForgotPasswordRequest, ResetPasswordRequest, forgot_password_request::By,
};
use denizen_rpc::problem_from;
use denizen_rpc::users::v1::Status;
use futures::future::join_all;

use crate::node::{ADA, FIRST, Node, SECOND, person};

async fn with_ada() -> Vec<Node> {
    let nodes = Node::all().await;
    for node in &nodes {
        node.peers.account(ADA, &["ada"], Status::Active);
        node.put(ADA, FIRST).await.unwrap();
    }
    nodes
}

fn change() -> ChangePasswordRequest {
    ChangePasswordRequest {
        user_id: ADA.to_owned(),
        current_password: FIRST.to_owned(),
        new_password: SECOND.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_sent_again_is_answered_as_before() {
    for node in with_ada().await {
        for _ in 0..3 {
            node.passwords_once(Some(person(ADA)), "one").change_password(change()).await.unwrap();
        }
        let other = node.passwords_once(Some(person(ADA)), "two").change_password(change()).await;
        assert_eq!(problem_from(other.unwrap_err()).code, Code::ValidationFailed, "another key, another try");
        let events = node.events(1).await;
        assert_eq!(events.iter().filter(|event| event.kind == "password.changed").count(), 1);
        assert!(node.verify(ADA, SECOND).await.unwrap());
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_sent_at_once_are_one() {
    for node in with_ada().await {
        let sent = (0..4)
            .map(|_| async { node.passwords_once(Some(person(ADA)), "one").change_password(change()).await });
        for answer in join_all(sent).await {
            answer.unwrap();
        }
        let events = node.events(1).await;
        assert_eq!(events.iter().filter(|event| event.kind == "password.changed").count(), 1);
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_sent_again_is_answered_as_before() {
    for node in with_ada().await {
        let token = node.token("0192aa00-0000-7000-8000-0000000000e1").await;
        let request = || ResetPasswordRequest {
            proof: Some(Proof::Token(token.clone())),
            new_password: SECOND.to_owned(),
        };
        for _ in 0..3 {
            node.passwords_once(None, "one").reset_password(request()).await.unwrap();
        }
        let other = node.passwords_once(None, "two").reset_password(request()).await;
        assert_eq!(problem_from(other.unwrap_err()).code, Code::TokenInvalid);
        let events = node.events(1).await;
        assert_eq!(events.iter().filter(|event| event.kind == "password.reset").count(), 1);
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_asked_for_again_falls_due_once() {
    for node in with_ada().await {
        let ask =
            || ForgotPasswordRequest { by: Some(By::Identifier("ada".to_owned())), via: "link".to_owned() };
        for _ in 0..3 {
            node.passwords_once(None, "one").forgot_password(ask()).await.unwrap();
        }
        node.clock.advance(std::time::Duration::from_millis(1));
        node.passwords_once(None, "last").forgot_password(ask()).await.unwrap();
        node.start_jobs();
        // Requests are taken in order: with the last one due, nothing is left of the first.
        assert_eq!(node.events(2).await.len(), 2);
        node.stop().await;
    }
}
