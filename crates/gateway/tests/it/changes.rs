//! Routes that change requests and answers, and dialects, at the door.

use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::setting::{app, config, get, post, send_to};

fn route(path: &str, more: &str) -> String {
    format!(
        "[[gateway.routes]]\nname = \"changed\"\nmatch = {{ path = \"{path}\" }}\nupstream = \"denizen\"\n{more}\n"
    )
}

#[tokio::test]
async fn a_route_changes_request_and_answer() {
    let more = r#"request = { path = "/{path.what}" }
response = { status = 203, headers = { set = { x-version = "{/version}" } }, body = { keep = ["/name"], add = { asked = "{path.what}", page = "{query.page}" } } }"#;
    let app = app(config(&route("/about/{what}", more)));
    let (response, body) = send_to(&app, get("/about/info?page=2")).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["x-version"]),
        (203, &"1.2.3".parse().unwrap())
    );
    assert_eq!(body, json!({ "name": "denizen", "asked": "info", "page": "2" }));
    assert_eq!(response.headers()["cache-control"], "no-store");
    let (response, body) = send_to(&app, get("/about/problems")).await;
    assert_eq!(
        (response.status().as_u16(), &body["code"]),
        (203, &json!("not_found")),
        "the status is the route's"
    );
}

#[tokio::test]
async fn a_problem_is_changed_only_by_a_step_that_names_its_status() {
    let plain = route(
        "/x",
        r#"request = { path = "/nowhere" }
response = { body = { add = { extra = 1 } } }"#,
    );
    let (response, body) = send_to(&app(config(&plain)), get("/x")).await;
    assert_eq!(
        (response.status().as_u16(), &body["code"], body.get("extra")),
        (404, &json!("not_found"), None)
    );
    let named = route(
        "/x",
        r#"request = { path = "/nowhere" }
response = { when = { status = ["4xx"] }, status = 200, body = { keep = ["code"] } }"#,
    );
    let (response, body) = send_to(&app(config(&named)), get("/x")).await;
    assert_eq!((response.status().as_u16(), body), (200, json!({ "code": "not_found" })));
}

#[tokio::test]
async fn a_dialect_can_be_replaced_and_switched_off() {
    let own = route("/register", r#"request = { method = "GET", path = "/info" }"#);
    assert_eq!(send_to(&app(config(&own)), post("/register", "{}")).await.1["version"], "1.2.3");
    let (response, body) = send_to(&app(config("")), post("/register", "{}")).await;
    assert_eq!((response.status().as_u16(), body["errors"].as_array().unwrap().len()), (422, 3));
    let off = app(config("[gateway]\ndialects = [\"rest-crud\"]"));
    assert_eq!(send_to(&off, post("/register", "{}")).await.0.status(), 404);
    assert_eq!(send_to(&off, post("/api/auth/register", "{}")).await.0.status(), 422);
}

#[tokio::test]
async fn pages_may_call_a_dialect_as_they_may_call_the_api() {
    let app = app(config("[gateway.cors]\norigins = [\"https://app.example\"]"));
    let ask = Request::options("/updateProfile")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "PUT");
    let (response, _) = send_to(&app, ask.body(Body::empty()).unwrap()).await;
    let header = |name: &str| response.headers()[name].to_str().unwrap();
    assert_eq!(
        (response.status().as_u16(), header("access-control-allow-methods")),
        (204, "OPTIONS, POST, PUT")
    );
    assert_eq!(header("access-control-allow-origin"), "https://app.example");
}

#[tokio::test]
async fn tries_by_a_dialect_are_tries() {
    let app = app(config("[gateway.limits]\nauth_per_ip = \"2/1m\""));
    let login = || {
        let mut request = post("/login", "{}");
        request
            .extensions_mut()
            .insert(axum::extract::ConnectInfo(std::net::SocketAddr::from(([192, 0, 2, 1], 9))));
        request.headers_mut().insert("host", "localhost".parse().unwrap());
        request
    };
    for status in [422, 422, 429] {
        assert_eq!(send_to(&app, login()).await.0.status().as_u16(), status);
    }
}
