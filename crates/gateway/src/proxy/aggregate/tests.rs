//! Aggregation as an operator writes it, with answers of parts.

use denizen_kit::problem::Problem;
use futures::FutureExt as _;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

#[derive(Deserialize)]
struct Route {
    aggregate: AggregateSpec,
}

fn aggregate(parts: &str) -> Result<Aggregate, String> {
    let route: Route =
        toml::from_str(&format!("aggregate = [{parts}]")).map_err(|error| error.to_string())?;
    let captured = ["id".to_owned()];
    route.aggregate.compile(&captured).map_err(|mistake| mistake.to_string())
}

/// What each part answers, by its target.
fn answer_of(target: &str) -> Result<PartAnswer, Problem> {
    let answer = |status: u16, headers: &[(&'static str, &'static str)], body: &'static str| {
        let mut map = HeaderMap::new();
        map.insert("content-type", HeaderValue::from_static("application/json"));
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        Ok((StatusCode::from_u16(status).unwrap(), map, Bytes::from_static(body.as_bytes())))
    };
    match target {
        "/user/7" => answer(
            201,
            &[("cache-control", "max-age=60"), ("age", "10")],
            r#"{"id":7,"n":1.00000000000000000001}"#,
        ),
        "/orders?of=7" => answer(
            200,
            &[("cache-control", "private, max-age=30"), ("x-total", "2")],
            r#"{"items":[1,2],"id":9}"#,
        ),
        "/silent" => answer(200, &[], "{}"),
        "/open" => answer(200, &[("cache-control", "public, s-maxage=9")], "{}"),
        "/closed" => answer(200, &[("cache-control", "no-store")], "{}"),
        "/mine" => answer(200, &[("cache-control", "private")], "{}"),
        "/strict" => answer(200, &[("cache-control", "max-age=8, must-revalidate")], "{}"),
        "/none" => answer(204, &[("cache-control", "max-age=5")], ""),
        "/forbidden" => {
            answer(403, &[("content-type", "application/problem+json")], r#"{"code":"forbidden"}"#)
        }
        "/broken" => answer(500, &[], "{}"),
        "/html" => answer(200, &[("content-type", "text/html")], "<p>"),
        "/gone" => {
            Err(Problem::unavailable("no target of the upstream answers")
                .caused_by(std::io::Error::other("x")))
        }
        _ => answer(404, &[], "{}"),
    }
}

async fn run(parts: &str) -> Result<(StatusCode, HeaderMap, Value), Failure> {
    let (headers, params) = (HeaderMap::new(), [("id", "7")].into_iter().collect());
    let asked = Asked { method: &Method::GET, query: "page=2", headers: &headers, params: &params };
    let call = |call: PartCall| {
        let answer = async move {
            if call.target == "/slow" {
                std::future::pending::<()>().await;
            }
            answer_of(call.target.as_str())
        };
        answer.boxed()
    };
    let response = aggregate(parts).unwrap().run(asked, call).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Ok((head.status, head.headers, serde_json::from_slice(&body).unwrap()))
}

const USER: &str = r#"{ name = "user", upstream = "denizen", path = "/user/{path.id}" }"#;
const ORDERS: &str = r#"{ name = "orders", upstream = "shop", path = "/orders", query = { of = "{path.id}", none = "{query.x}" }, pick = "/items", headers = ["x-total"] }"#;

#[tokio::test]
async fn parts_are_merged_by_name() {
    let (status, headers, body) = run(&format!("{USER}, {ORDERS}")).await.unwrap();
    assert_eq!(status, 200);
    assert_eq!(body["user"]["id"], 7);
    assert_eq!(body["orders"], json!([1, 2]));
    assert_eq!(headers["x-total"], "2");
    assert_eq!(headers["cache-control"], "private, max-age=30");
}

#[tokio::test]
async fn members_may_go_to_the_root_and_a_part_may_lead() {
    let parts = r#"{ name = "user", upstream = "denizen", path = "/user/{path.id}", merge_root = true, lead = true },
        { name = "rest", upstream = "shop", path = "/none" }"#;
    let (status, headers, body) = run(parts).await.unwrap();
    assert_eq!((status.as_u16(), &body["id"], &body["rest"]), (201, &json!(7), &Value::Null));
    assert_eq!(headers["cache-control"], "max-age=5");
}

#[tokio::test]
async fn what_caches_are_told_is_the_strictest_and_nothing_where_a_part_says_nothing() {
    for (paths, wanted) in [
        (["/open", "/open"], Some("public, max-age=9")),
        (["/open", "/none"], Some("max-age=5")),
        (["/open", "/strict"], Some("must-revalidate, max-age=8")),
        (["/open", "/silent"], None),
        (["/silent", "/silent"], None),
        (["/silent", "/closed"], Some("no-store")),
        (["/silent", "/mine"], Some("no-store")),
        (["/silent", "/strict"], Some("no-store")),
        (["/open", "/mine"], Some("no-store")),
    ] {
        let part =
            |name: &str, path: &str| format!(r#"{{ name = "{name}", upstream = "u", path = "{path}" }}"#);
        let parts = format!("{}, {}", part("a", paths[0]), part("b", paths[1]));
        let (_, headers, _) = run(&parts).await.unwrap();
        let said = headers.get("cache-control").map(|value| value.to_str().unwrap());
        assert_eq!(said, wanted, "{paths:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_optional_may_be_missing() {
    let optional = |name: &str, path: &str| {
        format!(
            r#"{{ name = "{name}", upstream = "shop", path = "{path}", optional = true, timeout = "1s" }}"#
        )
    };
    let parts = [
        USER.to_owned(),
        optional("a", "/slow"),
        optional("b", "/broken"),
        optional("c", "/html"),
        optional("d", "/forbidden"),
        optional("e", "/gone"),
    ];
    let (status, headers, body) = run(&parts.join(",")).await.unwrap();
    assert_eq!((status.as_u16(), headers["x-denizen-missing"].to_str().unwrap()), (200, "a, b, c, d, e"));
    assert_eq!(headers["cache-control"], "no-store");
    let said: Vec<(&str, u64)> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["code"].as_str().unwrap(), error["status"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        said,
        [
            ("timeout", 504),
            ("unavailable", 503),
            ("unavailable", 503),
            ("forbidden", 403),
            ("unavailable", 503)
        ]
    );
    assert_eq!((body["user"]["id"].as_i64(), &body["a"], &body["d"]), (Some(7), &Value::Null, &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn what_is_required_decides() {
    let with = |path: &str| format!(r#"{USER}, {{ name = "x", upstream = "shop", path = "{path}" }}"#);
    let (status, headers, body) = run(&with("/forbidden")).await.unwrap();
    assert_eq!((status.as_u16(), body), (403, json!({"code": "forbidden"})));
    assert_eq!(
        (headers["content-type"].to_str().unwrap(), headers["cache-control"].to_str().unwrap()),
        ("application/problem+json", "no-store")
    );
    for path in ["/broken", "/html", "/gone", "/slow"] {
        let failure = run(&with(path)).await.unwrap_err().render("", "");
        assert_eq!(failure.status(), 502, "{path}");
        assert!(failure.headers().contains_key("retry-after"));
    }
}

#[tokio::test]
async fn only_reading_is_aggregated() {
    let (headers, params) = (HeaderMap::new(), Params::default());
    let asked = Asked { method: &Method::POST, query: "", headers: &headers, params: &params };
    let refused = aggregate(USER).unwrap().run(asked, |_| unreachable!()).await.unwrap_err();
    assert_eq!(refused.code(), Code::MethodNotAllowed);
}

#[test]
fn a_mistake_names_the_part_and_what_to_write() {
    let part = |more: &str| format!(r#"{{ name = "a", upstream = "u", path = "/x", {more} }}"#);
    let many = (0..11)
        .map(|n| format!(r#"{{ name = "p{n}", upstream = "u", path = "/x" }}"#))
        .collect::<Vec<_>>()
        .join(",");
    for (parts, wanted) in [
        (String::new(), "aggregate: 0 parts; write 1 to 10"),
        (many, "aggregate: 11 parts; write 1 to 10"),
        (format!("{USER},{USER}"), "aggregate[1].name: `user` is the name of another part"),
        (part(r#"path2 = "x""#), "unknown field `path2`"),
        (part(r#"timeout = "fast""#), "aggregate[0].timeout: `fast`"),
        (part(r#"method = "POST""#), "aggregate[0].method: `POST`: parts only read"),
        (
            part(r#"query = { a = "{/x}" }"#),
            "aggregate[0].query.a: `{/x}` is no reference here; write path.name",
        ),
        (part(r#"headers = ["etag"]"#), "aggregate[0].headers: `etag` is no header of a part"),
        (part("optional = true, lead = true"), "aggregate[0].lead: a part that may be missing"),
        (r#"{ name = "errors", upstream = "u", path = "/x" }"#.to_owned(), "but not `errors`"),
        (r#"{ name = "a", upstream = "u", path = "x" }"#.to_owned(), "aggregate[0].path: `x` is no path"),
    ] {
        let said = aggregate(&parts).unwrap_err();
        assert!(said.contains(wanted), "{said}");
    }
}
