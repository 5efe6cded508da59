//! The second factor: set up, asked for, lost, removed.

use denizen_testkit::{Client, Cluster, PASSWORD, code_in, eventually, token_in};
use serde_json::{Value, json};

use crate::support::everywhere;

const EMAIL: &str = "ada@example.test";
const MOBILE: &str = "+4915112345678";

/// The newest message to an address once there are `count` whose text has a word.
async fn nth(client: &Client, to: &str, word: &str, count: usize) -> Value {
    eventually(&format!("message {count} with {word:?} to {to}"), || async {
        let has_word = |message: &Value| message["text"].as_str().is_some_and(|text| text.contains(word));
        let found: Vec<_> = client.mailbox(to).await.into_iter().filter(has_word).collect();
        (found.len() >= count).then(|| found[0].clone())
    })
    .await
}

/// The code of the second factor in the newest mail once there are `count` of them.
async fn factor_code(client: &Client, count: usize) -> String {
    code_in(&nth(client, EMAIL, "Enter this code to go on", count).await)
}

/// Logs in by password; the challenge.
async fn challenge(client: &Client, password: &str) -> String {
    let answer =
        client.post("/auth/login", json!({ "identifier": EMAIL, "password": password })).await.expect(200);
    assert_eq!(answer.body["mfa_required"], true, "{}", answer.body);
    assert!(answer.body.get("access_token").is_none());
    answer.text("challenge")
}

/// A person with a second factor by e-mail, logged in, and their recovery codes.
async fn enabled(client: &Client) -> (Client, Vec<String>) {
    client.register(EMAIL).await;
    let (ada, _) = client.login(EMAIL).await;
    let wish = json!({ "method": "otp", "channel": "email", "password": PASSWORD });
    ada.put("/users/me/second-factor", wish).await.expect(202);
    let code = factor_code(client, 1).await;
    let answer = ada.post("/users/me/second-factor/confirm", json!({ "code": code })).await.expect(200);
    let codes: Vec<String> = serde_json::from_value(answer.body["recovery_codes"].clone()).unwrap();
    assert_eq!(codes.len(), 10);
    (ada, codes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_with_a_second_factor() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        let (ada, _) = enabled(&client).await;
        nth(&client, EMAIL, "asks for a code at each login", 1).await;
        let factor = ada.get("/users/me/second-factor").await.expect(200).body;
        assert_eq!(
            (&factor["enabled"], &factor["channel"], &factor["recovery_codes_left"]),
            (&json!(true), &json!("email"), &json!(10))
        );

        let open = challenge(&client, PASSWORD).await;
        client.with_token(&open).get("/users/me").await.expect(401);
        client.post("/auth/refresh", json!({ "refresh_token": open })).await.expect(401);
        let code = factor_code(&client, 2).await;
        let wrong = if code == "000000" { "000001" } else { "000000" };
        let redeem = |challenge: &str, code: &str| json!({ "challenge": challenge, "code": code });
        let refused = client.post("/auth/login/otp", redeem(&open, wrong)).await.expect(422);
        assert_eq!(refused.code(), "code_invalid");
        let early = client.post("/auth/login/otp/resend", json!({ "challenge": open })).await.expect(429);
        assert!(!early.header("retry-after").is_empty());
        let tokens = client.post("/auth/login/otp", redeem(&open, &code)).await.expect(200);
        let token = tokens.text("access_token");
        let claims = client
            .with_token(&token)
            .post("/auth/validate", json!({ "token": token }))
            .await
            .expect(200)
            .body;
        assert_eq!(claims["amr"], json!(["pwd", "otp", "mfa"]));
        let again = client.post("/auth/login/otp", redeem(&open, &code)).await.expect(422);
        assert_eq!(again.code(), "token_invalid");

        // A code alone is one factor.
        let ask = json!({ "purpose": "login", "identifier": EMAIL, "channel": "email" });
        let otp_id = client.post("/otp", ask).await.expect(202).text("otp_id");
        let code = code_in(&nth(&client, EMAIL, "Enter this code where you are asked for it", 1).await);
        let alone =
            client.post("/auth/login/otp", json!({ "otp_id": otp_id, "code": code })).await.expect(403);
        assert_eq!(alone.code(), "mfa_required");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_leaves_the_factor_until_it_is_removed() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        let (_, codes) = enabled(&client).await;
        let redeem = |challenge: &str, code: &str| json!({ "challenge": challenge, "code": code });
        client.post("/password/forgot", json!({ "email": EMAIL })).await.expect(202);
        let link = nth(&client, EMAIL, "/console/reset?token=", 1).await;
        let reset = json!({ "token": token_in(&link), "new_password": "another horse, another battery" });
        client.post("/password/reset", reset).await.expect(204);
        let open = challenge(&client, "another horse, another battery").await;
        let tokens = client.post("/auth/login/otp", redeem(&open, &codes[0])).await.expect(200);
        nth(&client, EMAIL, "one of your recovery codes", 1).await;
        let ada = client.with_token(&tokens.text("access_token"));

        // Within fifteen minutes of both proofs it can go.
        let password = json!({ "password": "another horse, another battery" });
        ada.send(reqwest::Method::DELETE, "/users/me/second-factor", None, &[]).await.expect(422);
        ada.send(reqwest::Method::DELETE, "/users/me/second-factor", Some(password), &[]).await.expect(204);
        let login = json!({ "identifier": EMAIL, "password": "another horse, another battery" });
        assert!(client.post("/auth/login", login).await.expect(200).body["access_token"].is_string());
        nth(&client, EMAIL, "no longer asks for a code", 1).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_given_at_registration_is_proved_and_becomes_a_factor() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        let form = json!({ "name": "Ada", "email": EMAIL, "mobile": MOBILE, "password": PASSWORD });
        client.post("/users", form).await.expect(201);
        let (ada, _) = client.login(EMAIL).await;
        let code = code_in(&nth(&client, MOBILE, "confirm this number", 1).await);
        let proved = ada.post("/users/me/mobile/confirm", json!({ "code": code })).await.expect(200).body;
        assert_eq!((&proved["mobile"], &proved["mobile_verified"]), (&json!(MOBILE), &json!(true)));

        let wish = json!({ "channel": "sms", "password": PASSWORD });
        ada.put("/users/me/second-factor", wish).await.expect(202);
        let code = code_in(&nth(&client, MOBILE, "login code", 1).await);
        ada.post("/users/me/second-factor/confirm", json!({ "code": code })).await.expect(200);
        let open = challenge(&client, PASSWORD).await;
        let code = code_in(&nth(&client, MOBILE, "login code", 2).await);
        client.post("/auth/login/otp", json!({ "challenge": open, "code": code })).await.expect(200);

        // Somebody else cannot touch it, not even to look.
        client.register("eve@example.test").await;
        let (eve, _) = client.login("eve@example.test").await;
        let path = format!("/users/{}/second-factor", proved["id"].as_str().unwrap());
        eve.get(&path).await.expect(403);
        eve.put(&path, json!({ "channel": "email", "password": PASSWORD })).await.expect(403);
        eve.delete(&path).await.expect(403);
        let wish = json!({ "channel": "sms", "password": PASSWORD });
        let nowhere = eve.put("/users/me/second-factor", wish).await.expect(422);
        assert_eq!(nowhere.body["errors"][0]["pointer"], "/channel");
    })
    .await;
}
