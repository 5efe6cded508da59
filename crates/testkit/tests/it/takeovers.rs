//! An account that a stranger prepared for the owner of an address.

use denizen_testkit::{Client, Cluster, PASSWORD, code_in, eventually, token_in};
use serde_json::{Value, json};

use crate::support::everywhere;

const NEW_PASSWORD: &str = "another horse, another battery";

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_prepared_an_account_has_no_way_back() {
    const NUMBER: &str = "+4915112345678";
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        let prepare = async |email: &str, mobile: &str| {
            let form = json!({ "name": "Mallory", "email": email, "password": PASSWORD, "mobile": mobile });
            client.post("/users", form).await.expect(201);
            let (stranger, _) = client.login(email).await;
            let code = code_in(&with_word(&client, mobile, "confirm this number").await);
            stranger.post("/users/me/mobile/confirm", json!({ "code": code })).await.expect(200);
            stranger
        };
        // With a second factor of their own: who takes over is asked for none.
        let stranger = prepare("victim@example.test", NUMBER).await;
        let wish = json!({ "channel": "sms", "password": PASSWORD });
        stranger.put("/users/me/second-factor", wish).await.expect(202);
        let code = code_in(&with_word(&client, NUMBER, "login code").await);
        stranger.post("/users/me/second-factor/confirm", json!({ "code": code })).await.expect(200);
        let link = token_in(&with_word(&client, "victim@example.test", "/console/verify?token=").await);
        let take_over = json!({ "token": link, "take_over": true });
        client.post("/email/verify/confirm", take_over).await.expect(200);
        reset(&client, "victim@example.test").await;
        let login = json!({ "identifier": "victim@example.test", "password": NEW_PASSWORD });
        let tokens = client.post("/auth/login", login).await.expect(200).body;
        assert!(tokens["access_token"].is_string(), "{tokens}");

        // With a number of their own: a reset by mail shuts them out, too.
        let number = "+4915187654321";
        prepare("other@example.test", number).await;
        reset(&client, "other@example.test").await;
        let login = json!({ "identifier": "other@example.test", "password": NEW_PASSWORD });
        let token = client.post("/auth/login", login).await.expect(200).text("access_token");
        let me = client.with_token(&token).get("/users/me").await.expect(200).body;
        assert_eq!((&me["email_verified"], &me["mobile"]), (&json!(true), &Value::Null));
        let sent = client.mailbox(number).await.len();
        client.post("/password/forgot", json!({ "mobile": number, "via": "otp" })).await.expect(202);
        client.post("/password/forgot", json!({ "email": "other@example.test" })).await.expect(202);
        client.mail("other@example.test", 4).await;
        assert_eq!(client.mailbox(number).await.len(), sent, "nothing goes to the stranger");
    })
    .await;
}

/// The newest message to an address whose text has a word, once there is one.
async fn with_word(client: &Client, to: &str, word: &str) -> Value {
    eventually(&format!("a message with {word:?} to {to}"), || async {
        let has_word = |message: &Value| message["text"].as_str().is_some_and(|text| text.contains(word));
        client.mailbox(to).await.into_iter().find(has_word)
    })
    .await
}

/// Resets the password by the link of a mail.
async fn reset(client: &Client, email: &str) {
    client.post("/password/forgot", json!({ "email": email })).await.expect(202);
    let link = with_word(client, email, "/console/reset?token=").await;
    let reset = json!({ "token": token_in(&link), "new_password": NEW_PASSWORD });
    client.post("/password/reset", reset).await.expect(204);
}
