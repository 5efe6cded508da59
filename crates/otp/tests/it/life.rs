//! How a code lives: sent, issued, used once.

use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::otp::internal::v1::consume_request::Proof;
use denizen_rpc::otp::internal::v1::{CodeOfUser, ConsumeRequest, IssueRequest, LookRequest};
use denizen_rpc::otp::v1::{Channel, Purpose, SendOtpRequest};
use denizen_rpc::problem_from;
use denizen_rpc::users::v1::Status;

use crate::support::{ADA, BOB, Node, other, person};

const MESSAGE: &str = "0192aa00-0000-7000-8000-0000000000e1";
const NEWER: &str = "0192aa00-0000-7000-8000-0000000000e2";

fn for_message(id: &str, purpose: Purpose) -> IssueRequest {
    IssueRequest {
        issue_id: id.to_owned(),
        user_id: ADA.to_owned(),
        purpose: purpose.into(),
        target: b"digest".to_vec(),
        ..IssueRequest::default()
    }
}

fn code_of(problem: Result<impl std::fmt::Debug, Problem>) -> Code {
    problem.unwrap_err().code
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_code_is_sent_issued_and_used_once() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        let sent = node.send("ada").await;
        let event = &node.events(1).await[0];
        assert_eq!((event.kind.as_str(), event.subject), ("otp.due", None));
        let data = format!(r#"{{"otp_id":"{}","channel":"email","purpose":"login"}}"#, sent.otp_id);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&event.data).unwrap(),
            serde_json::from_str::<serde_json::Value>(&data).unwrap()
        );
        assert!(!node.login(&sent.otp_id, "000000").await, "nobody knows a code that was not issued");

        let issued = node.issue(&sent.otp_id).await;
        assert!(issued.due && issued.token.is_empty());
        assert_eq!((issued.user_id.as_str(), issued.code.len()), (ADA, 6));
        assert_eq!(node.issue(&sent.otp_id).await.code, issued.code, "the same issue gives the same code");
        assert!(!node.login(&sent.otp_id, &other(&issued.code)).await);
        assert!(node.login(&sent.otp_id, &format!(" {} ", issued.code)).await);
        assert!(!node.login(&sent.otp_id, &issued.code).await, "used");
        assert!(!node.issue(&sent.otp_id).await.due, "a used code is not sent again");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_does_not_tell_whose_identifier_it_is() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        node.peers.account(BOB, &["blocked"], Status::Blocked);
        for identifier in ["ada", "nobody", "blocked"] {
            let sent = node.send(identifier).await;
            assert!(!sent.otp_id.is_empty() && sent.expires_at.is_some(), "{identifier}");
            assert_eq!(node.issue(&sent.otp_id).await.due, identifier == "ada", "{identifier}");
        }
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn within_the_cooldown_nothing_is_sent() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        node.peers.account(ADA, &["ada@example.test"], Status::Active);
        let first = node.send("ada").await;
        assert!(node.issue(&first.otp_id).await.due);
        let second = node.send("ADA").await;
        assert_ne!(first.otp_id, second.otp_id);
        assert!(!node.issue(&second.otp_id).await.due, "the same identifier");
        let by_mail = node.send("ada@example.test").await;
        assert!(!node.issue(&by_mail.otp_id).await.due, "another identifier of the same person");

        let wish = SendOtpRequest { purpose: Purpose::SensitiveChange.into(), ..SendOtpRequest::default() };
        node.send_as(person(ADA, "user"), wish.clone()).await.unwrap();
        let problem = node.send_as(person(ADA, "user"), wish.clone()).await.unwrap_err();
        assert_eq!((problem.code, problem.retry_after), (Code::RateLimited, Some(Duration::from_secs(60))));
        node.clock.advance(Duration::from_secs(60));
        node.send_as(person(ADA, "user"), wish).await.unwrap();
        let third = node.send("ada").await;
        assert!(node.issue(&third.otp_id).await.due);
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_gets_code_and_link_and_a_newer_one_ends_them() {
    for node in Node::all().await {
        let first = node.issue_with(for_message(MESSAGE, Purpose::VerifyEmail)).await;
        node.clock.advance(Duration::from_secs(600));
        let again = node.issue_with(for_message(MESSAGE, Purpose::VerifyEmail)).await;
        assert_eq!((&first.code, &first.token), (&again.code, &again.token), "late, and still the same");
        assert!(again.due && again.expires_at.unwrap().seconds == 1_790_000_000 + 900);

        let token = |token: &str| Proof::Token(token.to_owned());
        assert!(!node.consume(Purpose::Login, token(&first.token)).await.valid, "another purpose");
        let forged = format!("{}AAAA", &first.token[..60]);
        assert!(!node.consume(Purpose::VerifyEmail, token(&forged)).await.valid, "forged");

        let newer = node.issue_with(for_message(NEWER, Purpose::VerifyEmail)).await;
        assert!(!node.consume(Purpose::VerifyEmail, token(&first.token)).await.valid, "ended by the newer");
        assert!(!node.issue_with(for_message(MESSAGE, Purpose::VerifyEmail)).await.due);
        let proved = node.consume(Purpose::VerifyEmail, token(&newer.token)).await;
        assert_eq!(
            (proved.valid, proved.user_id.as_str(), proved.target.as_slice()),
            (true, ADA, &b"digest"[..])
        );
        assert!(!node.consume(Purpose::VerifyEmail, token(&newer.token)).await.valid, "used");
        let code = Proof::UserCode(CodeOfUser { user_id: ADA.to_owned(), code: newer.code });
        assert!(!node.consume(Purpose::VerifyEmail, code).await.valid, "link and code are one");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_ends_with_time_and_a_link_later() {
    for node in Node::all().await {
        let issued = node.issue_with(for_message(MESSAGE, Purpose::VerifyEmail)).await;
        node.clock.advance(Duration::from_secs(300));
        let code = Proof::UserCode(CodeOfUser { user_id: ADA.to_owned(), code: issued.code });
        assert!(!node.consume(Purpose::VerifyEmail, code).await.valid);
        node.clock.advance(Duration::from_secs(23 * 3600));
        denizen_otp::sweep(&node.app).await.unwrap();
        assert!(node.consume(Purpose::VerifyEmail, Proof::Token(issued.token)).await.valid);

        let newer = node.issue_with(for_message(NEWER, Purpose::VerifyEmail)).await;
        node.clock.advance(Duration::from_secs(24 * 3600));
        assert!(!node.consume(Purpose::VerifyEmail, Proof::Token(newer.token)).await.valid);
        denizen_otp::sweep(&node.app).await.unwrap();
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_validates_ones_own_codes_and_a_service_anybodys() {
    for node in Node::all().await {
        let wish = SendOtpRequest {
            purpose: Purpose::SensitiveChange.into(),
            channel: Channel::Sms.into(),
            ..SendOtpRequest::default()
        };
        let sent = node.send_as(person(ADA, "user"), wish.clone()).await.unwrap();
        let issued = node.issue(&sent.otp_id).await;
        assert_eq!(issued.channel(), Channel::Sms);
        assert_eq!(code_of(node.validate(None, &sent.otp_id, &issued.code).await), Code::Unauthenticated);
        let foreign = node.validate(Some(person(BOB, "user")), &sent.otp_id, &issued.code).await;
        assert_eq!(code_of(foreign), Code::CodeInvalid);
        let nonsense = node.validate(Some(person(ADA, "user")), "no-id", &issued.code).await;
        assert_eq!(code_of(nonsense), Code::CodeInvalid);
        assert!(node.validate(Some(person(ADA, "user")), &sent.otp_id, &issued.code).await.unwrap());
        let again = node.validate(Some(person(ADA, "user")), &sent.otp_id, &issued.code).await;
        assert_eq!(code_of(again), Code::CodeInvalid);

        let for_bob = SendOtpRequest { user_id: Some(BOB.to_owned()), ..wish };
        assert_eq!(code_of(node.send_as(person(ADA, "user"), for_bob.clone()).await), Code::Forbidden);
        let sent = node.send_as(person(ADA, "service"), for_bob).await.unwrap();
        let code = node.issue(&sent.otp_id).await.code;
        assert!(node.validate(Some(person(ADA, "service")), &sent.otp_id, &code).await.unwrap());
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused() {
    let node = Node::start().await;
    let wish = |purpose: Purpose, channel: Channel, identifier: Option<&str>| SendOtpRequest {
        purpose: purpose.into(),
        channel: channel.into(),
        identifier: identifier.map(str::to_owned),
        user_id: None,
    };
    let table = [
        (wish(Purpose::Unspecified, Channel::Email, Some("ada")), Code::ValidationFailed),
        (wish(Purpose::VerifyEmail, Channel::Email, Some("ada")), Code::ValidationFailed),
        (wish(Purpose::Login, Channel::Email, Some(" ")), Code::ValidationFailed),
        (wish(Purpose::Login, Channel::Email, Some(&"a".repeat(321))), Code::ValidationFailed),
        (wish(Purpose::SensitiveChange, Channel::Email, None), Code::Unauthenticated),
    ];
    for (wish, code) in table {
        let problem = problem_from(node.otp(None).send_otp(wish.clone()).await.unwrap_err());
        assert_eq!(problem.code, code, "{wish:?}");
    }
    let by_mail = node.send_as(person(ADA, "user"), wish(Purpose::VerifyMobile, Channel::Email, None)).await;
    assert_eq!(code_of(by_mail), Code::ValidationFailed);

    let issue = node.codes(Role::Gateway).issue(for_message(MESSAGE, Purpose::Login)).await.unwrap_err();
    assert_eq!(problem_from(issue).code, Code::Forbidden);
    let request = ConsumeRequest { purpose: Purpose::Login.into(), proof: Some(Proof::Token(String::new())) };
    let consume = node.codes(Role::Notify).consume(request).await.unwrap_err();
    assert_eq!(problem_from(consume).code, Code::Forbidden);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_leaves_a_link_as_good_as_it_was() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        let issued = node.issue_with(for_message(MESSAGE, Purpose::VerifyEmail)).await;
        let look = |service, purpose: Purpose, token: &str| {
            let mut codes = node.codes(service);
            let request = LookRequest { purpose: purpose.into(), token: token.to_owned() };
            async move { codes.look(request).await.map(tonic::Response::into_inner).map_err(problem_from) }
        };
        for _ in 0..40 {
            let seen = look(Role::Users, Purpose::VerifyEmail, &issued.token).await.unwrap();
            assert_eq!(
                (seen.valid, seen.user_id.as_str(), seen.target.as_slice()),
                (true, ADA, &b"digest"[..])
            );
        }
        assert!(!look(Role::Users, Purpose::VerifyMobile, &issued.token).await.unwrap().valid);
        assert!(!look(Role::Users, Purpose::VerifyEmail, "nonsense").await.unwrap().valid);
        let other = look(Role::Gateway, Purpose::VerifyEmail, &issued.token).await.map(|_| ());
        assert_eq!(code_of(other), Code::Forbidden);
        assert!(node.consume(Purpose::VerifyEmail, Proof::Token(issued.token.clone())).await.valid);
        assert!(!look(Role::Users, Purpose::VerifyEmail, &issued.token).await.unwrap().valid, "used up");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_says_how_it_travelled() {
    for node in Node::all().await {
        let wish =
            IssueRequest { channel: Channel::Sms.into(), ..for_message(MESSAGE, Purpose::PasswordReset) };
        let issued = node.issue_with(wish).await;
        let proof = Proof::UserCode(CodeOfUser { user_id: ADA.to_owned(), code: issued.code });
        assert_eq!(node.consume(Purpose::PasswordReset, proof).await.channel(), Channel::Sms);
        node.stop().await;
    }
}
