//! What is asked of Prometheus: the names and labels in expressions, and expressions in dashboards and rules.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Metric, Metrics, PREFIXES, within_parentheses};

/// Labels that Prometheus gives to all that it scrapes.
const SCRAPED: [&str; 2] = ["job", "instance"];

/// What is wrong with the names and labels of an expression, or of a text that names metrics.
pub(super) fn mistakes(expression: &str, metrics: &Metrics) -> Vec<String> {
    let series: BTreeMap<String, &Metric> = metrics
        .iter()
        .flat_map(|(name, metric)| metric.series(name).into_iter().map(move |series| (series, metric)))
        .collect();
    let mut mistakes = Vec::new();
    let mut labels: BTreeSet<&str> = SCRAPED.into();
    for rest in named(expression) {
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

/// Where a text names metrics: from each name on.
pub(super) fn named(text: &str) -> Vec<&str> {
    let starts = PREFIXES.iter().flat_map(|prefix| text.match_indices(prefix)).map(|(start, _)| start);
    let is_start = |start: &usize| text[..*start].chars().next_back().is_none_or(is_no_name);
    starts.filter(is_start).map(|start| &text[start..]).collect()
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
pub(super) fn texts(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if key == "expr" || !named(text).is_empty() => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        Value::Object(fields) => fields.iter().for_each(|(key, field)| texts(field, key, found)),
        _ => {}
    }
}

/// The expressions of a file of rules. There is no reader of YAML here: an expression is what stands behind `expr:`, or
/// with `expr: |` the lines below it that are set further in.
pub(super) fn expressions(rules: &str) -> Vec<String> {
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
