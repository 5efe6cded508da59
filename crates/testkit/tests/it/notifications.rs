//! Notifications at the door: a service sends, people get them, providers report, administrators see to what failed.

use denizen_testkit::{Client, eventually};
use serde_json::{Value, json};

use crate::support::with_admin;

/// A service account that may send.
async fn shop(client: &Client, admin: &Client) -> Client {
    let made = admin.post("/admin/service-accounts", json!({ "name": "shop" })).await.expect(201);
    let ask = json!({ "client_id": made.text("client_id"), "client_secret": made.text("client_secret") });
    let token = client.post("/auth/service-token", ask).await.expect(200).text("access_token");
    client.with_token(&token)
}

async fn status_of(reader: &Client, id: &str) -> Value {
    eventually("the notification to be sent", || async {
        let found = reader.get(&format!("/notifications/{id}")).await.expect(200).body;
        (found["status"] != "queued").then_some(found)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_sends_and_the_provider_reports() {
    with_admin(async |cluster, admin| {
        let client = cluster.client();
        let shop = shop(&client, admin).await;
        let mail = json!({ "to": "stranger@example.test", "subject": "Order {{id}}", "body": "It is on its way.",
            "data": { "id": 4711 } });
        let once = [("idempotency-key", "order-4711")];
        let queued = shop.send(reqwest::Method::POST, "/notifications/email", Some(mail.clone()), &once).await.expect(202);
        let id = queued.text("notification_id");
        let again = shop.send(reqwest::Method::POST, "/notifications/email", Some(mail.clone()), &once).await.expect(202);
        assert_eq!(again.text("notification_id"), id, "the same key is the same message");
        let got = client.mail("stranger@example.test", 1).await;
        assert_eq!((&got["subject"], &got["id"]), (&json!("Order 4711"), &json!(id)));
        let sent = status_of(&shop, &id).await;
        assert_eq!((&sent["status"], &sent["channel"], &sent["user_id"]), (&json!("sent"), &json!("email"), &Value::Null));

        let report = json!({ "notification_id": id, "status": "delivered", "timestamp": "2026-01-01T00:00:00Z" });
        assert_eq!(shop.post("/email/status", report.clone()).await.expect(200).body["status"], "delivered");
        assert_eq!(shop.post("/sms/status", report).await.expect(422).code(), "validation_failed");
        let foreign = json!({ "notification_id": "not-ours", "status": "failed", "error": "no such device" });
        let external = shop.post("/push/status", foreign).await.expect(200);
        assert_eq!((&external.body["external"], &external.body["status"]), (&json!(true), &json!("failed")));

        let text = json!({ "to": "+4915112345678", "body": "Your parcel is here." });
        let id = shop.post("/notifications/sms", text).await.expect(202).text("notification_id");
        assert_eq!(client.mail("+4915112345678", 1).await["channel"], "sms");
        assert_eq!(status_of(&shop, &id).await["status"], "sent");

        let (ada, _) = { client.register("ada@example.test").await; client.login("ada@example.test").await };
        assert_eq!(ada.post("/notifications/email", mail.clone()).await.expect(403).code(), "forbidden");
        client.post("/notifications/email", mail).await.expect(401);
        ada.get("/notifications").await.expect(403);
        ada.get(&format!("/notifications/{id}")).await.expect(403);
        shop.post("/notifications/email", json!({ "to": "x" })).await.expect(422);
        let listed = admin.get("/notifications?limit=1").await.expect(200);
        assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
        assert!(listed.header("link").contains("rel=\"next\""));
        assert_eq!(admin.get("/admin/dead-letters").await.expect(200).body["items"], json!([]));
        admin.post("/admin/dead-letters/00000000-0000-7000-8000-000000000000/replay", json!({})).await.expect(404);
    })
    .await;
}
