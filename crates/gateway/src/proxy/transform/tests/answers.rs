//! Answers.

use super::*;

#[test]
fn answers_are_changed_and_problems_are_not() {
    let route = r#"response = { status = { 204 = 200, "4xx" = 400 }, headers = { set = { "x-total" = "{/total}", "x-was" = "{status}" } }, body = { add = { "/id" = "{path.id}", "/status" = "{status}" } } }"#;
    let (status, headers, body) = answered(route, 204, &[], "");
    assert_eq!((status.as_u16(), body.as_str()), (200, r#"{"id":"a b","status":204}"#));
    assert_eq!(headers["content-type"], "application/json");
    let problem = r#"{"code":"not_found"}"#;
    let (status, headers, body) =
        answered(route, 404, &[("content-type", "application/problem+json")], problem);
    assert_eq!((status.as_u16(), body.as_str(), headers["x-was"].as_bytes()), (400, problem, &b"404"[..]));
    let named = r#"response = { when = { status = ["4xx"] }, body = { rename = { "code" = "error" } } }"#;
    assert_eq!(
        answered(named, 404, &[("content-type", "application/problem+json")], problem).2,
        r#"{"error":"not_found"}"#
    );
    assert_eq!(answered(named, 200, &[JSON], problem).2, problem);
}

#[test]
fn lists_become_arrays_with_their_total_and_their_links() {
    let route = r#"response = { links = true, headers = { set = { "x-total-count" = "{/total}" } }, body = { unwrap = "/items", each = { "/items" = { add = { "/userId" = "{/id}" } } } } }"#;
    let link = ("link", "</api/v1/users?limit=2&cursor=c>; rel=\"next\"");
    let (_, headers, body) =
        answered(route, 200, &[JSON, link], r#"{"items":[{"id":"a"},{"id":"b"}],"total":12}"#);
    assert_eq!(body, r#"[{"id":"a","userId":"a"},{"id":"b","userId":"b"}]"#);
    assert_eq!(headers["x-total-count"], "12");
    assert_eq!(headers["link"], "</api/users/?page=2&cursor=c>; rel=\"next\"");
}

#[test]
fn answers_that_are_no_whole_json_stay() {
    let route = r#"response = { body = { add = { "/a" = 1 }, remove = ["x"] } }"#;
    for (status, headers, body) in [
        (200, vec![("content-type", "text/html")], "<p>"),
        (200, vec![JSON], "{broken"),
        (206, vec![JSON], r#"{"x":1}"#),
        (200, vec![JSON, ("content-encoding", "gzip")], "zip"),
        (200, vec![JSON], "[1,2]"),
        (200, vec![JSON], "null"),
    ] {
        assert_eq!(answered(route, status, &headers, body).2, body);
    }
    assert_eq!(answered(route, 204, &[], "").2, "");
    let twice = r#"{"x":1,"y":2,"x":3}"#;
    assert_eq!(answered(route, 200, &[JSON], twice).2, r#"{"y":2,"a":1}"#);
}

#[test]
fn nothing_is_buffered_when_no_rule_reads_the_body() {
    assert!(
        !request(r#"request = { path = "/x/{path.id}", headers = { remove = ["cookie"] } }"#)
            .unwrap()
            .needs_body()
    );
    assert!(request(r#"request = { headers = { set = { "x" = "{/a}" } } }"#).unwrap().needs_body());
    let reads = |route: &str, content_type: &'static str| {
        let headers = parts("GET", "/", &[("content-type", content_type)]).headers;
        response(route).unwrap().reads(&incoming(), StatusCode::OK, &headers)
    };
    assert!(!reads("response = { status = 201, links = true }", "application/json"));
    let looks = r#"response = { when = { has = ["/a"] } }"#;
    assert!(reads(looks, "application/json") && !reads(looks, "text/csv"));
    let mut headers = parts("GET", "/", &[("accept-encoding", "br"), ("range", "bytes=0-1")]).headers;
    response(looks).unwrap().prepare(&mut headers);
    assert_eq!((headers["accept-encoding"].as_bytes(), headers.get("range")), (&b"identity"[..], None));
}

#[test]
fn a_body_that_is_not_given_goes_on() {
    let route = "response = { status = { 200 = 203, 404 = 204 }, body = { add = { a = 1 } } }";
    let apply = |status: u16| {
        let (mut status, mut headers) = (StatusCode::from_u16(status).unwrap(), HeaderMap::new());
        let body = response(route).unwrap().apply(&incoming(), &mut status, &mut headers, None);
        (status.as_u16(), body)
    };
    assert_eq!(apply(200), (203, None));
    assert_eq!(apply(404), (204, Some(Bytes::new())), "a status without a body");
}
