//! Figures are counted once, from what the services tell.

use denizen_kit::caller::{Permission, Role};
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::audit::v1::statistics_client::StatisticsClient;
use denizen_rpc::audit::v1::{Day, GetStatisticsRequest, GetStatisticsResponse};
use denizen_rpc::events::internal::v1::Event;
use denizen_rpc::problem_from;

use crate::support::{ADA, BOB, CLERK, Node, START, call, event, nodes};

async fn statistics(node: &Node, days: i32) -> Result<GetStatisticsResponse, Problem> {
    let clerk = call(Some((CLERK, &[Permission::StatsRead])));
    let mut client = StatisticsClient::new(node.app.links.peer_as(Role::Audit, clerk));
    let answer = client.get_statistics(GetStatisticsRequest { days }).await;
    answer.map(tonic::Response::into_inner).map_err(problem_from)
}

fn told(number: u64, kind: &str, data: &str) -> Event {
    Event { data: data.to_owned(), ..event(number, kind, ADA, "") }
}

/// The event, so many days before.
fn days_ago(days: i64, event: Event) -> Event {
    Event { at: START - days * 86_400_000_000, ..event }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_counted_once_however_many_pull_the_logs() {
    for node in nodes().await {
        let created = |number| told(number, "user.created", r#"{"status":"active","roles":["user"]}"#);
        node.world.tell("users", (1..=300).map(created));
        let blocked = r#"{"from":"active","to":"blocked","roles":["user"]}"#;
        node.world.tell("users", [days_ago(1, created(301)), told(302, "user.blocked", blocked)]);
        node.world.tell("users", [told(303, "role.granted", r#"{"role":"admin"}"#)]);
        node.world.tell("auth", (401..=410).map(|number| told(number, "session.started", "{}")));
        node.world.tell("auth", [told(411, "session.ended", "{}")]);
        node.world.tell("auth", [days_ago(2, told(412, "auth.login_failed", r#"{"method":"password"}"#))]);
        node.world.tell("notify", [told(501, "notification.delivered", "{}")]);
        node.start();
        node.start();
        node.world.taken_in("users", 303).await;
        node.world.taken_in("auth", 12).await;
        node.world.taken_in("notify", 1).await;

        let found = statistics(&node, 3).await.expect("figures");
        assert_eq!((found.users, found.active_sessions), (301, 9));
        let of_status = |status: &str| found.users_by_status.get(status).copied();
        assert_eq!(
            (of_status("active"), of_status("blocked"), of_status("deleted")),
            (Some(300), Some(1), Some(0))
        );
        assert_eq!(found.users_by_status.len(), 5, "each status is told");
        let of_role = |role: &str| found.users_by_role.get(role).copied();
        assert_eq!((of_role("user"), of_role("admin")), (Some(301), Some(1)));
        let day = |day: &str| Day { day: day.to_owned(), ..Default::default() };
        assert_eq!(
            found.days,
            [
                Day { failed_logins: 1, ..day("2023-11-12") },
                Day { registrations: 1, ..day("2023-11-13") },
                Day { registrations: 300, logins: 10, delivered: 1, ..day("2023-11-14") },
            ]
        );
        assert_eq!(statistics(&node, 0).await.expect("figures").days.len(), 30);
        node.stop().await;
    }
}

#[tokio::test]
async fn figures_are_for_those_who_may() {
    for node in nodes().await {
        let bob = call(Some((BOB, &[Permission::AuditRead])));
        let mut client = StatisticsClient::new(node.app.links.peer_as(Role::Audit, bob));
        let refused = client.get_statistics(GetStatisticsRequest::default()).await.expect_err("refused");
        assert_eq!(problem_from(refused).code, Code::Forbidden);
        assert_eq!(node.world.audit_seq().await, 1, "the refusal is recorded");
        for days in [-1, 367] {
            assert_eq!(statistics(&node, days).await.expect_err("refused").fields[0].pointer, "/days");
        }
        node.stop().await;
    }
}
