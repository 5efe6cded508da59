//! What can be asked for, in which order it comes, page by page.

use denizen_kit::problem::Code;
use denizen_kit::time::Timestamp;
use denizen_rpc::audit::v1::{Entry, ListEntriesRequest};
use denizen_rpc::decode::to_wire;
use denizen_rpc::events::internal::v1::Event;

use crate::support::{ADA, BOB, CLERK, Node, START, event, nodes, reader};

const KINDS: [&str; 4] = ["user.created", "session.started", "auth.login_failed", "access.refused"];
const ACTORS: [&str; 3] = ["", BOB, "service:otp"];
const SUBJECTS: [&str; 3] = [ADA, "", CLERK];

/// 60 entries whose times go up and down, two of each time.
async fn trail(node: &Node) {
    let events = (0_u8..60).map(|number| {
        let minute = i64::from(number) * 7 % 60 / 2;
        let place = usize::from(number);
        let (kind, subject, actor) = (KINDS[place % 4], SUBJECTS[place / 2 % 3], ACTORS[place % 3]);
        Event { at: START + minute * 60_000_000, ..event(number.into(), kind, subject, actor) }
    });
    node.world.tell("users", events);
    node.start();
    node.world.taken_in("users", 60).await;
}

fn at(minutes: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(START + minutes * 60_000_000).ok()
}

fn micros(entry: &Entry) -> i64 {
    let at = entry.at.expect("a time");
    at.seconds * 1_000_000 + i64::from(at.nanos) / 1000
}

/// A filter, and whether it picks an entry.
type Case = (ListEntriesRequest, fn(&Entry) -> bool);

/// One filter of each kind, and none.
fn filters() -> Vec<Case> {
    let with = ListEntriesRequest::default;
    vec![
        (with(), |_| true),
        (ListEntriesRequest { action: Some("auth.login".to_owned()), ..with() }, |entry| {
            entry.action == "auth.login"
        }),
        (ListEntriesRequest { actor: Some(String::new()), ..with() }, |entry| entry.actor.is_empty()),
        (ListEntriesRequest { actor: Some("service:otp".to_owned()), ..with() }, |entry| {
            entry.actor == "service:otp"
        }),
        (ListEntriesRequest { subject: Some(CLERK.to_owned()), ..with() }, |entry| entry.subject == CLERK),
        (ListEntriesRequest { result: Some("failed".to_owned()), ..with() }, |entry| {
            entry.result == "failed"
        }),
        (ListEntriesRequest { result: Some("refused".to_owned()), ..with() }, |entry| {
            entry.result == "refused"
        }),
    ]
}

#[tokio::test]
async fn each_filter_with_and_without_a_range_page_by_page() {
    for node in nodes().await {
        trail(&node).await;
        let all = node.list_all(ListEntriesRequest { limit: 200, ..Default::default() }).await;
        assert_eq!(all.len(), 60);
        for (request, picks) in filters() {
            for (after, before) in
                [(None, None), (at(3), None), (None, at(20)), (at(3), at(20)), (at(20), at(3))]
            {
                let in_range = |entry: &&Entry| {
                    after.is_none_or(|after| micros(entry) > after.as_microsecond())
                        && before.is_none_or(|before| micros(entry) < before.as_microsecond())
                };
                let mut expected: Vec<&Entry> =
                    all.iter().filter(|entry| picks(entry)).filter(in_range).collect();
                if after.is_some() || before.is_some() {
                    expected.sort_by_key(|entry| std::cmp::Reverse((micros(entry), entry.seq)));
                }
                let request = ListEntriesRequest {
                    created_after: after.map(to_wire),
                    created_before: before.map(to_wire),
                    limit: 4,
                    ..request.clone()
                };
                let got = node.list_all(request.clone()).await;
                assert_eq!(got.iter().collect::<Vec<_>>(), expected, "{request:?}");
            }
        }
        node.stop().await;
    }
}

#[tokio::test]
async fn a_page_is_as_long_as_asked_and_the_last_has_no_cursor() {
    for node in nodes().await {
        trail(&node).await;
        for (limit, length, has_more) in
            [(0, 50, true), (1, 1, true), (59, 59, true), (60, 60, false), (200, 60, false)]
        {
            let request = ListEntriesRequest { limit, ..Default::default() };
            let page = node.list(&reader(), request).await.expect("a page");
            assert_eq!(
                (page.entries.len(), !page.next_cursor.is_empty()),
                (length, has_more),
                "limit {limit}"
            );
        }
        node.stop().await;
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_told() {
    for node in nodes().await {
        let with = ListEntriesRequest::default;
        let second = |seconds| {
            let mut at = to_wire(Timestamp::UNIX_EPOCH);
            at.seconds = seconds;
            Some(at)
        };
        for (request, pointer) in [
            (ListEntriesRequest { limit: 201, ..with() }, "/limit"),
            (ListEntriesRequest { limit: -1, ..with() }, "/limit"),
            (ListEntriesRequest { cursor: "x".to_owned(), ..with() }, "/cursor"),
            (ListEntriesRequest { action: Some("a b".to_owned()), ..with() }, "/action"),
            (ListEntriesRequest { actor: Some("ada@example.test".to_owned()), ..with() }, "/actor"),
            (ListEntriesRequest { subject: Some("me".to_owned()), ..with() }, "/subject"),
            (ListEntriesRequest { result: Some("good".to_owned()), ..with() }, "/result"),
            (ListEntriesRequest { created_after: second(i64::MAX), ..with() }, "/created_after"),
            (ListEntriesRequest { created_before: second(i64::MIN), ..with() }, "/created_before"),
            (
                ListEntriesRequest { action: Some("x".to_owned()), result: Some("ok".to_owned()), ..with() },
                "/result",
            ),
        ] {
            let problem = node.list(&reader(), request.clone()).await.expect_err("refused");
            assert_eq!(
                (problem.code, problem.fields[0].pointer.as_str()),
                (Code::ValidationFailed, pointer),
                "{request:?}"
            );
        }
        let earliest = ListEntriesRequest { created_before: second(-377_705_023_201), ..with() };
        assert!(node.list(&reader(), earliest).await.expect("a page").entries.is_empty());
        node.stop().await;
    }
}
