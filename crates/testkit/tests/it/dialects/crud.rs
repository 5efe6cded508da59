//! rest-crud.

use denizen_testkit::{Client, Cluster, PASSWORD};
use serde_json::json;

use super::{CONTENT_TYPES, ask, call};
use crate::support::with_admin;

#[tokio::test(flavor = "multi_thread")]
async fn accounts_from_register_to_delete() {
    with_admin(async |cluster: &Cluster, admin: &Client| {
        let client = cluster.client();
        for (place, content_type) in CONTENT_TYPES.into_iter().enumerate() {
            let slash = if place % 2 == 0 { "" } else { "/" };
            let email = format!("p{place}@example.test");
            let form = json!({ "name": "Ada", "email": email, "password": PASSWORD });
            let user = call(&client, &format!("POST /api/auth/register{slash}"), content_type, form)
                .await
                .expect(201);
            let id = user.text("id");
            assert_eq!(user.header("location"), format!("/api/users/{id}"));
            let form = json!({ "email": email, "password": PASSWORD });
            let login =
                call(&client, &format!("POST /api/auth/login{slash}"), content_type, form).await.expect(200);
            assert_eq!(login.body["token"], login.body["access_token"]);
            let ada = client.with_token(&login.text("token"));
            assert_eq!(
                ask(&ada, &format!("GET /api/users/{id}{slash}")).await.expect(200).body["email"],
                email.as_str()
            );
            let form = json!({ "name": "Countess", "email": format!("new{place}@example.test") });
            let changed =
                call(&ada, &format!("PUT /api/users/{id}{slash}"), content_type, form).await.expect(200).body;
            assert_eq!((&changed["name"], &changed["email"]), (&json!("Countess"), &json!(email)));
            assert_eq!(
                changed["pending_email"],
                format!("new{place}@example.test"),
                "the owner proves a new address"
            );
            let form = json!({ "name": "Lovelace", "email": format!("at-once{place}@example.test") });
            let changed = call(admin, &format!("PUT /api/users/{id}{slash}"), content_type, form)
                .await
                .expect(200)
                .body;
            assert_eq!(
                changed["email"],
                format!("at-once{place}@example.test"),
                "an administrator's word is enough"
            );
            let deleted = ask(&ada, &format!("DELETE /api/users/{id}{slash}")).await.expect(200);
            assert_eq!(deleted.body, json!({ "id": id }));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_an_array_and_its_pages_are_linked() {
    with_admin(async |cluster: &Cluster, admin: &Client| {
        let client = cluster.client();
        for place in 0..4 {
            client.register(&format!("p{place}@example.test")).await;
        }
        let all = ask(admin, "GET /api/users").await.expect(200);
        assert_eq!((all.body.as_array().unwrap().len(), all.header("link")), (5, ""));
        let mut found = Vec::new();
        let mut path = "/api/users/?limit=2&sort=created_at&total=true".to_owned();
        loop {
            let page = ask(admin, &format!("GET {path}")).await.expect(200);
            assert_eq!(page.header("x-total-count"), "5");
            found.extend(page.body.as_array().unwrap().iter().map(|user| user["id"].clone()));
            let Some((next, _)) = page.header("link").strip_prefix('<').and_then(|link| link.split_once('>'))
            else {
                break;
            };
            assert!(next.starts_with("/api/users"), "{next}");
            path = next.to_owned();
        }
        found.dedup();
        assert_eq!(found.len(), 5);
        let (ada, _) = client.login("p0@example.test").await;
        assert_eq!(ask(&ada, "GET /api/users").await.expect(403).code(), "forbidden");
        ask(&client, "GET /api/users").await.expect(401);
        assert_eq!(ask(admin, "PATCH /api/users").await.expect(405).header("allow"), "GET, HEAD, OPTIONS");
    })
    .await;
}
