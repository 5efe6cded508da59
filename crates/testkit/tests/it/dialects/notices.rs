//! What services send and report, by six-services and django-users.

use denizen_testkit::{Client, Cluster};
use serde_json::json;

use super::{CONTENT_TYPES, call};
use crate::support::with_admin;

#[tokio::test(flavor = "multi_thread")]
async fn services_send_and_report() {
    with_admin(async |cluster: &Cluster, admin: &Client| {
        let client = cluster.client();
        let made = admin.post("/admin/service-accounts", json!({ "name": "shop" })).await.expect(201);
        let ask = json!({ "client_id": made.text("client_id"), "client_secret": made.text("client_secret") });
        let token = client.post("/auth/service-token", ask).await.expect(200).text("access_token");
        let shop = client.with_token(&token);
        for (place, content_type) in CONTENT_TYPES.into_iter().enumerate() {
            let prefix = if place % 2 == 0 { "" } else { "/api" };
            let to = format!("p{place}@example.test");
            let mail = json!({ "to": to, "subject": "Order {{orderId}}", "message": "On its way.", "data": { "orderId": 7 } });
            let sent = call(&shop, &format!("POST {prefix}/sendEmail"), content_type, mail).await.expect(202);
            assert_eq!(sent.body["notificationId"], sent.body["notification_id"]);
            assert_eq!(client.mail(&to, 1).await["subject"], "Order 7");
            let number = format!("+4915112345{place:03}");
            let text = json!({ "phoneNumber": number, "message": "Your parcel is here." });
            call(&shop, &format!("POST {prefix}/sendSMS/"), content_type, text).await.expect(202);
            assert_eq!(client.mail(&number, 1).await["channel"], "sms");

            let report = json!({ "notification_id": sent.body["notification_id"], "status": "delivered" });
            let told = call(&shop, "POST /api/v1/email/status/", content_type, report).await.expect(200);
            assert_eq!(told.body["status"], "delivered");
            let foreign = json!({ "notification_id": format!("theirs-{place}"), "status": "failed", "error": "no such device" });
            call(&shop, "POST /api/v1/push/status/", content_type, foreign).await.expect(200);
        }
        super::json(&client, "POST /sendEmail", json!({})).await.expect(401);
        super::json(&client, "POST /api/v1/push/status/", json!({})).await.expect(401);
    })
    .await;
}
