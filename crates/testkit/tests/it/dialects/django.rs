//! django-users.

use denizen_testkit::{Client, Cluster, PASSWORD};
use serde_json::{Value, json};

use super::{CONTENT_TYPES, ask, call};
use crate::support::with_admin;

#[tokio::test(flavor = "multi_thread")]
async fn accounts_at_paths_with_a_slash() {
    with_admin(async |cluster: &Cluster, admin: &Client| {
        let client = cluster.client();
        for (place, content_type) in CONTENT_TYPES.into_iter().enumerate() {
            let email = format!("p{place}@example.test");
            let form = json!({ "name": "Ada", "email": email, "password": PASSWORD, "preferences": { "email": true, "push": false }, "push_token": "t" });
            let user = call(&client, "POST /api/v1/users/", content_type, form).await.expect(201);
            let id = user.text("id");
            let flat = |user: &Value| [user["email_notifications"].clone(), user["push_notifications"].clone(), user["push_token"].clone()];
            assert_eq!(flat(&user.body), [json!(true), json!(false), json!("t")]);
            let form = json!({ "email": email, "password": PASSWORD });
            let login = call(&client, "POST /api/v1/users/login/", content_type, form).await.expect(200);
            assert_eq!(login.body["token"], login.body["access_token"]);
            let ada = client.with_token(&login.text("token"));
            let seen = ask(&ada, &format!("GET /api/v1/users/{id}/")).await.expect(200);
            assert_eq!(flat(&seen.body), [json!(true), json!(false), json!("t")]);
            assert_eq!(seen.body["preferences"]["email"], true, "the canonical body stays");
            let seen = ask(admin, &format!("GET /api/v1/users/{id}/")).await.expect(200);
            assert_eq!(flat(&seen.body), [json!(true), json!(false), Value::Null], "a token is its owner's");
        }
        let plain = ask(admin, "GET /api/v1/users/me").await.expect(200).body;
        assert!(plain.get("push_token").is_none(), "without the slash it is the canonical answer");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_call_of_the_dialect_is_canonical() {
    with_admin(async |_: &Cluster, admin: &Client| {
        assert!(ask(admin, "GET /api/v1/users/").await.expect(200).body["items"].is_array());
        let changed =
            super::json(admin, "PATCH /api/v1/users/me/", json!({ "name": "Root" })).await.expect(200);
        assert_eq!(changed.body["name"], "Root");
        assert!(ask(admin, "GET /api/v1/auth/me/").await.expect(200).body.get("push_token").is_none());
        assert_eq!(ask(admin, "GET /health/").await.expect(200).body["status"], "ok");
        assert_eq!(ask(admin, "PUT /api/v1/users/login/").await.status.as_u16() / 100, 4);
    })
    .await;
}
