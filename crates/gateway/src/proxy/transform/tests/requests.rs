//! Requests.

use denizen_kit::problem::{Code, Problem};
use serde_json::{Value, json};

use super::*;

#[test]
fn the_examples_of_the_design() {
    let route = r#"request = { headers = { add = { "x-from" = "denizen" }, remove = ["cookie"] }, body = { rename = { "userName" = "username" } } }
response = { body = { add = { "/token" = "{/access_token}" } } }"#;
    let mut parts = parts("POST", "/x", &[JSON, ("cookie", "a=b")]);
    let body = Bytes::from_static(br#"{"userName":"ada","n":1.0}"#);
    let body = request(route).unwrap().apply(&mut parts, &params(), body).unwrap();
    assert_eq!(body, r#"{"n":1.0,"username":"ada"}"#);
    assert_eq!((parts.headers["x-from"].as_bytes(), parts.headers.get("cookie")), (&b"denizen"[..], None));
    let (_, headers, body) = answered(route, 200, &[JSON], r#"{"access_token":"t"}"#);
    assert_eq!(body, r#"{"access_token":"t","token":"t"}"#);
    assert_eq!(headers["content-length"], body.len().to_string());
}

#[test]
fn values_move_between_path_query_headers_and_body() {
    let route = r#"[request]
method = "PUT"
path = "/v1/things/{path.id}/{query.kind|'any'}/{/sub/n}"
query = { keep = ["q"], rename = { "q" = "search" }, set = { "tier" = "{header.x-tier}", "who" = "{/who}" }, default = { "search" = "no", "size" = "{path.id}" } }
headers = { set = { "x-kind" = "{/sub/n}-{query.q}", "x-none" = "{/none}" }, rename = { "x-tier" = "x-level" } }
body = { remove = ["/who"], add = { "/tier" = "{header.x-tier}", "/from/path" = "{path.id}", "/copy" = "{/sub}", "/list" = ["{/who}", "{/none}", 5], "/none2" = ["{/none}"], "/brace" = "{{x}}" } }"#;
    let mut parts = parts("POST", "/in?q=a%20b&page=7", &[JSON, ("x-tier", "gold")]);
    let body = Bytes::from_static(br#"{"who":"ada","sub":{"n":7}}"#);
    let body = request(route).unwrap().apply(&mut parts, &params(), body).unwrap();
    assert_eq!(parts.method, Method::PUT);
    assert_eq!(parts.uri, "/v1/things/a%20b/any/7?search=a%20b&size=a+b&tier=gold&who=ada");
    assert_eq!(parts.headers["x-kind"], "7-a b");
    assert_eq!(parts.headers["x-level"], "gold");
    assert!(!parts.headers.contains_key("x-none") && !parts.headers.contains_key("x-tier"));
    let body: Value = serde_json::from_slice(&body).unwrap();
    let wanted = json!({"sub": {"n": 7}, "tier": "gold", "from": {"path": "a b"}, "copy": {"n": 7}, "list": ["ada", 5], "brace": "{x}"});
    assert_eq!(body, wanted);
}

#[test]
fn a_captured_rest_keeps_its_slashes_and_a_value_is_one_segment() {
    let apply = |route: &str, body: &'static str| {
        let mut parts = parts("POST", "/in", &[]);
        request(route)
            .unwrap()
            .apply(&mut parts, &params(), Bytes::from_static(body.as_bytes()))
            .map(|_| parts.uri)
    };
    assert_eq!(apply(r#"request = { path = "/up/{path.rest}" }"#, "").unwrap(), "/up/x/y");
    let by_body = r#"request = { path = "/up/{/id}" }"#;
    assert_eq!(apply(by_body, r#"{"id":"a@b c"}"#).unwrap(), "/up/a%40b%20c");
    for bad in
        [r#"{"id":"../admin"}"#, r#"{"id":".."}"#, r#"{"id":{}}"#, r#"{"id":"a%2fb"}"#, r#"{"id":"a\u0000"}"#]
    {
        assert_eq!(apply(by_body, bad).unwrap_err().code, Code::MalformedRequest, "{bad}");
    }
    for missing in ["", "no json", "[]", r#"{"id":""}"#, r#"{"id":null}"#] {
        let problem = apply(by_body, missing).unwrap_err();
        assert_eq!(
            (problem.code, problem.fields[0].pointer.as_str()),
            (Code::ValidationFailed, "/id"),
            "{missing}"
        );
    }
}

#[test]
fn bodies_are_read_as_json_whatever_they_are_called() {
    let apply = |content_type: &str, body: &'static [u8]| -> Result<(String, Parts), Problem> {
        let mut parts = parts("POST", "/in", &[("content-type", content_type), ("content-md5", "x")]);
        let body = request("request = { body = {} }").unwrap().apply(
            &mut parts,
            &params(),
            Bytes::from_static(body),
        )?;
        Ok((String::from_utf8(body.to_vec()).unwrap(), parts))
    };
    let form = "application/x-www-form-urlencoded";
    for (content_type, body, wanted) in [
        ("text/plain", r#" {"a":1} "#, r#"{"a":1}"#),
        ("text/plain", "\u{feff}{\"a\":1}", r#"{"a":1}"#),
        (form, r#"{"a":1}"#, r#"{"a":1}"#),
        (form, "a=1&b=x+y%26&a=2", r#"{"a":["1","2"],"b":"x y&"}"#),
        (form, "", ""),
        ("application/json", "", ""),
        ("application/json", "7", "7"),
    ] {
        let (body, parts) = apply(content_type, body.as_bytes()).unwrap();
        assert_eq!(body, wanted);
        let says_json = parts.headers.get("content-type").is_some_and(|value| value == "application/json");
        assert_eq!(says_json, !wanted.is_empty());
        assert!(!parts.headers.contains_key("content-md5"));
    }
    for bad in [&b"{"[..], b"a=1", b"{} {}", b"\xff"] {
        assert_eq!(apply("text/plain", bad).unwrap_err().code, Code::MalformedRequest);
    }
    let mut parts = parts("POST", "/in", &[("content-encoding", "gzip")]);
    let refused =
        request("request = { body = {} }").unwrap().apply(&mut parts, &params(), Bytes::from_static(b"x"));
    assert_eq!(refused.unwrap_err().code, Code::UnsupportedMediaType);
}

#[test]
fn what_is_opened_must_be_read_in_one_way() {
    let transform = request(r#"request = { body = { remove = ["/b/c"] } }"#).unwrap();
    let apply = |body: &'static str| {
        transform.apply(&mut parts("POST", "/in", &[]), &params(), Bytes::from_static(body.as_bytes()))
    };
    assert!(apply(r#"{"b":{"c":1,"c":2}}"#).is_err());
    assert_eq!(apply(r#"{"b":{"c":1,"d":{"e":1,"e":2}}}"#).unwrap(), r#"{"b":{"d":{"e":1,"e":2}}}"#);
}

#[test]
fn bodies_are_reshaped() {
    let nest = r#"request = { body = { nest = { "/address" = ["street", "/x/city"] }, default = { "/country" = "CH", "street" = "no" } } }"#;
    assert_eq!(
        body_of(nest, r#"{"street":"a","x":{"city":"b","k":1}}"#),
        r#"{"x":{"k":1},"country":"CH","address":{"street":"a","city":"b"}}"#
    );
    let swap = r#"request = { body = { rename = { "a" = "b", "b" = "a" } } }"#;
    assert_eq!(body_of(swap, r#"{"a":1,"b":2}"#), r#"{"b":1,"a":2}"#);
    assert_eq!(
        body_of(r#"request = { body = { keep = ["/a/b", "c"] } }"#, r#"{"a":{"b":1,"x":2},"y":3}"#),
        r#"{"a":{"b":1}}"#
    );
    assert_eq!(body_of(r#"request = { body = { unwrap = "/items" } }"#, r#"{"items":[1],"x":2}"#), "[1]");
    assert_eq!(body_of(r#"request = { body = { wrap = "/items" } }"#, "[1]"), r#"{"items":[1]}"#);
    assert_eq!(body_of(r#"request = { body = { wrap = "/-" } }"#, "1"), "[1]");
    let each = r#"request = { body = { each = { "" = { case = "snake", add = { "/q" = "{query.q}", "/me" = "{body}" } } } } }"#;
    assert_eq!(body_of(each, r#"[{"aB":1},2]"#), r#"[{"a_b":1,"me":{"a_b":1},"q":"1"},2]"#);
    assert_eq!(
        body_of(
            r#"request = { body = { case = "snake", case_except = ["/data"] } }"#,
            r#"{"myData":{"xY":1},"data":{"xY":1}}"#
        ),
        r#"{"my_data":{"x_y":1},"data":{"xY":1}}"#
    );
}

#[test]
fn steps_have_conditions() {
    let route = r#"request = [
        { when = { has = ["/otp"], lacks = ["bearer"] }, path = "/by-code", body = { rename = { "otp" = "code" } } },
        { when = { lacks = ["/otp"] }, body = { add = { "/plain" = true } } },
    ]"#;
    let apply = |body: &'static str, headers: &[(&str, &str)]| {
        let mut parts = parts("POST", "/in", headers);
        let body = request(route)
            .unwrap()
            .apply(&mut parts, &params(), Bytes::from_static(body.as_bytes()))
            .unwrap();
        (parts.uri.path().to_owned(), String::from_utf8(body.to_vec()).unwrap())
    };
    assert_eq!(apply(r#"{"otp":"1"}"#, &[]), ("/by-code".into(), r#"{"code":"1","plain":true}"#.into()));
    assert_eq!(
        apply(r#"{"otp":"1"}"#, &[("authorization", "Bearer t")]),
        ("/in".into(), r#"{"otp":"1"}"#.into())
    );
    assert_eq!(apply("", &[]), ("/in".into(), r#"{"plain":true}"#.into()));
}

#[test]
fn a_safe_method_has_no_body() {
    let mut parts = parts("POST", "/in", &[JSON, ("content-length", "9")]);
    let transform = request(r#"request = { method = "GET", path = "/u/{/id|'me'}" }"#).unwrap();
    let body = transform.apply(&mut parts, &params(), Bytes::from_static(br#"{"id":7}"#)).unwrap();
    assert!(body.is_empty() && parts.headers.is_empty());
    assert_eq!((parts.method, parts.uri.path()), (Method::GET, "/u/7"));
}
