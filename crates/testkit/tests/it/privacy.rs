//! Stories of privacy: consents, archives, restriction, statistics.

use std::collections::BTreeMap;
use std::io::Read as _;

use denizen_testkit::{Client, Cluster, Options, PASSWORD, Topology, eventually};
use serde_json::{Value, json};

use crate::support::everywhere;

const EMAIL: &str = "ada@example.test";
const ADMIN: &str = "root@example.test";

/// A system with an administrator.
async fn with_admin(topology: Topology) -> Cluster {
    let settings = vec![("admin.email", ADMIN.to_owned()), ("admin.password", PASSWORD.to_owned())];
    Cluster::with(topology, Options { settings, ..Options::default() }).await
}

/// The administrator, logged in.
async fn admin_of(cluster: &Cluster) -> Client {
    let client = cluster.client();
    let admin = eventually("the first administrator", || async {
        let login = json!({ "identifier": ADMIN, "password": PASSWORD });
        let answer = client.post("/auth/login", login).await;
        (answer.status == 200).then(|| answer.text("access_token"))
    });
    client.with_token(&admin.await)
}

/// Waits until the gateway has the keys of access tokens: right after the start it may not.
pub(crate) async fn at_home(person: &Client) {
    eventually("the keys of access tokens", || async {
        (person.get("/users/me").await.status == 200).then_some(())
    })
    .await;
}

/// Runs a story with an administrator on every topology that can run here.
pub(crate) async fn everywhere_with_admin(story: impl AsyncFn(&mut Cluster, Client)) {
    for topology in Topology::available() {
        println!("--- {topology:?}");
        let mut cluster = with_admin(topology).await;
        let admin = admin_of(&cluster).await;
        story(&mut cluster, admin).await;
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn consents_have_a_history() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        let user = client.register(EMAIL).await;
        let (ada, _) = client.login(EMAIL).await;
        at_home(&ada).await;
        assert_eq!(ada.get("/users/me/consents").await.expect(200).body, json!({ "items": [] }));
        let wish = json!({ "marketing": true, "analytics": { "granted": true, "version": "2026-01" } });
        let given = ada.put("/users/me/consents", wish).await.expect(200).body;
        let items = given["items"].as_array().unwrap();
        assert_eq!((&items[0]["purpose"], &items[0]["version"]), (&json!("analytics"), &json!("2026-01")));
        assert_eq!((&items[1]["purpose"], &items[1]["granted"]), (&json!("marketing"), &json!(true)));
        assert_eq!(ada.put("/users/me/consents", given.clone()).await.expect(200).body, given, "sent back");
        ada.put("/users/me/consents", json!({ "marketing": false })).await.expect(200);
        let history = ada.get("/users/me/consents/history?limit=2").await.expect(200).body;
        let changes = history["items"].as_array().unwrap();
        assert_eq!((&changes[0]["purpose"], &changes[0]["granted"]), (&json!("marketing"), &json!(false)));
        assert_eq!(changes[0]["by"], user["id"]);
        let next = history["next_cursor"].as_str().unwrap();
        let rest =
            ada.get(&format!("/users/me/consents/history?limit=2&cursor={next}")).await.expect(200).body;
        assert_eq!(rest["items"].as_array().unwrap().len(), 1);
        assert_eq!(rest["next_cursor"], Value::Null);

        for bad in [json!({ "Marketing": true }), json!({ "a": { "granted": true, "version": "a b" } })] {
            ada.put("/users/me/consents", bad).await.expect(422);
        }
        for bad in [json!({ "a": "yes" }), json!({ "a": {} }), json!([])] {
            ada.put("/users/me/consents", bad).await.expect(400);
        }
        let many: serde_json::Map<String, Value> = (0..51).map(|n| (format!("p{n}"), json!(true))).collect();
        ada.put("/users/me/consents", Value::Object(many)).await.expect(422);
        client.register("eve@example.test").await;
        let (eve, _) = client.login("eve@example.test").await;
        let path = format!("/users/{}/consents", user["id"].as_str().unwrap());
        eve.get(&path).await.expect(403);
        eve.put(&path, json!({ "marketing": true })).await.expect(403);
    })
    .await;
}

/// The files of a ZIP.
async fn unzip(url: &str, token: Option<&str>) -> BTreeMap<String, Vec<u8>> {
    let mut request = reqwest::Client::new().get(url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{url}");
    assert_eq!(response.headers()["content-type"], "application/zip");
    let bytes = response.bytes().await.unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        files.insert(file.name().unwrap().into_owned(), content);
    }
    files
}

/// By one's own right too; not by another's, nor by a changed token.
async fn only_those_who_may_download((nobody, eve): (&Client, &Client), path: &str, url: &str, owner: &str) {
    let bare = url.split('?').next().unwrap();
    unzip(bare, Some(owner)).await;
    let archive = format!("{path}/archive");
    eve.get(&archive).await.expect(403);
    nobody.get(&archive).await.expect(401);
    nobody.get(&format!("{archive}?token=AAAA")).await.expect(422);
    let token = url.split_once("token=").unwrap().1;
    let forged = format!("{archive}?token=B{}", &token[1..]);
    assert_eq!(nobody.get(&forged).await.expect(422).code(), "token_invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_holds_everything() {
    everywhere(async |cluster: &mut Cluster| {
        let client = cluster.client();
        let account = json!({ "name": "Ada", "email": EMAIL, "username": "ada", "password": PASSWORD, "metadata": { "plan": "free" } });
        let user = client.post("/users", account).await.expect(201).body;
        client.mail(EMAIL, 1).await;
        let (ada, tokens) = client.login(EMAIL).await;
        at_home(&ada).await;
        ada.put("/users/me/consents", json!({ "marketing": true })).await.expect(200);
        client.register("eve@example.test").await;
        let (eve, _) = client.login("eve@example.test").await;

        ada.post("/users/me/export", json!({ "password": "not the password" })).await.expect(422);
        let ordered = ada.post("/users/me/export", json!({})).await.expect(202);
        assert_eq!(ordered.body["status"], "pending");
        let again = ada.post("/users/me/export", json!({})).await.expect(202).body;
        assert!(again["export_id"] == ordered.body["export_id"] || again["status"] == "pending", "one at a time");
        let path = ordered.header("location").strip_prefix("/api/v1").unwrap().to_owned();
        eve.get(&path).await.expect(403);
        let ready = eventually("the archive", || async {
            let export = ada.get(&path).await.expect(200).body;
            (export["status"] == "ready").then_some(export)
        })
        .await;
        let url = ready["url"].as_str().unwrap();
        let files = unzip(url, None).await;
        let read = |name: &str| -> Value { serde_json::from_slice(&files[name]).unwrap() };
        assert_eq!(read("export.json")["user_id"], user["id"]);
        let account = &read("users/account.json")["items"][0];
        assert_eq!((&account["email"], &account["metadata"]["plan"]), (&json!(EMAIL), &json!("free")));
        assert_eq!(read("users/consents.json")["items"][0]["purpose"], "marketing");
        let session = &read("auth/sessions.json")["items"][0];
        assert_eq!((&session["id"], &session["ip"]), (&tokens["session_id"], &json!("127.0.0.1")));
        assert_eq!(read("password/password.json")["items"][0]["algorithm"], "argon2id");
        assert_eq!(read("notify/messages.json")["items"][0]["template"], "welcome");
        assert!(files.contains_key("otp/codes.json") && files.contains_key("audit/entries.json"));
        let entries = read("audit/entries.json").to_string();
        assert!(entries.contains("user.created"), "{entries}");
        let all: String = files.values().map(|content| String::from_utf8_lossy(content).into_owned()).collect();
        assert!(!all.contains("$argon2id$"), "no hash");

        let token = tokens["access_token"].as_str().unwrap();
        only_those_who_may_download((&client, &eve), &path, url, token).await;
        let archive = url.split_once("/api/v1").unwrap().1;
        ada.post("/users/me/erase", json!({ "password": PASSWORD })).await.expect(200);
        assert_ne!(client.get(archive).await.status, 200, "it goes with the account");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_profile_is_kept_and_left_alone() {
    everywhere_with_admin(async |cluster: &mut Cluster, admin| {
        let client = cluster.client();
        let user = client.register(EMAIL).await;
        let id = user["id"].as_str().unwrap();
        let support =
            json!({ "name": "Sue", "email": "sue@example.test", "password": PASSWORD, "roles": ["support"] });
        admin.post("/admin/users", support).await.expect(201);
        let (sue, _) = client.login("sue@example.test").await;
        let (ada, _) = client.login(EMAIL).await;
        sue.get(&format!("/users/{id}")).await.expect(200);

        assert_eq!(ada.put("/users/me/restriction", json!({})).await.expect(200).body["restricted"], true);
        assert_eq!(ada.get("/users/me/restriction").await.expect(200).body["restricted"], true);
        assert_eq!(ada.patch("/users/me", json!({ "name": "X" })).await.expect(403).code(), "forbidden");
        ada.get("/users/me").await.expect(200);
        sue.get(&format!("/users/{id}")).await.expect(404);
        admin.get(&format!("/users/{id}")).await.expect(200);
        let listed = async |who: &Client| {
            who.get("/users?limit=200").await.expect(200).body.to_string().contains(EMAIL)
        };
        assert!(!listed(&sue).await && listed(&admin).await);
        let exact = sue.get(&format!("/users?email={EMAIL}")).await.expect(200).body;
        assert_eq!(exact["items"], json!([]));
        let statistics = admin.get("/admin/privacy/pseudonymised").await.expect(200).body;
        assert_eq!(statistics.as_str().unwrap().lines().count(), 2, "only the others");
        ada.delete("/users/me/restriction").await.expect(204);
        ada.patch("/users/me", json!({ "name": "X" })).await.expect(200);
        assert!(listed(&sue).await);

        admin.put(&format!("/users/{id}/restriction"), json!({})).await.expect(200);
        assert_eq!(
            ada.delete("/users/me/restriction").await.expect(403).code(),
            "forbidden",
            "an administrator's stays"
        );
        sue.put(&format!("/users/{id}/restriction"), json!({})).await.expect(403);
        admin.delete(&format!("/users/{id}/restriction")).await.expect(204);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_know_nobody() {
    everywhere_with_admin(async |cluster: &mut Cluster, admin| {
        let client = cluster.client();
        let id = client.register(EMAIL).await["id"].clone();
        let (ada, _) = client.login(EMAIL).await;
        ada.get("/admin/privacy/pseudonymised").await.expect(403);
        let first = admin.get("/admin/privacy/pseudonymised").await.expect(200).body;
        let second = admin.get("/admin/privacy/pseudonymised").await.expect(200).body;
        let names = |body: &Value| -> Vec<String> {
            let lines = body.as_str().unwrap().lines();
            lines.map(|line| serde_json::from_str::<Value>(line).unwrap()["pseudonym"].to_string()).collect()
        };
        assert_eq!(names(&first).len(), 2);
        assert!(
            names(&first).iter().all(|name| !names(&second).contains(name)),
            "two answers cannot be joined"
        );
        let text = first.as_str().unwrap();
        assert!(
            !text.contains(id.as_str().unwrap()) && !text.contains("example.test") && !text.contains("Ada")
        );
    })
    .await;
}
