//! Limits of routes, as clients and operators see them.

use http::Response;

use crate::setting::{app, config, get, post, send_to};

/// A header of an answer; empty when it is not there.
fn header<'a>(response: &'a Response<()>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_paths_of_a_route_count_together() {
    let app = app(config(
        r#"
        [[gateway.routes]]
        name = "about"
        match = { path = ["/about", "/info/{of}", "/über"] }
        upstream = "denizen"
        rewrite = "/info"
        rate_limit = { quota = 3, window = "1h", per = "route" }
        "#,
    ));
    for (path, left) in [("/about", 2), ("/info/this", 1), ("/%C3%BCber", 0)] {
        let response = send_to(&app, get(path)).await.0;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(header(&response, "ratelimit-policy"), "\"about\";q=3;w=3600");
        let state = header(&response, "ratelimit");
        assert!(state.starts_with(&format!("\"about\";r={left};")), "{path}: {state}");
    }
    for path in ["/about", "/info/that", "/%C3%BCber"] {
        assert_eq!(send_to(&app, get(path)).await.0.status(), 429, "{path}");
    }
}

#[tokio::test]
async fn a_failure_that_was_counted_tells_what_is_left() {
    let app = app(config(
        r#"
        [[gateway.upstreams]]
        name = "shop"
        targets = [{ url = "http://127.0.0.1:9" }]

        [[gateway.routes]]
        name = "shop"
        match = { path = "/shop" }
        upstream = "shop"
        auth = "none"
        body_limit = "1B"
        rate_limit = { quota = 3, window = "1h", per = "route" }

        [[gateway.routes]]
        name = "mine"
        match = { path = "/mine" }
        upstream = "denizen"
        rewrite = "/problems/of-nobody"
        rate_limit = [
            { quota = 9, window = "1h", per = "route" },
            { quota = 2, window = "1m", per = "route", observe = true },
            { quota = 2, window = "1h", per = "route" },
        ]
        "#,
    ));
    for (request, status, left) in [
        (get("/shop"), 502, 2),
        (post("/shop", "{}"), 413, 1),
        (get("/shop"), 502, 0),
        (get("/shop"), 429, 0),
    ] {
        let response = send_to(&app, request).await.0;
        assert_eq!(response.status().as_u16(), status);
        let state = header(&response, "ratelimit");
        assert!(state.starts_with(&format!("\"shop\";r={left};")), "{status}: {state}");
        assert_eq!(header(&response, "ratelimit-policy"), "\"shop\";q=3;w=3600", "{status}");
    }
    for (status, left) in [(404, [8, 1]), (404, [7, 0]), (429, [0, 6])] {
        let response = send_to(&app, get("/mine")).await.0;
        assert_eq!(response.status().as_u16(), status);
        let states = response.headers().get_all("ratelimit").iter().map(|value| value.to_str().unwrap());
        let told: Vec<&str> = states.map(|state| state.split(';').nth(1).unwrap()).collect();
        assert_eq!(told, left.map(|left| format!("r={left}")), "{status}: what refuses stands first");
    }
}
