//! Replacing a forgotten password, by link and by code.

use std::time::Duration;

use denizen_kit::caller::{Permission, Permissions, Person, Role};
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::events::internal::v1::Event;
use denizen_rpc::otp::v1::Channel;
use denizen_rpc::password::internal::v1::IssueResetRequest;
use denizen_rpc::password::v1::StartResetRequest;
use denizen_rpc::problem_from;
use denizen_rpc::users::v1::Status;
use denizen_testkit::eventually;
use futures::future::join_all;

use crate::node::{ADA, BOB, FIRST, Node, SECOND, THIRD, field, person};

const MESSAGE: &str = "0192aa00-0000-7000-8000-0000000000e1";
const NEWER: &str = "0192aa00-0000-7000-8000-0000000000e2";

async fn with_ada() -> Vec<Node> {
    let nodes = Node::all().await;
    for node in &nodes {
        node.peers.account(ADA, &["ada"], Status::Active);
        node.put(ADA, FIRST).await.unwrap();
    }
    nodes
}

fn code_of(outcome: Result<(), Problem>) -> Code {
    outcome.unwrap_err().code
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_works_once_and_ends_all_sessions() {
    for node in with_ada().await {
        let token = node.token(MESSAGE).await;
        assert_eq!(node.token(MESSAGE).await, token, "the same message gets the same token");
        node.reset(&token, SECOND).await.unwrap();
        let ended = (ADA.to_owned(), String::new(), "password_reset".to_owned());
        assert_eq!(node.peers.world().ended, [ended.clone(), ended]);
        assert!(node.verify(ADA, SECOND).await.unwrap());
        assert_eq!(code_of(node.reset(&token, THIRD).await), Code::TokenInvalid);
        assert!(node.verify(ADA, SECOND).await.unwrap());
        assert_eq!(node.events(1).await[0].kind, "password.reset");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_at_once_one_succeeds() {
    for node in with_ada().await {
        let token = node.token(MESSAGE).await;
        let resets = join_all((0..20).map(|_| node.reset(&token, SECOND))).await;
        assert_eq!(resets.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        for problem in resets.into_iter().filter_map(Result::err) {
            // Whoever comes after the first may also see that the password is taken.
            assert!(matches!(problem.code, Code::TokenInvalid | Code::WeakPassword), "{problem}");
        }
        assert!(node.verify(ADA, SECOND).await.unwrap());
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_is_one_answer() {
    for node in with_ada().await {
        let older = node.token(MESSAGE).await;
        let newer = node.token(NEWER).await;
        let forged = format!("{}AAAA", &newer[..60]);
        for dead in [older.as_str(), forged.as_str(), "", "nonsense", &"A".repeat(64)] {
            assert_eq!(code_of(node.reset(dead, SECOND).await), Code::TokenInvalid, "{dead}");
        }
        node.clock.advance(Duration::from_secs(30 * 60));
        assert_eq!(code_of(node.reset(&newer, SECOND).await), Code::TokenInvalid, "too late");
        assert!(node.verify(ADA, FIRST).await.unwrap());
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_does_not_cost_the_link() {
    for node in with_ada().await {
        let token = node.token(MESSAGE).await;
        for (password, code) in [("short", "too_short"), ("lovelace1815", "similar"), (FIRST, "reused")] {
            let problem = node.reset(&token, password).await.unwrap_err();
            assert_eq!(field(&problem), ("/new_password", code));
        }
        assert!(node.peers.world().ended.is_empty());
        node.reset(&token, SECOND).await.unwrap();
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_ends_the_link_and_a_block_too() {
    for node in with_ada().await {
        let token = node.token(MESSAGE).await;
        node.change(person(ADA), FIRST, SECOND).await.unwrap();
        assert_eq!(code_of(node.reset(&token, THIRD).await), Code::TokenInvalid);

        let token = node.token(NEWER).await;
        node.peers.account(ADA, &["ada"], Status::Blocked);
        assert_eq!(code_of(node.reset(&token, THIRD).await), Code::TokenInvalid, "blocked after it was sent");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_opens_the_guard() {
    for node in with_ada().await {
        for source in 0..50 {
            assert!(!node.verify_from(ADA, THIRD, &format!("198.51.100.{source}")).await.unwrap());
        }
        assert_eq!(node.verify(ADA, FIRST).await.unwrap_err().code, Code::TooManyAttempts);
        let token = node.token(MESSAGE).await;
        node.reset(&token, SECOND).await.unwrap();
        assert!(node.verify(ADA, SECOND).await.unwrap());
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_once() {
    for node in with_ada().await {
        node.peers.world().codes.insert(ADA.to_owned(), "123456".to_owned());
        assert_eq!(code_of(node.reset_by_code("ada", "654321", SECOND).await), Code::CodeInvalid);
        assert_eq!(code_of(node.reset_by_code("nobody", "123456", SECOND).await), Code::CodeInvalid);
        node.reset_by_code("ada", "123456", SECOND).await.unwrap();
        assert!(node.verify(ADA, SECOND).await.unwrap());
        assert_eq!(code_of(node.reset_by_code("ada", "123456", THIRD).await), Code::CodeInvalid);
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_proof_nothing_is_said_of_the_account() {
    for node in with_ada().await {
        node.peers.world().codes.insert(ADA.to_owned(), "123456".to_owned());
        let weak = node.reset_by_code("ada", "123456", "short").await.unwrap_err();
        assert_eq!(field(&weak), ("/new_password", "too_short"));
        assert_eq!(node.peers.world().consumed, 0, "the code was not touched");
        for (identifier, password) in [("ada", "AdaLovelaceAnalytical"), ("ada", FIRST), ("nobody", FIRST)] {
            let outcome = node.reset_by_code(identifier, "000000", password).await;
            assert_eq!(code_of(outcome), Code::CodeInvalid, "{identifier} {password}");
        }
        assert_eq!(node.peers.world().consumed, 3, "the same steps for everybody");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_does_not_cost_the_code() {
    for node in with_ada().await {
        node.peers.world().codes.insert(ADA.to_owned(), "123456".to_owned());
        let reused = node.reset_by_code("ada", "123456", FIRST).await.unwrap_err();
        assert_eq!(field(&reused), ("/new_password", "reused"));
        assert_eq!(code_of(node.reset_by_code("ada", "999999", SECOND).await), Code::CodeInvalid);
        node.reset_by_code("ada", "123456", SECOND).await.unwrap();

        node.peers.world().codes.insert(ADA.to_owned(), "222222".to_owned());
        assert_eq!(code_of(node.reset_by_code("ada", "222222", SECOND).await), Code::WeakPassword);
        for _ in 0..5 {
            assert_eq!(code_of(node.reset_by_code("ada", "333333", THIRD).await), Code::CodeInvalid);
        }
        assert_eq!(
            code_of(node.reset_by_code("ada", "222222", THIRD).await),
            Code::CodeInvalid,
            "burnt by guessing"
        );
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_notify_gets_tokens_each_for_one_person() {
    let nodes = with_ada().await;
    let node = &nodes[0];
    let wish = |user_id: &str| IssueResetRequest {
        user_id: user_id.to_owned(),
        issue_id: MESSAGE.to_owned(),
        ..IssueResetRequest::default()
    };
    let refused = node.credentials(Role::Users).issue_reset(wish(ADA)).await.unwrap_err();
    assert_eq!(problem_from(refused).code, Code::Forbidden);
    node.token(MESSAGE).await;
    let foreign = node.credentials(Role::Notify).issue_reset(wish(BOB)).await.unwrap_err();
    assert_eq!(problem_from(foreign).code, Code::NotFound);
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_by_mail_tells_that_the_mailbox_is_held() {
    for node in with_ada().await {
        node.peers.world().codes.insert(ADA.to_owned(), "123456".to_owned());
        node.peers.world().channel = Channel::Sms;
        node.reset_by_code("ada", "123456", SECOND).await.unwrap();
        assert!(node.peers.world().proved.is_empty(), "by text message");

        node.peers.world().factors.insert(ADA.to_owned());
        let token = node.token(MESSAGE).await;
        node.reset(&token, THIRD).await.unwrap();
        assert!(node.peers.world().proved.is_empty(), "a second factor stays, and what belongs to it");

        node.peers.world().factors.clear();
        node.peers.world().channel = Channel::Email;
        node.peers.world().codes.insert(ADA.to_owned(), "654321".to_owned());
        node.reset_by_code("ada", "654321", "a fourth horse battery").await.unwrap();
        let token = node.token(NEWER).await;
        node.reset(&token, "a fifth horse battery").await.unwrap();
        assert_eq!(node.peers.world().proved, [ADA, ADA]);
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_had_no_password_had_nobody_in_the_account() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        let token = node.token(MESSAGE).await;
        node.reset(&token, FIRST).await.unwrap();
        assert!(node.peers.world().proved.is_empty(), "imported, or made by an administrator");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_to_an_address_before_opens_nothing() {
    for node in with_ada().await {
        let before = node.token(MESSAGE).await;
        let at = node.clock.now().as_microsecond();
        node.clock.advance(Duration::from_secs(1));
        let event = |seq, kind: &str| Event {
            seq,
            r#type: kind.to_owned(),
            subject: ADA.to_owned(),
            at,
            ..Event::default()
        };
        node.peers.world().events.extend([event(1, "user.email_changed"), event(2, "user.updated")]);
        node.start_jobs();
        eventually("the events are taken in", || async {
            (node.peers.world().acknowledged == 2).then_some(())
        })
        .await;
        assert_eq!(code_of(node.reset(&before, SECOND).await), Code::TokenInvalid);
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_starts_a_reset_for_who_may_more() {
    for node in with_ada().await {
        node.peers.world().permissions.insert(ADA.to_owned(), Permissions::all());
        let support = Person { permissions: Permissions::of(&[Permission::UsersWrite]), ..person(BOB) };
        let start = async |who: Person| {
            let request = StartResetRequest { user_id: ADA.to_owned(), via: String::new() };
            node.administration(who).start_reset(request).await.map(drop).map_err(problem_from)
        };
        assert_eq!(code_of(start(support.clone()).await), Code::Forbidden);
        assert_eq!(node.events(1).await[0].kind, "access.refused");
        start(person(BOB)).await.unwrap();
        node.peers.world().permissions.clear();
        start(support).await.unwrap();
        node.stop().await;
    }
}
