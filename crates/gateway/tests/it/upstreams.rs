//! Routes to other services, over sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use denizen_gateway::Config;
use denizen_kit::task::Tasks;
use http::{HeaderMap, Request};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::setting::{app, config, get, post, send_to};
use crate::upstream::Upstream;

/// How long a test waits before it fails.
const LIMIT: Duration = Duration::from_secs(10);

pub(crate) fn route(path: &str, more: &str) -> String {
    format!(
        "[[gateway.routes]]\nname = \"shop\"\nmatch = {{ path = \"{path}\" }}\nupstream = \"shop\"\n{more}\n"
    )
}

async fn open_shop(more: &str) -> (Upstream, Config) {
    let upstream = Upstream::start().await;
    let toml = upstream.toml("shop") + &route("/shop/{*rest}", &format!("auth = \"none\"\n{more}"));
    let config = config(&toml);
    assert_eq!(denizen_gateway::check_routes(&config), Vec::<String>::new());
    (upstream, config)
}

/// Serves a gateway on a socket.
pub(crate) async fn serve(config: Config) -> (SocketAddr, Arc<denizen_gateway::App>, Tasks) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (app, tasks) = (app(config), Tasks::new());
    let (serving, stopping) = (app.clone(), tasks.clone());
    tokio::spawn(async move { denizen_gateway::serve(serving, listener, &stopping).await });
    (address, app, tasks)
}

/// Sends bytes and reads until the other side closes.
async fn exchange(address: SocketAddr, bytes: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut answer)).await.expect("it closes").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// What the upstream was asked, out of an answer on the wire.
fn told(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let (start, end) = (body.find('{').unwrap(), body.rfind('}').unwrap());
    serde_json::from_str(&body[start..=end]).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[tokio::test]
async fn an_upstream_gets_the_request_under_its_own_path() {
    let (_upstream, config) = open_shop("strip_prefix = \"/shop\"").await;
    let app = app(config);
    let (response, asked) = send_to(&app, post("/shop/orders/7?x=1&x=2", "{\"a\":1}")).await;
    assert_eq!(response.status(), 200);
    assert_eq!((&asked["method"], &asked["target"]), (&json!("POST"), &json!("/orders/7?x=1&x=2")));
    assert_eq!(asked["body"], "{\"a\":1}");
    assert!(response.headers().contains_key("x-request-id"));
    assert_eq!(asked["headers"]["x-request-id"][0], response.headers()["x-request-id"].to_str().unwrap());
    assert_eq!(send_to(&app, get("/shop")).await.1["target"], "/");
}

#[tokio::test]
async fn what_a_client_says_of_itself_reaches_no_upstream() {
    let (_upstream, config) = open_shop("").await;
    let (address, _, tasks) = serve(config).await;
    let spoofed = "GET /shop/x HTTP/1.1\r\nHost: shop.example\r\nX-Denizen-User: admin\r\nX_Denizen_User: admin\r\n\
                   X-Denizen-Roles: admin\r\nX-Denizen-Token: a.b.c\r\nX-Forwarded-For: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\n\
                   X-Secret: 1\r\nConnection: close, x-secret, x-request-id, x-forwarded-for, host\r\n\r\n";
    let asked = told(&exchange(address, spoofed).await);
    let headers = asked["headers"].as_object().unwrap();
    let names: Vec<&String> =
        headers.keys().filter(|name| name.replace('_', "-").starts_with("x-denizen")).collect();
    assert_eq!(names, Vec::<&String>::new());
    assert!(!headers.contains_key("x-secret"), "what concerns one connection stays on it");
    assert_eq!(headers["x-forwarded-for"], json!(["127.0.0.1"]));
    assert_eq!(headers["host"], json!(["shop.example"]), "a client names away nothing of ours");
    assert!(headers.contains_key("x-request-id") && !headers.contains_key("forwarded"));
    let twice =
        "GET /shop/x HTTP/1.1\r\nHost: shop.example\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert!(exchange(address, twice).await.starts_with("HTTP/1.1 400"));
    tasks.stop().await;
}

#[tokio::test]
async fn a_credential_that_is_not_looked_at_goes_on_unless_the_route_takes_it_off() {
    let ask = async |config: Config, credential: &str| {
        let mut request = get("/shop/x");
        request.headers_mut().insert("authorization", credential.parse().unwrap());
        let (response, asked) = send_to(&app(config), request).await;
        assert_eq!(response.status(), 200, "{asked}");
        asked["headers"]["authorization"].clone()
    };
    for credential in ["Basic eDp5", "Bearer of-another-house"] {
        let (_upstream, config) = open_shop("").await;
        assert_eq!(ask(config, credential).await, json!([credential]));
        let (_upstream, config) = open_shop("request = { headers = { remove = [\"authorization\"] } }").await;
        assert_eq!(ask(config, credential).await, Value::Null);
    }
}

#[tokio::test]
async fn a_body_has_the_limit_of_its_route() {
    let (_upstream, config) = open_shop("body_limit = \"10B\"").await;
    let app = app(config);
    assert_eq!(send_to(&app, post("/shop/x", "0123456789")).await.0.status(), 200);
    let (response, body) = send_to(&app, post("/shop/x", "0123456789a")).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (413, &json!("payload_too_large")));
    let chunks = futures::stream::iter((0..3).map(|_| Ok::<_, std::io::Error>("01234567")));
    let request = Request::post("/shop/x").body(Body::from_stream(chunks)).unwrap();
    assert_eq!(send_to(&app, request).await.0.status(), 413, "whatever length it says");
}

/// Lets pages of an origin send credentials.
async fn let_in() -> impl IntoResponse {
    [
        ("access-control-allow-origin", "https://app.example"),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "x-inner"),
        ("vary", "Accept-Encoding"),
    ]
}

#[tokio::test]
async fn what_an_upstream_grants_other_origins_is_not_granted_by_the_settings() {
    let upstream = Upstream::serve(Router::new().fallback(let_in)).await;
    let settings = "[gateway.cors]\norigins = [\"https://app.example\"]\n".to_owned();
    let toml = settings + &upstream.toml("shop") + &route("/shop/{*rest}", "auth = \"none\"");
    let app = app(config(&toml));
    let mut request = get("/shop/x");
    request.headers_mut().insert("origin", "https://app.example".parse().unwrap());
    let (response, _) = send_to(&app, request).await;
    let headers = response.headers();
    assert_eq!(response.status(), 200);
    assert_eq!(headers["access-control-allow-origin"], "https://app.example");
    assert!(!headers.contains_key("access-control-allow-credentials"), "{headers:?}");
    assert_ne!(headers["access-control-expose-headers"], "x-inner");
    let vary = |headers: &HeaderMap| {
        headers.get_all("vary").iter().map(|line| line.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(vary(headers), ["Accept-Encoding", "Origin"]);
    let (response, _) = send_to(&app, get("/shop/x")).await;
    assert_eq!(vary(response.headers()), ["Accept-Encoding", "Origin"], "nor is it for caches to give on");
}

#[tokio::test]
async fn an_upstream_that_is_away_is_502_and_a_route_that_asks_for_a_token_asks_nobody() {
    let nobody = "[[gateway.upstreams]]\nname = \"shop\"\ntargets = [{ url = \"http://127.0.0.1:9\" }]\n";
    let open = app(config(&(nobody.to_owned() + &route("/x", "auth = \"none\""))));
    let (response, body) = send_to(&open, get("/x")).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (502, &json!("unavailable")));
    let shut = app(config(&(nobody.to_owned() + &route("/x", ""))));
    assert_eq!(
        send_to(&shut, get("/x")).await.0.status(),
        401,
        "an upstream is shut unless the route says otherwise"
    );
}

#[tokio::test]
async fn a_bad_upstream_takes_only_its_routes_along() {
    let upstream = Upstream::start().await;
    let bad = "[[gateway.upstreams]]\nname = \"bad\"\ntargets = [{ url = \"ftp://x\" }]\nbalance = \"best\"\ntimeout = \"soon\"\n";
    let lost = route("/lost", "").replace("\"shop\"", "\"bad\"");
    let toml = upstream.toml("shop") + bad + &route("/x", "auth = \"none\"") + &lost;
    let mistakes = denizen_gateway::check_routes(&config(&toml));
    let has = |text: &str| mistakes.iter().any(|mistake| mistake.starts_with(text));
    assert!(has("upstream bad: balance: \"best\": write round_robin"), "{mistakes:#?}");
    assert!(has("upstream bad: timeout: ") && has("route bad: upstream: there is no upstream \"bad\""));
    assert_eq!(send_to(&app(config(&toml)), get("/x")).await.0.status(), 200);
}

#[tokio::test]
async fn the_gateway_tells_nothing_to_those_who_may_not_know() {
    let app = app(config(""));
    for path in [
        "/api/v1/admin/gateway",
        "/api/v1/admin/gateway/routes",
        "/api/v1/admin/gateway/upstreams",
        "/api/v1/auth/forward",
    ] {
        let mut request = get(path);
        request.headers_mut().insert("x-forwarded-uri", "/api/v1/auth/login".parse().unwrap());
        assert_eq!(send_to(&app, request).await.0.status(), 401, "{path}");
    }
}
