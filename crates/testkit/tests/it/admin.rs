//! What an administrator sees: lists, the audit trail, accounts of others.

use std::time::Duration;

use denizen_kit::time::Clock;
use denizen_testkit::{Client, Cluster, Options, PASSWORD, Topology, eventually};
use serde_json::{Value, json};

use crate::support::{ADMIN, with_admin};

/// All items of a list, page by page.
async fn walk(admin: &Client, query: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut path = format!("/users?limit=2&{query}");
    loop {
        let page = admin.get(&path).await.expect(200);
        let found = page.body["items"].as_array().unwrap().clone();
        assert!(found.len() <= 2);
        items.extend(found);
        let Some(cursor) = page.body["next_cursor"].as_str() else {
            assert!(!page.header("link").contains("next"));
            return items;
        };
        assert!(page.header("link").contains("rel=\"next\""));
        path = format!("/users?limit=2&{query}&cursor={cursor}");
    }
}

fn names(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_by_filter_sort_and_prefix() {
    with_admin(async |cluster, admin| {
        let client = cluster.client();
        for (name, username) in
            [("Zoë", "zoe"), ("ada", "Lovelace"), ("Bob", "bob.b"), ("Ädel", "adel"), ("Anna", "anna")]
        {
            let email = format!("{username}@example.test");
            let body = json!({ "name": name, "email": email, "username": username, "password": PASSWORD });
            client.post("/users", body).await.expect(201);
        }
        let by_name = walk(admin, "sort=name").await;
        assert_eq!(
            names(&by_name),
            ["ada", "Administrator", "Anna", "Bob", "Zoë", "Ädel"],
            "by code point of the lower case"
        );
        let by_username = walk(admin, "sort=username").await;
        assert_eq!(names(&by_username), ["Administrator", "Ädel", "Anna", "Bob", "ada", "Zoë"]);
        let newest = walk(admin, "sort=-created_at").await;
        assert_eq!(names(&newest), ["Anna", "Ädel", "Bob", "ada", "Zoë", "Administrator"]);
        let mut oldest = walk(admin, "sort=created_at").await;
        oldest.reverse();
        assert_eq!(names(&oldest), names(&newest));
        assert_eq!(walk(admin, "").await, newest, "newest first by itself");
        let by_login = eventually("the administrator's login is noted", || async {
            let items = walk(admin, "sort=last_login_at").await;
            items.last()?["last_login_at"].is_string().then_some(items)
        })
        .await;
        assert_eq!((by_login.len(), names(&by_login)[5]), (6, "Administrator"));
        assert_eq!(walk(admin, "status=active").await.len(), 6);
        assert_eq!(names(&walk(admin, "role=admin").await), ["Administrator"]);
        assert_eq!(names(&walk(admin, "q=AN").await), ["Anna"]);
        assert_eq!(names(&walk(admin, "q=a").await), ["ada", "Administrator", "Anna"]);
        assert_eq!(names(&walk(admin, "q=ad&sort=username").await), ["Ädel"]);
        assert_eq!(names(&walk(admin, "email=ANNA@example.test").await), ["Anna"]);
        assert_eq!(names(&walk(admin, "username=LOVELACE").await), ["ada"]);
        let middle = newest[2]["created_at"].as_str().unwrap();
        assert_eq!(names(&walk(admin, &format!("created_after={middle}")).await), ["Anna", "Ädel"]);
        assert_eq!(
            names(&walk(admin, &format!("created_before={middle}")).await),
            ["ada", "Zoë", "Administrator"]
        );
        assert_eq!(admin.get("/users?total=true&limit=1").await.expect(200).body["total"], 6);

        for bad in [
            "sort=name&status=active",
            "q=a&role=admin",
            "sort=nope",
            "limit=0",
            "limit=201",
            "limit=x",
            "status=nope",
        ] {
            let answer = admin.get(&format!("/users?{bad}")).await;
            assert!([400, 422].contains(&answer.status.as_u16()), "{bad}: {}", answer.body);
        }
        admin.get("/users?cursor=AAAA").await.expect(400);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_tells_what_happened() {
    with_admin(async |cluster, admin| {
        let client = cluster.client();
        let user = client.register("ada@example.test").await;
        let id = user["id"].as_str().unwrap();
        let wrong = json!({ "identifier": "ada@example.test", "password": "not the password" });
        assert_eq!(client.post("/auth/login", wrong).await.expect(401).code(), "invalid_credentials");
        let (ada, _) = client.login("ada@example.test").await;
        ada.get("/users").await.expect(403);

        let wanted = ["user.created", "auth.login_failed", "auth.login", "access.refused"];
        let entries = eventually("all four entries", || async {
            let page = admin.get(&format!("/admin/audit?subject={id}&limit=50")).await.expect(200).body;
            let items = page["items"].as_array().unwrap().clone();
            let actions: Vec<&str> = items.iter().filter_map(|item| item["action"].as_str()).collect();
            wanted.iter().all(|action| actions.contains(action)).then_some(items)
        })
        .await;
        let login = entries.iter().find(|entry| entry["action"] == "auth.login").unwrap();
        assert_eq!((&login["result"], &login["ip"]), (&json!("ok"), &json!("127.0.0.1")));
        let text = serde_json::to_string(&entries).unwrap();
        assert!(!text.contains("ada@example.test") && !text.contains("Ada Lovelace"), "{text}");
        let verified = admin.get("/admin/audit/verify").await.expect(200).body;
        assert_eq!(verified["valid"], true, "{verified}");
        ada.get("/admin/audit").await.expect(403);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_acts_on_others() {
    with_admin(async |cluster, admin| {
        let client = cluster.client();
        let user = client.register("ada@example.test").await;
        let id = user["id"].as_str().unwrap();
        assert_eq!(admin.get(&format!("/users/{id}")).await.expect(200).body["email"], "ada@example.test");
        let moved = admin
            .patch(&format!("/users/{id}"), json!({ "email": "countess@example.test" }))
            .await
            .expect(200)
            .body;
        assert_eq!(
            (&moved["email"], &moved["email_verified"]),
            (&json!("countess@example.test"), &json!(false))
        );
        client.login("countess@example.test").await;

        let body =
            json!({ "name": "Eve", "email": "eve@example.test", "password": PASSWORD, "roles": ["support"] });
        let eve = admin.post("/admin/users", body.clone()).await.expect(201).body;
        assert_eq!(eve["roles"], json!(["user", "support"]));
        let (support, _) = client.login("eve@example.test").await;
        support.get(&format!("/users/{id}")).await.expect(200);
        support.patch(&format!("/users/{id}"), json!({ "name": "X" })).await.expect(403);
        support.post("/admin/users", body).await.expect(403);

        let me = admin.get("/users/me").await.expect(200).text("id");
        let last = admin.delete(&format!("/users/{me}")).await.expect(409);
        assert_eq!(last.code(), "conflict");
        admin.delete(&format!("/users/{id}")).await.expect(204);
        assert_eq!(admin.get(&format!("/users/{id}")).await.expect(200).body["status"], "deleted");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_grows_old_for_administrators_too() {
    let clock = Clock::manual("2026-05-01T12:00:00Z".parse().unwrap());
    let settings = vec![("admin.email", ADMIN.to_owned()), ("admin.password", PASSWORD.to_owned())];
    let options = Options { settings, clock: Some(clock.clone()) };
    let cluster = Cluster::with(Topology::OneOnSqlite, options).await;
    let (admin, _) = cluster.client().login(ADMIN).await;
    clock.advance(Duration::from_secs(16 * 60));
    let change = json!({ "email": "eve@example.test" });
    assert_eq!(admin.put("/users/me/email", change.clone()).await.expect(403).code(), "step_up_required");
    assert_eq!(admin.patch("/users/me", change).await.expect(403).code(), "step_up_required");
    let mobile = json!({ "mobile": "+4915112345678" });
    assert_eq!(admin.put("/users/me/mobile", mobile).await.expect(403).code(), "step_up_required");
    admin.patch("/users/me", json!({ "name": "Still fine" })).await.expect(200);

    let fresh = admin.post("/auth/step-up", json!({ "password": PASSWORD })).await.expect(200);
    let admin = admin.with_token(&fresh.text("access_token"));
    admin.put("/users/me/email", json!({ "email": "new@example.test" })).await.expect(202);
    clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(admin.with_token(&fresh.text("access_token")).get("/users/me").await.status, 200);
    clock.advance(Duration::from_secs(16 * 60));
    assert_eq!(admin.get("/users/me").await.expect(401).code(), "token_expired");
    cluster.stop().await;
}
