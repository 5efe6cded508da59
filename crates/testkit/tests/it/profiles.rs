//! The story of a profile's picture and devices.

use denizen_testkit::{Client, Cluster};
use reqwest::Method;
use serde_json::json;

use crate::support::everywhere;

/// A PNG of one red pixel (public domain; 69 bytes).
const PIXEL: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 2, 0, 0, 0, 0x90, 0x77, 0x53, 0xde, 0, 0, 0, 0x0c, b'I', b'D', b'A', b'T', 0x08, 0xd7, 0x63,
    0xf8, 0xcf, 0xc0, 0, 0, 3, 1, 1, 0, 0x18, 0xdd, 0x8d, 0xb0, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae,
    0x42, 0x60, 0x82,
];

async fn put(client: &Client, path: &str, media_type: &str, body: &[u8]) -> (u16, String) {
    let answer = client.upload(Method::PUT, path, media_type, body).await;
    (answer.status.as_u16(), answer.code().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_at_the_door() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        let id = client.register("ada@example.test").await["id"].as_str().unwrap().to_owned();
        client.register("eve@example.test").await;
        let (ada, _) = client.login("ada@example.test").await;
        let (eve, _) = client.login("eve@example.test").await;
        let path = format!("/users/{id}/avatar");
        ada.get("/users/me/avatar").await.expect(404);

        assert_eq!(put(&ada, "/users/me/avatar", "image/png", PIXEL).await.0, 200);
        let url = ada.get("/users/me").await.expect(200).text("avatar_url");
        let seen = url.strip_prefix("/api/v1").unwrap();
        let shown = ada.get(seen).await.expect(200);
        assert_eq!(shown.header("content-type"), "image/jpeg");
        assert_eq!(shown.header("cache-control"), "private, no-cache");
        assert_eq!(shown.header("x-content-type-options"), "nosniff");
        assert!(shown.body.as_str().unwrap().contains("JFIF"), "drawn anew");
        let held = [("if-none-match", shown.header("etag"))];
        let again = ada.send(Method::GET, &path, None, &held).await.expect(304);
        assert_eq!((again.header("etag"), &again.body), (shown.header("etag"), &json!(null)));

        let form = [
            b"--b\r\nContent-Disposition: form-data; name=\"avatar\"; filename=\"a.png\"\r\n\r\n".as_slice(),
            PIXEL,
            b"\r\n--b--\r\n",
        ];
        assert_eq!(put(&ada, &path, "multipart/form-data; boundary=b", &form.concat()).await.0, 200);

        let refused = [
            (put(&ada, &path, "application/json", b"{}").await, (415, "unsupported_media_type")),
            (put(&ada, &path, "image/png", b"<svg/>").await, (415, "unsupported_media_type")),
            (put(&ada, &path, "image/png", &PIXEL[..45]).await, (422, "validation_failed")),
            (put(&ada, &path, "image/png", &vec![0; (5 << 20) + 1]).await, (413, "payload_too_large")),
            (put(&ada, &path, "image/png", b"").await, (400, "malformed_request")),
            (put(&eve, &path, "image/png", PIXEL).await, (403, "forbidden")),
            (put(&client, &path, "image/png", PIXEL).await, (401, "unauthenticated")),
        ];
        for ((status, code), expected) in refused {
            assert_eq!((status, code.as_str()), expected);
        }
        eve.get(&path).await.expect(403);
        eve.delete(&path).await.expect(403);
        ada.delete(&path).await.expect(204);
        ada.delete(&path).await.expect(204);
        ada.get(&path).await.expect(404);
        assert_eq!(ada.get("/users/me").await.expect(200).body["avatar_url"], json!(null));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_and_preferences_at_the_door() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        let id = client.register("ada@example.test").await["id"].as_str().unwrap().to_owned();
        client.register("eve@example.test").await;
        let (ada, _) = client.login("ada@example.test").await;
        let (eve, _) = client.login("eve@example.test").await;
        let path = format!("/users/{id}/push-tokens/phone");
        ada.put("/users/me/push-tokens/phone", json!({ "token": "t1" })).await.expect(204);
        ada.put(&path, json!({ "token": "t2" })).await.expect(204);
        assert_eq!(ada.get("/users/me").await.expect(200).body["push_tokens"], json!({ "phone": "t2" }));
        assert_eq!(ada.put(&path, json!({})).await.expect(422).body["errors"][0]["pointer"], "/token");
        ada.put(&path, json!({ "token": 7 })).await.expect(400);
        let odd = ada.put("/users/me/push-tokens/a%20b", json!({ "token": "t" })).await.expect(422);
        assert_eq!(odd.body["errors"][0]["pointer"], "/device");
        eve.put(&path, json!({ "token": "t" })).await.expect(403);
        eve.delete(&path).await.expect(403);
        ada.delete(&path).await.expect(204);
        ada.delete(&path).await.expect(204);
        assert_eq!(ada.get("/users/me").await.expect(200).body["push_tokens"], json!({}));

        let path = format!("/users/{id}/preferences");
        ada.put(&path, json!({ "sms": false, "locale": "de" })).await.expect(200);
        let preferences = ada.get(&path).await.expect(200).body;
        assert_eq!(preferences, json!({ "email": true, "push": true, "sms": false, "locale": "de" }));
        ada.put(&path, json!({ "locale": "de_AT" })).await.expect(422);
        eve.get(&path).await.expect(403);
        eve.put(&path, json!({ "sms": true })).await.expect(403);
    })
    .await;
}
