//! The story of an account: register, prove, log in, change, recover, delete.

use denizen_testkit::{Client, Cluster, PASSWORD, code_in, eventually, token_in};
use serde_json::{Value, json};

use crate::support::everywhere;

const EMAIL: &str = "Ada@Example.test";
const NEW_PASSWORD: &str = "another horse, another battery";

#[tokio::test(flavor = "multi_thread")]
async fn register_prove_log_in_and_look() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        let user = client
            .post(
                "/users",
                json!({ "name": "Ada", "email": EMAIL, "username": "ada", "mobile": "+49 151 12345678", "password": PASSWORD,
                        "preferences": { "locale": "en" }, "metadata": { "plan": "free" },
                        "roles": ["admin"], "status": "blocked", "email_verified": true, "id": "x" }),
            )
            .await
            .expect(201)
            .body;
        assert_eq!(user["roles"], json!(["user"]), "mass assignment changes nothing");
        assert_eq!((&user["status"], &user["email_verified"]), (&json!("active"), &json!(false)));
        assert_eq!((&user["email"], &user["mobile"]), (&json!(EMAIL), &json!("+4915112345678")));

        let message = client.mail(EMAIL, 1).await;
        assert_eq!(code_in(&message).len(), 6);
        let proof = json!({ "token": token_in(&message) });
        client.post("/email/verify/confirm", proof.clone()).await.expect(200);
        assert_eq!(client.post("/email/verify/confirm", proof).await.expect(422).code(), "token_invalid");

        for identifier in [EMAIL, "ada@example.TEST", "ADA", "+4915112345678", "+49 (151) 12345678"] {
            let (ada, answer) = client.login(identifier).await;
            assert_eq!(answer["token_type"], "Bearer");
            let me = ada.get("/users/me").await.expect(200);
            assert_eq!(me.body["email_verified"], true);
            assert_eq!(me.text("id"), user["id"].as_str().unwrap());
            assert_eq!(ada.get("/auth/me").await.expect(200).body["id"], me.body["id"]);
        }
        let sessions = client.login(EMAIL).await.0.get("/sessions").await.expect(200).body;
        assert_eq!(sessions["items"].as_array().unwrap().len(), 6);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn change_the_profile() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        client.register("ada@example.test").await;
        let (ada, _) = client.login("ada@example.test").await;
        let me = ada.get("/users/me").await.expect(200);
        let etag = me.header("etag").to_owned();
        assert!(etag.starts_with('"'), "a strong tag: {etag}");
        ada.send(reqwest::Method::GET, "/users/me", None, &[("if-none-match", &etag)]).await.expect(304);

        let change =
            json!({ "name": "Countess", "metadata": { "a": { "b": 1 } }, "preferences": { "locale": "de" } });
        let changed = ada.patch("/users/me", change).await.expect(200).body;
        assert_eq!((&changed["name"], &changed["preferences"]["locale"]), (&json!("Countess"), &json!("de")));
        let stale = ada
            .send(reqwest::Method::PATCH, "/users/me", Some(json!({ "name": "X" })), &[("if-match", &etag)])
            .await
            .expect(412);
        assert_eq!(stale.code(), "stale_version");

        let whole = ada.get("/users/me").await.expect(200).body;
        assert_eq!(
            ada.put("/users/me", whole.clone()).await.expect(200).body["name"],
            "Countess",
            "a GET body can be PUT back"
        );
        ada.patch("/users/me", json!({ "metadata": { "a": null } })).await.expect(200);
        assert_eq!(ada.get("/users/me").await.body["metadata"], json!({}));

        ada.put("/users/me/username", json!({ "username": "countess" })).await.expect(200);
        client.register("eve@example.test").await;
        let (eve, _) = client.login("eve@example.test").await;
        let taken = eve.put("/users/me/username", json!({ "username": "COUNTESS" })).await.expect(409);
        assert_eq!(taken.code(), "username_taken");
        let id = whole["id"].as_str().unwrap();
        assert_eq!(eve.get(&format!("/users/{id}")).await.expect(403).code(), "forbidden");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_registers_anothers_address_loses_what_they_have() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        // The honest person: registered here, opens the mail elsewhere, logs in again.
        client.register("ada@example.test").await;
        let (here, _) = client.login("ada@example.test").await;
        let link = token_in(&client.mail("ada@example.test", 1).await);
        client.post("/users/me/email/confirm", json!({ "token": link })).await.expect(401);
        let elsewhere = client.post("/email/verify/confirm", json!({ "token": link })).await.expect(200);
        assert_eq!(elsewhere.body, json!({ "email_verified": true }));
        dies(&here).await;
        let (again, _) = client.login("ada@example.test").await;
        assert_eq!(again.get("/users/me").await.expect(200).body["email_verified"], true);

        // Within the account's own session nothing ends.
        client.register("bob@example.test").await;
        let (bob, tokens) = client.login("bob@example.test").await;
        let link = token_in(&client.mail("bob@example.test", 1).await);
        bob.post("/email/verify/confirm", json!({ "token": link })).await.expect(200);
        let refresh = json!({ "refresh_token": tokens["refresh_token"] });
        client.post("/auth/refresh", refresh).await.expect(200);

        // The victim of a stranger: takes the account over, and only a reset of theirs opens it.
        let stranger = json!({ "name": "Mallory", "email": "victim@example.test", "password": PASSWORD,
                               "mobile": "+4915112345678" });
        client.post("/users", stranger).await.expect(201);
        let (stranger, tokens) = client.login("victim@example.test").await;
        let link = token_in(&client.mail("victim@example.test", 1).await);
        let take_over = json!({ "token": link, "take_over": true });
        client.post("/email/verify/confirm", take_over).await.expect(200);
        dies(&stranger).await;
        client.post("/auth/refresh", json!({ "refresh_token": tokens["refresh_token"] })).await.expect(401);
        for identifier in ["victim@example.test", "+4915112345678"] {
            let login = json!({ "identifier": identifier, "password": PASSWORD });
            assert_eq!(client.post("/auth/login", login).await.expect(401).code(), "invalid_credentials");
        }
        client.post("/password/forgot", json!({ "email": "victim@example.test" })).await.expect(202);
        let link = find(&client, "victim@example.test", "token=", "reset").await;
        let reset = json!({ "token": token_in(&link), "new_password": NEW_PASSWORD });
        client.post("/password/reset", reset).await.expect(204);
        let login = json!({ "identifier": "victim@example.test", "password": NEW_PASSWORD });
        client.post("/auth/login", login).await.expect(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn change_email_and_mobile_with_proof() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        client.register("old@example.test").await;
        let (ada, _) = client.login("old@example.test").await;

        let change = json!({ "email": "new@example.test", "password": "not the password" });
        ada.put("/users/me/email", change).await.expect(422);
        let change = json!({ "email": "new@example.test", "password": PASSWORD });
        ada.put("/users/me/email", change).await.expect(202);
        let me = ada.get("/users/me").await.body;
        assert_eq!(
            (&me["email"], &me["pending_email"]),
            (&json!("old@example.test"), &json!("new@example.test"))
        );
        let message = client.mail("new@example.test", 1).await;
        ada.post("/users/me/email/confirm", json!({ "code": "000000" })).await.expect(422);
        let confirmed =
            ada.post("/users/me/email/confirm", json!({ "code": code_in(&message) })).await.expect(200).body;
        assert_eq!(
            (&confirmed["email"], &confirmed["email_verified"]),
            (&json!("new@example.test"), &json!(true))
        );
        client.mail("old@example.test", 2).await;
        client.login("new@example.test").await;
        let gone = json!({ "identifier": "old@example.test", "password": PASSWORD });
        client.post("/auth/login", gone).await.expect(401);

        ada.put("/users/me/mobile", json!({ "mobile": "+4915112345678" })).await.expect(202);
        let sms = client.mail("+4915112345678", 1).await;
        assert_eq!(sms["channel"], "sms");
        let confirmed =
            ada.post("/users/me/mobile/confirm", json!({ "code": code_in(&sms) })).await.expect(200).body;
        assert_eq!(
            (&confirmed["mobile"], &confirmed["mobile_verified"]),
            (&json!("+4915112345678"), &json!(true))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn change_and_recover_the_password() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        client.register("ada@example.test").await;
        let (first, _) = client.login("ada@example.test").await;
        let (second, _) = client.login("ada@example.test").await;
        let weak = json!({ "current_password": PASSWORD, "new_password": "password123" });
        assert_eq!(first.put("/users/me/password", weak).await.expect(422).code(), "weak_password");
        let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
        first.put("/users/me/password", change).await.expect(204);
        first.get("/users/me").await.expect(200);
        dies(&second).await;

        // By link: used once, all sessions end, the owner is told.
        client.post("/password/forgot", json!({ "email": "ada@example.test" })).await.expect(202);
        client.post("/password/forgot", json!({ "email": "nobody@example.test" })).await.expect(202);
        let link = find(&client, "ada@example.test", "token=", "reset").await;
        let reset = json!({ "token": token_in(&link), "new_password": PASSWORD });
        assert_eq!(client.post("/password/reset", reset.clone()).await.expect(422).code(), "weak_password", "it was used before");
        let reset = json!({ "token": token_in(&link), "new_password": "a third horse battery" });
        client.post("/password/reset", reset.clone()).await.expect(204);
        assert_eq!(client.post("/password/reset", reset).await.expect(422).code(), "token_invalid");
        dies(&first).await;

        // By code.
        let ask = json!({ "email": "ada@example.test", "via": "otp" });
        client.post("/password/forgot", ask).await.expect(202);
        let message = find(&client, "ada@example.test", "", "code").await;
        let reset = |code: &str| json!({ "identifier": "ada@example.test", "code": code, "new_password": "a fourth horse battery" });
        assert_eq!(client.post("/password/reset", reset("000000")).await.expect(422).code(), "code_invalid");
        client.post("/password/reset", reset(&code_in(&message))).await.expect(204);
        let login = json!({ "identifier": "ada@example.test", "password": "a fourth horse battery" });
        client.post("/auth/login", login).await.expect(200);
        assert!(client.mailbox("nobody@example.test").await.is_empty());
    })
    .await;
}

/// The newest message to an address whose text has a word and whose subject or text speaks of a theme.
async fn find(client: &Client, to: &str, word: &str, theme: &str) -> Value {
    eventually(&format!("a message about {theme}"), || async {
        let items = client.mailbox(to).await;
        let newest = items.first()?;
        let text = format!("{} {}", newest["subject"], newest["text"]).to_lowercase();
        (text.contains(word) && text.contains(theme) && text.contains("reset")).then(|| newest.clone())
    })
    .await
}

/// Waits until a client's access token is refused.
async fn dies(client: &Client) {
    eventually("the session's end at every node", || async {
        (client.get("/users/me").await.status == 401).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_log_out_and_end_sessions() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        client.register("ada@example.test").await;
        let (ada, tokens) = client.login("ada@example.test").await;
        let old = tokens["refresh_token"].as_str().unwrap().to_owned();
        let refreshed = client.post("/auth/refresh", json!({ "refresh_token": old })).await.expect(200).body;
        assert_ne!(refreshed["refresh_token"], tokens["refresh_token"]);
        let again = client.post("/auth/refresh", json!({ "refresh_token": old })).await.expect(200).body;
        assert_eq!(again["refresh_token"], refreshed["refresh_token"], "the same successor within the grace");
        let third = client
            .post("/auth/refresh", json!({ "refresh_token": refreshed["refresh_token"] }))
            .await
            .expect(200)
            .body;
        client.post("/auth/refresh", json!({ "refresh_token": old })).await.expect(401);
        client.post("/auth/refresh", json!({ "refresh_token": third["refresh_token"] })).await.expect(401);
        dies(&ada).await;

        let (one, _) = client.login("ada@example.test").await;
        let (two, _) = client.login("ada@example.test").await;
        one.delete("/sessions").await.expect(204);
        dies(&two).await;
        one.get("/users/me").await.expect(200);
        one.post("/auth/logout", json!({})).await.expect(204);
        dies(&one).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_keeps_identifiers_and_ends_sessions() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        client.register("ada@example.test").await;
        let (ada, _) = client.login("ada@example.test").await;
        ada.delete("/users/me").await.expect(204);
        dies(&ada).await;
        let login = json!({ "identifier": "ada@example.test", "password": PASSWORD });
        assert_eq!(client.post("/auth/login", login).await.expect(403).code(), "account_deleted");
        let again = json!({ "name": "Ada", "email": "ADA@example.test", "password": PASSWORD });
        assert_eq!(client.post("/users", again).await.expect(409).code(), "email_taken");
    })
    .await;
}
