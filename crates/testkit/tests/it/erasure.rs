//! Stories of erasure: who is erased is gone everywhere, and can prove it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_db::args;
use denizen_kit::caller::Role;
use denizen_kit::id::UserId;
use denizen_kit::time::{Clock, before};
use denizen_testkit::{Client, Cluster, Options, PASSWORD, Topology, eventually};
use serde_json::{Value, json};

use crate::privacy::{at_home, everywhere_with_admin};
use crate::support::everywhere;

const EMAIL: &str = "ada.erased@example.test";
const BEGUN: &str = "INSERT INTO erasures (user_id, begun_at, ordered_by) VALUES ($1, $2, $3)";
const FINISHED: &str = "SELECT user_id FROM erasures WHERE user_id = $1 AND finished_at IS NOT NULL";

/// Checks a certificate as somebody would who has nothing but the documents.
async fn verify(client: &Client, answer: &Value) {
    let certificate = &answer["certificate"];
    let keys = client.get("//.well-known/denizen-certificates.json").await.expect(200).body;
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == certificate["kid"]).unwrap();
    let public = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(answer["signature"].as_str().unwrap()).unwrap();
    let key = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, public);
    // serde_json keeps keys in order and writes no spaces: the canonical form.
    key.verify(certificate.to_string().as_bytes(), &signature).expect("the signature holds");
    let forged = certificate.to_string().replace("owner", "0wner").replace("administrator", "adm");
    assert!(key.verify(forged.as_bytes(), &signature).is_err(), "a changed one does not");
}

/// The trail says what happened, nothing in it can be read any more, and the chain still holds.
async fn check_trail(admin: &Client, id: &str) {
    for action in ["user.erased", "privacy.erased"] {
        eventually(action, || async {
            let entries = admin.get(&format!("/admin/audit?action={action}")).await.expect(200).body;
            let found =
                entries["items"].as_array().unwrap().iter().any(|entry| entry["subject"] == json!(id));
            found.then_some(())
        })
        .await;
    }
    let entries = admin.get(&format!("/admin/audit?subject={id}&limit=200")).await.expect(200).body;
    assert!(!entries.to_string().to_lowercase().contains("unmistakable"), "nothing readable");
    let addresses: Vec<&Value> = entries["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["actor"] == json!(id))
        .map(|entry| &entry["ip"])
        .collect();
    assert!(
        !addresses.is_empty() && addresses.iter().all(|ip| ip.is_null()),
        "addresses do not open: {addresses:?}"
    );
    let verdict = admin.get("/admin/audit/verify").await.expect(200).body;
    assert_eq!(verdict["valid"], true, "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_erases_themselves_is_gone_everywhere() {
    everywhere_with_admin(async |cluster: &mut Cluster, admin| {
        let client = cluster.client();
        let account = json!({ "name": "Ada Unmistakable", "email": EMAIL, "username": "unmistakable", "mobile": "+4915112345678",
            "password": PASSWORD, "metadata": { "plan": "unmistakable-plan" } });
        let user = client.post("/users", account.clone()).await.expect(201).body;
        let id = user["id"].as_str().unwrap().to_owned();
        client.mail(EMAIL, 1).await;
        let (ada, _) = client.login(EMAIL).await;
        ada.put("/users/me/consents", json!({ "marketing": true })).await.expect(200);

        ada.post("/users/me/erase", json!({ "password": "not the password" })).await.expect(422);
        admin.post(&format!("/users/{id}/erase"), json!({})).await.expect(422);
        let other = client.register("eve@example.test").await;
        let (eve, _) = client.login("eve@example.test").await;
        let foreign = eve.post(&format!("/users/{id}/erase"), json!({ "reason": "x" })).await.expect(403);
        assert_eq!(foreign.code(), "forbidden");
        client.post(&format!("/users/{id}/erase"), json!({ "password": PASSWORD })).await.expect(401);

        let answer = ada.post("/users/me/erase", json!({ "password": PASSWORD })).await.expect(200).body;
        let certificate = &answer["certificate"];
        assert_eq!((&certificate["subject"], &certificate["ordered_by"]), (&json!(id), &json!("owner")));
        for service in ["auth", "password", "otp", "notify", "users"] {
            assert_eq!(certificate["services"][service], "deleted", "{service}");
        }
        verify(&client, &answer).await;

        // The session is dead, the login is that of nobody, the identifiers are free.
        eventually("the session's end", || async {
            (ada.get("/users/me").await.status == 401).then_some(())
        })
        .await;
        for identifier in [EMAIL, "unmistakable", "+4915112345678"] {
            let login = json!({ "identifier": identifier, "password": PASSWORD });
            assert_eq!(client.post("/auth/login", login).await.expect(401).code(), "invalid_credentials");
        }
        admin.get(&format!("/users/{id}")).await.expect(404);
        assert!(client.mailbox(EMAIL).await.is_empty(), "caught messages go too");
        let again = admin.post(&format!("/users/{id}/erase"), json!({ "reason": "again" })).await.expect(200).body;
        assert_eq!(again, answer, "the same certificate");
        admin.post("/users/0192aa00-0000-7000-8000-00000000000a/erase", json!({ "reason": "x" })).await.expect(404);
        client.post("/users", account).await.expect(201);
        assert_eq!(client.get("/users/me").await.status, 401);
        eve.get(&format!("/users/{}", other["id"].as_str().unwrap())).await.expect(200);

        check_trail(&admin, &id).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_erases_with_a_reason_and_the_last_one_stays() {
    everywhere_with_admin(async |cluster: &mut Cluster, admin| {
        let client = cluster.client();
        let ada = client.register(EMAIL).await;
        let path = format!("/users/{}/erase", ada["id"].as_str().unwrap());
        let answer = admin.post(&path, json!({ "reason": "asked by letter" })).await.expect(200).body;
        assert_eq!(answer["certificate"]["ordered_by"], "administrator");
        verify(&client, &answer).await;
        let text = admin.get("/admin/audit?action=user.erased").await.expect(200).body.to_string();
        assert!(!text.contains("asked by letter"), "the reason is sealed");

        let me = admin.get("/users/me").await.expect(200).text("id");
        let last =
            admin.post(&format!("/users/{me}/erase"), json!({ "password": PASSWORD })).await.expect(409);
        assert_eq!(last.code(), "conflict");
        admin.get("/users/me").await.expect(200);

        // A soft-deleted account can be erased too.
        let bob = client.register("bob@example.test").await;
        let id = bob["id"].as_str().unwrap();
        admin.delete(&format!("/users/{id}")).await.expect(204);
        admin.post(&format!("/users/{id}/erase"), json!({ "reason": "asked again" })).await.expect(200);
        client.register("bob@example.test").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_accounts_are_erased_when_their_time_is_over() {
    for topology in Topology::available() {
        let settings = vec![("users.deleted_retention", "1s".to_owned())];
        let cluster = Cluster::with(topology, Options { settings, ..Options::default() }).await;
        let client = cluster.client();
        client.register(EMAIL).await;
        let (ada, _) = client.login(EMAIL).await;
        at_home(&ada).await;
        ada.delete("/users/me").await.expect(204);
        eventually("the address to be free", || async { (!cluster.has_account(EMAIL).await).then_some(()) })
            .await;
        client.register(EMAIL).await;
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_beats_what_goes_on_at_the_same_time() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        client.register(EMAIL).await;
        let (ada, _) = client.login(EMAIL).await;
        at_home(&ada).await;
        let (one, two, three) = (ada.clone(), ada.clone(), client.clone());
        let updates = tokio::spawn(async move {
            for number in 0..40 {
                let answer = one.patch("/users/me", json!({ "name": format!("Ada {number}") })).await;
                assert!(
                    [200, 401, 404].contains(&answer.status.as_u16()),
                    "{}: {}",
                    answer.status,
                    answer.body
                );
            }
        });
        let logins = tokio::spawn(async move {
            let mut tokens = Vec::new();
            for _ in 0..10 {
                // 503: the account changed while the login was under way.
                let login = json!({ "identifier": EMAIL, "password": PASSWORD });
                let answer = three.post("/auth/login", login).await;
                assert!(
                    [200, 401, 503].contains(&answer.status.as_u16()),
                    "{}: {}",
                    answer.status,
                    answer.body
                );
                if answer.status == 401 {
                    break;
                }
                tokens.extend(answer.body["access_token"].as_str().map(str::to_owned));
            }
            tokens
        });
        two.post("/users/me/erase", json!({ "password": PASSWORD })).await.expect(200);
        updates.await.unwrap();
        for token in logins.await.unwrap() {
            let session = client.with_token(&token);
            eventually("no session to outlive its account", || async {
                (session.get("/users/me").await.status == 401).then_some(())
            })
            .await;
        }
        assert!(!cluster.has_account(EMAIL).await);
        client.register(EMAIL).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_finishes_what_a_crash_left() {
    everywhere_with_admin(async |cluster: &mut Cluster, admin| {
        let user = cluster.client().register(EMAIL).await;
        let id: UserId = user["id"].as_str().unwrap().parse().unwrap();
        let users = cluster.nodes.values().find_map(|node| node.databases.get(&Role::Users)).unwrap().clone();
        // What a process leaves that ends right after the first step: the ledger's entry, and no account.
        let mut tx = users.write().await.unwrap();
        let begun = before(Clock::System.now(), Duration::from_secs(60));
        tx.exec(BEGUN, args![id, begun, "owner"]).await.unwrap();
        for sql in ["DELETE FROM user_roles WHERE user_id = $1", "DELETE FROM users WHERE id = $1"] {
            tx.exec(sql, args![id]).await.unwrap();
        }
        tx.commit().await.unwrap();
        eventually("the job to finish the erasure", || async {
            let mut tx = users.single().await.unwrap();
            tx.opt::<(UserId,)>(FINISHED, args![id]).await.unwrap()
        })
        .await;
        let path = format!("/users/{id}/erase");
        let answer = admin.post(&path, json!({ "reason": "for the certificate" })).await.expect(200).body;
        assert_eq!(answer["certificate"]["services"]["password"], "deleted");
        verify(&cluster.client(), &answer).await;
        let login = json!({ "identifier": EMAIL, "password": PASSWORD });
        cluster.client().post("/auth/login", login).await.expect(401);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_away_follows_later() {
    for topology in Topology::available().into_iter().filter(|topology| topology.is_split()) {
        let mut cluster = Cluster::start(topology).await;
        let client = cluster.client();
        client.register(EMAIL).await;
        client.mail(EMAIL, 1).await;
        let (ada, _) = client.login(EMAIL).await;
        at_home(&ada).await;
        cluster.stop_node("notify").await;
        let answer = ada.post("/users/me/erase", json!({ "password": PASSWORD })).await.expect(200).body;
        assert_eq!(answer["certificate"]["services"]["notify"], "ordered");
        assert_eq!(answer["certificate"]["services"]["otp"], "deleted");
        cluster.start_node("notify").await;
        eventually("notify to forget the person", || async {
            let notify = cluster.nodes["notify"].databases.get(&Role::Notify).unwrap();
            let mut tx = notify.single().await.ok()?;
            let (left,): (i64,) = tx.one("SELECT COUNT(*) FROM mailbox", args![]).await.ok()?;
            (left == 0).then_some(())
        })
        .await;
        cluster.stop().await;
    }
}
