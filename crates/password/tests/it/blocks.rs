//! Addresses that are kept out: by administrators, and by the guard.

use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::password::internal::v1::WatchIpBlocksRequest;
use denizen_rpc::password::v1::{
    CreateIpBlockRequest, DeleteIpBlockRequest, IpBlock, ListIpBlocksRequest, StartResetRequest,
};
use denizen_rpc::problem_from;
use denizen_rpc::users::v1::Status;
use denizen_testkit::person;

use crate::node::{ADA, BOB, CHEAP, FIRST, Node, SECOND, field};

const FEW: &str =
    "[password.guard]\nip_failures = 4\nsubnet_failures = 6\nwindow = \"10m\"\nblock_for = \"30m\"\n";

async fn create(node: &Node, cidr: &str) -> Result<IpBlock, Problem> {
    let request = CreateIpBlockRequest { cidr: cidr.to_owned(), reason: "abuse".to_owned(), until: None };
    create_as(node, "admin", request).await
}

async fn create_as(node: &Node, role: &str, request: CreateIpBlockRequest) -> Result<IpBlock, Problem> {
    let created = node.ip_blocks(Some(person(BOB, role))).create_ip_block(request).await;
    created.map(tonic::Response::into_inner).map_err(problem_from)
}

async fn list(node: &Node, limit: i32, cursor: &str) -> (Vec<String>, String) {
    let request = ListIpBlocksRequest { limit, cursor: cursor.to_owned() };
    let answer =
        node.ip_blocks(Some(person(BOB, "admin"))).list_ip_blocks(request).await.unwrap().into_inner();
    (answer.items.into_iter().map(|block| block.cidr).collect(), answer.next_cursor)
}

async fn delete(node: &Node, id: &str) -> Result<(), Problem> {
    let request = DeleteIpBlockRequest { id: id.to_owned() };
    let deleted = node.ip_blocks(Some(person(BOB, "admin"))).delete_ip_block(request).await;
    deleted.map(drop).map_err(problem_from)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_made_listed_and_lifted() {
    for node in Node::all().await {
        let block = create(&node, "198.51.100.77/24").await.unwrap();
        assert_eq!((block.cidr.as_str(), block.created_by.as_str()), ("198.51.100.0/24", BOB));
        assert!(!block.automatic && block.until.is_none());
        assert_eq!(create(&node, "198.51.100.0/24").await.unwrap_err().code, Code::Conflict);
        for cidr in ["2001:db8::/48", "203.0.113.9"] {
            node.clock.advance(Duration::from_millis(1));
            create(&node, cidr).await.unwrap();
        }
        let (first, cursor) = list(&node, 2, "").await;
        assert_eq!(first, ["203.0.113.9/32", "2001:db8::/48"], "the newest first");
        assert_eq!(list(&node, 2, &cursor).await, (vec!["198.51.100.0/24".to_owned()], String::new()));

        delete(&node, &block.id).await.unwrap();
        assert_eq!(delete(&node, &block.id).await.unwrap_err().code, Code::NotFound);
        assert_eq!(delete(&node, "nonsense").await.unwrap_err().code, Code::NotFound);
        create(&node, "198.51.100.0/24").await.unwrap();
        let kinds: Vec<String> = node.events(5).await.into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, ["ip.blocked", "ip.blocked", "ip.blocked", "ip.unblocked", "ip.blocked"]);
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_ends_by_itself_and_can_be_made_again() {
    for node in Node::all().await {
        let until = prost_types::Timestamp { seconds: 1_790_000_060, nanos: 0 };
        let request = CreateIpBlockRequest {
            cidr: "198.51.100.7".to_owned(),
            reason: "abuse".to_owned(),
            until: Some(until),
        };
        create_as(&node, "admin", request.clone()).await.unwrap();
        node.clock.advance(Duration::from_secs(60));
        assert!(list(&node, 0, "").await.0.is_empty());
        let problem = create_as(&node, "admin", request).await.unwrap_err();
        assert_eq!(field(&problem), ("/until", "in_the_past"));
        create(&node, "198.51.100.7").await.unwrap();
        node.clock.advance(Duration::from_secs(31 * 24 * 3600));
        denizen_password::sweep(&node.app).await.unwrap();
        assert_eq!(list(&node, 0, "").await.0, ["198.51.100.7/32"]);
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_blocked_is_refused() {
    let node = Node::start(CHEAP).await;
    for (cidr, code) in
        [("", "invalid_format"), ("example.org", "invalid_format"), ("0.0.0.0/0", "too_broad")]
    {
        assert_eq!(field(&create(&node, cidr).await.unwrap_err()), ("/cidr", code), "{cidr}");
    }
    let request = |reason: String| CreateIpBlockRequest { cidr: "192.0.2.1".to_owned(), reason, until: None };
    for reason in [" ".to_owned(), "x".repeat(501)] {
        let problem = create_as(&node, "admin", request(reason)).await.unwrap_err();
        assert_eq!(field(&problem), ("/reason", "out_of_range"));
    }
    let mut from_there = node.ip_blocks_from(person(BOB, "admin"), "192.0.2.77");
    let own = CreateIpBlockRequest { cidr: "192.0.2.0/24".to_owned(), ..request("abuse".to_owned()) };
    let problem = problem_from(from_there.create_ip_block(own).await.unwrap_err());
    assert_eq!(problem.code, Code::Conflict, "one would shut oneself out");
    for role in ["user", "support", "service"] {
        let refused = create_as(&node, role, request("abuse".to_owned())).await.unwrap_err();
        assert_eq!(refused.code, Code::Forbidden, "{role}");
    }
    let anonymous = node.ip_blocks(None).list_ip_blocks(ListIpBlocksRequest::default()).await.unwrap_err();
    assert_eq!(problem_from(anonymous).code, Code::Unauthenticated);
    assert!(list(&node, 0, "").await.0.is_empty());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_hear_of_each_change() {
    for node in Node::all().await {
        create(&node, "198.51.100.0/24").await.unwrap();
        let request = WatchIpBlocksRequest {};
        let refused = node.ip_block_feed(Role::Auth).watch_ip_blocks(request).await.err().unwrap();
        assert_eq!(problem_from(refused).code, Code::Forbidden);
        let mut stream =
            node.ip_block_feed(Role::Gateway).watch_ip_blocks(request).await.unwrap().into_inner();
        let first = stream.message().await.unwrap().unwrap();
        assert!(first.changed);
        assert_eq!(first.items[0].cidr, "198.51.100.0/24");
        let beat = stream.message().await.unwrap().unwrap();
        assert!(!beat.changed && beat.items.is_empty(), "a heartbeat");
        let block = create(&node, "203.0.113.9").await.unwrap();
        let second = loop {
            let message = stream.message().await.unwrap().unwrap();
            if message.changed {
                break message;
            }
        };
        assert_eq!(second.items.len(), 2);
        delete(&node, &block.id).await.unwrap();
        let third = loop {
            let message = stream.message().await.unwrap().unwrap();
            if message.changed {
                break message;
            }
        };
        assert_eq!(third.items.len(), 1);
        drop(stream);
        node.stop().await;
    }
}

/// Fails once for an account of its own, from an address.
async fn fail(node: &Node, number: usize, source: &str) {
    let id = format!("0192aa00-0000-7000-8000-{number:012x}");
    assert!(!node.verify_from(&id, SECOND, source).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_failures_from_one_source_shut_it_out() {
    for node in Node::all_with(&format!("{CHEAP}{FEW}")).await {
        node.put(ADA, FIRST).await.unwrap();
        for number in 0..3 {
            fail(&node, number, "203.0.113.9").await;
            // What is right is no failure, and what is too long ago does not count.
            assert!(node.verify_from(ADA, FIRST, "203.0.113.9").await.unwrap());
        }
        node.clock.advance(Duration::from_secs(600));
        for number in 3..6 {
            fail(&node, number, "203.0.113.9").await;
            assert!(list(&node, 0, "").await.0.is_empty(), "{number}");
        }
        fail(&node, 6, "203.0.113.9").await;
        assert_eq!(list(&node, 0, "").await.0, ["203.0.113.9/32"]);
        node.clock.advance(Duration::from_millis(1));
        for number in 7..9 {
            fail(&node, number, "203.0.113.10").await;
        }
        let (blocked, _) = list(&node, 0, "").await;
        assert_eq!(blocked, ["203.0.113.0/24", "203.0.113.9/32"], "the subnet has six");
        let event = &node.events(2).await[0];
        let data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!((event.kind.as_str(), &data["automatic"]), ("ip.blocked", &serde_json::json!(true)));
        assert!(!event.data.contains("203.0.113"), "which network, only the list says");
        node.clock.advance(Duration::from_secs(1800));
        assert!(list(&node, 0, "").await.0.is_empty(), "for half an hour");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_a_proxy_is_never_shut_out_by_the_guard() {
    let node = Node::start(&format!("{CHEAP}{FEW}")).await;
    for source in ["127.0.0.1", "10.1.2.3", "fd00::1", ""] {
        for number in 0..8 {
            fail(&node, number, source).await;
            node.clock.advance(Duration::from_secs(1));
        }
    }
    assert!(list(&node, 0, "").await.0.is_empty());
    node.stop().await;
}

// --- resets that an administrator starts

async fn start(node: &Node, role: &str, user_id: &str, via: &str) -> Result<(), Problem> {
    let request = StartResetRequest { user_id: user_id.to_owned(), via: via.to_owned() };
    let started = node.administration(person(BOB, role)).start_reset(request).await;
    started.map(drop).map_err(problem_from)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_starts_a_reset_and_sets_nothing() {
    for node in Node::all().await {
        node.peers.account(ADA, &["ada"], Status::Active);
        node.put(ADA, FIRST).await.unwrap();
        for role in ["user", "support", "service"] {
            assert_eq!(start(&node, role, ADA, "").await.unwrap_err().code, Code::Forbidden, "{role}");
        }
        assert_eq!(
            start(&node, "user", "nonsense", "").await.unwrap_err().code,
            Code::Forbidden,
            "before 404"
        );
        assert_eq!(start(&node, "admin", "nonsense", "").await.unwrap_err().code, Code::NotFound);
        assert_eq!(start(&node, "admin", BOB, "").await.unwrap_err().code, Code::NotFound);
        assert_eq!(field(&start(&node, "admin", ADA, "owl").await.unwrap_err()), ("/via", "unknown"));
        start(&node, "admin", ADA, "").await.unwrap();
        assert!(node.verify(ADA, FIRST).await.unwrap(), "until it is used");
        let due = node.events(5).await.into_iter().find(|event| event.kind == "password.reset_due").unwrap();
        assert_eq!((due.subject, due.actor.as_str()), (Some(ADA.parse().unwrap()), BOB));
        for _ in 0..4 {
            start(&node, "admin", ADA, "otp").await.unwrap();
        }
        node.clock.advance(Duration::from_secs(60));
        let problem = start(&node, "admin", ADA, "").await.unwrap_err();
        assert_eq!((problem.code, problem.retry_after), (Code::RateLimited, Some(Duration::from_secs(3540))));
        node.peers.account(ADA, &["ada"], Status::Blocked);
        assert_eq!(start(&node, "admin", ADA, "").await.unwrap_err().code, Code::Conflict);
        node.stop().await;
    }
}
