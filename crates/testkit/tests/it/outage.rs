//! Parts that are down: what needs them says so, what does not goes on, what waits is done when they are back.

use denizen_testkit::{Cluster, PASSWORD, Topology, eventually};
use serde_json::json;

/// Split systems that can run here.
fn split() -> Vec<Topology> {
    Topology::available().into_iter().filter(|topology| topology.is_split()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_notify_otp_and_audit_people_register_and_log_in() {
    for topology in split() {
        let mut cluster = Cluster::start(topology).await;
        for name in ["notify", "otp", "audit"] {
            cluster.stop_node(name).await;
        }
        let client = cluster.client();
        client.register("ada@example.test").await;
        client.login("ada@example.test").await.0.get("/users/me").await.expect(200);
        for name in ["audit", "otp", "notify"] {
            cluster.start_node(name).await;
        }
        client.mail("ada@example.test", 1).await;
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_service_its_routes_are_unavailable_and_heal() {
    for topology in split() {
        let mut cluster = Cluster::start(topology).await;
        let client = cluster.client();
        client.register("ada@example.test").await;
        let (ada, _) = client.login("ada@example.test").await;

        cluster.stop_node("users").await;
        assert_eq!(ada.get("/users/me").await.expect(503).code(), "unavailable");
        cluster.start_node("users").await;
        eventually("users is back", || async { (ada.get("/users/me").await.status == 200).then_some(()) })
            .await;

        cluster.stop_node("password").await;
        let login = json!({ "identifier": "ada@example.test", "password": PASSWORD });
        assert_eq!(client.post("/auth/login", login).await.expect(503).code(), "unavailable");
        ada.get("/users/me").await.expect(200);
        cluster.start_node("password").await;
        eventually("password is back", || async {
            let login = json!({ "identifier": "ada@example.test", "password": PASSWORD });
            (client.post("/auth/login", login).await.status == 200).then_some(())
        })
        .await;
        cluster.stop().await;
    }
}
