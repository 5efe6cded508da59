//! Bodies of requests on routes: how large they may be, and who reads them.

use denizen_gateway::Config;
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
