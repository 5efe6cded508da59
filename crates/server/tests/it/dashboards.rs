//! Dashboard, alerts and docs/metrics.md speak of what the sources measure: every name and label is there.

mod asked;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use denizen_server::figures::{FIGURES, Kind};
use serde_json::Value;

use asked::{expressions, mistakes, named, texts};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// How the sources make a metric, and the kind that Prometheus knows it by.
const MACROS: [(&str, &str); 3] =
    [("counter!(", "counter"), ("gauge!(", "gauge"), ("histogram!(", "histogram")];

/// How the names of metrics begin: our own, and those that every program has.
const PREFIXES: [&str; 2] = ["denizen_", "process_"];

/// A metric: what sources and page must agree on, beside its name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Metric {
    kind: String,
    labels: BTreeSet<String>,
}

type Metrics = BTreeMap<String, Metric>;

// === impl Metric ===

impl Metric {
    /// The series that it is read by.
    fn series(&self, name: &str) -> Vec<String> {
        if self.kind == "histogram" {
            return ["bucket", "sum", "count"].map(|part| format!("{name}_{part}")).to_vec();
        }
        vec![name.to_owned()]
    }
}

// === what the sources measure ===

fn sources() -> Vec<PathBuf> {
    let crates = std::fs::read_dir(Path::new(ROOT).join("crates")).unwrap();
    let mut paths: Vec<PathBuf> = crates.map(|entry| entry.unwrap().path().join("src")).collect();
    let mut files = Vec::new();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The metrics that the sources make by macros.
fn emitted() -> Metrics {
    let mut metrics = Metrics::new();
    for path in sources() {
        let text = read_to_string(&path).unwrap();
        // The rest of this test would not see such a metric.
        assert!(!text.contains("# TYPE "), "{}: a metric is made by a macro, not by hand", path.display());
        for (call, kind) in MACROS {
            for (start, _) in text.match_indices(call) {
                let arguments = within_parentheses(&text[start + call.len()..]);
                let (name, labels) = read_call(arguments)
                    .unwrap_or_else(|| panic!("{}: {call}{arguments}) has no plain name", path.display()));
                let metric = Metric { kind: kind.to_owned(), labels };
                // One name in two places is one metric, so both say the same of it.
                let known = metrics.entry(name.clone()).or_insert_with(|| metric.clone());
                assert_eq!(*known, metric, "{name} in {}", path.display());
            }
        }
    }
    metrics
}

/// What stands before the parenthesis that closes an open one.
fn within_parentheses(text: &str) -> &str {
    let mut depth = 1;
    let end = text.find(|c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    });
    &text[..end.unwrap()]
}

/// Name and labels of a metric from the arguments of its macro; none unless the name is written out.
fn read_call(arguments: &str) -> Option<(String, BTreeSet<String>)> {
    let (name, _) = arguments.trim_start().strip_prefix('"')?.split_once('"')?;
    // A label is the text before an arrow: `"route" => route`.
    let before_arrows = arguments.match_indices("=>").map(|(arrow, _)| &arguments[..arrow]);
    let labels = before_arrows.map(|before| {
        let label = before.trim_end().strip_suffix('"')?;
        label.rsplit('"').next().map(str::to_owned)
    });
    let is_ours = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    Some((is_ours.then(|| name.to_owned())?, labels.collect::<Option<_>>()?))
}

// === what the page says ===

/// The rows of the tables in docs/metrics.md: name, kind, labels, unit, meaning.
fn rows() -> Vec<[String; 5]> {
    let page = read_to_string(Path::new(ROOT).join("docs/metrics.md")).unwrap();
    let is_row = |line: &&str| PREFIXES.iter().any(|prefix| line.starts_with(&format!("| `{prefix}")));
    let cells = |row: &str| -> [String; 5] {
        let inner = row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        inner.collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("not five cells: {row}"))
    };
    page.lines().filter(is_row).map(cells).collect()
}

/// What docs/metrics.md says of each metric.
fn documented() -> Metrics {
    let mut metrics = Metrics::new();
    for [name, kind, labels, unit, meaning] in rows() {
        assert!(!unit.is_empty() && !meaning.is_empty(), "{name}");
        let labels = labels.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let metric = Metric { kind, labels };
        assert_eq!(metrics.insert(name.trim_matches('`').to_owned(), metric), None, "twice: {name}");
    }
    metrics
}

fn deployed(name: &str) -> String {
    read_to_string(Path::new(ROOT).join("deploy/grafana").join(name)).unwrap()
}

// === tests ===

#[test]
fn the_page_has_what_the_sources_measure() {
    let (emitted, documented) = (emitted(), documented());
    assert!(!emitted.is_empty());
    for (name, metric) in &emitted {
        assert_eq!(documented.get(name), Some(metric), "{name}: docs/metrics.md (left) and the sources");
    }
    for name in documented.keys() {
        assert!(emitted.contains_key(name), "docs/metrics.md has {name}, which no source measures");
    }
}

#[test]
fn the_table_of_helps_says_what_the_page_says() {
    let word = |kind| match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let table: Vec<[&str; 3]> =
        FIGURES.iter().map(|figure| [figure.name, word(figure.kind), figure.unit]).collect();
    let plain: Vec<[String; 5]> =
        rows().into_iter().map(|row| row.map(|cell| cell.replace('`', ""))).collect();
    let page: Vec<[&str; 3]> =
        plain.iter().map(|[name, kind, _, unit, _]| [name.as_str(), kind.as_str(), unit.as_str()]).collect();
    assert_eq!(table, page, "FIGURES (left) and docs/metrics.md");
    for (figure, [.., meaning]) in FIGURES.iter().zip(&plain) {
        let is_first = !figure.help.is_empty() && meaning.starts_with(figure.help);
        assert!(is_first, "{}: {meaning:?} does not begin with {:?}", figure.name, figure.help);
    }
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let dashboard: Value = serde_json::from_str(&deployed("denizen.json")).unwrap();
    let mut asked = Vec::new();
    texts(&dashboard, "", &mut asked);
    assert!(asked.len() > 50, "the panels were not found");
    let (emitted, documented) = (emitted(), documented());
    for text in asked {
        assert_eq!(mistakes(&text, &emitted), [""; 0], "against the sources: {text}");
        assert_eq!(mistakes(&text, &documented), [""; 0], "against docs/metrics.md: {text}");
    }
}

#[test]
fn the_alerts_ask_for_what_there_is_and_say_what_to_do() {
    let rules = deployed("alerts.yml");
    let asked = expressions(&rules);
    for word in ["- alert:", "summary:", "action:"] {
        let count = rules.lines().filter(|line| line.trim_start().starts_with(word)).count();
        assert_eq!(count, asked.len(), "each alert has one {word}");
    }
    let named_in_asked: usize = asked.iter().map(|text| named(text).len()).sum();
    assert_eq!(named_in_asked, named(&rules).len(), "an expression was not found");
    let (emitted, documented) = (emitted(), documented());
    for text in asked {
        assert_eq!(mistakes(&text, &emitted), [""; 0], "against the sources: {text}");
        assert_eq!(mistakes(&text, &documented), [""; 0], "against docs/metrics.md: {text}");
    }
}

#[test]
fn a_name_or_a_label_that_is_not_there_is_found() {
    let metrics = emitted();
    let selector = "{job=~\"$job\", route=~\"/a{b}|c,d\"}";
    let good = format!("sum by (route, le) (rate(denizen_http_request_seconds_bucket{selector}[5m]))");
    assert_eq!(mistakes(&good, &metrics), [""; 0]);
    for (expression, mistake) in [
        ("rate(denizen_http_request_total[5m])", "nothing makes denizen_http_request_total"),
        ("denizen_http_request_seconds", "nothing makes denizen_http_request_seconds"),
        ("denizen_in_flight_bucket", "nothing makes denizen_in_flight_bucket"),
        ("denizen_in_flight{job=\"a\", scop=\"process\"}", "denizen_in_flight has no label scop"),
        ("sum by (job, rout) (denizen_in_flight)", "nothing here has the label rout"),
        ("sum by (le) (denizen_http_request_seconds_sum)", "nothing here has the label le"),
        ("rate(process_cpu_seconds[5m])", "nothing makes process_cpu_seconds"),
        ("label_values(denizen_in_flight, jop)", "nothing here has the label jop"),
    ] {
        assert_eq!(mistakes(expression, &metrics), [mistake], "{expression}");
    }
}

#[test]
fn metrics_are_read_from_macros() {
    let read = read_call(" \"denizen_a\", \"b\" => b(), \"c\" => 1").unwrap();
    assert_eq!(read, ("denizen_a".to_owned(), ["b".to_owned(), "c".to_owned()].into()));
    assert_eq!(read_call("NAME, \"b\" => c"), None, "a name must be written out");
}

#[test]
fn expressions_are_found_in_rules() {
    let rules = "- alert: A\n  expr: a > 1\n- alert: B\n  expr: |\n    b\n      > 2\n  for: 5m\n";
    assert_eq!(expressions(rules), ["a > 1", "b\n> 2\n"]);
}
