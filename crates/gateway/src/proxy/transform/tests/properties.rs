//! What holds for any body.

use denizen_kit::problem::Code;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn any_depth_is_only_text() {
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    assert_eq!(
        body_of(r#"request = { body = { wrap = "/a" } }"#, &deep).len(),
        deep.len() + r#"{"a":}"#.len()
    );
    let names = r#"{"aB":"#.repeat(50_000) + "1" + &"}".repeat(50_000);
    assert!(body_of(r#"request = { body = { case = "snake" } }"#, &names).starts_with(r#"{"a_b":{"a_b":"#));
}

/// Any JSON text, with numbers beyond any machine's.
fn json_text() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?",
        "\\PC{0,12}".prop_map(|text| Value::from(text).to_string()),
    ];
    scalar.prop_recursive(5, 48, 6, |inner| {
        let name = prop_oneof!["[a-c]", "[a-z]{1,3}[A-Z][a-z]{0,2}", "\\PC{0,6}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::btree_map(name, inner, 0..6).prop_map(|members| {
                let members =
                    members.into_iter().map(|(name, value)| format!("{}:{value}", Value::from(name)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

const BUSY: &str = r#"
request = [{ when = { has = ["/a"] }, body = { case = "snake", rename = { "a" = "b", "/c/a" = "/x/-" }, default = { "/d/e" = "{body}" }, add = { "/a/a" = "{/b}", "/-" = 1, "/z" = ["{/c}", "t{/b}"] }, nest = { "/n" = ["z"] }, each = { "/b" = { wrap = "/w" } } } },
    { body = { unwrap = "/b", keep = ["a", "/0"] } }]
response = { headers = { set = { "x-a" = "{/a}" } }, body = { case = "camel", remove = ["/a", "/b/0"], add = { "/k" = "{/b}" }, each = { "" = { add = { "/i" = "{body}" } } }, unwrap = "/c", wrap = "/d/-/e" } }"#;

proptest! {
    #[test]
    fn no_body_breaks_a_transformation(body in json_text()) {
        let mut parts = parts("POST", "/in?q=1", &[JSON]);
        let given = request(BUSY).unwrap().apply(&mut parts, &params(), Bytes::from(body.clone()));
        if let Ok(bytes) = given {
            let text = std::str::from_utf8(&bytes).unwrap();
            prop_assert!(text.is_empty() || serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok(), "{text}");
        }
        let (_, _, answer) = answered(BUSY, 200, &[JSON], &body);
        prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&answer).is_ok(), "{answer}");
    }

    #[test]
    fn no_bytes_break_a_transformation(body in prop::collection::vec(any::<u8>(), 0..64), form in any::<bool>()) {
        let content_type = if form { "application/x-www-form-urlencoded" } else { "application/json" };
        let mut parts = parts("POST", "/in", &[("content-type", content_type)]);
        let outcome = request(BUSY).unwrap().apply(&mut parts, &params(), Bytes::from(body));
        let is_4xx = outcome.as_ref().is_err_and(|problem| problem.code == Code::MalformedRequest);
        prop_assert!(outcome.is_ok() || is_4xx);
    }

    #[test]
    fn what_no_rule_names_stays_as_it_was(body in json_text()) {
        let route = r#"request = { body = { add = { "/new~1name" = 1 }, remove = ["new/name"] } }"#.replace("new/name", "/new~1name");
        let there = body_of(&route, &format!(r#"{{"keep":{body}}}"#));
        prop_assert_eq!(there, format!(r#"{{"keep":{body},"new/name":1}}"#));
    }

    #[test]
    fn a_path_never_leaves_its_place(value in "\\PC{1,20}") {
        let mut parts = parts("POST", "/in", &[]);
        let body = json!({"id": value}).to_string();
        let transform = request(r#"request = { path = "/up/{/id}/end" }"#).unwrap();
        if transform.apply(&mut parts, &params(), Bytes::from(body)).is_ok() {
            let segments: Vec<&str> = parts.uri.path().split('/').collect();
            prop_assert_eq!(segments.len(), 4);
            prop_assert!(segments[2] != "." && segments[2] != ".." && parts.uri.query().is_none());
        }
    }

    #[test]
    fn a_specification_is_refused_or_taken_but_never_breaks(text in "[/a{}|~'.pathquerybody ]{0,24}") {
        let value = Value::from(text.as_str()).to_string();
        let route = format!("request = {{ path = {value}, query = {{ set = {{ a = {value} }} }}, body = {{ add = {{ \"/a\" = {value} }}, unwrap = {value} }} }}");
        let _ = request(&route);
    }
}
