//! Many at once: one wins.

use denizen_testkit::{Client, Cluster, PASSWORD};
use serde_json::json;

use crate::support::everywhere;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_registrations_of_one_username() {
    everywhere(async |cluster: &mut Cluster| {
        let tries = (0..20).map(|number| {
            let client = Client::new(&cluster.gateways[number % cluster.gateways.len()]);
            async move {
                let email = format!("ada{number}@example.test");
                let body = json!({ "name": "Ada", "email": email, "username": "ada", "password": PASSWORD });
                client.post("/users", body).await
            }
        });
        let mut answers: Vec<(u16, String)> = Vec::new();
        for answer in futures::future::join_all(tries).await {
            answers.push((answer.status.as_u16(), answer.code().to_owned()));
        }
        let count = |status: u16, code: &str| {
            answers.iter().filter(|answer| **answer == (status, code.to_owned())).count()
        };
        assert_eq!((count(201, ""), count(409, "username_taken")), (1, 19), "{answers:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_refreshes_of_one_token_have_one_successor() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        client.register("ada@example.test").await;
        let (_, tokens) = client.login("ada@example.test").await;
        let tries = (0..20)
            .map(|_| client.post("/auth/refresh", json!({ "refresh_token": tokens["refresh_token"] })));
        let answers = futures::future::join_all(tries).await;
        let mut successors: Vec<String> =
            answers.into_iter().map(|answer| answer.expect(200).text("refresh_token")).collect();
        successors.dedup();
        assert_eq!(successors.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_code_counts_once() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        client.register("ada@example.test").await;
        let message = client.mail("ada@example.test", 1).await;
        let body = json!({ "token": denizen_testkit::token_in(&message) });
        let answers =
            futures::future::join_all((0..20).map(|_| client.post("/email/verify/confirm", body.clone())))
                .await;
        let good = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(good, 1, "{answers:?}");
        assert!(answers.iter().all(|answer| answer.status == 200 || answer.code() == "token_invalid"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_idempotency_key_makes_one_account() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        let body = json!({ "name": "Ada", "email": "ada@example.test", "password": PASSWORD });
        let key = [("idempotency-key", "a-key-of-the-test")];
        let post = |body| client.send(reqwest::Method::POST, "/users", Some(body), &key);
        let first = post(body.clone()).await.expect(201);
        assert_eq!(post(body).await.expect(201).body, first.body);
        // A person's key is theirs alone: with another request it is refused.
        let (ada, _) = client.login("ada@example.test").await;
        let rename = |name: &str| {
            let body = json!({ "name": name });
            let ada = ada.clone();
            async move { ada.send(reqwest::Method::PATCH, "/users/me", Some(body), &key).await }
        };
        let named = rename("Countess").await.expect(200).body;
        assert_eq!(rename("Countess").await.expect(200).body, named);
        assert_eq!(rename("Duchess").await.expect(422).code(), "idempotency_key_reused");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_was_answered_is_seen_by_all_and_stays() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        client.register("ada@example.test").await;
        let (ada, _) = client.login("ada@example.test").await;
        ada.patch("/users/me", json!({ "name": "0" })).await.expect(200);
        let shown = async || -> u32 { ada.get("/users/me").await.expect(200).text("name").parse().unwrap() };
        let writer = async {
            for number in 1..=30_u32 {
                ada.patch("/users/me", json!({ "name": number.to_string() })).await.expect(200);
                assert_eq!(shown().await, number);
            }
        };
        let reader = async || {
            let mut seen = 0;
            while seen < 30 {
                let now = shown().await;
                assert!(now >= seen, "{now} after {seen}");
                seen = now;
            }
        };
        futures::future::join4(writer, reader(), reader(), reader()).await;
    })
    .await;
}
