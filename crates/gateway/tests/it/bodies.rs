//! Bodies of requests on routes: how large they may be, and who reads them.

use axum::body::Body;
use denizen_gateway::Config;
use http::Request;
use serde_json::json;

use crate::setting::{app, config, post, send_to};
use crate::upstream::Upstream;
use crate::upstreams::route;

/// Text of so many bytes.
fn text(length: usize) -> String {
    "x".repeat(length)
}

/// Settings with an upstream `shop` and these routes.
fn with_shop(upstream: &Upstream, routes: &str) -> Config {
    let config = config(&(upstream.toml("shop") + routes));
    assert_eq!(denizen_gateway::check_routes(&config), Vec::<String>::new());
    config
}

#[tokio::test]
async fn a_body_that_is_changed_has_the_limit_of_its_route_too() {
    let upstream = Upstream::start().await;
    let changed = route("/shop/x", "auth = \"none\"\nbody_limit = \"3MiB\"\nrequest = { body = {} }");
    let app = app(with_shop(&upstream, &changed));
    let body = |length: usize| json!({ "text": text(length) }).to_string();
    let (response, asked) = send_to(&app, post("/shop/x", &body(2 << 20))).await;
    assert_eq!((response.status().as_u16(), asked["body"] == body(2 << 20)), (200, true));
    assert_eq!(send_to(&app, post("/shop/x", &body(4 << 20))).await.0.status(), 413);
}

#[tokio::test]
async fn a_body_that_is_changed_has_the_limit_of_all_where_its_route_says_nothing() {
    let upstream = Upstream::start().await;
    let app = app(with_shop(&upstream, &route("/shop/x", "auth = \"none\"\nrequest = { body = {} }")));
    let body = json!({ "text": text(2 << 20) }).to_string();
    assert_eq!(send_to(&app, post("/shop/x", &body)).await.0.status(), 413);
}

/// A route that a member of the body decides on, and one that takes all else at the same path.
const BY_KIND: &str = r#"
[[gateway.routes]]
name = "order"
match = { path = "/inbox", body = { "/kind" = "order" } }
upstream = "shop"
rewrite = "/orders"
auth = "none"

[[gateway.routes]]
name = "rest"
match = { path = "/inbox" }
upstream = "shop"
auth = "none"
body_limit = "100MiB"
"#;

#[tokio::test]
async fn a_route_by_body_leaves_the_bodies_of_others_as_they_are() {
    const ORDER: &str = r#"{"kind":"order"}"#;
    const TWICE: &str = r#"{"kind":"order","kind":"x"}"#;
    let upstream = Upstream::start().await;
    let app = app(with_shop(&upstream, BY_KIND));
    let long = format!(r#"{{"kind":"order","text":"{}"}}"#, text(3 << 20));
    for (content_type, body, target) in [
        ("application/json", ORDER, "/orders"),
        ("application/vnd.shop+json; charset=utf-8", ORDER, "/orders"),
        ("application/octet-stream", ORDER, "/inbox"),
        ("application/octet-stream", long.as_str(), "/inbox"),
        ("application/json", TWICE, "/inbox"),
        ("application/json", "no json", "/inbox"),
        ("application/json", long.as_str(), "/inbox"),
    ] {
        let named = Request::post("/inbox").header("content-type", content_type);
        let announced =
            Request::post("/inbox").header("content-type", content_type).header("content-length", body.len());
        let chunks: Vec<_> = body.as_bytes().chunks(64 << 10).map(<[u8]>::to_vec).collect();
        let chunks = futures::stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
        for request in [
            named.body(Body::from_stream(chunks)).unwrap(),
            announced.body(Body::from(body.to_owned())).unwrap(),
        ] {
            let (response, asked) = send_to(&app, request).await;
            let (status, length) = (response.status().as_u16(), body.len());
            assert_eq!((status, &asked["target"]), (200, &json!(target)), "{content_type}, {length} bytes");
            assert!(asked["body"] == body, "{content_type}: {length} bytes went on as they came");
        }
    }
}

#[tokio::test]
async fn what_a_route_by_body_does_not_read_has_the_limit_of_the_route_that_takes_it() {
    let upstream = Upstream::start().await;
    let app = app(with_shop(&upstream, &BY_KIND.replace("100MiB", "2MiB")));
    let chunks = (0..3).map(|_| Ok::<_, std::io::Error>(text(1 << 20)));
    let request = Request::post("/inbox").header("content-type", "application/json");
    let request = request.body(Body::from_stream(futures::stream::iter(chunks))).unwrap();
    assert_eq!(send_to(&app, request).await.0.status(), 413);
}
