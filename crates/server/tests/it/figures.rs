//! What a process shows of itself at `/metrics`, whatever runs in it.

use denizen_server::figures::{FIGURES, Kind};
use denizen_testkit::eventually;

use crate::process::{Launch, Process, free_port};

/// A process with these roles that shows its figures on a socket for that alone.
async fn start(folder: &std::path::Path, roles: &str) -> (Process, String) {
    let place = format!("127.0.0.1:{}", free_port());
    let launch = Launch::new(folder).cheap().set("mode", "development").set("roles", roles);
    (launch.set("metrics_listen", &place).ready().await, place)
}

/// What is shown there, once there are lines that begin so.
async fn shown(place: &str, begins: &[&str]) -> String {
    eventually("the figures are there", || async {
        let text = reqwest::get(format!("http://{place}/metrics")).await.unwrap().text().await.unwrap();
        begins.iter().all(|begin| text.lines().any(|line| line.starts_with(begin))).then_some(text)
    })
    .await
}

/// The kind and the help of each metric that is shown are those of the table.
fn is_described(text: &str) {
    let mut count = 0;
    for line in text.lines() {
        let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) else {
            continue;
        };
        let figure = FIGURES.iter().find(|figure| figure.name == name);
        let figure = figure.unwrap_or_else(|| panic!("{name} is not in the table"));
        let expected = match figure.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        assert_eq!(kind, expected, "{name}");
        let help = format!("# HELP {name} {}", figure.help);
        assert!(text.lines().any(|line| line == help), "{help} in {text}");
        count += 1;
    }
    assert!(count > 5, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_without_the_gateway_shows_its_figures() {
    let folder = tempfile::tempdir().unwrap();
    let (process, place) = start(folder.path(), "password").await;
    let begins = [
        "denizen_db_seconds_count{service=\"password\"",
        "denizen_events_behind{service=\"password\",consumer=\"audit\"} ",
        "denizen_password_pool_busy 0",
    ];
    let text = shown(&place, &begins).await;
    is_described(&text);
    if cfg!(target_os = "linux") {
        for name in ["process_cpu_seconds_total ", "process_resident_memory_bytes ", "process_open_fds "] {
            assert!(text.lines().any(|line| line.starts_with(name)), "{name} in {text}");
        }
    }
    assert_eq!(process.terminate().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_shown_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let (process, place) = start(folder.path(), "all").await;
    let client = process.client();
    client.register("ada@example.test").await;
    client.login("ada@example.test").await;
    let begins = [
        "denizen_sessions 1",
        "denizen_accounts{status=\"blocked\"} 0",
        "denizen_cache_entries{cache=\"responses\"} 0",
        "denizen_in_flight{",
    ];
    is_described(&shown(&place, &begins).await);
    assert_eq!(process.terminate().code(), Some(0));
}
