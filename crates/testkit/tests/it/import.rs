//! Accounts from elsewhere: taken, resumed, and able to log in with the password they had.

use denizen_testkit::{Client, Cluster, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{ADMIN, with_admin};

/// PBKDF2-SHA256 of `denizen_testkit::PASSWORD`, by Python's hashlib: 27,500 rounds, salt `0123456789abcdef`.
const PHC: &str = "$pbkdf2-sha256$i=27500$MDEyMzQ1Njc4OWFiY2RlZg$DGzF4+RpmttWHV7FCaK41NYsG4Rc9QqDO8q71k0T1OA";

/// The same with 64 bytes, in the two parts in which Keycloak keeps them.
const KEYCLOAK_SALT: &str = "MDEyMzQ1Njc4OWFiY2RlZg==";
const KEYCLOAK_VALUE: &str =
    "DGzF4+RpmttWHV7FCaK41NYsG4Rc9QqDO8q71k0T1ODS+Ooo+SM5Ep4eJNd+eywW2X+UkNdTatqTScXAD7qm+w==";

async fn import(client: &Client, query: &str, media_type: &str, file: &str) -> denizen_testkit::Answer {
    client.upload(Method::POST, &format!("/admin/import?{query}"), media_type, file).await
}

fn counts(report: &Value) -> [i64; 5] {
    ["rows", "created", "done_before", "conflicts", "invalid"].map(|field| report[field].as_i64().unwrap())
}

fn own_file() -> String {
    let records = [
        json!({"name": "Grace", "email": "grace@example.test", "username": "grace", "email_verified": true,
            "password_hash": PHC, "metadata": {"plan": "gold"}, "created_at": "2020-02-29T00:00:00Z"}),
        json!({"name": "Again", "email": "GRACE@example.test"}),
        json!({"name": "Nobody", "email": "nobody"}),
        json!({"name": "Bad", "email": "bad@example.test", "password_hash": "$rot13$x"}),
        json!({"name": "Plain", "email": "plain@example.test", "mobile": "+4915112345678"}),
    ];
    records.map(|record| record.to_string()).join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_checked_row_by_row_and_taken_once() {
    with_admin(async |cluster, admin| {
        let file = own_file();
        let lines = "application/x-ndjson";
        let looked = import(admin, "import_id=one&dry_run=true", lines, &file).await.expect(200).body;
        assert_eq!(counts(&looked)[1], 4, "a dry run checks no hash and no row against another: {looked}");
        assert!(!cluster.has_account("grace@example.test").await);

        let report = import(admin, "import_id=one", lines, &file).await.expect(200).body;
        assert_eq!(counts(&report), [5, 2, 0, 1, 2], "{report}");
        let pointers: Vec<_> =
            report["errors"].as_array().unwrap().iter().map(|row| &row["pointer"]).collect();
        assert_eq!(pointers, ["/email", "/email", "/password_hash"]);
        let again = import(admin, "import_id=one", lines, &file).await.expect(200).body;
        assert_eq!(counts(&again), [5, 0, 5, 0, 0], "{again}");
        let progress = admin.get("/admin/imports/one").await.expect(200).body;
        assert_eq!((&progress["rows"], &progress["created"]), (&json!(5), &json!(2)));

        let (grace, tokens) = cluster.client().login("grace").await;
        assert_eq!(tokens["user"]["metadata"]["plan"], "gold");
        let me = grace.get("/users/me").await.expect(200).body;
        assert_eq!(
            (&me["email_verified"], &me["created_at"]),
            (&json!(true), &json!("2020-02-29T00:00:00Z"))
        );
        assert!(cluster.client().mailbox("grace@example.test").await.is_empty(), "an import sends no mail");
        refused(cluster, &grace, &file).await;
        recorded(admin).await;
    })
    .await;
}

/// Who may not import takes nothing, and learns nothing of the file.
async fn refused(cluster: &Cluster, person: &Client, file: &str) {
    let lines = "application/x-ndjson";
    import(&cluster.client(), "import_id=two", lines, file).await.expect(401);
    import(person, "import_id=two", lines, file).await.expect(403);
    person.get("/admin/imports/one").await.expect(403);
}

async fn recorded(admin: &Client) {
    let entry = eventually("the entry of the import", || async {
        let page = admin.get("/admin/audit?action=users.imported").await.expect(200);
        page.body["items"].get(0).cloned()
    })
    .await;
    assert_eq!(entry["result"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_without_a_name_are_each_their_own_whatever_their_requests_are_called() {
    with_admin(async |_, admin| {
        let mut names = Vec::new();
        for email in ["ada@example.test", "bob@example.test"] {
            let record = json!({ "name": "Somebody", "email": email });
            let headers = [("x-request-id", "nightly")];
            let answer = admin.send(Method::POST, "/admin/import", Some(record), &headers).await;
            let report = answer.expect(200).body;
            assert_eq!(counts(&report), [1, 1, 0, 0, 0], "{report}");
            let name = report["import_id"].as_str().unwrap().to_owned();
            let progress = admin.get(&format!("/admin/imports/{name}")).await.expect(200).body;
            assert_eq!(progress["created"], 1);
            names.push(name);
        }
        assert_ne!(names[0], names[1]);
        admin.get("/admin/imports/nightly").await.expect(404);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_and_a_realm_file() {
    with_admin(async |cluster, admin| {
        let role = json!({"name": "auditor", "permissions": ["audit:read"]});
        admin.post("/admin/roles", role).await.expect(201);
        let table = "name,email,email_verified,preferences.locale,metadata,roles\r\n\
            \"Hopper, G.\",hopper@example.test,true,de,\"{\"\"a\"\":1}\",user;auditor\r\n\
            ,late@example.test,,,,\r\n";
        let report = import(admin, "", "text/csv", table).await.expect(200).body;
        assert_eq!(counts(&report), [2, 1, 0, 0, 1], "{report}");
        assert_eq!(report["errors"][0]["pointer"], "/name");

        let secret = json!({"value": KEYCLOAK_VALUE, "salt": KEYCLOAK_SALT}).to_string();
        let data = json!({"hashIterations": 27500, "algorithm": "pbkdf2-sha256"}).to_string();
        let credential = json!({"type": "password", "secretData": secret, "credentialData": data});
        let user = json!({"username": "kay", "email": "kay@example.test", "enabled": true, "firstName": "Kay",
            "credentials": [credential]});
        let realm = json!({"realm": "x", "users": [user]}).to_string();
        let report = import(admin, "format=keycloak", "application/json", &realm).await.expect(200).body;
        assert_eq!(counts(&report)[1], 1, "{report}");
        cluster.client().login("kay@example.test").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_broken_says_so() {
    with_admin(async |_, admin| {
        for (query, media_type, file) in [
            ("", "application/x-ndjson", "\u{feff}\u{1}"),
            ("format=keycloak", "application/json", "{\"people\": []}"),
            ("format=keycloak", "application/json", "{\"users\": [{\"email\""),
            ("", "text/csv", "a,a\n1,2\n"),
        ] {
            let answer = import(admin, query, media_type, file).await;
            let is_told = answer.status == 400 || answer.body["invalid"].as_i64() == Some(1);
            assert!(is_told, "{file}: {} {}", answer.status, answer.body);
        }
        import(admin, "format=ldap", "text/csv", "a\n").await.expect(422);
        import(admin, "import_id=a%20b", "text/csv", "name,email\nA,a@example.test\n").await.expect(422);
        import(admin, "", "text/html", "a\n").await.expect(415);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_erased_does_not_come_back_under_their_id() {
    with_admin(async |_, admin| {
        let id = "0192aa00-0000-7000-8000-00000000ada0";
        let file = json!({ "id": id, "name": "Ada", "email": "ada@example.test" }).to_string();
        let lines = "application/x-ndjson";
        let report = import(admin, "import_id=one", lines, &file).await.expect(200).body;
        assert_eq!(counts(&report)[1], 1, "{report}");
        let erase = json!({ "reason": "asked by letter" });
        admin.post(&format!("/users/{id}/erase"), erase).await.expect(200);
        for query in ["import_id=two&dry_run=true", "import_id=two"] {
            let report = import(admin, query, lines, &file).await.expect(200).body;
            assert_eq!((counts(&report)[1], counts(&report)[3]), (0, 1), "{query}: {report}");
            assert_eq!(report["errors"][0]["pointer"], "/id");
        }
        admin.get(&format!("/users/{id}")).await.expect(404);
    })
    .await;
}

/// Reads an answer until it has a text, or to its end.
async fn read_until(stream: &mut TcpStream, answer: &mut String, text: &str) -> bool {
    let mut part = vec![0; 16 * 1024];
    while !answer.contains(text) {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return false,
            Ok(length) => answer.push_str(&String::from_utf8_lossy(&part[..length])),
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_ends_with_the_session_of_who_sends_it() {
    with_admin(async |cluster, admin| {
        let (sender, tokens) = cluster.client().login(ADMIN).await;
        let address = cluster.gateways[0].trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "POST /api/v1/admin/import?import_id=cut HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
             content-type: application/x-ndjson\r\naccept: application/x-ndjson\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
            tokens["access_token"].as_str().unwrap()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let part = |rows: std::ops::Range<u32>| {
            let line = |row| json!({ "name": "Ada", "email": format!("ada{row}@example.test") }).to_string() + "\n";
            let lines: String = rows.map(line).collect();
            format!("{:x}\r\n{lines}\r\n", lines.len())
        };
        stream.write_all(part(0..500).as_bytes()).await.unwrap();
        let mut answer = String::new();
        assert!(read_until(&mut stream, &mut answer, "\"row\":500,").await, "{answer}");

        sender.post("/auth/logout", json!({})).await.expect(204);
        // The connection may be closed before all is sent.
        let _ = stream.write_all((part(500..1000) + "0\r\n\r\n").as_bytes()).await;
        assert!(read_until(&mut stream, &mut answer, "\"code\":\"unauthenticated\"").await, "it goes on");
        assert!(!answer.contains("\"row\":501,"), "{answer}");
        let progress = admin.get("/admin/imports/cut").await.expect(200).body;
        assert_eq!(progress["rows"], 500, "{progress}");
    })
    .await;
}
