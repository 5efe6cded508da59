//! Dashboard, alerts and docs/metrics.md speak of what the sources measure: every name and label is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// How the sources make a metric, and the kind that Prometheus knows it by.
const MACROS: [(&str, &str); 3] =
    [("counter!(", "counter"), ("gauge!(", "gauge"), ("histogram!(", "histogram")];

/// Labels that Prometheus gives to all that it scrapes.
const SCRAPED: [&str; 2] = ["job", "instance"];

/// A metric. As text it is what sources and page must agree on.
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
    Some((name.starts_with("denizen_").then(|| name.to_owned())?, labels.collect::<Option<_>>()?))
}

// === what the page says ===

/// The rows of the tables in docs/metrics.md: name, kind, labels.
fn documented() -> Metrics {
    let page = read_to_string(Path::new(ROOT).join("docs/metrics.md")).unwrap();
    let mut metrics = Metrics::new();
    for row in page.lines().filter(|line| line.starts_with("| `denizen_")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, name, kind, labels, unit, meaning, _] = cells[..] else { panic!("not five cells: {row}") };
        assert!(!unit.is_empty() && !meaning.is_empty(), "{row}");
        let labels = labels.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let metric = Metric { kind: kind.to_owned(), labels };
        assert_eq!(metrics.insert(name.trim_matches('`').to_owned(), metric), None, "twice: {row}");
    }
    metrics
}

// === what is asked of Prometheus ===

/// What is wrong with the names and labels of an expression, or of a text that names metrics.
fn mistakes(expression: &str, metrics: &Metrics) -> Vec<String> {
    let series: BTreeMap<String, &Metric> = metrics
        .iter()
        .flat_map(|(name, metric)| metric.series(name).into_iter().map(move |series| (series, metric)))
        .collect();
    let mut mistakes = Vec::new();
    let mut labels: BTreeSet<&str> = SCRAPED.into();
    for (start, _) in expression.match_indices("denizen_") {
        let rest = &expression[start..];
        let (name, after) = rest.split_at(rest.find(is_no_name).unwrap_or(rest.len()));
        let Some(metric) = series.get(name) else {
            mistakes.push(format!("nothing makes {name}"));
            continue;
        };
        let mut own: BTreeSet<&str> = metric.labels.iter().map(String::as_str).chain(SCRAPED).collect();
        if name.ends_with("_bucket") {
            own.insert("le");
        }
        let wrong = selected(after).into_iter().filter(|label| !own.contains(label));
        mistakes.extend(wrong.map(|label| format!("{name} has no label {label}")));
        labels.extend(own);
    }
    let wrong = grouped(expression).into_iter().filter(|label| !labels.contains(label));
    mistakes.extend(wrong.map(|label| format!("nothing here has the label {label}")));
    mistakes
}

fn is_no_name(c: char) -> bool {
    !c.is_ascii_alphanumeric() && c != '_'
}

/// The labels of the selector that follows a name: `{route=~"a|b", status="500"}`.
fn selected(after: &str) -> Vec<&str> {
    let Some(selector) = after.strip_prefix('{') else { return Vec::new() };
    // Values may hold anything, so only what stands between quoted texts is looked at.
    let outside = selector.split('"').step_by(2).take_while(|part| !part.starts_with('}'));
    outside.map(|part| part.trim_matches(is_no_name)).collect()
}

/// The labels of `by (a, b)`, `on (a)` and `label_values(x, a)`.
fn grouped(expression: &str) -> Vec<&str> {
    let lists = ["by (", "on ("].into_iter().flat_map(|word| {
        expression
            .match_indices(word)
            .map(|(start, word)| within_parentheses(&expression[start + word.len()..]))
    });
    let asked = expression.strip_prefix("label_values(").and_then(|rest| rest.rsplit_once(','));
    let asked = asked.map(|(_, label)| label.trim_end_matches(')'));
    lists.flat_map(|list| list.split(',')).chain(asked).map(str::trim).collect()
}

/// All texts of a document that name a metric, and all expressions.
fn texts(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if key == "expr" || text.contains("denizen_") => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        Value::Object(fields) => fields.iter().for_each(|(key, field)| texts(field, key, found)),
        _ => {}
    }
}

/// The expressions of a file of rules. There is no reader of YAML here: an expression is what stands behind `expr:`, or
/// with `expr: |` the lines below it that are set further in.
fn expressions(rules: &str) -> Vec<String> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut lines = rules.lines().peekable();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        match line.trim_start().strip_prefix("expr:").map(str::trim) {
            None => {}
            Some("|") => {
                let mut block = String::new();
                while let Some(below) = lines.next_if(|below| depth(below) > depth(line)) {
                    block += below.trim_start();
                    block.push('\n');
                }
                found.push(block);
            }
            Some(text) => found.push(text.to_owned()),
        }
    }
    found
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
    let named = |text: &str| text.matches("denizen_").count();
    let named_in_asked: usize = asked.iter().map(|text| named(text)).sum();
    assert_eq!(named_in_asked, named(&rules), "an expression was not found");
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
