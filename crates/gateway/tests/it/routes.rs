//! Routes of the operator to this system's own face.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use denizen_gateway::Config;
use http::{Method, Request, Response};
use serde_json::{Value, json};

use crate::setting::{app, config, get, post, send_to};

/// A route of this name, path and further keys, to this system's own face.
fn route(name: &str, path: &str, more: &str) -> String {
    format!(
        "[[gateway.routes]]\nname = \"{name}\"\nmatch = {{ path = \"{path}\" }}\nupstream = \"denizen\"\n{more}\n"
    )
}

async fn ask(config: Config, request: Request<Body>) -> (Response<()>, Value) {
    send_to(&app(config), request).await
}

fn from(address: &str, mut request: Request<Body>) -> Request<Body> {
    let address: SocketAddr = address.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(address));
    request.headers_mut().insert("host", "localhost".parse().unwrap());
    request
}

#[tokio::test]
async fn a_route_leads_to_an_operation_under_another_path() {
    let toml = route("about", "/about", "rewrite = \"/info\"")
        + &route("code", "/codes/{code}", "rewrite = \"/problems/{code}\"")
        + &route("below", "/system/{*rest}", "strip_prefix = \"/system\"");
    let app = app(config(&toml));
    for path in ["/about", "/about/", "/about?x=1", "/%61bout", "/system/info", "/system/info/"] {
        let (response, body) = send_to(&app, get(path)).await;
        assert_eq!((response.status().as_u16(), &body["version"]), (200, &json!("1.2.3")), "{path}");
        assert!(response.headers().contains_key("x-request-id"));
    }
    assert_eq!(send_to(&app, get("/codes/not_found")).await.0.status(), 200);
    assert_eq!(send_to(&app, get("/system/nowhere")).await.0.status(), 404);
    let (response, body) = send_to(&app, post("/system/info", "{}")).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (405, &json!("method_not_allowed")));
}

#[tokio::test]
async fn a_route_is_no_door_around_an_operations_rules() {
    let toml = "[gateway.limits]\nauth_per_ip = \"2/1m\"\n".to_owned()
        + &route("me", "/profile", "rewrite = \"/api/v1/users/me\"\nauth = \"none\"")
        + &route("register", "/register", "rewrite = \"/api/v1/users\"")
        + &route("put", "/save", "rewrite = \"/api/v1/users/me\"\nmethod = \"PATCH\"");
    let app = app(config(&toml));
    assert_eq!(send_to(&app, get("/profile")).await.0.status(), 401, "the operation wants a token");
    let mut request = get("/profile");
    request.headers_mut().insert("authorization", "Bearer x".parse().unwrap());
    assert_eq!(send_to(&app, request).await.0.status(), 401, "a bad token is looked at by the operation");
    let plain =
        Request::post("/register").header("content-type", "text/plain").body(Body::from("{}")).unwrap();
    assert_eq!(send_to(&app, plain).await.0.status(), 415);
    let mut request = post("/register", "{}");
    request.headers_mut().insert("idempotency-key", "x".repeat(256).parse().unwrap());
    assert_eq!(send_to(&app, request).await.0.status(), 400);
    let mut request = post("/register", "{}");
    request.headers_mut().insert("authorization", "Bearer x".parse().unwrap());
    assert_eq!(send_to(&app, request).await.0.status(), 422, "an old token keeps nobody from registering");
    assert_eq!(send_to(&app, post("/save", "{}")).await.0.status(), 401, "it is PATCH behind the route");
    let tries = || from("192.0.2.1:99", post("/register", "{}"));
    for status in [422, 422, 429] {
        assert_eq!(send_to(&app, tries()).await.0.status().as_u16(), status, "tries by a route are tries");
    }
    let direct = from("192.0.2.1:99", post("/api/v1/users", "{}"));
    assert_eq!(send_to(&app, direct).await.0.status(), 429, "and counted with those beside it");
}

#[tokio::test]
async fn a_request_is_counted_once() {
    let toml =
        "[gateway.limits]\nper_ip = \"2/1m\"\n".to_owned() + &route("about", "/about", "rewrite = \"/info\"");
    let app = app(config(&toml));
    for status in [200, 200, 429] {
        assert_eq!(send_to(&app, from("192.0.2.1:99", get("/about"))).await.0.status().as_u16(), status);
    }
}

#[tokio::test]
async fn who_may_come_is_the_routes_to_say() {
    let toml = route("closed", "/closed", "rewrite = \"/info\"\nauth = \"required\"")
        + &route("rights", "/rights", "rewrite = \"/info\"\npermissions = [\"orders:read\"]")
        + &route(
            "inside",
            "/inside",
            "rewrite = \"/info\"\nip_allow = [\"10.0.0.0/8\"]\nip_deny = [\"10.6.6.6\"]",
        )
        + &route("maybe", "/maybe", "rewrite = \"/info\"\nauth = \"optional\"");
    let app = app(config(&toml));
    for path in ["/closed", "/rights"] {
        let (response, body) = send_to(&app, get(path)).await;
        assert_eq!((response.status().as_u16(), &body["code"]), (401, &json!("unauthenticated")), "{path}");
    }
    for (address, status) in
        [("10.1.1.1:9", 200), ("[::ffff:10.1.1.1]:9", 200), ("10.6.6.6:9", 403), ("192.0.2.1:9", 403)]
    {
        let (response, _) = send_to(&app, from(address, get("/inside"))).await;
        assert_eq!(response.status().as_u16(), status, "{address}");
    }
    assert_eq!(send_to(&app, get("/inside")).await.0.status(), 403, "an unknown address is not let in");
    assert_eq!(send_to(&app, get("/maybe")).await.0.status(), 200);
    let mut request = get("/maybe");
    request.headers_mut().insert("authorization", "Bearer x".parse().unwrap());
    assert_eq!(send_to(&app, request).await.0.status(), 401, "a token that is there must be good");
}

#[tokio::test]
async fn the_table_has_an_order() {
    let shadow = route("shadow", "/{*rest}", "rewrite = \"/problems/not_found\"\nauth = \"none\"");
    let app_under = app(config(&shadow));
    let (_, body) = send_to(&app_under, get("/info")).await;
    assert_eq!(body["version"], "1.2.3", "own paths stand before routes that do not say otherwise");
    let (_, body) = send_to(&app_under, get("/elsewhere")).await;
    assert!(body.to_string().contains("not_found"));
    let app_over = app(config(&(shadow + "override = true\n")));
    let (_, body) = send_to(&app_over, get("/info")).await;
    assert!(body.to_string().contains("not_found"));
    for reserved in ["/health/live", "/.well-known/jwks.json", "/metrics"] {
        let (_, body) = send_to(&app_over, get(reserved)).await;
        assert!(!body.to_string().contains("no such thing") && body.as_str().is_none(), "{reserved}: {body}");
    }
}

#[tokio::test]
async fn a_route_at_a_path_of_the_systems_own_says_so_or_is_a_mistake() {
    let mine = route("mine", "/api/v1/users/me", "rewrite = \"/info\"");
    let mistakes = denizen_gateway::check_routes(&config(&mine));
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    assert!(mistakes[0].starts_with("route mine: match: path: /api/v1/users/me: "), "{mistakes:?}");
    let (response, _) = ask(config(&mine), get("/api/v1/users/me")).await;
    assert_eq!(response.status(), 401, "the operation answers");
    let over = mine.clone() + "override = true\n";
    // What a process does not expose is not there: its path is free.
    let alone = "[gateway]\noperations = [\"ListUsers\"]\n".to_owned() + &mine;
    for toml in [over, alone] {
        assert_eq!(denizen_gateway::check_routes(&config(&toml)), Vec::<String>::new(), "{toml}");
        let (response, body) = ask(config(&toml), get("/api/v1/users/me")).await;
        assert_eq!((response.status().as_u16(), &body["version"]), (200, &json!("1.2.3")), "{toml}");
    }
}

#[tokio::test]
async fn methods_that_no_route_takes_are_405_with_those_that_one_does() {
    let toml = "[[gateway.routes]]\nname = \"get\"\nmatch = { path = \"/thing\", methods = [\"GET\"] }\nupstream = \"denizen\"\n"
        .to_owned()
        + "[[gateway.routes]]\nname = \"put\"\nmatch = { path = \"/thing\", methods = [\"PUT\"] }\nupstream = \"denizen\"\n";
    let (response, _) = ask(config(&toml), post("/thing", "{}")).await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "GET, HEAD, OPTIONS, PUT");
}

#[tokio::test]
async fn a_member_of_the_body_decides() {
    let toml = "[[gateway.routes]]\nname = \"order\"\nmatch = { path = \"/inbox\", body = { \"/kind\" = \"order\" } }\n\
                upstream = \"denizen\"\nrewrite = \"/api/v1/users\"\n"
        .to_owned()
        + &route("rest", "/inbox", "rewrite = \"/nowhere\"");
    let app = app(config(&toml));
    assert_eq!(
        send_to(&app, post("/inbox", r#"{"kind":"order"}"#)).await.0.status(),
        422,
        "registered without a name"
    );
    assert_eq!(send_to(&app, post("/inbox", r#"{"kind":"other"}"#)).await.0.status(), 404);
    assert_eq!(send_to(&app, post("/inbox", "no json")).await.0.status(), 404);
    let twice = send_to(&app, post("/inbox", r#"{"kind":"other","kind":"order"}"#)).await;
    assert_eq!(twice.0.status(), 404, "what says two things says neither");
}

#[tokio::test]
async fn the_end_of_a_route_is_told_and_kept() {
    let life = "rewrite = \"/info\"\ndeprecated = \"2026-01-01\"\nsunset = \"2027-01-01\"\ndeprecation_link = \"https://docs.example/v1\"";
    let toml = route("old", "/old", life)
        + &route("over", "/over", "rewrite = \"/info\"\nsunset = \"2026-01-01\"\ngone_after_sunset = true");
    let app = app(config(&toml));
    let (response, _) = send_to(&app, get("/old")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["deprecation"], "@1767225600");
    assert_eq!(response.headers()["sunset"], "Fri, 01 Jan 2027 00:00:00 GMT");
    assert!(response.headers()["link"].to_str().unwrap().contains("rel=\"deprecation\""));
    let (response, body) = send_to(&app, get("/over")).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (410, &json!("not_found")));
    assert_eq!(response.headers()["sunset"], "Thu, 01 Jan 2026 00:00:00 GMT");
}

#[tokio::test]
async fn a_route_says_for_itself_which_pages_read_its_answers() {
    let cors = "rewrite = \"/info\"\nauth = \"required\"\ncors = { origins = [\"https://app.example\"], headers = [\"x-a\"], credentials = true }";
    let app = app(config(&route("page", "/page", cors)));
    let preflight = |origin: &str| {
        let request = Request::builder().method(Method::OPTIONS).uri("/page").header("origin", origin);
        request.header("access-control-request-method", "PUT").body(Body::empty()).unwrap()
    };
    let (response, _) = send_to(&app, preflight("https://app.example")).await;
    assert_eq!(response.status(), 204, "a preflight has no token");
    assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example");
    assert_eq!(response.headers()["access-control-allow-headers"], "x-a");
    assert_eq!(response.headers()["access-control-allow-credentials"], "true");
    let (response, _) = send_to(&app, preflight("https://evil.test")).await;
    assert!(!response.headers().contains_key("access-control-allow-origin"));
    assert!(!response.headers().contains_key("access-control-allow-credentials"));
    assert_eq!(response.headers()["vary"], "Origin");
    assert_eq!(send_to(&app, get("/page")).await.0.headers()["vary"], "Origin");
    let mut request = get("/page");
    request.headers_mut().insert("origin", "https://app.example".parse().unwrap());
    let (response, _) = send_to(&app, request).await;
    assert_eq!(response.status(), 401);
    assert_eq!(
        response.headers()["access-control-allow-origin"],
        "https://app.example",
        "a page may read why"
    );
}

#[tokio::test]
async fn what_climbs_reaches_no_route() {
    let app = app(config(&route("all", "/files/{*rest}", "rewrite = \"/{rest}\"")));
    for path in [
        "/files/../info",
        "/files/%2e%2e/info",
        "/files/a%2f..%2finfo",
        "/files//info",
        "/files/a;b",
        "/files/a%5cb",
    ] {
        let (response, body) = send_to(&app, get(path)).await;
        assert_eq!((response.status().as_u16(), &body["code"]), (400, &json!("malformed_request")), "{path}");
    }
}

#[tokio::test]
async fn files_are_read_again_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes.toml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write(&route("about", "/about", "rewrite = \"/info\""));
    let config = config(&format!("[gateway]\nroutes_file = {:?}", file.to_str().unwrap()));
    let app = app(config.clone());
    let status = async |path: &str| send_to(&app, get(path)).await.0.status().as_u16();
    assert_eq!((status("/about").await, status("/other").await), (200, 404));

    write(&(route("other", "/other", "rewrite = \"/info\"") + &route("bad", "bad", "")));
    assert_eq!(status("/about").await, 200, "not yet read");
    denizen_gateway::reload_routes(&app);
    assert_eq!((status("/about").await, status("/other").await), (404, 200));
    let mistakes = denizen_gateway::check_routes(&config);
    assert_eq!(mistakes, ["route bad: match: path: \"bad\": a path begins with /"]);

    write("[[gateway.");
    denizen_gateway::reload_routes(&app);
    assert_eq!(status("/other").await, 200, "what cannot be read takes nothing away");
    assert!(denizen_gateway::check_routes(&config)[0].starts_with("routes.toml: "));
}

#[tokio::test]
async fn what_a_process_does_not_expose_is_not_there() {
    let toml = "[gateway]\noperations = [\"ListUsers\"]\n".to_owned()
        + &route("register", "/register", "rewrite = \"/api/v1/users\"")
        + &route("mine", "/profile", "rewrite = \"/api/v1/users/me\"");
    let app = app(config(&toml));
    let status = async |request| send_to(&app, request).await.0.status().as_u16();
    assert_eq!(status(get("/api/v1/users")).await, 401, "it is there, for those who come with a token");
    assert_eq!(status(post("/api/v1/users", "{}")).await, 405);
    for path in ["/api/v1/users/me", "/api/v1/auth/me", "/profile"] {
        assert_eq!(status(get(path)).await, 404, "{path}");
    }
    assert_eq!(status(post("/api/v1/auth/login", "{}")).await, 404);
    assert_eq!(status(post("/register", "{}")).await, 405, "a route leads to what is exposed only");
    assert_eq!((status(get("/health/live")).await, status(get("/docs/")).await), (200, 200));
    let (_, document) = send_to(&app, get("/openapi.json")).await;
    assert_eq!(document["paths"].as_object().unwrap().len(), 1);
}
