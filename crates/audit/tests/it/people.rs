//! Addresses of callers, erasure, who may read, and the record of reading.

use denizen_kit::problem::Code;
use denizen_kit::seal::Key;
use denizen_rpc::audit::v1::ListEntriesRequest;

use crate::support::{ADA, BOB, CLERK, Node, call, event, from_address, nodes, reader};

async fn addresses(node: &Node, action: &str) -> Vec<Option<String>> {
    let request = ListEntriesRequest { action: Some(action.to_owned()), ..Default::default() };
    node.list_all(request).await.into_iter().map(|entry| entry.ip).collect()
}

#[tokio::test]
async fn an_address_opens_while_its_key_lives() {
    for node in nodes().await {
        node.world.set_key(ADA, Key::from_bytes([1; 32]));
        node.world.set_key(BOB, Key::from_bytes([2; 32]));
        node.world.tell(
            "auth",
            [
                from_address(event(1, "session.started", ADA, ""), "192.0.2.10"),
                from_address(event(2, "password.changed", BOB, BOB), "192.0.2.11"),
                from_address(event(3, "auth.login_failed", "", ""), "2001:db8::1"),
                from_address(event(4, "user.blocked", CLERK, ADA), "192.0.2.12"),
                from_address(event(5, "user.deleted", CLERK, CLERK), "192.0.2.13"),
                event(6, "otp.due", ADA, ""),
            ],
        );
        node.start();
        node.world.taken_in("auth", 6).await;
        let some = |address: &str| vec![Some(address.to_owned())];
        assert_eq!(addresses(&node, "auth.login").await, some("192.0.2.10"));
        assert_eq!(addresses(&node, "password.changed").await, some("192.0.2.11"));
        assert_eq!(addresses(&node, "auth.login_failed").await, some("2001:db8::1"), "by nobody known");
        assert_eq!(
            addresses(&node, "user.blocked").await,
            some("192.0.2.12"),
            "subject gone: the actor's key"
        );
        assert_eq!(addresses(&node, "user.deleted").await, [None], "all gone: not kept");
        assert_eq!(addresses(&node, "otp.due").await, [None]);

        node.world.remove_key(ADA);
        node.world.tell("users", [from_address(event(7, "user.erased", ADA, ADA), "192.0.2.14")]);
        node.world.taken_in("users", 1).await;
        assert_eq!(addresses(&node, "auth.login").await, [None], "erased");
        assert_eq!(addresses(&node, "user.erased").await, [None], "erased when it came");
        assert_eq!(addresses(&node, "password.changed").await, some("192.0.2.11"));
        assert!(node.verify().await.valid, "erasure does not break the chain");
        node.stop().await;
    }
}

#[tokio::test]
async fn no_address_is_kept_in_the_clear() {
    for node in nodes().await {
        node.world.set_key(ADA, Key::from_bytes([1; 32]));
        node.world.tell("auth", [from_address(event(1, "session.started", ADA, ""), "192.0.2.10")]);
        node.start();
        node.world.taken_in("auth", 1).await;
        let mut tx = node.app.db.single().await.expect("a read");
        let rows: Vec<(Vec<u8>, String)> =
            tx.all("SELECT ip, details FROM entries", Vec::new()).await.expect("rows");
        let (ip, details) = &rows[0];
        assert!(!ip.windows(5).any(|window| window == b"192.0") && !details.contains("192.0"));
        drop(tx);
        node.stop().await;
    }
}

#[tokio::test]
async fn a_refusal_to_read_is_an_entry() {
    for node in nodes().await {
        node.world.show_audit();
        node.start();
        let anonymous = node.list(&call(None), ListEntriesRequest::default()).await.expect_err("refused");
        assert_eq!(anonymous.code, Code::Unauthenticated);
        let bob = call(Some((BOB, &[])));
        let refused = node.list(&bob, ListEntriesRequest::default()).await.expect_err("refused");
        assert_eq!(refused.code, Code::Forbidden);
        let refused = node
            .app
            .links
            .audit(&bob)
            .verify_chain(denizen_rpc::audit::v1::VerifyChainRequest::default())
            .await;
        assert_eq!(refused.expect_err("refused").code(), tonic::Code::PermissionDenied);

        node.world.taken_in("audit", 2).await;
        let request = ListEntriesRequest { result: Some("refused".to_owned()), ..Default::default() };
        let entries = node.list_all(request).await;
        assert_eq!(entries.len(), 2);
        assert!(entries.iter().all(|entry| entry.action == "access.refused" && entry.actor == BOB));
        node.stop().await;
    }
}

#[tokio::test]
async fn reading_about_another_is_an_entry_and_about_oneself_is_not() {
    for node in nodes().await {
        node.world.show_audit();
        node.start();
        let by = |subject: Option<&str>, actor: Option<&str>| ListEntriesRequest {
            subject: subject.map(str::to_owned),
            actor: actor.map(str::to_owned),
            ..Default::default()
        };
        for own in [by(Some(CLERK), None), by(None, Some(CLERK))] {
            node.list(&reader(), own).await.expect("a list");
        }
        assert_eq!(node.world.audit_seq().await, 0, "nothing to record");
        for foreign in [
            by(Some(ADA), None),
            by(None, Some(BOB)),
            by(None, Some("service:otp")),
            by(None, None),
            ListEntriesRequest { result: Some("ok".to_owned()), ..by(None, None) },
        ] {
            node.list(&reader(), foreign).await.expect("a list");
        }
        node.world.taken_in("audit", 5).await;

        let request = ListEntriesRequest { action: Some("audit.read".to_owned()), ..Default::default() };
        let entries = node.list_all(request).await;
        let told: Vec<_> =
            entries.iter().map(|entry| (entry.subject.as_str(), entry.details.clone())).collect();
        let with = |filters: &str| format!(r#"{{"filters":{{{filters}}}}}"#);
        let about = with(&format!(r#""subject":"{ADA}""#));
        let by = with(&format!(r#""actor":"{BOB}""#));
        let expected =
            [("", with(r#""result":"ok""#)), ("", with("")), ("", with("")), (BOB, by), (ADA, about)];
        assert_eq!(told, expected);
        assert!(
            entries.iter().all(|entry| entry.actor == CLERK && entry.request_id == "request-of-the-test")
        );
        node.stop().await;
    }
}

#[tokio::test]
async fn a_reading_that_cannot_be_recorded_is_still_answered() {
    for node in nodes().await {
        node.alter("ALTER TABLE outbox RENAME TO no_outbox").await;
        let page = node.list(&reader(), ListEntriesRequest::default()).await.expect("a page");
        assert!(page.entries.is_empty());
        node.stop().await;
    }
}
