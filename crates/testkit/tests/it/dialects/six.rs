//! six-services.

use denizen_testkit::{Client, Cluster, PASSWORD, code_in, token_in};
use serde_json::json;

use super::{CONTENT_TYPES, ask, call};
use crate::support::{everywhere, with_admin};

const EMAIL: &str = "ada@example.test";
const NEW_PASSWORD: &str = "another horse, another battery";
const THIRD_PASSWORD: &str = "a third horse, no battery";

#[tokio::test(flavor = "multi_thread")]
async fn an_account_from_register_to_logout() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        for (place, content_type) in CONTENT_TYPES.into_iter().enumerate() {
            let prefix = if place % 2 == 0 { "" } else { "/api" };
            let slash = if place < 2 { "" } else { "/" };
            let email = format!("p{place}@example.test");
            let form = json!({ "name": "Ada", "email": email, "password": PASSWORD, "userName": format!("ada{place}"), "pushToken": "t" });
            let user = call(&client, &format!("POST {prefix}/register{slash}"), content_type, form).await.expect(201);
            assert_eq!((&user.body["userId"], &user.body["username"]), (&user.body["id"], &json!(format!("ada{place}"))));
            assert_eq!(user.body["push_tokens"], json!({ "default": "t" }));

            let form = json!({ "email": email, "password": PASSWORD });
            let login = call(&client, &format!("POST {prefix}/login{slash}"), content_type, form).await.expect(200);
            assert_eq!((&login.body["token"], &login.body["accessToken"]), (&login.body["access_token"], &login.body["access_token"]));
            assert_eq!((&login.body["refreshToken"], &login.body["userId"]), (&login.body["refresh_token"], &user.body["id"]));
            assert_eq!((login.header("cache-control"), login.header("content-type")), ("no-store", "application/json"));

            for name in ["refreshToken", "refresh_token"] {
                let form = json!({ name: login.body["refreshToken"] });
                let fresh = call(&client, &format!("POST {prefix}/refreshToken{slash}"), content_type, form).await.expect(200);
                assert!(fresh.body["token"].is_string() && fresh.body["refreshToken"].is_string());
            }
            let ada = client.with_token(&login.text("token"));
            for form in [json!({ "name": "Countess" }), json!({ "preferences": { "push": false }, "metadata": { "planB": 1 } })] {
                for method in ["POST", "PUT"] {
                    call(&ada, &format!("{method} {prefix}/updateProfile{slash}"), content_type, form.clone()).await.expect(200);
                }
            }
            let info = ask(&ada, &format!("GET {prefix}/getUserInfo{slash}")).await.expect(200).body;
            assert_eq!((&info["name"], &info["preferences"]["push"], &info["metadata"]), (&json!("Countess"), &json!(false), &json!({ "planB": 1 })));
            let own = ask(&ada, &format!("GET {prefix}/getUserInfo{slash}?userId={}", user.text("id"))).await.expect(200).body;
            let posted = call(&ada, &format!("POST {prefix}/getUserInfo{slash}"), content_type, json!({ "userId": user.body["id"] })).await;
            assert_eq!((&own["id"], &posted.expect(200).body["id"]), (&user.body["id"], &user.body["id"]));

            let valid = ask(&ada, &format!("GET {prefix}/validateToken{slash}")).await.expect(200).body;
            assert_eq!((&valid["active"], &valid["valid"], &valid["userId"]), (&json!(true), &json!(true), &user.body["id"]));
            let form = json!({ "token": login.body["token"] });
            let valid = call(&client, &format!("POST {prefix}/validateToken{slash}"), content_type, form.clone()).await;
            assert_eq!(valid.expect(200).body["valid"], true);
            let left = ask(&ada, &format!("POST {prefix}/logout{slash}")).await.expect(200);
            assert_eq!(left.body, json!({ "success": true }));
            let gone = call(&client, &format!("POST {prefix}/validateToken{slash}"), content_type, form).await.expect(200).body;
            assert_eq!((&gone["active"], &gone["valid"]), (&json!(false), &json!(false)));
            let none = ask(&client, &format!("GET {prefix}/validateToken{slash}")).await.expect(401);
            assert_eq!(none.code(), "unauthenticated");
            call(&client, &format!("POST {prefix}/validateToken{slash}"), content_type, json!({})).await.expect(401);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_by_link_and_by_code() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        client.register(EMAIL).await;
        client.mail(EMAIL, 1).await;
        super::json(&client, "POST /forgotPassword", json!({ "email": EMAIL })).await.expect(202);
        let token = token_in(&client.mail(EMAIL, 2).await);
        let form = json!({ "token": token, "email": EMAIL, "newPassword": NEW_PASSWORD });
        let done = super::json(&client, "POST /resetPassword", form.clone()).await.expect(200);
        assert_eq!(done.body, json!({ "success": true }));
        let again = super::json(&client, "POST /resetPassword", form).await.expect(422);
        assert_eq!(
            (again.code(), again.header("content-type")),
            ("token_invalid", "application/problem+json")
        );

        super::json(&client, "POST /api/forgotPassword/", json!({ "email": EMAIL, "via": "otp" }))
            .await
            .expect(202);
        let code = code_in(&client.mail(EMAIL, 4).await);
        let form = json!({ "otp": code, "email": EMAIL, "new_password": THIRD_PASSWORD });
        super::json(&client, "POST /api/resetPassword/", form).await.expect(200);
        let form = json!({ "email": EMAIL, "password": THIRD_PASSWORD });
        super::json(&client, "POST /login", form).await.expect(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_by_code_and_a_code_for_oneself() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        client.register(EMAIL).await;
        client.mail(EMAIL, 1).await;
        let sent = super::json(&client, "POST /generateOtp", json!({ "email": EMAIL })).await.expect(202);
        let code = code_in(&client.mail(EMAIL, 2).await);
        let form = json!({ "otpId": sent.body["otpId"], "otp": code });
        let login = super::json(&client, "POST /validateOtp", form.clone()).await.expect(200);
        assert_eq!((&login.body["valid"], &login.body["token"]), (&json!(true), &login.body["access_token"]));
        assert_eq!(super::json(&client, "POST /validateOtp", form).await.expect(422).code(), "code_invalid");

        let ada: Client = client.with_token(&login.text("token"));
        let form = json!({ "purpose": "sensitive_change", "channel": "email" });
        let sent = super::json(&ada, "POST /api/generateOtp/", form).await.expect(202);
        let code = code_in(&client.mail(EMAIL, 3).await);
        let form = json!({ "otp_id": sent.body["otp_id"], "code": code });
        let valid = super::json(&ada, "POST /api/validateOtp/", form).await.expect(200);
        assert_eq!(valid.body["valid"], true);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operations_refuse_is_refused_here() {
    with_admin(async |cluster: &Cluster, admin: &Client| {
        let client = cluster.client();
        let id = client.register(EMAIL).await["id"].as_str().unwrap().to_owned();
        client.register("eve@example.test").await;
        let (eve, _) = client.login("eve@example.test").await;
        ask(&eve, &format!("GET /getUserInfo?userId={id}")).await.expect(403);
        assert_eq!(
            ask(admin, &format!("GET /getUserInfo?userId={id}")).await.expect(200).body["id"],
            id.as_str()
        );
        ask(&client, "GET /getUserInfo").await.expect(401);
        ask(&eve, "GET /getUserInfo?userId=..%2Fadmin%2Fstats").await.expect(400);
        let profile = json!({ "userId": id, "name": "X", "roles": ["admin"], "status": "blocked" });
        super::json(&eve, "POST /updateProfile", profile).await.expect(403);
        super::json(&eve, "POST /updateProfile", json!({ "roles": ["admin"] })).await.expect(200);
        assert_eq!(ask(&eve, "GET /getUserInfo").await.body["roles"], json!(["user"]));
        for body in ["[]", "7", "{", "null", "\"x\"", "{\"email\":\"a\",\"email\":\"b\"}"] {
            let answer =
                client.upload(reqwest::Method::POST, "//login", "application/json", body).await.expect(400);
            assert_eq!(answer.code(), "malformed_request", "{body}");
        }
        let wrong = json!({ "email": EMAIL, "password": "not the password" });
        assert_eq!(
            super::json(&client, "POST /login", wrong).await.expect(401).code(),
            "invalid_credentials"
        );
        assert_eq!(ask(&client, "GET /login").await.expect(405).header("allow"), "OPTIONS, POST");
    })
    .await;
}
