//! The guard: growing waits, a closed day, and no gap when many come at once.

use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::password::internal::v1::{ExportHashesRequest, VerifyCredentialRequest};
use denizen_rpc::password::v1::ForgotPasswordRequest;
use denizen_rpc::password::v1::forgot_password_request::By;
use denizen_rpc::problem_from;
use denizen_rpc::users::v1::Status;
use futures::future::join_all;

use crate::node::{ADA, CHEAP, FIRST, Node, SECOND};

fn wait_of(tried: Result<bool, Problem>) -> u64 {
    let problem = tried.unwrap_err();
    assert_eq!(problem.code, Code::TooManyAttempts);
    problem.retry_after.unwrap().as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_make_the_next_try_wait_longer_and_longer() {
    for node in Node::all().await {
        node.put(ADA, FIRST).await.unwrap();
        // The same for an account and for none.
        for user_id in ["", ADA] {
            for _ in 0..5 {
                assert!(!node.verify(user_id, SECOND).await.unwrap());
            }
            for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
                assert_eq!(wait_of(node.verify(user_id, FIRST).await), wait, "the right one has to wait too");
                node.clock.advance(Duration::from_secs(wait));
                assert!(!node.verify(user_id, SECOND).await.unwrap());
            }
        }
        assert!(node.verify_from(ADA, FIRST, "198.51.100.9").await.unwrap(), "another source");
        assert_eq!(wait_of(node.verify(ADA, FIRST).await), 300);
        node.clock.advance(Duration::from_secs(300));
        assert!(node.verify(ADA, FIRST).await.unwrap());
        for _ in 0..5 {
            assert!(!node.verify(ADA, SECOND).await.unwrap(), "a success starts over");
        }
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_one_source() {
    let node = Node::start(CHEAP).await;
    node.put(ADA, FIRST).await.unwrap();
    for host in 1..=5 {
        let source = format!("2001:db8:0:7::{host}");
        assert!(!node.verify_from(ADA, SECOND, &source).await.unwrap());
    }
    assert_eq!(wait_of(node.verify_from(ADA, FIRST, "2001:db8:0:7:ffff::1").await), 1);
    assert!(node.verify_from(ADA, FIRST, "2001:db8:0:8::1").await.unwrap());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_failures_close_the_day() {
    for node in Node::all().await {
        node.put(ADA, FIRST).await.unwrap();
        for user_id in [ADA, ""] {
            for source in 0..50 {
                let source = format!("198.51.100.{source}");
                assert!(!node.verify_from(user_id, SECOND, &source).await.unwrap());
            }
            assert_eq!(wait_of(node.verify_from(user_id, FIRST, "203.0.113.1").await), 24 * 3600);
        }
        let events = node.events(1).await;
        assert_eq!(
            (events[0].kind.as_str(), events[0].subject),
            ("password.closed", Some(ADA.parse().unwrap()))
        );
        let told: serde_json::Value = serde_json::from_str(&events[0].data).unwrap();
        assert_eq!(told, serde_json::json!({"failures": 50, "until": "2026-09-22T14:13:20Z"}));
        node.clock.advance(Duration::from_secs(24 * 3600));
        denizen_password::sweep(&node.app).await.unwrap();
        node.put(ADA, FIRST).await.unwrap();
        assert!(node.verify_from(ADA, FIRST, "203.0.113.1").await.unwrap());
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_failures_close_an_account_over_all_its_names() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        node.put(ADA, FIRST).await.unwrap();
        let by = async |name: &str, password: &str, source: String| {
            let request = VerifyCredentialRequest {
                user_id: ADA.to_owned(),
                password: password.to_owned(),
                identifier_key: name.as_bytes().to_vec(),
                source,
            };
            let answer =
                node.credentials(Role::Auth).verify_credential(request).await.map_err(problem_from)?;
            Ok(answer.into_inner().valid)
        };
        for name in ["mail", "name", "mobile"] {
            for source in 0..49 {
                let tried = by(name, SECOND, format!("198.51.100.{source}")).await;
                let is_evaluated = name != "mobile" || source < 2;
                assert_eq!(tried.is_ok(), is_evaluated, "{name} {source}");
            }
        }
        for name in ["mail", "name", "mobile", ""] {
            assert_eq!(wait_of(by(name, FIRST, "203.0.113.1".to_owned()).await), 24 * 3600, "{name}");
        }
        let told: serde_json::Value = serde_json::from_str(&node.events(1).await[0].data).unwrap();
        assert_eq!(told["failures"], 100);

        let token = node.token("0192aa00-0000-7000-8000-0000000000e1").await;
        node.reset(&token, SECOND).await.unwrap();
        assert!(by("mobile", SECOND, "203.0.113.1".to_owned()).await.unwrap(), "a reset opens it");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn successes_do_not_close_the_day() {
    let node = Node::start(CHEAP).await;
    node.put(ADA, FIRST).await.unwrap();
    for _ in 0..110 {
        assert!(node.verify(ADA, FIRST).await.unwrap());
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_at_once_five_are_evaluated() {
    for node in Node::all().await {
        node.put(ADA, FIRST).await.unwrap();
        let before = node.app.pool.hashes();
        let tries = join_all((0..50).map(|_| node.verify(ADA, SECOND))).await;
        let evaluated = tries.iter().filter(|tried| tried.is_ok()).count();
        assert_eq!((evaluated, node.app.pool.hashes() - before), (5, 5));
        assert!(
            tries.into_iter().filter_map(Result::err).all(|problem| problem.code == Code::TooManyAttempts)
        );
        assert_eq!(wait_of(node.verify(ADA, FIRST).await), 1);
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_is_told_at_once_and_counts_for_nobody() {
    let node = Node::start(&format!("[password.pool]\nslots = 1\nqueue = 1\n{CHEAP}")).await;
    node.put(ADA, FIRST).await.unwrap();
    let tries = join_all((0..40).map(|_| node.verify(ADA, FIRST))).await;
    let mut shed = 0;
    for problem in tries.into_iter().filter_map(Result::err) {
        assert_eq!((problem.code, problem.retry_after), (Code::Overloaded, Some(Duration::from_secs(1))));
        shed += 1;
    }
    assert!(shed > 0, "forty do not fit in two places");
    assert!(node.verify(ADA, FIRST).await.unwrap());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_storm_no_more_is_hashed_than_has_a_place_and_the_rest_goes_on() {
    let slow =
        "[password.pool]\nslots = 1\nqueue = 1\n[password.argon2]\nmemory_kib = 65536\niterations = 12\n";
    let node = Node::start(slow).await;
    let storm = join_all((0..40).map(|_| node.verify("", SECOND)));
    let meanwhile = async {
        while node.app.pool.hashes() == 0 {
            tokio::task::yield_now().await;
        }
        let request = ExportHashesRequest { user_ids: vec![ADA.to_owned()] };
        node.transfer(Role::Users).export_hashes(request).await.unwrap();
        node.passwords(None).forgot_password(forgotten()).await.unwrap();
        node.app.pool.hashes()
    };
    let (answers, hashes) = tokio::join!(storm, meanwhile);
    assert_eq!(hashes, 1, "answered while the first hash was computed");
    let (evaluated, shed): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((evaluated.len(), shed.len(), node.app.pool.hashes()), (2, 38, 2));
    for problem in shed.into_iter().filter_map(Result::err) {
        assert_eq!((problem.code, problem.retry_after), (Code::Overloaded, Some(Duration::from_secs(1))));
    }
    node.stop().await;
}

fn forgotten() -> ForgotPasswordRequest {
    ForgotPasswordRequest { by: Some(By::Identifier("ada".to_owned())), via: String::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_is_counted_by_person() {
    let node = Node::start(CHEAP).await;
    node.put(ADA, FIRST).await.unwrap();
    let request = |user_id: &str, password: &str| VerifyCredentialRequest {
        user_id: user_id.to_owned(),
        password: password.to_owned(),
        identifier_key: Vec::new(),
        source: "192.0.2.1".to_owned(),
    };
    let mut auth = node.credentials(Role::Auth);
    for _ in 0..5 {
        assert!(!auth.verify_credential(request(ADA, SECOND)).await.unwrap().into_inner().valid);
    }
    let refused = problem_from(auth.verify_credential(request(ADA, FIRST)).await.unwrap_err());
    assert_eq!(refused.code, Code::TooManyAttempts);
    let nobody = problem_from(auth.verify_credential(request("", FIRST)).await.unwrap_err());
    assert_eq!(nobody.code, Code::MalformedRequest);
    assert!(node.verify(ADA, FIRST).await.unwrap(), "the login is another door with its own count");
    node.stop().await;
}
