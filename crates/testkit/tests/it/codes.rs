//! Codes: login without a password, guesses that run out.

use denizen_testkit::{Cluster, code_in};
use serde_json::json;

use crate::support::everywhere;

#[tokio::test(flavor = "multi_thread")]
async fn log_in_by_code() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        client.register("ada@example.test").await;
        client.mail("ada@example.test", 1).await;
        let ask =
            |identifier: &str| json!({ "purpose": "login", "identifier": identifier, "channel": "email" });
        let known = client.post("/otp", ask("ada@example.test")).await.expect(202).body;
        let unknown = client.post("/otp", ask("nobody@example.test")).await.expect(202).body;
        let keys = |body: &serde_json::Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&known), keys(&unknown));

        let code = code_in(&client.mail("ada@example.test", 2).await);
        let login = |id: &serde_json::Value, code: &str| json!({ "otp_id": id, "code": code });
        assert_eq!(
            client.post("/auth/login/otp", login(&unknown["otp_id"], &code)).await.expect(422).code(),
            "code_invalid"
        );
        let tokens = client.post("/auth/login/otp", login(&known["otp_id"], &code)).await.expect(200);
        client.with_token(&tokens.text("access_token")).get("/users/me").await.expect(200);
        client.post("/auth/login/otp", login(&known["otp_id"], &code)).await.expect(422);
        assert!(client.mailbox("nobody@example.test").await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_burn_a_code() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        client.register("ada@example.test").await;
        let (ada, _) = client.login("ada@example.test").await;
        let code = code_in(&client.mail("ada@example.test", 1).await);
        let wrong = if code == "000000" { "000001" } else { "000000" };
        for _ in 0..5 {
            ada.post("/email/verify/confirm", json!({ "code": wrong })).await.expect(422);
        }
        assert_eq!(
            ada.post("/email/verify/confirm", json!({ "code": code })).await.expect(422).code(),
            "code_invalid"
        );
    })
    .await;
}
