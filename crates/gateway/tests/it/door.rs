use axum::body::Body;
use http::{Method, Request};
use serde_json::json;
use tower::ServiceExt;

use crate::setting::{app, config, get, post, send, send_to};

#[tokio::test]
async fn an_unknown_path_is_a_problem_with_the_request_id() {
    let request = Request::get("/nowhere").header("x-request-id", "r-1").body(Body::empty()).unwrap();
    let (response, body) = send(request).await;
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["x-request-id"], "r-1");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!((&body["code"], &body["request_id"]), (&json!("not_found"), &json!("r-1")));
    assert_eq!(body["type"], "http://127.0.0.1:8080/problems/not_found");
}

#[tokio::test]
async fn a_wrong_method_names_the_right_ones() {
    let request = Request::builder().method(Method::DELETE).uri("/api/v1/users").body(Body::empty()).unwrap();
    let (response, body) = send(request).await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "GET, POST, HEAD, OPTIONS");
    assert_eq!(body["code"], "method_not_allowed");
}

#[tokio::test]
async fn a_trailing_slash_is_dropped() {
    for path in ["/api/v1/auth/me", "/api/v1/auth/me/", "/api/v1/auth/me/?x=1", "/health/live/"] {
        let (response, _) = send(get(path)).await;
        assert_ne!(response.status(), 404, "{path}");
    }
    assert_eq!(send(get("/api/v1/auth/me//")).await.0.status(), 400);
}

#[tokio::test]
async fn paths_that_can_be_read_in_two_ways_are_refused() {
    for path in [
        "/health/../api/v1/users",
        "/api/v1/%2e%2e/users",
        "//api/v1/users",
        "/api/v1/users;x",
        "/api/v1/users%2fme",
        "/api/v1/users/%252e",
    ] {
        let (response, body) = send(get(path)).await;
        assert_eq!((response.status().as_u16(), &body["code"]), (400, &json!("malformed_request")), "{path}");
    }
}

#[tokio::test]
async fn two_hosts_are_refused() {
    let request =
        Request::get("/").header("host", "a.test").header("host", "b.test").body(Body::empty()).unwrap();
    assert_eq!(send(request).await.0.status(), 400);
}

#[tokio::test]
async fn who_needs_a_token_and_has_none_or_a_bad_one_gets_401() {
    for path in ["/api/v1/auth/me", "/api/v1/users/me", "/api/v1/users/me/preferences"] {
        let (response, body) = send(get(path)).await;
        assert_eq!((response.status().as_u16(), &body["code"]), (401, &json!("unauthenticated")), "{path}");
        assert!(response.headers().contains_key("www-authenticate"));
    }
    let request =
        Request::get("/api/v1/users").header("authorization", "Bearer x").body(Body::empty()).unwrap();
    assert_eq!(send(request).await.0.status(), 401);
}

#[tokio::test]
async fn an_old_token_does_not_keep_anybody_from_logging_in() {
    for path in [
        "/api/v1/auth/login",
        "/api/v1/auth/refresh",
        "/api/v1/users",
        "/api/v1/password/forgot",
        "/api/v1/password/reset",
    ] {
        let mut request = post(path, "{}");
        request.headers_mut().insert("authorization", "Bearer x".parse().unwrap());
        let (response, body) = send(request).await;
        assert_eq!((response.status().as_u16(), &body["code"]), (422, &json!("validation_failed")), "{path}");
    }
    assert_eq!(send(get("/health/live")).await.0.status(), 200);
}

#[tokio::test]
async fn only_json_objects_are_read() {
    let plain =
        Request::post("/api/v1/users").header("content-type", "text/plain").body(Body::from("{}")).unwrap();
    assert_eq!(send(plain).await.0.status(), 415);
    let form =
        Request::post("/api/v1/password/forgot").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(send(form.body(Body::from("email=v@x&email=e@x")).unwrap()).await.0.status(), 415);
    for body in ["", "[]", "{", r#"{"email":"a","email":"b"}"#] {
        let (response, body) = send(post("/api/v1/users", body)).await;
        assert_eq!((response.status().as_u16(), &body["code"]), (400, &json!("malformed_request")));
    }
    let (response, body) =
        send(post("/api/v1/password/forgot", r#"{"email":["v@x.test","evil@x.test"]}"#)).await;
    assert_eq!((response.status().as_u16(), &body["errors"][0]["pointer"]), (400, &json!("/email")));
}

#[tokio::test]
async fn all_missing_fields_come_at_once() {
    let (response, body) = send(post("/api/v1/users", r#"{"username":"ada"}"#)).await;
    assert_eq!(response.status(), 422);
    let errors = body["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/name", "/email", "/password"]);
    assert!(errors.iter().all(|error| error["code"] == "required"));
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let small = || app(config("[gateway]\nbody_limit = \"64B\""));
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(100));
    let (response, body) = send_to(&small(), post("/api/v1/users", &long)).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (413, &json!("payload_too_large")));
    let chunks = futures::stream::iter((0..10).map(|_| Ok::<_, std::io::Error>("x".repeat(10))));
    let request = Request::post("/api/v1/users").header("content-type", "application/json");
    let (response, _) = send_to(&small(), request.body(Body::from_stream(chunks)).unwrap()).await;
    assert_eq!(response.status(), 413);
}

#[tokio::test]
async fn a_bad_idempotency_key_is_refused() {
    let mut request = post("/api/v1/users", "{}");
    request.headers_mut().insert("idempotency-key", "x".repeat(256).parse().unwrap());
    assert_eq!(send(request).await.0.status(), 400);
}

#[tokio::test]
async fn a_role_that_runs_nowhere_is_503_and_names_the_setting() {
    let body = r#"{"name":"Ada","email":"ada@x.test","password":"correct horse"}"#;
    let (response, body) = send(post("/api/v1/users", body)).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (503, &json!("unavailable")));
    assert!(body["detail"].as_str().unwrap().contains("services.users.url"));
    assert!(response.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn tries_for_one_identifier_are_limited() {
    let app = app(config("[gateway.limits]\nauth_per_account = \"2/1m\""));
    let login = || post("/api/v1/auth/login", r#"{"email":" Ada@x.test","password":"x"}"#);
    for _ in 0..2 {
        assert_eq!(send_to(&app, login()).await.0.status(), 503);
    }
    let (response, body) = send_to(&app, login()).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (429, &json!("rate_limited")));
    assert_eq!(response.headers()["ratelimit-policy"], "\"auth_per_account\";q=2;w=60");
    assert!(response.headers()["ratelimit"].to_str().unwrap().starts_with("\"auth_per_account\";r=0;t="));
    assert!(response.headers().contains_key("retry-after"));
    let other = post("/api/v1/auth/login", r#"{"email":"eve@x.test","password":"x"}"#);
    assert_eq!(send_to(&app, other).await.0.status(), 503);
}

#[tokio::test]
async fn limits_can_be_switched_off() {
    let app = app(config("[gateway.limits]\nenabled = false\nglobal = \"1/1m\""));
    for _ in 0..5 {
        assert_eq!(send_to(&app, get("/info")).await.0.status(), 200);
    }
}

#[tokio::test]
async fn the_global_limit_spares_probes() {
    let app = app(config("[gateway.limits]\nglobal = \"1/1m\""));
    assert_eq!(send_to(&app, get("/info")).await.0.status(), 200);
    assert_eq!(send_to(&app, get("/info")).await.0.status(), 429);
    assert_eq!(send_to(&app, get("/health/live")).await.0.status(), 200);
}

#[tokio::test]
async fn other_origins_read_answers_only_when_they_are_named() {
    let app = app(config("[gateway.cors]\norigins = [\"https://app.example\"]"));
    let preflight = |origin: &str| {
        let request =
            Request::builder().method(Method::OPTIONS).uri("/api/v1/users").header("origin", origin);
        request.header("access-control-request-method", "POST").body(Body::empty()).unwrap()
    };
    let (response, _) = send_to(&app, preflight("https://app.example")).await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example");
    assert!(response.headers()["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    let (response, _) = send_to(&app, preflight("https://evil.test")).await;
    assert!(!response.headers().contains_key("access-control-allow-origin"));
    assert!(!response.headers().contains_key("access-control-allow-methods"));
    assert_eq!(response.headers()["vary"], "Origin", "another origin gets another answer");
    let (response, _) = send_to(&app, get("/info")).await;
    assert_eq!(response.headers()["vary"], "Origin", "a cache must not keep this one for those that may");
    assert!(!send(get("/info")).await.0.headers().contains_key("vary"), "where none may, all get the same");
}

#[tokio::test]
async fn more_requests_at_once_than_are_allowed_are_refused_and_health_never_is() {
    let app = app(config("gateway.max_in_flight = 1\n"));
    let ask = async |path: &'static str| denizen_gateway::router(&app).oneshot(get(path)).await.unwrap();
    // Its answer is there, but nobody has read it yet.
    let held = ask("/openapi.json").await;
    assert_eq!(held.status(), 200);
    let (refused, body) = send_to(&app, get("/openapi.json")).await;
    assert_eq!((refused.status().as_u16(), &body["code"]), (503, &json!("overloaded")));
    assert_eq!(refused.headers()["retry-after"], "1");
    for probe in ["/health/live", "/health/ready"] {
        assert_ne!(send_to(&app, get(probe)).await.1["code"], "overloaded", "{probe}");
    }
    drop(held);
    assert_eq!(ask("/openapi.json").await.status(), 200);
}

#[tokio::test]
async fn a_subnet_has_a_limit_where_it_is_set() {
    let app = app(config("gateway.limits.per_subnet = \"2/1h\"\n"));
    let ask = async |ip: &str| {
        let peer: std::net::SocketAddr = format!("{ip}:4000").parse().unwrap();
        let mut request = get("/");
        request.headers_mut().insert("host", "127.0.0.1:8080".parse().unwrap());
        request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        send_to(&app, request).await.0
    };
    for ip in ["192.0.2.1", "192.0.2.2"] {
        assert_eq!(ask(ip).await.status(), 200);
    }
    let refused = ask("192.0.2.3").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["ratelimit-policy"], "\"per_subnet\";q=2;w=3600");
    assert_eq!(ask("192.0.3.1").await.status(), 200);
}
