//! Who may use the system, and who decides: blocks, suspensions, roles, at every node at once.

use denizen_testkit::{Client, Cluster, PASSWORD, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::with_admin;

/// Waits until a client's request has this status.
async fn becomes(client: &Client, path: &str, status: u16) {
    eventually(&format!("{status} at {path}"), || async {
        (client.get(path).await.status == status).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_and_a_suspension_end_sessions_at_every_node() {
    with_admin(async |cluster: &Cluster, admin: &Client| {
        let client = cluster.client();
        let id = client.register("ada@example.test").await["id"].as_str().unwrap().to_owned();
        let (ada, tokens) = client.login("ada@example.test").await;
        let elsewhere = Client::new(cluster.gateways.last().unwrap())
            .with_token(tokens["access_token"].as_str().unwrap());
        elsewhere.get("/users/me").await.expect(200);

        admin.post(&format!("/admin/users/{id}/block"), json!({})).await.expect(422);
        let blocked =
            admin.post(&format!("/admin/users/{id}/block"), json!({ "reason": "spam" })).await.expect(200);
        assert_eq!(
            (blocked.text("status"), blocked.text("status_reason")),
            ("blocked".into(), "spam".into())
        );
        becomes(&ada, "/users/me", 401).await;
        becomes(&elsewhere, "/users/me", 401).await;
        let login = json!({ "identifier": "ada@example.test", "password": PASSWORD });
        assert_eq!(client.post("/auth/login", login.clone()).await.expect(403).code(), "account_blocked");
        let refresh = json!({ "refresh_token": tokens["refresh_token"] });
        client.post("/auth/refresh", refresh).await.expect(401);
        admin.post(&format!("/admin/users/{id}/unblock"), json!({})).await.expect(200);
        let (ada, _) = client.login("ada@example.test").await;

        let until = "2999-01-01T00:00:00Z";
        let suspend = json!({ "reason": "cool down", "until": until });
        let suspended = admin.post(&format!("/admin/users/{id}/suspend"), suspend).await.expect(200);
        assert_eq!(suspended.text("status_until"), until);
        becomes(&ada, "/users/me", 401).await;
        assert_eq!(client.post("/auth/login", login).await.expect(403).code(), "account_suspended");
        admin.post(&format!("/admin/users/{id}/activate"), json!({})).await.expect(200);
        let (ada, _) = client.login("ada@example.test").await;

        ada.delete("/users/me").await.expect(204);
        admin.post(&format!("/admin/users/{id}/activate"), json!({})).await.expect(200);
        client.login("ada@example.test").await;
        let me = admin.get("/users/me").await.expect(200).text("id");
        let last =
            admin.post(&format!("/admin/users/{me}/block"), json!({ "reason": "x" })).await.expect(409);
        assert_eq!(last.code(), "conflict");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_made_given_changed_and_taken_at_every_node() {
    with_admin(async |cluster: &Cluster, admin: &Client| {
        let client = cluster.client();
        let id = client.register("ada@example.test").await["id"].as_str().unwrap().to_owned();
        let role = json!({ "name": "reader", "permissions": ["users:read"] });
        admin.post("/admin/roles", role.clone()).await.expect(201);
        assert_eq!(admin.post("/admin/roles", role).await.expect(409).code(), "conflict");
        let roles = format!("/admin/users/{id}/roles");
        let given = admin.put(&roles, json!({ "roles": ["reader"] })).await.expect(200).body;
        assert_eq!(given["roles"], json!(["user", "reader"]));

        let (ada, tokens) = client.login("ada@example.test").await;
        let elsewhere = Client::new(cluster.gateways.last().unwrap())
            .with_token(tokens["access_token"].as_str().unwrap());
        becomes(&ada, "/users", 200).await;
        becomes(&elsewhere, "/users", 200).await;
        ada.get("/admin/roles").await.expect(403);
        admin.patch("/admin/roles/reader", json!({ "permissions": [] })).await.expect(200);
        becomes(&elsewhere, "/users", 403).await;
        becomes(&ada, "/users", 403).await;
        admin.patch("/admin/roles/reader", json!({ "permissions": ["users:read"] })).await.expect(200);
        becomes(&elsewhere, "/users", 200).await;

        assert_eq!(admin.delete("/admin/roles/reader").await.expect(409).code(), "conflict", "ada has it");
        admin.put(&roles, json!({ "roles": [] })).await.expect(200);
        becomes(&elsewhere, "/users", 403).await;
        ada.get("/users/me").await.expect(200);
        admin.put(&roles, json!({ "roles": ["support"] })).await.expect(200);
        let (ada, _) = client.login("ada@example.test").await;
        becomes(&ada, "/users", 200).await;
        ada.put(&roles, json!({ "roles": ["admin"] })).await.expect(403);
        admin.delete("/admin/roles/reader").await.expect(204);
        let listed = admin.get("/admin/roles").await.expect(200).body;
        assert_eq!(listed["items"].as_array().unwrap().len(), 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_comes_whole_as_lines_and_as_cells() {
    with_admin(async |cluster: &Cluster, admin: &Client| {
        let client = cluster.client();
        let evil =
            json!({ "name": "=HYPERLINK(\"http://x\")", "email": "ada@example.test", "password": PASSWORD });
        client.post("/users", evil).await.expect(201);
        let as_type = |kind: &'static str| [("accept", kind)];
        let lines =
            admin.send(Method::GET, "/users", None, &as_type("application/x-ndjson")).await.expect(200);
        assert_eq!(lines.header("content-type"), "application/x-ndjson");
        let text = lines.body.as_str().unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        let cells = admin.send(Method::GET, "/users?q==HYPER", None, &as_type("text/csv")).await.expect(200);
        let text = cells.body.as_str().unwrap();
        assert!(text.starts_with("id,username,name,email,"), "{text}");
        assert!(text.contains(",\"'=HYPERLINK(\"\"http://x\"\")\","), "{text}");
        let (ada, _) = client.login("ada@example.test").await;
        ada.send(Method::GET, "/users", None, &as_type("text/csv")).await.expect(403);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_conditions_and_queries_are_refused() {
    with_admin(async |_: &Cluster, admin: &Client| {
        let path = "/users/0192aa00-0000-7000-8000-000000000001";
        admin.send(Method::DELETE, path, None, &[("if-match", "7")]).await.expect(400);
        for (query, status) in [
            ("limit=x", 400),
            ("limit=0", 422),
            ("status=odd", 422),
            ("sort=odd", 422),
            ("created_after=odd", 422),
            ("total=1", 400),
            ("q=a&q=b", 400),
        ] {
            admin.get(&format!("/users?{query}")).await.expect(status);
        }
    })
    .await;
}

/// What a helper may do to others, but not to an administrator.
fn acts() -> Vec<(Method, &'static str, Value)> {
    let reason = json!({ "reason": "x" });
    let until = json!({ "reason": "x", "until": "2999-01-01T00:00:00Z" });
    vec![
        (Method::PATCH, "/users/{id}", json!({ "name": "X" })),
        (Method::PUT, "/users/{id}/email", json!({ "email": "x@example.test" })),
        (Method::PUT, "/users/{id}/mobile", json!({ "mobile": "+4915112345678" })),
        (Method::PUT, "/users/{id}/username", json!({ "username": "somebody" })),
        (Method::PUT, "/users/{id}/consents", json!({ "news": true })),
        (Method::PUT, "/users/{id}/restriction", json!({})),
        (Method::DELETE, "/users/{id}/restriction", json!({})),
        (Method::DELETE, "/users/{id}/avatar", json!({})),
        (Method::POST, "/admin/users/{id}/reset-password", json!({})),
        (Method::PUT, "/admin/users/{id}/roles", json!({ "roles": ["helper"] })),
        (Method::DELETE, "/sessions/{session}", json!({})),
        (Method::DELETE, "/admin/users/{id}/sessions", json!({})),
        (Method::POST, "/admin/users/{id}/suspend", until),
        (Method::POST, "/admin/users/{id}/block", reason.clone()),
        (Method::POST, "/admin/users/{id}/unblock", json!({})),
        (Method::POST, "/admin/users/{id}/activate", json!({})),
        (Method::DELETE, "/users/{id}", json!({})),
        (Method::POST, "/users/{id}/erase", reason),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_acts_on_who_may_more() {
    with_admin(async |cluster: &Cluster, admin: &Client| {
        let client = cluster.client();
        let helper = [
            "users:read",
            "users:write",
            "users:block",
            "roles:manage",
            "sessions:read",
            "sessions:end",
            "privacy:write",
        ];
        admin.post("/admin/roles", json!({ "name": "helper", "permissions": helper })).await.expect(201);
        let body =
            json!({ "name": "Eve", "email": "eve@example.test", "password": PASSWORD, "roles": ["helper"] });
        admin.post("/admin/users", body).await.expect(201);
        let (helper, _) = client.login("eve@example.test").await;
        becomes(&helper, "/users", 200).await;
        let target = admin.get("/users/me").await.expect(200).text("id");
        let session =
            admin.get("/sessions").await.expect(200).body["items"][0]["id"].as_str().unwrap().to_owned();
        let ada = client.register("ada@example.test").await["id"].as_str().unwrap().to_owned();
        let (owner, _) = client.login("ada@example.test").await;
        let own =
            owner.get("/sessions").await.expect(200).body["items"][0]["id"].as_str().unwrap().to_owned();

        let acts = acts();
        for (id, session, is_above) in [(&target, &session, true), (&ada, &own, false)] {
            for (method, path, body) in &acts {
                let path = path.replace("{id}", id).replace("{session}", session);
                let answer = helper.send(method.clone(), &path, Some(body.clone()), &[]).await;
                assert_eq!(
                    answer.status == 403,
                    is_above,
                    "{method} {path}: {} {}",
                    answer.status,
                    answer.body
                );
                assert!(is_above || answer.status.is_success(), "{method} {path}: {}", answer.body);
            }
        }
        admin.get("/users/me").await.expect(200);
    })
    .await;
}
