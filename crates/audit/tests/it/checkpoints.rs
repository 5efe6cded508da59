//! Signed checkpoints: what they say, and what they find that the chain alone cannot.

use denizen_audit::chain::{Head, Link, digest, hash};
use denizen_audit::{Content, Notary};
use denizen_kit::problem::Code;
use denizen_kit::seal::{Key, Root};
use denizen_rpc::audit::v1::trail_client::TrailClient;
use denizen_rpc::audit::v1::{Checkpoint, ListCheckpointsRequest, VerifyChainRequest};
use denizen_rpc::problem_from;

use crate::support::{ADA, BOB, Node, call, event, nodes, reader};

use denizen_db::args;
use denizen_kit::caller::Role;

/// 350 entries of users: with batches of 100, checkpoints at 100, 200 and 300.
async fn long_trail(node: &Node) {
    node.world.tell("users", (1..=350).map(|number| event(number, "user.created", ADA, "")));
    node.start();
    node.world.taken_in("users", 350).await;
}

async fn checkpoints(node: &Node) -> Vec<Checkpoint> {
    let mut trail = TrailClient::new(node.app.links.peer_as(Role::Audit, reader()));
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let request = ListCheckpointsRequest { limit: 2, cursor };
        let page = trail.list_checkpoints(request).await.expect("a page").into_inner();
        assert_eq!(page.public_key.len(), 32);
        found.extend(page.checkpoints);
        if page.next_cursor.is_empty() {
            return found;
        }
        cursor = page.next_cursor;
    }
}

async fn full(node: &Node) -> (Option<i64>, String) {
    let verdict = node.verify_as(VerifyChainRequest { full: true, ..Default::default() }).await;
    assert_eq!(verdict.valid, verdict.broken_at.is_none());
    (verdict.broken_at, verdict.reason)
}

#[tokio::test]
async fn the_trail_is_signed_as_it_grows() {
    for node in nodes().await {
        long_trail(&node).await;
        let found = checkpoints(&node).await;
        let seqs: Vec<i64> = found.iter().map(|checkpoint| checkpoint.seq).collect();
        assert_eq!(seqs, [300, 200, 100]);
        for checkpoint in &found {
            let statement: serde_json::Value = serde_json::from_str(&checkpoint.statement).expect("JSON");
            assert_eq!(
                (&statement["kind"], &statement["seq"]),
                (&"checkpoint".into(), &checkpoint.seq.into())
            );
            assert_eq!(statement["positions"]["users"], checkpoint.seq);
            assert_eq!(statement["hash"], hex::encode(&checkpoint.hash));
            assert_eq!(checkpoint.signature.len(), 64);
        }
        let verdict = node.verify_as(VerifyChainRequest { full: true, ..Default::default() }).await;
        assert_eq!((verdict.valid, verdict.entries, verdict.checkpoints, verdict.from), (true, 350, 3, 1));
        let lag = verdict.producers.iter().find(|producer| producer.name == "users").expect("users");
        assert_eq!((lag.position, lag.waiting), (350, Some(0)));
        node.stop().await;
    }
}

#[tokio::test]
async fn who_may_not_read_the_trail_sees_no_checkpoint() {
    for node in nodes().await {
        let mut trail = TrailClient::new(node.app.links.peer_as(Role::Audit, call(Some((BOB, &[])))));
        let refused = trail.list_checkpoints(ListCheckpointsRequest::default()).await;
        assert_eq!(problem_from(refused.expect_err("refused")).code, Code::Forbidden);
        let bad = ListCheckpointsRequest { cursor: "x".to_owned(), ..Default::default() };
        let mut trail = TrailClient::new(node.app.links.peer_as(Role::Audit, reader()));
        let refused = problem_from(trail.list_checkpoints(bad).await.expect_err("refused"));
        assert_eq!(refused.fields[0].pointer, "/cursor");
        node.stop().await;
    }
}

#[tokio::test]
async fn a_late_walk_starts_at_a_checkpoint_and_goes_on_from_a_cursor() {
    for node in nodes().await {
        long_trail(&node).await;
        let db = &node.app.db;
        let mut late = denizen_audit::Verification::late(db, &node.app.notary, 120).await.expect("a walk");
        let verdict = late.advance(db, &node.app.notary).await.expect("a step").expect("one step is enough");
        assert_eq!((verdict.broken, verdict.from, verdict.entries, verdict.checkpoints), (None, 201, 350, 1));
        node.tamper("UPDATE entries SET actor = 'x' WHERE seq = 150").await;
        let mut late = denizen_audit::Verification::late(db, &node.app.notary, 120).await.expect("a walk");
        let verdict = late.advance(db, &node.app.notary).await.expect("a step").expect("one step is enough");
        assert_eq!(verdict.broken, None, "it looks at the end only");
        assert_eq!(full(&node).await.0, Some(150));

        let forged = VerifyChainRequest { cursor: "e30.AAAA".to_owned(), ..Default::default() };
        let refused = node.app.links.audit(&reader()).verify_chain(forged).await;
        assert_eq!(problem_from(refused.expect_err("refused")).fields[0].pointer, "/cursor");
        node.stop().await;
    }
}

/// Writes the chain anew from an entry on, as somebody would who can write to the database.
async fn rewrite(node: &Node, from: i64) {
    let mut tx = node.app.db.write().await.expect("a write");
    let links = "SELECT seq, producer_seq, digest, hash FROM links ORDER BY seq";
    let rows: Vec<(i64, i64, Vec<u8>, Vec<u8>)> = tx.all(links, args![]).await.expect("links");
    let mut head = Head::default();
    for (seq, producer_seq, digest_before, hash_before) in rows {
        let producer = "users".to_owned();
        let mut link = Link { seq, producer, producer_seq, digest: digest_before, hash: hash_before };
        if seq == from {
            link.digest = digest(&changed(&mut tx, seq).await).to_vec();
        }
        if seq >= from {
            link.hash = hash(&head.hash, &link).to_vec();
            let update = "UPDATE links SET digest = $2, hash = $3 WHERE seq = $1";
            tx.exec(update, args![seq, &link.digest, &link.hash]).await.expect("an update");
        }
        head = Head { seq, hash: link.hash };
    }
    tx.exec("UPDATE chain_head SET hash = $1", args![&head.hash]).await.expect("an update");
    tx.commit().await.expect("a commit");
}

/// Changes the details of an entry and returns what it says now.
async fn changed(tx: &mut denizen_db::Tx, seq: i64) -> Content {
    tx.exec("UPDATE entries SET details = '{}' WHERE seq = $1", args![seq]).await.expect("an update");
    let number = u64::try_from(seq).expect("a small number");
    let told = event(number, "user.created", ADA, "");
    Content {
        id: told.id.parse().expect("an id"),
        at: denizen_kit::time::from_micros(told.at),
        action: told.r#type,
        actor: String::new(),
        subject: told.subject.parse().ok(),
        ip_owner: None,
        ip: None,
        request_id: told.request_id,
        result: "ok".to_owned(),
        details: "{}".to_owned(),
    }
}

#[tokio::test]
async fn a_rewritten_trail_contradicts_what_was_signed() {
    for node in nodes().await {
        long_trail(&node).await;
        assert_eq!(full(&node).await.0, None);
        rewrite(&node, 250).await;
        let (broken_at, reason) = full(&node).await;
        assert_eq!(broken_at, Some(201), "after the last checkpoint that it agrees with");
        assert!(reason.contains("rewritten") && reason.contains("300"), "{reason}");

        node.tamper("DELETE FROM checkpoints WHERE seq > 200").await;
        let (broken_at, reason) = full(&node).await;
        assert_eq!(broken_at, Some(201), "the head is signed too");
        assert!(reason.contains("not signed"), "{reason}");
        node.tamper("DELETE FROM checkpoints").await;
        assert_eq!(full(&node).await.0, Some(1));
        node.stop().await;
    }
}

#[tokio::test]
async fn a_trail_that_was_cut_back_is_shorter_than_what_was_signed() {
    for node in nodes().await {
        long_trail(&node).await;
        node.world.forget("users");
        node.tamper("DELETE FROM entries WHERE seq > 250").await;
        node.tamper("DELETE FROM links WHERE seq > 250").await;
        node.tamper("UPDATE cursors SET seq = 250 WHERE producer = 'users'").await;
        node.tamper("UPDATE chain_head SET seq = 250, hash = (SELECT hash FROM links WHERE seq = 250)").await;
        assert_eq!(full(&node).await.0, Some(251));
        node.tamper("DELETE FROM checkpoints WHERE seq > 250").await;
        let (broken_at, reason) = full(&node).await;
        assert_eq!(broken_at, Some(201), "{reason}");
        node.stop().await;
    }
}

#[tokio::test]
async fn checkpoints_that_were_changed_or_taken_away_are_found() {
    for (sql, broken_at) in [
        ("UPDATE checkpoints SET statement = REPLACE(statement, '200', '201') WHERE seq = 200", 200),
        (
            "UPDATE checkpoints SET signature = (SELECT signature FROM checkpoints WHERE seq = 100) WHERE seq = 200",
            200,
        ),
        ("UPDATE checkpoints SET seq = 199 WHERE seq = 200", 199),
        ("DELETE FROM checkpoints WHERE seq = 200", 300),
        ("DELETE FROM checkpoints WHERE seq = 100", 200),
    ] {
        for node in nodes().await {
            long_trail(&node).await;
            node.tamper(sql).await;
            assert_eq!(full(&node).await.0, Some(broken_at), "{sql}");
            node.stop().await;
        }
    }
}

#[tokio::test]
async fn another_root_signed_nothing_of_this() {
    for node in nodes().await {
        long_trail(&node).await;
        let other = Notary::new(&Root::new(Key::from_bytes([8; 32])));
        let mut walk = denizen_audit::Verification::full();
        let verdict = walk.advance(&node.app.db, &other).await.expect("a step").expect("broken");
        assert_eq!(verdict.broken.map(|broken| broken.seq), Some(100));
        node.stop().await;
    }
}
