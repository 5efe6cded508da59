//! The cache of answers at routes: what is made of several answers, and what is made here.

use std::sync::Arc;

use denizen_gateway::App;
use http::Response;
use serde_json::Value;

use crate::setting::{app, config, get, send_to};
use crate::upstream::Upstream;

/// A route that puts an answer of this system and one of `shop` together, neither of which says how long it holds.
const HOME: &str = r#"
[[gateway.routes]]
name = "home"
match = { path = "/home" }
auth = "none"
aggregate = [
    { name = "about", upstream = "denizen", path = "/info" },
    { name = "shop", upstream = "shop", path = "/x" },
]
"#;

async fn ask(app: &Arc<App>) -> (Response<()>, Value) {
    let (response, told) = send_to(app, get("/home")).await;
    assert_eq!((response.status().as_u16(), &told["shop"]["target"]), (200, &Value::from("/x")), "{told}");
    assert_eq!(response.headers()["cache-control"], "no-store", "it is for no cache but the route's");
    (response, told)
}

#[tokio::test]
async fn an_aggregate_whose_parts_say_nothing_is_kept_for_the_time_of_its_route_only() {
    let upstream = Upstream::start().await;
    // What the upstream was asked has the id of the request in it: two answers are never the same.
    for (cache, is_kept) in [("", false), ("cache = {}", false), ("cache = { ttl = \"1h\" }", true)] {
        let app = app(config(&format!("{}{HOME}{cache}\n", upstream.toml("shop"))));
        let (_, first) = ask(&app).await;
        let (response, second) = ask(&app).await;
        assert_eq!(first == second, is_kept, "{cache}");
        let status = response.headers().get("cache-status").map_or("", |value| value.to_str().unwrap());
        assert_eq!(status.contains("hit"), is_kept, "{cache}: {status}");
    }
}

#[tokio::test]
async fn what_this_system_answers_itself_has_no_cache() {
    let own = "[[gateway.routes]]\nname = \"about\"\nmatch = { path = \"/about\" }\nupstream = \"denizen\"\n\
               rewrite = \"/info\"\ncache = { ttl = \"1m\" }\n";
    let mistakes = denizen_gateway::check_routes(&config(own));
    assert_eq!(mistakes, ["route about: cache: what this system answers itself is never kept; leave it out"]);
    let own = own.replace("cache = { ttl = \"1m\" }", "");
    let (response, _) = send_to(&app(config(&own)), get("/about")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
}
