//! From events to a chain that holds, and changes that are found.

use std::collections::HashSet;

use denizen_kit::seal::sha256;
use denizen_rpc::audit::v1::ListEntriesRequest;

use crate::support::{ADA, Node, event, nodes};

/// Waits for 3 events of users and 2 of auth.
async fn small_trail(node: &Node) {
    node.world.tell("users", (1..=3).map(|number| event(number, "user.created", ADA, "")));
    node.world.tell("auth", (4..=5).map(|number| event(number, "session.started", ADA, ADA)));
    node.start();
    node.world.taken_in("users", 3).await;
    node.world.taken_in("auth", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_becomes_one_entry_however_many_pull_it() {
    for node in nodes().await {
        node.world.tell("users", (1..=730).map(|number| event(number, "user.created", ADA, "")));
        node.world.tell("auth", (1001..=1250).map(|number| event(number, "session.started", ADA, ADA)));
        node.start();
        node.start();
        node.world.taken_in("users", 730).await;
        node.world.tell("users", (731..=740).map(|number| event(number, "user.updated", ADA, ADA)));
        node.world.taken_in("users", 740).await;
        node.world.taken_in("auth", 250).await;

        let entries = node.list_all(ListEntriesRequest { limit: 200, ..Default::default() }).await;
        let seqs: Vec<i64> = entries.iter().map(|entry| entry.seq).collect();
        assert_eq!(seqs, (1..=990).rev().collect::<Vec<_>>(), "dense, newest first");
        let ids: HashSet<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(ids.len(), 990);
        let verdict = node.verify().await;
        assert_eq!((verdict.valid, verdict.entries, verdict.broken_at), (true, 990, None));
        assert_eq!(verdict.head, entries[0].hash);
        node.stop().await;
    }
}

#[tokio::test]
async fn an_entry_says_what_its_event_said() {
    for node in nodes().await {
        small_trail(&node).await;
        let request =
            ListEntriesRequest { action: Some("auth.login".to_owned()), limit: 1, ..Default::default() };
        let entry = node.list_all(request).await.remove(0);
        let told = event(5, "session.started", ADA, ADA);
        assert_eq!((entry.id, entry.request_id, entry.details), (told.id, told.request_id, told.data));
        assert_eq!((entry.action.as_str(), entry.result.as_str()), ("auth.login", "ok"));
        assert_eq!((entry.actor.as_str(), entry.subject.as_str(), entry.ip), (ADA, ADA, None));
        let at = entry.at.expect("a time");
        assert_eq!(at.seconds * 1_000_000 + i64::from(at.nanos) / 1000, told.at);
        node.stop().await;
    }
}

#[tokio::test]
async fn an_empty_trail_holds() {
    for node in nodes().await {
        let verdict = node.verify().await;
        assert_eq!((verdict.valid, verdict.entries, verdict.head), (true, 0, vec![0; 32]));
        assert!(node.list_all(ListEntriesRequest::default()).await.is_empty());
        node.stop().await;
    }
}

#[tokio::test]
async fn changes_behind_its_back_are_found() {
    for (sql, broken_at) in [
        ("UPDATE entries SET actor = 'service:users' WHERE seq = 3", 3),
        ("UPDATE entries SET details = '{\"number\": 2}' WHERE details = '{\"number\":2}'", 0),
        ("UPDATE entries SET subject = NULL WHERE seq = 5", 5),
        ("DELETE FROM entries WHERE seq = 2", 2),
        ("DELETE FROM links WHERE seq = 2", 2),
        ("DELETE FROM links WHERE seq = 5", 5),
        ("UPDATE links SET hash = digest WHERE seq = 4", 4),
        ("UPDATE links SET producer_seq = 9 WHERE seq = 1", 1),
        ("UPDATE chain_head SET seq = 4", 4),
        ("UPDATE chain_head SET seq = 4, hash = (SELECT hash FROM links WHERE seq = 4)", 5),
        ("UPDATE cursors SET seq = 4 WHERE producer = 'users'", 6),
        ("INSERT INTO links SELECT 0, 'otp', 1, digest, hash FROM links WHERE seq = 1", 0),
        (
            "INSERT INTO entries SELECT 9, id, at, action, actor, subject, ip_owner, ip, request_id, result, details \
          FROM entries WHERE seq = 1",
            9,
        ),
    ] {
        for node in nodes().await {
            small_trail(&node).await;
            assert!(node.verify().await.valid);
            node.tamper(sql).await;
            let verdict = node.verify().await;
            assert!(!verdict.valid, "{sql}");
            if sql.contains("details") && sql.starts_with("UPDATE") {
                // Which of the two logs came first is not said, so neither is the seq.
                assert!(verdict.broken_at.is_some_and(|seq| (1..=5).contains(&seq)), "{sql}");
            } else {
                assert_eq!(verdict.broken_at, Some(broken_at), "{sql}");
            }
            node.stop().await;
        }
    }
}

#[tokio::test]
async fn an_event_that_was_lost_shows() {
    for node in nodes().await {
        node.world.tell("users", (1..=3).map(|number| event(number, "user.created", ADA, "")));
        node.start();
        node.world.taken_in("users", 3).await;
        node.world.tell_at("users", 5, event(5, "user.updated", ADA, ""));
        node.world.taken_in("users", 5).await;
        let verdict = node.verify().await;
        assert_eq!((verdict.valid, verdict.entries, verdict.broken_at), (false, 3, Some(4)));
        node.stop().await;
    }
}

#[tokio::test]
async fn the_chain_can_be_followed_from_what_is_shown() {
    for node in nodes().await {
        small_trail(&node).await;
        let mut entries =
            node.list_all(ListEntriesRequest { actor: Some(String::new()), ..Default::default() }).await;
        entries.reverse();
        assert_eq!(entries.len(), 3);
        assert!(entries.iter().all(|entry| entry.hash.len() == 32 && entry.hash != sha256(b"")));
        node.stop().await;
    }
}
