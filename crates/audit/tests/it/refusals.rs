//! What the edge counted, and what it was told to forget, becomes entries.

use std::sync::Arc;
use std::time::Duration;

use denizen_kit::caller::{Caller, Role};
use denizen_kit::cx::{Call, Idempotency};
use denizen_kit::problem::Code;
use denizen_kit::time::Deadline;
use denizen_rpc::audit::internal::v1::Refusal;
use denizen_rpc::audit::v1::ListEntriesRequest;

use crate::support::{CLERK, START, nodes, reader};

/// The gateway on its own behalf, with the key of a batch.
fn gateway(batch: &str) -> Arc<Call> {
    let idempotency = Some(Idempotency { key: batch.to_owned(), fingerprint: [7; 32] });
    let caller = Caller::service(Role::Gateway);
    let deadline = Deadline::within(Duration::from_secs(10));
    Arc::new(Call { caller, ip: None, idempotency, deadline, ..Call::clone(&reader()) })
}

fn refusal(code: &str, ip: &str, count: i64) -> Refusal {
    let minute = prost_types::Timestamp { seconds: START / 1_000_000 / 60 * 60, nanos: 0 };
    Refusal { code: code.to_owned(), ip: ip.to_owned(), count, minute: Some(minute) }
}

#[tokio::test]
async fn counts_of_the_edge_become_entries_once() {
    for node in nodes().await {
        node.world.show_audit();
        node.start();
        let batch = vec![
            refusal("unauthenticated", "192.0.2.7", 41),
            refusal("rate_limited", "2001:db8::", 3),
            refusal("forbidden", "", 1),
        ];
        node.report(gateway("batch-1"), batch.clone()).await.expect("taken");
        node.report(gateway("batch-1"), batch).await.expect("taken again");
        node.world.taken_in("audit", 3).await;
        assert_eq!(node.world.audit_seq().await, 3, "a batch counts once");

        let request = ListEntriesRequest { action: Some("edge.refused".to_owned()), ..Default::default() };
        let entries = node.list_all(request).await;
        let told: Vec<_> = entries
            .iter()
            .map(|entry| (entry.details.as_str(), entry.ip.as_deref(), entry.result.as_str()))
            .collect();
        let details = |code: &str, count: i64| {
            format!(r#"{{"code":"{code}","count":{count},"minute":"2023-11-14T22:13:00Z"}}"#)
        };
        assert_eq!(
            told,
            [
                (details("forbidden", 1).as_str(), None, "refused"),
                (details("rate_limited", 3).as_str(), Some("2001:db8::"), "refused"),
                (details("unauthenticated", 41).as_str(), Some("192.0.2.7"), "refused"),
            ]
        );
        assert!(entries.iter().all(|entry| entry.actor.is_empty() && entry.subject.is_empty()));
        node.stop().await;
    }
}

#[tokio::test]
async fn only_the_gateway_tells_and_only_what_can_be() {
    for node in nodes().await {
        let other = Call { caller: Caller::service(Role::Otp), ..Call::clone(&gateway("x")) };
        let refused = node.report(Arc::new(other), vec![refusal("forbidden", "", 1)]).await;
        assert_eq!(refused.expect_err("refused").code, Code::Forbidden);
        for (wrong, pointer) in [
            (refusal("nonsense", "", 1), "/refusals/code"),
            (refusal("forbidden", "here", 1), "/refusals/ip"),
            (refusal("forbidden", "", 0), "/refusals/count"),
        ] {
            let problem = node.report(gateway("y"), vec![wrong]).await.expect_err("refused");
            assert_eq!(problem.fields[0].pointer, pointer);
        }
        let many = vec![refusal("forbidden", "", 1); 2_001];
        assert!(node.report(gateway("z"), many).await.is_err(), "too many at once");
        node.stop().await;
    }
}

#[tokio::test]
async fn who_takes_kept_answers_away_becomes_an_entry() {
    for node in nodes().await {
        node.world.show_audit();
        node.start();
        node.report_purge(reader(), "tag").await.expect("taken");
        node.world.taken_in("audit", 1).await;
        let request = ListEntriesRequest { action: Some("edge.purged".to_owned()), ..Default::default() };
        let entries = node.list_all(request).await;
        let told: Vec<_> = entries
            .iter()
            .map(|entry| (entry.actor.as_str(), entry.details.as_str(), entry.result.as_str()))
            .collect();
        assert_eq!(told, [(CLERK, r#"{"by":"tag","count":3}"#, "ok")]);

        let problem = node.report_purge(reader(), "all").await.expect_err("refused");
        assert_eq!(problem.fields[0].pointer, "/by");
        let other = Call { caller: Caller::service(Role::Otp), ..Call::clone(&reader()) };
        let refused = node.report_purge(Arc::new(other), "tag").await;
        assert_eq!(refused.expect_err("refused").code, Code::Forbidden);
        node.stop().await;
    }
}
