use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::setting::{app, app_with, config, get, send, send_to};

fn page(path: &str) -> Request<Body> {
    Request::get(path).header("accept", "text/html").body(Body::empty()).unwrap()
}

#[tokio::test]
async fn health_tells_what_is_missing() {
    assert_eq!(send(get("/health/live")).await.1, json!({"status": "ok"}));
    let (response, body) = send(get("/health/ready")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(body["absent"], json!(["users", "auth", "password", "otp", "notify", "audit"]));
    let (response, body) = send(get("/health")).await;
    assert_eq!(
        (response.status().as_u16(), &body["status"]),
        (503, &json!("unavailable")),
        "nothing can be served"
    );
    assert_eq!(body["checks"]["users"]["status"], "failed");
    assert_eq!(body["checks"]["cache"]["status"], "ok");
    assert_eq!(send(get("/health/database")).await.0.status(), 503);
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_for_health_are_one_question_to_the_services() {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = asked.clone();
    let health = Arc::new(move || -> futures::future::BoxFuture<'static, Vec<_>> {
        counter.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Vec::new()
        })
    });
    let app = app_with(config(""), health);
    let paths = ["/health", "/health/database"].repeat(50);
    futures::future::join_all(paths.iter().map(|path| send_to(&app, get(path)))).await;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    send_to(&app, get("/health")).await;
    assert_eq!(asked.load(Ordering::Relaxed), 2, "it is asked anew");
}

#[tokio::test]
async fn questions_for_health_count_and_signs_of_life_do_not() {
    let app = app(config("[gateway.limits]\nglobal = \"2/1h\""));
    for path in ["/health/live", "/health/ready", "/health/live", "/health", "/health/database"] {
        assert_ne!(send_to(&app, get(path)).await.0.status(), 429, "{path}");
    }
    assert_eq!(send_to(&app, get("/health")).await.0.status(), 429);
    assert_eq!(send_to(&app, get("/health/live")).await.0.status(), 200);
}

#[tokio::test]
async fn home_and_info_say_what_this_is() {
    let (_, body) = send(get("/")).await;
    assert_eq!((&body["name"], &body["version"]), (&json!("denizen"), &json!("1.2.3")));
    let (response, html) = send(page("/")).await;
    assert!(html.as_str().unwrap().contains("Version 1.2.3"));
    assert!(response.headers()["content-security-policy"].to_str().unwrap().contains("style-src 'sha256-"));
    let (_, body) = send(get("/info")).await;
    assert_eq!((&body["mode"], &body["roles"]), (&json!("development"), &json!(["gateway"])));
}

#[tokio::test]
async fn the_document_and_its_reader_come_from_the_binary() {
    let (response, body) = send(get("/openapi.json")).await;
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(body["openapi"], "3.1.0");
    assert_eq!(body, serde_json::to_value(denizen_gateway::openapi()).unwrap());
    let (response, _) = send(get("/docs")).await;
    assert_eq!(
        (response.status().as_u16(), response.headers()["location"].to_str().unwrap()),
        (308, "docs/")
    );
    for (path, kind, text) in [
        ("/docs/", "text/html", "swagger-ui"),
        ("/docs/swagger-initializer.js", "text/javascript", "../openapi.json"),
        ("/docs/swagger-ui.css", "text/css", "swagger"),
    ] {
        let (response, body) = send(get(path)).await;
        assert_eq!(response.status(), 200, "{path}");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with(kind), "{path}");
        let body = body.as_str().unwrap();
        assert!(body.contains(text) && !body.contains("src=\"http"), "{path}");
    }
    assert_eq!(send(get("/docs/nothing.js")).await.0.status(), 404);
}

#[tokio::test]
async fn a_code_is_explained() {
    let (_, body) = send(get("/problems/stale_version")).await;
    assert_eq!((&body["status"], &body["title"]), (&json!(412), &json!("Stale version")));
    assert!(
        send(page("/problems/stale_version")).await.1.as_str().unwrap().contains("<h1>Stale version</h1>")
    );
    assert_eq!(send(get("/problems/odd")).await.0.status(), 404);
}

#[tokio::test]
async fn the_pages_of_links_load_nothing_and_run_only_their_own_script() {
    for path in ["/console/verify?token=t", "/console/reset?token=t"] {
        let (response, html) = send(page(path)).await;
        let html = html.as_str().unwrap();
        assert!(
            html.contains("<noscript>")
                && html.contains("history.replaceState")
                && !html.contains("/*STYLE*/"),
            "{path}"
        );
        assert!(
            !html.contains("http://") && !html.contains("https://") && !html.contains("token=t"),
            "{path}"
        );
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("script-src 'sha256-") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(response.headers()["referrer-policy"], "no-referrer");
    }
}

#[tokio::test]
async fn who_is_not_a_neighbour_sees_neither_metrics_nor_mailbox() {
    for path in ["/metrics", "/dev/mailbox", "/dev/mailbox/messages"] {
        assert_eq!(send(get(path)).await.0.status(), 404, "{path}");
    }
    let mut production = config("");
    production.development = false;
    let request = Request::post("/dev/mailbox").body(Body::empty()).unwrap();
    assert_eq!(send_to(&app(production), request).await.0.status(), 404, "not even as a path");
}
