//! Limits of routes, as clients and operators see them.

use http::Response;

use crate::setting::{app, config, get, send_to};

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
