//! Starting, refusing to start, stopping, and the commands.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use denizen_kit::config::{FILES, Settings};
use denizen_testkit::{PASSWORD, eventually};
use serde_json::json;
use tokio::time::Instant;

use crate::process::{Finished, Launch, command, run, variable};

/// Runs the program with settings, in a folder.
fn told(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Finished {
    let mut command = command(folder, arguments);
    command.envs(settings.iter().map(|(key, value)| (variable(key), value)));
    run(command, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nothing_set_it_serves_stops_and_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(folder.path());
    let process = launch.ready().await;
    let client = process.client();

    let root = client.get("//").await.expect(200);
    for link in ["/docs", "/openapi.json", "/health"] {
        assert!(root.body.to_string().contains(link), "{link} in {}", root.body);
    }
    let key = folder.path().join("denizen-data/master.key");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600, "the key is its owner's alone");
    let key_before = std::fs::read(&key).unwrap();
    client.register("ada@example.test").await;

    let start = Instant::now();
    let status = process.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(5));

    let process = launch.ready().await;
    assert_eq!(std::fs::read(&key).unwrap(), key_before);
    let (ada, _) = process.client().login("ada@example.test").await;
    assert_eq!(ada.get("/users/me").await.expect(200).text("email"), "ada@example.test");
    assert_eq!(process.terminate().code(), Some(0));
}

#[test]
fn every_mistake_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mistakes = [("listen", "somewhere"), ("otp.ttl", "soon"), ("password.min_score", "9")];
    let refused = told(folder.path(), &["config", "check"], &mistakes).expect(1);
    for (key, value) in mistakes {
        assert!(refused.err.contains(&format!("{key}: \"{value}\"")), "{key} in {}", refused.err);
    }
    let served = told(folder.path(), &[], &mistakes).expect(1);
    assert_eq!(served.err, refused.err, "serving refuses in the same words");
    told(folder.path(), &["config", "check"], &[("otp.ttl", "5m")]).expect(0);
}

#[test]
fn an_unknown_key_is_refused_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let refused = told(folder.path(), &["config", "check"], &[("auth.max_session", "5")]).expect(1);
    for part in ["auth.max_session ", "DENIZEN_AUTH__MAX_SESSION", "did you mean auth.max_sessions?"] {
        assert!(refused.err.contains(part), "{part} in {}", refused.err);
    }
    std::fs::write(folder.path().join("denizen.toml"), "[otp]\nttll = \"5m\"\n").unwrap();
    let refused = told(folder.path(), &["config", "check"], &[]).expect(1);
    assert!(
        refused.err.contains("otp.ttll: there is no such setting; did you mean otp.ttl?"),
        "{}",
        refused.err
    );
}

#[test]
fn explain_lists_every_key_with_its_value_and_source() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("denizen.toml"), "[otp]\nlength = 8\n").unwrap();
    let explained = told(folder.path(), &["config", "explain"], &[("otp.ttl", "7m")]).expect(0).out;
    let (_, entries) = denizen_server::config::read(Settings::load("", [])).unwrap();
    for entry in &entries {
        let mut lines = explained.lines().skip_while(|line| !line.starts_with(&format!("{} = ", entry.key)));
        assert!(lines.next().is_some(), "{} is not explained", entry.key);
        assert_eq!(lines.next().map(str::trim), Some(entry.meaning), "{}", entry.key);
    }
    let named: Vec<&str> =
        entries.iter().map(|entry| entry.key).filter(|key| key.ends_with("_file")).collect();
    assert_eq!(
        named, FILES,
        "a setting of such a name is one of these, or its variable is read as a secret's"
    );
    let promised = "listen data_dir public_url database_url cache_url roles internal_listen services.users.url mode \
                    services.shared_key master_key log metrics_listen auth.access_token_ttl auth.refresh_token_ttl \
                    auth.max_sessions password.min_length password.argon2.memory_kib otp.ttl notify.smtp.url \
                    notify.retry.delays gateway.cors.origins gateway.limits.per_ip gateway.trusted_proxies \
                    users.deleted_retention admin.email admin.password";
    for key in promised.split_whitespace() {
        assert!(entries.iter().any(|entry| entry.key == key), "the design promises {key}");
    }
    for line in [
        "otp.ttl = 7m  [DENIZEN_OTP__TTL]",
        "otp.length = 8  [settings file]",
        "auth.max_sessions = 10  [default]",
    ] {
        assert!(explained.lines().any(|explained| explained == line), "{line} in {explained}");
    }
}

#[test]
fn secrets_are_never_shown() {
    const SECRET: &str = "aHVudGVyMiB0aGUgc2VjcmV0IG9mIHRoZSB0ZXN0ISE=";
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("master_key", SECRET.to_owned()),
        ("services.shared_key", SECRET.to_owned()),
        ("admin.password", SECRET.to_owned()),
        ("database_url", format!("postgres://denizen:{SECRET}@127.0.0.1:1/denizen")),
        ("cache_url", format!("redis://:{SECRET}@127.0.0.1:1")),
        ("notify.smtp.url", format!("smtp://denizen:{SECRET}@127.0.0.1:1")),
    ];
    let right: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let explained = told(folder.path(), &["config", "explain"], &right).expect(0);
    for (key, _) in &settings {
        assert!(
            explained.out.contains(&format!("{key} = (set)  [{}]", variable(key))),
            "{key} in {}",
            explained.out
        );
    }
    let wrong: Vec<(String, String)> =
        settings.iter().map(|(key, value)| ((*key).to_owned(), format!("x{value}"))).collect();
    let wrong: Vec<(&str, &str)> = wrong.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let refused = told(folder.path(), &["config", "check"], &wrong).expect(1);
    for said in [&explained.out, &explained.err, &refused.out, &refused.err] {
        assert!(!said.contains(SECRET), "{said}");
    }
}

#[test]
fn production_wants_its_key_and_its_address() {
    let folder = tempfile::tempdir().unwrap();
    for surroundings in [("mode", "production"), ("listen", "0.0.0.0:0")] {
        let refused = told(folder.path(), &["serve"], &[surroundings]).expect(1);
        for key in ["  - master_key: ", "  - public_url: "] {
            assert!(refused.err.contains(key), "{surroundings:?}: {key} in {}", refused.err);
        }
    }
    assert!(!folder.path().join("denizen-data").exists(), "nothing is made before the settings are right");
}

#[test]
fn help_names_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    let help = told(folder.path(), &["--help"], &[]).expect(0).out;
    for command in ["serve", "migrate", "admin", "keys", "config", "generate"] {
        let explained = help.lines().any(|line| line.trim_start().starts_with(&format!("{command} ")));
        assert!(explained, "{command} in {help}");
    }
}

#[test]
fn a_port_in_use_is_told_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let refused = told(folder.path(), &[], &[("listen", &address)]).expect(1);
    for part in [address.as_str(), "in use", "DENIZEN_LISTEN"] {
        assert!(refused.err.contains(part), "{part} in {}", refused.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_is_made_beside_the_running_system() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(folder.path()).cheap();
    let process = launch.ready().await;
    let create = || launch.command(&["admin", "create", "--email", "root@example.test"]);

    let weak = run(create(), "password\n").expect(1);
    assert!(weak.err.contains("password"), "{}", weak.err);
    let made = run(create(), &format!("{PASSWORD}\n")).expect(0);
    assert!(made.out.contains("administrator"), "{}", made.out);
    let again = run(create(), &format!("{PASSWORD}\n")).expect(1);
    assert!(again.err.contains("mail"), "{}", again.err);

    let (admin, answer) = process.client().login("root@example.test").await;
    assert_eq!(answer["user"]["roles"], json!(["user", "admin"]));
    let users = admin.get("/users").await.expect(200).body;
    assert_eq!(users["items"].as_array().unwrap().len(), 1, "{users}");
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_count_what_was_done_not_how_often_it_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let process = Launch::new(folder.path()).cheap().ready().await;
    let client = process.client();
    let ada = json!({ "name": "Ada", "email": "ada@example.test", "password": PASSWORD });
    let once = [("idempotency-key", "once")];
    for _ in 0..3 {
        client.send(reqwest::Method::POST, "/users", Some(ada.clone()), &once).await.expect(201);
    }
    client.login("ada@example.test").await;
    let wrong = json!({ "identifier": "ada@example.test", "password": "not the password" });
    client.post("/auth/login", wrong).await.expect(401);
    let metrics = client.get("//metrics").await.expect(200).body.as_str().unwrap().to_owned();
    for line in [
        "denizen_registrations_total 1",
        "denizen_logins_total{result=\"ok\"} 1",
        "denizen_logins_total{result=\"failed\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    for name in
        ["denizen_db_seconds_count", "denizen_db_commit_operations_count", "denizen_operation_seconds_count"]
    {
        assert!(metrics.contains(name), "{name} in {metrics}");
    }
    assert_eq!(process.terminate().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_beyond_a_limit_that_observes_is_marked_in_the_access_log() {
    let folder = tempfile::tempdir().unwrap();
    let route = "[[gateway.routes]]\nname = \"about\"\nmatch = { path = \"/about\" }\nupstream = \"denizen\"\n\
                 rewrite = \"/info\"\n\
                 rate_limit = { quota = 1, window = \"1h\", per = \"route\", observe = true }\n";
    std::fs::write(folder.path().join("denizen.toml"), route).unwrap();
    let launch = Launch::new(folder.path())
        .cheap()
        .set("gateway.limits.enabled", "true")
        .set("gateway.access_log", "true");
    let process = launch.set("log", "info").ready().await;
    for _ in 0..2 {
        process.client().get("//about").await.expect(200);
    }
    let are_marked = eventually("the lines of both requests", || async {
        let log = process.log();
        let lines = log.lines().filter(|line| line.contains("route=\"about\""));
        let are_marked: Vec<bool> = lines.map(|line| line.ends_with(" limited=\"observed\"")).collect();
        (are_marked.len() == 2).then_some(are_marked)
    });
    assert_eq!(are_marked.await, [false, true]);
    assert_eq!(process.terminate().code(), Some(0));
}
