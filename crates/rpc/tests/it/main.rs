//! A call behaves the same into this process and out to another.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

mod keyring;
mod support;
mod traces;

use std::sync::Arc;
use std::time::Duration;

use denizen_kit::caller::{Caller, Permissions, Person, Role};
use denizen_kit::cx::{Call, Cx};
use denizen_kit::id::{SessionId, UserId};
use denizen_kit::problem::Code;
use denizen_kit::task::{mark_write, with_write_mark};
use denizen_kit::time::{Clock, Deadline, Timestamp};
use denizen_rpc::events::internal::v1::{AcknowledgeRequest, EventsRequest, WatchRequest};
use denizen_rpc::{Link, Links, problem_from};
use support::{House, everywhere};

fn person() -> Arc<Person> {
    Arc::new(Person {
        user_id: UserId::nil(),
        session_id: Some(SessionId::nil()),
        roles: vec!["admin".into()],
        permissions: Permissions::all(),
        auth_time: Timestamp::from_second(1_700_000_000).unwrap(),
        amr: vec!["pwd".into()],
    })
}

/// A call by a person with this much time.
fn within(limit: Duration) -> Cx {
    let call = Call {
        caller: Caller { service: Role::Gateway, person: Some(person()) },
        request_id: "request-1".into(),
        ip: Some("192.0.2.7".parse().unwrap()),
        user_agent: Some("test".into()),
        trace: None,
        deadline: Deadline::within(limit),
        idempotency: None,
    };
    Cx::new(Arc::new(call), Clock::System)
}

fn cx() -> Cx {
    within(Duration::from_secs(5))
}

fn events(producer: &str) -> EventsRequest {
    EventsRequest { producer: producer.into(), after_seq: 0, limit: 0 }
}

#[tokio::test]
async fn the_caller_arrives_as_the_calling_service_for_the_same_person() {
    everywhere(async |house: &House| {
        house.log(&cx()).events(events("echo")).await.unwrap();
        let seen = house.seen.lock().unwrap().clone().unwrap();
        assert_eq!(seen.caller, Caller { service: Role::Audit, person: Some(person()) });
        assert_eq!((&*seen.request_id, seen.user_agent.as_deref()), ("request-1", Some("test")));
        assert_eq!(seen.ip, Some("192.0.2.7".parse().unwrap()));
        assert!(seen.deadline.remaining() <= Duration::from_secs(5));
    })
    .await;
}

#[tokio::test]
async fn streams_flow() {
    everywhere(async |house: &House| {
        let mut rings = house.log(&cx()).watch(WatchRequest::default()).await.unwrap().into_inner();
        let mut count = 0;
        while rings.message().await.unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, 3);
    })
    .await;
}

#[tokio::test]
async fn a_problem_keeps_code_fields_and_wait() {
    everywhere(async |house: &House| {
        let problem = problem_from(house.log(&cx()).events(events("problem")).await.unwrap_err());
        assert_eq!((problem.code, problem.fields[0].pointer.as_str()), (Code::ValidationFailed, "/email"));
        assert_eq!(problem.retry_after, Some(Duration::from_secs(7)));
    })
    .await;
}

#[tokio::test]
async fn a_panic_is_an_internal_problem_and_the_next_call_is_fine() {
    everywhere(async |house: &House| {
        let problem = problem_from(house.log(&cx()).events(events("panic")).await.unwrap_err());
        assert_eq!(problem.code, Code::Internal);
        house.log(&cx()).events(events("echo")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_deadline_ends_a_call() {
    everywhere(async |house: &House| {
        let short = within(Duration::from_millis(80));
        let problem = problem_from(house.log(&short).events(events("hang")).await.unwrap_err());
        assert_eq!(problem.code, Code::Timeout);
    })
    .await;
}

#[tokio::test]
async fn a_write_goes_on_when_its_client_has_gone() {
    everywhere(async |house: &House| {
        let cx = cx();
        let mut log = house.log(&cx);
        let call = log.acknowledge(AcknowledgeRequest::default());
        tokio::select! {
            _ = call => panic!("it waits for the gate"),
            () = house.entered.notified() => {}
        }
        house.gate.notify_one();
        tokio::time::timeout(Duration::from_secs(5), house.finished.notified()).await.expect("it went on");
    })
    .await;
}

#[tokio::test]
async fn no_call_while_a_write_is_open() {
    everywhere(async |house: &House| {
        let call = async {
            mark_write(true);
            house.log(&cx()).events(events("echo")).await
        };
        assert_eq!(problem_from(with_write_mark(call).await.unwrap_err()).code, Code::Internal);
    })
    .await;
}

#[tokio::test]
async fn nobody_unsigned_comes_in_by_the_network() {
    let house = House::remote().await;
    let stranger = Links::new(Role::Audit, house.table(), support::signer([9; 32]));
    let problem =
        problem_from(stranger.event_log(Role::Users, &cx()).events(events("echo")).await.unwrap_err());
    assert_eq!(problem.code, Code::Unauthenticated);
    let other = Links::new(Role::Audit, house.table_for(Role::Otp), support::signer([1; 32]));
    let problem = problem_from(other.event_log(Role::Otp, &cx()).events(events("echo")).await.unwrap_err());
    assert_eq!(problem.code, Code::Unauthenticated, "signed for another role");
    assert!(house.seen.lock().unwrap().is_none());
}

#[tokio::test]
async fn a_role_that_is_nowhere_says_which_setting() {
    let table = Arc::new(std::collections::HashMap::from([(Role::Users, Link::Absent)]));
    let links = Links::new(Role::Audit, table, support::signer([1; 32]));
    let problem = problem_from(links.event_log(Role::Users, &cx()).events(events("echo")).await.unwrap_err());
    assert_eq!(problem.code, Code::Unavailable);
    assert!(problem.detail.contains("services.users.url"), "{}", problem.detail);
}

#[test]
fn the_method_table_knows_reads_and_what_is_internal() {
    let of = |path| *denizen_rpc::Method::of(path).unwrap();
    assert!(of("/denizen.users.v1.Users/GetUser").reads && of("/denizen.users.v1.Users/GetUser").public);
    assert!(!of("/denizen.users.v1.Users/Register").reads);
    assert!(!of("/denizen.users.internal.v1.Directory/Lookup").public);
    assert!(of("/denizen.events.internal.v1.EventLog/Watch").streams);
}
