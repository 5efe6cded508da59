//! What a process shows of itself at `/metrics`, whatever runs in it.

use denizen_server::figures::{FIGURES, Kind};
use denizen_testkit::eventually;

use crate::process::{Launch, Process, free_port};

/// A process with these roles, and what it shows on a socket for that alone.
async fn shown(roles: &str, lines: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let place = format!("127.0.0.1:{}", free_port());
    let launch = Launch::new(folder.path()).cheap().set("mode", "development").set("roles", roles);
    let process: Process = launch.set("metrics_listen", &place).ready().await;
    let text = eventually("the figures are there", || async {
        let text = reqwest::get(format!("http://{place}/metrics")).await.unwrap().text().await.unwrap();
        lines.iter().all(|begin| text.lines().any(|line| line.starts_with(begin))).then_some(text)
    })
    .await;
    assert_eq!(process.terminate().code(), Some(0));
    text
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
    let text = shown("password", &["denizen_db_seconds_count{service=\"password\""]).await;
    is_described(&text);
    if cfg!(target_os = "linux") {
        for name in ["process_cpu_seconds_total ", "process_resident_memory_bytes ", "process_open_fds "] {
            assert!(text.lines().any(|line| line.starts_with(name)), "{name} in {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_shown_is_described() {
    is_described(&shown("all", &["denizen_in_flight{", "denizen_http_requests_total{"]).await);
}
