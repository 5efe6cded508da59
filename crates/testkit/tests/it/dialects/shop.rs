//! shop-users.

use denizen_testkit::{Client, Cluster, PASSWORD, eventually, token_in};
use serde_json::json;

use super::{CONTENT_TYPES, ask, call};
use crate::support::with_admin;

const NEW_PASSWORD: &str = "another horse, another battery";

#[tokio::test(flavor = "multi_thread")]
async fn an_account_from_register_to_logout() {
    with_admin(async |cluster: &Cluster, _: &Client| {
        let client = cluster.client();
        for (place, content_type) in CONTENT_TYPES.into_iter().enumerate() {
            let prefix = if place % 2 == 0 { "" } else { "/user" };
            let slash = if place < 2 { "" } else { "/" };
            let at = |method: &str, path: &str| format!("{method} {prefix}{path}{slash}");
            let email = format!("p{place}@example.test");
            let mobile = format!("+4915112345{place:03}");
            let form = json!({ "name": "Ada", "email": email, "mobile": mobile, "password": PASSWORD });
            let user = call(&client, &at("POST", "/auth/register"), content_type, form).await.expect(201);
            assert_eq!(user.body["mobile"], mobile.as_str());
            let proof = json!({ "token": token_in(&client.mail(&email, 1).await) });
            call(&client, &at("POST", "/auth/verify-email"), content_type, proof).await.expect(200);
            let form = json!({ "mobile": mobile, "password": PASSWORD });
            let login = call(&client, &at("POST", "/auth/login"), content_type, form).await.expect(200);
            assert_eq!(login.body["token"], login.body["access_token"]);
            let ada = client.with_token(&login.text("token"));
            let me = ask(&ada, &at("GET", "/auth/me")).await.expect(200);
            assert_eq!((me.text("id"), &me.body["email_verified"]), (user.text("id"), &json!(true)));
            let path = format!("/users/{}", user.text("id"));
            let changed =
                call(&ada, &at("PUT", &path), content_type, json!({ "name": "Countess" })).await.expect(200);
            assert_eq!(ask(&ada, &at("GET", &path)).await.expect(200).body["name"], changed.body["name"]);
            assert_eq!(
                ask(&ada, &at("POST", "/auth/logout")).await.expect(200).body,
                json!({ "success": true })
            );

            let form = json!({ "email": email });
            call(&client, &at("POST", "/auth/forgot-password"), content_type, form).await.expect(202);
            let token = token_in(&client.mail(&email, 2).await);
            let form = json!({ "token": token, "password": NEW_PASSWORD });
            call(&client, &at("POST", "/auth/reset-password"), content_type, form).await.expect(200);
            let form = json!({ "email": email, "password": NEW_PASSWORD });
            call(&client, &at("POST", "/auth/login"), content_type, form).await.expect(200);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_acts() {
    with_admin(async |cluster: &Cluster, admin: &Client| {
        let client = cluster.client();
        for (place, content_type) in CONTENT_TYPES.into_iter().enumerate() {
            let prefix = if place % 2 == 0 { "/user" } else { "" };
            let slash = if place < 2 { "/" } else { "" };
            let at = |method: &str, path: &str| format!("{method} {prefix}{path}{slash}");
            let email = format!("p{place}@example.test");
            let form = json!({ "name": "Eve", "email": email, "mobile": format!("+4915112345{place:03}"), "password": PASSWORD, "role": "support" });
            let user = call(admin, &at("POST", "/admin/create-user"), content_type, form).await.expect(201);
            assert_eq!(user.body["roles"], json!(["user", "support"]));
            let below = |path: &str| format!("/admin/users/{}/{path}", user.text("id"));
            client.login(&email).await;
            let sessions = ask(admin, &at("GET", &below("sessions"))).await.expect(200);
            assert_eq!(sessions.body["items"].as_array().unwrap().len(), 1);
            ask(admin, &at("DELETE", &below("sessions"))).await.expect(200);
            eventually("no session is left", || async {
                let left = ask(admin, &at("GET", &below("sessions"))).await.expect(200);
                left.body["items"].as_array().unwrap().is_empty().then_some(())
            })
            .await;
            let blocked = call(admin, &at("POST", &below("block")), content_type, json!({ "reason": "spam" })).await;
            assert_eq!(blocked.expect(200).text("status_reason"), "spam");
            assert_eq!(ask(admin, &at("POST", &below("unblock"))).await.expect(200).text("status"), "active");
            assert_eq!(ask(admin, &at("POST", &below("block"))).await.expect(200).text("status"), "blocked");
            ask(admin, &at("POST", &below("unblock"))).await.expect(200);
            let until = json!({ "until": "2999-01-01T00:00:00Z", "reason": "cool down" });
            let suspended = call(admin, &at("POST", &below("suspend")), content_type, until).await.expect(200);
            assert_eq!(suspended.text("status_until"), "2999-01-01T00:00:00Z");
            ask(admin, &at("POST", &below("unblock"))).await.expect(200);
            assert_eq!(ask(admin, &at("POST", &below("suspend"))).await.expect(200).text("status"), "suspended");
            ask(admin, &at("POST", &below("unblock"))).await.expect(200);
            let role = call(admin, &at("PUT", &below("role")), content_type, json!({ "role": "user" })).await.expect(200);
            assert_eq!(role.body["roles"], json!(["user"]));
            let page = ask(admin, &format!("{}?limit=1", at("GET", "/admin/users"))).await.expect(200);
            assert_eq!(page.body["items"].as_array().unwrap().len(), 1);
            assert!(page.header("link").starts_with(&format!("<{prefix}/admin/users")), "{}", page.header("link"));
            assert!(ask(admin, &at("GET", "/admin/stats")).await.expect(200).body["users"].is_object());
        }
        client.register("ada@example.test").await;
        let (ada, _) = client.login("ada@example.test").await;
        ask(&ada, "GET /admin/users").await.expect(403);
        ask(&ada, "GET /user/admin/stats").await.expect(403);
        let form = json!({ "name": "X", "email": "x@example.test", "password": PASSWORD, "role": "admin" });
        super::json(&ada, "POST /admin/create-user", form).await.expect(403);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_system_is_below_the_prefix() {
    with_admin(async |_: &Cluster, admin: &Client| {
        for prefix in ["", "/user"] {
            assert_eq!(ask(admin, &format!("GET {prefix}/")).await.expect(200).body["name"], "denizen");
            assert!(ask(admin, &format!("GET {prefix}/info")).await.expect(200).body["version"].is_string());
            assert_eq!(ask(admin, &format!("GET {prefix}/health")).await.expect(200).body["status"], "ok");
            assert_eq!(
                ask(admin, &format!("GET {prefix}/health/database")).await.expect(200).body["status"],
                "ok"
            );
            let docs = ask(admin, &format!("GET {prefix}/docs/")).await.expect(200);
            assert!(docs.header("content-type").starts_with("text/html"));
            assert!(
                ask(admin, &format!("GET {prefix}/docs/index.css"))
                    .await
                    .expect(200)
                    .header("content-type")
                    .contains("css")
            );
            assert!(
                ask(admin, &format!("GET {prefix}/openapi.json")).await.expect(200).body["paths"].is_object()
            );
        }
        ask(admin, "GET /user/docs").await.expect(200);
    })
    .await;
}
