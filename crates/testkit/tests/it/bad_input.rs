//! Input that is wrong gets a 4xx that says what to do, and changes nothing.

use denizen_testkit::{Cluster, PASSWORD};
use serde_json::json;

use crate::support::everywhere;

#[tokio::test(flavor = "multi_thread")]
async fn registrations_that_cannot_be() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        let long = "x".repeat(100_000);
        let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
        for (body, status) in [
            (json!({}), 422),
            (json!([]), 400),
            (json!("text"), 400),
            (json!({ "name": "Ada", "email": ["a@example.test", "b@example.test"], "password": PASSWORD }), 400),
            (json!({ "name": 7, "email": "a@example.test", "password": PASSWORD }), 400),
            (json!({ "name": "Ada", "email": "a@b", "password": PASSWORD }), 422),
            (json!({ "name": "Ada", "email": "a\r\nBcc: x@example.test", "password": PASSWORD }), 422),
            (json!({ "name": "Ada\nX", "email": "a@example.test", "password": PASSWORD }), 422),
            (json!({ "name": "Ada", "email": "a@example.test", "password": "short" }), 422),
            (json!({ "name": "Ada", "email": "a@example.test", "password": long }), 422),
            (json!({ "name": "Ada", "email": "a@example.test", "password": PASSWORD, "username": "admin" }), 422),
            (json!({ "name": "Ada", "email": "a@example.test", "password": PASSWORD, "mobile": "nope" }), 422),
            (json!({ "name": "Ada", "email": "a@example.test", "password": PASSWORD, "metadata": { "a": deep } }), 422),
        ] {
            let answer = client.post("/users", body.clone()).await;
            assert_eq!(answer.status.as_u16(), status, "{body:.80} -> {}", answer.body);
            assert!(!answer.code().is_empty() && answer.header("content-type") == "application/problem+json");
        }
        client.register("a@example.test").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_cursors_and_tokens_that_are_not() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        client.register("ada@example.test").await;
        let (ada, _) = client.login("ada@example.test").await;
        for id in ["x", "..%2fadmin", "%00", "00000000-0000-0000-0000-000000000000", "'%20OR%201=1--"] {
            let answer = ada.get(&format!("/users/{id}")).await;
            assert!((400..500).contains(&answer.status.as_u16()), "{id}: {}", answer.body);
        }
        for token in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", &".".repeat(10_000)] {
            let answer = client.with_token(token).get("/users/me").await;
            assert!([401, 431].contains(&answer.status.as_u16()), "{token:.20}: {}", answer.status);
        }
        ada.patch("/users/me", json!({ "username": "ADMIN" })).await.expect(422);
        ada.put("/users/me/username", json!({ "username": "admin" })).await.expect(422);
        assert_eq!(ada.get("/users").await.expect(403).code(), "forbidden");
        client.get("/users").await.expect(401);
        client.get("/nothing/here").await.expect(404);
        client.delete("/auth/login").await.expect(405);
        for path in ["/auth/refresh", "/password/reset", "/auth/login", "/email/verify/confirm", "/otp"] {
            for body in [
                json!({}),
                json!({ "token": 1 }),
                json!({ "refresh_token": "dzr_x", "token": "x", "new_password": "x" }),
            ] {
                let answer = client.post(path, body.clone()).await;
                assert!((400..500).contains(&answer.status.as_u16()), "{path} {body}: {}", answer.body);
            }
        }
    })
    .await;
}
