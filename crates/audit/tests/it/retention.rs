//! Entries whose time is over go, and the trail still proves itself.

use std::time::Duration;

use denizen_rpc::audit::v1::{ListEntriesRequest, VerifyChainRequest, VerifyChainResponse};

use crate::support::{ADA, Node, event, nodes};

const DAY: Duration = Duration::from_secs(86_400);

/// 2,600 entries, three of four on access.
async fn mixed_trail(node: &Node) {
    let kinds = ["session.started", "user.viewed", "user.updated", "session.ended"];
    let events = (0_usize..2_600).map(|number| event(number as u64, kinds[number % 4], ADA, ""));
    node.world.tell("users", events);
    node.start();
    node.world.taken_in("users", 2_600).await;
}

async fn verdict(node: &Node) -> VerifyChainResponse {
    node.verify_as(VerifyChainRequest { full: true, ..Default::default() }).await
}

async fn actions(node: &Node) -> Vec<String> {
    let entries = node.list_all(ListEntriesRequest { limit: 200, ..Default::default() }).await;
    entries.into_iter().map(|entry| entry.action).collect()
}

#[tokio::test]
async fn each_class_goes_when_its_time_is_over() {
    for node in nodes().await {
        mixed_trail(&node).await;
        denizen_audit::retain(&node.app).await.expect("retention");
        assert_eq!(verdict(&node).await.removed, 0, "nothing is old enough");

        node.app.clock.advance(DAY * 91);
        denizen_audit::retain(&node.app).await.expect("retention");
        let left = actions(&node).await;
        assert_eq!(left.len(), 650);
        assert!(left.iter().all(|action| action == "user.updated"));
        let found = verdict(&node).await;
        assert_eq!(
            (found.valid, found.entries, found.removed, found.from),
            (true, 2_600, 1_950, 1),
            "{}",
            found.reason
        );

        node.app.clock.advance(DAY * 310);
        denizen_audit::retain(&node.app).await.expect("retention");
        assert!(actions(&node).await.is_empty());
        let found = verdict(&node).await;
        assert_eq!(
            (found.valid, found.entries, found.removed, found.from),
            (true, 2_600, 600, 2_001),
            "{}",
            found.reason
        );
        let late = node.verify().await;
        assert!(late.valid, "{}", late.reason);

        node.world.tell("users", [event(9_000, "user.updated", ADA, "")]);
        node.world.taken_in("users", 2_601).await;
        let found = verdict(&node).await;
        assert_eq!((found.valid, found.entries), (true, 2_601), "the trail goes on: {}", found.reason);
        node.stop().await;
    }
}

#[tokio::test]
async fn nobody_else_can_take_entries_away() {
    for (sql, broken_at) in [
        ("DELETE FROM entries WHERE seq = 3", 3),
        ("UPDATE removals SET statement = REPLACE(statement, '1-2', '1-3') WHERE first_seq = 1", 1),
        ("UPDATE removals SET statement = REPLACE(statement, '}', ' }') WHERE first_seq = 1", 1),
        ("DELETE FROM removals WHERE first_seq = 1", 1),
    ] {
        for node in nodes().await {
            mixed_trail(&node).await;
            node.app.clock.advance(DAY * 91);
            denizen_audit::retain(&node.app).await.expect("retention");
            assert!(verdict(&node).await.valid);
            node.tamper(sql).await;
            assert_eq!(verdict(&node).await.broken_at, Some(broken_at), "{sql}");
            node.stop().await;
        }
    }
}

#[tokio::test]
async fn a_beginning_cannot_be_taken_away_by_anybody_else() {
    for (sql, broken_at) in [
        ("DELETE FROM cuts", 1),
        ("UPDATE cuts SET seq = 2002", 2_002),
        ("UPDATE cuts SET statement = REPLACE(statement, 'cut', 'CUT')", 2_000),
        ("UPDATE cuts SET signature = (SELECT signature FROM chain_head)", 2_000),
        ("DELETE FROM links WHERE seq = 2001", 2_001),
    ] {
        for node in nodes().await {
            mixed_trail(&node).await;
            node.app.clock.advance(DAY * 401);
            denizen_audit::retain(&node.app).await.expect("retention");
            assert_eq!(verdict(&node).await.from, 2_001);
            node.tamper(sql).await;
            let found = verdict(&node).await;
            assert_eq!(found.broken_at, Some(broken_at), "{sql}: {}", found.reason);
            node.stop().await;
        }
    }
}

#[tokio::test]
async fn what_does_not_hold_is_not_taken_away() {
    for node in nodes().await {
        mixed_trail(&node).await;
        node.tamper("UPDATE links SET hash = digest WHERE seq = 7").await;
        node.app.clock.advance(DAY * 401);
        denizen_audit::retain(&node.app).await.expect("retention");
        let found = verdict(&node).await;
        assert_eq!((found.from, found.broken_at), (1, Some(7)), "the evidence stays");
        node.stop().await;
    }
}
