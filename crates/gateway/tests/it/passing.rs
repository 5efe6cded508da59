//! What goes on to an upstream and comes back, and what does not.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::hall::{exchange, start};
use crate::setting::{app, config, get, send_to};
use crate::upstream::{Upstream, start_echo};
use crate::upstreams::route;

#[tokio::test]
async fn a_kept_answer_is_for_the_host_in_its_key_whatever_a_trusted_proxy_passes_on() {
    let upstream = Upstream::start().await;
    let toml = "[gateway]\ntrusted_proxies = \"127.0.0.1\"\n".to_owned()
        + &upstream.toml("shop")
        + &route("/shop/{*rest}", "auth = \"none\"\ncache = { ttl = \"30s\" }");
    let app = app(config(&toml));
    let from_proxy = |host: &str| {
        let mut request = get("/shop/page");
        request
            .extensions_mut()
            .insert(axum::extract::ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 9))));
        for (name, value) in [("host", "shop.example"), ("x-forwarded-host", host)] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request
    };
    let (_, asked) = send_to(&app, from_proxy("evil.example")).await;
    assert_eq!(asked["headers"]["x-forwarded-host"], json!(["shop.example"]));
    let (response, asked) = send_to(&app, from_proxy("other.example")).await;
    assert!(response.headers()["cache-status"].to_str().unwrap().contains("hit"));
    assert_eq!(asked["headers"]["x-forwarded-host"], json!(["shop.example"]));
}

#[tokio::test]
async fn the_parts_of_an_aggregate_get_the_request_as_its_route_changes_it() {
    let upstream = Upstream::start().await;
    let all = r#"
        [[gateway.routes]]
        name = "all"
        match = { path = "/all" }
        auth = "none"
        request = { headers = { remove = ["cookie"], set = { x-from = "denizen" } }, query = { default = { page = "1" } } }
        aggregate = [{ name = "seen", upstream = "shop", path = "/seen", query = { page = "{query.page}" } }]
    "#;
    let app = app(config(&(upstream.toml("shop") + all)));
    let mut request = get("/all");
    request.headers_mut().insert("cookie", "a=b".parse().unwrap());
    let (response, body) = send_to(&app, request).await;
    assert_eq!((response.status().as_u16(), &body["seen"]["target"]), (200, &json!("/seen?page=1")));
    let headers = &body["seen"]["headers"];
    assert_eq!((&headers["cookie"], &headers["x-from"]), (&json!(null), &json!(["denizen"])));
}

#[tokio::test]
async fn a_preflight_whose_answer_is_left_to_the_upstream_needs_no_token() {
    let upstream = Upstream::start().await;
    let routes = route("/shop/{*rest}", "rate_limit = { quota = 3, window = \"1m\", per = \"route\" }")
        + &route("/order", "method = \"POST\"").replace("name = \"shop\"", "name = \"order\"");
    let app = app(config(&(upstream.toml("shop") + &routes)));
    let options = |path: &str, headers: &[(&'static str, &'static str)]| {
        let request = Request::options(path).header("access-control-request-method", "PUT");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(Body::from("body")).unwrap()
    };
    let origin = ("origin", "https://app.example");
    let extra = [origin, ("authorization", "Bearer x"), ("x-http-method-override", "DELETE")];
    let (response, asked) = send_to(&app, options("/shop/x", &extra)).await;
    assert_eq!((response.status().as_u16(), &asked["method"]), (200, &json!("OPTIONS")));
    assert_eq!(asked["headers"]["origin"], json!(["https://app.example"]));
    for name in ["authorization", "x-http-method-override", "x-denizen-user"] {
        assert!(asked["headers"][name].is_null(), "{name}: {asked}");
    }
    assert_eq!(asked["body"], "");
    let refused = [
        options("/shop/x", &[]),
        options("/order", &[origin]),
        get("/shop/x"),
        Request::options("/shop/x").header("origin", "https://app.example").body(Body::empty()).unwrap(),
    ];
    for request in refused {
        let told = format!("{request:?}");
        assert_eq!(send_to(&app, request).await.0.status(), 401, "{told}");
    }
    for status in [200, 200, 429] {
        let (response, _) = send_to(&app, options("/shop/x", &[origin])).await;
        assert_eq!(response.status().as_u16(), status, "the limits of the route hold");
    }
}

#[tokio::test]
async fn an_upstream_that_leaves_http_unasked_is_not_followed() {
    let echo = start_echo("echo").await;
    let toml = format!("[[gateway.upstreams]]\nname = \"shop\"\ntargets = [{{ url = \"http://{echo}\" }}]\n");
    let app = app(config(&(toml + &route("/shop/{*rest}", "auth = \"none\""))));
    let (response, body) = send_to(&app, get("/shop/x")).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (502, &json!("unavailable")));
}

/// What the upstream was asked with a body of this type and these trailers, by HTTP/1.
async fn asked_with_trailers(content_type: &str) -> Value {
    let upstream = Upstream::start().await;
    let toml = upstream.toml("shop") + &route("/shop/{*rest}", "auth = \"none\"");
    let (address, tasks, _) = start(config(&toml)).await;
    let request = format!(
        "POST /shop/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
         Transfer-Encoding: chunked\r\nTrailer: X-Denizen-User, X-Forwarded-For, X-Sum\r\n\r\n\
         4\r\nbody\r\n0\r\nX-Denizen-User: admin\r\nX-Forwarded-For: 6.6.6.6\r\nX-Sum: 1\r\n\r\n"
    );
    let answer = exchange(address, &request).await;
    tasks.stop().await;
    let (start, end) = (answer.find('{').unwrap(), answer.rfind('}').unwrap());
    serde_json::from_str(&answer[start..=end]).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[tokio::test]
async fn nobody_says_behind_a_body_what_only_the_gateway_says() {
    let asked = asked_with_trailers("text/plain").await;
    assert_eq!((&asked["body"], &asked["trailers"]), (&json!("body"), &json!({})));
    assert!(asked["headers"]["trailer"].is_null(), "{asked}");
    let asked = asked_with_trailers("application/grpc").await;
    assert_eq!((&asked["body"], &asked["trailers"]), (&json!("body"), &json!({ "x-sum": ["1"] })));
    assert_eq!(asked["headers"]["trailer"], json!(["X-Sum"]));
}
